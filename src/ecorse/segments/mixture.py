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
LEAST_GAIN, MAX_ROUNDS = 1e-7, 1000
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

    Expectation and maximisation on counted points, from the two sides of their mean.
    """
    rows = counts.sum()
    likely = np.zeros((2, len(points)))
    likely[(points > (points @ counts) / rows).astype(int), np.arange(len(points))] = 1.0
    before = -np.inf
    for _ in range(MAX_ROUNDS):
        each = likely * counts
        sizes = np.maximum(each.sum(axis=1), SMALLEST_VARIANCE)
        means = each @ points / sizes
        away = (points - means[:, None]) ** 2
        variances = (each * away).sum(axis=1) / sizes + SMALLEST_VARIANCE
        weights = sizes / sizes.sum()
        logs = (np.log(weights) - 0.5 * np.log(2 * np.pi * variances))[:, None]
        logs = logs - 0.5 * away / variances[:, None]
        whole = np.logaddexp(logs[0], logs[1])
        likely = np.exp(logs - whole)
        now = float(whole @ counts) / rows
        if now - before < LEAST_GAIN:
            break
        before = now
    return weights, means, variances, np.argmax(logs, axis=0)
