"""An independent look at the hour alone: a two-part mixture, and how far segments agree with it.

What belongs here: the mixture and the agreement. What does not: anything the segments are made
from; this is a second opinion, so it shares no fitted part with the pipeline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from ecorse.features.orders import Floats
from ecorse.segments.projection import Labels

SMALLEST_ROWS = 10


def quietest_hour(hours: Floats) -> int:
    """The start of the hour with the fewest rows, judged with its two neighbours."""
    counts = np.bincount(hours.astype(int) % 24, minlength=24).astype(float)
    return int(np.argmin(np.roll(counts, 1) + counts + np.roll(counts, -1)))


def hour_mixture_agreement(hours: Floats, labels: Labels, seed: int) -> dict[str, Any]:
    """Fit two normal parts to the hour and compare them with segments; ``{}`` where undefined.

    The day is cut open at its quietest hour, so that no part straddles midnight's jump from 24 to
    0. Each segment is mapped to the part that most of its rows belong to.

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
    opened = ((hours - start) % 24.0)[:, None]
    mixture = GaussianMixture(2, n_init=3, random_state=seed).fit(opened)
    parts = mixture.predict(opened)
    part_of = np.zeros(int(labels.max()) + 1, dtype=int)
    for label in np.unique(labels):
        part_of[label] = int(np.argmax(np.bincount(parts[labels == label], minlength=2)))
    mapped = part_of[labels]
    order = np.argsort((mixture.means_.ravel() + start) % 24.0)
    return {
        "centres": [round(float(c), 4) for c in ((mixture.means_.ravel() + start) % 24.0)[order]],
        "weights": [round(float(w), 4) for w in mixture.weights_[order]],
        "spreads": [round(float(s), 4) for s in np.sqrt(mixture.covariances_.ravel())[order]],
        "share_agreed": float(np.mean(mapped == parts)),
        "ari": float(adjusted_rand_score(parts, mapped)),
    }
