"""What a score rests on: contributions of a customer's own products, by the formulas in dense."""

import numpy as np
import pytest
from scipy import sparse

from ecorse import declared
from ecorse.models.base import Task
from ecorse.recommenders.als import Als
from ecorse.recommenders.bpr import Bpr
from ecorse.recommenders.content import Content
from ecorse.recommenders.ease import Ease
from ecorse.recommenders.graph_filter import GraphFilter
from ecorse.recommenders.history import HistoryRecommender
from ecorse.recommenders.item_knn import ItemKnn
from ecorse.testing.shop import PRODUCTS, tiny_interactions

TASK = Task("recommend_tested", "main", seed=3)
SHOP = tiny_interactions()
MODELS = [
    (Ease, {"penalty": 7, "half_life_days": 60, "power": 1}),
    (ItemKnn, {"neighbours": 12}),
    (ItemKnn, {"similarity": "cosine", "shrink": 5, "power": 0.5}),
    (GraphFilter, {"rank": 8}),
    (GraphFilter, {"rank": 30, "filter_power": 1, "rest": 0, "half_life_days": 100, "power": 0.5}),
    (Als, {"rank": 5, "penalty": 2, "confidence": 3, "half_life_days": 60, "power": 1}),
    (Content, {"power": 0.5}),
]


def fitted(model: type[HistoryRecommender], parameters: dict[str, object]) -> HistoryRecommender:
    return model(declared.check(parameters, model.config_class, "parameters")).fit(SHOP, TASK)


@pytest.mark.parametrize(("model", "parameters"), MODELS)
def test_contributions_add_up_to_the_score(model, parameters) -> None:
    made = fitted(model, parameters)
    users = np.repeat(np.arange(made.histories.shape[0]), PRODUCTS)
    items = np.tile(np.arange(PRODUCTS), made.histories.shape[0])
    found = made.because(made.histories, items, users, PRODUCTS)
    assert found is not None
    scores = made.score(made.histories)[users, items].astype(float)
    scale = np.maximum(np.abs(found.scores).sum(axis=1), 1e-9)
    np.testing.assert_allclose(found.scores.sum(axis=1) / scale, scores / scale, atol=1e-5)
    assert np.abs(scores).max() > 0
    # only what the customer has, by falling contribution
    for pair in range(0, len(users), 7):
        own = set(made.histories[users[pair]].indices)
        assert set(found.items[pair][found.is_there[pair]]) == own
        kept = found.scores[pair][: len(own)]
        assert (np.diff(kept) <= 0).all()


@pytest.mark.parametrize(("model", "parameters"), MODELS[:5])
def test_without_a_product_a_linear_score_is_less_by_its_contribution(model, parameters) -> None:
    made = fitted(model, parameters)
    row = made.histories[10]
    item = int(made._best(row, 1, seen=row).items[0, 0])
    top = made.because(row, np.array([item]), np.array([0]), 3)
    assert top is not None
    assert top.items.shape == (1, 3)
    for own, added in zip(top.items[0], top.scores[0], strict=True):
        less = row.tolil()
        less[0, own] = 0
        scores = [made.score(sparse.csr_matrix(h))[0, item] for h in (row, less)]
        assert scores[0] - scores[1] == pytest.approx(added, rel=1e-4, abs=1e-6)


def test_als_splits_a_score_as_hu_koren_and_volinsky_do() -> None:
    made = fitted(Als, {"rank": 5, "penalty": 2, "confidence": 3})
    y = made.items[:, :5].astype(float)
    own = made.histories[4].indices
    c = np.ones(PRODUCTS)
    c[own] += 3
    inverse = np.linalg.inv(y.T @ np.diag(c) @ y + 2 * np.eye(5))
    expected = {int(j): 4 * y[17] @ inverse @ y[j] for j in own}
    found = made.because(made.histories, np.array([17]), np.array([4]), PRODUCTS)
    told = dict(zip(found.items[0], found.scores[0], strict=True))
    told.pop(-1)
    assert told == pytest.approx(expected, rel=1e-5)


def test_a_score_that_is_no_sum_over_products_has_no_such_receipt() -> None:
    made = fitted(Bpr, {"rank": 4, "rounds": 2})
    assert made.because(made.histories, np.array([3]), np.array([0]), 3) is None


def test_the_order_of_questions_changes_no_answer() -> None:
    made = fitted(Als, {"rank": 5})
    random = np.random.default_rng(1)
    users, items = random.integers(0, 50, 300), random.integers(0, PRODUCTS, 300)
    found = made.because(made.histories, items, users, 4)
    order = np.lexsort((items, users))
    again = made.because(made.histories, items[order], users[order], 4)
    np.testing.assert_array_equal(found.items[order], again.items)
    np.testing.assert_allclose(found.scores[order], again.scores, rtol=1e-9)
