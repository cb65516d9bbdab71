"""Sums over blocks, dense and sparse, beside the same by numpy on all columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from ecorse.features.blocks import Block, moments, stack
from ecorse.models.segmentation_file import Feature

NUMBER = Feature(name="a", kind="log_sum", column="a", weight=1.0)
SHARE = Feature(name="s", kind="share", column="s", weight=1.0)


@pytest.fixture(scope="module")
def blocks():
    rng = np.random.default_rng(3)
    shares = [sparse.random(900, d, density=0.3, format="csr", random_state=rng) for d in (4, 3)]
    return [
        Block(NUMBER, ("a", "b"), rng.normal(100, 2, (900, 2))),
        Block(SHARE, tuple("cdef"), shares[0]),
        Block(NUMBER, ("g",), rng.normal(-3, 1, (900, 1))),
        Block(SHARE, tuple("hij"), shares[1]),
    ]


def test_means_and_products_are_those_of_all_columns(blocks):
    found, columns = moments(blocks), stack(blocks)
    assert columns.shape == (900, 10)
    np.testing.assert_allclose(found.means, columns.mean(axis=0))
    np.testing.assert_allclose(found.products, np.cov(columns.T, bias=True) * 900, atol=1e-8)


def test_a_column_without_spread_has_no_products():
    constant = Block(NUMBER, ("a",), np.full((50, 1), 5.3))
    one_hot = Block(SHARE, ("x",), sparse.csr_matrix(np.ones((50, 1))))
    np.testing.assert_allclose(moments([constant, one_hot]).products, np.zeros((2, 2)), atol=1e-12)


def test_sums_by_group_add_up_to_the_sums(blocks):
    groups = np.arange(900) % 3
    for block in blocks:
        found = block.sums_by(groups, 4)
        expected = [block.values[groups == number].sum(axis=0) for number in range(4)]
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(found.sum(axis=0), block.sums)


def test_turns_go_round_once():
    angle = 2 * np.pi * np.array([0, 6, 12, 18]) / 24
    hour = Feature(name="h", kind="cycle", column="t", weight=1.0, part="hour")
    block = Block(hour, ("sin", "cos"), np.column_stack([np.sin(angle), np.cos(angle)]))
    np.testing.assert_allclose(block.turns, [0, 0.25, 0.5, 0.75], atol=1e-12)
