"""What the commands share: options, printing, who runs them.

What belongs here: what two modules of commands need. What does not: commands.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ecorse.show import escaped, escaped_json

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Shop = Annotated[str | None, typer.Option(help="Only this shop of include/shops.toml.")]
Source = Annotated[str | None, typer.Option("--source", help="Only this source, e.g. sales_csv.")]
Origin = Annotated[
    str | None,
    typer.Option(help="Where the files come from: folder, http, kaggle, simulate ... or your own."),
]
DataPath = Annotated[
    str | None,
    typer.Option(
        "--data", help="What the origin is to read: a folder or file, an address, owner/name."
    ),
]
AsOf = Annotated[
    datetime | None, typer.Option(help="Leave out rows dated later (UTC): an earlier night again.")
]
KnownBy = Annotated[
    datetime | None, typer.Option(help="Use only the files that were loaded by then (UTC).")
]


def holder() -> str:
    """Who runs this command: user, host and process."""
    from ecorse.provenance import holder as holder_of

    return holder_of("cli")


def say(message: str) -> None:
    """Progress goes to standard error, so that standard output stays for results."""
    told = escaped(message, keep="\n")
    print(f"{datetime.now():%H:%M:%S} {told}", file=sys.stderr, flush=True)


def out(text: object) -> None:
    """Print a result; whatever of it a terminal would obey is spelled out."""
    print(escaped(text, keep="\n"))


def emit(value: Any) -> None:
    """Print a value as JSON."""
    print(escaped_json(json.dumps(value, default=str, indent=2, ensure_ascii=False)))


def utc(moment: datetime | None) -> datetime | None:
    """A moment without a zone is meant as UTC."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def ready() -> None:
    """The database is up and has today's schema."""
    from ecorse.warehouse.migrate import migrate

    migrate()
