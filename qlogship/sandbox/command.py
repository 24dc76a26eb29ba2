"""`qlogship sandbox`: run the Team Dashboard in the foreground."""

from __future__ import annotations

import importlib
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from qlogship.errors import UsageError
from qlogship.sandbox.options import AnswerForm, Repeats, SandboxOptions
from qlogship.terminal import output

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from qlogship.sandbox.faults import Script

_EXTRA = ("starlette", "uvicorn", "python_multipart")
_DEFAULT = SandboxOptions()

LIBRARIES: Final = Path(sys.prefix, "sandbox")
"""Where the package qlogship-sandbox puts the libraries; the service does not look there."""


def sandbox(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8642,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    email: Annotated[str, typer.Option(help="E-mail that is let in.")] = _DEFAULT.email,
    password: Annotated[
        str, typer.Option(help="Password that is let in; `ps` shows it, so never a real one.")
    ] = _DEFAULT.password,
    token: Annotated[
        str | None,
        typer.Option(
            "--page-token",
            metavar="TEXT",
            help="What opens the page, for scripts; `ps` shows it. Else a new one at each start.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="File to keep uploads in; in memory when left out.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="JSON file with a fault script: what goes wrong, and when.")
    ] = None,
    repeats: Annotated[
        Repeats, typer.Option(help="What a byte-identical upload does: keep it again, or drop it.")
    ] = _DEFAULT.repeats,
    answer: Annotated[
        AnswerForm, typer.Option(help="Form in which an upload's calls are reported.")
    ] = _DEFAULT.answer,
    token_lifetime: Annotated[
        float, typer.Option(min=1.0, help="Seconds until a token expires.")
    ] = _DEFAULT.token_lifetime,
) -> None:
    """Run a local Team Dashboard that speaks the vendor's API, with a page to look at.

    Nothing leaves this machine. Ctrl-C ends it. Where qlogship is installed as a
    package, the package qlogship-sandbox is needed, too.
    """
    server = load_server()
    if password != _DEFAULT.password:
        output.print_note("note: `ps` and the shell's history show --password; never a real one")
    options = SandboxOptions(
        email=email,
        password=password,
        answer=answer,
        repeats=repeats,
        token_lifetime=token_lifetime,
    )
    server.serve(
        options,
        host=host,
        port=port,
        token=token,
        data=data,
        script=read_script(faults) if faults else (),
        started=lambda url, page: typer.echo(greeting(url, options, page)),
    )
    typer.echo("The sandbox has ended.", err=True)


def load_server(
    load: Callable[[str], ModuleType] = importlib.import_module, *, libraries: Path = LIBRARIES
) -> ModuleType:
    """Import the sandbox's server; `load` is `importlib.import_module` or acts like it.

    Raises UsageError when the libraries of the extra `sandbox` are not installed.
    """
    if libraries.is_dir() and str(libraries) not in sys.path:
        # Last: what the service has, too, is the service's.
        sys.path.append(str(libraries))
    try:
        for name in _EXTRA:
            load(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs the Python package {error.name}, which is not installed",
            hint="Install the package qlogship-sandbox, which lies beside that of qlogship; in a "
            "virtual environment, run pip install 'qlogship[sandbox]'.",
        ) from error
    return load("qlogship.sandbox.server")


def read_script(path: Path) -> Script:
    """Read a fault script from a JSON file; raises UsageError with all that is wrong."""
    # Imported here with the rest of the sandbox, not whenever the command line is built.
    from qlogship.sandbox.faults import parse

    try:
        steps = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"the fault script {path} cannot be read: {error.strerror}",
            hint="Name a file that exists with --faults.",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"the fault script {path} is no JSON: {error}",
            hint='Write a list of steps, such as [{"on": "upload", "do": "lose_reply"}].',
        ) from error
    return parse(steps)


def greeting(url: str, options: SandboxOptions, page: str) -> str:
    """Return what a person needs to use the sandbox at `url`: address, credentials, settings.

    `page` is the address of its page, with the token that opens it.
    """
    return f"""\
Team Dashboard sandbox: {url}
Its page, for you alone: {page}

E-mail:   {options.email}
Password: {options.password}

Settings for it:

[dashboard]
url = {json.dumps(url)}
email = {json.dumps(options.email, ensure_ascii=False)}

and for the password, in the environment:

export QLOGSHIP_DASHBOARD__PASSWORD={shlex.quote(options.password)}
"""
