"""What one column's sampled values are, as far as it was found.

What belongs here: the finding, and reading values by it as a load would. What does not: finding it
(``draft_values``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from ecorse.clean import values
from ecorse.schema.contract import Column, DecimalSign, Repair

# so large a share of a column's values has to be read; the others are told
NEARLY_ALL = 0.99


@dataclass
class Look:
    """What one column's values are.

    ``kind`` is a type of a mapping, or ``time`` for a time of day alone. ``others`` are formats
    that would fit as well as ``formats``; ``questions`` are for a person. ``unread`` counts
    sampled values that are not read so.
    """

    name: str
    texts: pl.Series
    kind: str = "text"
    formats: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    decimal: DecimalSign = ""
    group: str = ""
    normalise: tuple[Repair, ...] = ()
    nulls: tuple[str, ...] = ()
    is_date_only: bool = False
    unread: int = 0
    questions: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many sampled rows have a value."""
        return len(self.texts) - self.texts.null_count()

    @property
    def distinct_share(self) -> float:
        """Different values per value."""
        return self.texts.drop_nulls().n_unique() / self.rows if self.rows else 0.0

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return self.kind in ("integer", "decimal", "percent")

    def column(self, target: str | None = None, kind: str | None = None) -> Column:
        """The column as it would be declared."""
        return Column(
            self.name, target, kind or self.kind,  # type: ignore[arg-type]
            formats=self.formats, normalise=self.normalise, decimal=self.decimal,
            group=self.group or ("." if self.decimal == "," else ""),
            nulls=self.nulls, is_date_only=self.is_date_only,
        )  # fmt: skip

    def read(self, kind: str | None = None) -> pl.Series:
        """The values as a load would read them; null where it would not."""
        return read_as(self.texts, self.column(kind=kind))


def read_as(texts: pl.Series, column: Column) -> pl.Series:
    """Texts as a load would read them in a column."""
    if column.type == "text":
        return texts
    if column.nulls:
        texts = texts.to_frame("t").select(
            pl.when(~pl.col("t").is_in(list(column.nulls))).then(pl.col("t"))
        ).to_series()  # fmt: skip
    plain = pl.select(values.convert(pl.lit(texts), column)).to_series()
    if len(plain) != len(texts):
        plain = plain.new_from_index(0, len(texts))
    return values.read(plain, texts, column).values


def example_of(texts: pl.Series, unlike: Sequence[str] = ()) -> str:
    """A value to show to a person."""
    some = texts.drop_nulls()
    return next((t for t in some.head(100).to_list() if t not in unlike), "")
