"""A recommender's answers as rows of the result tables: ids and names for numbers, evidence.

What belongs here: lists for products and customers, best sellers where nothing is near, and the
rules every list keeps. What does not: scoring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.errors import ModelRejected
from ecorse.models.base import Blocks, Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Csr, Ids, Ranked, broken_order
from ecorse.recommenders.results import ITEM_SIMILARITY, RELATIONS

BLOCK_USERS = 4096
BLOCK_ITEMS = 2000


def item_lists(
    model: Recommender,
    product_ids: pl.Series,
    data: Interactions,
    shop_id: str,
    method: str,
    top_n: int,
) -> Blocks:
    """Rows of ``item_similarity``: every product of the catalogue has some, if it has others.

    ``product_ids`` are those the model was fitted on: products that left the catalogue since are
    left out, ranks close up.
    """

    numbers = _places(product_ids, data.items["product_id"])

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
    evidence = model.explain(asked, ranked)
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


def user_lists(
    model: Recommender,
    product_ids: pl.Series,
    customer_ids: pl.Series,
    data: Interactions,
    shop_id: str,
    method: str,
    top_n: int,
) -> Blocks:
    """Rows of ``user_recommendations`` for the customers that the model knows and the shop has.

    What a customer has bought is not recommended again. A customer without a row tonight, such as
    one who only ever cancelled, has no history to make a list of, and gets none.
    """
    catalogue, customers = data.items["product_id"], data.users["customer_id"]
    users = _places(customers, customer_ids)  # the model's number of each of tonight's customers
    items = _places(product_ids, catalogue)  # tonight's number of each of the model's products
    known = np.flatnonzero((users != NOTHING) & (np.diff(data.matrix.indptr) > 0))
    seen = _in_numbers_of(items, data.matrix)

    def make() -> Iterator[pl.DataFrame]:
        for start in range(0, max(1, known.size), BLOCK_USERS):
            block = known[start : start + BLOCK_USERS]
            ranked = model.recommend(users[block], top_n, seen=seen[block])
            rows = _user_rows(model, users[block], block, ranked, items, method)
            yield rows.select(
                shop_id=pl.lit(shop_id),
                method=pl.lit(method),
                customer_id=customers.gather(rows["user"]),
                rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user"),
                product_id=catalogue.gather(rows["item"]),
                score="score",
                source="source",
                reason="reason",
            )

    return Blocks(make)


def _in_numbers_of(items: Ids, matrix: Csr) -> Csr:
    """``(n_users, n_items)`` with the columns of tonight's catalogue where the model has them."""
    if np.array_equal(items, np.arange(matrix.shape[1])):
        return matrix
    is_there = items != NOTHING
    shape = (matrix.shape[1], len(items))
    move = sparse.csr_matrix(
        (np.ones(is_there.sum()), (items[is_there], np.flatnonzero(is_there))), shape=shape
    )
    return sparse.csr_matrix(matrix @ move)


def _user_rows(
    model: Recommender, asked: Ids, users: Ids, ranked: Ranked, items: Ids, method: str
) -> pl.DataFrame:
    there = ranked.is_there
    evidence = model.explain(asked, ranked)
    height = int(there.sum())

    def told(name: str, default: str) -> pl.Series:
        if evidence is not None and name in evidence.columns:
            return evidence[name]
        return pl.Series([default], dtype=pl.String).new_from_index(0, height)

    rows = pl.DataFrame(
        {
            "user": np.repeat(users, there.sum(axis=1)),
            "item": items[ranked.items[there]],
            "score": ranked.scores[there],
            "source": told("source", method),
            "reason": told("sentence", ""),
        }
    )
    return rows.filter(pl.col("item") != NOTHING)


def _places(ids: pl.Series, among: pl.Series) -> Ids:
    """The place of each id among others; -1 where it is not there."""
    known = pl.DataFrame({"id": among}).with_row_index("place")
    found = ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["place"]
    return found.cast(pl.Int64).fill_null(NOTHING).to_numpy()


def broken_rules(
    model: Recommender, answers: Iterable[str], k: int, data: Interactions
) -> list[str]:
    """The rules that a fitted recommender's lists break, in words; before anything is written.

    All products are asked for, and the first ``BLOCK_USERS`` customers.
    """
    broken: list[str] = []
    if "items" in answers:
        for start in range(0, data.items.height, BLOCK_ITEMS):
            asked = np.arange(start, min(start + BLOCK_ITEMS, data.items.height))
            broken += broken_order(model.similar(asked, k), asked, data.items.height)
    if "users" in answers and data.users.height:
        some = np.arange(min(data.users.height, BLOCK_USERS))
        ranked = model.recommend(some, k, seen=data.matrix[some])
        broken += broken_order(ranked, n_items=data.items.height)
    return list(dict.fromkeys(broken))
