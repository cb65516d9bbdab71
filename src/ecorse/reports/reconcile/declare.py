"""What a platform's report says: ``include/reports/<kind>.toml``.

What belongs here: the file's shape and its checks. What does not: reading a report (``report``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from ecorse.declared import Table, read
from ecorse.errors import ConfigError
from ecorse.reports.reconcile.amounts import GOODS, GROUPS, Holds
from ecorse.schema.contract import Column, Contract, Form
from ecorse.schema.shape import PLAIN
from ecorse.settings import get_settings
from ecorse.sources.mappings.columns import Style
from ecorse.sources.shaping import Names, ShapeTable, contradictions

Part = Literal["gross", "discounts", "returns", "shipping", "taxes", "tips", "gift_cards", "fees"]
Calendar = Literal["order_date", "event_date"]


class DayTable(Table):
    """The column that has the day."""

    name: str = Field(min_length=1, description="the column that has the day")
    aliases: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("%Y-%m-%d",)


class MeasureTable(Table):
    """A column of figures: what its money is made of, or that it counts orders.

    ``sign = "-"``: the report writes as above 0 what is taken off. ``row``: of a report with rows
    per kind of money, those whose figure it is; left out: all of them. ``title`` is how it is
    called in what is told.
    """

    name: str = Field(min_length=1, description="the column's name in the report")
    aliases: tuple[str, ...] = ()
    holds: tuple[Part, ...] = ()
    counts: Literal["orders"] | None = None
    sign: Literal["+", "-"] = "+"
    row: Names = ()
    title: str = ""

    @property
    def called(self) -> str:
        """How it is called in what is told."""
        return self.title or " ".join([*self.row, self.name])

    def held(self) -> Holds:
        """The amounts that its figures are the sum of.

        Of shipping, taxes and the like it has what was given back too, unless it is about goods
        that are sold alone, or taken back alone.
        """
        parts = frozenset(self.holds)
        of_sold = parts - {"returns"}
        of_back = parts & {"returns"} | {
            f"{p}_back" for p in parts & set(GROUPS) if not (parts & GOODS) or "returns" in parts
        }
        if "returns" in parts and "gross" not in parts:
            of_sold = of_sold - set(GROUPS)
        return Holds(frozenset(of_sold), frozenset(of_back))


class PaidOutTable(Table):
    """The column of the **export** with the day on which a row's money is paid out."""

    name: str = Field(min_length=1, description="the export's column with the day of the payout")
    formats: tuple[str, ...] = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


class ReportFile(Style, ShapeTable):
    """A whole declaration of a report."""

    about: str = Field(min_length=1, description="what the report is, in a sentence")
    sources: tuple[str, ...] = Field(default=(), description="the sources whose platform makes it")
    day: DayTable | None = None
    rows: str | None = None
    currency: str | None = None
    paid_out: PaidOutTable | None = None
    calendar: Calendar = "event_date"
    report_zone: str = "shop"
    leaves_out: tuple[Literal["cancelled"], ...] = ()
    measures: tuple[MeasureTable, ...] = Field(min_length=1, description="its columns of figures")

    def mistakes(self) -> Iterable[str]:
        """What is well-formed and makes no sense."""
        yield from contradictions(self.shape(PLAIN))
        if self.day is None and self.rows is None:
            yield "expected day (a row per day), rows (rows per kind of money), or both"
        if self.paid_out is not None and self.day is None:
            yield "paid_out: expected day as well, the day on which the report has a payout"
        for number, measure in enumerate(self.measures):
            place = f"measures[{number}]"
            if bool(measure.holds) == (measure.counts is not None):
                yield f"{place}: expected holds (parts of money) or counts = 'orders'"
            if measure.row and self.rows is None:
                yield f"{place}.row: expected rows as well, the column that says which row it is"
            if not measure.row and self.day is None:
                yield f"{place}: expected row, which of the report's rows it is"
        called = [measure.called for measure in self.measures]
        for name in sorted({n for n in called if called.count(n) > 1}):
            yield f"measures: {name!r} stands twice"

    def contract(self, name: str) -> Contract:
        """How the file is read: all figures as decimals; a figure's column may be missing."""
        decimal = self.decimal or ""
        group = self.group if self.group is not None else ("." if decimal == "," else "")
        columns = [
            Column(
                m.name, None, "decimal", required=self.rows is not None, aliases=m.aliases,
                normalise=self.normalise or ("parentheses", "trailing_minus", "unicode_minus"),
                decimal=decimal, group=group, nulls=self.nulls or (),
            )
            for m in {m.name: m for m in self.measures}.values()
        ]  # fmt: skip
        texts = [Column(text, None) for text in (self.rows, self.currency) if text is not None]
        day = [
            Column(one.name, None, "date", aliases=one.aliases, formats=one.formats)
            for one in (self.day,)
            if one is not None
        ]
        return Contract(
            name, (Form(name, (*day, *texts, *columns)),), (), (), shape=self.shape(PLAIN)
        )


def report_kinds() -> dict[str, Path]:
    """The declarations of the project and those that ship, by name; none is read."""
    return {path.stem: path for path in get_settings().files("reports/*.toml")}


def read_kind(name: str) -> ReportFile:
    """The declaration of a kind of report.

    Raises
    ------
    ConfigError
        There is none of that name, or it says something wrong.
    """
    kinds = report_kinds()
    if name not in kinds:
        raise ConfigError(
            f"There is no report {name!r}; there are {', '.join(sorted(kinds))}. A report of your "
            f"own is a file include/reports/{name}.toml (docs/how-to/reconcile.md)."
        )
    return read(kinds[name], ReportFile)
