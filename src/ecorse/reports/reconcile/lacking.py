"""Days of which the report has orders that no loaded file has.

What belongs here: finding them, and what their orders are worth. What does not: other causes
(``explain``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecorse.reports.reconcile.amounts import ORDERS, Series
from ecorse.reports.reconcile.cause import IN_NO_FILE, Cause
from ecorse.reports.reconcile.daily import Daily
from ecorse.reports.reconcile.expect import (
    UNDATED,
    Expected,
    Setting,
    counts_orders,
    expect,
    told_apart,
)
from ecorse.reports.reconcile.report import Figure, Report
from ecorse.reports.reconcile.trace import Refund, is_made_of, with_returns


def lacking_days(
    report: Report, daily: Daily, setting: Setting, found: Expected
) -> NDArray[np.bool_]:
    """Days of which the report has orders that the files lack.

    By the orders that it counts; where it counts none, only days without any order of ours.
    """
    counted = counts_orders(report)
    gross = next((f for f in report.money if f.holds.sold == {"gross"}), None)
    if report.days is None:
        return np.zeros(1, bool)
    if counted is not None:
        lacking = counted.series > found.series[counted.name]
    else:
        orders = sum(
            (s for (pool, part), s in daily.order.items()
             if part == ORDERS and pool in setting.pools),
            np.zeros(len(report.days), np.int64),
        )  # fmt: skip
        sold = [f for f in report.money if f.holds.sold]
        lacking = (orders == 0) & np.any([f.series != 0 for f in sold], axis=0)
    if gross is not None:
        lacking = lacking & (gross.series > found.series[gross.name])
    return lacking


def with_lacking(
    report: Report,
    daily: Daily,
    causes: list[Cause],
    setting: Setting,
    before: Expected,
    lacking: NDArray[np.bool_],
    refunds_told: Callable[[Sequence[frozenset[str]]], Sequence[Refund]],
) -> tuple[list[Cause], Expected]:
    """Orders that are in no file as a cause: what is left on their days, as far as it agrees."""
    found = expect(report, daily, setting, lacking)
    if found.open > 0:  # some of it was given back on days of which orders are lacking as well
        _give_back(report, setting, found, lacking, refunds_told)
    # what was taken for refunds before is none now
    causes = [
        replace(cause, adds={
            name: series + found.series[name] - before.series[name]
            for name, series in cause.adds.items()
        }) if cause.name in UNDATED else cause
        for cause in causes
    ]  # fmt: skip
    left = {f.name: _of_lacking(f, found, setting, lacking) for f in report.figures}
    there = frozenset(part for _, part in daily.order)
    for figure in report.figures:
        if parts := _made_of(figure, report, setting, there):
            left[figure.name] = sum((left[p.name] for p in parts), np.zeros_like(figure.series))
    causes.append(Cause(IN_NO_FILE, left, setting, setting))
    found.series = {name: series + left[name] for name, series in found.series.items()}
    return causes, found


def _of_lacking(
    figure: Figure, found: Expected, setting: Setting, lacking: NDArray[np.bool_]
) -> Series:
    """What a figure has more on lacking days; refunds only where they are on their order's day."""
    short = np.where(lacking, figure.series - found.series[figure.name], 0)
    if setting.holds(figure).sold:
        return short
    return np.minimum(short, 0) if setting.calendar == "order_date" else np.zeros_like(short)


def _give_back(
    report: Report,
    setting: Setting,
    found: Expected,
    lacking: NDArray[np.bool_],
    refunds_told: Callable[[Sequence[frozenset[str]]], Sequence[Refund]],
) -> None:
    """Put on lacking days what was given back there beside goods: shipping, taxes.

    The report has it in one figure with what was sold on the day. It is that of the refunds of
    which the day's goods are, if these are certain and it is all that is missing.
    """
    apart = sorted(told_apart(found), key=sorted)
    goods = next((told for told in apart if "returns" in told), None)
    if goods is None:
        return
    days = np.flatnonzero(lacking & (found.back[goods] < 0))
    returns = {int(day): int(found.back[goods][day]) for day in days}
    there = refunds_told(apart)
    made = with_returns(returns, there, apart)
    beside = [place for place, told in enumerate(apart) if told != goods]
    if made is None or sum(parts[p] for parts in made.values() for p in beside) != -found.open:
        made = _with_tax(returns, -found.open, there, apart)
    for day, parts in made.items():
        for place in beside:
            for figure in report.figures:
                if apart[place] <= setting.holds(figure).back:
                    found.series[figure.name][day] += parts[place]
            found.back[apart[place]][day] += parts[place]
    if made:
        found.open = 0


def _with_tax(
    returns: Mapping[int, int],
    beside: int,
    there: Sequence[Refund],
    apart: Sequence[frozenset[str]],
) -> dict[int, tuple[int, ...]]:
    """The same of partial refunds, of which the files tell the amount alone: goods and their tax.

    Only where all of it is of one day, and the day's goods with it are refunds that there are.
    """
    tax = next((told for told in apart if told == {"taxes_back"}), None)
    if tax is None or len(returns) != 1:
        return {}
    [(day, goods)] = returns.items()
    if not is_made_of(goods + beside, day, there):
        return {}
    return {day: tuple(beside if told == tax else 0 for told in apart)}


def _made_of(
    figure: Figure, report: Report, setting: Setting, there: frozenset[str]
) -> list[Figure]:
    """The figures that a figure is the sum of, of the parts that there are; none if it is not."""
    whole = setting.holds(figure).parts & there
    left, parts = whole, list[Figure]()
    for part in sorted(report.money, key=lambda f: -len(setting.holds(f).parts & there)):
        holds = setting.holds(part).parts & there
        if part is not figure and holds and holds < whole and holds <= left:
            left, parts = left - holds, [*parts, part]
    return parts if not left else []
