"""The command line: every verb of the flow, and looking at what it did.

What belongs here: which groups of verbs there are (a module each), and how an error ends a command.
What does not: work; each command calls one function. Heavy imports stand inside the commands, so
that ``ecorse --help`` is quick (``tests/cli/test_start.py`` names what it must not import).
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from ecorse import __version__
from ecorse.cli import api, db, loads, looks, marts, nightly, recommend, sources, start
from ecorse.errors import Defect, EcorseError
from ecorse.log import TOLD, configure, log_file
from ecorse.show import escaped, said

log = logging.getLogger(__name__)
DEBUG = "ECORSE_DEBUG"
HELP = "Sales exports in, a published night of marts, segments and recommendations out."

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verbs in (nightly, looks, recommend, loads, start):
    app.add_typer(verbs.commands)
app.add_typer(api.serving)
app.add_typer(api.commands, name="api")
app.add_typer(db.commands, name="db")
app.add_typer(marts.commands, name="mart")
app.add_typer(sources.commands, name="source")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"ecorse {__version__}")
        raise typer.Exit


@app.callback(help=HELP)
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error came from (as ECORSE_DEBUG=1).")
    ] = False,
) -> None:
    """Set up the log, before any command; the version is printed by its callback."""
    from ecorse.settings import get_settings

    if debug:
        os.environ[DEBUG] = "1"
    settings = get_settings()
    # progress lines tell a person enough; a level that was set is respected
    level = settings.log_level if "log_level" in settings.model_fields_set else "WARNING"
    configure(level, home=settings.home, debug=bool(os.environ.get(DEBUG)))


def main() -> None:
    """Entry point: errors are one line on standard error, with their exit code."""
    # most objects of a start are there to stay: looking for garbage at every 700th took 7 % of it
    gc.set_threshold(50_000)
    for stream in (sys.stdout, sys.stderr):  # no name is a reason to stop printing
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        told = _explain(error)
        lines = escaped(told, keep="\n")
        print(f"ecorse: {lines}", file=sys.stderr)
        sys.exit(told.exit_code)


def _explain(error: Exception) -> EcorseError:
    """The error as one that a person can act on; the log has where a defect came from."""
    if isinstance(error, EcorseError):
        return error
    import psycopg

    from ecorse.warehouse.connect import explain

    if isinstance(error, psycopg.Error):
        return explain(error)
    log.error("not foreseen", exc_info=error, extra=TOLD)
    return Defect(
        f"{said(error)}. This is a fault of the program or of a plug-in. The traceback is in "
        f"{_log_file()}; `ecorse --debug ...` shows it here."
    )


def _log_file() -> str:
    from ecorse.settings import get_settings

    try:
        return str(log_file(get_settings().home))
    except EcorseError:  # the settings are what is wrong
        return "the log"
