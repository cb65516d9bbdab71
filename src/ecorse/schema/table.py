"""The shapes in which tables of cleaned rows are declared: a column, its bounds, a table.

What belongs here: what can be said of a column and a table. What does not: which there are
(``schema.staging``), and the SQL and the statements made of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Mapped = Literal["needed", "optional", ""]
Same = Literal["key", ""]
# where a row came from, and what its source does not declare: equal rows may differ in these
NOT_COMPARED = ("load_id", "source_line", "extra", "flags")


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
        ``key``: never null, and equal rows seldom agree in it by chance: they are found by it.
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
    latest_counts
        Of several rows about one thing the latest counts: one that an earlier load had too says
        anew what holds now, and is read like any other.
    """

    name: str
    about: str
    of_these: str
    columns: tuple[StagedColumn, ...]
    time: str | None
    marked_by: tuple[str, ...]
    becomes: dict[str, str] = field(default_factory=dict)
    money: str = "0"
    latest_counts: bool = False

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
        """Columns that are never null and by which equal rows are found."""
        return tuple(c.name for c in self.columns if c.same == "key")

    @property
    def compared(self) -> tuple[str, ...]:
        """The further columns, which may be null, that equal rows agree in."""
        return tuple(c for c in self.identity if c not in self.key)

    @property
    def identity(self) -> tuple[str, ...]:
        """Everything that two equal rows agree in: all that a source declares."""
        return tuple(c for c in self.column_names if c not in NOT_COMPARED)

    @property
    def has_added_lines(self) -> bool:
        """Whether lines may be added that are made of values beside a row."""
        return "made_of" in self.column_names

    @property
    def own_rows(self) -> str:
        """The SQL condition of rows of the file, apart from lines that were made of one."""
        return "made_of is null" if self.has_added_lines else "true"

    def own_rows_of(self, alias: str) -> str:
        """The same of an alias."""
        return f"{alias}.made_of is null" if self.has_added_lines else "true"

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
