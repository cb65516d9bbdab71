"""The difference between a report and what was loaded, split among its causes.

What belongs here: applying the causes one after another, so that their parts add up. What does
not: finding them (``search``), telling them (``tell``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ecorse.reports.reconcile.amounts import (
    CANCEL_DAY_UNKNOWN,
    REFUND_DAY_UNKNOWN,
    Series,
)
from ecorse.reports.reconcile.cause import (
    PAID_OUT,
    REFUND_DATE,
    ROUNDING,
    TIME_ZONE,
    Cause,
)
from ecorse.reports.reconcile.expect import (
    PAYOUT_DATE,
    UNDATED,
    By,
    Expected,
    Parts,
    Setting,
    expect,
    rounding_of,
    unchanged,
)
from ecorse.reports.reconcile.lacking import lacking_days, with_lacking
from ecorse.reports.reconcile.report import Figure, Report
from ecorse.reports.reconcile.trace import Refund


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
    lacking = lacking_days(report, by(chosen), chosen, before)
    if lacking.any():
        causes, before = with_lacking(
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
