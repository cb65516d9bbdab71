"""``ecorse reconcile``: a report against what was loaded, from the files to what is told.

What belongs here: the order of the steps. What does not: any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from ecorse.reports.reconcile.amounts import Daily, Days, daily, local_date, quarters
from ecorse.reports.reconcile.expect import Setting, apart, expect
from ecorse.reports.reconcile.explain import Explained, explain
from ecorse.reports.reconcile.lines import Loaded, read_loaded
from ecorse.reports.reconcile.report import Report, read_report
from ecorse.reports.reconcile.search import MOST_POOLS, baseline, search
from ecorse.reports.reconcile.trace import Traced, trace
from ecorse.reports.reconcile.zones import clocks
from ecorse.schema.source import Shop


@dataclass(frozen=True)
class Reconciled:
    """A report and its explanation; ``as_good`` are other settings that explain as much.

    ``sharing`` says how many zones share the clock of each zone in the period. ``traced`` has the
    refunds that are not of orders of the period, or not in it, where they could be traced.
    """

    report: Report
    shop: Shop
    source: str
    amounts: pl.DataFrame
    base: Setting
    chosen: Setting
    as_good: Sequence[Setting]
    explained: Explained
    sharing: dict[str, int]
    notes: Sequence[str]
    traced: Traced | None = None


def reconcile(
    file: Path, source: str, *, shop: str | None = None, kind: str | None = None
) -> Reconciled:
    """Compare a platform's report with what was loaded of a source, and explain the difference.

    Raises
    ------
    ConfigError
        There is no such file, source, shop or kind of report; nothing is loaded.
    DataError
        The report cannot be read whole.
    """
    report = read_report(file, source, kind)
    loaded = read_loaded(source, shop)
    return compare(report, loaded.shop, source, loaded.amounts, notes=_notes(report, loaded))


def compare(
    report: Report,
    shop: Shop,
    source: str,
    amounts: pl.DataFrame,
    *,
    notes: Sequence[str] = (),
) -> Reconciled:
    """The same of amounts that are at hand (``amounts_of``)."""
    sums = quarters(amounts)

    @cache
    def by_zone(zone: str) -> Daily:
        return daily(sums, report.days, zone)

    # the rows that may be in the report or not, those with the most money first
    worth = amounts.group_by("pool").agg(pl.col("amount").abs().sum()).sort("amount", "pool")
    pools = worth["pool"].to_list()[::-1]
    base = baseline(report, shop.time_zone, pools)
    sharing = clocks(report.days, base.zone) if report.days else {base.zone: 1}
    found = search(report, by_zone, list(sharing), pools, base)
    explained = explain(report, by_zone, base, found.setting)
    traced = None
    if explained.left_undated and report.days is not None:
        back = expect(report, by_zone(found.setting.zone), found.setting)
        traced = trace(amounts, found.setting, report.days, apart(back))
        if traced is not None:
            explained = replace(explained, left_undated={})
    if untried := [pool for pool in pools if pool != "counted"][MOST_POOLS:]:
        notes = [*notes, f"Whether the report has {', '.join(untried)} was not tried."]
    return Reconciled(
        report, shop, source, amounts, base, found.setting, found.as_good, explained, sharing,
        notes, traced,
    )  # fmt: skip


def _notes(report: Report, loaded: Loaded) -> list[str]:
    notes = list(loaded.notes)
    if report.unread:
        notes.append(f"Columns {', '.join(report.unread)} of the report are not compared.")
    if report.days is not None:
        notes += _outside(report.days, loaded)
    return notes


def _outside(days: Days, loaded: Loaded) -> list[str]:
    """That orders were loaded of days before or behind the report, or the other way round."""
    placed = loaded.amounts.filter(pl.col("part") == "orders").select(
        local_date("at", "at_date", loaded.shop.time_zone).alias("day")
    )
    first, last = placed["day"].min(), placed["day"].max()
    if not isinstance(first, date) or not isinstance(last, date):
        return []
    outside = placed.filter(~pl.col("day").is_between(days.first, days.last)).height
    told = []
    if outside:
        told.append(
            f"{outside:,} orders were loaded of days outside the report ({days.first} to "
            f"{days.last}) and are not compared; what was given back of orders before its first "
            "day is in the report, and in the files with its order."
        )
    if first > days.first or last < days.last:
        told.append(f"The first order loaded is of {first}, the last of {last}.")
    return told
