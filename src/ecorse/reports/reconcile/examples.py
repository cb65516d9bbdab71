"""Orders as examples of a cause: such as count under it, on days on which it makes a difference.

What belongs here: choosing and writing them. What does not: what is said of a cause (``causes``).
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from ecorse.reports.reconcile.amounts import CANCELLED, GROUPS, ORDERS, money
from ecorse.reports.reconcile.beyond import NO_ORDER
from ecorse.reports.reconcile.cause import (
    IN_NO_FILE,
    PAID_OUT,
    REFUND_DATE,
    ROUNDING,
    TIME_ZONE,
    Cause,
)
from ecorse.reports.reconcile.daily import local_date
from ecorse.reports.reconcile.expect import ORDER_DATE, PAYOUT_DATE, UNDATED, Setting
from ecorse.reports.reconcile.run import Reconciled

EXAMPLES = 3


def examples(found: Reconciled, cause: Cause) -> list[str]:
    """Orders that the cause is about, those with the most money first."""
    kind = cause.name.partition(":")[0]
    if kind in (ROUNDING, IN_NO_FILE):
        return []
    placed = order_day(cause.setting)
    if kind == TIME_ZONE:
        return _other_days(found, cause)
    if kind in (REFUND_DATE, PAID_OUT):
        rows = counting(found, cause.setting)
        moved = day_of(cause.before).ne_missing(day_of(cause.setting))
        return _listed(_on_days(found, cause, rows.filter(moved)), placed, day_of(cause.setting),
                       "paid out" if kind == PAID_OUT else "given back")  # fmt: skip
    if kind in UNDATED:
        named = {c.name for c in found.explained.causes}
        those = {kind} if named >= UNDATED else set(cause.setting.free)
        rows = counting(found, cause.setting).filter(pl.col("undated").is_in(list(those)))
    elif kind in GROUPS:
        rows = counting(found, cause.setting).filter(pl.col("part").is_in([kind, f"{kind}_back"]))
    else:
        rows = found.amounts.filter(pl.col("pool") == cause.name)
    if kind == CANCELLED:  # the sale: with its return it is nothing
        rows = rows.filter(pl.col("part") != "returns", ~pl.col("part").str.ends_with("_back"))
    return _listed(_on_days(found, cause, rows), placed, placed, "")


def counting(found: Reconciled, setting: Setting) -> pl.DataFrame:
    """The amounts that count under a setting, on the days of the report."""
    rows = found.amounts.filter(pl.col("pool").is_in(list(setting.pools)), pl.col("part") != ORDERS)
    days = found.report.days
    if days is None:
        return rows
    is_in = pl.any_horizontal(
        one.is_between(days.first, days.last) for one in (order_day(setting), day_of(setting))
    )
    return rows.filter(is_in)


def paid_elsewhen(found: Reconciled, cause: Cause) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Amounts of the report's days that are paid out outside of them, or not yet; and others."""
    days = found.report.days
    assert days is not None  # a report with payouts has days
    rows = counting(found, cause.setting)
    before, paid = (
        day_of(setting).is_between(days.first, days.last).fill_null(False)
        for setting in (cause.before, cause.setting)
    )
    return rows.filter(before & ~paid), rows.filter(~before & paid)


def order_day(setting: Setting) -> pl.Expr:
    """The day of an amount's order."""
    return local_date("at", "at_date", setting.zone)


def day_of(setting: Setting) -> pl.Expr:
    """The day on which an amount counts under a setting, as far as the files tell it."""
    if setting.calendar == PAYOUT_DATE:
        return pl.col("paid_date")
    if setting.calendar == ORDER_DATE:
        return order_day(setting)
    return pl.coalesce(local_date("back_at", None, setting.zone), order_day(setting))


def _on_days(found: Reconciled, cause: Cause, rows: pl.DataFrame) -> pl.DataFrame:
    """Those on days on which the cause adds something, before it or after it."""
    days = found.report.days
    if days is None:
        return rows
    adds = np.any([series != 0 for series in cause.adds.values()], axis=0)
    there = [days.first + timedelta(days=int(n)) for n in np.flatnonzero(adds)]
    return rows.filter(
        pl.any_horizontal(day_of(s).is_in(there) for s in (cause.before, cause.setting))
    )


def _listed(rows: pl.DataFrame, day: pl.Expr, other: pl.Expr, what: str) -> list[str]:
    by_order = (
        rows.filter(pl.col("part") != ORDERS)
        .with_columns(day.alias("_day"), other.alias("_other"))
        .group_by("order_id", "_day", "_other")
        .agg(pl.col("amount").sum())
        .sort(pl.col("amount").abs(), "order_id", descending=[True, False])
    )
    told = []
    for order, on, there, amount in by_order.head(EXAMPLES).iter_rows():
        moved = "" if not what else f", {what} {there}" if there else f", not yet {what}"
        what_it_is = (
            f"order {order} of" if not order.startswith(NO_ORDER) else "a row without order,"
        )
        told.append(f"{what_it_is} {on}: {money(amount)}{moved}")
    return told


def _other_days(found: Reconciled, cause: Cause) -> list[str]:
    """Orders that are on another day by the report's clock."""
    before = cause.before
    here, there = order_day(before), order_day(cause.setting)
    clock = pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone(before.zone)
    rows = found.amounts.filter(
        pl.col("part") == ORDERS, pl.col("pool").is_in(list(before.pools)), here != there
    )
    shown = (
        _on_days(found, cause, rows)
        .sort("at", "order_id")
        .select("order_id", clock.dt.strftime("%Y-%m-%d %H:%M"), there.alias("there"))
    )
    return [
        f"order {order} of {at} is on {on} in the report"
        for order, at, on in shown.head(EXAMPLES).iter_rows()
    ]
