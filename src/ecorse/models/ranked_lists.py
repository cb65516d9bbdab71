"""Ranked lists put together: one behind the other, or without what some may not be shown.

What belongs here: arrays of lists into arrays of lists, parts of a blend carried along. What does
not: the shape and the order of an answer (``ranked``), which items are chosen
(``recommenders.choosing``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ecorse.models.ranked import NOTHING, Csr, Ids, Ranked, stored_at, taken


def replaced(ranked: Ranked, rows: Ids, by: Ranked) -> Ranked:
    """The lists with others in place of ``rows``."""
    items, scores, parts = ranked.items.copy(), ranked.scores.copy(), ranked.parts
    items[rows], scores[rows] = by.items, by.scores
    if parts is not None:
        parts = parts.copy()
        parts[rows] = by.parts
    return Ranked(items, scores, parts)


def behind(first: Ranked, then: Ranked, n_items: int) -> Ranked:
    """The lists, and in their free places what others have besides, its scores below theirs."""
    k, parts = first.items.shape[1], None
    rows = np.broadcast_to(np.arange(len(then.items))[:, None], then.items.shape)
    is_new = then.is_there & ~stored_at(first.as_matrix(n_items), rows, then.items)
    least = np.where(first.is_there, first.scores, np.inf).min(axis=1, initial=np.inf)
    best = np.where(is_new, then.scores, 0.0).max(axis=1, initial=1e-300)
    scale = (np.where(np.isfinite(least), least / 2, best) / best)[:, None]
    if first.parts is not None and then.parts is not None:
        lower = (then.parts * scale[:, :, None]).astype(np.float32)
        parts = np.concatenate([first.parts, lower], axis=1)
    both = Ranked(
        np.hstack([first.items, then.items]), np.hstack([first.scores, then.scores * scale]), parts
    )
    is_kept = np.hstack([first.is_there, is_new])
    order = np.argsort(~is_kept, axis=1, kind="stable")
    places = np.where(np.take_along_axis(is_kept, order, axis=1), order, NOTHING)
    return taken(both, places[:, :k])


def without(refused: Csr, of: Callable[[int], Ranked], k: int) -> Ranked:
    """The lists ``of(k)`` without what each customer refused ``(n, n_items)``, with what follows.

    It is no ``seen``: a model may answer otherwise to what is asked without something.
    """
    ranked = of(k)
    rows = np.broadcast_to(np.arange(len(ranked.items))[:, None], ranked.items.shape)
    if not stored_at(refused, rows, ranked.items).any():
        return ranked
    ranked = of(k + int(np.diff(refused.indptr).max()))
    rows = np.broadcast_to(np.arange(len(ranked.items))[:, None], ranked.items.shape)
    is_kept = ranked.is_there & ~stored_at(refused, rows, ranked.items)
    order = np.argsort(~is_kept, axis=1, kind="stable")
    places = np.where(np.take_along_axis(is_kept, order, axis=1), order, NOTHING)
    return taken(ranked, places[:, :k])
