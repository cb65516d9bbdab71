"""Every recommender passes the contract of its kind; so does the example of the how-to."""

import runpy

from ecorse.recommenders.als import Als
from ecorse.recommenders.bpr import Bpr
from ecorse.recommenders.buy_again import BuyAgain
from ecorse.recommenders.co_purchase import CoPurchase
from ecorse.recommenders.content import Content
from ecorse.recommenders.ease import Ease
from ecorse.recommenders.graph_filter import GraphFilter
from ecorse.recommenders.hybrid import Hybrid
from ecorse.recommenders.item_knn import ItemKnn
from ecorse.recommenders.item_similarity import ItemSimilarity
from ecorse.recommenders.popular import Popular
from ecorse.settings import PROJECT_DIR
from ecorse.testing import RecommenderContract

EXAMPLE = runpy.run_path(str(PROJECT_DIR / "docs" / "examples" / "best_sellers.py"))


class TestPopular(RecommenderContract):
    model = Popular


class TestPopularOfLate(RecommenderContract):
    model = Popular
    parameters = {"half_life_days": 30}


class TestCoPurchase(RecommenderContract):
    model = CoPurchase


class TestItemSimilarity(RecommenderContract):
    model = ItemSimilarity


class TestGraphFilter(RecommenderContract):
    model = GraphFilter
    parameters = {"rank": 8}


class TestEase(RecommenderContract):
    model = Ease


class TestAls(RecommenderContract):
    model = Als
    parameters = {"rank": 8}


class TestBpr(RecommenderContract):
    model = Bpr
    parameters = {"rank": 8, "rounds": 5}


class TestItemKnn(RecommenderContract):
    model = ItemKnn


class TestItemKnnByCosine(RecommenderContract):
    model = ItemKnn
    parameters = {"similarity": "cosine", "shrink": 5}


class TestContent(RecommenderContract):
    model = Content


class TestBuyAgain(RecommenderContract):
    model = BuyAgain


class TestHybrid(RecommenderContract):
    model = Hybrid
    parameters = {
        "parts": {
            "own": {"class": "buy_again"},
            "late": {"class": "popular", "parameters": {"half_life_days": 30}},
            "filter": {"class": "graph_filter", "parameters": {"rank": 8}},
            "pairs": {"class": "bpr", "parameters": {"rank": 8, "rounds": 5}},
        },
        "candidates": 20,
    }


class TestBestSellersOfTheHowTo(RecommenderContract):
    model = EXAMPLE["RECOMMENDER"]
