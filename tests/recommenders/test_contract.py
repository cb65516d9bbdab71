"""Every recommender passes the contract of its kind; so does the example of the how-to."""

import runpy

from ecorse.recommenders.co_purchase import CoPurchase
from ecorse.recommenders.item_similarity import ItemSimilarity
from ecorse.recommenders.popular import Popular
from ecorse.settings import PROJECT_DIR
from ecorse.testing import RecommenderContract

EXAMPLE = runpy.run_path(str(PROJECT_DIR / "docs" / "examples" / "best_sellers.py"))


class TestPopular(RecommenderContract):
    model = Popular


class TestCoPurchase(RecommenderContract):
    model = CoPurchase


class TestItemSimilarity(RecommenderContract):
    model = ItemSimilarity


class TestBestSellersOfTheHowTo(RecommenderContract):
    model = EXAMPLE["RECOMMENDER"]
