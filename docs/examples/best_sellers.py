"""A whole recommender: the best sellers of the last months, for everyone alike."""

import numpy as np
import polars as pl
from pydantic import Field

from ecorse.declared import Table
from ecorse.models.base import Recommender
from ecorse.models.ranked import stored_in_either, top_k
from ecorse.recommenders import arrays


class Config(Table):
    half_life_days: float = Field(90, gt=0)


class BestSellers(Recommender):
    config_class = Config
    answers = frozenset({"users"})

    def fit(self, data, task, champion=None):
        age = data.wanted.select(pl.col("at").max() - pl.col("at")).to_series()
        weights = 0.5 ** (age.dt.total_days().to_numpy() / self.config.half_life_days)
        items = data.wanted["item"].to_numpy()
        self.scores = np.bincount(items, weights, minlength=data.items.height)
        self.refused = data.refused
        return self

    def recommend(self, users, k, *, seen=None, among=None):
        seen = stored_in_either(seen, self.refused[users])
        return top_k(np.tile(self.scores, (len(users), 1)), k, seen=seen, among=among)

    def explain(self, rows, ranked, answer="users"):
        words = pl.lit("One of the best sellers of these months")
        return pl.select(sentence=words.repeat_by(int(ranked.is_there.sum())).explode())

    def dump(self):
        return arrays.to_files(scores=self.scores, refused=self.refused)

    @classmethod
    def load(cls, files, config):
        made = cls(config)
        made.scores = arrays.array(files, "scores")
        made.refused = arrays.matrix(files, "refused")
        return made


RECOMMENDER = BestSellers
