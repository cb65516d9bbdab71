"""Rows of the leaderboard, ``marts.model_scores``.

What belongs here: their making and the cost of a fit. What does not: the figures
(``ecorse.evaluate``).
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Collection, Sequence
from typing import Any

import polars as pl

from ecorse.evaluate.ranking import Score
from ecorse.models.declaration import Declaration
from ecorse.training.results import MODEL_SCORES
from ecorse.training.typed import make_frame

__all__ = ["Score", "Timed", "score_frame"]


class Timed:
    """Measures the block it is used for: wall seconds, summed over blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._started

    @property
    def peak_mb(self) -> float:
        """The process's memory peak so far, in MB."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def score_frame(
    declaration: Declaration,
    shop_id: str,
    method: str,
    scores: Sequence[Score],
    *,
    is_baseline: bool = False,
    is_champion: bool = False,
    timed: Timed | None = None,
    served: Collection[str] = (),
) -> pl.DataFrame:
    """The leaderboard's rows of one method of one shop.

    ``is_champion``: these are figures of the model whose rows are in the result tables; of a held
    candidate they are not. ``served``: the lists that were read of the method until now.
    """
    rows: list[dict[str, Any]] = [
        {
            "shop_id": shop_id,
            "model": declaration.name,
            "task": declaration.task,
            "method": method,
            "list": score.list,
            "slice": score.slice,
            "metric": score.metric,
            "value": score.value,
            "low": score.low,
            "high": score.high,
            "cases": score.cases,
            "is_primary": score.is_primary,
            "priority": declaration.file.model.priority,
            "is_baseline": is_baseline,
            "is_champion": is_champion,
            "was_served": score.list in served,
            "fit_seconds": round(timed.seconds, 3) if timed else None,
            "peak_mb": round(timed.peak_mb, 1) if timed else None,
        }
        for score in scores
    ]
    return make_frame(MODEL_SCORES, rows)
