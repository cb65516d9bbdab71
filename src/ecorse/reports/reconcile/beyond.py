"""Rows of loaded files that are in no table: left out, dropped as repeats, rejected.

What belongs here: cleaning a file of the archive once more, and which rows a load did not keep.
What does not: reading it so that no row is kept out (``lenient``), deciding whether a report has
them (``search``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ecorse.clean.cleaner import Cleaner
from ecorse.clean.foreign import RULE as FOREIGN
from ecorse.clean.rates import RULE as NO_RATE
from ecorse.clean.rates import Rates
from ecorse.ingest.dry import dry_load
from ecorse.reports.reconcile.amounts import LINE
from ecorse.reports.reconcile.declare import PaidOutTable
from ecorse.reports.reconcile.lenient import Lenient, declaring
from ecorse.reports.reconcile.payouts import with_paid_date
from ecorse.schema.source import Shop, Source
from ecorse.settings import get_settings
from ecorse.sources.mappings.source import MappingSource
from ecorse.sources.mappings.taken_back import TAKEN_BACK

PLACE = ("source_line", "made_of", "status")
LEFT_OUT, REPEATED, REJECTED, CURRENCY = "left_out", "repeats", "rejected", "currency"


@dataclass(frozen=True)
class OfFile:
    """The order lines of a file: those that a load keeps, and the others by pool.

    ``lost`` counts the rows that cannot be read as lines even so, by rule.
    """

    kept: pl.DataFrame
    beyond: pl.DataFrame
    lost: dict[str, int]


def lines_of_file(
    path: Path,
    file_name: str,
    source: Source,
    shop: Shop,
    rates: Rates | None = None,
    paid_out: PaidOutTable | None = None,
) -> OfFile:
    """Clean a file as a load does, and once more for the rows that it keeps out.

    Parameters
    ----------
    rates
        Of the shop, where its source converts money in other currencies: rows that were kept out
        are converted by them too.
    paid_out
        The column with the day on which a row's money is paid out, if that matters.

    Returns
    -------
    OfFile
        ``kept`` has the columns ``LINE``; ``beyond`` these and ``pool``.
    """
    dry = dry_load(path, source, shop, keep=True, rates=rates)
    rejected = dry.rejected
    kept = _together(_lines(dry.rows, dry.companions))
    everything, lost = _clean(path, file_name, Lenient(source, shop, rates), shop)
    left_out = _left_out(path, file_name, source, shop, rates, everything)
    beyond = everything.join(kept.select(PLACE), on=PLACE, how="anti", nulls_equal=True)
    beyond = _not_counted_twice(beyond, kept, _once_per(source))
    rules = (
        rejected.filter(~pl.col("rule").is_in([FOREIGN, NO_RATE]))
        .unique("source_line", keep="first", maintain_order=True)
        .select("source_line", "rule")
    )
    beyond = beyond.join(rules, on="source_line", how="left")
    beyond = beyond.join(left_out, on="source_line", how="left")
    is_foreign = (pl.col("stated_currency") != shop.currency).fill_null(False)
    # a test order in another currency is in no report that merely counts that currency
    in_foreign = pl.when(is_foreign).then(pl.lit(" in ") + pl.col("stated_currency"))
    besides = in_foreign.otherwise(pl.lit(""))
    beyond = beyond.with_columns(
        pool=pl.when(pl.col("left_out").is_not_null())
        .then(pl.lit(f"{LEFT_OUT}:") + pl.col("left_out") + besides)
        .when(pl.col("rule").is_not_null())
        .then(pl.lit(f"{REJECTED}:") + pl.col("rule") + besides)
        .when(is_foreign)
        .then(pl.lit(f"{CURRENCY}:") + pl.col("stated_currency"))
        .otherwise(pl.lit(REPEATED))
    )
    kept, beyond = (with_paid_date(one, paid_out, ["source_line"]) for one in (kept, beyond))
    return OfFile(
        kept.select(list(LINE)),
        beyond.select([*LINE, "pool"]),
        dict(lost["rule"].value_counts().iter_rows()) if lost.height else {},
    )


def _left_out(
    path: Path,
    file_name: str,
    source: Source,
    shop: Shop,
    rates: Rates | None,
    everything: pl.DataFrame,
) -> pl.DataFrame:
    """The rows of lines that ``[[leave_out]]`` keeps out, and by which id: the first that holds."""
    parts = [pl.DataFrame(schema={"source_line": pl.Int64(), "left_out": pl.String()})]
    if isinstance(source, MappingSource):
        there, left = everything.select("source_line").unique(), source.declared.leave_out
        for many, one in enumerate(left, 1):
            lenient = Lenient(declaring(source, leave_out=left[:many]), shop, rates,
                               keeps_out=True)  # fmt: skip
            within, _ = _clean(path, file_name, lenient, shop)
            gone = there.join(within, on="source_line", how="anti")
            parts.append(gone.with_columns(left_out=pl.lit(one.id)))
            there = there.join(gone, on="source_line", how="anti")
    return pl.concat(parts)


def _once_per(source: Source) -> list[str]:
    """What lines are made of that an order has once, though each of its rows may say it."""
    if not isinstance(source, MappingSource):
        return []
    return [one.amount for one in source.declared.also if one.once_per is not None]


def _not_counted_twice(
    beyond: pl.DataFrame, kept: pl.DataFrame, once_per: Sequence[str]
) -> pl.DataFrame:
    """Without what an order has once and has in its kept lines; and what takes that back.

    Of an order of which one row is kept out, the others still say its shipping.
    """
    is_once = pl.col("made_of").is_in(list(once_per))
    again = beyond.filter(is_once).join(
        kept.filter(is_once), on=["order_id", "made_of"], how="semi", nulls_equal=True
    )
    beyond = beyond.join(again, on=PLACE, how="anti", nulls_equal=True)
    # a line that takes back is that line once more, with its pieces turned where it was sold
    worth = ["source_line", "line_kind", "unit_price", "_pieces"]
    backs = beyond.with_columns(_pieces=pl.col("quantity").abs()).filter(made_of=TAKEN_BACK)
    twice = backs.join(
        again.with_columns(_pieces=pl.col("quantity").abs()), on=worth, how="semi",
        nulls_equal=True,
    )  # fmt: skip
    of_back = [*PLACE, "line_kind", "unit_price"]
    return beyond.join(twice, on=of_back, how="anti", nulls_equal=True)


_PLACES: dict[str, pl.DataType] = {
    "source_line": pl.Int64(), "made_of": pl.String(), "status": pl.String(),
}  # fmt: skip
_SCHEMA = {**_PLACES, **LINE, "stated_currency": pl.String(), "extra": pl.String()}


def _clean(
    path: Path, file_name: str, source: Source, shop: Shop
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Order lines of a file with their place, and its rejects; repeated ones once or as kept."""
    settings = get_settings()
    lines, rejected = [], [pl.DataFrame(schema={"source_line": pl.Int64, "rule": pl.String})]
    with path.open("rb") as file:
        cleaner = Cleaner(
            file, path.stat().st_size, source=source, shop=shop, file_name=file_name,
            max_record_bytes=settings.max_record_bytes, reject_limit_share=1.0,
        )  # fmt: skip
        for block in cleaner:
            lines += list(_lines(block.lines, block.companions))
            lines += list(_lines(block.candidates, block.companion_candidates))
            rejected.append(block.rejected.select("source_line", "rule"))
    return _together(lines), pl.concat(rejected)


def _together(lines: Iterable[pl.DataFrame]) -> pl.DataFrame:
    nothing = pl.DataFrame(schema=_SCHEMA)
    return pl.concat([nothing, *lines], how="vertical_relaxed")


def _lines(own: pl.DataFrame, added: Mapping[str, pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for frame in (own, added.get("order_lines", pl.DataFrame())):
        if frame.height and "order_id" in frame.columns:
            yield in_units(frame)


def in_units(lines: pl.DataFrame) -> pl.DataFrame:
    """Cleaned lines with the columns of ``LINE``, their place, stated currency and ``extra``."""
    there = lines.schema
    columns = []
    for name, dtype in _SCHEMA.items():
        if name not in there or there[name] == pl.Null:
            default = {"status": "sold", "line_kind": "product"}.get(name)
            columns.append(pl.lit(default, dtype).alias(name))
        elif name in ("unit_price", "line_amount", "discount_amount"):
            columns.append(pl.col(name).to_physical().cast(pl.Int64))
        elif name == "status" or name == "line_kind":
            columns.append(
                pl.col(name).fill_null("sold" if name == "status" else "product").alias(name)
            )
        else:
            columns.append(pl.col(name).cast(dtype))
    return lines.select(columns)
