"""One form for every table that is built: what it is about, its grain, columns and checks.

What belongs here: the shape. What does not: how a table is made (``ecorse.refresh``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TableSpec:
    """A table that a model writes: what it is about, its grain, its columns.

    ``columns`` maps a column name to ``(SQL type, comment)`` in order and starts with
    ``shop_id``; ``build_id`` is added by the flow. ``checks`` maps a check's name to
    ``(level, SQL)`` where the level is ``fail`` or ``warn`` and the SQL selects the rows that
    break the rule, reading ``marts.<name>``. Several models may fill one table if all name the
    same ``writer_column``: its values tell their rows apart.
    """

    name: str
    about: str
    grain: tuple[str, ...]
    columns: Mapping[str, tuple[str, str]]
    checks: Mapping[str, tuple[Literal["fail", "warn"], str]] = field(default_factory=dict)
    writer_column: str | None = None
