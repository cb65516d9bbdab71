"""Lines that a mapping makes beside a row's own: shipping, tax, tips, refunds.

What belongs here: the lines of ``[[also]]``. What does not: what its values add (``stated``), the
row's own money (``money``), what is said once per order (``said``), what is taken back
(``taken_back``), what conditions and amounts may say (``clean.expressions``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ecorse.clean.numbers import SCALE
from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column
from ecorse.sources.mappings.money import MONEY, WIDE
from ecorse.sources.mappings.said import Once, SaidOnce, contradicting
from ecorse.sources.mappings.stated import TAKING_OFF, Also, Stated, stated
from ecorse.sources.mappings.taken_back import TakenBack, reversals

# what an added line has of the row beside it: whose order it is, where and when
OF_THE_ROW = (
    "_row", "shop_id", "order_id", "currency", "ordered_at", "ordered_local", "is_date_only",
    "customer_id", "customer_key_kind", "address", "street", "city", "region", "postal_code",
    "country", "platform", "is_simulated",
)  # fmt: skip
ADDING, AGAIN = "taken_off_adds", "stays_sold"


@dataclass
class Statements:
    """What all ``[[also]]`` say beside canonical ``lines``, whose typed rows are ``frame``."""

    frame: pl.DataFrame
    lines: pl.DataFrame
    also: Sequence[Also]
    said: Mapping[int, SaidOnce]
    is_keyed: bool

    def __post_init__(self) -> None:
        self.stated = [stated(self.frame, self.lines, one) for one in self.also]
        self._once = {
            n: _once(one, found, self.said[n])
            for n, (one, found) in enumerate(zip(self.also, self.stated, strict=True))
            if one.orders is not None
        }

    def reasons(self) -> list[pl.DataFrame]:
        """Why rows are refused: what cannot be worked out, is nobody's, or is said otherwise."""
        found: list[pl.DataFrame] = []
        marks = contradicting(list(self._once.values()), self.lines.height)
        conflicts = dict(zip(self._once, (pl.Series(m, dtype=pl.Boolean) for m in marks),
                             strict=True))  # fmt: skip
        for number, (one, said) in enumerate(zip(self.also, self.stated, strict=True)):
            kind = one.declared.kind
            called = Column(one.declared.amount, None)
            told = pl.select(_money(pl.lit(said.money)).cast(pl.String)).to_series()
            sentence = (
                "it cannot be worked out: it divides by 0, has more than ten digits, a text in it "
                "is no number, or its tax is more than it or than all tax"
            )
            found += reasons_of(said.is_lost, told, called, f"{kind}_impossible", sentence)
            if one.orders is None:
                continue
            sentence = (
                f"another line of the order states another {kind}; if the order's is not this "
                "row's, leave it out by `when`"
            )
            found += reasons_of(conflicts[number], told, called, "order_contradicts", sentence)
            nobodys = one.orders.is_null() & (said.money != 0).fill_null(False)
            sentence = f"it is stated once per {one.declared.once_per}, which is empty"
            found += reasons_of(nobodys, told, called, "once_per_empty", sentence)
        rows = self.lines["_row"]
        return [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]

    def make(
        self, backs: Sequence[TakenBack], *, tax_is_included: bool
    ) -> tuple[pl.DataFrame, Counter[str]]:
        """The lines beside these, and what is to be told of them; remembers what orders say."""
        made: list[pl.DataFrame] = []
        warned: Counter[str] = Counter()
        for number, (one, found) in enumerate(zip(self.also, self.stated, strict=True)):
            if number in self._once:
                first, again = self._once[number].settle()
                chosen = pl.Series(first, dtype=pl.Boolean)
                warned[AGAIN] += again
            else:
                chosen = (found.money != 0).fill_null(False)
            beside = _beside(self.lines, found, chosen, one, self.is_keyed)
            made.append(beside)
            if one.within is not None and one.orders is not None:
                part = found._replace(money=found.within, within=found.within * 0)
                has_tax = chosen & (found.within != 0).fill_null(False)
                held = _beside(self.lines, part, has_tax, one, self.is_keyed)
                made.append(_as_included(held, "included_tax of " + pl.col("line_id")))
            if tax_is_included and one.declared.kind == "tax" and one.orders is not None:
                made.append(_taken_out(beside))
        warned += _adding(made)
        made += reversals([self.lines, *made], backs, self.lines["_row"])
        filled = [part for part in made if part.height]
        both = pl.concat(filled, how="diagonal_relaxed") if filled else self.lines.clear()
        return both, +warned


