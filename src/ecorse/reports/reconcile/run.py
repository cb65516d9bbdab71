"""``ecorse reconcile``: a report against what was loaded, from the files to what is told.

What belongs here: the order of the steps. What does not: any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from ecorse.errors import DataError
from ecorse.reports.reconcile.amounts import (
    CANCEL_DAY_UNKNOWN,
    ROUNDINGS,
    Series,
    has_parts_of_cents,
    rounded,
)
from ecorse.reports.reconcile.cause import Cause
from ecorse.reports.reconcile.daily import Daily, Days, daily, local_date, quarters
from ecorse.reports.reconcile.expect import UNDATED, Setting, apart, expect
from ecorse.reports.reconcile.explain import Explained, explain
from ecorse.reports.reconcile.lines import Loaded, read_loaded
from ecorse.reports.reconcile.payouts import refuse_without
from ecorse.reports.reconcile.report import Report, read_report
from ecorse.reports.reconcile.search import MOST_POOLS, baseline, search
from ecorse.reports.reconcile.trace import Refund, Traced, of_cancelled, refunds, trace
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
    loaded = read_loaded(source, shop, report.declared.paid_out)
    return compare(report, loaded.shop, source, loaded.amounts, notes=_notes(report, loaded))


def compare(
    report: Report,
    shop: Shop,
    source: str,
    amounts: pl.DataFrame,
    *,
    notes: Sequence[str] = (),
) -> Reconciled:
    """The same of amounts that are at hand (``amounts_of``).

    Raises
    ------
    ConfigError
        The report has payouts, and the amounts do not say when they are paid out.
    DataError
        The report has money in another currency than the shop's.
    """
    if report.declared.paid_out is not None:
        refuse_without(amounts, report.declared.paid_out, source)
    if others := sorted(set(report.currencies) - {shop.currency}):
        raise DataError(
            f"{report.file_name}: it has money in {', '.join(others)}, and the shop's is in "
            f"{shop.currency}; they are never added up. Take a report of {shop.currency} alone."
        )

    @cache
    def sums(rounding: str) -> pl.DataFrame:
        return quarters(rounded(amounts, rounding) if rounding else amounts)

    @cache
    def by_clock(zone: str, rounding: str) -> Daily:
        return daily(sums(rounding), report.days, zone)

    def by(setting: Setting) -> Daily:
        return by_clock(setting.zone, setting.rounding)

    # the rows that may be in the report or not, those with the most money first
    worth = amounts.group_by("pool").agg(pl.col("amount").abs().sum()).sort("amount", "pool")
    pools = worth["pool"].to_list()[::-1]
    base = baseline(report, shop.time_zone, pools)
    sharing = clocks(report.days, base.zone) if report.days else {base.zone: 1}
    roundings = ROUNDINGS if amounts.select(has_parts_of_cents().any()).item() else ()
    found = search(report, by, list(sharing), pools, base, roundings)
    chosen = found.setting

    def refunds_told(told: Sequence[frozenset[str]]) -> Sequence[Refund]:
        return refunds(amounts, chosen, report.days, told) if report.days else ()

    explained = explain(report, by, base, chosen, refunds_told)
    back = apart(expect(report, by(found.setting), found.setting))
    traced = None
    if report.days is not None and found.setting.free == UNDATED:
        explained = replace(
            explained, causes=_parted(report, explained.causes, amounts, found.setting, back)
        )
    if explained.left_undated and report.days is not None:
        traced = trace(amounts, found.setting, report.days, back)
        if traced is not None:
            explained = replace(explained, left_undated={})
    if untried := [pool for pool in pools if pool != "counted"][MOST_POOLS:]:
        notes = [*notes, f"Whether the report has {', '.join(untried)} was not tried."]
    return Reconciled(
        report, shop, source, amounts, base, found.setting, found.as_good, explained, sharing,
        notes, traced,
    )  # fmt: skip


def _parted(
    report: Report,
    causes: Sequence[Cause],
    amounts: pl.DataFrame,
    setting: Setting,
    back: Mapping[frozenset[str], Series],
) -> list[Cause]:
    """The causes, with cancelled orders without a day apart from refunds, if that is certain."""
    assert report.days is not None
    cancelled = of_cancelled(amounts, setting, report.days, back)
    if cancelled is None:
        return list(causes)
    made: list[Cause] = []
    for cause in causes:
        if cause.name in UNDATED:
            adds = {
                figure.name: sum(
                    (cancelled[part] for part in setting.holds(figure).back & cancelled.keys()),
                    np.zeros(len(report.days), np.int64),
                )
                for figure in report.figures
            }
            made.append(replace(cause, name=CANCEL_DAY_UNKNOWN, adds=adds))
            cause = replace(cause, adds={n: s - adds[n] for n, s in cause.adds.items()})
        made.append(cause)
    return [cause for cause in made if any(series.any() for series in cause.adds.values())]


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
