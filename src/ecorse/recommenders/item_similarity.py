"""Similar products by two cosines, over attributes and over shared baskets, blended.

What belongs here: this recommender and its configuration. What does not: either cosine
(``attributes``, ``counting``), answering (``neighbours``), judging (``ecorse.training``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from ecorse.declared import Table
from ecorse.errors import DataError
from ecorse.features.items import LABELS, ItemAttributes, describe_items
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.recommenders.attributes import Candidates, attribute_cosine, nearest_by_attributes
from ecorse.recommenders.co_purchase import (
    CoPurchase,
    CoPurchaseConfig,
    counts_of,
    nearest_bought,
    often_enough,
)
from ecorse.recommenders.counting import (
    SCORE_DECIMALS,
    BasketCounts,
    LargeBaskets,
    choose_top,
    map_blocks,
)
from ecorse.recommenders.counting import Pairs as CountedPairs
from ecorse.recommenders.neighbours import Pairs


class _Weights(Table):
    @model_validator(mode="after")
    def _add_up_to_one(self) -> Self:
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights add up to {total:g}, expected 1")
        return self


class BlendWeights(_Weights):
    """Shares of the two cosines in the score; a share is 0 or at least 0.01."""

    attributes: float = Field(0.1, ge=0, le=1)
    co_purchase: float = Field(0.9, ge=0, le=1)

    @model_validator(mode="after")
    def _not_tiny(self) -> Self:
        # Below it, differences in the attributes would be lost in the rounding of the blend,
        # and the nearest by attributes need no longer be the nearest by score.
        if 0 < self.attributes < 0.01:
            raise ValueError("attributes must be 0 or at least 0.01")
        return self


class AttributeWeights(_Weights):
    """Shares of the blocks in the attribute cosine."""

    category: float = Field(0.5, ge=0, le=1)
    price_band: float = Field(0.2, ge=0, le=1)
    city: float = Field(0.05, ge=0, le=1)
    daypart: float = Field(0.15, ge=0, le=1)
    month: float = Field(0.1, ge=0, le=1)


class ItemSimilarityConfig(CoPurchaseConfig):
    """The ``[parameters]`` of ``recommend_item_similarity.toml``."""

    max_cities: int = Field(50, ge=1, le=500)
    min_attribute_cosine: float = Field(0.3, ge=0, le=1)
    blend: BlendWeights = BlendWeights()
    attributes: AttributeWeights = AttributeWeights()


class ItemSimilarity(CoPurchase):
    """Similar products: ``attributes * attribute cosine + co_purchase * basket cosine``.

    A pair is listed where it meets often enough (``co_purchase.often_enough``) or is alike enough;
    what meets too rarely counts by its attributes alone. The choice is exact: an item that shares
    no such basket with another scores by attributes only, so the top list lies within the item's
    co-purchase neighbours and its nearest by attributes, and every one of these is scored.
    """

    config_class = ItemSimilarityConfig
    config: ItemSimilarityConfig
    data: Interactions

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Keep what pairs are counted from, and what products are compared by."""
        self.data = data
        return super().fit(data, task, champion)

    @cached_property
    def pairs(self) -> Pairs:
        """Score every pair that may be among an item's nearest, and keep the best.

        Raises
        ------
        DataError
            A column that products are compared by is missing.
        """
        config, data = self.config, self.data
        for name, frame, needed in (
            ("products", data.items, LABELS),
            ("interactions", data.rows, ("city", "daypart")),
        ):
            if missing := [column for column in needed if column not in frame.columns]:
                raise DataError(
                    f"Input {name!r} has no column {', '.join(missing)}; products are compared "
                    "by it. Select it in [inputs]."
                )
        if not data.items.height:
            return Pairs.concatenate([])
        described = describe_items(
            data.items, data.rows, config.attributes.model_dump(), config.max_cities
        )
        near = nearest_by_attributes(described, config.neighbours, config.threads)
        work = _Work(self.baskets, self.large, described, near, config)
        blocks = list(map_blocks(work.block, self.baskets.blocks(), config.threads))
        # counted on the way: what baskets are answered by need not be counted again
        self.__dict__["complements"] = Pairs.concatenate([bought for _, bought in blocks])
        return Pairs.concatenate([listed for listed, _ in blocks])


@dataclass(frozen=True)
class _Work:
    counts: BasketCounts
    large: LargeBaskets
    attributes: ItemAttributes
    near: Candidates
    config: ItemSimilarityConfig

    def block(self, start: int, end: int) -> tuple[Pairs, Pairs]:
        """The neighbours of items ``start`` to ``end``, and those that they are bought with."""
        n, weights = np.int64(self.counts.n_items), self.config.blend
        met = self.counts.pairs(start, end)
        bought = often_enough(self.counts, met, self.config)
        near_rows, near_cols = self.near.pairs(start, end)
        bought_keys = bought.rows * n + bought.cols
        keys = near_rows * n + near_cols  # rises: candidates come by row and by number
        keys = keys[near_rows != near_cols]
        place = np.minimum(np.searchsorted(keys, bought_keys), max(keys.size - 1, 0))
        is_new = keys[place] != bought_keys if keys.size else np.ones(bought_keys.size, dtype=bool)
        if is_new.any():
            keys = np.sort(np.concatenate([keys, bought_keys[is_new]]), kind="stable")
        rows, cols = np.divmod(keys, n)
        together = np.zeros(keys.size, dtype=np.int32)
        together[np.searchsorted(keys, bought_keys)] = bought.counts
        cosines = np.round(self.counts.cosine(CountedPairs(rows, cols, together)), SCORE_DECIMALS)
        cosines = np.minimum(cosines, 1.0)
        likeness = attribute_cosine(self.attributes, rows, cols)
        is_listed = (together > 0) | (likeness >= self.config.min_attribute_cosine)
        blended = weights.attributes * likeness + weights.co_purchase * cosines
        chosen = choose_top(rows, cols, blended * is_listed, int(n), self.config.neighbours)
        place = np.searchsorted(keys, chosen.rows * n + chosen.cols)
        # scores are made of pairs that meet often enough; what is told counts every basket
        told = counts_of(met, chosen.rows, chosen.cols, int(n))
        told = told + self.large.together(chosen.rows, chosen.cols)
        listed = Pairs(chosen.rows, chosen.cols, chosen.scores, told, likeness[place])
        return listed, nearest_bought(self.counts, self.large, bought, self.config)


RECOMMENDER = ItemSimilarity
