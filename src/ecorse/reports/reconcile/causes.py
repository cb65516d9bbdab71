"""Causes in words: a sentence for a shop owner.

What belongs here: what is said of each cause. What does not: money (``explain``), orders as
examples (``examples``), layout (``tell``).
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from ecorse.reports.reconcile.amounts import (
    CANCEL_DAY_UNKNOWN,
    CANCELLED,
    GROUPS,
    PER_LINE,
    PER_LINE_EVEN,
    PER_ORDER,
    UNIT,
    has_parts_of_cents,
    money,
)
from ecorse.reports.reconcile.beyond import CURRENCY, LEFT_OUT, REJECTED, REPEATED
from ecorse.reports.reconcile.cause import (
    IN_NO_FILE,
    PAID_OUT,
    REFUND_DATE,
    ROUNDING,
    TIME_ZONE,
    Cause,
)
from ecorse.reports.reconcile.examples import counting, examples, paid_elsewhen
from ecorse.reports.reconcile.expect import HALF_A_CENT, UNDATED, Setting, counts_orders
from ecorse.reports.reconcile.report import Figure
from ecorse.reports.reconcile.run import Reconciled


class Told(NamedTuple):
    """A cause as it is told: a short title, a sentence, and examples."""

    title: str
    sentence: str
    examples: list[str]


def describe(found: Reconciled, cause: Cause) -> Told:
    """Say what a cause is."""
    kind, _, which = cause.name.partition(":")
    title, sentence = _said(found, cause, kind, which)
    return Told(title, sentence, examples(found, cause))


def _said(found: Reconciled, cause: Cause, kind: str, which: str) -> tuple[str, str]:
    shop_zone, currency = found.base.zone, found.shop.currency
    if kind == TIME_ZONE:
        zone = cause.setting.zone
        others = found.sharing.get(zone, 1) - 1
        alike = f", or another of {others} zones whose clock was the same" if others else ""
        return "Time zone", (
            f"The report's days are those of {zone}{alike}; the shop's are those of {shop_zone}."
            f"{_or_the_files(found, zone)}"
        )
    if kind == REFUND_DATE:
        on = "the day of their order" if cause.setting.calendar == "order_date" else "their own day"
        return "Refund date", f"The report counts refunds on {on}."
    if kind == PAID_OUT:
        return "Paid out on another day", (
            "The report has money on the day its payout arrives; here it is on the day of the "
            f"charge or of the refund. {_paid_elsewhen(found, cause)}"
        )
    if kind in UNDATED:
        return _without_day(found, cause)
    if kind in GROUPS:
        return _counted_in(found, cause, kind)
    if kind == IN_NO_FILE:
        return "In no file", _in_no_file(found, cause)
    if kind == ROUNDING:
        return "Rounding", _rounding(found, cause)
    return _of_pool(kind, which, currency, is_in=cause.name in cause.setting.pools)


def _or_the_files(found: Reconciled, zone: str) -> str:
    """Which other reading of the files would make the report's days those of the shop.

    Times that are UTC and read by the shop's clock are as far from it as the shop is from UTC.
    """
    days, shop = found.report.days, ZoneInfo(found.base.zone)
    if days is None:
        return ""
    apart = set()
    for day in (days.first, days.last):
        noon = datetime.combine(day, time(12), UTC)
        ours = noon.astimezone(shop).utcoffset() or timedelta()
        theirs = noon.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
        apart.add("" if not ours else "utc" if theirs == 2 * ours else "" if theirs else "shop")
    if apart == {"utc"}:
        return (
            " Or the times of the source's files are UTC, and are read by the shop's clock: then "
            'say zone = "UTC" in its mapping.'
        )
    if apart == {"shop"}:
        return (
            " Or the times of the source's files are on the shop's clock, and are read as UTC: "
            'then say zone = "shop" in its mapping.'
        )
    return ""


def _without_day(found: Reconciled, cause: Cause) -> tuple[str, str]:
    named = {c.name for c in found.explained.causes}
    if cause.setting.free == UNDATED and not named >= UNDATED:
        title, what = "Refunds and cancelled orders without a day", (
            "The files tell no day for these refunds and for these cancelled orders; by their "
            "amounts they cannot be told apart in the report."
        )  # fmt: skip
    elif cause.name == CANCEL_DAY_UNKNOWN:
        title, what = "Cancelled orders without a day", (
            "The files tell no day on which these orders were cancelled; their money is taken "
            "back on the order's day here."
        )  # fmt: skip
    else:
        title, what = "Refunds without a day", (
            "The files tell no day for these refunds, and of partial ones not what they were for; "
            "they are on their order's day here."
        )  # fmt: skip
    return title, f"{what} In the report they are on their own day. {_over_the_period(found)}"


def _paid_elsewhen(found: Reconciled, cause: Cause) -> str:
    later, earlier = (int(rows["amount"].sum()) for rows in paid_elsewhen(found, cause))
    return (
        f"Of the report's days, {money(later)} is not paid out within them; {money(earlier)} that "
        "is paid out within them is of other days."
    )


def _rounding(found: Reconciled, cause: Cause) -> str:
    how = {
        PER_LINE: "The report rounds the money of each line to the cent",
        PER_LINE_EVEN: "The report rounds the money of each line to the cent, halves to the even",
        PER_ORDER: "The report rounds the money of each order to the cent",
    }.get(cause.setting.rounding, "The report rounds the money of each day to the cent")
    lines = counting(found, cause.setting).filter(has_parts_of_cents()).height
    return (
        f"{how}. {lines:,} amounts here have parts of a cent: that is at most "
        f"{money(lines * HALF_A_CENT)} in a figure."
    )


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
        CANCELLED: (
            "Cancelled orders",
            "Orders that were cancelled are in the report, as a sale and its return."
            if is_in
            else "Orders that were cancelled are in no figure of the report; here they are a "
            "sale and its return.",
        ),
    }
    return said[kind]


def _in_no_file(found: Reconciled, cause: Cause) -> str:
    """How many orders are in no file, their money each, and if that is out of proportion.

    Of their days it is known only what the report has more: a wrong figure of such a day is told
    as theirs.
    """
    again = "Export these days once more and load the file."
    counted = counts_orders(found.report)
    figure = min((f for f in found.report.money if f.holds.sold), key=lambda f: len(f.holds.parts),
                 default=None)  # fmt: skip
    if counted is None or figure is None:
        return f"The report has days that no loaded file has. {again}"
    orders, worth = cause.adds[counted.name] // UNIT, cause.adds[figure.name]
    each = np.where(orders > 0, worth // np.maximum(orders, 1), 0)
    day, many = int(each.argmax()), int(orders.sum())
    told = (
        f"The report has {many:,} order{'s' if many != 1 else ''} that no loaded file has: "
        f"{money(worth.sum())} of {figure.name}, up to {money(each[day])} an order"
    )
    ours = _of_orders(found, cause.setting, figure)
    if ours.is_empty():
        return f"{told}. {again}"
    most = int(ours.max())  # type: ignore[arg-type]
    told = f"{told}; of the orders that were loaded none has more than {money(most)}. "
    if each[day] <= most:
        return told + again
    first = found.report.days.first if found.report.days else None
    on = f" on {first + timedelta(days=day)}" if first else ""
    return (
        f"{told}Are these orders{on}, or is a figure of the report wrong? Look there first. {again}"
    )


def _of_orders(found: Reconciled, setting: Setting, figure: Figure) -> pl.Series:
    """What each order that counts has of a figure."""
    rows = counting(found, setting).filter(pl.col("part").is_in(list(setting.holds(figure).sold)))
    return rows.group_by("order_id").agg(pl.col("amount").sum())["amount"]
