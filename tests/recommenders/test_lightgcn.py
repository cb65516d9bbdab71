"""LightGCN: its layers in dense numpy, what it learns, and what is said where torch is missing."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from ecorse.errors import ModelRejected
from ecorse.models.base import Task
from ecorse.recommenders.hybrid import Hybrid, HybridConfig
from ecorse.recommenders.lightgcn import LightGcn, LightGcnConfig, _graph
from ecorse.testing.shop import tiny_interactions

TASK = Task("recommend_tested", "main", seed=2)
SHOP = tiny_interactions()
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is an extra")


def test_without_torch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    model = LightGcn(LightGcnConfig())
    with pytest.raises(ModelRejected, match=r"pip install 'ecorse\[torch\]'"):
        model.fit(SHOP, TASK)
    parts = {"far": {"class": "lightgcn"}, "popular": {"class": "popular"}}
    blend = Hybrid(HybridConfig.model_validate({"parts": parts}))
    assert model.lacks() == blend.lacks() == (
        "The recommender lightgcn needs torch, which is not installed: pip install 'ecorse[torch]'."
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", sys)
    assert model.lacks() == ""


@needs_torch
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_factors_are_the_mean_of_the_layers(layers):
    import torch

    held = (SHOP.matrix.toarray() > 0).astype(float)
    n_users, n_items = held.shape
    graph = np.zeros((n_users + n_items,) * 2)
    graph[:n_users, n_users:] = held
    graph += graph.T
    root = np.sqrt(np.maximum(graph.sum(axis=0), 1))
    graph = graph / np.outer(root, root)
    first = np.random.default_rng(1).standard_normal((n_users + n_items, 4))
    layer, total = first, first.copy()
    for _ in range(layers):
        layer = graph @ layer
        total += layer
    model = LightGcn(LightGcnConfig(rank=4, layers=layers))
    given = torch.from_numpy(first.astype(np.float32))
    found = model._averaged(torch, given, _graph(torch, SHOP.matrix)).numpy()
    np.testing.assert_allclose(found, total / (layers + 1), atol=1e-5)


@needs_torch
def test_what_a_customer_has_comes_before_what_the_customer_has_not():
    model = LightGcn(LightGcnConfig(rank=8, rounds=60, batch=256)).fit(SHOP, TASK)
    held = SHOP.matrix.toarray() > 0
    scores = model.users @ model.items.T
    better = [
        (scores[user][held[user]][:, None] > scores[user][~held[user]]).mean()
        for user in np.flatnonzero(held.any(axis=1))
    ]
    assert np.mean(better) > 0.9
