"""How often a key stands in a file, against what the file itself says: ``count_of(order_id) = n``.

What belongs here: counting in bounded memory, 20 bytes for each key and each number claimed for
it. What does not: the rule and its sentence (``rules``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.expressions import Count

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
LARGEST = 2**31 - 1  # a greater number claimed is as wrong as this one
SETTLE_ROWS = 1 << 20
EXAMPLES = 3
SETTLED = {"key": pl.UInt64, "claimed": pl.Int32, "rows": pl.UInt32, "line": pl.UInt32}


class KeyCounts:
    """Rows by key and claimed number; a row whose key or number is null is not judged."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._settled = pl.DataFrame(schema=SETTLED)
        self._waiting: list[pl.DataFrame] = []
        self._waiting_rows = 0

    def add(self, frame: pl.DataFrame, lines: NDArray[np.int64]) -> None:
        """Count a block's rows."""
        claimed = self._count.other.expr.cast(pl.Int128).clip(-LARGEST, LARGEST)
        part = (
            frame.select(
                pl.first().alias("_first"),
                self._count.key.expr.cast(pl.String).hash(seed=1).alias("key"),
                claimed.cast(pl.Int32).alias("claimed"),
                self._count.key.expr.is_null().alias("is_null"),
                pl.Series("line", lines, dtype=pl.UInt32),
            )
            .filter(~pl.col("is_null"))
            .group_by("key", "claimed")
            .agg(pl.len().cast(pl.UInt32).alias("rows"), pl.col("line").min())
        )
        self._waiting.append(part)
        self._waiting_rows += part.height
        if self._waiting_rows > max(SETTLE_ROWS, self._settled.height // 2):
            self._settle()

    def broken(self) -> tuple[int, list[str]]:
        """How many rows break the rule, and the first examples with line and both numbers."""
        self._settle()
        holds = SIGNS[self._count.sign]
        wrong = (
            self._settled.with_columns(pl.col("rows").sum().over("key").alias("counted"))
            .filter(~holds(pl.col("counted").cast(pl.Int64), pl.col("claimed").cast(pl.Int64)))
            .sort("line")
        )
        first = wrong.head(EXAMPLES).select("line", "counted", "claimed").iter_rows()
        told = [
            f"line {line}: count_of({self._count.key.text}) is {counted}, "
            f"{self._count.other.text} is {claimed}"
            for line, counted, claimed in first
        ]
        return int(wrong["rows"].sum()), told

    def _settle(self) -> None:
        together = pl.concat([self._settled, *self._waiting])
        self._settled = together.group_by("key", "claimed").agg(
            pl.col("rows").sum().cast(pl.UInt32), pl.col("line").min()
        )
        self._waiting, self._waiting_rows = [], 0
