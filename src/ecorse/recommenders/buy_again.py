"""What a customer bought before, and may need again: own purchases, decayed, and when each is due.

What belongs here: this recommender. What does not: products that the customer never had.

Sources: Anderson et al., The dynamics of repeat consumption, WWW 2014,
https://doi.org/10.1145/2566486.2568018 (recency decides); Bhagat et al., Buy It Again: Modeling
Repeat Purchase Recommendations, KDD 2018, https://doi.org/10.1145/3219819.3219891 (the interval
between purchases of a product).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Answer, Recommender, Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import Csr, Ids, Ranked, top_k_sparse
from ecorse.recommenders import arrays


class BuyAgainConfig(Table):
    """``half_life_days``: after so many days a purchase counts half.

    ``least_repeats``: a product has an interval of its own from so many repurchases on.
    ``least_due``: a product is named from so many of its intervals after the last purchase on, so
    that what was bought yesterday is not; 0: at once. Without an interval it is named at once too.
    """

    half_life_days: float = Field(180, gt=0)
    least_repeats: int = Field(3, ge=1)
    least_due: float = Field(0, ge=0)


class BuyAgain(Recommender):
    """Scores ``sum of 0.5^(age / half-life)`` over the days on which the customer bought it.

    ``least_due`` keeps back what was bought too lately for the product's median interval.
    """

    config_class = BuyAgainConfig
    config: BuyAgainConfig
    answers: ClassVar = frozenset({"users"})
    names_only_own: ClassVar = True

    scores: Csr  # (n_users, n_items)
    days_ago: Csr  # (n_users, n_items) days since the last purchase, plus one
    interval: npt.NDArray[np.float64]  # (n_items,) median days between purchases; nan: too few
    times: Csr  # (n_users, n_items) on how many days

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of three sparse matrices."""
        return 36 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Add up each customer's purchase days of each product."""
        days = (
            data.wanted.lazy()
            .drop_nulls("user")
            .filter(pl.col("kind").cast(pl.String) == "purchase")
            .select("user", "item", day=pl.col("at").dt.date())
            .unique()
            .sort("user", "item", "day")
            .with_columns(gap=pl.col("day").diff().dt.total_days().over("user", "item"))
            .collect()
        )
        last = pl.lit(data.rows["at"].max(), pl.Datetime("us"))
        age = last.dt.date() - pl.col("day")
        bought = (
            days.lazy()
            .with_columns(age=age.dt.total_days())
            .group_by("user", "item", maintain_order=True)
            .agg(
                score=(0.5 ** (pl.col("age") / self.config.half_life_days)).sum(),
                days_ago=pl.col("age").min() + 1,
                times=pl.len(),
            )
            .collect()
        )
        shape = (data.users.height, data.items.height)
        place = bought["user"].to_numpy(), bought["item"].to_numpy()
        self.scores, self.days_ago, self.times = (
            sparse.csr_matrix((bought[name].to_numpy().astype(np.float64), place), shape=shape)
            for name in ("score", "days_ago", "times")
        )
        gaps = (
            days.drop_nulls("gap")
            .group_by("item")
            .agg(pl.col("gap").median(), repeats=pl.len())
            .filter(pl.col("repeats") >= self.config.least_repeats)
        )
        self.interval = np.full(shape[1], np.nan)
        self.interval[gaps["item"].to_numpy()] = gaps["gap"].to_numpy()
        return self

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The products that each customer is likeliest to buy again."""
        own = sparse.csr_matrix(self.scores[users], copy=True)
        if self.config.least_due:
            age = self.days_ago[users].data - 1  # stored where scores are
            first = self.config.least_due * np.nan_to_num(self.interval[own.indices], nan=0.0)
            own.data[age < first] = 0.0
            own.eliminate_zeros()
        if among is not None:
            is_allowed = np.zeros(own.shape[1])
            is_allowed[among] = 1.0
            own = sparse.csr_matrix(own @ sparse.diags(is_allowed))
            own.eliminate_zeros()
        return top_k_sparse(own, k, seen=seen)

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame:
        """On how many days, how long ago, and the product's usual interval, with a sentence."""
        there = ranked.is_there
        users = np.repeat(rows, there.sum(axis=1))
        items = ranked.items[there]
        figures = pl.DataFrame(
            {
                "times": _at(self.times, users, items),
                "days_ago": _at(self.days_ago, users, items) - 1,
                "usual_days": self.interval[items],
            }
        ).with_columns(pl.col("usual_days").fill_nan(None))
        often = (
            pl.when(pl.col("times") == 1)
            .then(pl.lit("Bought once"))
            .otherwise(pl.format("Bought on {} days", "times"))
        )
        usual = (
            pl.when(pl.col("usual_days").is_null())
            .then(pl.lit(""))
            .otherwise(
                pl.format(
                    "; others buy it again after {} days",
                    pl.col("usual_days").round(0).cast(pl.Int64),
                )
            )
        )
        ago = (
            pl.when(pl.col("days_ago") == 0)
            .then(pl.lit(", last on the data's last day"))
            .when(pl.col("days_ago") == 1)
            .then(pl.lit(", last 1 day ago"))
            .otherwise(pl.format(", last {} days ago", "days_ago"))
        )
        return figures.with_columns(sentence=pl.concat_str(often, ago, usual))

    def dump(self) -> Mapping[str, bytes]:
        """Scores, ages, counts and intervals as npy."""
        return arrays.to_files(
            scores=self.scores, days_ago=self.days_ago, times=self.times, interval=self.interval
        )

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: BuyAgainConfig) -> Self:
        """The model again."""
        made = cls(config)
        for name in ("scores", "days_ago", "times"):
            setattr(made, name, arrays.matrix(files, name))
        made.interval = arrays.array(files, "interval")
        return made


def _at(matrix: Csr, rows: Ids, columns: Ids) -> Ids:
    """``(n,)`` what the matrix has there; scipy gives a matrix where nothing is asked for."""
    if not rows.size:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(matrix[rows, columns]).ravel().astype(np.int64)


RECOMMENDER = BuyAgain
