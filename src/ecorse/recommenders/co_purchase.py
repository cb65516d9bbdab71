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
from ecorse.recommenders.counting import (
    BasketCounts,
    IntArray,
    LargeBaskets,
    choose_top,
    map_blocks,
)
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
    large: LargeBaskets

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Keep what pairs are counted from."""
        small, large = part_large(data.baskets, self.config.max_basket_products)
        self.baskets, self.large = BasketCounts(small), LargeBaskets(large)
        labels = ("category", "price_band")
        self.counts = Counts(
            self.baskets.item_counts + self.large.item_counts,
            self.baskets.n_baskets + self.large.n_baskets,
            {n: data.items[n].cast(pl.String) for n in labels if n in data.items.columns},
            large=self.large.n_baskets,
            least=self.config.min_co_purchases,
            min_lift=self.config.min_lift,
            nature=data.nature,
        )
        return self

    @cached_property
    def complements(self) -> Pairs:
        """Each item's nearest of those that it meets often enough."""
        counts, config = self.baskets, self.config

        def one_block(start: int, end: int) -> Pairs:
            bought = often_enough(counts, counts.pairs(start, end), config)
            return nearest_bought(counts, self.large, bought, config)

        return Pairs.concatenate(list(map_blocks(one_block, counts.blocks(), config.threads)))

    @property
    def pairs(self) -> Pairs:
        """What is bought together is what is listed."""
        return self.complements


def part_large(baskets: Csr, max_products: int) -> tuple[Csr, Csr]:
    """The baskets of at most ``max_products``, and the larger ones.

    A larger basket (a reseller, a test, a merged order) says little about what goes together and
    costs the square of its size: it plays no part in any score. What is told of a pair counts it.
    """
    sizes = np.diff(baskets.indptr)
    small = sizes <= max_products
    if small.all():
        return baskets, baskets[:0]
    return sparse.csr_matrix(baskets[small]), sparse.csr_matrix(baskets[~small])


def nearest_bought(
    counts: BasketCounts, large: LargeBaskets, pairs: CountedPairs, config: CoPurchaseConfig
) -> Pairs:
    """Each item's nearest of counted pairs, by basket cosine; told by counts of all baskets."""
    scores = counts.cosine(pairs)
    chosen = choose_top(pairs.rows, pairs.cols, scores, counts.n_items, config.neighbours)
    together = counts_of(pairs, chosen.rows, chosen.cols, counts.n_items)
    together = together + large.together(chosen.rows, chosen.cols)
    return Pairs(chosen.rows, chosen.cols, chosen.scores, together)


def counts_of(pairs: CountedPairs, rows: IntArray, cols: IntArray, n_items: int) -> IntArray:
    """How many baskets some pairs are in, by the counted ones; 0 for a pair that is not there."""
    found = np.zeros(len(rows), dtype=np.int32)
    keys = pairs.rows * np.int64(n_items) + pairs.cols
    if keys.size:
        wanted = rows * np.int64(n_items) + cols
        place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        is_there = keys[place] == wanted
        found[is_there] = pairs.counts[place[is_there]]
    return found


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
