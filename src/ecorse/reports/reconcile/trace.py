"""Tracing refunds without a day: which of them a report has on which day, where that is certain.

What belongs here: the days of a report, and parting cancelled orders from refunds by them. What
does not: which refunds add up to an amount (``ways``), the figures of a report (``expect``).

Needed where the period of a report does not hold all refunds of its orders, or holds those of
earlier ones: then the sums of the period differ, and only each refund by itself can be proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ecorse.reports.reconcile.amounts import CANCEL_DAY_UNKNOWN, Series
from ecorse.reports.reconcile.daily import Days, local_date
from ecorse.reports.reconcile.expect import UNSPLIT, Setting
from ecorse.reports.reconcile.ways import Refund, only_way


@dataclass(frozen=True)
class Traced:
    """Refunds of orders of the period, given back after it, and of earlier orders, in it."""

    later: Sequence[Refund]
    earlier: Sequence[Refund]


def trace(
    amounts: pl.DataFrame,
    setting: Setting,
    days: Days,
    back: Mapping[frozenset[str], Series],
) -> Traced | None:
    """Find each day's refunds; ``None`` where one day cannot be made of them, or in two ways.

    Parameters
    ----------
    back
        What the report says was given back per day, by the parts that it tells apart.
    """
    every = frozenset().union(*back)
    if "returns" in every and UNSPLIT - every:
        return None
    of_days = assigned(amounts, setting, days, back)
    if of_days is None:
        return None
    placed = {refund for those in of_days.values() for refund in those}
    left = [r for r in refunds(amounts, setting, days, sorted(back, key=sorted)) if r not in placed]
    return Traced(
        [refund for refund in left if 0 <= refund.place < len(days)],
        [refund for those in of_days.values() for refund in those if refund.place < 0],
    )


def assigned(
    amounts: pl.DataFrame,
    setting: Setting,
    days: Days,
    back: Mapping[frozenset[str], Series],
) -> dict[int, tuple[Refund, ...]] | None:
    """Each day's refunds, where all days can be made of them in one way; else ``None``."""
    told = sorted(back, key=sorted)
    left = refunds(amounts, setting, days, told)
    wanted = {
        day: tuple(int(back[one][day]) for one in told)
        for day in range(len(days))
        if any(back[one][day] for one in told)
    }
    made: dict[int, tuple[Refund, ...]] = {}
    while wanted:
        found = next(_certain(wanted, left), None)
        if found is None:
            return None
        day, those = found
        del wanted[day]
        left = [refund for refund in left if refund not in those]
        made[day] = those
    return made


def of_cancelled(
    amounts: pl.DataFrame,
    setting: Setting,
    days: Days,
    back: Mapping[frozenset[str], Series],
) -> dict[str, Series] | None:
    """What cancelled orders without a day add to the days of a report, by part of money.

    They are taken off their order's day and put on the day that they are traced to. ``None`` where
    they cannot be told from the refunds without a day.
    """
    of_days = assigned(amounts, setting, days, back)
    if of_days is None:
        return None
    to = {
        refund.order_id: day
        for day, those in of_days.items()
        for refund in those
        if refund.undated == CANCEL_DAY_UNKNOWN
    }
    made: dict[str, Series] = {}
    placed = _undated(amounts, setting, days).filter(undated=CANCEL_DAY_UNKNOWN)
    for order_id, part, amount, place in placed.select(
        "order_id", "part", "amount", "place"
    ).iter_rows():
        series = made.setdefault(part, np.zeros(len(days), np.int64))
        if 0 <= place < len(days):
            series[place] -= amount
        if order_id in to:
            series[to[order_id]] += amount
    return made


def refunds(
    amounts: pl.DataFrame,
    setting: Setting,
    days: Days,
    told: Sequence[frozenset[str]],
    within: Sequence[frozenset[str]] = (),
) -> list[Refund]:
    """The refunds without a day, one per order and kind of refund.

    Their parts are those that are told apart, and then those that are within one of these.
    """
    placed = _undated(amounts, setting, days)
    of_part = [
        pl.col("amount").filter(pl.col("part").is_in(list(one))).sum().alias(f"_{n}")
        for n, one in enumerate([*told, *within])
    ]
    by_order = placed.group_by("order_id", "undated", maintain_order=True).agg(
        pl.col("place").min(), *of_part, pl.col("is_unsplit").any()
    )
    return [
        Refund(order_id, undated, place, sum(parts[: len(told)]), tuple(parts), is_unsplit)
        for order_id, undated, place, *parts, is_unsplit in by_order.iter_rows()
        if sum(parts[: len(told)])
    ]


def _undated(amounts: pl.DataFrame, setting: Setting, days: Days) -> pl.DataFrame:
    """What counts and was given back on a day that is not known, with the place of its order."""
    return amounts.filter(
        pl.col("undated").is_in(list(setting.free)), pl.col("pool").is_in(list(setting.pools))
    ).with_columns(days.place(local_date("at", "at_date", setting.zone)).alias("place"))


def _certain(
    wanted: Mapping[int, tuple[int, ...]], left: Sequence[Refund]
) -> Iterator[tuple[int, tuple[Refund, ...]]]:
    """The days that can be made of refunds in one way only, with these, and surely so."""
    for day, parts in wanted.items():
        only = only_way(parts, [refund for refund in left if refund.place <= day])
        if only is not None:
            yield day, only
