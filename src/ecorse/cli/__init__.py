"""The command line: every verb of the flow, and looking at what it did.

What belongs here: which groups of verbs there are (a module each), and how an error ends a command.
What does not: work; each command calls one function. Heavy imports stand inside the commands, so
that ``ecorse --help`` is quick (``tests/cli/test_start.py`` names what it must not import).
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from ecorse import __version__
from ecorse.cli import db, loads, looks, marts, nightly, sources, start
from ecorse.errors import EcorseError
from ecorse.log import configure

HELP = "Sales exports in, a published night of marts, segments and recommendations out."

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verbs in (nightly, looks, loads, start):
    app.add_typer(verbs.commands)
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
) -> None:
    """Set up the log, before any command; the options are carried out by their callbacks."""
    from ecorse.settings import get_settings

    settings = get_settings()
    # progress lines tell a person enough; a level that was set is respected
    configure(settings.log_level if "log_level" in settings.model_fields_set else "WARNING")


def main() -> None:
    """Entry point: errors are one line on standard error, with their exit code."""
    # most objects of a start are there to stay: looking for garbage at every 700th took 7 % of it
    gc.set_threshold(50_000)
    try:
        app()
    except Exception as error:
        told = _explain(error)
        if told is None or os.environ.get("ECORSE_DEBUG"):
            raise
        print(f"ecorse: {told}", file=sys.stderr)
        sys.exit(told.exit_code)


def _explain(error: Exception) -> EcorseError | None:
    """The error as one that a person can act on; none for a defect of the program."""
    if isinstance(error, EcorseError):
        return error
    import psycopg

    from ecorse.warehouse.connect import explain

    return explain(error) if isinstance(error, psycopg.Error) else None
