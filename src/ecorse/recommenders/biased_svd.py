"""Biased SVD: what stars a customer would give, by who rates high, what is rated high, and taste.

What belongs here: this recommender, for ratings. What does not: its inner loop
(``models.svd_kernel``); purchases and views, which are no grades (``als``).

Source: Koren, Bell, Volinsky, Matrix factorization techniques for recommender systems, IEEE
Computer 42 (2009), https://doi.org/10.1109/MC.2009.263 (equations 4 and 5).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field

from ecorse.declared import Table
from ecorse.errors import DataError
from ecorse.models.base import Answer, Recommender, Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import BLOCK_CELLS, Csr, Floats, Ids, Ranked, stored_in_either, top_k
from ecorse.models.threads import one_thread
from ecorse.recommenders import arrays

MOST_NAMED = 5


class BiasedSvdConfig(Table):
    """``kind``: the rows that are ratings; their weight is the stars, a pair's last one counts.

    ``rank`` numbers per customer and product, ``rounds`` over all ratings at ``rate``;
    ``penalty`` on the numbers' squares, ``bias_penalty`` on the biases'. Listed are products with
    at least ``least_ratings``.
    """

    kind: str = Field("rating", min_length=1)
    rank: int = Field(50, ge=1)
    rounds: int = Field(60, ge=1)
    rate: float = Field(0.01, gt=0)
    penalty: float = Field(0.1, ge=0)
    bias_penalty: float = Field(0.03, ge=0)
    least_ratings: int = Field(5, ge=1)


class BiasedSvd(Recommender):
    """Predicts ``mu + b_u + b_i + p_u q_i``, fitted by stochastic gradient steps.

    Lists go by the predicted stars. A customer without a rating gets ``mu + b_i``: what is rated
    high, drawn to the mean where few have rated.
    """

    config_class = BiasedSvdConfig
    config: BiasedSvdConfig
    answers: ClassVar = frozenset({"users"})

    mean: float
    user_bias: Floats  # (n_users,)
    item_bias: Floats  # (n_items,)
    users: Floats  # (n_users, rank)
    items: Floats  # (n_items, rank)
    item_means: Floats  # (n_items,) mean stars; 0: no rating
    counts: Ids  # (n_items,) ratings
    scale: tuple[float, float]  # the fewest and the most stars given
    named: dict[str, Any]  # what ``params`` tells
    refused: Csr

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the factors and of the ratings in order."""
        return 8 * self.config.rank * (shape.users + shape.items) + 40 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Step through the ratings, in another order each round.

        Raises
        ------
        DataError
            There are rows, and none of them is a rating.
        """
        from ecorse.models.svd_kernel import one_round

        config, random = self.config, np.random.default_rng(task.seed)
        users, items, stars = self._ratings(data)
        n_users, n_items = data.users.height, data.items.height
        self.refused = data.refused
        self.mean = float(stars.mean()) if len(stars) else 0.0
        self.scale = (float(stars.min()), float(stars.max())) if len(stars) else (0.0, 0.0)
        self.user_bias, self.item_bias = np.zeros(n_users), np.zeros(n_items)
        self.users, self.items = (
            0.1 * random.standard_normal((n, config.rank)) for n in (n_users, n_items)
        )
        for _ in range(config.rounds if len(stars) else 0):
            one_round(
                random.permutation(len(stars)),
                users,
                items,
                stars,
                self.mean,
                self.users,
                self.items,
                self.user_bias,
                self.item_bias,
                config.rate,
                config.penalty,
                config.bias_penalty,
            )
        # what was never rated has no taste: only the draw would tell it from the mean
        self.users[np.bincount(users, minlength=n_users) == 0] = 0.0
        self.counts = np.bincount(items, minlength=n_items)
        self.items[self.counts == 0] = 0.0
        self.item_means = np.bincount(items, stars, n_items) / np.maximum(self.counts, 1)
        self.named = self._named(data.items["product_id"])
        return self

    def _ratings(self, data: Interactions) -> tuple[Ids, Ids, Floats]:
        """User, item and stars of each pair's last rating."""
        kinds = data.rows["kind"].cast(pl.String)
        if data.rows.height and not (kinds == self.config.kind).any():
            raise DataError(
                f"No row is of the kind {self.config.kind!r}: there are "
                f"{', '.join(sorted(set(kinds)))}. Ratings are rows of that kind whose weight is "
                "the stars; say in [parameters] kind which word the rows have."
            )
        rated = (
            data.wanted.filter(pl.col("kind").cast(pl.String) == self.config.kind)
            .drop_nulls("user")
            .sort("at", "weight")
            .group_by("user", "item", maintain_order=True)
            .agg(pl.last("weight"))
            .sort("user", "item")
        )
        users, items = (rated[name].to_numpy().astype(np.int64) for name in ("user", "item"))
        return users, items, rated["weight"].to_numpy().astype(np.float64)

    def _named(self, product_ids: pl.Series) -> dict[str, Any]:
        """The mean, the products of the largest and smallest bias, and how customers differ."""
        able = np.flatnonzero(self.counts >= self.config.least_ratings)
        order = able[np.lexsort((able, -self.item_bias[able]))]

        def told(chosen: Ids) -> dict[str, float]:
            return {product_ids[int(item)]: round(self.item_bias[item], 4) for item in chosen}

        rated = self.user_bias[np.abs(self.users).sum(axis=1) > 0]
        spread = np.quantile(rated, [0.1, 0.5, 0.9]) if len(rated) else np.zeros(3)
        return {
            "mean": round(self.mean, 4),
            "rated_highest": told(order[:MOST_NAMED]),
            "rated_lowest": told(order[::-1][:MOST_NAMED]),
            "customer_bias": dict(zip(("p10", "p50", "p90"), spread.round(4), strict=True)),
        }

    def predict(self, users: Ids, items: Ids) -> Floats:
        """The stars each of ``users`` ``(n,)`` would give to each of ``items`` ``(n,)``: ``(n,)``.

        Within the fewest and the most stars that anybody gave.
        """
        taste = np.einsum("nk,nk->n", self.users[users], self.items[items])
        found = self.mean + self.user_bias[users] + self.item_bias[items] + taste
        return np.asarray(np.clip(found, *self.scale))

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The ``k`` products of the most predicted stars of each customer."""
        able = self.counts >= self.config.least_ratings
        allowed = np.flatnonzero(able) if among is None else among[able[among]]
        step = max(1, BLOCK_CELLS // max(1, len(self.items)))
        found = []
        with one_thread():
            for start in range(0, max(1, len(users)), step):
                block = users[start : start + step]
                left_out = stored_in_either(
                    None if seen is None else seen[start : start + step], self.refused[block]
                )
                scores = self.users[block] @ self.items.T
                scores += self.mean + self.user_bias[block, None] + self.item_bias
                found.append(top_k(scores, k, seen=left_out, among=allowed))
        return Ranked(
            np.concatenate([part.items for part in found]),
            np.concatenate([part.scores for part in found]),
        )

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame:
        """The predicted stars, and how many gave it how many, with a sentence."""
        there = ranked.is_there
        users, items = np.repeat(rows, there.sum(axis=1)), ranked.items[there]
        return pl.DataFrame(
            {
                "predicted": self.predict(users, items).round(2),
                "ratings": self.counts[items],
                "mean_rating": self.item_means[items].round(2),
            }
        ).with_columns(
            sentence=pl.format(
                "{} gave it {} stars on average; {} expected of this customer",
                "ratings",
                "mean_rating",
                "predicted",
            )
        )

    def params(self) -> Mapping[str, Any]:
        """The mean, the five products of the largest and smallest bias, customers' biases."""
        return self.named

    def dump(self) -> Mapping[str, bytes]:
        """Biases, factors and counts as npy, the rest as JSON."""
        facts = {"mean": self.mean, "scale": self.scale, "named": self.named}
        return {
            **arrays.to_files(
                user_bias=self.user_bias,
                item_bias=self.item_bias,
                users=self.users,
                items=self.items,
                item_means=self.item_means,
                counts=self.counts,
                refused=self.refused,
            ),
            "facts.json": json.dumps(facts).encode(),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: BiasedSvdConfig) -> Self:
        """The model again."""
        made, facts = cls(config), json.loads(files["facts.json"])
        made.mean, made.scale, made.named = facts["mean"], tuple(facts["scale"]), facts["named"]
        for name in ("user_bias", "item_bias", "users", "items", "item_means", "counts"):
            setattr(made, name, arrays.array(files, name))
        made.refused = arrays.matrix(files, "refused")
        return made


RECOMMENDER = BiasedSvd
