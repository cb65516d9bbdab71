"""The gates: agreement, Jaccard and PSI by hand, and every branch of both rules."""

from __future__ import annotations

import numpy as np
import pytest

from ecorse.evaluate.gate import (
    cluster_jaccard,
    judge_figure,
    judge_labels,
    label_agreement,
    population_stability,
)
from ecorse.models.recommender_file import RecommenderGate
from ecorse.models.segmentation_file import SegmentationGate

LIMITS = SegmentationGate(
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
    decision = judge_labels(LIMITS, **CALM, **SAME_K)
    assert decision.outcome == "promoted"
    assert "ARI 1.000" in decision.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ari": 0.8999}, "ARI 0.900 is below 0.9"),
        ({"jaccard": {1: 0.95, 2: 0.74}}, "segment 2 fell apart: Jaccard 0.740"),
        ({"drifted": ["the inputs drifted", "shares jumped"]}, "drifted; shares jumped."),
        (
            {"reselection": "of rows", "moved": 0.26},
            "because of rows, and 26% of those who were there before would change their segment; "
            "allowed 25%",
        ),
    ],
)
def test_each_broken_rule_holds_and_is_named(change, words):
    decision = judge_labels(LIMITS, **(CALM | SAME_K | change))
    assert decision.outcome == "held"
    assert words in decision.reason


@pytest.mark.parametrize(
    "edge",
    [{"ari": 0.9}, {"jaccard": {1: 0.75}}, {"moved": 0.25, "reselection": "of rows"}],
)
def test_a_figure_on_the_limit_passes(edge):
    assert judge_labels(LIMITS, **(CALM | SAME_K | edge)).outcome == "promoted"


def test_a_due_reselection_may_change_k_but_not_swallow_drift():
    moved = {"ari": 0.2, "jaccard": {1: 0.1}, "champion_k": 4, "candidate_k": 8}
    due = judge_labels(LIMITS, **(CALM | moved), reselection="there are twice the rows")
    assert due.outcome == "promoted"
    assert "there are twice the rows" in due.reason
    drifted = judge_labels(LIMITS, **(CALM | moved), drifted=["prices"], reselection="twice")
    assert drifted.outcome == "held"


def test_moves_that_the_declaration_asks_for_are_not_held():
    change = CALM | SAME_K | {"moved": 0.9, "reselection": "the declared features changed"}
    assert judge_labels(LIMITS, **change).outcome == "held"
    assert judge_labels(LIMITS, **change, is_declared=True).outcome == "promoted"


def test_a_segment_more_without_moves_is_promoted_and_told():
    decision = judge_labels(LIMITS, **CALM, champion_k=2, candidate_k=3)
    assert decision.outcome == "promoted"
    assert "3 segments after 2" in decision.reason


def test_numbers_of_the_decision_are_kept():
    numbers = judge_labels(LIMITS, **CALM, **SAME_K).numbers
    assert (numbers["ari"], numbers["min_jaccard"], numbers["psi"]) == (1.0, 1.0, {"price": 0.01})


# ------------------------------------------------------------------- the gate of recommenders

RULE = RecommenderGate(max_drop=0.1, min_cases=500)


def figure(value, cases=10_000):
    """A share of ``cases``; its standard error is sqrt(p (1 - p) / n)."""
    error = (value * (1 - value) / cases) ** 0.5 if cases else 0.0
    return {"value": value, "cases": cases, "standard_error": error}


def judge(now, before, broken=(), baselines=None, is_accepted=False):
    return judge_figure(
        RULE,
        figure=now,
        champion=before,
        baselines=baselines or {},
        broken=list(broken),
        is_accepted=is_accepted,
    )


def test_an_accepted_fall_is_promoted_but_no_broken_rule_is():
    fall = (figure(0.1), figure(0.3))
    assert judge(*fall).outcome == "held"
    assert judge(*fall, is_accepted=True).outcome == "promoted"
    assert judge(*fall, broken=["no list"], is_accepted=True).outcome == "held"


def test_a_first_table_is_promoted_with_its_figure_and_the_best_sellers_beside_it():
    decision = judge(figure(0.25), None, baselines={"popular": 0.4})
    assert decision.outcome == "promoted"
    assert decision.reason == (
        "Promoted: first table of this shop. 0.250 on 10,000 cases, popular 0.400."
    )
    assert decision.numbers["baselines"] == {"popular": 0.4}


@pytest.mark.parametrize(
    ("now", "outcome"), [(0.6, "promoted"), (0.45, "promoted"), (0.4499, "held")]
)
def test_a_figure_may_fall_by_the_declared_share_and_not_further(now, outcome):
    # of 0.5 a tenth is 0.05; three standard errors are 3 * sqrt(2 * 0.25 / 10000) = 0.021
    decision = judge(figure(now), figure(0.5))
    assert decision.outcome == outcome
    assert decision.numbers["lowest_allowed"] == pytest.approx(0.45)


def test_with_few_cases_it_may_fall_by_three_standard_errors():
    # sqrt((0.5 * 0.5 + 0.45 * 0.55) / 500) = 0.031544, thrice: 0.0946, more than a tenth of 0.5
    decision = judge(figure(0.45, 500), figure(0.5, 500))
    assert decision.numbers["lowest_allowed"] == pytest.approx(0.5 - 0.094631, abs=1e-6)
    assert judge(figure(0.41, 500), figure(0.5, 500)).outcome == "promoted"
    assert judge(figure(0.40, 500), figure(0.5, 500)).outcome == "held"


def test_a_fall_is_told_with_its_numbers():
    assert judge(figure(0.2), figure(0.5)).reason == (
        "Held, the published table stays: fell too far, 0.200 on 10,000 cases; "
        "champion 0.500, lowest allowed 0.450."
    )


@pytest.mark.parametrize(("now", "before"), [(499, 10_000), (10_000, 499), (0, 0)])
def test_too_few_cases_on_either_side_are_no_ground_to_hold(now, before):
    decision = judge(figure(0.1, now), figure(0.9, before))
    assert decision.outcome == "promoted"
    assert "too few cases to judge by" in decision.reason


def test_broken_rules_hold_whatever_the_figure_and_without_a_champion_they_refuse():
    rules = ["a list has gaps", "a score is above 1"]
    held = judge(figure(0.9), figure(0.5), rules)
    assert held.outcome == "held"
    assert "a list has gaps; a score is above 1" in held.reason
    assert judge(figure(0.9), None, rules).outcome == "refused"
