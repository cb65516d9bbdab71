"""Rows of the leaderboard from cases and lists: each metric of each slice, with its interval.

What belongs here: which figures are told under which names. What does not: how they are made
(``cases``, ``intervals``, ``quality``), the table itself.
"""

from __future__ import annotations

import numpy as np

from ecorse.evaluate.cases import ALL, Bools, Cases, slices
from ecorse.evaluate.intervals import RESAMPLES, Mean, means
from ecorse.evaluate.quality import Quality
from ecorse.evaluate.ranking import Score

NEW_ITEMS = "new items"


def scores(
    cases: Cases, seed: int, quality: Quality | None = None, resamples: int = RESAMPLES
) -> list[Score]:
    """The figures of one method and kind of list.

    Slices are ``all``, ``history 0``, ``1``, ``2-4``, ``5-19``, ``20+`` (products before the
    origin), ``<segmentation>: <segment>`` and ``new items``, whose ``recall_at_<k>`` is of the
    wanted products that nobody had before. A slice without a case has no value. The primary figure
    is ``ndcg_at_<k>`` of all. What lists are like (``quality``) has no interval.
    """
    found = []
    for name, rows in slices(cases).items():
        found += _of_slice(cases, name, rows, seed, resamples)
    of_new = cases.gains[_of_new(cases)]
    new = means(cases.users, cases.origin, of_new[:, None], seed, resamples)[0]
    found.append(_score(NEW_ITEMS, f"recall_at_{cases.k}", new, cases, False))
    if quality is not None:
        found += [
            Score("all", f"{name}_at_{quality.k}", value, cases=quality.lists, list=cases.kind)
            for name, value in quality.figures.items()
        ]
    return found


def overall(cases: Cases, seed: int, resamples: int = RESAMPLES) -> list[Score]:
    """The figures of ``scores`` of all cases, without those of slices."""
    return _of_slice(cases, ALL, slices(cases)[ALL], seed, resamples)


def _of_slice(cases: Cases, name: str, rows: Bools, seed: int, resamples: int) -> list[Score]:
    metrics = [metric for metric in cases.gains if metric != _of_new(cases)]
    values = np.column_stack([cases.gains[metric] for metric in metrics])[rows]
    told = means(cases.users[rows], cases.origin[rows], values, seed, resamples)
    return [
        _score(name, metric, mean, cases, name == ALL and metric == cases.primary)
        for metric, mean in zip(metrics, told, strict=True)
    ]


def _of_new(cases: Cases) -> str:
    """The metric that is told as a slice of its own."""
    return f"recall_of_new_at_{cases.k}"


def _score(name: str, metric: str, mean: Mean, cases: Cases, is_primary: bool) -> Score:
    return Score(name, metric, mean.value, mean.low, mean.high, mean.cases, is_primary, cases.kind)
