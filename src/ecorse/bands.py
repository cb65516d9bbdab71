"""Bands: names for ranges of a number, the same in Python, in Polars and in a mart's SQL.

What belongs here: what a band is, and the bands of prices. What does not: the parts of the day
(``clock``); writing them into a mart's SQL (``ecorse.refresh.macros``).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Bands:
    """Ranges that follow each other without gaps, each with a name.

    ``bounds`` rise and part the bands: a bound belongs to the band above it. There is one name
    more than bounds, for the first band has no lower end and the last no upper one.
    """

    names: tuple[str, ...]
    bounds: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.bounds) + 1 or list(self.bounds) != sorted(self.bounds):
            raise ValueError(f"{self.names} are not the names between rising bounds {self.bounds}.")

    def number(self, value: float) -> int:
        """Which band a value is in, 1 for the lowest."""
        return bisect_right(self.bounds, value) + 1

    def name(self, value: float) -> str:
        """The name of the band that a value is in."""
        return self.names[self.number(value) - 1]

    def names_of(self, values: pl.Expr) -> pl.Expr:
        """The name of the band of each value; a null is in none."""
        import polars as pl

        names = pl.lit(self.names[-1])
        for name, bound in zip(self.names[-2::-1], self.bounds[::-1], strict=True):
            names = pl.when(values < bound).then(pl.lit(name)).otherwise(names)
        return pl.when(values.is_not_null()).then(names)


PRICES = Bands(
    names=("under 10", "10 to 50", "50 to 200", "200 to 1000", "1000 and over"),
    bounds=(10, 50, 200, 1000),
)
"""The price of one piece, in the shop's currency."""
