"""The nightly model behind ``marts.item_similarity`` and ``marts.item_co_purchases``.

What belongs here: putting features, cosines, evidence, fallback and gate together for one shop.
What does not: any of their arithmetic (``blend``, ``evidence``, ``ecorse.evaluate.ranking``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.errors import ModelRejected
from ecorse.evaluate.ranking import HitRate, hit_rate, split_by_time
from ecorse.features.items import build_baskets, keep_known_lines, sort_catalogue
from ecorse.models.base import Champion, Decision, ModelResult
from ecorse.recommenders.blend import Similarities, compute_similarities
from ecorse.recommenders.config import ItemSimilarityConfig
from ecorse.recommenders.evidence import explain_pairs
from ecorse.recommenders.results import ITEM_CO_PURCHASES, ITEM_SIMILARITY, broken_rules

_SCHEMA = {
    "shop_id": pl.String,
    "product_id": pl.String,
    "rank": pl.Int32,
    "similar_product_id": pl.String,
    "score": pl.Float64,
    "method": pl.String,
    "evidence": pl.String,
}


class ItemSimilarity:
    """Similar products by the blend of attribute cosine and co-purchase cosine (``Model``)."""

    writes = (ITEM_SIMILARITY, ITEM_CO_PURCHASES)

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = ItemSimilarityConfig.parse(config)

    def run(
        self, shop_id: str, inputs: Mapping[str, pl.DataFrame], champion: Champion | None
    ) -> ModelResult:
        """Compute one shop's neighbours; see ``ecorse.models.base.Model``.

        Parameters
        ----------
        inputs
            ``products`` (product_id, product_name, category, price_band) and ``order_lines``
            (order_id, product_id, city, daypart, ordered_local); either may be empty.

        Raises
        ------
        ModelRejected
            The rows break a rule, and no champion is there to serve instead.
        """
        catalogue = sort_catalogue(inputs["products"])
        similarities = compute_similarities(catalogue, inputs["order_lines"], self.config)
        candidate = _name_pairs(shop_id, "blend", similarities.blend, catalogue, similarities)
        metrics = self._judge(catalogue, inputs["order_lines"]) | {
            "products": catalogue.height,
            "baskets": similarities.n_baskets,
            "baskets_left_out": similarities.baskets_left_out,
        }
        decision = self._decide(metrics, broken_rules(candidate, catalogue["product_id"]), champion)
        served = candidate
        if champion is not None and decision.outcome == "held":
            served, metrics = _read_champion(champion, catalogue), dict(champion.metrics)
        co_purchases = _name_pairs(
            shop_id, "co_purchase", similarities.co_purchase, catalogue, similarities
        )
        return ModelResult(
            tables={
                ITEM_SIMILARITY.name: _fill_up(
                    shop_id, served, catalogue, similarities, self.config.neighbours.top_n
                ),
                ITEM_CO_PURCHASES.name: co_purchases,
            },
            decision=decision,
            artifact=champion.artifact
            if champion is not None and decision.outcome == "held"
            else _write_artifact(candidate),
            params=self.config.model_dump(exclude={"threads"}),
            metrics=metrics,
            data_hash=similarities.data_hash,
        )

    def _judge(self, catalogue: pl.DataFrame, lines: pl.DataFrame) -> dict[str, Any]:
        """Hit rates on the latest orders, of tables made from the earlier ones."""
        earlier, later = split_by_time(
            keep_known_lines(catalogue, lines), self.config.holdout.share
        )
        past = compute_similarities(catalogue, earlier.drop("item"), self.config)
        test = build_baskets(later, catalogue.height, self.config.neighbours.max_basket_products)
        settings = self.config.holdout

        def rate(similarity: sparse.csr_matrix) -> HitRate:
            return hit_rate(
                test.incidence, similarity, past.item_baskets, settings.hits_at, settings.max_cases
            )

        size = (catalogue.height, catalogue.height)
        blend = rate(_as_matrix(past.blend, size))
        return {
            "hit_rate": blend.rate,
            "hit_rate_standard_error": blend.standard_error,
            "hit_rate_co_purchase": rate(_as_matrix(past.co_purchase, size)).rate,
            "hit_rate_popularity": rate(sparse.csr_matrix(size)).rate,
            "hits_at": settings.hits_at,
            "cases": blend.cases,
        }

    def _decide(
        self, metrics: Mapping[str, Any], broken: list[str], champion: Champion | None
    ) -> Decision:
        """Promote unless a rule is broken or the hit rate fell far below the champion's.

        Popularity is reported beside it and does not hold the table: where baskets are close to
        chance the best sellers win every hit rate, and a list of best sellers beside each product
        would no longer be a list of similar products.
        """
        rate, cases = metrics["hit_rate"], metrics["cases"]
        numbers = dict(metrics)
        if broken:
            reason = f"Rules broken: {'; '.join(broken)}."
            if champion is None:
                raise ModelRejected(
                    f"Item similarity: {reason} No earlier table can serve instead; nothing was "
                    "written. This is a defect of the program: please report it with the data."
                )
            return Decision("held", reason + " The published table stays.", numbers)
        beside = (
            f"Hit rate at {metrics['hits_at']} on {cases} hidden products: {rate:.3f} "
            f"(popularity {metrics['hit_rate_popularity']:.3f})"
        )
        if champion is None:
            return Decision("promoted", f"First table of this shop. {beside}.", numbers)
        before = champion.metrics.get("hit_rate")
        numbers["champion_hit_rate"] = before
        if (
            before is None
            or min(cases, champion.metrics.get("cases", 0)) < self.config.gate.min_cases
        ):
            return Decision("promoted", f"{beside}; too few cases to judge by.", numbers)
        noise = 3 * np.hypot(
            metrics["hit_rate_standard_error"], champion.metrics.get("hit_rate_standard_error", 0.0)
        )
        allowed = before - max(self.config.gate.max_drop * before, float(noise))
        numbers["hit_rate_allowed"] = allowed
        beside += f"; champion {before:.3f}, lowest allowed {allowed:.3f}"
        if rate < allowed:
            return Decision("held", f"{beside}: fell too far, the published table stays.", numbers)
        return Decision("promoted", f"{beside}.", numbers)


def _as_matrix(pairs: pl.DataFrame, size: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix(
        (
            pairs["score"].to_numpy(),
            (pairs["item"].to_numpy(), pairs["similar_item"].to_numpy()),
        ),
        shape=size,
    )


def _name_pairs(
    shop_id: str,
    method: str,
    figures: pl.DataFrame,
    catalogue: pl.DataFrame,
    similarities: Similarities,
) -> pl.DataFrame:
    """Turn item numbers into product ids and add the evidence: the tables' columns."""
    ids = catalogue["product_id"]
    return pl.DataFrame(
        {
            "shop_id": pl.repeat(shop_id, figures.height, dtype=pl.String, eager=True),
            "product_id": ids.gather(figures["item"]),
            "rank": figures["rank"],
            "similar_product_id": ids.gather(figures["similar_item"]),
            "score": figures["score"],
            "method": pl.repeat(method, figures.height, dtype=pl.String, eager=True),
            "evidence": explain_pairs(figures, catalogue, similarities),
        },
        schema=_SCHEMA,
    )


