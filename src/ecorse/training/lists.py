"""A recommender's answers as rows of the result tables: ids and names for numbers, evidence.

What belongs here: lists for products and customers, best sellers where nothing is near, and the
rules every list keeps. What does not: scoring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.models.base import Blocks, Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Csr, Ids, Ranked, broken_order
from ecorse.recommenders.results import ITEM_SIMILARITY

BLOCK_USERS = 4096
BLOCK_ITEMS = 5000


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

    def make() -> Iterator[pl.DataFrame]:
        listed: list[pl.Series] = []
        for start in range(0, len(product_ids), BLOCK_ITEMS):
            asked = np.arange(start, min(start + BLOCK_ITEMS, len(product_ids)))
            rows = _item_rows(model, asked, product_ids, data, top_n)
            listed.append(rows["product_id"].unique())
            yield _finish(rows, data, shop_id, method)
        has_rows = pl.concat(listed) if listed else pl.Series([], dtype=pl.String)
        yield _finish(_best_sellers(has_rows, data, top_n), data, shop_id, method)

    return Blocks(make)


def _item_rows(
    model: Recommender, asked: Ids, product_ids: pl.Series, data: Interactions, top_n: int
) -> pl.DataFrame:
    ranked = model.similar(asked, top_n)
    there = ranked.is_there
    evidence = model.explain(asked, ranked)
    rows = pl.DataFrame(
        {
            "product_id": product_ids.gather(np.repeat(asked, there.sum(axis=1))),
            "similar_product_id": product_ids.gather(ranked.items[there]),
            "score": ranked.scores[there],
            **_relation_and_evidence(evidence, int(there.sum())),
        }
    )
    catalogue = data.items["product_id"]
    if not product_ids.equals(catalogue):
        known = catalogue.implode()
        rows = rows.filter(
            pl.col("product_id").is_in(known) & pl.col("similar_product_id").is_in(known)
        )
    return rows.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("product_id"))


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
    return {"relation": relation, "evidence": packed}


def _best_sellers(has_rows: pl.Series, data: Interactions, top_n: int) -> pl.DataFrame:
    """Best sellers for products without a neighbour, flagged by ``relation`` popular.

    The score is the share of all orders that hold the best seller.
    """
    total = max(1, data.n_baskets or data.rows.height)
    popular = (
        pl.DataFrame(
            {
                "similar_product_id": data.items["product_id"],
                "orders": data.popularity.astype(np.int64),
            }
        )
        .sort(["orders", "similar_product_id"], descending=[True, False])
        .head(top_n + 1)
        .select(
            "similar_product_id",
            score=(pl.col("orders") / total).round(9),
            relation=pl.lit("popular"),
            evidence=pl.struct(
                "orders",
                sentence=pl.format(
                    "Nothing is similar yet; a best seller with {} orders", "orders"
                ),
            ).struct.json_encode(),
        )
    )
    return (
        data.items.select("product_id")
        .filter(~pl.col("product_id").is_in(has_rows.implode()))
        .join(popular, how="cross")
        .filter(pl.col("product_id") != pl.col("similar_product_id"))
        .sort(["product_id", "score", "similar_product_id"], descending=[False, True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("product_id"))
        .filter(pl.col("rank") <= top_n)
    )


def _finish(rows: pl.DataFrame, data: Interactions, shop_id: str, method: str) -> pl.DataFrame:
    """The table's columns: names beside ids, shop and method."""
    named = "product_name" if "product_name" in data.items.columns else "product_id"
    names = data.items.select(similar_product_id="product_id", similar_product_name=named)
    return (
        rows.join(names, on="similar_product_id", how="left", maintain_order="left")
        .with_columns(shop_id=pl.lit(shop_id), method=pl.lit(method))
        .select(list(ITEM_SIMILARITY.columns))
    )


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

    What a customer has bought is not recommended again.
    """
    catalogue, customers = data.items["product_id"], data.users["customer_id"]
    users = _places(customers, customer_ids)  # the model's number of each of tonight's customers
    items = _places(product_ids, catalogue)  # tonight's number of each of the model's products
    known = np.flatnonzero(users != NOTHING)
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
            broken += broken_order(model.similar(asked, k), own=asked)
    if "users" in answers and data.users.height:
        some = np.arange(min(data.users.height, BLOCK_USERS))
        broken += broken_order(model.recommend(some, k, seen=data.matrix[some]))
    return list(dict.fromkeys(broken))
