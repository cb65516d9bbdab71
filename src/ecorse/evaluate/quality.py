"""What lists are like beside how right they are: how much of the shop they show, and how alike.

What belongs here: figures of lists that need no later purchase. What does not: accuracy and
serendipity, which do (``cases``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.evaluate.cases import checked
from ecorse.models.ranked import NOTHING, Csr, Floats, Ids, Ranked

BEST_SELLERS = 100
BLOCK_LISTS = 8192
Counts = npt.NDArray[np.floating] | npt.NDArray[np.integer]


@dataclass(frozen=True)
class Quality:
    """Figures of one method's lists at ``k``; ``None`` where nothing tells them.

    ``figures``: by name, ``coverage``, ``novelty``, ``diversity``, ``popularity``,
    ``best_seller_share``, ``gini`` and ``full_share``, see the functions of these names.
    """

    k: int
    lists: int
    figures: Mapping[str, float | None]


def list_quality(
    ranked: Ranked,
    k: int,
    *,
    popularity: Counts,
    buyers: int,
    among: Ids | None = None,
    possible: Ids | None = None,
    content: Csr | None = None,
) -> Quality:
    """Every figure of lists ``(n, any length)`` at ``k``.

    Parameters
    ----------
    popularity
        ``(n_items,)`` how many of ``buyers`` (customers or baskets) had each product before.
    among
        The catalogue: numbers of the products that could be recommended; ``None`` for all.
    possible
        ``(n,)`` how many products could be on each list (``Questions.possible``); ``None``: as
        many as the catalogue has.
    content
        ``(n_items, n_words)`` what each product is described by; ``None``: not known.

    Raises
    ------
    ValueError
        A list names a product twice, or one outside the catalogue.
    """
    n_items = len(popularity)
    items = checked(ranked, k, len(ranked.items), n_items)
    catalogue = np.arange(n_items) if among is None else np.unique(among)
    if not np.isin(items[items != NOTHING], catalogue).all():
        raise ValueError("a list names a product that is not in the catalogue")
    exposure = np.bincount(items[items != NOTHING], minlength=n_items)[catalogue]
    limit = np.full(len(items), len(catalogue)) if possible is None else possible
    figures = {
        "coverage": coverage(exposure),
        "novelty": novelty(items, popularity, buyers),
        "diversity": None if content is None else diversity(items, content),
        "popularity": average_popularity(items, popularity),
        "best_seller_share": best_seller_share(items, popularity),
        "gini": gini(exposure),
        "full_share": full_share(items, np.minimum(limit, k)),
    }
    return Quality(k, len(items), figures)


def coverage(exposure: Counts) -> float | None:
    """The share of the catalogue that is on anybody's list.

    ``exposure`` ``(products of the catalogue,)``: on how many lists each is.

    Source: Ge, Delgado-Battenfeld, Jannach, Beyond accuracy: evaluating recommender systems by
    coverage and serendipity, RecSys 2010, https://doi.org/10.1145/1864708.1864761
    """
    return float((exposure > 0).mean()) if exposure.size else None


def gini(exposure: Counts) -> float | None:
    """How unequally places on lists are spread over the catalogue: 0 equal, near 1 all one's.

    Source: Fleder, Hosanagar, Blockbuster culture's next rise or fall, Management Science 55
    (2009), https://doi.org/10.1287/mnsc.1080.0974
    """
    n, total = exposure.size, exposure.sum()
    if not n or not total:
        return None
    place = 2 * np.arange(1, n + 1) - n - 1
    return float((place * np.sort(exposure)).sum() / (n * total))


def novelty(items: Ids, popularity: Counts, buyers: int) -> float | None:
    """The mean self-information of a list's products, ``-log2(buyers of it / buyers)``, in bits.

    The mean over each list, then over lists that are not empty; what nobody bought counts as bought
    by one. Equal to RecTools' ``MeanInvUserFreq``.

    Source: Zhou, Kuscsik, Liu et al., Solving the apparent diversity-accuracy dilemma of
    recommender systems, PNAS 107 (2010), https://doi.org/10.1073/pnas.1000488107
    """
    shares = np.maximum(np.asarray(popularity, dtype=np.float64), 1.0) / max(buyers, 1)
    return _mean_of_lists(items, -np.log2(shares))


def average_popularity(items: Ids, popularity: Counts) -> float | None:
    """How popular a recommended product is: mean of a list, then of lists that are not empty (ARP).

    Source: Yin, Cui, Li, Yao, Chen, Challenging the long tail recommendation, VLDB 2012,
    https://arxiv.org/abs/1205.6700
    """
    return _mean_of_lists(items, np.asarray(popularity, dtype=np.float64))


def best_seller_share(items: Ids, popularity: Counts) -> float | None:
    """The share of a list that is among the 100 best sellers, mean over lists that are not empty.

    Ties by number; a product that nobody bought is no best seller. In a shop of fewer products
    that sell it says nothing.

    Source: Abdollahpouri, Burke, Mobasher, Managing popularity bias in recommender systems with
    personalized re-ranking (2019), https://arxiv.org/abs/1901.07555 (short head)
    """
    counts = np.asarray(popularity, dtype=np.float64)
    best = np.argsort(-counts, kind="stable")[:BEST_SELLERS]
    is_best = np.zeros(len(counts))
    is_best[best[counts[best] > 0]] = 1.0
    return _mean_of_lists(items, is_best)


def full_share(items: Ids, wanted: Ids) -> float | None:
    """The share of lists that are as long as ``wanted`` ``(n,)`` says they can be."""
    return float(((items != NOTHING).sum(axis=1) >= wanted).mean()) if len(items) else None


def diversity(items: Ids, content: Csr) -> float | None:
    """1 minus the mean cosine of a list's pairs of products, mean over lists with such a pair.

    Products without content are left out: nobody knows what they are like.

    Source: Ziegler, McNee, Konstan, Lausen, Improving recommendation lists through topic
    diversification, WWW 2005, https://doi.org/10.1145/1060745.1060754
    """
    length = np.sqrt(np.asarray(content.multiply(content).sum(axis=1)).ravel())
    is_known = length > 0
    unit = sparse.diags(1 / np.where(is_known, length, 1.0)) @ content
    total, lists = 0.0, 0
    for start in range(0, len(items), BLOCK_LISTS):
        block = items[start : start + BLOCK_LISTS]
        there = (block != NOTHING) & is_known[np.maximum(block, 0)]
        sizes = there.sum(axis=1)
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        members = sparse.csr_matrix(
            (np.ones(indptr[-1]), block[there], indptr), shape=(len(block), content.shape[0])
        )
        # the sum of all pairs' cosines, a product with itself among them, is |sum of vectors|^2
        together = sparse.csr_matrix(members @ unit)
        pairs = np.asarray(together.multiply(together).sum(axis=1)).ravel() - sizes
        has_pair = sizes > 1
        own = sizes[has_pair] * (sizes[has_pair] - 1)
        total += float((1 - pairs[has_pair] / own).sum())
        lists += int(has_pair.sum())
    return total / lists if lists else None


def _mean_of_lists(items: Ids, values: Floats) -> float | None:
    """The mean over lists that are not empty of the mean of ``values`` ``(n_items,)`` in them."""
    there = items != NOTHING
    sizes = there.sum(axis=1)
    if not sizes.any():
        return None
    sums = np.where(there, values[np.maximum(items, 0)], 0.0).sum(axis=1)
    return float((sums[sizes > 0] / sizes[sizes > 0]).mean())
