"""Seeded draws that come out alike on every platform.

What belongs here: whole-number shares, weighted choices and a bell from uniform draws. What does
not: what is drawn (``population.py``, ``behaviour.py``). Only sums in order and table look-ups are
used: no library's ``log`` or ``exp``, whose last digit differs between machines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SQRT_3 = 1.7320508075688772


def allocate(total: int, weights: Sequence[float]) -> list[int]:
    """Split a whole number by weights, by largest remainder; the parts add up to ``total``.

    Source: https://en.wikipedia.org/wiki/Largest_remainders_method
    """
    scale = total / sum(weights)
    parts = [int(weight * scale) for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - weights[i] * scale, i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def pick(uniform: Floats, weights: Floats) -> Ints:
    """Turn uniform draws into indexes with probability proportional to the weights."""
    cumulative = np.cumsum(weights)
    chosen: Ints = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.minimum(chosen, len(weights) - 1)


def bell(rng: np.random.Generator, size: int) -> Floats:
    """Draw from a bell of mean 0 and deviation 1, shape ``(size,)``; it ends at 3.5 deviations.

    Source: the sum of four uniforms, https://en.wikipedia.org/wiki/Irwin-Hall_distribution
    """
    u = rng.random((4, size))
    drawn: Floats = (u[0] + u[1] + u[2] + u[3] - 2.0) * _SQRT_3
    return drawn


def between(uniform: Floats, low: Floats | float, high: Floats | float) -> Floats:
    """Turn uniform draws into draws between two bounds."""
    return low + uniform * (high - low)
