# ruff: noqa: INP001 -- a script of its own, in no package
"""Write what the manual says about commands, settings and exit codes, from the code that has them.

    python tools/reference.py            writes docs/settings.md, the man pages, and
                                         the tables between the markers in README.md
    python tools/reference.py --check    writes nothing, exits 1 when something
                                         is not current

A README without the markers is left alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import manual

from qlogship.config import DEFAULT_PATH, PATH_VARIABLE
from qlogship.config.model import SECRETS, variable
from qlogship.config.reference import example_file, table
from qlogship.config.secret import credential
from qlogship.errors import EXIT_MEANINGS

BEGIN = "<!-- {}:begin -->"
END = "<!-- {}:end -->"

PAGE = """\
<!-- Made by tools/reference.py from qlogship/config/model.py: change it there. -->

# Settings

The settings file is named by `-c FILE`, else by `{path_variable}`, else it is `{default_path}`.
It is [TOML](https://toml.io). `qlogship config example` prints one that explains every key,
`qlogship config check` names all faults at once, and `qlogship config show` tells every value and
where it comes from.

{table}
- A path is absolute.
- A duration is in seconds.
- Types are strict: `linger = "15"` is a fault, `linger = 15` is not.

## Environment

Every key can be set in the environment, where it wins over the file: `batch.max_bytes` is
`{max_bytes}`. Numbers and lists are written as in the file, text without quotes:

```sh
{max_bytes}=500_000
{archives}='["/var/log/asterisk/old/queue_log*"]'
{level}=debug
```

A variable that starts with `QLOGSHIP_` and means nothing is a fault, so that a slip of the keys
does not pass unseen. When the default file does not exist and `{url}` is set, the environment is
enough.

## Secrets

There is either an e-mail with a password, or a token. A secret is never in the settings file. It is
looked for in this order, and the first place wins:

| | password | token |
|---|---|---|
| environment | `{password}` | `{token}` |
| systemd credential, in `$CREDENTIALS_DIRECTORY` | `{password_credential}` | `{token_credential}` |
| a file named in the settings | `dashboard.{password_file}` | `dashboard.{token_file}` |

The file holds the secret and nothing else; one newline at its end does not count. Others must not
be able to read it, and nobody but its owner to change it: mode 0640 or 0600. A credential is
visible only to the service itself, so `qlogship config check`, typed in a shell, does not find it.
One without content is none. The unit makes one from `/etc/qlogship/password` where that exists, so
that the service works with that file at mode 0600 and owned by root, too.

## Example

```toml
{example}```
"""


def main() -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if not current")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).resolve().parent.parent,
        help="the folder with README.md, docs/ and packaging/ (default: this project's)",
    )
    arguments = parser.parse_args()
    stale = []
    for path, text in pages(arguments.root).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        sys.stderr.write(f"{path} {'is not current' if arguments.check else 'written'}\n")
    if stale and arguments.check:
        sys.stderr.write("Run `python tools/reference.py`.\n")
        return 1
    return 0


def pages(root: Path) -> dict[Path, str]:
    """Return each file that holds what is made here, with the text it should have."""
    found = {root / "docs" / "settings.md": page(), **manual.pages(root)}
    readme = root / "README.md"
    if readme.exists():
        text = readme.read_text(encoding="utf-8")
        for name, content in (("settings", table()), ("exit-codes", exit_codes())):
            text = filled(text, name, content)
        found[readme] = text
    return found


def filled(text: str, name: str, content: str) -> str:
    """Put `content` between the markers of that name; leave a text without them alone."""
    before, begin, rest = text.partition(BEGIN.format(name))
    _, end, after = rest.partition(END.format(name))
    return f"{before}{begin}\n{content}{end}{after}" if begin and end else text


def exit_codes() -> str:
    """Return the exit codes as a table."""
    rows = (f"| {int(code)} | {meaning} |\n" for code, meaning in EXIT_MEANINGS.items())
    return "".join(["| code | meaning |\n|---|---|\n", *rows])


def page() -> str:
    """Return docs/settings.md."""
    return PAGE.format(
        default_path=DEFAULT_PATH,
        path_variable=PATH_VARIABLE,
        table=table(),
        example=example_file(),
        max_bytes=variable("batch", "max_bytes"),
        archives=variable("source", "archives"),
        level=variable("log", "level"),
        url=variable("dashboard", "url"),
        password=variable("dashboard", "password"),
        token=variable("dashboard", "token"),
        password_credential=credential("password"),
        token_credential=credential("token"),
        password_file=SECRETS["password"],
        token_file=SECRETS["token"],
    )


if __name__ == "__main__":
    sys.exit(main())
