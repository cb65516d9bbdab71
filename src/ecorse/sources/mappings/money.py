"""What a mapped order line is worth: price, total, discount and included tax, to the cent.

What belongs here: one row's own money. What does not: lines that are made beside it (``added``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import polars as pl

from ecorse.clean.numbers import PRECISION, SCALE
from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column
from ecorse.schema.source import Difference

SENTENCES = (
    ("_total", "line_total", "signs_contradict",
     "the quantity is below 0 and the line's total is not"),
    ("_price", "unit_price", "signs_contradict", "quantity and price are both below 0"),
    ("_back", "status", "signs_contradict",
     "the line's money is below 0 already; a line that is taken back is below 0 by its pieces, or "
     "has pieces and money above 0"),
    ("_share", "discount_share", "discount_share_impossible",
     'a discount is at most the whole price; if it is in percent, declare type = "percent"'),
    ("_off", "discount_amount", "discount_amount_impossible",
     "a discount is at most the price of all its pieces; if this is that of a whole order, say "
     "[[also]] kind = 'discount' with once_per"),
)  # fmt: skip
TOO_LARGE = "money_too_large"
MONEY = pl.Decimal(PRECISION, SCALE)
WIDE = pl.Decimal(38, SCALE)
FINE = pl.Decimal(38, 10)
HALF_CENT, EXAMPLES = 50, 3  # in ten-thousandths: prices of whole cents say no more


class Money(NamedTuple):
    """Columns of the rows' money, and the reasons of rows whose figures contradict each other.

    ``otherwise``: where a stated total is not what price, pieces and discount give; None where
    nothing is to be compared.
    """

    columns: list[pl.Series]
    reasons: list[pl.DataFrame]
    otherwise: Difference | None


def line_money(frame: pl.DataFrame, tax: pl.Expr | None = None) -> Money:
    """Columns ``unit_price, line_amount, discount_amount`` of typed rows.

    A stated total of the line (after its own discount) is its money to the cent; without one it is
    quantity * price, less a discount, which counts as taken off whatever its sign. ``line_amount``
    is null where it is quantity * unit_price. A discount by its share is what the total says, to
    the cent, where price and pieces differ from the total by just that. A product that was taken
    back says so once, by its pieces or by its status: where the sign of its money says otherwise
    the row is refused, for it would add money.

    Parameters
    ----------
    frame
        ``quantity, unit_price, line_total, discount_amount, discount_share``, null where not given.
    tax
        Tax that the money holds and that is taken out of it.
    """
    quantity = pl.col("quantity").cast(WIDE)
    sign = quantity.sign().cast(WIDE)
    price, total = pl.col("unit_price").cast(WIDE), pl.col("line_total").cast(WIDE)
    share = pl.col("discount_share").cast(FINE).abs()
    by_share = (quantity.abs().cast(FINE) * price.abs().cast(FINE) * share).round(SCALE).cast(WIDE)
    stated_off = pl.col("discount_amount").cast(WIDE).abs()
    off = pl.coalesce(stated_off, by_share)
    before = total + sign * off.fill_null(0)
    made = (before.cast(FINE) / quantity.cast(FINE)).round(SCALE).cast(WIDE).abs()
    unit_price = pl.coalesce(price, pl.when(quantity != 0).then(made).otherwise(pl.lit(0, WIDE)))
    amount = pl.coalesce(total, quantity * unit_price - sign * off.fill_null(0))
    if tax is not None:
        amount = amount - sign * tax.cast(WIDE).abs().fill_null(0)
    plain = quantity * unit_price
    said = _said_off(quantity, price, total, by_share)
    taken_off = pl.coalesce(stated_off, said, by_share)
    money = frame.select(
        unit_price.cast(MONEY, strict=False).alias("unit_price"),
        pl.when(amount != plain).then(amount).cast(MONEY, strict=False).alias("line_amount"),
        pl.when(taken_off != 0).then(taken_off).cast(MONEY, strict=False).alias("discount_amount"),
        (amount != plain).alias("_differs"),
        *_contradictions(quantity, price, total),
        (share > 1).fill_null(False).alias("_share"),
        (total.is_null() & (quantity != 0) & (stated_off > (quantity * price).abs()))
        .fill_null(False)
        .alias("_off"),
        pl.when(quantity != 0).then(total - _by_price(quantity, price, off)).alias("_otherwise"),
    )
    reasons: list[pl.DataFrame] = []
    for mark, target, rule, sentence in SENTENCES:
        told, called = frame[target].cast(pl.String), target.replace("_", " ")
        reasons += reasons_of(money[mark], told, Column(called, target), rule, sentence)
    lost = money["_differs"].fill_null(False) & money["line_amount"].is_null()
    reasons += reasons_of(
        lost, frame["quantity"].cast(pl.String), Column("quantity", "quantity"),
        TOO_LARGE, "the line's money has more than ten digits",
    )  # fmt: skip
    columns = [money[name] for name in ("unit_price", "line_amount", "discount_amount")]
    rows = frame["_row"]
    return Money(
        columns,
        [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in reasons],
        _otherwise(frame, money["_otherwise"]),
    )


def _said_off(quantity: pl.Expr, price: pl.Expr, total: pl.Expr, by_share: pl.Expr) -> pl.Expr:
    """A discount by its share as the line's total rounds it; null where the total says another."""
    before = (quantity * price).abs().round(2, mode="half_away_from_zero").cast(WIDE)
    said = before - total.abs()
    rounding = pl.max_horizontal(quantity.abs(), pl.lit(2, WIDE)) * Decimal("0.005")
    is_it = (said >= 0) & ((said - by_share).abs() <= rounding) & (by_share != 0)
    return pl.when(is_it & (quantity * total >= 0)).then(said)


