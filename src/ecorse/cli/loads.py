"""Putting loads right: replay, withdraw, prune.

What belongs here: options and printing of these. What does not: the work (``ecorse.ingest``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from ecorse.cli.common import Shop, Source, holder, out, ready

commands = typer.Typer()


@commands.command()
def replay(
    load_ids: Annotated[
        list[int] | None, typer.Argument(help="Default: every load that has rejects.")
    ] = None,
    shop: Shop = None,
    source: Source = None,
) -> None:
    """Read files again from the archive under today's rules, e.g. after a rule was mended."""
    from ecorse.ingest.replay import replay as read_again

    ready()
    replayed = read_again(
        load_ids or [], shop_id=shop, source=source, holder=holder(), progress=out
    )
    before = sum(r.rejected_before for r in replayed)
    now = sum(r.load.rows_rejected for r in replayed)
    out(f"Read {len(replayed)} files again: {before:,} rows rejected before, {now:,} now.")


@commands.command()
def withdraw(
    load_id: Annotated[int, typer.Argument(help="Its number in `ecorse status`.")],
    reason: Annotated[str, typer.Option(help="Why it should never have come.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Let its content be loaded again.")] = False,
) -> None:
    """Take a load out of every later build; its content is not loaded again."""
    from ecorse.ingest import upkeep

    ready()
    if undo:
        out(upkeep.undo_withdrawal(load_id, holder=holder()))
    else:
        out(upkeep.withdraw(load_id, reason, holder=holder()))


@commands.command()
def prune(
    days: Annotated[int, typer.Option(min=0, help="Only if superseded longer ago.")] = 30,
) -> None:
    """Delete the staged rows of loads that were superseded and that no kept build shows."""
    from ecorse.ingest import upkeep

    ready()
    pruned = upkeep.prune(days, holder=holder())
    out(
        f"Deleted {pruned.rows:,} rows of {pruned.loads:,} loads, "
        f"and {pruned.repeated_rows:,} that other loads hold too."
    )