def _once(one: Also, found: Stated, said: SaidOnce) -> Once:
    assert one.orders is not None
    states = found.money.is_not_null() & one.orders.is_not_null()
    states &= (found.money != 0).fill_null(False)
    return Once(
        one.orders, found.money.fill_null(0).to_numpy(), states.to_numpy(),
        found.is_back.to_numpy(), said,
    )  # fmt: skip


def per_row(frame: pl.DataFrame, value: pl.Expr) -> pl.Series:
    """A value per row; one that names no column of the file is the same for each."""
    return frame.with_columns(value.alias("_value"))["_value"]


def _adding(made: Sequence[pl.DataFrame]) -> Counter[str]:
    """How many lines that should take money off add some, beside what is sold."""
    less = pl.col("line_kind").is_in(["refund", *TAKING_OFF]) & ~pl.col("_is_back")
    more = pl.col("unit_price") * pl.col("quantity") > 0
    return +Counter({ADDING: sum(part.filter(less & more).height for part in made)})


def _beside(
    lines: pl.DataFrame, found: Stated, chosen: pl.Series, one: Also, is_keyed: bool
) -> pl.DataFrame:
    declared = one.declared
    kept = [name for name in OF_THE_ROW if name in lines.columns]
    scope = pl.col("line_id") if one.orders is None else pl.lit(one.orders)
    key = pl.concat_str(pl.lit(declared.kind), scope, separator=" ", ignore_nulls=True)
    # beside a row that is taken back by its status the line is too, with money above 0
    by_status = pl.lit(found.by_status)
    parts = pl.lit(found.money - found.within)
    price = _money(pl.when(by_status).then(-parts).otherwise(parts))
    frame = lines.with_columns(
        (key if is_keyed else pl.col("line_id")).alias("line_id"),
        price.alias("unit_price"),
        pl.lit(1, pl.Int32).alias("quantity"),
        pl.when(by_status).then("status").otherwise(pl.lit("sold")).alias("status"),
        found.is_back.alias("_is_back"),
    )
    if declared.kind == "refund":  # money given back is a returned line, as returned products are
        is_back = pl.col("unit_price") < 0
        frame = _turned(frame, is_back).with_columns(
            pl.col("unit_price").abs(),
            pl.when(is_back).then(pl.lit("returned")).otherwise(pl.lit("sold")).alias("status"),
        )
    elif declared.kind in TAKING_OFF:  # beside pieces below 0: a part of what the row gives back
        is_below = pl.col("_is_back") & ~by_status
        status = pl.when(is_below).then(lines["status"].fill_null("sold")).otherwise("status")
        frame = _turned(frame, is_below).with_columns(
            pl.when(is_below)
            .then(-pl.col("unit_price"))
            .otherwise("unit_price")
            .alias("unit_price"),
            status.alias("status"),
        )
    if one.at is not None:
        frame = frame.with_columns(
            one.at[0].alias("refunded_at"), one.at[1].alias("refunded_local")
        )
        kept += ["refunded_at", "refunded_local"]
    return frame.filter(chosen).select(
        *kept,
        pl.lit(declared.kind).alias("product_id"),
        pl.lit(declared.kind.replace("_", " ")).alias("product_name"),
        "quantity",
        "unit_price",
        "status",
        pl.lit(declared.kind).alias("line_kind"),
        pl.lit(declared.amount).alias("made_of"),
        "line_id",
        "_is_back",
    )


def _turned(frame: pl.DataFrame, is_back: pl.Expr) -> pl.DataFrame:
    """Lines of which some take back a piece."""
    return frame.with_columns(
        pl.when(is_back).then(-1).otherwise(1).cast(pl.Int32).alias("quantity")
    )


def _money(parts: pl.Expr) -> pl.Expr:
    """Ten-thousandths as money, exactly."""
    exact: pl.Expr = parts.cast(WIDE) / 10**SCALE
    return exact.cast(MONEY)


def _taken_out(tax: pl.DataFrame) -> pl.DataFrame:
    """The lines that take an order's included tax out of its prices."""
    line_id = pl.col("line_id").str.replace("tax", "included_tax", literal=True)
    return _as_included(tax, line_id).with_columns(unit_price=-pl.col("unit_price"))


def _as_included(lines: pl.DataFrame, line_id: pl.Expr) -> pl.DataFrame:
    return lines.with_columns(
        line_kind=pl.lit("included_tax"),
        product_id=pl.lit("included_tax"),
        product_name=pl.lit("included tax"),
        line_id=line_id,
    )
