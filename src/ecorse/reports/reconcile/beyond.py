"""Rows of loaded files that are in no table: left out, dropped as repeats, rejected.

What belongs here: cleaning a file of the archive once more, without what kept these rows out. What
does not: deciding whether a report has them (``search``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from ecorse.clean.cleaner import Cleaner
from ecorse.clean.rates import Rates
from ecorse.ingest.dry import dry_load
from ecorse.reports.reconcile.amounts import LINE
from ecorse.reports.reconcile.declare import PaidOutTable
from ecorse.reports.reconcile.payouts import with_paid_date
from ecorse.schema.contract import Header
from ecorse.schema.source import Beside, Canonical, Shop, Source
from ecorse.settings import get_settings
from ecorse.sources.mappings.source import MappingSource

PLACE = ("source_line", "made_of", "status")
NO_DAY = datetime(1970, 1, 1)  # in no report: a row of which not even the day is known
NO_ORDER = "row without order "
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
    everything, lost = _clean(path, file_name, _Lenient(source, shop, rates), shop)
    known = kept.select(PLACE)
    beyond = everything.join(known, on=PLACE, how="anti", nulls_equal=True)
    rules = rejected.unique("source_line").select("source_line", "rule")
    beyond = beyond.join(rules, on="source_line", how="left")
    left_out = _left_out(path, file_name, source, shop, rates, known)
    beyond = beyond.join(left_out, on=PLACE, how="left", nulls_equal=True)
    is_foreign = pl.col("stated_currency") != shop.currency
    beyond = beyond.with_columns(
        pool=pl.when(is_foreign)
        .then(pl.lit(f"{CURRENCY}:") + pl.col("stated_currency"))
        .when(pl.col("left_out").is_not_null())
        .then(pl.lit(f"{LEFT_OUT}:") + pl.col("left_out"))
        .when(pl.col("rule").is_not_null())
        .then(pl.lit(f"{REJECTED}:") + pl.col("rule"))
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
    known: pl.DataFrame,
) -> pl.DataFrame:
    """The places of lines that ``[[leave_out]]`` keeps out, and by which id."""
    parts = [pl.DataFrame(schema={**_PLACES, "left_out": pl.String})]
    if isinstance(source, MappingSource) and source.declared.leave_out:
        as_is, _ = _clean(path, file_name, _Lenient(source, shop, rates, keeps_out=True), shop)
        for one in source.declared.leave_out:
            others = tuple(o for o in source.declared.leave_out if o.id != one.id)
            lenient = _Lenient(_declaring(source, leave_out=others), shop, rates, keeps_out=True)
            within, _ = _clean(path, file_name, lenient, shop)
            new = within.select(PLACE).join(as_is.select(PLACE), on=PLACE, how="anti",
                                            nulls_equal=True)  # fmt: skip
            new = new.join(known, on=PLACE, how="anti", nulls_equal=True)
            parts.append(new.unique().with_columns(left_out=pl.lit(one.id)))
    return pl.concat(parts).unique(PLACE, keep="first")


_PLACES: dict[str, pl.DataType] = {
    "source_line": pl.Int64(), "made_of": pl.String(), "status": pl.String(),
}  # fmt: skip
_SCHEMA = {**_PLACES, **LINE, "stated_currency": pl.String(), "extra": pl.String()}


def _declaring(source: MappingSource, **changes: Any) -> MappingSource:
    declared = source.declared.model_copy(update=changes)
    left = tuple((one.id, one.when) for one in declared.leave_out)
    return replace(source, declared=declared, contract=replace(source.contract, leave_out=left))


class _Lenient:
    """A source that keeps every row that can be read at all, in the shop's currency or not.

    Money in another currency is converted by ``rates``, where there are any and one holds; else it
    is as if it were the shop's, and named. A row without an order is an order of its own.
    ``keeps_out``: the rows that are no sales are left out as ever.
    """

    def __init__(
        self, source: Source, shop: Shop, rates: Rates | None, *, keeps_out: bool = False
    ) -> None:
        contract = replace(
            source.contract, rules=(), line_key=(), repeats="keep", foreign_currency="reject"
        )
        if isinstance(source, MappingSource):
            changes: dict[str, Any] = {"line_key": (), "leave_out": ()}
            if keeps_out:
                del changes["leave_out"]
            source = _declaring(replace(source, contract=contract), **changes)
            contract = source.contract
        self._source, self._shop, self._contract, self._rates = source, shop, contract, rates

    @property
    def name(self) -> str:
        """As the source it stands for."""
        return self._source.name

    @property
    def contract(self) -> Any:
        """The contract without rules and keys."""
        return self._contract

    @property
    def warnings(self) -> dict[str, str]:
        """As the source it stands for."""
        return self._source.warnings

    def afresh(self) -> _Lenient:
        """For one more file."""
        again = object.__new__(_Lenient)
        again.__dict__.update(self.__dict__)
        if isinstance(self._source, MappingSource):
            again._source = self._source.afresh()
        return again

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Rows of the source, all in the shop's money."""
        found = self._source.canonicalise(frame, header, shop)
        return replace(
            found,
            frame=self._in_shop_money(found.frame),
            companions={n: self._in_shop_money(f) for n, f in found.companions.items()},
            beside=_BesideInShopMoney(found.beside, self._in_shop_money) if found.beside else None,
        )

    def _in_shop_money(self, frame: pl.DataFrame) -> pl.DataFrame:
        frame = _with_orders(frame)
        if "currency" not in frame.columns:
            return frame
        if self._rates is not None:
            frame, _ = self._rates.convert(frame)
        return frame.with_columns(
            stated_currency=pl.col("currency"), currency=pl.lit(self._shop.currency)
        )


@dataclass(frozen=True)
class _BesideInShopMoney:
    """Lines beside rows, in the money that the rows are taken to be in."""

    beside: Beside
    change: Callable[[pl.DataFrame], pl.DataFrame]

    def contradicting(self, rows: pl.Series) -> list[pl.DataFrame]:
        return self.beside.contradicting(rows)

    def make(self, rows: pl.Series) -> pl.DataFrame:
        return self.change(self.beside.make(rows))


def _with_orders(frame: pl.DataFrame) -> pl.DataFrame:
    """Lines without an order as orders of their own, on the day of what was given back or none."""
    if not {"order_id", "ordered_at", "ordered_local"} <= set(frame.columns):
        return frame
    is_without = pl.col("order_id").fill_null("") == ""
    back = {"ordered_at": "refunded_at", "ordered_local": "refunded_local"}
    return frame.with_columns(
        pl.when(is_without)
        .then(pl.format(NO_ORDER + "{}", pl.col("_row")))
        .otherwise("order_id")
        .alias("order_id"),
        *(
            pl.when(is_without & pl.col(at).is_null())
            .then(
                pl.coalesce(
                    *([b] if b in frame.columns else []), pl.lit(NO_DAY).cast(frame.schema[at])
                )
            )
            .otherwise(at)
            .alias(at)
            for at, b in back.items()
        ),
    )


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
