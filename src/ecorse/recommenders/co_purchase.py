"""Products that are in the same orders: cosine over baskets, exact.

What belongs here: this recommender and its configuration. What does not: counting (``counting``),
answering (``neighbours``).
"""

from __future__ import annotations

from typing import Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr
from ecorse.recommenders.counting import BasketCounts, Pairs, choose_top, map_blocks
from ecorse.recommenders.neighbours import PAIRS, Nearest, NeighbourRecommender


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

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Count pairs; keep each product's nearest of those that meet often enough."""
        config = self.config
        baskets, left_out = leave_out_large(data.baskets, config.max_basket_products)
        counts = BasketCounts(baskets)

        def one_block(start: int, end: int) -> pl.DataFrame:
            pairs = often_enough(counts, counts.pairs(start, end), config)
            scores = counts.cosine(pairs)
            chosen = choose_top(pairs.rows, pairs.cols, scores, counts.n_items, config.neighbours)
            place = np.searchsorted(
                pairs.rows.astype(np.int64) * counts.n_items + pairs.cols,
                chosen.rows.astype(np.int64) * counts.n_items + chosen.cols,
            )
            figures = {
                "item": chosen.rows,
                "rank": chosen.ranks,
                "similar_item": chosen.cols,
                "score": chosen.scores,
                "co_purchases": pairs.counts[place],
                "attribute_cosine": None,
            }
            return pl.DataFrame(figures, schema=PAIRS, strict=False)

        parts = list(map_blocks(one_block, counts.blocks(), config.threads))
        self.nearest = Nearest(
            pl.concat(parts) if parts else pl.DataFrame(schema=PAIRS),
            counts.item_counts,
            counts.n_baskets,
            {name: data.items[name] for name in ("category", "price_band") if name in data.items},
            left_out,
        )
        return self


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


def often_enough(counts: BasketCounts, pairs: Pairs, config: CoPurchaseConfig) -> Pairs:
    """The pairs that meet in enough baskets, and more often than chance explains.

    One shared basket is an accident whatever its lift; a lift below 1 means that the two keep
    apart.
    """
    often = np.flatnonzero(pairs.counts >= config.min_co_purchases)
    rows, cols, together = pairs.rows[often], pairs.cols[often], pairs.counts[often]
    expected = counts.item_counts[rows] * (counts.item_counts[cols] / max(1, counts.n_baskets))
    kept = together > config.min_lift * expected
    return Pairs(rows[kept], cols[kept], together[kept])


RECOMMENDER = CoPurchase
