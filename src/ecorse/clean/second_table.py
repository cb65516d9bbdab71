"""A second table inside a file: a line of other names with rows of their own below it.

What belongs here: recognising one, and the refusal that asks about it. What does not: leaving it
out, which the mapping declares (``stop_at``, ``skip_matching``).

Two signs are taken for proof, and both need a line of words (every field has a name-like text, no
two the same): records of another width that follow each other below it, which hold numbers where
it has words (``Watch``); and, in a table of the same width, words where the columns' types expect
numbers and times (``refuse_names``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.errors import ContractError
from ecorse.schema.contract import Header

NAME = re.compile(r"[^\W\d_][^\d@]{0,59}( ?\d{1,2})?")
ROWS_BELOW = 2


def are_names(fields: Sequence[str]) -> bool:
    """Whether fields could be the names of columns: words, none empty, none twice."""
    texts = [text.strip() for text in fields]
    return (
        len(texts) > 1
        and len({text.casefold() for text in texts}) == len(texts)
        and all(NAME.fullmatch(text) and "://" not in text for text in texts)
    )


def second_table(file_name: str, line: int, names: Sequence[str], what: str) -> ContractError:
    """The refusal of a file that holds a second table from a line on."""
    begins = re.escape(",".join(names)[:40]) if len(names) < 2 else re.escape(names[0].strip())
    return ContractError(
        f"{file_name}, line {line}: {what}: {', '.join(map(repr, names))}. Is this the header of a "
        "second table? Nothing was loaded. If its rows are no rows of this source, declare where "
        f"the table ends (such as stop_at = '^\"?{begins}'), or which lines are none "
        "(skip_matching); else make two files of it."
    )


@dataclass
class Watch:
    """Looks at the records of a wrong width, in file order, whatever blocks they come in."""

    file_name: str
    width: int
    _names: Sequence[str] = ()
    _line: int = 0
    _rows: list[Sequence[str]] = field(default_factory=list)

    def see(self, line: int, fields: Sequence[str], *, follows: bool) -> None:
        """Take a record of another width; ``follows``: nothing sound stands since the last one.

        Raises
        ------
        ContractError
            It proves a second table.
        """
        if follows and self._names and len(fields) == len(self._names):
            self._rows.append(fields)
        elif are_names(fields):
            self._names, self._line, self._rows = fields, line, []
        else:
            self._names, self._rows = (), []
        if len(self._rows) == ROWS_BELOW and self._is_table():
            raise second_table(
                self.file_name, self._line, self._names,
                f"{len(self._names)} other names stand here where the header has {self.width}",
            )  # fmt: skip

    def _is_table(self) -> bool:
        """Whether a column below the names has digits in every row."""
        columns = zip(*self._rows, strict=True)
        return any(all(any(c.isdigit() for c in text) for text in column) for column in columns)


def refuse_names(
    file_name: str,
    own: Sequence[str],
    header: Header,
    raw: pl.DataFrame,
    reasons: pl.DataFrame,
    lines: NDArray[np.int64],
) -> None:
    """Refuse a block that has a row of names where its columns have numbers and times.

    Where all columns are texts, a row is told by the header's own names, in whatever order.

    Parameters
    ----------
    own
        The header as the file has it.
    raw
        The block's rows as text; the file's own columns stand first.
    reasons
        Why rows were refused (``clean.cast``).
    lines
        The rows' numbers in the file.
    """
    typed = [column for column in header.columns if column is not None and column.type != "text"]
    if typed and reasons.is_empty():
        return
    if typed:
        invalid = reasons.filter(pl.col("rule").str.ends_with("_invalid"))
        of_row = invalid.group_by("_row", maintain_order=True).len()
        rows = of_row.filter(pl.col("len") >= min(2, len(typed)))["_row"].to_list()
    else:
        names = [name.strip() for name in own]
        texts = [pl.nth(i).is_in(names).cast(pl.UInt32) for i in range(len(own))]
        is_header = raw.select((pl.sum_horizontal(texts) * 2 > len(own)).alias("is_header"))
        rows = is_header["is_header"].arg_true().to_list()
    for row in rows:
        fields = [text or "" for text in raw.row(row)[: len(own)]]
        if are_names(fields):
            what = "names stand here where the rows have numbers and times"
            raise second_table(file_name, int(lines[row]), fields, what)
