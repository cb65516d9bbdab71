"""The shapes in which tables of cleaned rows are declared: a column, its bounds, a table.

What belongs here: what can be said of a column and a table. What does not: which there are
(``schema.staging``), and the SQL and the statements made of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Mapped = Literal["needed", "optional", ""]
Same = Literal["key", "compared", ""]


@dataclass(frozen=True)
class Bounds:
    """The least and greatest value that a mapping lets in; ``sentence`` says so to a person."""

    most: str
    sentence: str
    least: str = ""


@dataclass(frozen=True)
class StagedColumn:
    """One canonical column.

    Parameters
    ----------
    sql_type
        As Postgres writes it: ``numeric(14,4)``.
    is_needed
        Never null.
    default
        What a row has that does not say; of a needed column that sources may leave out.
    mapped
        Whether a mapping may fill it, or must.
    allowed
        The only values it may have; checked by the table, and by a mapping beforehand.
    longest
        The most characters that a mapping lets in; 0 where any number will do.
    same
        ``key``: never null, and equal rows agree in it. ``compared``: further columns (which may
        be null) that a row held by two files agrees in.
    """

    name: str
    sql_type: str
    about: str
    is_needed: bool = False
    default: str = ""
    mapped: Mapped = ""
    allowed: tuple[str, ...] = ()
    bounds: Bounds | None = None
    same: Same = ""
    longest: int = 0


@dataclass(frozen=True)
class StagingTable:
    """One table of cleaned rows.

    Parameters
    ----------
    time
        The instant that ``as_of`` cuts on; without one a row counts as soon as its load does.
    marked_by
        The ids that carry the mark of a simulated row, the first that a row has.
    becomes
        What a mapping may fill besides columns, and what becomes of it.
    money
        The SQL of what a row is worth in the account of money.
    """

    name: str
    about: str
    of_these: str
    columns: tuple[StagedColumn, ...]
    time: str | None
    marked_by: tuple[str, ...]
    becomes: dict[str, str] = field(default_factory=dict)
    money: str = "0"

    @property
    def twin(self) -> str:
        """The table of rows that an earlier load of the same shop and source already holds."""
        return f"repeated_{self.name}"

    @property
    def relation(self) -> tuple[str, str]:
        """Schema and name."""
        return ("staging", self.name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every column, as declared."""
        return tuple(c.name for c in self.columns)

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that are never null and that equal rows agree in."""
        return tuple(c.name for c in self.columns if c.same == "key")

    @property
    def compared(self) -> tuple[str, ...]:
        """Further columns, which may be null, that a row held by two files agrees in."""
        return tuple(c.name for c in self.columns if c.same == "compared")

    @property
    def has_attributes(self) -> bool:
        """Whether a mapping may fill ``attributes.<name>``."""
        return "attributes" in self.column_names

    def column(self, name: str) -> StagedColumn | None:
        """The column of that name, if there is one."""
        return next((c for c in self.columns if c.name == name), None)

    def targets(self, *, needed: bool = False) -> tuple[str, ...]:
        """What a mapping may fill, or only what it must."""
        if needed:
            return tuple(c.name for c in self.columns if c.mapped == "needed")
        return (*(c.name for c in self.columns if c.mapped), *self.becomes)
