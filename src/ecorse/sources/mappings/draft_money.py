"""Money beside the goods of an order: which columns are it, and what the sample proves of each.

What belongs here: kinds of money by name; whether a value is said once per order; which amounts
make the order's total. What does not: the price of the goods (``draft_prices``), how it is written
(``draft_beside``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import polars as pl

from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_prices import HALF_A_CENT, Numbers, has_product, numbers_of
from ecorse.sources.mappings.draft_words import meaning_of, says

# the first meaning of a name that stands here is its kind: shipping's tax is tax
KINDS = {
    "refund": ("refund", "-"), "tax": ("tax", "+"), "duty": ("tax", "+"),
    "discount": ("discount", "-"), "tip": ("tip", "+"), "gift_card": ("gift_card", "+"),
    "shipping": ("shipping", "+"), "insurance": ("fee", "+"), "wrap": ("fee", "+"),
    "fee": ("fee", "+"),
}  # fmt: skip
NO_AMOUNT = {
    "percent",
    "quantity",
    "id",
    "date",
    "time",
    "rate",
    "measure",
    "status",
    "profit",
    "kind",
}
LEAST_ORDERS = 3
NEARLY_ALL = 0.95  # of the orders: cancelled ones and other currencies follow rules of their own
MOST_PARTS = 9


@dataclass
class Part:
    """A column of money beside the goods.

    ``scope``: ``order`` where it is proven to be said once per order, ``row`` where rows of one
    order state others, empty where nothing tells. ``evidence`` and ``against`` are for a person.
    ``in_total``: whether the order's total holds it; None where no total tells.
    """

    name: str
    kind: str
    sign: str
    values: Numbers
    per_order: Numbers
    scope: str = ""
    is_on_first_line: bool = False
    is_zero_below: bool = False
    evidence: str = ""
    against: str = ""
    in_total: bool | None = None
    same_as: str = ""


@dataclass
class Money:
    """Every part, and the total that they make with the goods, in words; empty where none does.

    ``orders_held`` is in how many orders they do.
    """

    parts: list[Part] = field(default_factory=list)
    total: str = ""
    total_name: str = ""
    orders_held: int = 0


def kind_of(one: Look) -> tuple[str, str] | None:
    """The kind of money that a column has beside the goods, and its sign."""
    said = meaning_of(one.name).said
    if one.kind == "percent" or not one.is_number or said & NO_AMOUNT or one.questions:
        return None
    found = next((KINDS[m] for m in KINDS if m in said), None)
    if found is not None and found[1] == "-":
        numbers = numbers_of(one)
        if np.nanmax(numbers, initial=0) <= 0 and np.nanmin(numbers, initial=0) < 0:
            return found[0], "+"  # stated below zero already
    return found


def look_at(looks: Sequence[Look], targets: Mapping[str, str]) -> Money:
    """What the sample says of money beside the goods."""
    found = Money()
    order = next((k for k in looks if targets.get(k.name) == "order_id"), None)
    if order is None or not order.rows:
        return found
    orders = order.texts.fill_null("").rank("dense").to_numpy().astype(np.int64) - 1
    for one in looks:
        kind = kind_of(one) if one.name not in targets else None
        values = numbers_of(one)
        if kind is None or not np.nan_to_num(values).any():
            continue
        part = Part(one.name, *kind, values, values)
        _scope(part, orders, order.texts)
        _per_order(part, orders)
        found.parts.append(part)
    _total(found, _different(found.parts)[:MOST_PARTS], looks, targets, orders)
    return found


def _scope(part: Part, orders: np.ndarray, names: pl.Series) -> None:
    """Whether a value is said once per order: by the orders of several rows."""
    frame = pl.DataFrame({"order": orders, "name": names, "value": part.values}).with_columns(
        pl.col("value").fill_nan(None)
    )
    each = frame.group_by("order", maintain_order=True).agg(
        pl.col("name").first(),
        pl.len().alias("rows"),
        pl.col("value"),
        pl.col("value").drop_nulls().n_unique().alias("different"),
        pl.col("value").null_count().alias("empty"),
        pl.col("value").first().is_not_null().alias("is_first"),
        (pl.col("value").fill_null(0) != 0).any().alias("is_some"),
    )  # fmt: skip
    several = each.filter((pl.col("rows") > 1) & pl.col("is_some"))
    on_first = several.filter(pl.col("is_first") & (pl.col("empty") == pl.col("rows") - 1))
    same = several.filter((pl.col("empty") == 0) & (pl.col("different") == 1))
    others = several.filter(~pl.col("order").is_in([*on_first["order"], *same["order"]]))
    below = pl.col("value").list.slice(1).list.eval(pl.element().fill_null(0) != 0).list.any()
    if several.height >= LEAST_ORDERS and not several.filter(below).height and others.height:
        part.scope, part.is_zero_below = "order", True
        part.evidence = f"0 below the first row of {several.height} orders of several rows"
    elif others.height:
        part.scope = "row"
        shown = ", ".join("" if v is None else f"{v:g}" for v in others["value"][0].head(4))
        part.against = f"the rows of {others['name'][0]} have {shown}"
    elif several.height and on_first.height == several.height:
        part.scope, part.is_on_first_line = "order", True
        part.evidence = f"on the first row alone of {several.height} orders of several rows"
    elif several.height and same.height == several.height:
        enough = several.height >= LEAST_ORDERS
        part.scope = "order" if enough else ""
        part.evidence = f"the same on every row of {several.height} orders of several rows"
        part.against = "" if enough else f"only {several.height} orders of the sample could tell"
    else:
        part.against = "no order of the sample has several rows and such an amount"
        if several.height:
            part.against = "some orders say it on every row, some on the first"


def differs_within_orders(one: Look, looks: Sequence[Look], targets: Mapping[str, str]) -> bool:
    """Whether rows of one order state different amounts in a column: it is no order's total."""
    order = next((k for k in looks if targets.get(k.name) == "order_id"), None)
    if order is None:
        return False
    frame = pl.DataFrame({"order": order.texts, "value": one.read()}).drop_nulls()
    return bool((frame.group_by("order").agg(pl.col("value").n_unique())["value"] > 1).any())


