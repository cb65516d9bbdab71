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
LISTED = {"item": pl.Int64, "similar_item": pl.Int64, "score": pl.Float64, "rank": pl.Int64}


def item_lists(
    fitted: Fitted, data: Interactions, shop_id: str, method: str, file: RecommenderFile
) -> Blocks:
    """Rows of ``item_similarity``: every product of the catalogue has some, if it has others.

    A list is as long as there is something near. Without anything, and behind what is near to a
    product that nobody has bought, best sellers fill it. ``fitted`` may be of an earlier night:
    products that left the catalogue since are left out, ranks close up.
    """
    model, product_ids, top_n = fitted.model, fitted.product_ids, file.top_n
    numbers = places(product_ids, data.items["product_id"])

    def make() -> Iterator[pl.DataFrame]:
        own = np.zeros(data.items.height, dtype=np.int64)
        unsold = np.flatnonzero(data.popularity == 0)
        of_unsold: list[pl.DataFrame] = []
        for start in range(0, len(product_ids), BLOCK_ITEMS):
            asked = np.arange(start, min(start + BLOCK_ITEMS, len(product_ids)))
            rows = _item_rows(model, asked, numbers, top_n)
            own += np.bincount(rows["item"].to_numpy(), minlength=len(own))
            of_unsold.append(rows.filter(pl.col("item").is_in(unsold.tolist())))
            yield _finish(rows, data, shop_id, method)
        short = np.union1d(np.flatnonzero(own == 0), unsold[own[unsold] < top_n])
        listed = pl.concat(of_unsold) if of_unsold else pl.DataFrame(schema=LISTED)
        rows = _best_sellers(short, listed.select(list(LISTED)), data, top_n)
        yield _finish(rows, data, shop_id, method)

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


def _best_sellers(
    short: npt.NDArray[np.integer], listed: pl.DataFrame, data: Interactions, top_n: int
) -> pl.DataFrame:
    """Best sellers behind what ``short`` products have in ``listed``, of ``relation`` popular.

    The score is the share of all orders (or visits) that hold the best seller; behind others, half
    of the last one's score times the best seller's share of the first best seller's orders.
    """
    total, noun = max(1, data.n_baskets or data.rows.height), data.nature.baskets
    popular = (
        pl.DataFrame({"baskets": data.popularity.astype(np.int64)})
        .with_columns(similar_item=pl.int_range(pl.len(), dtype=pl.Int64))
        .sort(["baskets", "similar_item"], descending=[True, False])
        .head(2 * top_n + 1)
        .with_columns(of_best=pl.col("baskets") / pl.max_horizontal(1, pl.col("baskets").max()))
    )
    before = listed.group_by("item").agg(own=pl.col("rank").max(), last=pl.col("score").min())
    is_alone = pl.col("own").is_null()
    behind = pl.col("last") / 2 * pl.col("of_best")
    words = pl.when(is_alone).then(pl.lit("Nothing")).otherwise(pl.lit("Nothing else"))
    return (
        pl.DataFrame({"item": short}, schema={"item": pl.Int64})
        .join(popular, how="cross")
        .filter(pl.col("item") != pl.col("similar_item"))
        .join(listed, on=["item", "similar_item"], how="anti")
        .join(before, on="item", how="left")
        .with_columns(score=pl.when(is_alone).then(pl.col("baskets") / total).otherwise(behind))
        .with_columns(pl.col("score").round(9))
        .sort(["item", "score", "similar_item"], descending=[False, True, False])
        .with_columns(place=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("item"))
        .select(
            "item",
            "similar_item",
            "score",
            relation=pl.lit("popular"),
            evidence=pl.struct(
                pl.lit(data.nature.source).alias("source"),
                pl.col("baskets").alias(noun),
                sentence=pl.format(f"{{}} is similar yet; in {{}} {noun}", words, "baskets"),
            ).struct.json_encode(),
            rank=pl.col("place") + pl.col("own").fill_null(0),
        )
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
