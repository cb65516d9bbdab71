"""A load without a database: what it would stage of a file, by the same decisions.

What belongs here: cleaning a file and deciding, in memory, about rows that may repeat an earlier
one (a load decides where the rows are: ``repeated``, ``keyed``). What does not: what is made of it
(``check``, ``one_file``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from ecorse.clean.account import (
    KEY_TWICE,
    LINES_ADDED,
    REPEATED,
    Differing,
    differing_columns,
    key_sentence,
    money_of,
)
from ecorse.clean.cleaner import Cleaner
from ecorse.clean.parting import CleanBlock
from ecorse.clean.rates import Rates
from ecorse.clean.rejects import REJECT_SCHEMA
from ecorse.ingest.account import Counted, count
from ecorse.ingest.comparing import Moved
from ecorse.ingest.rows import Moves
from ecorse.schema.contract import Contract
from ecorse.schema.dtypes import is_exact
from ecorse.schema.source import LookingUp, Shop, Source
from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import NOT_COMPARED, StagingTable
from ecorse.settings import get_settings


@dataclass
class Dry:
    """What a load would make of a file; rows of the file only where they were to be kept."""

    cleaner: Cleaner
    counted: Counted
    rejected: pl.DataFrame
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    companions: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def dry_load(
    path: Path, source: Source, shop: Shop, *, keep: bool, rates: Rates | None = None
) -> Dry:
    """Clean a file as a load would and decide about every row; nothing is written anywhere.

    A file in which rows repeat rows far above is read a second time, for these.

    Parameters
    ----------
    keep
        Give the rows that would be staged; else only as many are held as may be repeated.
    rates
        Of the shop, where its source converts money in other currencies.

    Raises
    ------
    ContractError
        A load would refuse the file.
    OSError
        It cannot be read.
    """
    if isinstance(source, LookingUp):
        source = source.bind(path.parent)
    cleaner, blocks = _clean(path, source, shop, rates, keep=keep)
    contract, table = source.contract, STAGING_TABLES[source.contract.table]
    candidates = _concat([block.candidates for block in blocks])
    undecided = _by_table([block.companion_candidates for block in blocks])
    settled = _Settled()
    if candidates.height:
        lines = np.concatenate([np.empty(0, np.int64), *cleaner.originals()])
        certain = _of_lines(_concat([block.lines for block in blocks]), pl.Series(lines))
        if len(lines) and not keep:
            certain = _lines_again(path, source, shop, rates, pl.Series(lines))
        settled = _settle(candidates, certain, undecided, contract, table)
        _take_in(cleaner, settled)
    texts = _concat([block.raw for block in blocks])
    rejected = _concat([*(block.rejected for block in blocks), _rejects(settled, texts)])
    counted = count(cleaner.account, Moves(settled.moves, {}), contract.table)
    if not keep:
        return Dry(cleaner, counted, rejected)
    rows = _concat([*(block.lines for block in blocks), settled.staged])
    companions = _by_table([*(block.companions for block in blocks), settled.companions])
    return Dry(cleaner, counted, rejected, rows, companions)


@dataclass
class _Settled:
    """Candidates decided about: those to stage, with companions, and those that contradict."""

    staged: pl.DataFrame = field(default_factory=pl.DataFrame)
    companions: dict[str, pl.DataFrame] = field(default_factory=dict)
    moves: dict[str, Moved] = field(default_factory=dict)
    contradicting: pl.DataFrame = field(default_factory=pl.DataFrame)
    contradicting_money: Decimal = Decimal(0)
    differing: Differing = field(default_factory=Differing)
    flagged: int = 0


def _clean(
    path: Path, source: Source, shop: Shop, rates: Rates | None, *, keep: bool
) -> tuple[Cleaner, list[CleanBlock]]:
    with path.open("rb") as file:
        cleaner = _cleaner(file, path, source, shop, rates)
        blocks = []
        for block in cleaner:
            if not keep:
                block.lines, block.companions = block.lines.clear(), {}
            blocks.append(block)
    return cleaner, blocks


def _lines_again(
    path: Path, source: Source, shop: Shop, rates: Rates | None, lines: pl.Series
) -> pl.DataFrame:
    """The rows of some lines of a file, read once more."""
    with path.open("rb") as file:
        blocks = _cleaner(file, path, source, shop, rates)
        return _concat([_of_lines(block.lines, lines) for block in blocks])


def _cleaner(
    file: BinaryIO, path: Path, source: Source, shop: Shop, rates: Rates | None
) -> Cleaner:
    settings = get_settings()
    return Cleaner(
        file,
        path.stat().st_size,
        source=source,
        shop=shop,
        file_name=path.name,
        max_record_bytes=settings.max_record_bytes,
        reject_limit_share=settings.reject_limit_share,
        rates=rates,
    )


def _settle(
    candidates: pl.DataFrame,
    certain: pl.DataFrame,
    companions: Mapping[str, pl.DataFrame],
    contract: Contract,
    table: StagingTable,
) -> _Settled:
    """Decide about candidates beside the certain rows that they may repeat."""
    together = _concat([certain, candidates]).sort("source_line")
    alike = _exact(together.select(pl.exclude(NOT_COMPARED)), table)
    key = together.select("shop_id", "line_id") if contract.line_key else alike
    judged = together.select(
        "source_line",
        _first_of(together["source_line"], key).alias("first"),
        _first_of(together["source_line"], alike).alias("first_alike"),
    )
    is_candidate = pl.col("source_line").is_in(candidates["source_line"].implode())
    judged = judged.filter(is_candidate)
    is_new = pl.col("first") == pl.col("source_line")
    is_repeat = ~is_new & (pl.col("first_alike") == pl.col("first"))
    repeats = judged.filter(is_repeat)
    contradicting = candidates.join(judged.filter(~is_new & ~is_repeat), on="source_line")
    flags = contract.repeats == "flag" and not contract.line_key
    staged = candidates.join(judged.filter(is_new), on="source_line", how="semi")
    if flags:
        repeated = candidates.join(repeats, on="source_line", how="semi")
        staged = _concat([staged, repeated.with_columns(_flagged(repeated))])
    kept = {name: _of_lines(rows, staged["source_line"]) for name, rows in companions.items()}
    moves = {table.name: Moved(staged.height, _money({table.name: staged}))}
    for name, rows in kept.items():
        moved = Moved(rows.height, _money({name: rows}))
        moves[LINES_ADDED if name == table.name else name] = moved
    differing = Differing() if flags else _differing(together, repeats)
    beside = companions.get(table.name, pl.DataFrame())
    told = _money({table.name: contradicting}) + _money(
        {table.name: _of_lines(beside, contradicting["source_line"])}
    )
    flagged = repeats.height if flags else 0
    return _Settled(staged, kept, moves, contradicting, told, differing, flagged)


def _take_in(cleaner: Cleaner, settled: _Settled) -> None:
    """Put into the account what is only known now, as a load does."""
    account = cleaner.account
    account.rejected[KEY_TWICE] += settled.contradicting.height
    account.money_contradicting += settled.contradicting_money
    account.flagged[REPEATED] += settled.flagged
    account.differing.add(settled.differing)


def _differing(together: pl.DataFrame, repeats: pl.DataFrame) -> Differing:
    """The repeated rows that say otherwise than their first in undeclared columns."""
    if "extra" not in together.columns or repeats.is_empty():
        return Differing()
    said = together.select("source_line", "extra")
    both = (
        together.join(repeats.select("source_line", "first"), on="source_line")
        .join(said, left_on="first", right_on="source_line", suffix="_of_first")
        .filter(pl.col("extra").ne_missing(pl.col("extra_of_first")))
    )
    if both.is_empty():
        return Differing()
    money = money_of(both) if "unit_price" in both.columns else Decimal(0)
    return Differing(both.height, money, differing_columns(both["extra"], both["extra_of_first"]))


def _rejects(settled: _Settled, texts: pl.DataFrame) -> pl.DataFrame:
    if settled.contradicting.is_empty():
        return pl.DataFrame(schema=REJECT_SCHEMA)
    rows = []
    told = settled.contradicting.join(texts, on="source_line", how="left")
    for line, first, key, raw in told.select("source_line", "first", "line_id", "raw").iter_rows():
        sentence = f"Line {line}: {key_sentence(key, first)}"
        reasons = [{"rule": KEY_TWICE, "column": None, "sentence": sentence}]
        rows.append((line, raw, False, KEY_TWICE, None, sentence, json.dumps(reasons)))
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


def _exact(rows: pl.DataFrame, table: StagingTable) -> pl.DataFrame:
    """Rows whose values are equal here where Postgres finds them equal."""
    made = []
    for column in table.columns:
        if column.name not in rows.columns or is_exact(column):
            continue
        if column.sql_type == "jsonb":
            texts = [None if t is None else _canonical_json(t) for t in rows[column.name]]
            made.append(pl.Series(column.name, texts, dtype=pl.String))
        else:
            decimals = int(column.sql_type.rstrip(")").rpartition(",")[2])
            made.append(rows[column.name].round(decimals, mode="half_away_from_zero"))
    return rows.with_columns(made)


def _canonical_json(text: str) -> str:
    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v) for v in value]
        if isinstance(value, Decimal | int) and not isinstance(value, bool):
            return f"number {Decimal(value).normalize():f}"
        return value

    return json.dumps(plain(json.loads(text, parse_float=Decimal)), sort_keys=True)


def _first_of(lines: pl.Series, values: pl.DataFrame) -> pl.Series:
    """The line of the first row with the same values; rows are in the order of their lines."""
    together = pl.DataFrame({"_line": lines}).hstack(values.select(pl.struct(pl.all()).alias("_v")))
    return together.select(pl.col("_line").first().over("_v")).to_series()


def _flagged(rows: pl.DataFrame) -> pl.Series:
    before = rows["flags"] if "flags" in rows.columns else [None] * rows.height
    marked = [json.dumps([*json.loads(flags or "[]"), REPEATED]) for flags in before]
    return pl.Series("flags", marked, dtype=pl.String)


def _money(tables: Mapping[str, pl.DataFrame]) -> Decimal:
    lines = tables.get("order_lines")
    return Decimal(0) if lines is None else money_of(lines)


def _of_lines(frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
    return frame.filter(pl.col("source_line").is_in(lines.implode())) if frame.width else frame


def _concat(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    filled = [frame for frame in frames if frame.width]
    return pl.concat(filled, how="diagonal_relaxed") if filled else pl.DataFrame()


def _by_table(parts: Sequence[Mapping[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    names = sorted({name for part in parts for name in part})
    return {name: _concat([part[name] for part in parts if name in part]) for name in names}
