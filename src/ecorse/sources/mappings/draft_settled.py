"""What the rows of a sample settle about money: the price's column and what stands beside it.

What belongs here: putting together what ``draft_prices`` and ``draft_money`` prove. What does not:
the proofs, and how a draft is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_money import (
    Money,
    differs_within_orders,
    goods_of,
    look_at,
)
from ecorse.sources.mappings.draft_prices import (
    HALF_A_CENT,
    Prices,
    candidates,
    numbers_of,
    prove,
)
from ecorse.sources.mappings.draft_prices import settle as settle_price
from ecorse.sources.mappings.draft_roles import Roles
from ecorse.sources.mappings.draft_words import meaning_of, targets_of

DISCOUNTS = ("discount_amount", "discount_share")


@dataclass(frozen=True)
class Asked:
    """A column of two readings: the question, and a target for each reading ("" for none)."""

    sentence: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Settled:
    """Roles after the sample was asked about money; ``asked`` and ``evidence`` by column name."""

    roles: Roles
    money: Money = field(default_factory=Money)
    asked: dict[str, Asked] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)


def settle(looks: Sequence[Look], roles: Roles) -> Settled:
    """Which column is the money of a line, and what stands beside it, as far as it is proven."""
    if roles.table != "order_lines":
        return Settled(roles)
    targets = dict(roles.targets)
    asked: dict[str, Asked] = {}
    evidence: dict[str, str] = {}
    proven = prove(looks, targets)
    price = settle_price(looks, targets, proven)
    if price:
        _by_total(looks, targets, price, asked, evidence)
    _with_discount(targets, proven)
    for name, target in targets.items():
        if target == "unit_price" and name in proven.of_piece:
            evidence[name] = f"the price of one piece: {proven.of_piece[name]}"
        elif target == "line_total" and name in proven.of_line:
            evidence[name] = f"the money of the line: {proven.of_line[name]}"
    for name in [n for n, t in targets.items() if t in DISCOUNTS]:
        _discount(looks, targets, name, proven, asked, evidence)
    money = look_at(looks, targets)
    _unexplained(looks, targets, money, asked)
    return Settled(replace(roles, targets=targets), money, asked, evidence)


def _with_discount(targets: dict[str, str], proven: Prices) -> None:
    """A discount that a line's total proves fills its target, and so does that total."""
    price = next((n for n, t in targets.items() if t == "unit_price"), "")
    of_price = {n: s for n, s in proven.discounts.items() if f" x {price} less " in s}
    if not price or not of_price:  # a discount off another price is in this one already
        return
    for name in of_price:
        target = "discount_share" if proven.is_share[name] else "discount_amount"
        if target not in targets.values():
            targets.setdefault(name, target)
    for total in proven.after_discount:
        if "line_total" not in targets.values():
            targets.setdefault(total, "line_total")


def _unexplained(
    looks: Sequence[Look], targets: dict[str, str], money: Money, asked: dict[str, Asked]
) -> None:
    """A total of the line that fills no target and differs from pieces x price is asked about."""
    goods = goods_of(looks, targets)
    if goods is None or "unit_price" not in targets.values() or "line_total" in targets.values():
        return
    for one in candidates(looks, targets):
        said = meaning_of(one.name).said
        if one.name in targets or one.name == money.total_name or "total" not in said:
            continue
        is_line = "line" in said or said >= {"product", "total"}
        if not targets_of(one.name, "order_lines").get("line_total") or not (
            is_line or differs_within_orders(one, looks, targets)
        ):
            continue
        total = numbers_of(one)
        differ = np.abs(total - goods) > HALF_A_CENT
        told = ~np.isnan(total) & ~np.isnan(goods)
        if differ.any():
            first = int(np.flatnonzero(differ)[0])
            asked[one.name] = Asked(
                f"{one.name!r} is not pieces x price (less discount) in {differ.sum()} of "
                f"{told.sum()} rows (sampled row {first + 1}: {total[first]:g}, not "
                f"{goods[first]:g}). Is it the money of the line? The sample does not tell",
                ("line_total", ""),
            )


def _by_total(
    looks: Sequence[Look],
    targets: dict[str, str],
    price: str,
    asked: dict[str, Asked],
    evidence: dict[str, str],
) -> None:
    """Which reading of a price makes the orders' totals; a question where both or none do."""
    as_piece = look_at(looks, targets | {price: "unit_price"})
    as_line = look_at(looks, targets | {price: "line_total"})
    if as_piece.orders_held == as_line.orders_held:
        asked[price] = Asked(
            f"is {price!r} the price of one piece, or the money of the line? "
            "The sample does not tell",
            ("unit_price", "line_total"),
        )
        return
    is_piece = as_piece.orders_held > as_line.orders_held
    targets[price] = "unit_price" if is_piece else "line_total"
    better, other = (as_piece, as_line) if is_piece else (as_line, as_piece)
    what = "price of one piece" if targets[price] == "unit_price" else "money of the line"
    evidence[price] = f"the {what}: {better.total}; otherwise in {other.orders_held}"


def _discount(
    looks: Sequence[Look],
    targets: dict[str, str],
    name: str,
    proven: Prices,
    asked: dict[str, Asked],
    evidence: dict[str, str],
) -> None:
    """Whether a line's discount is taken off its price, or is in the price already."""
    if name in proven.discounts:
        evidence[name] = f"taken off its line: {proven.discounts[name]}"
        return
    without = {n: t for n, t in targets.items() if n != name}
    with_it, without_it = look_at(looks, targets), look_at(looks, without)
    is_of_line = "line_total" in targets.values()
    is_part = any(part.name == name and part.in_total for part in without_it.parts)
    if is_part and is_of_line:
        del targets[name]  # the line's total is before it: it is a line of its own
    elif is_part or (with_it.orders_held > without_it.orders_held and not is_of_line):
        evidence[name] = f"taken off its line: {(without_it if is_part else with_it).total}"
    elif without_it.orders_held > with_it.orders_held:
        del targets[name]  # then it is a line of its own, or in the price already
    else:
        told = (
            f"is {name!r} in the line's money already? If it is still to be taken off, use "
            '[[also]] with kind = "discount", sign = "-"'
            if is_of_line
            else f"is {name!r} still to be taken off the line's price? If the price has it "
            "already, it fills no target"
        )
        asked[name] = Asked(told, (targets[name], ""))
