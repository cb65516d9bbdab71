"""Weights of a hybrid's parts, by kind of list and length of history: learned on a later window.

What belongs here: from fitted parts and what was bought later to weights. What does not: finding
one set of weights (``blend``), fitting the parts and using them (``hybrid``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.models.base import Recommender
from ecorse.models.ranked import Csr, Floats, Ranked
from ecorse.recommenders.blend import gather, learn_weights, normalised, wanted
from ecorse.recommenders.hybrid_config import HybridConfig

LEAST_SHARE = 0.1  # of its own weights that a group of customers has, else everybody's


def learned_weights(
    parts: Mapping[str, Recommender],
    trend: Floats,
    known: Csr,
    bought: Csr,
    config: HybridConfig,
    seed: int,
) -> dict[str, Floats]:
    """By kind of list, the weights of each group of customers, ``(groups, parts)``.

    Parameters
    ----------
    parts
        Fitted on what ``known`` ``(n_users, n_items)`` is of.
    trend
        ``(n_items,)`` what scores are times.
    bought
        ``(n_users, n_items)`` what came later.
    """
    fresh = sparse.csr_matrix(bought - bought.multiply(known.astype(bool)))
    fresh.eliminate_zeros()
    return {
        "for_you": _of_groups(parts, trend, known, bought, None, config, seed),
        "explore": _of_groups(parts, trend, known, fresh, known, config, seed),
    }


def _of_groups(
    parts: Mapping[str, Recommender],
    trend: Floats,
    known: Csr,
    later: Csr,
    seen: Csr | None,
    config: HybridConfig,
    seed: int,
) -> Floats:
    """Everybody's weights, and those of each group drawn to them: ``(groups, parts)``."""
    n_groups = len(config.histories) + 1
    users = np.flatnonzero((np.diff(later.indptr) > 0) & (np.diff(known.indptr) > 0))
    if users.size > config.most_cases:
        chosen = np.linspace(0, users.size - 1, config.most_cases).astype(np.int64)
        users = users[np.unique(chosen)]
    if not users.size:
        return np.full((n_groups, len(parts)), 1 / len(parts))
    own_seen = None if seen is None else seen[users]
    lists = [
        scaled(part.recommend(users, config.candidates, seen=own_seen), trend)
        for part in parts.values()
    ]
    # a part that names nothing at all could have any weight: none tells least
    is_silent = np.array([part.nnz == 0 for part in lists])
    candidates, target = gather(lists), later[users]
    is_wanted, sizes = wanted(candidates, target), np.diff(target.indptr)
    group = group_of(config.histories, np.diff(known.indptr)[users])
    pooled, _ = learn_weights(candidates, is_wanted, sizes, config.at, seed)
    found = []
    for number in range(n_groups):
        mine = group == number
        share = mine.sum() / (mine.sum() + config.shrink) if mine.any() else 0.0
        if share < LEAST_SHARE or mine.all():
            found.append(pooled)
            continue
        own, _ = learn_weights(candidates.of(mine), is_wanted[mine], sizes[mine], config.at, seed)
        found.append(share * own + (1 - share) * pooled)
    weights = np.array(found)
    weights[:, is_silent] = 0.0
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights / np.maximum(total, 1e-12), 1 / len(parts))


def scaled(ranked: Ranked, trend: Floats) -> Csr:
    """Normalised scores ``(n, n_items)`` times the trend."""
    scores = normalised(ranked, len(trend))
    scores.data *= trend[scores.indices]
    return scores


def group_of(histories: Sequence[int], sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """The group of customers by how many products they have."""
    return np.searchsorted(np.array(histories), sizes, side="right")


def group_names(histories: Sequence[int]) -> list[str]:
    """``0``, ``1``, ``2 to 4``, ``5 to 19``, ``20 and more`` of 1, 2, 5, 20."""
    starts = [0, *histories]
    ends = [*(start - 1 for start in histories), None]
    return [
        f"{start} and more" if end is None else str(start) if start == end else f"{start} to {end}"
        for start, end in zip(starts, ends, strict=True)
    ]
