"""The verbs of `ecorse source`: list, check, draft.

What belongs here: options and printing of these. What does not: the work (``ecorse.sources``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecorse.cli.common import Json, Shop, emit, out
from ecorse.show import escaped_json

if TYPE_CHECKING:
    from ecorse.ingest.check import Problem

MANY_ALIKE = 3  # problems of one kind that are told in words, however many kinds there are
LINES_SHOWN = 8
commands = typer.Typer(no_args_is_help=True, help="The sources: how files are read.")


@commands.command("list")
def source_list() -> None:
    """Every source: the table its rows go to, and the columns its files need."""
    from ecorse.sources import get_source, source_names

    for name in source_names():
        contract = get_source(name).contract
        for form in contract.forms:
            columns = ", ".join(c.name or "(index)" for c in form.columns if c.required)
            out(f"{name:24} {contract.table:12} {columns}")


@commands.command("check")
def source_check(
    file: Annotated[Path, typer.Argument(help="The file to look at.")],
    source: Annotated[str, typer.Option(help="As which source, e.g. sales_csv.")],
    shop: Shop = None,
    limit: Annotated[int, typer.Option(help="Tell about so many problems in words.")] = 20,
    rates: Annotated[
        Path | None,
        typer.Option(help="Rates (date, from, to, rate) for a source that converts by them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """PASS, or every problem of a file: line, column, value, what was expected. Loads nothing."""
    from dataclasses import asdict

    from ecorse.errors import ConfigError
    from ecorse.ingest.check import check_file
    from ecorse.ingest.shops import load_shops

    shops = {s.shop_id: s for s in load_shops(need_sources=False)}
    if shop and shop not in shops:
        raise ConfigError(f"There is no shop {shop!r}; there are {', '.join(shops)}.")
    having = [s for s in shops.values() if source in [used.name for used in s.sources]]
    chosen = shops[shop] if shop else next(iter([*having, *shops.values()]))
    checked = check_file(file, source, chosen, reading=chosen.reading_of(source), rates=rates)
    if as_json:
        emit(asdict(checked) | {"is_pass": checked.is_pass})
    else:
        out(f"As a file of shop {chosen.shop_id} ({chosen.time_zone}, {chosen.currency}).")
        for line in told_by_kind(checked.problems, limit):
            out(line)
        for kind in ("rejected", "flagged", "warned", "repaired", "ignored"):
            for rule, rows in getattr(checked, kind).items():
                out(f"{kind:9} {rule:32} {rows:>10,} rows")
        for warning in checked.warnings:
            out(f"note: {warning}")
        if checked.refusal:
            out(f"FAIL: {checked.refusal}")
        else:
            word = "PASS" if checked.is_pass else "FAIL"
            out(f"{word}: {checked.sentence()}")
    if not checked.is_pass:
        raise typer.Exit(65)


def told_by_kind(problems: Sequence[Problem], limit: int) -> Iterator[str]:
    """Problems kind by kind: the first few of each in words, of the others their lines."""
    kinds: dict[tuple[str, str | None], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.rule, problem.column), []).append(problem)
    for (rule, _), alike in kinds.items():
        shown = max(limit // len(kinds), MANY_ALIKE)
        yield from (problem.sentence for problem in alike[:shown])
        if rest := alike[shown:]:
            lines = ", ".join(f"{problem.line}" for problem in rest[:LINES_SHOWN])
            more = " ..." if len(rest) > LINES_SHOWN else ""
            yield f"    and {len(rest):,} more of {rule}: lines {lines}{more} (--limit tells more)"


@commands.command("draft")
def source_draft(
    file: Annotated[Path, typer.Argument(help="A file to propose a mapping for.")],
    table: Annotated[
        str | None, typer.Option(help="order_lines, events, products or customers.")
    ] = None,
) -> None:
    """Say which source reads a file already, and propose a mapping (TOML) with its questions."""
    from ecorse.errors import ConfigError
    from ecorse.ingest.drafts import draft_file
    from ecorse.schema.staging import STAGING_TABLES

    if table not in (None, *STAGING_TABLES):
        raise ConfigError(f"There is no table {table!r}; there are {', '.join(STAGING_TABLES)}.")
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such file.")
    # TOML has the escapes of JSON: what is hidden in a name is spelled out and says the same
    print(escaped_json(draft_file(file, table)), end="")
