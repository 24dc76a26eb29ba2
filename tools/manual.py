# ruff: noqa: INP001 -- beside the script that uses it, in no package
"""The man pages: qlogship(8) from the commands, qlogship.toml(5) from the settings.

`tools/reference.py` writes them. What is typed and what it does comes from the
commands' own help, so page and program cannot differ. The words around it are here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from qlogship.cli.app import COMMANDS, PROGRAM, app
from qlogship.config import DEFAULT_PATH, PATH_VARIABLE
from qlogship.config.model import SECTIONS, is_secret, variable
from qlogship.config.reference import example_file, meaning
from qlogship.config.wording import as_toml
from qlogship.errors import EXIT_MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMMAND_PAGE = """\
.TH QLOGSHIP 8 "" "qlogship" "System Administration"
.SH NAME
qlogship \\- ship Asterisk's queue_log to a Softphone.Pro Team Dashboard
.SH SYNOPSIS
.B qlogship
.I COMMAND
.RI [ OPTIONS ]
.br
.B qlogship
.BR \\-\\-help | \\-\\-version
.SH DESCRIPTION
qlogship follows the queue_log that Asterisk writes, keeps every record in an
archive of its own, and uploads the records to a Team Dashboard in batches that
keep calls whole.
Each upload is on record in a ledger: what was in it, when it went, what came
back, how many calls were counted here and how many there.
.PP
It runs as a systemd service, \\fBqlogship.service\\fR, set up by
.BR "qlogship setup" .
Several tenants have a service each: \\fBqlogship@\\fINAME\\fB.service\\fR with the
settings in \\fI/etc/qlogship/NAME.toml\\fR.
.PP
Results go to stdout, everything else to stderr.
What is printed with
.B \\-\\-json
is a contract: keys are added, never renamed.
.SH COMMANDS
{commands}\
.SH EXIT STATUS
{exit_codes}\
.SH SIGNALS
Of the service,
.BR "qlogship run" :
.TP
.BR SIGTERM ", " SIGINT
Stop. An upload under way has a moment to end; whatever is cut off is named in
the ledger.
.TP
.B SIGHUP
Read the settings again \\(em what
.B systemctl reload qlogship
does.
.SH ENVIRONMENT
.TP
.B {path_variable}
The settings file, where
.B \\-c
names none.
.TP
.B QLOGSHIP_\\fISECTION\\fB__\\fIKEY\\fR
A setting, such as
.BR {example_variable} ;
it wins over the file. See
.BR qlogship.toml (5).
.SH FILES
.TP
.I {default_path}
The settings.
.TP
.I /etc/qlogship/password
The password of the Team administrator; read by root, and handed to the service
as a systemd credential.
.TP
.I /var/lib/qlogship
The archive and the ledger.
It holds callers' numbers and is readable for the service only.
.TP
.I /var/log/asterisk/queue_log
What Asterisk writes; never written to.
.SH EXAMPLES
.TP
Install it, then answer a few questions:
.EX
qlogship setup
.EE
.TP
Where does it stand, and is everything in order?
.EX
qlogship status
qlogship check
.EE
.TP
The dashboard's numbers look wrong:
.EX
qlogship reconcile
qlogship resync \\-\\-dry\\-run
.EE
.TP
A month from the old PBX is missing:
.EX
qlogship import /mnt/old\\-pbx/queue_log*
qlogship resync
.EE
.SH SEE ALSO
.BR qlogship.toml (5),
.BR systemctl (1),
.BR journalctl (1),
.BR logrotate (8)
.PP
The runbook and the reference are in
.IR /usr/share/doc/qlogship .
"""

_SETTINGS_PAGE = """\
.TH QLOGSHIP.TOML 5 "" "qlogship" "File Formats"
.SH NAME
qlogship.toml \\- settings of qlogship(8)
.SH SYNOPSIS
.I {default_path}
.SH DESCRIPTION
The settings of
.BR qlogship (8),
in TOML: a line is \\fIkey\\fR = \\fIvalue\\fR, a section begins with its name in
brackets, and
.B #
begins a comment.
.B qlogship setup
writes the file,
.B qlogship config example
prints one that explains every key,
.B qlogship config check
names all that is wrong with it at once, and
.B qlogship config show
tells every value and where it comes from.
.PP
A path is absolute.
A duration is in seconds.
Types are strict: a number is written without quotes, a text with them.
An unknown key is a fault.
.SH SETTINGS
{settings}\
.SH ENVIRONMENT
Every key can be set as \\fBQLOGSHIP_\\fISECTION\\fB__\\fIKEY\\fR and wins over the
file then: \\fBbatch.max_bytes\\fR is \\fB{max_bytes}\\fR.
.SH SECRETS
There is either an e\\-mail with a password, or a token.
A secret has no place in this file.
It is looked for in the environment (\\fB{password}\\fR, \\fB{token}\\fR), then among
the systemd credentials (\\fBqlogship\\-password\\fR, \\fBqlogship\\-token\\fR), then in
the file that \\fBdashboard.password_file\\fR or \\fBdashboard.token_file\\fR names.
That file holds the secret and nothing else, and others cannot read it: mode 0640
or 0600.
.SH EXAMPLE
.EX
{example}.EE
.SH SEE ALSO
.BR qlogship (8)
"""


def pages(root: Path) -> dict[Path, str]:
    """Return each man page with the text it should have."""
    folder = root / "packaging" / "man"
    return {
        folder / "qlogship.8": _COMMAND_PAGE.format(
            commands="".join(_command(path, one) for path, one in commands()),
            exit_codes="".join(_term(str(int(code)), text) for code, text in EXIT_MEANINGS.items()),
            path_variable=PATH_VARIABLE,
            default_path=DEFAULT_PATH,
            example_variable=variable("batch", "linger"),
        ),
        folder / "qlogship.toml.5": _SETTINGS_PAGE.format(
            default_path=DEFAULT_PATH,
            settings="".join(_settings()),
            max_bytes=variable("batch", "max_bytes"),
            password=variable("dashboard", "password"),
            token=variable("dashboard", "token"),
            example=_verbatim(example_file()),
        ),
    }


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that can be typed, with typer's object for it: `uploads`, `uploads show`.

    A group that does something by itself is a command, too. Which classes these
    are is typer's own affair, hence Any.
    """
    group: Any = get_command(app)
    for name in COMMANDS:
        context = group.make_context(PROGRAM, [], resilient_parsing=True)
        _, command, _ = group.resolve_command(context, [name])
        below = getattr(command, "commands", {})
        if not below or command.invoke_without_command:
            yield name, command
        for word, one in below.items():
            yield f"{name} {word}", one


def parameters(path: str, command: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """Yield what each argument and option of a command looks like, and what it does.

    The look is ours, not typer's, which changes from version to version.
    """
    context = command.context_class(command, info_name=path)
    for one in command.params:
        record = one.get_help_record(context)
        if record is None:
            continue
        if not any(name.startswith("-") for name in one.opts):
            yield _placeholder(one, record[0]), one.help or ""
            continue
        look = ", ".join([*one.opts, *one.secondary_opts])
        text = one.help or ""
        if not one.is_flag:
            look += f" {_placeholder(one, record[0])}"
        if one.show_default and one.default is not None and not one.is_flag:
            text += f" Default: {getattr(one.default, 'value', one.default)}."
        yield look, text


def _placeholder(one: Any, record: str) -> str:  # noqa: ANN401
    """Return what stands for the value: the choices, what the command calls it, or its name."""
    choices = re.search(r"[<\[]([\w-]+(?:\|[\w-]+)+)[>\]]", record)
    if choices:
        return choices[1]
    return str(one.metavar or one.name.upper().replace("_", "-"))


def _command(path: str, command: Any) -> str:  # noqa: ANN401
    below = getattr(command, "commands", None)
    arguments = [
        look
        for look, one in zip(parameters(path, command), command.params, strict=False)
        if not any(name.startswith("-") for name in one.opts)
    ]
    usage = " ".join(["[OPTIONS]", *(look for look, _ in arguments)])
    text = [f".SS qlogship {_escaped(path)} {_escaped(usage)}\n"]
    paragraphs = (command.help or "").split("\f")[0].strip().split("\n\n")
    text.append(".PP\n".join(f"{_running(paragraph)}\n" for paragraph in paragraphs))
    if below:
        text.append(f".PP\nBelow it: {_escaped(', '.join(below))}.\n")
    text += [_term(look, meaning) for look, meaning in parameters(path, command)]
    return "".join(text)


def _settings() -> Iterator[str]:
    for section, model in SECTIONS.items():
        yield f".SS [{section}]\n{_running((model.__doc__ or '').strip())}\n"
        for key, field in model.model_fields.items():
            if is_secret(section, key):
                continue
            text = meaning(field)
            end = "" if field.default is None else f" Default: {as_toml(field.default)}."
            end = " Required." if field.is_required() else end
            yield _term(key, f"{text[:1].upper()}{text[1:]}.{end}")


def _term(name: str, text: str) -> str:
    return f".TP\n.B {_escaped(name)}\n{_running(text)}\n"


def _running(text: str) -> str:
    """Return a text as roff that is filled; what stands in backticks is bold."""
    plain = " ".join(text.replace("\b", "").split())
    pieces = re.split(r"`([^`]+)`", plain)
    marked = [
        f"\\fB{_escaped(piece)}\\fR" if index % 2 else _escaped(piece)
        for index, piece in enumerate(pieces)
    ]
    return _guarded("".join(marked))


def _verbatim(text: str) -> str:
    return "".join(f"{_guarded(_escaped(line))}\n" for line in text.rstrip("\n").split("\n"))


def _escaped(text: str) -> str:
    for character, spelling in _SPELLINGS.items():
        text = text.replace(character, spelling)
    return text


# A backslash first; a plain hyphen would be typeset as a dash, and could not be copied.
_SPELLINGS = {
    "\\": "\\e",
    "-": "\\-",
    '"': "\\(dq",
    "'": "\\(aq",
    "…": "...",
    "–": "\\(en",
    "—": "\\(em",
    "×": "\\(mu",
    "≥": "\\(>=",
    "≤": "\\(<=",
    "→": "\\(->",
}


def _guarded(line: str) -> str:
    """Keep a line that begins like a request from being one."""
    return f"\\&{line}" if line.startswith(".") else line
