"""Which table a file's rows are for, and which column fills which target.

What belongs here: deciding between columns, by their names and values. What does not: one name
(``draft_words``), one column's values (``draft_values``), the text of a draft (``draft``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_statuses import known_share
from ecorse.sources.mappings.draft_times import epoch_of
from ecorse.sources.mappings.draft_words import says, targets_of

NUMBERS = {"quantity", "unit_price", "line_total", "discount_amount", "discount_share", "unit_cost",
           "price", "cost", "rating"}  # fmt: skip
TIMES = {"ordered_local", "event_at", "refunded_local"}
IDS = {"order_id", "product_id", "customer_id", "session_id"}
# what a table's targets are worth to a file's being of that table
WORTH: dict[str, dict[str, float]] = {
    "order_lines": {"order_id": 3, "product_id": 1.5, "product_name": 1.5, "quantity": 2,
                    "unit_price": 1.5, "line_total": 1, "ordered_local": 1, "status": 0.5},
    "events": {"event_type": 4, "event_at": 2, "rating": 4, "query": 2.5, "session_id": 2,
               "product_id": 1, "customer_id": 1},
    "products": {"product_id": 2, "product_name": 1.5, "price": 1, "description": 2, "image_uri": 2,
                 "brand": 1, "category": 1, "cost": 1},
    "customers": {"customer_id": 3},
}  # fmt: skip
ABOUT_PEOPLE = (("email",), ("city",), ("country",), ("postal",), ("region",), ("street",),
                ("address",), ("customer", "name"), ("name",), ("year",))  # fmt: skip
IS_KEY = 0.98


@dataclass(frozen=True)
class Roles:
    """What was decided: the table, target by column name, and what a person is asked about it."""

    table: str
    targets: Mapping[str, str]
    question: str = ""


def decide(looks: Sequence[Look], table: str | None = None) -> Roles:
    """The table that fits the columns best, with their targets; or those of the given table."""
    if table is not None:
        return Roles(table, assign(looks, table))
    scores = {name: (_worth(looks, name), assign(looks, name)) for name in WORTH}
    ordered = sorted(scores, key=lambda name: -scores[name][0])
    best, second = ordered[0], ordered[1]
    question = ""
    if scores[best][0] - scores[second][0] < 1:
        question = f"are these {second.replace('_', ' ')}? They fit nearly as well as {best}"
    return Roles(best, scores[best][1], question)


def _worth(looks: Sequence[Look], table: str) -> float:
    """How much speaks for a table."""
    filled = {one.name for one in looks if one.rows}
    targets = {name: t for name, t in assign(looks, table).items() if name in filled}
    given = set(targets.values())
    worth = sum(WORTH[table].get(target, 0.2) for target in given)
    columns = {target: next(k for k in looks if targets.get(k.name) == target) for target in given}
    orders = assign(looks, "order_lines")
    has_order = "order_id" in orders.values() and any(
        says(name, "order") or says(name, "invoice")
        for name, t in orders.items()
        if t == "order_id"
    )
    if table == "order_lines":
        if not has_order:
            worth -= 3
        if not given & {"quantity", "unit_price", "line_total"}:
            worth -= 2
        if not given & {"product_id", "product_name"}:
            worth -= 2
    if table == "events" and not given & {"event_type", "rating", "query"}:
        worth -= 3
    if table in ("products", "customers"):
        key = columns.get("product_id" if table == "products" else "customer_id")
        if key is None:
            worth -= 3
        elif key.distinct_share >= IS_KEY:
            worth += 1
        else:
            worth -= 3
        if has_order:
            worth -= 4
    if table == "products" and not given & {
        "product_name",
        "price",
        "description",
        "image_uri",
        "brand",
        "category",
    }:
        worth -= 2
    if table == "products" and any(says(k.name, "customer") for k in looks):
        worth -= 2
    if table == "customers":
        about = sum(any(says(k.name, *words) for k in looks) for words in ABOUT_PEOPLE)
        worth += min(0.5 * about, 3)
        if any(says(k.name, "product") or says(k.name, "price") for k in looks):
            worth -= 3
    return worth


def assign(looks: Sequence[Look], table: str) -> dict[str, str]:
    """Target by column name: the best fitting pairs first, each column and target once."""
    pairs: list[tuple[float, int, str, str]] = []
    for place, one in enumerate(looks):
        for target, score in targets_of(one.name, table).items():
            fit = score * _fits(one, target)
            if fit > 0:
                pairs.append((fit, -place, one.name, target))
    found: dict[str, str] = {}
    for _, _, name, target in sorted(pairs, reverse=True):
        if name not in found and target not in found.values():
            found[name] = target
    return found


def _fits(one: Look, target: str) -> float:
    """Whether a column's values can be a target's: 0 if they cannot."""
    if not one.rows:
        return 0.3
    if target in NUMBERS:
        return 1.0 if one.is_number else 0.0
    if target in TIMES:
        if one.kind == "time":
            return 0.0
        if one.kind in ("timestamp", "date"):
            return 1.0
        return 1.0 if epoch_of(one.texts.drop_nulls()) else 0.0
    if target in IDS:
        if one.kind in ("timestamp", "boolean", "percent", "time"):
            return 0.0
        return 0.9 if one.kind == "decimal" else 1.0
    if target in ("customer_email",):
        return 1.0 if one.texts.str.contains("@").sum() > 0.5 * one.rows else 0.0
    if target in ("status", "region") and says(one.name, "state"):
        # a state is a place or a status: its words tell
        is_status = known_share(one.texts, "status") > 0.3 or says(one.name, "order")
        return 1.0 if is_status == (target == "status") else 0.0
    if target == "event_type" and not says(one.name, "event"):
        # any column may be named type: its words tell
        return 1.0 if known_share(one.texts, target) > 0.3 else 0.0
    if target in ("status", "event_type", "currency", "platform", "country"):
        if one.kind in ("timestamp", "decimal", "time"):
            return 0.0
        few = one.texts.n_unique() <= max(60, 0.2 * one.rows)
        return 1.0 if few else 0.4
    if target in ("product_name", "description", "category", "brand"):
        return 0.7 if one.is_number else 0.0 if one.kind in ("timestamp", "time") else 1.0
    return 0.0 if one.kind in ("timestamp", "time") and target != "query" else 1.0
