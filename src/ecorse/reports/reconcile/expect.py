"""What a report's figures would be under a setting: which clock, which calendar, which rows.

What belongs here: a setting, and the figures that follow from it. What does not: finding the
setting that fits (``search``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecorse.reports.reconcile.amounts import (
    CANCEL_DAY_UNKNOWN,
    CENT,
    GROUPS,
    ORDERS,
    REFUND_DAY_UNKNOWN,
    Holds,
    Series,
)
from ecorse.reports.reconcile.daily import ByPart, Daily
from ecorse.reports.reconcile.report import Figure, Report

HALF_A_CENT = CENT // 2  # a report has whole cents, a day's money here may not
UNSPLIT = frozenset({"returns", "shipping_back", "taxes_back"})
UNDATED = frozenset({REFUND_DAY_UNKNOWN, CANCEL_DAY_UNKNOWN})
EVENT_DATE, ORDER_DATE, PAYOUT_DATE = "event_date", "order_date", "payout_date"


class Setting(NamedTuple):
    """How the figures of a report are made.

    ``pools`` has the kinds of rows that are in. ``free`` has what was given back on a day that the
    files do not tell (``undated`` of the amounts) and is where the report has it, instead of on its
    order's day. ``turned`` has the groups that a figure has in, or has not, other than declared:
    (figure, group). ``rounding``: how the report comes to whole cents; empty: the day's money is
    rounded, not what it is made of.
    """

    zone: str
    calendar: str
    pools: frozenset[str]
    free: frozenset[str] = frozenset()
    turned: frozenset[tuple[str, str]] = frozenset()
    rounding: str = ""

    def holds(self, figure: Figure) -> Holds:
        """What a figure holds under it."""
        holds = figure.holds
        for name, group in sorted(self.turned):
            if name == figure.name:
                holds = holds.turned(group)
        return holds

    def turns_alike(self) -> frozenset[str]:
        """The groups that are turned, whichever figure it is in."""
        return frozenset(group for _, group in self.turned)


By = Callable[[Setting], Daily]  # amounts per day under a setting's clock and rounding


@dataclass
class Expected:
    """Figures under a setting, and where they are not the report's.

    ``back`` has, by the parts it is made of, what the report says was given back per day, where
    the files do not tell the day. ``open`` is what such refunds of the whole period differ by.
    """

    series: dict[str, Series]
    cells: int = 0
    off: int = 0
    back: dict[frozenset[str], Series] = field(default_factory=dict)
    open: int = 0


class Parts:
    """The parts of money per day under a setting's calendar, pools and free refunds.

    ``undated`` has, of the refunds that are free, all that the files have on their order's day.
    """

    def __init__(self, daily: Daily, setting: Setting):
        pools, is_paid = setting.pools, setting.calendar == PAYOUT_DATE
        self.undated: dict[str, Series] = {}
        if is_paid:
            self.known = _summed([daily.paid], pools)
        else:
            dated = daily.order if setting.calendar == ORDER_DATE else daily.event
            sold = {key: s for key, s in daily.order.items() if not _is_back(key[1])}
            back = {key: s for key, s in dated.items() if _is_back(key[1])}
            stays = [s for kind, s in daily.undated.items() if kind not in setting.free]
            goes = [s for kind, s in daily.undated.items() if kind in setting.free]
            self.undated = _summed(goes, pools)
            if setting.calendar == ORDER_DATE:  # has those without a day too
                self.known = _summed([sold, back], pools)
                for part, series in self.undated.items():
                    self.known[part] = self.known[part] - series
            else:
                self.known = _summed([sold, back, *stays], pools)
        self.free = frozenset(self.undated)
        if "returns" in self.free and REFUND_DAY_UNKNOWN in setting.free:
            self.free |= UNSPLIT

    def sum(self, parts: frozenset[str], length: int) -> Series:
        """What some parts add up to."""
        total = np.zeros(length, np.int64)
        for part in parts:
            if part in self.known:
                total = total + self.known[part]
        return total


def _is_back(part: str) -> bool:
    return part == "returns" or part.endswith("_back")


def _summed(those: Sequence[ByPart], pools: frozenset[str]) -> dict[str, Series]:
    summed: dict[str, Series] = {}
    for series in those:
        for (pool, part), one in series.items():
            if pool in pools:
                summed[part] = summed[part] + one if part in summed else one
    return summed


def in_order(report: Report, free: frozenset[str]) -> list[Figure]:
    """Figures, those first that tell most plainly what was given back."""

    def order(figure: Figure) -> tuple[int, bool, int]:
        holds = figure.holds
        return len(holds.back & free), bool(holds.back), len(holds.parts)

    return sorted(report.figures, key=order)


def expect_one(
    figure: Figure, holds: Holds, parts: Parts, back: dict[frozenset[str], Series]
) -> tuple[Series, frozenset[str], Series]:
    """One figure: its series, and parts that it alone tells with what it says of them."""
    base = parts.sum(holds.parts, len(figure.series))
    left = holds.back & parts.free
    for told, series in back.items():
        if told <= left:
            left, base = left - told, base + series
    if not left:
        return base, left, base
    said = figure.series - base
    return base + np.minimum(said, 0), left, said


def expect(
    report: Report, daily: Daily, setting: Setting, lacking: NDArray[np.bool_] | None = None
) -> Expected:
    """All figures of a report under a setting.

    Parameters
    ----------
    lacking
        Days of which the files lack orders: there what a figure is short of was not given back,
        it was never sold here.
    """
    parts = Parts(daily, setting)
    found = Expected({})
    for figure in in_order(report, parts.free):
        holds = setting.holds(figure)
        series, left, said = expect_one(figure, holds, parts, found.back)
        if left:
            if lacking is not None and holds.sold:
                series = np.where(lacking, series - np.minimum(said, 0), series)
                said = np.where(lacking, 0, said)
            found.back[left] = np.minimum(said, 0)
        take(found, figure, series)
    close(found, parts)
    return found


def take(found: Expected, figure: Figure, series: Series) -> None:
    """Put a figure in, and count where it is not the report's."""
    found.series[figure.name] = series
    wrong = wrong_by(figure, series)
    found.cells += int(np.count_nonzero(wrong))
    found.off += int(wrong.sum())


