"""Rows that are taken back: which they are, and the lines that take theirs back.

What belongs here: ``[[taken_back]]`` and ``taken_back_rows``. What does not: lines of other values
of a row (``added``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column

TAKEN_BACK = "taken back"


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


def any_of(backs: Iterable[TakenBack], height: int) -> pl.Series:
    """Which rows any of them takes back."""
    is_back = pl.Series([False], dtype=pl.Boolean).new_from_index(0, height)
    for back in backs:
        is_back |= back.rows
    return is_back


def is_open(status: pl.Series, quantity: pl.Series) -> pl.Series:
    """Rows that say taken back while their pieces are above 0: a sale, or what takes one back."""
    is_back = status.is_in(["cancelled", "returned"]) & (quantity > 0)
    return is_back.fill_null(False)


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
    is_back = any_of(backs, lines.height)
    status = lines["status"]
    open_ones = is_open(status, lines["quantity"]) & ~is_back
    further: list[TakenBack] = []
    reasons: list[pl.DataFrame] = []
    if open_ones.any() and rows_are == "sales":
        further = [TakenBack(s, open_ones & (status == s)) for s in ("cancelled", "returned")]
        is_back |= open_ones
    elif open_ones.any() and rows_are is None:
        found = reasons_of(
            open_ones, status, Column("status", "status"), "taken_back_or_sale",
            "with pieces above 0 it is the sale itself, or takes another row's sale back; declare "
            'taken_back_rows = "sales" or "returns"',
        )  # fmt: skip
        rows = lines["_row"]
        reasons = [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]
    if is_back.any():
        sold = pl.when(is_back).then(pl.lit("sold")).otherwise("status").alias("status")
        frame, lines = frame.with_columns(sold), lines.with_columns(sold)
    return frame, lines, further, reasons


def reversals(
    sales: Sequence[pl.DataFrame], backs: Iterable[TakenBack], rows: pl.Series
) -> list[pl.DataFrame]:
    """The lines that take back those of the ``rows``: by the first rule that holds, once."""
    made: list[pl.DataFrame] = []
    is_back = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(rows))
    for back in backs:
        of_these = rows.filter(back.rows & ~is_back)
        is_back |= back.rows
        made += [_reversed(part, of_these, back, rows) for part in sales]
    return made


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