def _fill_up(
    shop_id: str,
    rows: pl.DataFrame,
    catalogue: pl.DataFrame,
    similarities: Similarities,
    top_n: int,
) -> pl.DataFrame:
    """Give products without a neighbour the best sellers, flagged as ``fallback``.

    The score is then the share of all baskets with that best seller.
    """
    popular = (
        catalogue.select(
            similar_product_id="product_id", orders=pl.Series(similarities.item_baskets)
        )
        .sort(["orders", "similar_product_id"], descending=[True, False])
        .head(top_n + 1)
        .with_columns(
            score=(pl.col("orders") / max(1, similarities.n_baskets)).round(9),
            method=pl.lit("fallback"),
            evidence=pl.struct(
                "orders",
                sentence=pl.format(
                    "Nothing is similar yet; a best seller with {} orders", "orders"
                ),
            ).struct.json_encode(),
        )
    )
    filled = (
        catalogue.select("product_id")
        .join(rows, on="product_id", how="anti")
        .join(popular, how="cross")
        .filter(pl.col("product_id") != pl.col("similar_product_id"))
        .sort(["product_id", "score", "similar_product_id"], descending=[False, True, False])
        .with_columns(
            shop_id=pl.lit(shop_id),
            rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("product_id"),
        )
        .filter(pl.col("rank") <= top_n)
        .select(_SCHEMA.keys())
    )
    return pl.concat([rows, filled]).sort("product_id", "rank")


def _write_artifact(rows: pl.DataFrame) -> bytes:
    """Keep the table itself as the model file: parquet, which holds data and no code."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _read_champion(champion: Champion, catalogue: pl.DataFrame) -> pl.DataFrame:
    """Read the champion's rows again, without products that left the catalogue, ranks closed up."""
    ids = catalogue["product_id"].implode()
    return (
        pl.read_parquet(io.BytesIO(champion.artifact))
        .filter(pl.col("product_id").is_in(ids) & pl.col("similar_product_id").is_in(ids))
        .sort("product_id", "rank")
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("product_id"))
        .select(_SCHEMA.keys())
    )
