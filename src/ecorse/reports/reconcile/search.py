"""Finding how a report is made: the setting that explains most of it with the fewest causes.

What belongs here: which settings are tried, and choosing one. What does not: the figures under a
setting (``expect``), telling causes (``explain``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from ecorse.reports.reconcile.amounts import GOODS
from ecorse.reports.reconcile.daily import Daily
from ecorse.reports.reconcile.expect import (
    EVENT_DATE,
    ORDER_DATE,
    PAYOUT_DATE,
    By,
    Expected,
    Parts,
    Setting,
    close,
    expect_one,
    groups_there,
    in_order,
    take,
    wrong_by,
)
from ecorse.reports.reconcile.report import Figure, Report

MOST_POOLS = 7
KEPT = 8  # ways of telling days that are tried with all pools
CALENDARS = (EVENT_DATE, ORDER_DATE)


class Score(NamedTuple):
    """How well a setting fits: figures that are wrong, causes, money that is off."""

    cells: int
    causes: int
    off: int


@dataclass
class Found:
    """The setting that fits best, and others that fit as well."""

    setting: Setting
    expected: Expected
    score: Score
    as_good: list[Setting] = field(default_factory=list)


def baseline(report: Report, shop_zone: str, pools: Sequence[str]) -> Setting:
    """How the report is declared to be made."""
    declared = report.declared
    zone = shop_zone if declared.report_zone == "shop" else declared.report_zone
    return Setting(
        zone,
        declared.calendar,
        frozenset({"counted", *({"cancelled"} - set(declared.leaves_out))} & set(pools)),
    )


def search(
    report: Report,
    by: By,
    zones: Sequence[str],
    pools: Sequence[str],
    base: Setting,
    roundings: Sequence[str] = (),
) -> Found:
    """Try every zone, calendar, set of pools, way of rounding, and groups counted in or out.

    Parameters
    ----------
    by
        Amounts per day under a setting's clock and rounding.
    zones
        The zones to try; that of ``base`` is one of them.
    pools
        Kinds of rows that may be in the report or not, the most money first.
    roundings
        Ways of rounding to try beside that of each day; none where all amounts are whole cents.
    """
    days_told = [
        _tried(report, by(setting), setting, base)
        for zone in zones
        for setting in _ways_of_days(report, by(base._replace(zone=zone)), base._replace(zone=zone))
    ]
    days_told.sort(key=lambda found: found.score)
    declared = [f for f in days_told if f.setting.zone == base.zone]
    first = [*days_told[:KEPT], *(f for f in declared if f not in days_told[:KEPT])]
    tried = [
        found if (pool_set, rounding) == (base.pools, "") else
        _tried(report, by(setting), setting, base)
        for found in first
        for pool_set in _pool_sets(base.pools, pools)
        for rounding in ("", *roundings)
        if (setting := found.setting._replace(pools=pool_set, rounding=rounding))
    ]  # fmt: skip
    best = min(tried, key=lambda found: (found.score, found.setting.zone != base.zone))
    others = [*tried, *days_told]
    best.as_good = list(dict.fromkeys(
        f.setting for f in others if f.score == best.score and f.setting != best.setting
    ))  # fmt: skip
    best.setting = _free_of_pools(best.setting, by(best.setting))
    best.as_good = [_free_of_pools(setting, by(setting)) for setting in best.as_good]
    return best


def _free_of_pools(setting: Setting, daily: Daily) -> Setting:
    """A setting in which is free what there is any of."""
    there = {
        kind
        for kind, series in daily.undated.items()
        if any(pool in setting.pools for pool, _ in series)
    }
    return setting._replace(free=setting.free & there)


def _ways_of_days(report: Report, daily: Daily, setting: Setting) -> Iterator[Setting]:
    """The calendars, and whether what has no day is where the report has it."""
    every = frozenset(daily.undated)
    for calendar in CALENDARS:
        for free in (frozenset[str](), every) if every else (every,):
            yield setting._replace(calendar=calendar, free=free)
    if report.declared.paid_out is not None:
        yield setting._replace(calendar=PAYOUT_DATE)


def _pool_sets(base: frozenset[str], pools: Sequence[str]) -> Iterator[frozenset[str]]:
    """Every set of pools, those nearest to the declared one first."""
    free = [pool for pool in pools if pool != "counted"][:MOST_POOLS]
    for many in range(len(free) + 1):
        for turned in combinations(free, many):
            yield base ^ frozenset(turned)


def _tried(report: Report, daily: Daily, setting: Setting, base: Setting) -> Found:
    """A setting with the groups turned, figure by figure, that fit best.

    A figure of what was taken back has tax in where that of what was sold has, or has not: both
    are tried, for by itself it fits either way where refunds have no day.
    """
    parts = Parts(daily, setting)
    groups = groups_there(daily)
    found = _turned(report, parts, setting, base, groups, is_alike=True)
    if found.score.cells and "taxes" in found.setting.turns_alike():
        other = _turned(report, parts, setting, base, groups, is_alike=False)
        found = min(found, other, key=lambda one: one.score)
    return found


def _turned(
    report: Report,
    parts: Parts,
    setting: Setting,
    base: Setting,
    groups: Sequence[str],
    *,
    is_alike: bool,
) -> Found:
    found, turned = Expected({}), frozenset[tuple[str, str]]()
    for figure in in_order(report, parts.free):
        so_far = frozenset(group for _, group in turned)
        turns = _best_turns(figure, parts, found, groups, so_far, is_alike=is_alike)
        turned |= {(figure.name, group) for group in turns}
        setting = setting._replace(turned=turned)
        series, left, said = expect_one(figure, setting.holds(figure), parts, found.back)
        if left:
            found.back[left] = said.clip(max=0)
        take(found, figure, series)
    close(found, parts)
    setting = setting._replace(turned=turned)
    return Found(setting, found, Score(found.cells, causes(setting, base), found.off))


def _best_turns(
    figure: Figure,
    parts: Parts,
    found: Expected,
    groups: Sequence[str],
    so_far: frozenset[str],
    *,
    is_alike: bool,
) -> frozenset[str]:
    """The groups that a figure of goods has in, or not, other than declared.

    Those fit best under which the fewest days are wrong, with the fewest groups that no figure
    before has turned.
    """
    holds = figure.holds
    if "returns" in holds.back and not holds.sold:
        return frozenset({"taxes"} & so_far) if is_alike else frozenset()
    if not holds.sold & GOODS or holds.parts == {"discounts"}:
        return frozenset()

    def score(turns: Collection[str]) -> tuple[int, int, int]:
        held = holds
        for group in turns:
            held = held.turned(group)
        series, _, _ = expect_one(figure, held, parts, found.back)
        wrong = wrong_by(figure, series)
        return int((wrong != 0).sum()), len(set(turns) - so_far), int(wrong.sum())

    every = [frozenset(c) for many in range(len(groups) + 1) for c in combinations(groups, many)]
    return min(every, key=score)


def causes(setting: Setting, base: Setting) -> int:
    """How many causes a setting names."""
    return (
        (setting.zone != base.zone)
        + (setting.calendar != base.calendar)
        + len(setting.pools ^ base.pools)
        + (setting.free != frozenset())
        + (setting.rounding != "")
        + len(setting.turns_alike())
    )
