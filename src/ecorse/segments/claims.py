"""What is true of most members of a segment and untrue of most others: a claim, with both shares.

Of each feature and segment the claim with the largest difference of the two shares (Youden's J) is
found among plain ones; where none reaches the declared shares there is none. A claim is a test
that anybody can repeat: a number from ``low`` (included) to ``high`` (not), most lines in a window
of the clock, at least half of one value.

What belongs here: tests, shares, the choice. What does not: windows of the clock (``windows``),
plain figures (``figures``), words (``claim_words``), which claims name (``meaning``).

Source: Youden, Index for rating diagnostic tests, Cancer 3 (1950).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ecorse.features.blocks import Block, Floats, Labels, Mask
from ecorse.models.segmentation_file import Feature, Naming
from ecorse.models.space import FeatureSpace
from ecorse.segments.claim_words import is_id, number_words, value_words, window_words
from ecorse.segments.figures import ALMOST, ONE_DIGIT, plain_figures
from ecorse.segments.windows import Clock

HALF = 0.5
NEARLY = 0.02  # a plainer figure is worth as much of J
TWO_SIDED = 0.1  # an upper end beside the lower one is worth saying from so much of J on
WINDOWS_TRIED = 4  # by each line's time, before entities are counted by most of theirs
KEPT = ("feature", "test", "low", "high", "value")


@dataclass(frozen=True)
class Claim:
    """One claim about a segment.

    ``low`` and ``high`` are ends of a number, or of a window: hours from 0, weekdays from Monday 1,
    months from January 1; a window whose ``high`` is not above its ``low`` goes over the end of its
    cycle. ``value`` is one of a share's.
    """

    feature: str
    test: Literal["number", "window", "value"]
    low: float | None
    high: float | None
    value: str | None
    inside_share: float
    outside_share: float
    phrase: str

    @property
    def difference(self) -> float:
        """Youden's J."""
        return self.inside_share - self.outside_share

    @property
    def may_name(self) -> bool:
        """Whether it says something to people: an id does not."""
        return self.value is None or not is_id(self.value)

    def kept(self) -> dict[str, Any]:
        """The test alone, JSON-ready, to be tried again on a later night."""
        return {name: getattr(self, name) for name in KEPT}


def numbers_of(block: Block) -> Floats:
    """The numbers of a block as they were before the logarithm, ``(n,)``; NaN where unknown."""
    values = block.values[:, 0]
    if block.feature.kind != "mean":
        values = np.exp(values) - block.feature.plus
    return values if block.known is None else np.where(block.known, values, np.nan)


