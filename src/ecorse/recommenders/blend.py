"""Item similarity as numbers: the blend of both cosines, exact, block by block.

What belongs here: from a catalogue and lines to each product's top N with the figures behind each
pair. What does not: text evidence, gate and tables (``item_similarity``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from ecorse.features.items import (
    Baskets,
    ItemAttributes,
    build_baskets,
    describe_items,
    keep_known_lines,
)
from ecorse.recommenders.attributes import Candidates, attribute_cosine, nearest_by_attributes
from ecorse.recommenders.co_purchase import (
    SCORE_DECIMALS,
    BasketCounts,
    FloatArray,
    IntArray,
    Neighbours,
    Pairs,
    choose_top,
    map_blocks,
)
from ecorse.recommenders.config import ItemSimilarityConfig

FIGURES = {
    "item": pl.Int64,
    "rank": pl.Int32,
    "similar_item": pl.Int64,
    "score": pl.Float64,
    "co_purchases": pl.Int64,
    "co_purchase_cosine": pl.Float64,
    "attribute_cosine": pl.Float64,
}


@dataclass(frozen=True)
class Similarities:
    """Each product's neighbours as item numbers, with the figures behind them (``FIGURES``).

    ``item_baskets`` ``(n_items,)`` counts the baskets with each item, of ``n_baskets``.
    """

    blend: pl.DataFrame
    co_purchase: pl.DataFrame
    item_baskets: IntArray
    n_baskets: int
    baskets_left_out: int
    data_hash: str


def compute_similarities(
    catalogue: pl.DataFrame, lines: pl.DataFrame, config: ItemSimilarityConfig
) -> Similarities:
    """Compute the blend's and the co-purchase top N of every item of a sorted catalogue.

    The blend is exact: an item that shares no basket with another scores by attributes only, so
    the blend's top N lies within the item's co-purchase neighbours and its nearest by attributes,
    and every one of these is scored.
    """
    known = keep_known_lines(catalogue, lines)
    baskets = build_baskets(known, catalogue.height, config.neighbours.max_basket_products)
    attributes = describe_items(
        catalogue, known, config.attributes.model_dump(), config.neighbours.max_cities
    )
    counts = BasketCounts(baskets.incidence)
    parts = []
    if catalogue.height:
        near = nearest_by_attributes(attributes, config.neighbours.top_n, config.threads)
        work = _Work(counts, attributes, near, config)
        parts = list(map_blocks(work.block, counts.blocks(), config.threads))
    blend, co_purchase = (
        pl.concat([part[table] for part in parts]) if parts else pl.DataFrame(schema=FIGURES)
        for table in (0, 1)
    )
    return Similarities(
        blend,
        co_purchase,
        counts.item_counts,
        counts.n_baskets,
        baskets.left_out,
        _hash_inputs(catalogue, baskets, attributes),
    )


@dataclass(frozen=True)
class _Work:
    counts: BasketCounts
    attributes: ItemAttributes
    near: Candidates
    config: ItemSimilarityConfig

    def block(self, start: int, end: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The blend's and the co-purchase neighbours of items ``start`` to ``end``."""
        n, top_n = self.counts.n_items, self.config.neighbours.top_n
        bought = self.counts.pairs(start, end)
        near_rows, near_cols = self.near.pairs(start, end)
        bought_keys = bought.rows * np.int64(n) + bought.cols
        keys = np.unique(np.concatenate([bought_keys, near_rows * n + near_cols]))
        keys = keys[keys // n != keys % n]
        rows, cols = keys // n, keys % n
        together = np.zeros(keys.size, dtype=np.int64)
        is_other = bought.counts > 0
        together[np.searchsorted(keys, bought_keys[is_other])] = bought.counts[is_other]
        cosines = np.round(self.counts.cosine(Pairs(rows, cols, together)), SCORE_DECIMALS)
        cosines = np.minimum(cosines, 1.0)
        likeness = attribute_cosine(self.attributes, rows, cols)
        weights = self.config.blend
        blended = weights.attributes * likeness + weights.co_purchase * cosines
        return (
            _figures(
                choose_top(rows, cols, blended, n, top_n), keys, n, together, cosines, likeness
            ),
            _figures(
                choose_top(rows, cols, cosines, n, top_n), keys, n, together, cosines, likeness
            ),
        )


def _figures(
    chosen: Neighbours,
    keys: IntArray,
    n_items: int,
    together: IntArray,
    cosines: FloatArray,
    likeness: FloatArray,
) -> pl.DataFrame:
    """The chosen pairs with their figures, which stand in the order of the pairs' keys."""
    places = np.searchsorted(keys, chosen.rows * np.int64(n_items) + chosen.cols)
    columns = (
        chosen.rows,
        chosen.ranks,
        chosen.cols,
        chosen.scores,
        together[places],
        cosines[places],
        likeness[places],
    )
    return pl.DataFrame(dict(zip(FIGURES, columns, strict=True)), schema=FIGURES)


def _hash_inputs(catalogue: pl.DataFrame, baskets: Baskets, attributes: ItemAttributes) -> str:
    """A sha256 over everything the similarities are made from, whatever the rows' order."""
    digest = hashlib.sha256(
        catalogue.select("product_id", "product_name", "category", "price_band")
        .write_csv()
        .encode()
    )
    for array in (
        baskets.incidence.indptr,
        baskets.incidence.indices,
        attributes.labels,
        attributes.profiles,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
