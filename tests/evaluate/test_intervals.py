"""Intervals: exact where they can be worked out, seeded, and true as often as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecorse.errors import DataError
from ecorse.evaluate.cases import Cases
from ecorse.evaluate.intervals import Mean, means, paired


def cases(values, users=None, origin=None, **more) -> Cases:
    values = np.asarray(values, dtype=float)
    n = len(values)
    return Cases(
        "for_you",
        10,
        np.arange(n) if users is None else np.asarray(users),
        np.zeros(n, dtype=np.int64) if origin is None else np.asarray(origin),
        np.zeros(n, dtype=np.int64),
        {"ndcg_at_10": values, **more},
    )


def mean_of(values, users=None, seed=1) -> Mean:
    values = np.asarray(values, dtype=float)
    users = np.arange(len(values)) if users is None else np.asarray(users)
    return means(users, np.zeros(len(values), np.int64), values[:, None], seed)[0]


def test_mean_and_counts_by_hand():
    found = mean_of([1, 0, 0.5, np.nan], users=[4, 4, 2, 9])
    assert (found.value, found.cases, found.customers) == (0.5, 3, 2)


def test_equal_values_have_an_interval_without_width():
    assert mean_of([0.25] * 30) == Mean(0.25, 0.25, 0.25, 30, 30)


def test_one_customer_has_no_interval_and_nobody_no_value():
    assert mean_of([0.5, 0.7], users=[3, 3]) == Mean(0.6, None, None, 2, 1)
    assert mean_of([]) == Mean(None, None, None, 0, 0)
    assert mean_of([np.nan]) == Mean(None, None, None, 0, 0)
    assert not mean_of([0.5]).is_above(0)


def test_an_interval_of_many_is_that_of_the_normal_law():
    # a mean of 4,000 zeros and ones: 0.3 +- 1.96 * sqrt(0.21 / 4000) = 0.3 +- 0.0142
    found = mean_of([1.0] * 1200 + [0.0] * 2800)
    assert found.low == pytest.approx(0.3 - 0.0142, abs=0.0012)
    assert found.high == pytest.approx(0.3 + 0.0142, abs=0.0012)


def test_customers_are_drawn_and_not_their_cases():
    """Ten equal cases of each customer tell no more than one."""
    values = np.repeat([1.0] * 12 + [0.0] * 28, 10)
    one = mean_of(values[::10])
    ten = mean_of(values, users=np.repeat(np.arange(40), 10))
    assert (ten.low, ten.high) == (one.low, one.high)
    apart = mean_of(values)
    assert apart.high - apart.low < 0.5 * (one.high - one.low)


def test_customers_with_more_cases_weigh_more_in_the_mean_and_in_its_interval():
    # one of three cases at 1, four of one at 0: the mean is 3 / 7; drawn are 0 to 1
    found = mean_of([1, 1, 1, 0, 0, 0, 0], users=[0, 0, 0, 1, 2, 3, 4])
    assert found.value == pytest.approx(3 / 7)
    assert 0 <= found.low < 3 / 7 < found.high <= 1


def test_the_interval_is_that_of_a_bootstrap_by_loop():
    """The quick way by counts of groups beside drawing customers one by one."""
    random = np.random.default_rng(5)
    values = random.choice([0.0, 0.0, 0.0, 0.5, 1.0], 300)
    drawn = [random.choice(values, len(values)).mean() for _ in range(4000)]
    found = mean_of(values)
    assert found.low == pytest.approx(np.percentile(drawn, 2.5), abs=0.006)
    assert found.high == pytest.approx(np.percentile(drawn, 97.5), abs=0.006)


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(11)
    held = 0
    for seed in range(300):
        found = mean_of((random.random(150) < 0.3) * random.random(150), seed=seed)
        held += found.low <= 0.15 <= found.high
    assert 0.91 <= held / 300 <= 0.98


def test_the_seed_decides_and_the_order_does_not():
    random = np.random.default_rng(3)
    # three cases each: the sum of three numbers depends on their order
    values, users, origin = random.random((300, 2)), np.arange(300) // 3, np.arange(300) % 3
    first = means(users, origin, values, 7)
    order = random.permutation(300)
    assert means(users[order], origin[order], values[order], 7) == first
    assert means(users, origin, values, 8) != first


def test_blocks_of_resamples_are_one_draw(monkeypatch):
    values = np.random.default_rng(3).random(50)
    whole = mean_of(values)
    monkeypatch.setattr("ecorse.evaluate.intervals.BLOCK_COUNTS", 500)
    found = mean_of(values)
    assert (found.low, found.high) == pytest.approx((whole.low, whole.high))


# ------------------------------------------------------------------- paired


def test_a_paired_difference_by_hand():
    found = paired(cases([0.5, 1.0, 0.2]), cases([0.25, 0.75, 0.2 - 0.25]), 1)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))
    assert found.is_above(0)
    assert not found.is_above(0.25 + 1e-9)


def test_pairs_see_what_two_intervals_cannot():
    """Every customer gains a little; customers differ by far more."""
    values = np.random.default_rng(2).random(200)
    better = paired(cases(values + 0.01), cases(values), 1)
    assert better.is_above(0)
    assert paired(cases(values), cases(values + 0.01), 1).is_below(0)
    apart = mean_of(values + 0.01)
    assert apart.low < values.mean() < apart.high


def test_a_tie_has_zero_in_it():
    random = np.random.default_rng(4)
    values, noise = random.random(300), np.repeat([-0.1, 0.1], 150)
    same = paired(cases(values), cases(values), 1)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    tie = paired(cases(values + noise), cases(values), 1)
    assert not tie.is_above(0)
    assert not tie.is_below(0)


def test_cases_are_matched_whatever_their_order():
    a = cases([1, 2, 3, 4], users=[0, 1, 0, 1], origin=[0, 0, 1, 1])
    b = cases([4, 3, 2, 1], users=[1, 0, 1, 0], origin=[1, 1, 0, 0])
    assert paired(a, b, 1) == Mean(0, 0, 0, 4, 2)
    # rows are those of the first: customer 0 alone
    assert paired(a, b, 1, rows=np.array([True, False, True, False])).customers == 1


@pytest.mark.parametrize(
    "other",
    [
        cases([1, 2]),
        cases([1, 2, 3], users=[0, 1, 7]),
        cases([1, 2, 3], origin=[0, 0, 1]),
        replace(cases([1, 2, 3]), kind="explore"),
        replace(cases([1, 2, 3]), k=5),
    ],
)
def test_other_cases_are_not_compared(other):
    with pytest.raises(DataError, match="the same"):
        paired(cases([1, 2, 3]), other, 1)


def test_a_case_that_counts_twice_is_refused():
    twice = cases([1, 2], users=[5, 5])
    with pytest.raises(DataError, match="two cases"):
        paired(twice, twice, 1)


def test_other_metrics_can_be_compared():
    a, b = cases([0, 0], more=np.array([1.0, 0.5])), cases([0, 0], more=np.array([0.5, 0.0]))
    assert paired(a, b, 1, "more").value == 0.5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 5))
def test_swapping_the_two_turns_the_interval_round(values, seed):
    a, b = cases(values), cases(values[::-1])
    there, back = paired(a, b, seed), paired(b, a, seed)
    assert there.value == pytest.approx(-back.value, abs=1e-12)
    assert there.low <= there.value + 1e-12
    assert there.value <= there.high + 1e-12
