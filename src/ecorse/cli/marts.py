"""The verbs of `ecorse mart`: list, drop.

What belongs here: options and printing of these. What does not: the work (``ecorse.refresh``).
"""

from __future__ import annotations

import typer

from ecorse.cli.common import out

commands = typer.Typer(no_args_is_help=True, help="The marts.")


@commands.command("list")
def mart_list() -> None:
    """Every mart and model table in the order they are made, with what it reads."""
    from ecorse.errors import ConfigError
    from ecorse.refresh.catalog import load_catalog

    steps = load_catalog().steps()
    if not steps:
        raise ConfigError("There is no mart: the installed Ecorse lacks its files. Reinstall it.")
    for step in steps:
        out(f"{step.name:34} {step.kind:6} <- {', '.join(sorted(step.reads)) or 'staging'}")


@commands.command("drop")
def mart_drop(name: str) -> None:
    """Forget a mart's view and its kept nights, e.g. after its columns changed their types."""
    from ecorse.refresh.views import drop_mart

    drop_mart(name)
    out(f"Dropped marts.{name}; the next refresh makes it anew if its file is still there.")
