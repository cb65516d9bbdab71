"""What a mapping may say about one column, and how values are written.

What belongs here: a column's keys and what of them cannot be. What does not: the whole file
(``declare``), what becomes of a value (``ecorse.clean``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from ecorse.declared import Table
from ecorse.schema.contract import Column, ColumnType, DecimalSign, Repair, tells_instant
from ecorse.schema.staging import STATEMENTS
from ecorse.schema.table import StagedColumn, StagingTable
from ecorse.sources.shaping import Groups

Text = Annotated[str, Field(min_length=1)]


def type_of(column: StagedColumn | None) -> str:
    """The type of a file's column that fills a canonical one; empty where any will do."""
    sql_type = column.sql_type.partition("(")[0] if column is not None else ""
    return {
        "integer": "integer",
        "numeric": "decimal",
        "timestamptz": "timestamp",
        "timestamp": "timestamp",
        "date": "date",
        "boolean": "boolean",
    }.get(sql_type, "")


def types_of(target: str, staging: StagingTable) -> tuple[str, ...]:
    """The types that a column with a target may have; none where any will do."""
    if target in BECOMES:
        return BECOMES[target]
    fits = type_of(staging.column(target))
    return (fits,) if fits else ()


# types of what a mapping fills that is no column of a table
LITERAL_UTC = re.compile(r"(?<!%)(?:Z|UTC|GMT)\b")
BECOMES = {"line_total": ("decimal",), "discount_share": ("decimal", "percent")} | dict.fromkeys(
    STATEMENTS, ("boolean",)
)


# what parts thousands cannot be the decimal sign as well
OTHER: dict[str, DecimalSign] = {",": ".", ".": ","}


class Style(Table):
    """How values are written: of all columns of a file, or of one."""

    decimal: DecimalSign | None = None
    group: Groups | None = None
    normalise: tuple[Repair, ...] | None = None
    nulls: tuple[str, ...] | None = None
    zone: str | None = None

    def over(self, other: Style) -> Style:
        """What this one says, and the other where it says nothing."""
        said = {
            name: mine if (mine := getattr(self, name)) is not None else getattr(other, name)
            for name in Style.model_fields
        }
        return Style(**said)


class ColumnTable(Style):
    """A column of a file, and what it becomes; see ``ecorse.schema.contract.Column``."""

    name: str | None = None
    parts: tuple[str, ...] = Field(default=(), alias="from")
    by: str | None = None
    target: Text | None = None
    ignore: bool = False
    type: ColumnType = "text"
    required: bool = True
    aliases: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    date_only: bool = False
    zone_column: Text | None = None

    @property
    def called(self) -> str:
        """Its name in the file, or those of its parts."""
        return self.name if self.name is not None else " + ".join(self.parts)

    def column(self, file_style: Style) -> Column:
        """The declaration that casting works by."""
        style = self.over(file_style)
        decimal: DecimalSign = style.decimal or ""
        for sign in style.group or "":
            decimal = decimal or OTHER.get(sign, "")
        # a comma for decimals leaves the point to the thousands: nothing else is written so
        group = style.group if style.group is not None else ("." if decimal == "," else "")
        return Column(
            name=self.called,
            target=self.target,
            type=self.type,
            required=self.required,
            aliases=self.aliases,
            formats=self.formats,
            normalise=style.normalise or (),
            zone=style.zone or "shop",
            decimal=decimal,
            group=group,
            nulls=style.nulls or (),
            is_date_only=self.date_only,
            is_ignored=self.ignore,
            parts=self.parts,
            by=self.by if self.by is not None else " ",
            zone_column=self.zone_column or "",
        )


def wrong_clock(column: ColumnTable, of_file: Style) -> Iterator[str]:
    """Formats whose text says UTC, of a column that is declared to be of another clock."""
    zone = column.over(of_file).zone or "shop"
    said = [f for f in column.formats if LITERAL_UTC.search(f) and not tells_instant(f)]
    if said and zone != "UTC":
        yield (
            f"column {column.called!r}: {said[0]!r} has a Z or UTC as mere text, and its times "
            f'would be read by the clock of zone = {zone!r}; write %z in its place, or zone = "UTC"'
        )


def wrong_column(column: ColumnTable, staging: StagingTable) -> Iterator[str]:
    """What a column says that cannot be, one sentence each."""
    place = f"column {column.called!r}"
    fits = types_of(column.target or "", staging)
    if fits and column.type not in fits:
        yield f"{place}: {column.target} has the type {' or '.join(fits)!r}, not {column.type!r}"
    if (column.type in ("date", "timestamp")) != bool(column.formats):
        yield (
            f"{place}: a date or timestamp, and nothing else, needs formats such as "
            '["%Y-%m-%d %H:%M"]'
        )
    if (column.name is None) == (not column.parts):
        yield f"{place}: expected name, or from = [...] with the columns that make it"
    if column.by is not None and not column.parts:
        yield f"{place}: by says what stands between columns, and there is no from"
    if column.ignore and column.target:
        yield f"{place}: is to be ignored and has the target {column.target!r}"
    offsets = [f for f in column.formats if tells_instant(f)]
    is_mixed = bool(offsets) and len(offsets) != len(column.formats)
    if offsets and not is_mixed and (column.zone or column.zone_column) is not None:
        yield (
            f"{place}: {offsets[0]!r} names instants by itself, and zone = "
            f"{column.zone or column.zone_column!r} says otherwise; leave zone out"
        )
    if is_mixed and (column.zone in (None, "shop") or not tells_instant(column.formats[0])):
        yield (
            f"{place}: some of its formats name instants and some a wall clock's time; put those "
            'with %z first and say the zone of the others, such as zone = "America/New_York"'
        )
    if column.zone_column and column.type != "timestamp":
        yield f"{place}: zone_column is for a timestamp"
    if column.date_only and column.type != "timestamp":
        yield f"{place}: date_only is for a timestamp"
    if column.decimal and column.decimal in (column.group or ""):
        yield f"{place}: decimal and group are both {column.decimal!r}"