def _by_price(quantity: pl.Expr, price: pl.Expr, off: pl.Expr) -> pl.Expr:
    return quantity * price - quantity.sign().cast(WIDE) * off.fill_null(0)


def _otherwise(frame: pl.DataFrame, difference: pl.Series) -> Difference | None:
    """Stated totals that price, pieces and discount do not give, beyond half a cent a piece."""
    compared = difference.is_not_null()
    if not compared.any():
        return None
    parts = difference.to_physical().cast(pl.Int64, strict=False)  # of more digits: null, a reject
    rounding = (frame["quantity"].abs() * HALF_CENT).clip(2 * HALF_CENT)
    wrong = ((parts.abs() > rounding) & compared).fill_null(False).arg_true()
    first = frame[wrong.head(EXAMPLES)].with_columns(difference.gather(wrong.head(EXAMPLES)))
    told = [
        f"{total} for {pieces} at {price}{f' less {off}' if off is not None else ''}"
        for total, pieces, price, off in first.select(
            "line_total", "quantity", "unit_price",
            pl.coalesce(pl.col("discount_amount").cast(pl.String), _as_percent()),
        ).iter_rows()
    ]  # fmt: skip
    money = Decimal(int(parts.gather(wrong).sum() or 0)).scaleb(-SCALE)
    return Difference(int(compared.sum()), len(wrong), told, money)


def _as_percent() -> pl.Expr:
    share = (pl.col("discount_share").cast(FINE) * 100).round(4).cast(pl.String)
    return share.str.replace(r"\.?0+$", "") + "%"


def _contradictions(quantity: pl.Expr, price: pl.Expr, total: pl.Expr) -> list[pl.Expr]:
    """Marks ``_total, _price, _back`` of rows whose signs say two things."""
    is_sold = pl.col("status").fill_null("sold") == "sold"
    is_product = pl.col("line_kind").fill_null("product") == "product"
    below = quantity < 0
    marks = {
        "_total": below & (total > 0) & (is_sold | is_product),
        "_price": below & total.is_null() & (price < 0) & is_product,
        "_back": (quantity >= 0) & (pl.coalesce(total, quantity * price) < 0)
        & ~is_sold & is_product,
    }  # fmt: skip
    return [mark.fill_null(False).alias(name) for name, mark in marks.items()]
