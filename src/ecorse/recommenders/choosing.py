"""Choosing customers' lists out of longer ones: within the shop's rules, and varied.

What belongs here: what rules are in a model's numbers (``Limits``), maximal marginal relevance
(``Variety``), and how many candidates are enough. What does not: which products a rule is about
(``marts.ruled_products``); filling up and pins (``training.customer_lists``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.models.ranked import (
    BLOCK_CELLS,
    NOTHING,
    Csr,
    Floats,
    Ids,
    Ranked,
    first_of,
    joined,
    rows_of,
    taken,
    values_at,
)
from ecorse.models.recommender_file import Diversity
from ecorse.recommenders.content import ContentConfig, described

WIDER = 4  # times as many candidates are asked for as must be chosen, and each time again
Ask = Callable[[Ids, int], Ranked]


@dataclass(frozen=True)
class Limits:
    """What rules leave of a catalogue, for one kind of list.

    Attributes
    ----------
    allowed
        ``(n_items,)``: whether an item may be chosen.
    factors
        ``(n_items,)`` its score is times this, above 0.
    groups
        ``(n_items,)`` which cap it counts for; -1 for none.
    most
        ``(n_groups,)`` how many items of each group a list may have.
    """

    allowed: npt.NDArray[np.bool_]
    factors: Floats
    groups: Ids
    most: Ids

    def numbered(self, items: Ids) -> Limits:
        """The same for other numbers: ``items`` ``(n,)`` are these numbers of them, -1 for none."""
        is_there = items != NOTHING
        own = np.where(is_there, items, 0)
        return Limits(
            is_there & self.allowed[own],
            np.where(is_there, self.factors[own], 1.0),
            np.where(is_there, self.groups[own], NOTHING),
            self.most,
        )

    def rooms(self, lists: Ids) -> Ids:
        """``(n, n_groups)`` how many of each group may come beside items ``lists`` ``(n, any)``."""
        rooms = np.tile(self.most, (len(lists), 1))
        if self.most.size:
            rows, places = np.nonzero(lists != NOTHING)
            groups = self.groups[lists[rows, places]]
            np.subtract.at(rooms, (rows[groups >= 0], groups[groups >= 0]), 1)
        return rooms

    def has_room(self, left: Ids) -> npt.NDArray[np.bool_]:
        """``(n,)`` whether any allowed item may still come, with ``left`` ``(n, n_groups)``."""
        groups = np.unique(self.groups[self.allowed])
        if NOTHING in groups:
            return np.ones(len(left), dtype=bool)
        return np.asarray((left[:, groups] > 0).any(axis=1))


@dataclass(frozen=True)
class Variety:
    """Lists whose products are not all alike: maximal marginal relevance.

    Source: Carbonell, Goldstein (1998), The Use of MMR, Diversity-Based Reranking for Reordering
    Documents and Producing Summaries, https://doi.org/10.1145/290941.291025.

    Attributes
    ----------
    relevance
        ``lambda``: what an item's score weighs beside how little it is like those before it.
    candidates
        Out of how many of the best each list is chosen.
    vectors
        ``(n_items, n_words)`` what each item is described by, of length 1 or empty, sorted.
    """

    relevance: float
    candidates: int
    vectors: Csr

    @classmethod
    def of(cls, declared: Diversity | None, items: pl.DataFrame) -> Variety | None:
        """The declared one, of products as their names, texts and labels describe them."""
        if declared is None:
            return None
        _, vectors = described(items, ContentConfig())
        return cls(declared.relevance, declared.candidates, vectors)

    def numbered(self, items: Ids) -> Variety:
        """The same for other numbers: ``items`` ``(n,)`` are these numbers of them, -1 for none."""
        is_there = sparse.diags((items != NOTHING).astype(self.vectors.dtype))
        vectors = sparse.csr_matrix(is_there @ self.vectors[np.maximum(items, 0)])
        vectors.sort_indices()
        return replace(self, vectors=vectors)

    def choose(self, ranked: Ranked, k: int) -> tuple[Ids, Floats]:
        """The places of ``ranked`` of which each list is made, ``(n, k)``, and their scores.

        A score is ``lambda s + (1 - lambda) (1 - c)``, 0 to 1: ``s`` is the model's score as a
        share of the list's best, ``c`` the largest cosine to what is listed before. It falls with
        rank. (MMR itself is this without the constant ``1 - lambda``; scores are not negative.)
        """
        from ecorse.models.choosing_kernel import choose_varied

        best = np.maximum(ranked.scores.max(axis=1, initial=0.0, keepdims=True), 1e-300)
        shape = (len(ranked.items), k)
        places, scores = np.full(shape, NOTHING, dtype=np.int64), np.zeros(shape)
        choose_varied(
            ranked.items, ranked.scores / best, self.vectors.indptr, self.vectors.indices,
            self.vectors.data, self.relevance, places, scores,
        )  # fmt: skip
        return places, scores


@dataclass(frozen=True)
class Chosen:
    """Lists as the model scored them, with the scores that they are shown with.

    Attributes
    ----------
    own
        ``(n, k)`` the model's own scores and parts, in the order chosen.
    scores
        ``(n, k)`` falling.
    """

    own: Ranked
    scores: Floats

    @property
    def shown(self) -> Ranked:
        """The lists with the scores that fall."""
        return Ranked(self.own.items, self.scores)


def wanted_width(k: int, variety: Variety | None) -> int:
    """How many candidates lists of ``k`` are chosen out of, where no rule takes any away."""
    return max(k, variety.candidates) if variety else k


def choose(
    ask: Ask,
    n: int,
    k: int,
    limits: Limits | None = None,
    variety: Variety | None = None,
    rooms: Ids | None = None,
) -> Chosen:
    """``n`` lists of ``k``: the first that keep within the limits; with ``variety`` out of these.

    ``ask(rows, width)`` gives the model's lists of these rows, only of allowed items. Rules are
    exact: where items behind the width could still come into a list, a longer one is asked for, of
    fewer rows at once.
    ``rooms`` ``(n, n_groups)``: how many of each group each list may have, if not the most.
    """
    if limits is None and variety is None:
        ranked = ask(np.arange(n), k)
        return Chosen(ranked, ranked.scores)
    needed = wanted_width(k, variety)
    width = needed if limits is None else WIDER * needed
    is_open = np.arange(n)
    if limits is not None and rooms is None:
        rooms = limits.rooms(np.empty((n, 0), dtype=np.int64))
    found: list[tuple[Ids, Chosen]] = []
    while True:
        still: list[Ids] = []
        step = max(1, BLOCK_CELLS // width)
        for start in range(0, max(1, is_open.size), step):
            asked = is_open[start : start + step]
            ranked = ask(asked, width)
            kept, values, is_proven = _kept(
                ranked, needed, limits, None if rooms is None else rooms[asked]
            )
            made, rows = _varied(kept, values, k, variety), np.flatnonzero(is_proven)
            found.append((asked[rows], Chosen(rows_of(made.own, rows), made.scores[rows])))
            still.append(asked[~is_proven])
        is_open = np.concatenate(still)
        if not is_open.size:
            break
        width *= WIDER
    order = np.argsort(np.concatenate([rows for rows, _ in found]), kind="stable")
    own = rows_of(joined([chosen.own for _, chosen in found]), order)
    return Chosen(own, np.concatenate([chosen.scores for _, chosen in found])[order])


def _kept(
    ranked: Ranked, needed: int, limits: Limits | None, rooms: Ids | None
) -> tuple[Ranked, Floats, npt.NDArray[np.bool_]]:
    """The first ``needed`` of each list that keep within the limits, what they are worth, and
    whether nothing behind the list can come before them."""
    from ecorse.models.choosing_kernel import keep_within

    n = len(ranked.items)
    if limits is None or rooms is None:
        return ranked, ranked.scores, np.ones(n, dtype=bool)
    there = ranked.is_there
    values = np.where(there, ranked.scores * limits.factors[ranked.items], 0.0)
    order = np.lexsort((ranked.items, -values, ~there), axis=1)
    values, sorted_items = (np.take_along_axis(a, order, axis=1) for a in (values, ranked.items))
    places = np.full((n, needed), NOTHING, dtype=np.int64)
    left = rooms.copy()
    keep_within(sorted_items, limits.groups, left, places)
    worth = values_at(values, places)
    largest = limits.factors[limits.allowed].max(initial=0.0)
    is_ended = ~there[:, -1]
    is_full = (places[:, -1] != NOTHING) | ~limits.has_room(left)
    bound = ranked.scores[:, -1] * largest
    least = np.where(places == NOTHING, np.inf, worth).min(axis=1, initial=np.inf)
    # of equal scores those behind have larger numbers, unless a factor moved them
    is_behind = bound < least if (limits.factors != 1).any() else np.ones(n, dtype=bool)
    back = np.where(places == NOTHING, NOTHING, np.take_along_axis(order, np.maximum(places, 0), 1))
    return taken(ranked, back), worth, is_ended | (is_full & is_behind)


def _varied(kept: Ranked, values: Floats, k: int, variety: Variety | None) -> Chosen:
    if variety is None:
        return Chosen(first_of(kept, k), values[:, :k])
    places, scores = variety.choose(Ranked(kept.items, values), k)
    return Chosen(taken(kept, places), scores)
