"""One form for every table that is built: what it is about, its grain, columns and checks.

What belongs here: the shape, and the union of all named checks. What does not: how a table is made
(``ecorse.refresh``); what a check says (``row_rules``, ``group_rules``, ``table_rules``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field

from ecorse.models.binding import Binding
from ecorse.models.checks import BoundCheck, Check, SqlCheck
from ecorse.models.group_rules import (
    NeverRises,
    NoGaps,
    OneValue,
    RowsPerGroup,
    Symmetric,
    Unique,
)
from ecorse.models.row_rules import AcceptedValues, Between, Compare, FilledWhere, NotNull
from ecorse.models.share_rules import MeanIsOne, ShareOf, SharesSumToOne
from ecorse.models.table_rules import Covers, References, SumsMatch

__all__ = [
    "GRAIN_CHECKS",
    "Binding",
    "BoundCheck",
    "Check",
    "Column",
    "NamedCheck",
    "Relation",
    "SqlCheck",
]

NamedCheck = Annotated[
    AcceptedValues
    | Between
    | Compare
    | Covers
    | FilledWhere
    | MeanIsOne
    | NeverRises
    | NoGaps
    | NotNull
    | OneValue
    | References
    | RowsPerGroup
    | ShareOf
    | SharesSumToOne
    | SumsMatch
    | Symmetric
    | Unique,
    Field(discriminator="check"),
]
"""Any named check, told apart by its key ``check``."""


GRAIN_CHECKS = ("grain_is_not_null", "grain_is_unique")
"""The names of the checks that every table has."""


class Column(NamedTuple):
    """A column: its SQL type (empty where a mart's select gives it) and its comment."""

    sql_type: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table or view of ``marts``: what it is about, its grain, columns and checks.

    ``columns`` maps each column, in order, to its type and comment and starts with ``shop_id``;
    ``build_id`` is added by the flow. ``is_unique`` is false where the grain names what a row is
    about without identifying it. Several models may fill one table if all name the same
    ``writer_column``: its values tell their rows apart. ``volatile`` columns (seconds, memory)
    differ between nights of the same data; a night's checksum leaves them out. ``bindings`` say how
    columns that are called like a measure relate to the shop's figure; without one such a name is
    refused.
    """

    name: str
    about: str
    grain: tuple[str, ...]
    columns: Mapping[str, Column]
    checks: tuple[Check, ...] = ()
    is_unique: bool = True
    writer_column: str | None = None
    volatile: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()

    @property
    def comments(self) -> dict[str, str]:
        """The comment of each column, in order."""
        return {name: column.comment for name, column in self.columns.items()}

    def bound_checks(self) -> list[BoundCheck]:
        """Every check of this table, ready to run: the grain's own first, then the declared."""
        grain = ", ".join(self.grain)
        checks: list[Check] = [
            NotNull(
                name=GRAIN_CHECKS[0],
                sentence=f"A column of the grain ({grain}) is null",
                columns=self.grain,
            )
        ]
        if self.is_unique:
            unique = Unique(
                name=GRAIN_CHECKS[1],
                sentence=f"More than one row per {grain}",
                columns=self.grain,
            )
            checks.append(unique)
        return [check.bind(self.name, self.grain) for check in (*checks, *self.checks)]
