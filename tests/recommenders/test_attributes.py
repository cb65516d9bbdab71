"""Products of equal attributes, and the search for near ones, on their own."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ecorse.features.items import ItemAttributes
from ecorse.recommenders import attributes
from ecorse.recommenders.attributes import attribute_cosine, nearest_by_attributes


@pytest.fixture
def given() -> ItemAttributes:
    """60 products with few different attributes, so that many are equal."""
    rng = np.random.default_rng(2)
    labels = rng.integers(-1, 2, (60, 2)).astype(np.int32)
    profiles = rng.integers(0, 2, (60, 2)) / 2
    weights = np.array([0.5, 0.2])
    squared = (labels >= 0) @ weights + (profiles * profiles).sum(axis=1)
    scale = np.divide(1, np.sqrt(squared), out=np.zeros(60), where=squared > 0)
    return ItemAttributes(labels, weights, profiles, scale)


def lists(given: ItemAttributes) -> list[set[int]]:
    near = nearest_by_attributes(given, 3)
    rows, cols = near.pairs(0, 60)
    return [set(cols[rows == item].tolist()) for item in range(60)]


def test_candidates_hold_the_nearest_with_ties_by_number(given):
    everyone = np.arange(60)
    for item, found in enumerate(lists(given)):
        cosines = attribute_cosine(given, np.full(60, item), everyone)
        near = sorted((o for o in range(60) if o != item and cosines[o] > 0),
                      key=lambda other, c=cosines: (-c[other], other))  # fmt: skip
        assert set(near[:3]) <= found


def test_products_are_told_apart_even_where_their_sums_clash(given, monkeypatch):
    expected = lists(given)
    # a factor of 0 gives every row the same sum
    clashing = SimpleNamespace(integers=lambda below: -0.5)
    monkeypatch.setattr(attributes.np.random, "default_rng", lambda seed: clashing)
    assert lists(given) == expected


def test_cosine_is_the_same_both_ways_and_1_for_equal_products(given):
    rows, cols = (part.ravel() for part in np.meshgrid(np.arange(60), np.arange(60)))
    one, other = attribute_cosine(given, rows, cols), attribute_cosine(given, cols, rows)
    np.testing.assert_array_equal(one, other)
    known = given.scale > 0
    np.testing.assert_array_equal(one.reshape(60, 60).diagonal(), known.astype(float))
