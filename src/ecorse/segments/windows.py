"""Windows of the clock, the week and the year, and who has most lines in one.

What belongs here: cells of a cycle per line, candidate windows, how many entities each holds. What
does not: which window is claimed (``claims``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ecorse.clock import DAYPARTS
from ecorse.features.blocks import Floats, Labels, Mask
from ecorse.features.numbers import sums_of
from ecorse.features.orders import clock_values
from ecorse.models.segmentation_file import PERIODS, Feature
from ecorse.models.space import FeatureSpace, Lines

HALF = 0.5
EASE = 0.1  # of J: what people have a word for is said, where another window is little better
LONGEST = {"hour": 6, "weekday": 5, "month": 6}


@dataclass(frozen=True)
class Window:
    """``size`` cells of a cycle from ``first``; ``ease`` is what it is worth to have a word."""

    first: int
    size: int
    ease: float = 0.0


@dataclass(frozen=True)
class Clock:
    """The cell of a cycle that each line is in, -1 where its time is unknown.

    ``is_single``: all lines of an entity are in one cell, as those of an order are; ``first``
    ``(n,)`` is the cell of its first line.
    """

    part: str
    lines: Lines
    cell: Labels
    is_single: bool
    first: Labels

    @classmethod
    def of(cls, space: FeatureSpace, feature: Feature) -> Clock:
        """Hours, weekdays or months of a feature's column."""
        found = np.floor(clock_values(space.lines.frame[feature.column], feature.part))
        cell = np.where(np.isfinite(found), found, -1).astype(np.int64)
        entity = space.lines.entity  # rises: an entity's first line is where it changes
        first = cell[np.flatnonzero(np.diff(entity, prepend=-1))]
        return cls(feature.part, space.lines, cell, bool((cell == first[entity]).all()), first)

    @property
    def period(self) -> int:
        """How many cells there are."""
        return int(PERIODS[self.part])

    @property
    def offset(self) -> int:
        """What the first cell is called: hour 0, weekday 1, month 1."""
        return 0 if self.part == "hour" else 1

    def windows(self) -> list[Window]:
        """Every window up to the longest; parts of the day, weekends and workdays have ease."""
        ends = (0, *DAYPARTS.bounds, 24)
        easy = {
            "hour": {(a, b - a) for a, b in pairwise(ends)},
            "weekday": {(5, 2), (0, 5), *((day, 1) for day in range(7))},
            "month": {(month, 1) for month in range(12)},
        }[self.part]
        sizes = range(2 if self.part == "hour" else 1, LONGEST[self.part] + 1)
        return [
            Window(first, size, EASE if (first, size) in easy else 0.0)
            for size in sizes
            for first in range(self.period)
        ]

    def counts(self, groups: Labels, size: int, windows: Sequence[Window]) -> Floats:
        """Entities of each group in each window, ``(size, len(windows))``.

        Exact where ``is_single``; else each entity counts by the share of its lines there.
        """
        timed = self.cell >= 0
        entity = self.lines.entity[timed]
        per_entity = np.bincount(entity, minlength=self.lines.n)
        weights = 1.0 / per_entity[entity]
        keys = groups[entity] * self.period + self.cell[timed]
        cells = np.bincount(keys, weights, minlength=size * self.period).reshape(size, self.period)
        twice = np.concatenate([np.zeros((size, 1)), np.cumsum(np.hstack([cells, cells]), 1)], 1)
        first = np.array([window.first for window in windows])
        last = first + np.array([window.size for window in windows])
        counts: Floats = twice[:, last] - twice[:, first]
        return counts

    def most_within(self, first: int, size: int) -> Mask:
        """Which entities have more than half of their timed lines in a window, ``(n,)``."""
        if self.is_single:
            return (self.first >= 0) & ((self.first - first) % self.period < size)
        timed = self.cell >= 0
        within = timed & ((self.cell - first) % self.period < size)
        inside = sums_of(self.lines, within.astype(np.float64))
        most: Mask = inside > HALF * sums_of(self.lines, timed.astype(np.float64))
        return most

    def test_of(self, feature: str, window: Window) -> dict[str, Any]:
        """The test that a window is, as ``Claim.kept`` says it."""
        low = window.first + self.offset
        high = low + window.size
        last = self.period + self.offset
        return {
            "feature": feature,
            "test": "window",
            "low": float(low),
            "high": float(high if high <= last else high - self.period),
            "value": None,
        }

    def cells(self, known: Mapping[str, Any]) -> tuple[int, int]:
        """First cell and number of cells of a test."""
        first = int(known["low"]) - self.offset
        size = int(known["high"] - known["low"]) % self.period
        return first, size or self.period
