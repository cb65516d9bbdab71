"""Beginning: a project, a running system, simulated data to try it with: init, up, simulate.

What belongs here: options and printing of these. What does not: the work (``ecorse.stack``,
``ecorse.simulate``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecorse.cli.common import DataPath, Origin, out

commands = typer.Typer()


@commands.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Missing or empty.")],
    upgrade: Annotated[
        bool,
        typer.Option("--upgrade", help="In a project: add DAGs that a newer Ecorse brought."),
    ] = False,
) -> None:
    """Make a project: a folder for a shop's own files over those that Ecorse ships."""
    from ecorse.cli.new_project import add_missing, make_project

    if upgrade:
        added = add_missing(folder)
        out(f"Added {', '.join(added)}." if added else "Nothing is missing.")
        return
    make_project(folder)
    out(f"Made a project in {folder}. Next: cd {folder} && ecorse run")


@commands.command()
def simulate(
    rows: Annotated[int, typer.Option(min=1, help="How many rows to append.")],
    data: Annotated[Path, typer.Option("--data", help="The file to append to.")],
    seed: Annotated[int | None, typer.Option(help="Same seed, same rows.")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Default: known by the file's header.")
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Rows like those of the rarest products instead.")
    ] = False,
) -> None:
    """Append simulated, marked rows to a file; the next ingest adds exactly those rows."""
    from ecorse.simulate import append_rows, augment_rows

    grow = augment_rows if augment else append_rows
    growth = grow(data, rows=rows, seed=seed, format_name=format_name)
    out(f"Appended {rows:,} simulated rows of {growth.format} to {data} (seed {growth.seed}).")


@commands.command("simulate-export")
def simulate_export(
    platform: Annotated[str, typer.Argument(help="A shop system, e.g. shopify_orders.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    orders: Annotated[int, typer.Option(min=1, help="Orders in the whole period, roughly.")] = 600,
    days: Annotated[int, typer.Option(min=1, help="Days from 1 January 2019 on.")] = 59,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another shop.")] = 5,
) -> None:
    """Write a simulated shop's export from a shop system, the system's own report and its books."""
    from ecorse.simulate import Plan
    from ecorse.simulate.platforms.write_platform import REPORT_FOLDER, simulate_platform

    plan = Plan(seed=seed, customers=max(1, orders // 4), orders=orders, events=0, days=days)
    books = simulate_platform(folder, plan, platform)
    for place in (folder, folder / REPORT_FOLDER):
        for path in sorted(p for p in place.iterdir() if p.suffix in (".csv", ".txt")):
            out(path)
    out(f"{len(books.counted):,} orders in the books, {books.currency}:")
    for measure, amount in books.totals().items():
        out(f"{measure:12} {amount:>14,.2f}")


@commands.command()
def up(
    origin: Origin = "simulate",
    data: DataPath = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after the first night.")] = False,
) -> None:
    """Start the embedded Postgres and Airflow, run a night, stay until Ctrl-C (`make run`)."""
    from ecorse.stack.up import up as start

    raise typer.Exit(start(origin=origin or "simulate", data=data or "", once=once))
