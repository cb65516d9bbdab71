"""Products that are in the same orders: cosine over baskets, exact.

What belongs here: this recommender and its configuration. What does not: counting (``counting``),
answering (``neighbours``).
"""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr
from ecorse.recommenders.counting import BasketCounts, choose_top, map_blocks
from ecorse.recommenders.counting import Pairs as CountedPairs
from ecorse.recommenders.evidence import Counts
from ecorse.recommenders.neighbours import NeighbourRecommender, Pairs


class CoPurchaseConfig(Table):
    """What counts as bought together."""

    neighbours: int = Field(20, ge=1, le=1000)
    max_basket_products: int = Field(50, ge=2)
    min_co_purchases: int = Field(3, ge=1)
    min_lift: float = Field(1.0, ge=0)
    threads: int = Field(0, ge=0)


class CoPurchase(NeighbourRecommender):
    """The products most often in the same orders, by cosine; see ``counting.cosine``."""

    config_class = CoPurchaseConfig
    config: CoPurchaseConfig
    baskets: BasketCounts

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Keep what pairs are counted from."""
        baskets, left_out = leave_out_large(data.baskets, self.config.max_basket_products)
        self.baskets = BasketCounts(baskets)
        labels = ("category", "price_band")
        self.counts = Counts(
            self.baskets.item_counts,
            self.baskets.n_baskets,
            {n: data.items[n].cast(pl.String) for n in labels if n in data.items.columns},
            left_out,
        )
        return self

    @cached_property
    def complements(self) -> Pairs:
        """Each item's nearest of those that it meets often enough."""
        counts, config = self.baskets, self.config

        def one_block(start: int, end: int) -> Pairs:
            return nearest_bought(
                counts, often_enough(counts, counts.pairs(start, end), config), config
            )

        return Pairs.concatenate(list(map_blocks(one_block, counts.blocks(), config.threads)))

    @property
    def pairs(self) -> Pairs:
        """What is bought together is what is listed."""
        return self.complements


def leave_out_large(baskets: Csr, max_products: int) -> tuple[Csr, int]:
    """The baskets of at most ``max_products``, and how many are larger.

    A larger basket (a reseller, a test, a merged order) says little about what goes together and
    costs the square of its size: it is left out of every count, of pairs and of products alike,
    so that cosine and lift stay consistent.
    """
    sizes = np.diff(baskets.indptr)
    if (sizes <= max_products).all():
        return baskets, 0
    return sparse.csr_matrix(baskets[sizes <= max_products]), int((sizes > max_products).sum())


def nearest_bought(counts: BasketCounts, pairs: CountedPairs, config: CoPurchaseConfig) -> Pairs:
    """Each item's nearest of counted pairs, by basket cosine."""
    scores = counts.cosine(pairs)
    chosen = choose_top(pairs.rows, pairs.cols, scores, counts.n_items, config.neighbours)
    n = np.int64(counts.n_items)
    place = np.searchsorted(pairs.rows * n + pairs.cols, chosen.rows * n + chosen.cols)
    return Pairs(chosen.rows, chosen.cols, chosen.scores, pairs.counts[place])


def often_enough(
    counts: BasketCounts, pairs: CountedPairs, config: CoPurchaseConfig
) -> CountedPairs:
    """The pairs that meet in enough baskets, and more often than chance explains.

    One shared basket is an accident whatever its lift; a lift below 1 means that the two keep
    apart.
    """
    often = np.flatnonzero(pairs.counts >= config.min_co_purchases)
    rows, cols, together = pairs.rows[often], pairs.cols[often], pairs.counts[often]
    # products of whole numbers are exact and the same both ways: a lift of exactly 1 is none
    kept = together * counts.n_baskets > config.min_lift * (
        counts.item_counts[rows] * counts.item_counts[cols]
    )
    return CountedPairs(rows[kept], cols[kept], together[kept])


RECOMMENDER = CoPurchase
