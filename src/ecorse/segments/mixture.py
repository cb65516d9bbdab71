"""An independent look at the hour alone: a two-part mixture, and how far segments agree with it.

What belongs here: the mixture and the agreement. What does not: anything the segments are made
from; this is a second opinion, so it shares no fitted part with the pipeline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ecorse.evaluate.gate import agreement_of
from ecorse.features.blocks import Floats, Labels

SMALLEST_ROWS = 10
MINUTES = 1440
LEAST_GAIN, MAX_ROUNDS = 1e-3, 100  # of the mean log density
SMALLEST_VARIANCE = 1e-6  # square hours


def quietest_hour(hours: Floats) -> int:
    """The start of the hour with the fewest rows, judged with its two neighbours."""
    counts = np.bincount(hours.astype(int) % 24, minlength=24).astype(float)
    return int(np.argmin(np.roll(counts, 1) + counts + np.roll(counts, -1)))


def hour_mixture_agreement(hours: Floats, labels: Labels) -> dict[str, Any]:
    """Fit two normal parts to the hour and compare them with segments; ``{}`` where undefined.

    The day is cut open at its quietest hour, so that no part straddles midnight's jump from 24 to
    0. Each segment is mapped to the part that most of its rows belong to. Rows are counted by
    minute first: a million orders are then 1,440 weighted points.

    Returns
    -------
    dict
        ``centres`` (hours, ascending), ``weights``, ``spreads`` (hours), ``share_agreed`` (rows
        whose segment's part is their own), ``ari`` (of mapped segments against parts).

    Source: McLachlan & Peel, Finite Mixture Models (2000), chapter 3; Hubert & Arabie (1985).
    """
    if len(hours) < SMALLEST_ROWS or len(np.unique(hours)) < 2:
        return {}
    start = quietest_hour(hours)
    minutes = np.rint((hours - start) % 24.0 * 60).astype(np.int64) % MINUTES
    k = int(labels.max()) + 1
    counts = np.bincount(labels * MINUTES + minutes, minlength=k * MINUTES).reshape(k, MINUTES)
    weights, means, variances, part = _fit_two(np.arange(MINUTES) / 60.0, counts.sum(axis=0))
    of_part = np.column_stack([counts[:, part == 0].sum(axis=1), counts[:, part == 1].sum(axis=1)])
    mapped = np.argmax(of_part, axis=1)
    table = np.array([of_part[mapped == number].sum(axis=0) for number in (0, 1)])
    centres = (means + start) % 24.0
    order = np.argsort(centres)
    return {
        "centres": [round(float(c), 4) for c in centres[order]],
        "weights": [round(float(w), 4) for w in weights[order]],
        "spreads": [round(float(s), 4) for s in np.sqrt(variances)[order]],
        "share_agreed": float(np.trace(table) / len(hours)),
        "ari": agreement_of(table),
    }


def _fit_two(
    points: Floats, counts: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """Weights, means and variances of two normal parts, and the likelier part of each point.

    Expectation and maximisation on counted points, from their two k-means clusters, until the
    likelihood gains little: the parts then are still those two, while the best fit of skewed hours
    may be a narrow part within a wide one.
    """
    rows = counts.sum()
    likely = _two_clusters(points, counts)
    weights, means, variances = _maximise(points, counts * likely)
    before = -np.inf
    for _ in range(MAX_ROUNDS):
        likely, told = _expect(points, weights, means, variances)
        now = float(told @ counts) / rows
        weights, means, variances = _maximise(points, counts * likely)
        if now - before < LEAST_GAIN:
            break
        before = now
    likely, _ = _expect(points, weights, means, variances)
    return weights, means, variances, np.argmax(likely, axis=0)


def _two_clusters(points: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    """Which of two clusters each point is in, ``(2, n)`` of 0 and 1: k-means from the mean."""
    border, is_late = float(points @ counts / counts.sum()), None
    while is_late is None or not np.array_equal(is_late, points > border):
        is_late = points > border
        sides = [np.average(points[side], weights=counts[side]) for side in (~is_late, is_late)]
        border = float(np.mean(sides))
    return np.array([~is_late, is_late], dtype=np.float64)


def _maximise(points: Floats, each: Floats) -> tuple[Floats, Floats, Floats]:
    sizes = each.sum(axis=1)
    means = each @ points / sizes
    variances = (each * (points - means[:, None]) ** 2).sum(axis=1) / sizes + SMALLEST_VARIANCE
    return sizes / sizes.sum(), means, variances


def _expect(
    points: Floats, weights: Floats, means: Floats, variances: Floats
) -> tuple[Floats, Floats]:
    """How likely each part is at each point, ``(2, n)``, and the log density there."""
    logs = (np.log(weights) - 0.5 * np.log(2 * np.pi * variances))[:, None]
    logs = logs - 0.5 * (points - means[:, None]) ** 2 / variances[:, None]
    whole = np.logaddexp(logs[0], logs[1])
    return np.exp(logs - whole), whole
