"""The gate: agreement, Jaccard, PSI and drift by hand, and every branch of the rule."""

from __future__ import annotations

import numpy as np
import pytest

from ecorse.evaluate.drift import drift, histogram, quantile_edges, reference_histograms
from ecorse.evaluate.gate import (
    GateLimits,
    cluster_jaccard,
    decide,
    label_agreement,
    population_stability,
)
from ecorse.features.orders import Block, Feature

LIMITS = GateLimits(
    min_ari=0.9, min_jaccard=0.75, max_psi=0.25, least_added=100, least_reference=10
)
CALM = {"psi": {"price": 0.01}, "ari": 1.0, "jaccard": {1: 1.0, 2: 1.0}}
SAME_K = {"champion_k": 2, "candidate_k": 2}


def test_agreement_ignores_how_clusters_are_called():
    assert label_agreement([0, 0, 1, 1, 2], [2, 2, 0, 0, 1]) == 1.0


def test_jaccard_by_hand():
    # cluster 1 is rows 0-3 and meets rows 0-2: 3 of 4; cluster 2 is rows 4-5 and meets 3-5: 2 of 3
    assert cluster_jaccard([1, 1, 1, 1, 2, 2], [7, 7, 7, 8, 8, 8]) == {1: 3 / 4, 2: 2 / 3}


def test_psi_by_hand():
    # 0.25 * ln(0.75 / 0.5) - 0.25 * ln(0.25 / 0.5) = 0.25 * (0.405465 + 0.693147)
    assert population_stability([10, 10], [75, 25]) == pytest.approx(0.274653, abs=1e-6)


def test_psi_of_equal_shares_is_zero():
    assert population_stability([1, 2, 3], [10, 20, 30]) == pytest.approx(0.0, abs=1e-15)


def test_psi_of_an_empty_bin_is_finite():
    # shares 1 and 0 against 0.5 and 0.5, the empty one floored at 0.0001:
    # 0.5 * ln(1 / 0.5) + (0.0001 - 0.5) * ln(0.0001 / 0.5)
    expected = 0.5 * np.log(2) + (0.0001 - 0.5) * np.log(0.0002)
    assert population_stability([5, 5], [9, 0]) == pytest.approx(expected)


def test_psi_needs_rows():
    with pytest.raises(ValueError, match="both histograms"):
        population_stability([0, 0], [1, 1])


def test_a_calm_night_is_promoted():
    decision = decide(LIMITS, **CALM, **SAME_K)
    assert decision.outcome == "promoted"
    assert "ARI 1.000" in decision.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ari": 0.8999}, "ARI 0.900 is below 0.9"),
        ({"jaccard": {1: 0.95, 2: 0.74}}, "segment 2 fell apart: Jaccard 0.740"),
        ({"psi": {"price": 0.26, "hour": 0.1}}, "PSI of price 0.26; allowed 0.25"),
        ({"champion_k": 4, "candidate_k": 8}, "k would change from 4 to 8"),
    ],
)
def test_each_broken_rule_holds_and_is_named(change, words):
    decision = decide(LIMITS, **(CALM | SAME_K | change))
    assert decision.outcome == "held"
    assert words in decision.reason


@pytest.mark.parametrize("edge", [{"ari": 0.9}, {"jaccard": {1: 0.75}}, {"psi": {"price": 0.25}}])
def test_a_figure_on_the_limit_passes(edge):
    assert decide(LIMITS, **(CALM | SAME_K | edge)).outcome == "promoted"


def test_a_due_reselection_may_change_k_but_not_swallow_drift():
    moved = {"ari": 0.2, "jaccard": {1: 0.1}, "champion_k": 4, "candidate_k": 8}
    due = decide(LIMITS, **(CALM | moved), reselection="there are twice the rows")
    assert due.outcome == "promoted"
    assert "there are twice the rows" in due.reason
    drifted = decide(LIMITS, **(CALM | moved | {"psi": {"price": 9.0}}), reselection="twice")
    assert drifted.outcome == "held"


def test_numbers_of_the_decision_are_kept():
    numbers = decide(LIMITS, **CALM, **SAME_K).numbers
    assert (numbers["ari"], numbers["min_jaccard"], numbers["psi"]) == (1.0, 1.0, {"price": 0.01})


def number_block(values):
    values = np.asarray(values, dtype=float)[:, None]
    return Block(Feature("price", "log_mean", "p", 1.0), ("price_log",), values)


def test_edges_lie_between_values():
    assert quantile_edges(np.array([1.0, 1.0, 2.0, 4.0])) == [1.5, 3.0]
    assert quantile_edges(np.array([3.0, 3.0])) == []


def test_histogram_of_a_number():
    assert histogram(number_block([1, 2, 2, 9]), [1.5, 3.0]) == [1, 2, 1]


def test_histogram_of_a_cycle_puts_noon_into_the_hour_of_noon():
    angle = 2 * np.pi * np.array([0, 12, 12.99, 23.5]) / 24
    block = Block(
        Feature("hour", "cycle", "t", 1.0, part="hour"),
        ("hour_sin", "hour_cos"),
        np.column_stack([np.sin(angle), np.cos(angle)]),
    )
    counts = histogram(block, [])
    assert (len(counts), counts[0], counts[12], counts[23]) == (24, 1, 2, 1)


def test_histogram_of_shares_counts_what_has_no_column():
    block = Block(
        Feature("city", "share", "c", 1.0),
        ("city=a", "city=b"),
        np.array([[1.0, 0], [0, 0], [0, 1]]),
    )
    assert histogram(block, []) == [1, 1, 1]


def test_one_bad_file_hides_in_the_whole_but_not_among_the_added_rows():
    good = np.tile(np.arange(1.0, 11.0), 200)  # ten equally full bins of 200 rows
    references = reference_histograms([number_block(good)])
    night = number_block(np.concatenate([good, np.full(160, 1000.0)]))
    psi = drift(references, [night], LIMITS)
    # bins of 200 and one of 360, of 2160 rows: 9 * (0.0926 - 0.1) ln(0.926) + 0.0667 ln(1.667)
    assert psi["price"] == pytest.approx(0.0392, abs=1e-4)
    assert psi["price of added rows"] > 5


def test_few_added_rows_and_tiny_references_are_not_judged():
    good = np.tile(np.arange(1.0, 11.0), 200)
    references = reference_histograms([number_block(good)])
    night = number_block(np.concatenate([good, np.full(99, 1000.0)]))
    assert list(drift(references, [night], LIMITS)) == ["price"]
    tiny = reference_histograms([number_block([1.0, 2.0])])
    assert drift(tiny, [night], LIMITS) == {}


def test_a_feature_that_always_moves_is_not_watched():
    feature = Feature("month", "log_mean", "p", 1.0, watch_drift=False)
    assert reference_histograms([Block(feature, ("m",), np.ones((3, 1)))]) == {}