def _per_order(part: Part, orders: np.ndarray) -> None:
    values = np.nan_to_num(part.values)
    count = int(orders.max()) + 1
    if part.scope == "row":
        part.per_order = np.bincount(orders, values, count).astype(np.float64)
        return
    first = np.zeros(count)
    first[orders[::-1]] = values[::-1]
    part.per_order = first


def _total(
    found: Money,
    parts: Sequence[Part],
    looks: Sequence[Look],
    targets: Mapping[str, str],
    orders: np.ndarray,
) -> None:
    """A column that is the goods of an order and some of the parts, in nearly every order."""
    goods = goods_of(looks, targets)
    if goods is None:
        return
    count = int(orders.max()) + 1
    per_order = np.bincount(orders, np.nan_to_num(goods), count)
    signed = [(-1 if p.sign == "-" else 1) * p.per_order for p in parts]
    best: tuple[int, int] = (-1, 0)  # parts and orders: the total that tells of most parts
    chosen: tuple[bool, ...] = ()
    for one in looks:
        if one.name in targets or not one.is_number or not says(one.name, "total") or kind_of(one):
            continue
        total = Part(one.name, "", "+", numbers_of(one), goods)
        _scope(total, orders, pl.Series(orders).cast(pl.String))
        if total.scope == "row":
            continue
        _per_order(total, orders)
        fit = _best_fit(total.per_order - per_order, signed)
        if fit is not None and (sum(fit[0]), fit[1]) > best:
            chosen, found.total_name, best = fit[0], one.name, (sum(fit[0]), fit[1])
    if not found.total_name:
        return
    named = ""
    for part, is_in in zip(parts, chosen, strict=True):
        part.in_total = is_in
        if is_in:
            named += f" {part.sign} {part.name}"
            part.scope = part.scope or "order"
    found.orders_held = best[1]
    found.total = f"{found.total_name} = goods{named} in {best[1]} of {count} orders"


def _best_fit(rest: Numbers, signed: Sequence[Numbers]) -> tuple[tuple[bool, ...], int] | None:
    """The parts that make what a total has beside the goods, and in how many orders they do.

    A part belongs to it if more orders hold with it than without.
    """
    best: tuple[int, int, tuple[bool, ...]] = (0, 0, ())
    for some in product((False, True), repeat=len(signed)):
        made = sum((v for v, c in zip(signed, some, strict=True) if c), np.zeros(len(rest)))
        holds = int((np.abs(rest - made) <= HALF_A_CENT).sum())
        if holds >= max(NEARLY_ALL * len(rest), LEAST_ORDERS):
            best = max(best, (holds, -sum(some), some), key=lambda fit: fit[:2])
    return (best[2], best[0]) if best[0] else None


def _different(parts: Sequence[Part]) -> list[Part]:
    """The parts without those that say the money of one before; these are told so."""
    kept: list[Part] = []
    for part in parts:
        same = next(
            (p for p in kept if p.kind == part.kind and np.allclose(p.per_order, part.per_order)),
            None,
        )
        if same is None:
            kept.append(part)
        else:
            part.same_as = same.name
    return kept


def goods_of(looks: Sequence[Look], targets: Mapping[str, str]) -> Numbers | None:
    """The money of each row's goods by the targets it fills; None where they do not say it."""
    by_target = {t: numbers_of(one) for one in looks if (t := targets.get(one.name))}
    rows = has_product(looks, targets)
    if "line_total" in by_target:
        return np.where(rows, by_target["line_total"], 0.0)
    if "unit_price" not in by_target:
        return None
    pieces = by_target.get("quantity", np.ones(len(looks[0].texts)))
    less = np.nan_to_num(by_target["discount_amount"]) if "discount_amount" in by_target else 0.0
    share = np.nan_to_num(by_target["discount_share"]) if "discount_share" in by_target else 0.0
    return np.where(rows, by_target["unit_price"] * pieces * (1 - share) - less, 0.0)
