"""The difference between a report and what was loaded, split among its causes.

What belongs here: applying the causes one after another, so that their parts add up. What does
not: finding them (``search``), telling them (``tell``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecorse.reports.reconcile.amounts import (
    CANCEL_DAY_UNKNOWN,
    ORDERS,
    REFUND_DAY_UNKNOWN,
    Series,
)
from ecorse.reports.reconcile.daily import Daily
from ecorse.reports.reconcile.expect import (
    PAYOUT_DATE,
    UNDATED,
    By,
    Expected,
    Parts,
    Setting,
    counts_orders,
    expect,
    rounding_of,
    told_apart,
    unchanged,
)
from ecorse.reports.reconcile.report import Figure, Report
from ecorse.reports.reconcile.trace import Refund, is_made_of, with_returns

TIME_ZONE, REFUND_DATE, PAID_OUT = "time_zone", "refund_date", "paid_out"
IN_NO_FILE, ROUNDING = "in_no_file", "rounding"


@dataclass(frozen=True)
class Cause:
    """One cause, and what it adds to each figure per day."""

    name: str
    adds: Mapping[str, Series]
    setting: Setting
    before: Setting


@dataclass(frozen=True)
class Explained:
    """A report's difference: ``ours``, what each cause adds to it, and what is left.

    ``left`` is per figure and day; ``left_undated`` per figure, of which the day cannot be told.
    """

    ours: Mapping[str, Series]
    causes: Sequence[Cause]
    left: Mapping[str, Series]
    left_undated: Mapping[str, int]

    @property
    def is_all(self) -> bool:
        """Whether nothing is left."""
        return not any(s.any() for s in self.left.values()) and not self.left_undated


def explain(
    report: Report,
    by: By,
    base: Setting,
    chosen: Setting,
    refunds_told: Callable[[Sequence[frozenset[str]]], Sequence[Refund]],
) -> Explained:
    """Split the difference: from the declared setting to the chosen one, a cause at a time.

    Parameters
    ----------
    refunds_told
        The refunds without a day that count, by the parts that a report tells apart.
    """
    before = expect(report, by(base), base)
    ours, causes, at = before.series, list[Cause](), base
    for name, setting in _steps(base, chosen):
        after = expect(report, by(setting), setting)
        causes.append(Cause(name, _difference(before.series, after.series), setting, at))
        before, at = after, setting
    lacking = _lacking(report, by(chosen), chosen, before)
    if lacking.any():
        causes, before = _with_lacking(
            report, by(chosen), causes, chosen, before, lacking, refunds_told
        )
    rounded = {f.name: rounding_of(f, before.series[f.name]) for f in report.figures}
    causes = _rounded(causes, rounded, chosen)
    left = {f.name: f.series - before.series[f.name] - rounded[f.name] for f in report.figures}
    undated: dict[str, int] = {}
    if before.open:
        parts = Parts(by(chosen), chosen)
        causes, left, undated = _open(
            report, causes, left, before, chosen, unchanged(before, parts)
        )
    return Explained(ours, [c for c in causes if _adds(c)], left, undated)


def _adds(cause: Cause) -> bool:
    return any(series.any() for series in cause.adds.values())


def _steps(base: Setting, chosen: Setting) -> Iterator[tuple[str, Setting]]:
    """The causes between two settings, with the setting after each."""
    at = base
    for pool in sorted(base.pools ^ chosen.pools):
        at = at._replace(pools=at.pools ^ {pool})
        yield pool, at
    if chosen.zone != base.zone:
        at = at._replace(zone=chosen.zone)
        yield TIME_ZONE, at
    if chosen.calendar != base.calendar:
        at = at._replace(calendar=chosen.calendar)
        yield (PAID_OUT if chosen.calendar == PAYOUT_DATE else REFUND_DATE), at
    for group in sorted(chosen.turns_alike()):
        of_group = {pair for pair in chosen.turned if pair[1] == group}
        at = at._replace(turned=at.turned | of_group)
        yield group, at
    if chosen.rounding:
        at = at._replace(rounding=chosen.rounding)
        yield ROUNDING, at
    if chosen.free:  # together: the report's money of a day does not say which of them it is
        at = at._replace(free=chosen.free)
        yield (REFUND_DAY_UNKNOWN if REFUND_DAY_UNKNOWN in at.free else CANCEL_DAY_UNKNOWN), at


def _rounded(causes: list[Cause], adds: Mapping[str, Series], setting: Setting) -> list[Cause]:
    """The rounding of days, with that of lines where there is any."""
    made = []
    for cause in causes:
        if cause.name == ROUNDING:
            adds = {name: series + cause.adds[name] for name, series in adds.items()}
        else:
            made.append(cause)
    return [*made, Cause(ROUNDING, adds, setting, setting)]


def _difference(before: Mapping[str, Series], after: Mapping[str, Series]) -> dict[str, Series]:
    return {name: after[name] - before[name] for name in before}


def _lacking(report: Report, daily: Daily, setting: Setting, found: Expected) -> NDArray[np.bool_]:
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


def _with_lacking(
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


def _open(
    report: Report,
    causes: list[Cause],
    left: dict[str, Series],
    found: Expected,
    setting: Setting,
    unchanged: frozenset[frozenset[str]],
) -> tuple[list[Cause], dict[str, Series], dict[str, int]]:
    """Refunds that do not add up to ours: on the day on which the report contradicts itself.

    That is one day, on which every figure that is a sum is off by just as much. Where there is
    no such day, it cannot be told. ``unchanged`` are refunds that add up by themselves.
    """
    possible = [
        (told, day)
        for told in found.back
        if (day := _contradicts(report, left, told, found.open, setting)) is not None
    ]
    likely = [(told, day) for told, day in possible if told not in unchanged] or possible
    if len(likely) == 1:
        told, day = likely[0]
        of_it = _having(report, told, setting)
        for figure in of_it:
            left[figure.name] = left[figure.name].copy()
            left[figure.name][day] += found.open
        return _shifted(causes, {f.name: (day, -found.open) for f in of_it}), left, {}
    plain = _having(report, next(iter(found.back)), setting)[0]
    return causes, left, {plain.name: found.open}


def _having(report: Report, told: frozenset[str], setting: Setting) -> list[Figure]:
    """The figures that have some refunds in, the plainest first."""
    having = [f for f in report.money if told <= setting.holds(f).back]
    return sorted(having, key=lambda f: len(setting.holds(f).parts))


def _contradicts(
    report: Report,
    left: Mapping[str, Series],
    told: frozenset[str],
    amount: int,
    setting: Setting,
) -> int | None:
    """The one day on which figures that are sums lack an amount that the plain figure has."""
    _, *sums = _having(report, told, setting)
    others = [f for f in report.money if f not in _having(report, told, setting)]
    days = {int(day) for f in sums for day in np.flatnonzero(left[f.name])}
    if len(days) != 1 or any(left[f.name].any() for f in others):
        return None
    (day,) = days
    return day if all(left[f.name][day] == -amount for f in sums) else None


def _shifted(causes: list[Cause], shifted: Mapping[str, tuple[int, int]]) -> list[Cause]:
    """What refunds without a day add, less what they do not."""
    made = []
    for cause in causes:
        if cause.name in UNDATED:
            adds = dict(cause.adds)
            for name, (day, amount) in shifted.items():
                adds[name] = adds[name].copy()
                adds[name][day] += amount
            cause = replace(cause, adds=adds)
        made.append(cause)
    return made