class Claims:
    """Finds the claims of all segments, feature by feature.

    Parameters
    ----------
    groups : ``(n,)`` which of ``size`` segments each entity is in.
    """

    def __init__(
        self,
        space: FeatureSpace,
        blocks: Sequence[Block],
        groups: Labels,
        size: int,
        naming: Naming,
    ) -> None:
        self._groups, self._size, self._naming = groups, size, naming
        self._members = np.bincount(groups, minlength=size).astype(np.float64)
        self._blocks = {block.feature.name: block for block in blocks}
        self._clocks = {
            name: Clock.of(space, block.feature)
            for name, block in self._blocks.items()
            if block.feature.kind == "cycle"
        }
        self._found = {name: self._find(block) for name, block in self._blocks.items()}

    def of(self, segment: int, before: Sequence[Mapping[str, Any]] = ()) -> Mapping[str, Claim]:
        """The claims of one segment by feature; one of ``before`` that still holds stays."""
        found = {name: claims[segment] for name, claims in self._found.items()}
        for known in before:
            again = self.again(segment, known)
            if again is not None:
                found[again.feature] = again
        return {name: claim for name, claim in found.items() if claim is not None}

    def again(self, segment: int, known: Mapping[str, Any]) -> Claim | None:
        """A kept claim with tonight's shares; ``None`` where it does not hold tonight."""
        block = self._blocks.get(known["feature"])
        if block is None or not self._members[segment]:
            return None
        has = self._has(block, known)
        if has is None:
            return None
        true = np.bincount(self._groups[has], minlength=self._size).astype(np.float64)
        inside, outside = self._shares(true[:, None])
        if not self._holds(inside, outside)[segment, 0]:
            return None
        phrase = self._words(block.feature, known)
        tested = {name: known[name] for name in KEPT}
        return Claim(
            **tested,
            inside_share=float(inside[segment, 0]),
            outside_share=float(outside[segment, 0]),
            phrase=phrase,
        )

    def _has(self, block: Block, known: Mapping[str, Any]) -> Mask | None:
        """Which entities pass a test; ``None`` where the feature has no such test."""
        if known["test"] == "window":
            clock = self._clocks.get(block.feature.name)
            return None if clock is None else clock.most_within(*clock.cells(known))
        if known["test"] == "value":
            column = f"{block.feature.name}={known['value']}"
            if column not in block.columns:
                return None
            share = block.cells[:, [block.columns.index(column)]]
            dense = share if isinstance(share, np.ndarray) else share.toarray()
            has: Mask = dense[:, 0] >= HALF * (1 - ALMOST)
            return has
        if not block.feature.is_number:
            return None
        numbers = numbers_of(block)
        low, high = (known["low"], known["high"])
        has = np.isfinite(numbers)
        if low is not None:
            has &= numbers >= low - ALMOST * max(abs(low), 1.0)
        if high is not None:
            has &= numbers < high - ALMOST * max(abs(high), 1.0)
        return has

    def _words(self, feature: Feature, known: Mapping[str, Any]) -> str:
        if known["test"] == "window":
            return window_words(feature, *self._clocks[feature.name].cells(known))
        if known["test"] == "value":
            return value_words(feature, known["value"])
        return number_words(feature, known["low"], known["high"])

    def _find(self, block: Block) -> list[Claim | None]:
        if self._size < 2:
            return [None] * self._size
        if block.feature.kind == "cycle":
            return self._windows(block)
        return self._values(block) if block.feature.kind == "share" else self._numbers(block)

    def _shares(self, true: Floats) -> tuple[Floats, Floats]:
        """Shares inside and outside each segment, from counts ``(size, m)`` of what is true."""
        members = self._members[:, None]
        others = members.sum() - members
        inside = true / np.maximum(members, 1.0)
        outside = (true.sum(axis=0) - true) / np.maximum(others, 1.0)
        return inside, np.where(others > 0, outside, 1.0)

    def _holds(self, inside: Floats, outside: Floats) -> Mask:
        naming = self._naming
        holds: Mask = (
            (inside >= naming.min_inside)
            & (outside <= naming.max_outside)
            & (inside - outside >= naming.min_effect)
        )
        return holds

    def _numbers(self, block: Block) -> list[Claim | None]:
        """The best lower or upper end, or both where both tell clearly more."""
        numbers = numbers_of(block)
        known = np.isfinite(numbers)
        figures, digits = plain_figures(numbers[known], block.feature.unit)
        if not len(figures):
            return [None] * self._size
        ends = figures - ALMOST * np.maximum(np.abs(figures), 1.0)
        width = len(figures) + 1
        place = np.searchsorted(ends, numbers[known], side="right")
        counts = np.bincount(self._groups[known] * width + place, minlength=self._size * width)
        # how many lie below each figure, between nothing and all
        below = np.zeros((self._size, width + 1))
        below[:, 1:] = np.cumsum(counts.reshape(self._size, width), axis=1)
        inner = np.arange(1, width)
        one = np.concatenate([[[0, i], [i, width]] for i in inner])
        plain = inner[digits <= ONE_DIGIT]
        first, last = np.triu_indices(len(plain), 1)
        both = np.column_stack([plain[first], plain[last]])
        cost = np.concatenate([[0], digits, [0]])
        best_one = self._best(below, one, cost)
        best_both = self._best(below, both, cost)
        claims: list[Claim | None] = []
        for alone, pair in zip(best_one, best_both, strict=True):
            best = alone
            if pair is not None and (
                alone is None or pair[2] - pair[3] > alone[2] - alone[3] + TWO_SIDED
            ):
                best = pair
            if best is None:
                claims.append(None)
                continue
            low = float(figures[best[0] - 1]) if best[0] else None
            high = float(figures[best[1] - 1]) if best[1] < width else None
            words = number_words(block.feature, low, high)
            claims.append(
                Claim(block.feature.name, "number", low, high, None, best[2], best[3], words)
            )
        return claims

    def _best(
        self, below: Floats, ends: Labels, cost: Labels
    ) -> list[tuple[int, int, float, float] | None]:
        """Of pairs of ends ``(m, 2)`` the plainest that is nearly best, for each segment."""
        if not len(ends):
            return [None] * self._size
        inside, outside = self._shares(below[:, ends[:, 1]] - below[:, ends[:, 0]])
        difference = np.where(self._holds(inside, outside), inside - outside, -1.0)
        costs = cost[ends].sum(axis=1)
        found: list[tuple[int, int, float, float] | None] = []
        for segment, values in enumerate(difference):
            if values.max() < 0:
                found.append(None)
                continue
            near = np.flatnonzero(values >= values.max() - NEARLY)
            near = near[costs[near] == costs[near].min()]
            best = _middle(ends, near[values[near] == values[near].max()])
            found.append(
                (
                    int(ends[best, 0]),
                    int(ends[best, 1]),
                    float(inside[segment, best]),
                    float(outside[segment, best]),
                )
            )
        return found

    def _values(self, block: Block) -> list[Claim | None]:
        """The value that is half or more of what most of the segment has."""
        cells, width = block.cells, len(block.columns)
        if isinstance(cells, np.ndarray):
            rows, columns = np.nonzero(cells >= HALF * (1 - ALMOST))
        else:
            most = np.flatnonzero(cells.data >= HALF * (1 - ALMOST))
            rows = np.searchsorted(cells.indptr, most, side="right") - 1
            columns = cells.indices[most]
        keys = self._groups[rows] * width + columns
        true = np.bincount(keys, minlength=self._size * width).reshape(self._size, width)
        inside, outside = self._shares(true.astype(np.float64))
        difference = np.where(self._holds(inside, outside), inside - outside, -1.0)
        claims: list[Claim | None] = []
        for segment, values in enumerate(difference):
            best = int(values.argmax())
            if values[best] < 0:
                claims.append(None)
                continue
            value = block.columns[best].partition("=")[2]
            shares = float(inside[segment, best]), float(outside[segment, best])
            words = value_words(block.feature, value)
            claims.append(Claim(block.feature.name, "value", HALF, None, value, *shares, words))
        return claims

    def _windows(self, block: Block) -> list[Claim | None]:
        """The window of the clock that most of the segment has most of its lines in."""
        clock = self._clocks[block.feature.name]
        windows = clock.windows()
        inside, outside = self._shares(clock.counts(self._groups, self._size, windows))
        difference = inside - outside
        worth = difference + np.array([window.ease for window in windows])
        may = self._holds(inside, outside) if clock.is_single else difference > 0
        worth = np.where(may, worth, -1.0)
        claims: list[Claim | None] = []
        for segment in range(self._size):
            best = np.argsort(-worth[segment], kind="stable")[:WINDOWS_TRIED]
            tried = (
                self.again(segment, clock.test_of(block.feature.name, windows[int(number)]))
                for number in best[worth[segment, best] > 0]
            )
            claims.append(next((claim for claim in tried if claim is not None), None))
        return claims


def _middle(ends: Labels, ties: Labels) -> int:
    """Of pairs of ends that are worth the same the one in the middle: it lies within the gap."""
    lows, highs = (np.sort(ends[ties, side])[(len(ties) - 1) // 2] for side in (0, 1))
    found = ties[(ends[ties, 0] == lows) & (ends[ties, 1] == highs)]
    return int(found[0]) if len(found) else int(ties[0])
