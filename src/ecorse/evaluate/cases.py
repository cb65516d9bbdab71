"""Cases: what one customer wanted after one origin, and how well one method's list foresaw it.

What belongs here: who is asked, what counts as right for each kind of list, and the metrics of each
case. What does not: means and intervals (``intervals``), what lists are like (``quality``).

Definitions are those of ranx 0.3 with relevance 1 or 0 (a test compares them): recall and average
precision are of everything that was wanted, also of more than ``k``; precision is of ``k``, also of
a shorter list; the ideal list of nDCG is as long as what was wanted, at most ``k``. A case is a
customer who wanted something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.evaluate.origins import Origin
from ecorse.evaluate.ranking import is_among
from ecorse.models.ranked import NOTHING, Csr, Floats, Ids, Ranked
from ecorse.models.recommender_file import ListKind

ALL = "all"
HISTORIES = {"0": (0, 0), "1": (1, 1), "2-4": (2, 4), "5-19": (5, 19), "20+": (20, None)}
Labels = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Questions:
    """Whom one origin asks about for one kind of list, and what each of them wanted.

    Attributes
    ----------
    origin
        The number of the origin, so that cases of several can be told apart.
    users
        ``(n,)`` customers' numbers, ascending.
    wanted, had
        ``(n, n_items)`` sparse, 1 where a product is right; where it was bought before the origin.
        A list to ``explore`` leaves out what is in ``had``.
    refused
        ``(n, n_items)`` sparse, 1 where the customer had said no: it is on no list.
    is_new
        ``(n_items,)`` whether nobody had the product before the origin.
    segments
        By segmentation, ``(n,)`` labels as they were before the origin; empty: not known.
    """

    origin: int
    kind: ListKind
    users: Ids
    wanted: Csr
    had: Csr
    refused: Csr
    is_new: Bools
    segments: Mapping[str, Labels] = field(default_factory=dict)

    @property
    def history(self) -> Ids:
        """``(n,)`` how many products each had before the origin."""
        return _row_sizes(self.had)

    def possible(self, among: Ids | None = None) -> Ids:
        """``(n,)`` how many products could be on each list at most; ``among``: of these only."""
        every = np.arange(self.had.shape[1]) if among is None else among
        had, refused = (_row_sizes(each[:, every]) for each in (self.had, self.refused))
        if self.kind == "buy_again":
            return had
        return len(every) - refused - (had if self.kind == "explore" else 0)


@dataclass(frozen=True)
class Cases:
    """The metrics of one method's lists of one kind, case by case.

    Attributes
    ----------
    k
        How much of a list counts.
    users, origin, history
        ``(n,)`` the customer, the origin, and how many products the customer had before it.
    gains
        By metric, ``(n,)`` float64; NaN where a case does not count (a customer who wanted no new
        product, of the recall of new ones).
    segments
        By segmentation, ``(n,)`` labels.
    """

    kind: ListKind
    k: int
    users: Ids
    origin: Ids
    history: Ids
    gains: Mapping[str, Floats]
    segments: Mapping[str, Labels] = field(default_factory=dict)

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return f"ndcg_at_{self.k}"


def questions(
    origin: Origin,
    number: int,
    kind: ListKind,
    *,
    max_cases: int | None = None,
    segments: Mapping[str, Labels] | None = None,
) -> Questions:
    """Who bought something of this kind in the window, those without any history among them.

    ``for_you``: everything counts that was bought; ``explore``: what the customer had not bought
    before; ``buy_again``: what the customer had. What weighs nothing is not wanted, nor what the
    customer said no to since (a bad rating).

    Parameters
    ----------
    max_cases
        Of all customers at most so many, evenly spread by number.
    segments
        By segmentation, a label of every customer ``(n_users,)``, made of what was known before.
    """
    had, wanted = _ones(origin.earlier.matrix, is_any=True), _ones(origin.later.matrix)
    if kind != "for_you":
        again = wanted.multiply(had)
        wanted = sparse.csr_matrix(again if kind == "buy_again" else wanted - again)
        wanted.eliminate_zeros()
    users = np.flatnonzero(np.diff(wanted.indptr))
    if max_cases is not None and users.size > max_cases:
        users = users[np.unique(np.linspace(0, users.size - 1, max_cases).astype(np.int64))]
    before = np.bincount(origin.earlier.rows["item"].to_numpy(), minlength=had.shape[1])
    labels = {name: np.asarray(each)[users] for name, each in (segments or {}).items()}
    refused = origin.earlier.refused[users]
    return Questions(number, kind, users, wanted[users], had[users], refused, before == 0, labels)


def judge(asked: Questions, ranked: Ranked, k: int, baseline: Ranked | None = None) -> Cases:
    """The metrics at ``k`` of the lists that a method gave for ``asked.users``, in that order.

    Parameters
    ----------
    ranked
        ``(n, any length)``; what is behind ``k`` does not count.
    baseline
        The best sellers' lists for the same customers, to tell serendipity by.

    Raises
    ------
    ValueError
        There is not one list per customer, one names a product twice, or one that does not exist.

    Source: Järvelin, Kekäläinen, Cumulated gain-based evaluation of IR techniques (nDCG), TOIS 20
    (2002), https://doi.org/10.1145/582415.582418; Manning, Raghavan, Schütze, Introduction to
    information retrieval (2008), chapter 8, https://nlp.stanford.edu/IR-book (precision, recall,
    average precision); Voorhees, The TREC-8 question answering track report (reciprocal rank),
    https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf; serendipity: relevant and not among what
    a primitive method names, Ge, Delgado-Battenfeld, Jannach, Beyond accuracy, RecSys 2010,
    https://doi.org/10.1145/1864708.1864761
    """
    items = checked(ranked, k, *asked.wanted.shape)
    is_hit = is_among(items, asked.wanted)
    sizes = np.diff(asked.wanted.indptr)
    gains = {f"{name}_at_{k}": each for name, each in _metrics(is_hit, sizes, k).items()}
    is_new = asked.is_new.astype(np.float64)
    new = asked.wanted @ is_new
    found = (is_hit * is_new[np.maximum(items, 0)]).sum(axis=1)
    gains[f"recall_of_new_at_{k}"] = np.where(new > 0, found / np.maximum(new, 1), np.nan)
    if baseline is not None:
        usual = Ranked(checked(baseline, k, *asked.wanted.shape), baseline.scores[:, :k])
        is_usual = is_among(items, usual.as_matrix(asked.wanted.shape[1]))
        gains[f"serendipity_at_{k}"] = (is_hit & ~is_usual).sum(axis=1) / k
    origin = np.full(len(items), asked.origin, dtype=np.int64)
    return Cases(asked.kind, k, asked.users, origin, asked.history, gains, asked.segments)


def joined(parts: Sequence[Cases]) -> Cases:
    """The cases of several origins as one.

    Raises
    ------
    ValueError
        They are of several kinds of list, lengths, metrics or segmentations, or there are none.
    """
    told = {(part.kind, part.k, frozenset(part.gains), frozenset(part.segments)) for part in parts}
    if len(told) != 1:
        raise ValueError(f"cases of one kind, length and set of metrics are joined; got {told}")
    first = parts[0]
    return Cases(
        first.kind,
        first.k,
        np.concatenate([part.users for part in parts]),
        np.concatenate([part.origin for part in parts]),
        np.concatenate([part.history for part in parts]),
        {name: np.concatenate([part.gains[name] for part in parts]) for name in first.gains},
        {name: np.concatenate([part.segments[name] for part in parts]) for name in first.segments},
    )


def slices(cases: Cases) -> dict[str, Bools]:
    """Which cases are of which slice: all, by length of history, by segment."""
    found = {ALL: np.ones(len(cases.users), dtype=bool)}
    return found | history_slices(cases) | segment_slices(cases)


def history_slices(cases: Cases) -> dict[str, Bools]:
    """By how many products a customer had before (``history 2-4``)."""
    found = {}
    for name, (least, most) in HISTORIES.items():
        is_in = cases.history >= least
        found[f"history {name}"] = is_in if most is None else is_in & (cases.history <= most)
    return found


def segment_slices(cases: Cases) -> dict[str, Bools]:
    """By segment (``rfm: Loyal``); who is in none that was known before is in no slice."""
    return {
        f"{segmentation}: {label}": labels == label
        for segmentation, labels in cases.segments.items()
        for label in np.unique(labels)
        if str(label)
    }


def checked(ranked: Ranked, k: int, n: int, n_items: int) -> Ids:
    """The first ``k`` items of ``n`` lists, ``(n, at most k)``.

    Raises
    ------
    ValueError
        See ``judge``.
    """
    items = ranked.items[:, :k]
    if k < 1 or len(items) != n:
        raise ValueError(f"expected {n} lists and a k of 1 or more, got {len(items)} and k = {k}")
    if items.size and (items.min() < NOTHING or items.max() >= n_items):
        raise ValueError(f"a list names a product that does not exist: there are {n_items}")
    ordered = np.sort(np.where(items == NOTHING, NOTHING - np.arange(items.shape[1]), items))
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise ValueError("a list names a product twice, which would count as two hits")
    return items


def _metrics(is_hit: Bools, sizes: npt.NDArray[np.integer], k: int) -> dict[str, Floats]:
    """Each metric of each case from its hits by rank ``(n, at most k)`` and how many it wanted."""
    ranks = np.arange(1, is_hit.shape[1] + 1)
    hits, found = is_hit.sum(axis=1), np.cumsum(is_hit, axis=1)
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(1, k + 1) + 1))])
    discounted = (is_hit / np.log2(ranks + 1)).sum(axis=1)
    return {
        "ndcg": discounted / ideal[np.minimum(sizes, k)],
        "recall": hits / sizes,
        "precision": hits / k,
        "map": (is_hit * found / ranks).sum(axis=1) / sizes,
        "mrr": (is_hit / ranks).max(axis=1, initial=0.0),
        "hit_rate": (hits > 0).astype(np.float64),
    }


def _row_sizes(matrix: Csr) -> Ids:
    sizes: Ids = np.diff(matrix.indptr).astype(np.int64)
    return sizes


def _ones(matrix: Csr, *, is_any: bool = False) -> Csr:
    """1 where a weight is above 0, or where there is any row (``is_any``)."""
    found = sparse.csr_matrix(matrix, dtype=np.float64, copy=True)
    found.data = np.ones(found.nnz) if is_any else (found.data > 0).astype(np.float64)
    found.eliminate_zeros()
    return found
