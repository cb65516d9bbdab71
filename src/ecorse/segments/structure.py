"""Whether segments are groups with a gap between them, or cuts through one crowd.

What belongs here: the valley between two segments, and which segments have one to their nearest
neighbour. What does not: how segments were found; what is said about it (``findings``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecorse.features.blocks import Block, Floats, Labels
from ecorse.segments.projection import fit_projection
from ecorse.segments.silhouette import sample_rows

ROWS = 20_000
VARIANCE_SHARE = 0.9
WINDOW = 0.1  # of the distance between two centres, to either side
LEAST_ROWS = 10


def valleys(blocks: Sequence[Block], groups: Labels, size: int, seed: int) -> Floats:
    """How full it is between each segment and its nearest neighbour, ``(size,)``; NaN: unknown.

    Measured among the weighted features of a seeded sample, on the components that keep nine tenths
    of their variance.
    """
    rows = sample_rows(len(groups), ROWS, seed)
    taken = [block.take(rows) for block in blocks]
    return fullness(fit_projection(taken, VARIANCE_SHARE).of(taken), groups[rows], size)


def fullness(z: Floats, groups: Labels, size: int) -> Floats:
    """The same of entities at places ``z`` ``(n, c)``.

    The members of two segments are put on the line through their centres. The density half way is
    divided by the lower of the densities around the centres: 1 or more in one crowd that was cut,
    near 0 between groups that stand apart. A segment's neighbour is the one with the fullest way to
    it. Segments of fewer than ten rows have none.
    """
    parts = [z[groups == number] for number in range(size)]
    centres = [part.mean(axis=0) if len(part) >= LEAST_ROWS else None for part in parts]
    found = np.full(size, np.nan)
    for i in range(size):
        for j in range(i):
            first, second = centres[i], centres[j]
            if first is None or second is None:
                continue
            between = _valley(np.vstack([parts[i], parts[j]]), first, second)
            for number in (i, j):
                found[number] = np.fmax(found[number], between)
    return found


def _valley(z: Floats, first: Floats, second: Floats) -> float:
    """Density half way from one centre to the other, by the lower of those at the centres."""
    way = second - first
    length = float(way @ way)
    if length == 0.0:
        return 1.0
    place = (z - (first + second) / 2.0) @ way / length
    middle, *ends = (int(np.count_nonzero(np.abs(place - at) <= WINDOW)) for at in (0.0, -0.5, 0.5))
    return middle / max(min(ends), 1)
