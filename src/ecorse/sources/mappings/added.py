"""Lines that a mapping makes beside a row's own: shipping, tax, tips, refunds, what is taken back.

What belongs here: ``[[also]]`` and ``[[taken_back]]``. What does not: the row's own money
(``money``), what conditions and amounts may say (``clean.expressions``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.hashes import Hashes, hash_texts
from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column
from ecorse.sources.mappings.beside import AlsoTable
from ecorse.sources.mappings.money import MONEY

# what an added line has of the row beside it: whose order it is, where and when
OF_THE_ROW = (
    "_row", "shop_id", "order_id", "currency", "ordered_at", "ordered_local", "is_date_only",
    "customer_id", "customer_key_kind", "address", "street", "city", "region", "postal_code",
    "country", "platform", "is_simulated",
)  # fmt: skip
TAKEN_BACK = "taken back"
ADDING = "taken_off_adds"


@dataclass
class SaidOnce:
    """What the orders of one file have said so far: the amount of each, by kind."""

    amounts: Hashes = field(default_factory=Hashes)


@dataclass(frozen=True)
class Also:
    """A declared ``[[also]]``, made ready for a typed frame.

    ``orders`` are what states an amount once (orders, say), ``at`` its instants and wall clocks.
    ``is_inside``: it is tax that the row's own money holds.
    """

    declared: AlsoTable
    amount: pl.Expr
    when: pl.Expr | None
    orders: pl.Series | None
    at: tuple[pl.Series, pl.Series] | None = None
    is_inside: bool = False


@dataclass(frozen=True)
class TakenBack:
    """Rows whose lines are taken back; ``at`` are the instants and wall clocks of that."""

    status: str
    rows: pl.Series
    at: tuple[pl.Series, pl.Series] | None = None

    def of(self, is_kept: pl.Series) -> TakenBack:
        """The same of some of the rows."""
        at = None if self.at is None else (self.at[0].filter(is_kept), self.at[1].filter(is_kept))
        return TakenBack(self.status, self.rows.filter(is_kept), at)


def added_lines(
    frame: pl.DataFrame,
    lines: pl.DataFrame,
    also: Sequence[Also],
    taken_back: Sequence[TakenBack],
    said: Mapping[int, SaidOnce],
    *,
    is_keyed: bool,
    tax_is_included: bool,
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The lines beside canonical ``lines``, and the reasons of rows that contradict their order.

    Parameters
    ----------
    frame
        The typed rows of the same ``_row``, in the same order.
    said
        By number of the ``[[also]]``, what orders of blocks before have said.
    """
    made: list[pl.DataFrame] = []
    reasons: list[pl.DataFrame] = []
    for number, one in enumerate(also):
        amount = one.amount.cast(MONEY, strict=False)
        if one.when is not None:
            amount = pl.when(one.when).then(amount)
        amounts = per_row(frame, amount)
        if one.is_inside:  # as it was taken out of the row's money
            amounts = (amounts.abs() * lines["quantity"].sign().cast(MONEY)).cast(MONEY)
        if one.orders is not None:
            is_first, conflicts = _first_of_orders(one.orders, amounts, said[number])
            called, told = Column(one.declared.amount, None), amounts.cast(pl.String)
            sentence = f"another line of the order states another {one.declared.kind}"
            found = reasons_of(conflicts, told, called, "order_contradicts", sentence)
            nobodys = one.orders.is_null() & (amounts != 0).fill_null(False)
            sentence = f"it is stated once per {one.declared.once_per}, which is empty"
            found += reasons_of(nobodys, told, called, "once_per_empty", sentence)
            rows = lines["_row"]
            reasons += [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]
        else:
            is_first = amounts.is_not_null() & (amounts != 0)
        beside = _beside(lines, amounts, is_first, one, is_keyed)
        made.append(beside)
        if tax_is_included and one.declared.kind == "tax" and one.declared.once_per is not None:
            made.append(
                beside.with_columns(
                    line_kind=pl.lit("included_tax"),
                    product_id=pl.lit("included_tax"),
                    product_name=pl.lit("included tax"),
                    unit_price=-pl.col("unit_price"),
                    line_id=pl.col("line_id").str.replace("tax", "included_tax", literal=True),
                )
            )
    sales = [lines.drop("_differs", strict=False), *made]
    is_back = pl.Series([False], dtype=pl.Boolean).new_from_index(0, lines.height)
    for back in taken_back:  # the first that holds: a line is taken back once
        rows = lines["_row"].filter(back.rows & ~is_back)
        is_back |= back.rows
        made += [_reversed(part, rows, back, lines["_row"]) for part in sales]
    filled = [part for part in made if part.height]
    return (pl.concat(filled, how="diagonal_relaxed") if filled else lines.clear()), reasons


def per_row(frame: pl.DataFrame, value: pl.Expr) -> pl.Series:
    """A value per row; one that names no column of the file is the same for each."""
    return frame.with_columns(value.alias("_value"))["_value"]


