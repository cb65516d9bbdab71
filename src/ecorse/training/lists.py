"""A recommender's neighbours as rows of ``item_similarity``: ids and names for numbers, evidence.

What belongs here: lists of products, best sellers where nothing is near, and the rules every list
keeps. What does not: scoring; lists for customers (``customer_lists``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.errors import ModelRejected
from ecorse.models.base import Blocks, Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Ids, broken_order
from ecorse.models.recommender_file import RecommenderFile
from ecorse.recommenders.results import ITEM_SIMILARITY, RELATIONS
from ecorse.training.fitted import Fitted, places

BLOCK_ITEMS = 2000


def item_lists(
    fitted: Fitted, data: Interactions, shop_id: str, method: str, file: RecommenderFile
) -> Blocks:
    """Rows of ``item_similarity``: every product of the catalogue has some, if it has others.

    ``fitted`` may be of an earlier night: products that left the catalogue since are left out,
    ranks close up.
    """
    model, product_ids, top_n = fitted.model, fitted.product_ids, file.top_n
    numbers = places(product_ids, data.items["product_id"])

    def make() -> Iterator[pl.DataFrame]:
        has_rows = np.zeros(data.items.height, dtype=bool)
        for start in range(0, len(product_ids), BLOCK_ITEMS):
            asked = np.arange(start, min(start + BLOCK_ITEMS, len(product_ids)))
            rows = _item_rows(model, asked, numbers, top_n)
            has_rows[rows["item"].to_numpy()] = True
            yield _finish(rows, data, shop_id, method)
        yield _finish(_best_sellers(has_rows, data, top_n), data, shop_id, method)

    return Blocks(make)


def _item_rows(model: Recommender, asked: Ids, numbers: Ids, top_n: int) -> pl.DataFrame:
    """Rows of the products ``asked``; ``numbers`` are tonight's of the model's products."""
    ranked = model.similar(asked, top_n)
    there = ranked.is_there
    evidence = model.explain(asked, ranked, "items")
    rows = pl.DataFrame(
        {
            "item": numbers[np.repeat(asked, there.sum(axis=1))],
            "similar_item": numbers[ranked.items[there]],
            "score": ranked.scores[there],
            **_relation_and_evidence(evidence, int(there.sum())),
        }
    )
    rows = rows.filter((pl.col("item") != NOTHING) & (pl.col("similar_item") != NOTHING))
    items = rows["item"].to_numpy()
    first = np.flatnonzero(np.diff(items, prepend=NOTHING))  # rows come by item
    lengths = np.diff(first, append=len(items))
    ranks = np.arange(1, len(items) + 1) - np.repeat(first, lengths)
    return rows.with_columns(rank=pl.Series(ranks, dtype=pl.Int64))


def _relation_and_evidence(evidence: pl.DataFrame | None, height: int) -> dict[str, pl.Series]:
    similar = pl.Series(["similar"], dtype=pl.String).new_from_index(0, height)
    if evidence is None:
        return {
            "relation": similar,
            "evidence": pl.Series(["{}"], dtype=pl.String).new_from_index(0, height),
        }
    figures = pl.exclude("relation")
    packed = evidence.select(pl.struct(figures).struct.json_encode()).to_series()
    relation = evidence["relation"] if "relation" in evidence.columns else similar
    if unknown := sorted({str(word) for word in relation.unique()} - set(RELATIONS)):
        raise ModelRejected(
            f"Evidence refused: relation {', '.join(unknown)}; expected {', '.join(RELATIONS)}."
        )
    return {"relation": relation, "evidence": packed}


def _best_sellers(has_rows: npt.NDArray[np.bool_], data: Interactions, top_n: int) -> pl.DataFrame:
    """Best sellers for products without a neighbour, flagged by ``relation`` popular.

    The score is the share of all orders (or visits) that hold the best seller.
    """
    total, noun = max(1, data.n_baskets or data.rows.height), data.nature.baskets
    popular = (
        pl.DataFrame({"baskets": data.popularity.astype(np.int64)})
        .with_columns(similar_item=pl.int_range(pl.len(), dtype=pl.Int64))
        .sort(["baskets", "similar_item"], descending=[True, False])
        .head(top_n + 1)
        .select(
            "similar_item",
            score=(pl.col("baskets") / total).round(9),
            relation=pl.lit("popular"),
            evidence=pl.struct(
                pl.lit(data.nature.source).alias("source"),
                pl.col("baskets").alias(noun),
                sentence=pl.format(f"Nothing is similar yet; in {{}} {noun}", "baskets"),
            ).struct.json_encode(),
        )
    )
    return (
        pl.DataFrame({"item": np.flatnonzero(~has_rows)}, schema={"item": pl.Int64})
        .join(popular, how="cross")
        .filter(pl.col("item") != pl.col("similar_item"))
        .sort(["item", "score", "similar_item"], descending=[False, True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("item"))
        .filter(pl.col("rank") <= top_n)
    )


def _finish(rows: pl.DataFrame, data: Interactions, shop_id: str, method: str) -> pl.DataFrame:
    """The table's columns: ids and names for numbers, shop and method."""
    ids = data.items["product_id"]
    names = data.items["product_name"] if "product_name" in data.items.columns else ids
    return rows.with_columns(
        shop_id=pl.lit(shop_id),
        method=pl.lit(method),
        product_id=ids.gather(rows["item"]),
        similar_product_id=ids.gather(rows["similar_item"]),
        similar_product_name=names.gather(rows["similar_item"]),
    ).select(list(ITEM_SIMILARITY.columns))


def broken_neighbours(model: Recommender, k: int, data: Interactions) -> list[str]:
    """The rules that the lists of all products break, in words; before anything is written."""
    broken: list[str] = []
    for start in range(0, data.items.height, BLOCK_ITEMS):
        asked = np.arange(start, min(start + BLOCK_ITEMS, data.items.height))
        broken += broken_order(model.similar(asked, k), asked, data.items.height)
    return list(dict.fromkeys(broken))
