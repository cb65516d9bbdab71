"""What every format that is no text needs to write CSV text.

What belongs here: what a contract expects of a table, as data that a reader in a process of its
own can be given, and texts as CSV. What does not: any one format. Text is written so that the casts
of ``ecorse.clean`` read the same value back: with the decimal sign that is declared for the column,
and never with two readings.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ecorse.schema.contract import header_key
from ecorse.schema.shape import Shape

NUMBERS = ("integer", "decimal", "percent")


class Expected(NamedTuple):
    """What is known of a column: its type, and the decimal sign of its texts."""

    type: str
    decimal: str


class WantedForm(NamedTuple):
    """The columns of one published form by their names' keys, and those that it requires."""

    columns: Mapping[str, int]
    required: Sequence[int]


@dataclass(frozen=True)
class Wanted:
    """What is expected of a table: which names are a header, and the column of a name.

    Without forms any row is a header, and nothing is known of a column. Plain data: it is sent to
    readers as JSON.
    """

    forms: Sequence[WantedForm] = ()
    columns: Mapping[str, Expected] = field(default_factory=dict)

    def is_header(self, names: Sequence[str]) -> bool:
        """Whether names have all that one form requires (``schema.contract.has_header``)."""
        keys = [header_key(name) for name in names]
        found = [({f.columns[k] for k in keys if k in f.columns}, f) for f in self.forms]
        return not self.forms or any(
            columns and columns.issuperset(form.required) for columns, form in found
        )

    def column_of(self, name: str) -> Expected | None:
        """What is known of a column of that name."""
        return self.columns.get(header_key(name))

    def sign_of(self, name: str) -> str | None:
        """The decimal sign of a column of numbers; nothing where it holds none."""
        column = self.column_of(name)
        return None if column is None or column.type not in NUMBERS else column.decimal


ANYTHING = Wanted()


def told(shape: Shape, wanted: Wanted) -> dict[str, Any]:
    """A shape and what is wanted, JSON-ready."""
    return {
        "shape": vars(shape),
        "forms": list(wanted.forms),
        "columns": wanted.columns,
    }


def understood(said: Mapping[str, Any]) -> tuple[Shape, Wanted]:
    """The shape and what is wanted, as ``told``."""
    shape: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in said["shape"].items()
    }
    forms = [WantedForm(*form) for form in said["forms"]]
    columns = {key: Expected(*column) for key, column in said["columns"].items()}
    return Shape(**shape), Wanted(forms, columns)


class _Lines(list[str]):
    """Takes what a csv writer writes, a line at a time.

    The writer ends lines by CR LF, so that it quotes values with either; our lines end by LF. A
    row of one empty value is an empty line.
    """

    def write(self, line: str) -> None:
        self.append(line[:-2] if line != '""\r\n' else "")


def to_csv(rows: Iterable[Iterable[str | None]]) -> bytes:
    """Rows of texts as CSV without a header, quoted where RFC 4180 asks for it."""
    lines = _Lines()
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def header_line(names: Sequence[str]) -> bytes:
    """The names as one CSV line; a line break inside a name becomes a space."""
    return to_csv([[" ".join(name.split()) for name in names]])


def number_text(text: str, sign: str | None) -> str:
    """A number, written with a point, as a column with a decimal sign reads it."""
    if sign is None:
        return text
    whole, point, decimals = text.partition(".")
    if len(decimals) == 3:
        decimals += "0"
    return f"{whole}{sign or '.'}{decimals}" if point else text
