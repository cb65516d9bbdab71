"""Nights of a customer file whose attributes come, go and change: there is a night all the same."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ecorse.models.base import Champion
from ecorse.training.run import run_model

N = 300


def people(n: int = N) -> dict[str, list[str | None]]:
    """Families and singles, half each; ``n`` customers by attribute."""
    rng = np.random.default_rng(5)
    family = np.arange(n) % 2 == 0
    return {
        "kids": [str(k) for k in np.where(family, rng.integers(2, 6, n), rng.integers(0, 2, n))],
        "income": [str(i) for i in np.where(family, 900, 500) + rng.integers(0, 99, n)],
        "home": ["house" if one else "flat" for one in family],
    }


def rows(attributes: dict[str, list[str | None]]) -> pl.DataFrame:
    found = [
        ("main", f"c{number:04}", name, value)
        for name, values in attributes.items()
        for number, value in enumerate(values)
        if value is not None
    ]
    names = ["shop_id", "customer_id", "attribute", "value_text"]
    return pl.DataFrame(found, schema=names, orient="row")


@pytest.fixture(scope="module", params=["kmeans", "hierarchical"])
def run(declare, request):
    """One night of the shipped segmentation of attributes, by k-means and by a tree."""
    changes = {}
    if request.param != "kmeans":
        shown = declare("segment_customers_hierarchical").file.model
        changes = {"model": shown.model_dump(by_alias=True), "parameters": {}}

    def night(attributes, champion=None):
        declaration = declare("segment_attributes", **changes)
        return run_model(declaration, "main", {"lines": rows(attributes)}, champion)

    return night


@pytest.fixture(scope="module")
def first(run):
    return run(people())


def published(result) -> Champion:
    return Champion(1, result.artifact, result.metrics)


def kinds(result) -> dict[str, str]:
    told = result.frame("segmentation_features").filter("is_used")
    return dict(told.select("feature", "kind").iter_rows())


@pytest.mark.parametrize("gone", ["kids", "home"])
def test_an_attribute_that_the_file_no_longer_gives_is_no_failure(run, first, gone):
    tonight = people()
    del tonight[gone]
    result = run(tonight, published(first))
    assert f"{gone} is gone" in result.decision.reason
    assert result.frame("profile_segments").height == N


@pytest.mark.parametrize("value", ["n/a", "?", "unknown", "6 or more"])
def test_a_number_with_one_text_in_it_stays_a_number(run, first, value):
    tonight = people()
    tonight["kids"][0] = value
    result = run(tonight, published(first))
    assert kinds(result) == kinds(first)
    assert result.frame("segmentation_features").filter(feature="kids")["known_share"][0] < 1
    assert "features changed" not in result.decision.reason


def test_a_number_that_became_words_is_told_truly(run, first):
    tonight = people()
    tonight["kids"] = ["some" if int(k) > 1 else "few" for k in tonight["kids"]]
    result = run(tonight, published(first))
    assert "kids was a mean and is a share" in result.decision.reason
    assert result.frame("profile_segments").height == N


def test_words_that_became_numbers_are_told_truly(run):
    """A share of two numbers tonight, and a hundred different numbers the night after."""
    tonight = people()
    tonight["visits"] = [str(n % 2) for n in range(N)]
    later = people() | {"visits": [str(n % 97 - 3) for n in range(N)]}
    result = run(later, published(run(tonight)))
    assert "visits was a share and is a mean" in result.decision.reason


def test_one_extreme_value_makes_no_other_feature_space(run, first):
    tonight = people()
    tonight["kids"][0] = "500"
    result = run(tonight, published(first))
    assert kinds(run(tonight))["kids"] == "log_mean"
    assert kinds(result)["kids"] == "mean"
    assert "features changed" not in result.decision.reason


def test_a_new_attribute_is_named(run, first):
    tonight = people()
    tonight["pets"] = [str(n % 3) for n in range(N)]
    assert "pets is new" in run(tonight, published(first)).decision.reason
