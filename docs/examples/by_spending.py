"""A whole segmentation by rule: who spends how much."""

import numpy as np
from pydantic import Field

from ecorse.declared import Table
from ecorse.models.base import Segmentation


class Config(Table):
    big_from: float = Field(gt=0, description="revenue from which a customer is a big spender")


class BySpending(Segmentation):
    config_class = Config

    def assign(self, space):
        return (space.total("revenue") >= self.config.big_from).astype(np.int64)

    def names(self):
        return {0: "Small spenders", 1: "Big spenders"}


SEGMENTATION = BySpending