def rounding_of(figure: Figure, series: Series) -> Series:
    """What rounding a day's money to the cent adds to a series: at most half a cent a day."""
    off = figure.series - series
    nearest = (np.abs(series) + HALF_A_CENT) // CENT * CENT * np.sign(series)
    return np.where(np.abs(off) <= HALF_A_CENT, off, nearest - series)


def wrong_by(figure: Figure, series: Series) -> Series:
    """How much a series is off a figure; what rounding to the cent takes is nothing."""
    wrong: Series = np.abs(figure.series - series - rounding_of(figure, series))
    return wrong


def close(found: Expected, parts: Parts) -> None:
    """Compare what the report says was given back with what the files say, over the period."""
    if not found.back:
        return
    apart = told_apart(found)
    told = frozenset().union(*apart)
    ours = [parts.undated[part] for part in told if part in parts.undated]
    length = len(next(iter(found.back.values())))
    here = sum(ours, np.zeros(length, np.int64))
    there = sum((found.back[one] for one in apart), np.zeros(length, np.int64))
    found.open = int(there.sum() - here.sum())
    if found.open % CENT and abs(found.open) <= HALF_A_CENT * np.count_nonzero(there):
        found.open = 0  # each day was rounded
    is_early = bool((np.cumsum(there) < np.cumsum(here)).any())  # before it was sold
    found.cells += (found.open != 0) + is_early
    found.off += abs(found.open)


def told_apart(found: Expected) -> list[frozenset[str]]:
    """What figures say was given back, each part once: in a figure of several, or by itself."""
    apart: list[frozenset[str]] = []
    for told in sorted(found.back, key=lambda told: (-len(told), sorted(told))):
        if not any(told & other for other in apart):
            apart.append(told)
    return apart


def apart(found: Expected) -> dict[frozenset[str], Series]:
    """What the report says was given back per day, each part once."""
    return {told: found.back[told] for told in told_apart(found)}


def unchanged(found: Expected, parts: Parts) -> frozenset[frozenset[str]]:
    """What was given back by the report, over the period, just as much as by the files."""
    return frozenset(
        told
        for told, series in found.back.items()
        if series.sum() == sum(int(parts.undated[p].sum()) for p in told & parts.undated.keys())
    )


def groups_there(daily: Daily) -> tuple[str, ...]:
    """The groups of money (shipping, taxes ...) that there is any of."""
    parts = {part for _, part in daily.order}
    return tuple(group for group in GROUPS if group in parts)


def counts_orders(report: Report) -> Figure | None:
    """The figure that counts orders, if the report has one."""
    return next((f for f in report.figures if ORDERS in f.holds.sold), None)
