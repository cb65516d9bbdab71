"""The profile of a file's columns before and after cleaning, gathered block by block.

A profile covers every row of a file.

What belongs here: counts and extremes of columns, merged over blocks. What does not: where the
report is kept or shown (``ecorse.ingest.report``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SLOTS = 1 << 18
CACHE = 1 << 12
SAMPLE_ROWS = 20_000
MOST_FREQUENT = f"most_frequent_in_first_{SAMPLE_ROWS}"


@dataclass
class ColumnProfile:
    """One column over all blocks: rows, nulls, extremes, sum, estimated distinct values.

    Distinct values are estimated by linear counting over 2^18 slots: within about 1 % up to half
    a million values; a saturated counter says ``over`` its limit. Source: Whang et al., "A
    linear-time probabilistic counting algorithm", https://doi.org/10.1145/78922.78925

    A value whose hash (64 bits) is among the last met changes neither slots nor extremes, so that
    a column of few different values is hashed and no more: half the cost of profiling sales.
    """

    rows: int = 0
    nulls: int = 0
    low: Any = None
    high: Any = None
    total: Any = None
    measured: int = 0
    slots: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(SLOTS, np.bool_))
    sample: list[pl.Series] = field(default_factory=list)
    most_frequent: str | None = None
    # the latest hash that ends in these bits; at first one that ends in others
    _latest: NDArray[np.int64] | None = field(default_factory=lambda: np.arange(1, CACHE + 1))

    def add(self, values: pl.Series, hashes: pl.Series, numbers: pl.Series | None = None) -> None:
        """Take one block's values in; extremes and mean are those of ``numbers`` where given."""
        if self.rows < SAMPLE_ROWS:
            self._take_sample(values)
        self.rows += len(values)
        nulls = values.null_count()
        self.nulls += nulls
        if nulls == len(values):
            return
        known = values.is_not_null() if nulls else None
        fresh = self._fresh(
            values if known is None else values.filter(known),
            hashes if known is None else hashes.filter(known),
        )
        measured = values if numbers is None else numbers
        is_number = measured.dtype.is_numeric()
        self._span(measured if is_number else fresh)
        if is_number and (count := len(measured) - measured.null_count()):
            total = measured.sum()
            self.total = total if self.total is None else self.total + total
            self.measured += count

    def _fresh(self, values: pl.Series, hashed: pl.Series) -> pl.Series:
        """Mark the slots of values without nulls; gives those that may be new to the column."""
        hashes = hashed.to_numpy().view(np.int64)
        if self._latest is not None:
            places = hashes & (CACHE - 1)
            is_new = self._latest[places] != hashes
            self._latest[places] = hashes
            if np.count_nonzero(is_new) * 2 > len(hashes):
                self._latest = None  # nearly all differ: looking them up would be for nothing
            else:
                hashes, values = hashes[is_new], values.filter(pl.Series(is_new))
        self.slots[hashes & (SLOTS - 1)] = True
        return values

    def _span(self, values: pl.Series) -> None:
        if values.null_count() == len(values):
            return
        low, high = values.min(), values.max()
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def _take_sample(self, values: pl.Series) -> None:
        self.sample.append(values.head(SAMPLE_ROWS - self.rows).drop_nulls())
        if self.rows + len(values) >= SAMPLE_ROWS:
            self.most_frequent, self.sample = _most_frequent(self.sample), []

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
        most_frequent = self.most_frequent or _most_frequent(self.sample)
        if most_frequent is not None:
            found[MOST_FREQUENT] = most_frequent
        return {metric: str(value)[:200] for metric, value in found.items()}

    def _distinct(self) -> str:
        empty = SLOTS - int(np.count_nonzero(self.slots))
        limit = int(SLOTS * np.log(SLOTS / 1000))
        if empty < 1000:
            return f"over {limit}"
        return str(round(-SLOTS * np.log(empty / SLOTS)))


def _most_frequent(sample: Sequence[pl.Series]) -> str | None:
    """The value that comes most often, as text; of several the first by its text."""
    values = pl.concat(sample) if sample else pl.Series()
    if values.is_empty():
        return None
    counts = values.value_counts(name="times")
    most = counts.filter(pl.col("times") == pl.col("times").max()).to_series()
    return str(most.min()) if most.dtype == pl.String else min(map(str, most.to_list()))


class Profile:
    """Profiles of all columns of a frame, by name."""

    def __init__(self) -> None:
        self.columns: dict[str, ColumnProfile] = {}

    def add(self, frame: pl.DataFrame, numbers: Mapping[str, pl.Series] | None = None) -> None:
        """Take one block in; ``numbers`` holds text columns as numbers where they are any."""
        hashes = frame.select(pl.all().hash(seed=1))
        for series in frame:
            profile = self.columns.setdefault(series.name, ColumnProfile())
            profile.add(series, hashes[series.name], (numbers or {}).get(series.name))


class Profiles:
    """The profiles of a file's columns as text and of the clean ones.

    Much clean text is the file's own: as long as each block's is, it is profiled once.
    """

    def __init__(self) -> None:
        self.raw, self.clean = Profile(), Profile()

    def add(self, raw: pl.DataFrame, clean: pl.DataFrame, numbers: Mapping[str, pl.Series]) -> None:
        """Take one block in: its text by column, what of it are ``numbers``, its clean rows."""
        texts = [
            name for name, dtype in clean.schema.items()
            if dtype == pl.String and name in raw.columns and name not in numbers
        ]  # fmt: skip
        same = {name for name in texts if self._is_shared(name) and raw[name].equals(clean[name])}
        raw_columns, clean_columns = self.raw.columns, self.clean.columns
        for name in raw.columns:
            raw_columns.setdefault(name, ColumnProfile())
        for name in clean.columns:
            if name in same:
                clean_columns[name] = raw_columns[name]
            elif name in clean_columns and self._is_shared(name):
                clean_columns[name] = deepcopy(raw_columns[name])
        self.raw.add(raw, numbers)
        self.clean.add(clean.drop(same))

    def _is_shared(self, name: str) -> bool:
        """Whether both columns were the same so far; before the first block they are."""
        return self.clean.columns.get(name) is self.raw.columns.get(name)
