"""`qlogship config`: check, show and explain the settings."""

from __future__ import annotations

import os

import typer

from qlogship.config import examine, load
from qlogship.config.reference import describe
from qlogship.errors import ExitCode, SettingsError
from qlogship.terminal import output
from qlogship.terminal.options import ConfigOption, JsonOption

app = typer.Typer(
    help="Check, show and explain the settings.", add_completion=False, rich_markup_mode=None
)


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> ExitCode:
    """Look over the settings, the environment and the secrets; name all faults at once.

    Nothing is sent anywhere. Run it as the user of the service, who must be able
    to read the secrets.
    """
    found = examine(config, environ=os.environ)
    if as_json:
        output.print_json(
            {
                "ok": not found.faults,
                "path": found.path,
                "faults": output.faults_as_json(found.faults),
                "warnings": output.faults_as_json(found.warnings),
            }
        )
        return ExitCode.SETTINGS if found.faults else ExitCode.DONE
    output.print_warnings(found.warnings)
    if found.faults:
        raise SettingsError(found.faults)
    output.print_text(f"OK: {found.path}")
    return ExitCode.DONE


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every setting and where its value comes from; secrets are neither read nor shown."""
    loaded = load(config, environ=os.environ, secrets=False)
    if as_json:
        shown: dict[str, dict[str, object]] = {}
        for name, value, _, origin in describe(loaded):
            section, _, key = name.partition(".")
            shown.setdefault(section, {})[key] = {"value": value, "origin": origin}
        warnings = output.faults_as_json(loaded.warnings)
        output.print_json(
            {"ok": True, "path": loaded.path, "settings": shown, "warnings": warnings}
        )
        return
    rows = [(setting.name, setting.shown, setting.origin) for setting in describe(loaded)]
    output.print_table(("setting", "value", "from"), rows)
    output.print_warnings(loaded.warnings)


@app.command()
def example() -> None:
    """Print a settings file that explains every key; three of them need your answer."""
    from qlogship.config.reference import example_file

    output.print_text(example_file().rstrip("\n"))
