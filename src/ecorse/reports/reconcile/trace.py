"""Tracing refunds without a day: which of them a report has on which day, where that is certain.

What belongs here: matching amounts to the cent, and parting cancelled orders from refunds by it.
What does not: the figures of a report (``expect``), which orders there are (``lines``).

Needed where the period of a report does not hold all refunds of its orders, or holds those of
earlier ones: then the sums of the period differ, and only each refund by itself can be proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl

from ecorse.reports.reconcile.amounts import CANCEL_DAY_UNKNOWN, Series
from ecorse.reports.reconcile.daily import Days, local_date
from ecorse.reports.reconcile.expect import UNSPLIT, Setting

MOST_TRIED = {1: 5_000, 2: 400, 3: 80, 4: 24, 5: 16, 6: 12}  # of how many candidates so many


class Refund(NamedTuple):
    """A refund of which the files tell no day: by what a report tells apart, and in all.

    ``undated`` is the cause it is told as, ``place`` the number of its order's day in the report's
    period.
    """

    order_id: str
    undated: str
    place: int
    amount: int
    parts: tuple[int, ...]
    is_unsplit: bool


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


def with_returns(
    returns: Mapping[int, int], found: Sequence[Refund], told: Sequence[frozenset[str]]
) -> dict[int, tuple[int, ...]] | None:
    """What was given back on days, by what a report tells apart, where it tells the goods alone.

    Parameters
    ----------
    returns
        The money of the goods that were given back, by day.
    found
        The refunds that may be meant.

    Returns
    -------
    dict or None
        ``None`` where a day's goods can be made of no refunds, or in two ways.
    """
    goods = next(place for place, one in enumerate(told) if "returns" in one)
    whole = [r._replace(amount=r.parts[goods]) for r in found if not r.is_unsplit]
    made = {}
    for day, amount in returns.items():
        only = tuple(amount if place == goods else 0 for place in range(len(told)))
        fitting = [r for r in whole if r.place <= day and r.amount]
        ways = _ways(only, [r._replace(parts=only_of(r, goods)) for r in fitting])
        first = next(ways, None)
        if first is None or next(ways, None) is not None:
            return None
        ids = {(r.order_id, r.undated) for r in first}
        those = [r.parts for r in whole if (r.order_id, r.undated) in ids]
        made[day] = tuple(map(sum, zip(*those, strict=True)))
    return made


def is_made_of(amount: int, day: int, found: Sequence[Refund]) -> bool:
    """Whether an amount is that of one or several refunds of orders placed until a day."""
    alone = [r._replace(parts=(r.amount,)) for r in found if r.place <= day]
    return next(_ways((amount,), alone), None) is not None


def only_of(refund: Refund, place: int) -> tuple[int, ...]:
    """What a refund has of one of the parts that are told apart, and nothing of the others."""
    return tuple(part if n == place else 0 for n, part in enumerate(refund.parts))


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
    amounts: pl.DataFrame, setting: Setting, days: Days, told: Sequence[frozenset[str]]
) -> list[Refund]:
    """The refunds without a day, one per order and kind of refund."""
    placed = _undated(amounts, setting, days)
    of_part = [
        pl.col("amount").filter(pl.col("part").is_in(list(one))).sum().alias(f"_{n}")
        for n, one in enumerate(told)
    ]
    by_order = placed.group_by("order_id", "undated", maintain_order=True).agg(
        pl.col("place").min(), *of_part, pl.col("is_unsplit").any()
    )
    return [
        Refund(order_id, undated, place, sum(parts), tuple(parts), is_unsplit)
        for order_id, undated, place, *parts, is_unsplit in by_order.iter_rows()
        if sum(parts)
    ]


def _undated(amounts: pl.DataFrame, setting: Setting, days: Days) -> pl.DataFrame:
    """What counts and was given back on a day that is not known, with the place of its order."""
    return amounts.filter(
        pl.col("undated").is_in(list(setting.free)), pl.col("pool").is_in(list(setting.pools))
    ).with_columns(days.place(local_date("at", "at_date", setting.zone)).alias("place"))


def _certain(
    wanted: Mapping[int, tuple[int, ...]], left: Sequence[Refund]
) -> Iterator[tuple[int, tuple[Refund, ...]]]:
    """The days that can be made of refunds in one way only, with these."""
    for day, parts in wanted.items():
        ways = _ways(parts, [refund for refund in left if refund.place <= day])
        first = next(ways, None)
        if first is not None and next(ways, None) is None:
            yield day, first


def _ways(parts: tuple[int, ...], those: Sequence[Refund]) -> Iterator[tuple[Refund, ...]]:
    total = sum(parts)
    fitting = [refund for refund in those if refund.amount >= total]  # below 0, as refunds are
    for many, most in MOST_TRIED.items():
        if len(fitting) > most:
            return
        for some in combinations(fitting, many):
            if sum(refund.amount for refund in some) == total and _may_be(some, parts):
                yield some


def _may_be(some: Sequence[Refund], parts: tuple[int, ...]) -> bool:
    """Whether refunds are a day's by each part, as far as the files tell the parts."""
    if any(refund.is_unsplit for refund in some):
        whole = [refund.parts for refund in some if not refund.is_unsplit]
        return all(sum(p) >= part for p, part in zip(zip(*whole, strict=True), parts, strict=False))
    return tuple(map(sum, zip(*(refund.parts for refund in some), strict=True))) == parts
