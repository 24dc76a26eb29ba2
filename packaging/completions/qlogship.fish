# fish completion of qlogship: the program itself knows its commands and options.
# Where it has nothing to offer, fish offers files.

function __qlogship_ask
    set --local --export _QLOGSHIP_COMPLETE complete_fish
    set --local --export _TYPER_COMPLETE_FISH_ACTION $argv[1]
    set --local --export _TYPER_COMPLETE_ARGS (commandline --current-process --cut-at-cursor | string collect)
    qlogship 2>/dev/null
end

complete --command qlogship --no-files --condition '__qlogship_ask is-args' --arguments '(__qlogship_ask get-args)'
