"""The profile of a file's columns before and after cleaning, gathered block by block.

A profile covers every row of a file.

What belongs here: counts and extremes of columns, merged over blocks. What does not: where the
report is kept or shown (``ecorse.ingest.report``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SLOTS = 1 << 18
SAMPLE_ROWS = 20_000
MOST_FREQUENT = f"most_frequent_in_first_{SAMPLE_ROWS}"


@dataclass
class ColumnProfile:
    """One column over all blocks: rows, nulls, extremes, sum, estimated distinct values.

    Distinct values are estimated by linear counting over 2^18 slots: within about 1 % up to half
    a million values; a saturated counter says ``over`` its limit. Source: Whang et al., "A
    linear-time probabilistic counting algorithm", https://doi.org/10.1145/78922.78925
    """

    rows: int = 0
    nulls: int = 0
    low: Any = None
    high: Any = None
    total: Any = None
    measured: int = 0
    slots: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(SLOTS, np.bool_))
    sample: Counter[str] = field(default_factory=Counter)

    def add(self, values: pl.Series, numbers: pl.Series | None = None) -> None:
        """Take one block's values in; extremes and mean are those of ``numbers`` where given."""
        if self.rows < SAMPLE_ROWS:
            counts = values.head(SAMPLE_ROWS - self.rows).drop_nulls().value_counts()
            self.sample.update({str(value): count for value, count in counts.iter_rows()})
        self.rows += len(values)
        nulls = values.null_count()
        self.nulls += nulls
        if nulls == len(values):
            return
        hashes = (
            values.drop_nulls().hash(seed=1).to_numpy() if nulls else values.hash(seed=1).to_numpy()
        )
        self.slots[hashes & np.uint64(SLOTS - 1)] = True
        measured = values if numbers is None else numbers
        if measured.null_count() == len(measured):
            return
        low, high = measured.min(), measured.max()
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        if measured.dtype.is_numeric():
            total = measured.sum()
            self.total = total if self.total is None else self.total + total
            self.measured += len(measured) - measured.null_count()

    def metrics(self) -> dict[str, str]:
        """Metric name to value as text; what does not apply is left out."""
        found: dict[str, Any] = {
            "rows": self.rows,
            "nulls": self.nulls,
            "distinct_approx": self._distinct(),
        }
        if self.low is not None:
            found |= {"min": self.low, "max": self.high}
        if self.measured:
            found["mean"] = f"{float(self.total) / self.measured:.6g}"
        if self.sample:
            found[MOST_FREQUENT] = min(self.sample.items(), key=lambda item: (-item[1], item[0]))[0]
        return {metric: str(value)[:200] for metric, value in found.items()}

    def _distinct(self) -> str:
        empty = SLOTS - int(np.count_nonzero(self.slots))
        limit = int(SLOTS * np.log(SLOTS / 1000))
        if empty < 1000:
            return f"over {limit}"
        return str(round(-SLOTS * np.log(empty / SLOTS)))


class Profile:
    """Profiles of all columns of a frame, by name."""

    def __init__(self) -> None:
        self.columns: dict[str, ColumnProfile] = {}

    def add(self, frame: pl.DataFrame, numbers: Mapping[str, pl.Series] | None = None) -> None:
        """Take one block in; ``numbers`` holds text columns as numbers where they are any."""
        for series in frame:
            profile = self.columns.setdefault(series.name, ColumnProfile())
            profile.add(series, (numbers or {}).get(series.name))
