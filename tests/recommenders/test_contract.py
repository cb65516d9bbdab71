"""Every recommender passes the contract of its kind; so does the example of the how-to.

A plug-in of the room is found and tested by itself; here stand those that need parameters, and
those that have more than one way to work.
"""

import runpy
from importlib.util import find_spec

import polars as pl
import pytest

from ecorse import registry
from ecorse.recommenders.association_rules import AssociationRules
from ecorse.recommenders.item_knn import ItemKnn
from ecorse.recommenders.lightgcn import LightGcn
from ecorse.recommenders.popular import Popular
from ecorse.settings import PROJECT_DIR
from ecorse.testing import RecommenderContract

EXAMPLE = runpy.run_path(str(PROJECT_DIR / "docs" / "examples" / "best_sellers.py"))
SMALL = {
    "als": {"rank": 8},
    "bpr": {"rank": 8, "rounds": 5},
    "graph_filter": {"rank": 8},
    "biased_svd": {"kind": "purchase", "rank": 8, "rounds": 5},
    "hybrid": {
        "parts": {
            "own": {"class": "buy_again"},
            "late": {"class": "popular", "parameters": {"half_life_days": 30}},
            "filter": {"class": "graph_filter", "parameters": {"rank": 8}},
            "pairs": {"class": "bpr", "parameters": {"rank": 8, "rounds": 5}},
        },
        "candidates": 20,
    },
}

for name in registry.find("recommender"):
    if name == "lightgcn":  # an extra, below
        continue
    attributes = {"model": registry.load("recommender", name), "parameters": SMALL.get(name, {})}
    title = "Test" + name.title().replace("_", "")
    globals()[title] = type(title, (RecommenderContract,), attributes)


class TestPopularOfLate(RecommenderContract):
    model = Popular
    parameters = {"half_life_days": 30}


class TestPopularOfTheLastWeeks(RecommenderContract):
    model = Popular
    parameters = {"days": 60}


class TestItemKnnByCosine(RecommenderContract):
    model = ItemKnn
    parameters = {"similarity": "cosine", "shrink": 5}


class TestAssociationRulesByConfidence(RecommenderContract):
    model = AssociationRules
    parameters = {"rank_by": "confidence", "min_co_purchases": 1, "min_lift": 0}


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is an extra")
class TestLightGcn(RecommenderContract):
    model = LightGcn
    parameters = {"rank": 8, "rounds": 3, "batch": 256}


class TestBestSellersOfTheHowTo(RecommenderContract):
    model = EXAMPLE["RECOMMENDER"]


class ReadsColumnsOfItsOwn(EXAMPLE["RECOMMENDER"]):  # type: ignore[misc]
    """It needs columns that the small shop lacks, in every shop that it is fitted on."""

    def fit(self, data, task, champion=None):
        assert data.users["country"].n_unique() == 2
        assert "margin" in data.items.columns
        assert "channel" in data.rows.columns
        return super().fit(data, task, champion)


class TestColumnsOfItsOwn(RecommenderContract):
    model = ReadsColumnsOfItsOwn

    @classmethod
    def lines(cls):
        return super().lines().with_columns(channel=pl.lit("web"))

    @classmethod
    def products(cls):
        return super().products().with_columns(margin=pl.lit(0.1))

    @classmethod
    def customers(cls):
        late = pl.col("customer_id") > "C30"
        return super().customers().with_columns(country=pl.when(late).then(pl.lit("FR")))
