"""The explanation of a report, for a shop owner at a terminal of 100 columns, or for a script.

What belongs here: layout. What does not: what is said of a cause (``causes``).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
from rich.console import Console

from ecorse.reports.reconcile.amounts import (
    CANCEL_DAY_UNKNOWN,
    REFUND_DAY_UNKNOWN,
    UNIT,
    Series,
    money,
)
from ecorse.reports.reconcile.cause import Cause
from ecorse.reports.reconcile.causes import describe
from ecorse.reports.reconcile.expect import Setting
from ecorse.reports.reconcile.report import Figure
from ecorse.reports.reconcile.run import Reconciled
from ecorse.show import escaped

WIDTH = 98
EXAMPLE_DAYS, LEFT_DAYS = 2, 20
WITHOUT_DAY = {REFUND_DAY_UNKNOWN: "refunds", CANCEL_DAY_UNKNOWN: "cancelled orders"}


def as_data(found: Reconciled) -> dict[str, Any]:
    """Everything as plain values; money as texts."""
    report = found.report
    return {
        "report": report.kind,
        "file": report.file_name,
        "source": found.source,
        "shop": found.shop.shop_id,
        "currency": found.shop.currency,
        "first_day": report.days.first if report.days else None,
        "last_day": report.days.last if report.days else None,
        "is_explained": found.explained.is_all,
        "unexplained": {
            figure.name: _shown(figure, amount) for figure, amount in unexplained(found)
        },
        "figures": [
            {
                "name": figure.name,
                "report": _shown(figure, figure.series.sum()),
                "ecorse": _shown(figure, found.explained.ours[figure.name].sum()),
                "unexplained": _shown(figure, _left(found, figure)),
            }
            for figure in report.figures
        ],
        "causes": [
            {
                "name": cause.name,
                "sentence": (told := describe(found, cause)).sentence,
                "examples": told.examples,
                "figures": [
                    {
                        "name": figure.name,
                        "sum": _shown(figure, cause.adds[figure.name].sum()),
                        "days": {
                            str(_day(found, int(n))): _shown(figure, cause.adds[figure.name][n])
                            for n in np.flatnonzero(cause.adds[figure.name])
                        },
                    }
                    for figure in report.figures
                    if cause.adds[figure.name].any()
                ],
            }
            for cause in found.explained.causes
        ],
        "left": [
            {"day": day, "figure": figure.name, "amount": _shown(figure, amount)}
            for day, figure, amount in left_over(found)
        ],
        "as_good": [_differs(setting, found.chosen) for setting in found.as_good],
        "notes": list(found.notes),
    }


def unexplained(found: Reconciled) -> list[tuple[Figure, int]]:
    """The figures of which something is left, and how much, whether too much or too little.

    They are never added up: one cent of gross sales is one of net sales and of the total too.
    """
    left = [(figure, _left(found, figure)) for figure in found.report.figures]
    return [(figure, amount) for figure, amount in left if amount]


def left_over(found: Reconciled) -> Iterator[tuple[Any, Figure, int]]:
    """What is left: the day (``None``: not known which), the figure, the amount."""
    for figure in found.report.figures:
        series = found.explained.left[figure.name]
        for n in np.flatnonzero(series):
            yield _day(found, int(n)), figure, int(series[n])
        if figure.name in found.explained.left_undated:
            yield None, figure, found.explained.left_undated[figure.name]


def print_reconciled(found: Reconciled, console: Console | None = None) -> None:
    """Print the figures, the causes and what is left."""
    console = console or Console(width=WIDTH, highlight=False, emoji=False, soft_wrap=True)
    for line in _lines(found):
        console.print(escaped(line, keep="\n"), markup=False)
    left = list(left_over(found))
    if found.explained.is_all:
        console.print("unexplained 0.00", style="bold green")
        return
    each = "; ".join(f"{figure.name} {_shown(figure, n)}" for figure, n in unexplained(found))
    for line in _wrapped(f"unexplained: {each}", "", "  "):
        console.print(line, markup=False, style="bold red")
    for day, figure, amount in left[:LEFT_DAYS]:
        when = day or "on days that cannot be told"
        more = "more" if amount > 0 else "less"
        told = f"{when}  {figure.name}: the report has {_shown(figure, abs(amount))} {more}"
        console.print("\n".join(_wrapped(told, "  ", "    ")), markup=False)
    if len(left) > LEFT_DAYS:
        console.print(f"  ... and {len(left) - LEFT_DAYS:,} more (--json)", markup=False)


def _lines(found: Reconciled) -> Iterator[str]:
    report = found.report
    period = f", {report.days.first} to {report.days.last}" if report.days else ""
    shop = found.shop
    yield from _wrapped(
        f"{report.file_name} ({report.kind}){period}, beside what was loaded of {found.source} for "
        f"shop {shop.shop_id}, in {shop.currency}", "", "",
    )  # fmt: skip
    yield ""
    yield f"{'':24}{'report':>16}{'Ecorse':>16}{'difference':>14}{'days':>7}{'unexplained':>14}"
    for figure in report.figures:
        ours = found.explained.ours[figure.name]
        difference = figure.series - ours
        yield (
            f"{figure.name[:24]:24}{_shown(figure, figure.series.sum()):>16}"
            f"{_shown(figure, ours.sum()):>16}{_shown(figure, difference.sum()):>14}"
            f"{int(np.count_nonzero(difference)):>7}{_shown(figure, _left(found, figure)):>14}"
        )
    yield ""
    for number, cause in enumerate(found.explained.causes, 1):
        yield from _cause(found, number, cause)
    yield from _others(found)
    for note in found.notes:
        yield from _wrapped(f"note: {note}", "", "      ")


def _cause(found: Reconciled, number: int, cause: Cause) -> Iterator[str]:
    told = describe(found, cause)
    yield f"{number}. {told.title}"
    yield from _wrapped(told.sentence, "   ", "   ")
    for figure in found.report.figures:
        adds = cause.adds[figure.name]
        if not adds.any():
            continue
        days = int(np.count_nonzero(adds))
        on_days = f" on {days:,} day{'s' if days > 1 else ''}" if found.report.days else ""
        total = f"{_shown(figure, adds.sum(), signed=True):>14}"
        yield f"     {figure.name[:20]:20}{total}{on_days}{_example(found, figure, adds)}"
    for example in told.examples:
        yield from _wrapped(f"e.g. {example}", "     ", "          ")
    yield ""


def _example(found: Reconciled, figure: Figure, adds: Series) -> str:
    if found.report.days is None:
        return ""
    days = sorted(np.argsort(-np.abs(adds), kind="stable")[:EXAMPLE_DAYS].tolist())
    shown = [
        f"{_day(found, n):%d %b} {_shown(figure, adds[n], signed=True)}" for n in days if adds[n]
    ]
    return f" ({'; '.join(shown)})"


def _others(found: Reconciled) -> Iterator[str]:
    if found.as_good:
        told = "; ".join(_differs(setting, found.chosen) for setting in found.as_good[:5])
        yield from _wrapped(
            f"As much is explained by: {told}. The data cannot tell which.", "", "  "
        )
        yield ""


def _differs(setting: Setting, chosen: Setting) -> str:
    told = []
    if setting.zone != chosen.zone:
        told.append(f"days of {setting.zone}")
    if setting.calendar != chosen.calendar:
        told.append(f"refunds by {setting.calendar.replace('_', ' ')}")
    if pools := setting.pools - chosen.pools:
        told.append(f"with {', '.join(sorted(pools))}")
    if pools := chosen.pools - setting.pools:
        told.append(f"without {', '.join(sorted(pools))}")
    for kind in sorted(setting.free ^ chosen.free):
        on = "on their own days" if kind in setting.free else "on order days"
        told.append(f"{WITHOUT_DAY[kind]} {on}")
    if setting.rounding != chosen.rounding:
        told.append(f"rounded per {setting.rounding.replace('_', ', ') or 'day'}")
    for turned, word in (
        (setting.turned - chosen.turned, ""),
        (chosen.turned - setting.turned, "not "),
    ):
        told += [f"{group} {word}counted otherwise in {name}" for name, group in sorted(turned)]
    return " and ".join(told)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest)


def _left(found: Reconciled, figure: Figure) -> int:
    left = int(np.abs(found.explained.left[figure.name]).sum())
    return left + abs(found.explained.left_undated.get(figure.name, 0))


def _day(found: Reconciled, number: int) -> Any:
    days = found.report.days
    return days.first + timedelta(days=number) if days else None


def _shown(figure: Figure, amount: Any, *, signed: bool = False) -> str:
    sign = "+" if signed and amount > 0 else ""
    return sign + (f"{int(amount) // UNIT:,}" if figure.counts_orders else money(amount))
