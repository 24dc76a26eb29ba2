# bash completion of qlogship: the program itself knows its commands and options.
# Where it has nothing to offer, bash offers files.

_qlogship() {
    local IFS=$'\n'
    COMPREPLY=($(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \
        _QLOGSHIP_COMPLETE=complete_bash "$1" 2>/dev/null))
}

complete -o default -F _qlogship qlogship
