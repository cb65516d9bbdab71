"""Causes in words: a sentence for a shop owner, and orders as examples.

What belongs here: what is said of each cause. What does not: money (``explain``), layout
(``tell``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import polars as pl

from ecorse.clean.numbers import SCALE
from ecorse.reports.reconcile.amounts import GROUPS, ORDERS, local_date
from ecorse.reports.reconcile.beyond import CURRENCY, LEFT_OUT, REJECTED, REPEATED
from ecorse.reports.reconcile.expect import Setting, counts_orders
from ecorse.reports.reconcile.explain import (
    IN_NO_FILE,
    REFUND_DATE,
    REFUND_DAY_UNKNOWN,
    ROUNDING,
    TIME_ZONE,
    Cause,
)
from ecorse.reports.reconcile.run import Reconciled

EXAMPLES = 3


class Told(NamedTuple):
    """A cause as it is told: a short title, a sentence, and examples."""

    title: str
    sentence: str
    examples: list[str]


def money(amount: int) -> str:
    """Whole ten-thousandths as money: to the cent, or further where there is more."""
    value = Decimal(int(amount)).scaleb(-SCALE)
    return f"{value:,.2f}" if amount % 100 == 0 else f"{value:,.4f}"


def describe(found: Reconciled, cause: Cause) -> Told:
    """Say what a cause is."""
    kind, _, which = cause.name.partition(":")
    title, sentence = _said(found, cause, kind, which)
    return Told(title, sentence, _examples(found, cause))


def _said(found: Reconciled, cause: Cause, kind: str, which: str) -> tuple[str, str]:
    shop_zone, currency = found.base.zone, found.shop.currency
    if kind == TIME_ZONE:
        zone = cause.setting.zone
        others = found.sharing.get(zone, 1) - 1
        alike = f", or another of {others} zones whose clock was the same" if others else ""
        return "Time zone", (
            f"The report's days are those of {zone}{alike}; the shop's are those of {shop_zone}."
        )
    if kind == REFUND_DATE:
        on = "the day of their order" if cause.setting.calendar == "order_date" else "their own day"
        return "Refund date", f"The report counts refunds on {on}."
    if kind == REFUND_DAY_UNKNOWN:
        return "Refunds without a day", (
            "The files tell no day for these refunds, and of partial ones not what they were for; "
            "they are on their order's day here. In the report they are on their own day, parted "
            f"into goods, shipping and tax. {_over_the_period(found)}"
        )
    if kind in GROUPS:
        return _counted_in(found, cause, kind)
    if kind == IN_NO_FILE:
        return "In no file", (
            f"The report has {_orders(found, cause)} that no loaded file has. Export these days "
            "once more and load the file."
        )
    if kind == ROUNDING:
        return "Rounding", "The report has whole cents per day."
    return _of_pool(kind, which, currency, is_in=cause.name in cause.setting.pools)


def _over_the_period(found: Reconciled) -> str:
    if found.explained.left_undated:
        return (
            "Over the whole period it is not the same money: refunds of earlier orders, or given "
            "back later, cannot be traced by their amounts. A report of a longer period tells more."
        )
    if found.traced is None:
        return "Over the whole period it is the same money."
    later, earlier = (sum(r.amount for r in those) for those in
                      (found.traced.later, found.traced.earlier))  # fmt: skip
    return (
        f"Traced by their amounts: {len(found.traced.later)} ({money(later)}) of orders of the "
        f"period are in no day of it, and {len(found.traced.earlier)} ({money(earlier)}) in it are "
        "of earlier orders."
    )


def _counted_in(found: Reconciled, cause: Cause, group: str) -> tuple[str, str]:
    name = group.replace("_", " ").capitalize()
    by_name = {figure.name: figure for figure in found.report.figures}
    turned = sorted(f for f, g in cause.setting.turned if g == group)
    taken = [f for f in turned if group in by_name[f].holds.parts]
    added = [f for f in turned if f not in taken]
    said = []
    if added:
        said.append(f"counts {name.lower()} in {', '.join(added)}")
    if taken:
        said.append(f"leaves {name.lower()} out of {', '.join(taken)}")
    how = "counted in" if not taken else "left out" if not added else "counted otherwise"
    return f"{name} {how}", f"The report {' and '.join(said)}."


def _of_pool(kind: str, which: str, currency: str, *, is_in: bool) -> tuple[str, str]:
    said = {
        LEFT_OUT: (
            f"Left out: {which.replace('_', ' ')}",
            f"Rows that the mapping leaves out under {which!r} are in the report.",
        ),
        REPEATED: (
            "Equal lines",
            "Rows that equal an earlier one of their file were dropped as repeats; the report "
            'counts them. If they are lines of their own, declare repeats = "keep" or a line_key.',
        ),
        REJECTED: (
            f"Rejected: {which}",
            f"Rows that were set aside by rule {which!r} are in the report. Mend the mapping or "
            "the file, then `ecorse replay`.",
        ),
        CURRENCY: (
            f"Orders in {which}",
            f"Orders in {which} are in the report, added as if they were {currency}; here they "
            "are set aside.",
        ),
        "cancelled": (
            "Orders called off",
            "Orders that were called off are in the report, as a sale and its return."
            if is_in
            else "Orders that were called off are in no figure of the report; here they are a "
            "sale and its return.",
        ),
    }
    return said[kind]


def _orders(found: Reconciled, cause: Cause) -> str:
    counted = counts_orders(found.report)
    if counted is None:
        return "days"
    many = int(cause.adds[counted.name].sum()) // 10**SCALE
    return f"{many:,} order{'s' if many != 1 else ''}"


def _examples(found: Reconciled, cause: Cause) -> list[str]:
    """Orders that the cause is about, those with the most money first."""
    kind = cause.name.partition(":")[0]
    amounts, zone = found.amounts, cause.setting.zone
    day = local_date("at", "at_date", zone)
    if kind in (ROUNDING, IN_NO_FILE):
        return []
    if kind == TIME_ZONE:
        return _other_days(found, cause)
    if kind == REFUND_DATE:
        own = local_date("back_at", None, zone)
        rows = amounts.filter(pl.col("back_at").is_not_null(), own != day)
        return _listed(rows, day, own)
    if kind == REFUND_DAY_UNKNOWN:
        return _listed(amounts.filter(~pl.col("is_dated")), day)
    if kind in GROUPS:
        return _listed(amounts.filter(pl.col("part").is_in([kind, f"{kind}_back"])), day)
    return _listed(amounts.filter(pl.col("pool") == cause.name), day)


def _listed(rows: pl.DataFrame, day: pl.Expr, other: pl.Expr | None = None) -> list[str]:
    rows = rows.filter(pl.col("part") != ORDERS)
    by_order = (
        rows.with_columns(day.alias("_day"), (other if other is not None else day).alias("_other"))
        .group_by("order_id", "_day", "_other")
        .agg(pl.col("amount").sum())
        .sort(pl.col("amount").abs(), "order_id", descending=[True, False])
    )
    return [
        f"order {order} of {on}: {money(amount)}" + (f", given back {back}" if back != on else "")
        for order, on, back, amount in by_order.head(EXAMPLES).iter_rows()
    ]


def _other_days(found: Reconciled, cause: Cause) -> list[str]:
    """Orders that are on another day by the report's clock."""
    before: Setting = cause.before
    here, there = (local_date("at", "at_date", s.zone) for s in (before, cause.setting))
    clock = pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone(before.zone)
    rows = (
        found.amounts.filter(pl.col("part") == ORDERS, pl.col("pool").is_in(list(before.pools)))
        .filter(here != there)
        .sort("at", "order_id")
        .select("order_id", clock.dt.strftime("%Y-%m-%d %H:%M"), there.alias("there"))
    )
    return [
        f"order {order} of {at} is on {on} in the report"
        for order, at, on in rows.head(EXAMPLES).iter_rows()
    ]
