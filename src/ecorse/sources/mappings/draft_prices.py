"""Whether a column is the price of a piece or the money of the line: what the sample proves.

What belongs here: price and line total. What does not: money of the order beside its lines
(``draft_orders``), the words of names (``draft_words``). Nothing is taken for granted: where
neither the name nor the rows tell, both readings are asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_words import meaning_of, says, targets_of

Numbers = NDArray[np.float64]
HALF_A_CENT = 0.0051
NEARLY_ALL = 0.99
MOSTLY = 0.9  # of the rows of one product in several quantities
LEAST_PRODUCTS = 3  # products sold in several quantities that have to agree
MOST_PLACES = 4  # decimals that a price of a piece may have
PRICES = ("unit_price", "line_total")
NO_PRICE = ("discount", "tax", "refund", "tip", "fee", "profit", "later", "percent", "shipping",
            "url", "rate", "gift_card", "wrap", "insurance", "duty", "measure", "quantity", "cart",
            "id", "date", "time", "status", "before")  # fmt: skip


@dataclass
class Prices:
    """Which column is the price or the line's money, and what speaks for it.

    ``of_piece`` and ``of_line`` are columns that the sample proves to be so, with the evidence.
    """

    of_piece: dict[str, str] = field(default_factory=dict)
    of_line: dict[str, str] = field(default_factory=dict)
    discounts: dict[str, str] = field(default_factory=dict)  # taken off a line, by their totals
    is_share: dict[str, bool] = field(default_factory=dict)  # of these discounts
    after_discount: list[str] = field(default_factory=list)  # totals that they are taken off


def numbers_of(one: Look) -> Numbers:
    """A column's values, NaN where there is none or a load would not read it.

    Shape ``(n_rows,)``.
    """
    if one.is_number and not one.questions:
        read = one.read("percent" if one.kind == "percent" else "decimal")
        return read.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.full(len(one.texts), np.nan)


def has_product(looks: Sequence[Look], targets: Mapping[str, str]) -> NDArray[np.bool_]:
    """Rows that name a product; all where no column does. Rows of whole orders name none."""
    named = [k for k in looks if targets.get(k.name) in ("product_id", "product_name")]
    rows = np.zeros(len(looks[0].texts) if looks else 0, np.bool_)
    for one in named:
        rows |= one.texts.is_not_null().to_numpy()
    return rows if named else ~rows


def candidates(looks: Sequence[Look], targets: Mapping[str, str]) -> list[Look]:
    """Columns that may be the price of a piece or the money of a line, by name and values."""
    found = []
    for one in looks:
        said = meaning_of(one.name).said
        is_taken = targets.get(one.name) not in (None, *PRICES, "unit_cost")
        if is_taken or not one.is_number or one.kind == "percent" or said & set(NO_PRICE):
            continue
        if said & {"price", "total", "cost"}:
            found.append(one)
    return found


def prove(looks: Sequence[Look], targets: Mapping[str, str]) -> Prices:
    """What rows of several pieces prove of each column of money."""
    found = Prices()
    by_target = {t: one for one in looks if (t := targets.get(one.name))}
    if "quantity" not in by_target:
        return found
    pieces = np.where(has_product(looks, targets), numbers_of(by_target["quantity"]), np.nan)
    some = candidates(looks, targets)
    values = {one.name: numbers_of(one) for one in some}
    _by_totals(found, values, pieces, _discounts(looks))
    product = by_target.get("product_id") or by_target.get("product_name")
    for one in some:
        if product is not None and one.name not in {*found.of_piece, *found.of_line}:
            _by_product(found, one.name, values[one.name], pieces, product.texts)
    return found


def _discounts(looks: Sequence[Look]) -> dict[str, tuple[Numbers, bool]]:
    """Columns of discounts as numbers above 0, and whether they are shares."""
    found = {}
    for one in looks:
        if one.is_number and says(one.name, "discount"):
            values = np.abs(np.nan_to_num(numbers_of(one)))
            is_share = one.kind == "percent" or says(one.name, "percent")
            if is_share and values.max(initial=0) > 1:
                values = values / 100
            found[one.name] = (values, is_share)
    return found


def _by_totals(
    found: Prices,
    values: Mapping[str, Numbers],
    pieces: Numbers,
    discounts: Mapping[str, tuple[Numbers, bool]],
) -> None:
    """A column that is another times the pieces, less a discount or not."""
    for price, of_piece in values.items():
        for total, of_line in values.items():
            if price == total:
                continue
            product = of_piece * pieces
            less = {"": product} | {
                f" less {d}": product * (1 - v) if is_share else product - v
                for d, (v, is_share) in discounts.items()
            }
            # the reading that most rows keep: a discount that few rows have is not overlooked
            kept = {n: int((np.abs(of_line - made) <= HALF_A_CENT).sum())
                    for n, made in less.items()}  # fmt: skip
            for named in sorted(less, key=lambda n: -kept[n]):
                told = ~np.isnan(of_line) & ~np.isnan(less[named])
                several = told & (np.abs(pieces) > 1) & (of_line != 0)
                holds = np.abs(of_line - less[named]) <= HALF_A_CENT
                if several.any() and holds[told].mean() >= NEARLY_ALL and holds[several].all():
                    count = (
                        f"in {holds[told].sum()} rows, {several.sum()} of them of several pieces"
                    )
                    about = f"{total} = pieces x {price}{named} {count}"
                    found.of_piece.setdefault(price, about)
                    found.of_line.setdefault(total, about)
                    if named and discounts[named.removeprefix(" less ")][0].any():
                        by = named.removeprefix(" less ")
                        found.discounts.setdefault(by, about)
                        found.is_share[by] = discounts[by][1]
                        found.after_discount.append(total)
                    break


def _by_product(
    found: Prices, name: str, values: Numbers, pieces: Numbers, products: pl.Series
) -> None:
    """The same product in several quantities: its price stays, or grows with the pieces.

    Prices change in time, so a row speaks for a reading if any row of the product with other
    pieces has the same price in it.
    """
    frame = pl.DataFrame({"product": products, "value": values, "pieces": np.abs(pieces)})
    frame = frame.filter(
        pl.col("value").is_finite() & (pl.col("pieces") > 0) & (pl.col("value") != 0)
    )
    several = frame.with_columns(
        pl.col("value").round(2).alias("stays"),
        (pl.col("value") / pl.col("pieces")).round(2).alias("grows"),
    )
    rows = pl.col("pieces") > 1
    of_product = pl.col("pieces").n_unique()
    told = several.with_columns(
        (of_product.over("product", reading) > 1).alias(f"is_{reading}")
        for reading in ("stays", "grows")
    ).filter(rows & (pl.col("is_stays") != pl.col("is_grows")))
    if told["product"].n_unique() < LEAST_PRODUCTS:
        return
    share = int(told["is_grows"].sum()) / told.height
    about = f"{told.height} rows of several pieces of {told['product'].n_unique()} products"
    if share >= MOSTLY:
        found.of_line[name] = f"it grows with the pieces in {told['is_grows'].sum()} of {about}"
    elif share <= 1 - MOSTLY:
        found.of_piece[name] = f"it stays the same in {told['is_stays'].sum()} of {about}"


def settle(looks: Sequence[Look], targets: dict[str, str], proven: Prices) -> str:
    """Give price and line total their column; one that a person has to be asked about is told.

    Names that say the price of a piece, or the total of a line, are believed unless the sample
    proves the contrary. ``targets`` is changed.
    """
    for name in [n for n, t in targets.items() if t in PRICES]:
        del targets[name]
    ranked = {one.name: _rank(one, proven) for one in candidates(looks, targets)}
    best = max(ranked, key=ranked.__getitem__, default="")
    if not best or ranked[best] <= 0:
        return ""
    by_name = targets_of(best, "order_lines")
    is_of_line = by_name.get("line_total", 0) > by_name.get("unit_price", 0)
    if best in proven.of_line:
        targets[best] = "line_total"
    elif best in proven.of_piece or "quantity" not in targets.values():
        targets[best] = "unit_price"
    else:
        targets[best] = "line_total" if is_of_line else "unit_price"
        sure = ("line", "total") if is_of_line else ("unit", "price")
        return "" if says(best, *sure) else best
    return ""


def _rank(one: Look, proven: Prices) -> float:
    """How well a column serves as the money of a line: its name, and what is proven of it."""
    said = meaning_of(one.name).said
    by_name = targets_of(one.name, "order_lines")
    if said & {"order", "invoice"} and not said & {"line", "product"}:
        by_name.pop("line_total", None)  # an order's total is of no line
    rank = max(by_name.get("unit_price", 0.0), 0.9 * by_name.get("line_total", 0.0))
    if one.name in proven.of_piece and places_of(one) <= MOST_PLACES:
        rank += 2.5  # a price of the piece says more than the total made of it
    elif one.name in proven.of_line and by_name.get("line_total"):
        rank += 1.5
    return rank


def places_of(one: Look) -> int:
    """The most decimals that a value has."""
    behind = one.texts.drop_nulls().str.extract(r"[.,](\d+)\D*$").str.strip_chars_end("0")
    return max((len(text) for text in behind.drop_nulls().unique()), default=0)