def sold_first(
    frame: pl.DataFrame, lines: pl.DataFrame, backs: Sequence[TakenBack], rows_are: str | None
) -> tuple[pl.DataFrame, pl.DataFrame, list[TakenBack], list[pl.DataFrame]]:
    """Rows that are taken back were sold first: their own line is the sale.

    A row whose status says cancelled or returned while its pieces are above 0 may be the sale
    itself, or what takes another row's sale back; ``rows_are`` says which, and without it the row
    is refused. Gives frame and lines with the sales as such, what is taken back besides, reasons.
    """
    if not lines.height:
        return frame, lines, [], []
    is_back = pl.Series([False]).new_from_index(0, lines.height)
    for back in backs:
        is_back |= back.rows
    status, pieces = lines["status"], lines["quantity"]
    is_open = status.is_in(["cancelled", "returned"]) & (pieces > 0) & ~is_back
    further: list[TakenBack] = []
    reasons: list[pl.DataFrame] = []
    if is_open.any() and rows_are == "sales":
        further = [TakenBack(s, is_open & (status == s)) for s in ("cancelled", "returned")]
        is_back |= is_open
    elif is_open.any() and rows_are is None:
        found = reasons_of(
            is_open, status, Column("status", "status"), "taken_back_or_sale",
            "with pieces above 0 it is the sale itself, or takes another row's sale back; declare "
            'taken_back_rows = "sales" or "returns"',
        )  # fmt: skip
        rows = lines["_row"]
        reasons = [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]
    if is_back.any():
        sold = pl.when(is_back).then(pl.lit("sold")).otherwise("status").alias("status")
        frame, lines = frame.with_columns(sold), lines.with_columns(sold)
    return frame, lines, further, reasons


def adding(beside: pl.DataFrame) -> Counter[str]:
    """How many lines that should take money off add some."""
    less = pl.col("line_kind").is_in(["refund", "discount", "voucher"])
    first = pl.col("made_of") != TAKEN_BACK
    more = pl.col("unit_price") * pl.col("quantity") > 0
    return +Counter({ADDING: beside.filter(less & first & more).height if beside.height else 0})


def _first_of_orders(
    orders: pl.Series, amounts: pl.Series, said: SaidOnce
) -> tuple[pl.Series, pl.Series]:
    """The rows that are the first to state their order's amount, and those that contradict it."""
    parts = amounts.to_physical().cast(pl.Int64)
    states = amounts.is_not_null() & orders.is_not_null()
    states &= (parts != 0).fill_null(False)
    rows = states.arg_true()
    hashes, values = hash_texts(orders.gather(rows)), parts.gather(rows).to_numpy()
    known = said.amounts.find(hashes)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    is_first = np.zeros(len(hashes), np.bool_)
    is_first[first] = True
    is_first &= ~known.is_known
    expected = np.where(known.is_known, known.numbers, values[first][inverse])
    said.amounts.add(hashes[is_first], values[is_first])
    return _marked(rows, is_first, len(orders)), _marked(rows, values != expected, len(orders))


def _marked(rows: pl.Series, marks: NDArray[np.bool_], length: int) -> pl.Series:
    """A flag per row of the frame, from those of some rows."""
    whole = np.zeros(length, np.bool_)
    whole[rows.to_numpy()] = marks
    return pl.Series(whole)


def _beside(
    lines: pl.DataFrame, amounts: pl.Series, chosen: pl.Series, one: Also, is_keyed: bool
) -> pl.DataFrame:
    declared = one.declared
    kept = [name for name in OF_THE_ROW if name in lines.columns]
    scope = pl.col("line_id") if one.orders is None else pl.lit(one.orders)
    key = pl.concat_str(pl.lit(declared.kind), scope, separator=" ", ignore_nulls=True)
    sign = -1 if declared.sign == "-" else 1
    price = (amounts * sign).cast(MONEY)
    status: pl.Expr = pl.lit("sold")
    if one.orders is None:  # beside a row that is taken back by its status its values are too
        is_below = (pl.col("quantity") >= 0) & (pl.col("status") != "sold")
        status = pl.when(is_below).then("status").otherwise(status)
    frame = lines.with_columns(
        (key if is_keyed else pl.col("line_id")).alias("line_id"),
        price.alias("unit_price"),
        pl.lit(1, pl.Int32).alias("quantity"),
        status.alias("status"),
    )
    if declared.kind == "refund":  # money given back is a returned line, as returned products are
        is_back = price < 0
        frame = frame.with_columns(
            price.abs().alias("unit_price"),
            pl.when(is_back).then(-1).otherwise(1).cast(pl.Int32).alias("quantity"),
            pl.when(is_back).then(pl.lit("returned")).otherwise(pl.lit("sold")).alias("status"),
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
    )


def _reversed(
    part: pl.DataFrame, rows: pl.Series, back: TakenBack, all_rows: pl.Series
) -> pl.DataFrame:
    """The lines of the given rows once more, with the money that takes theirs back.

    A line of a status other than sold is below 0 already, whatever its pieces (``money_sign`` in
    marts.order_lines); what takes that back was sold.
    """
    taken = part.filter(pl.col("_row").is_in(rows.implode()))
    is_below = (pl.col("status") != "sold") & (pl.col("quantity") >= 0)
    factor = pl.when(is_below).then(1).otherwise(-1)
    pieces = (pl.col("quantity") * factor).cast(pl.Int32)
    if "line_amount" in taken.columns:
        amount = pl.col("line_amount")
        taken = taken.with_columns(pl.when(is_below).then(amount).otherwise(-amount))
    if back.at is not None:
        times = pl.DataFrame(
            {"_row": all_rows, "refunded_at": back.at[0], "refunded_local": back.at[1]}
        )
        taken = taken.drop("refunded_at", "refunded_local", strict=False).join(
            times, on="_row", how="left", maintain_order="left"
        )
    return taken.with_columns(
        pieces.alias("quantity"),
        pl.when(pieces < 0).then(pl.lit(back.status)).otherwise(pl.lit("sold")).alias("status"),
        pl.lit(TAKEN_BACK).alias("made_of"),
        pl.concat_str(pl.lit(TAKEN_BACK), "line_id", separator=" ").alias("line_id"),
    )
