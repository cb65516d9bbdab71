"""The rule of promotion: every branch, and the planted better, worse and equal challenger."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ecorse.errors import DataError
from ecorse.evaluate.cases import Cases
from ecorse.evaluate.promotion import Method, judge_challenger
from ecorse.evaluate.quality import Quality
from ecorse.models.promotion import PromotionLimits

LIMITS = PromotionLimits(
    min_cases=100,
    max_slice_drop=0.02,
    min_full=1.0,
    min_coverage_of_champion=0.5,
    max_best_seller_rise=0.2,
)
GOOD = {"coverage": 0.4, "best_seller_share": 0.3, "full_share": 1.0}
RANDOM = np.random.default_rng(8)
BASE = RANDOM.random(400) * 0.6 + 0.2
NOISE = RANDOM.permutation(np.repeat([-0.05, 0.05], 200))  # mean 0


def method(values=BASE, name="new", kind="for_you", history=None, quality=GOOD, **more) -> Method:
    values = np.asarray(values, dtype=float)
    n = len(values)
    history = np.full(n, 3) if history is None else history
    origin = np.zeros(n, dtype=np.int64)
    cases = Cases(kind, 10, np.arange(n), origin, history, {"ndcg_at_10": values})
    return Method(name, cases, Quality(10, n, quality), **more)


CHAMPION = method(name="old")


def judge(challenger, champion=CHAMPION, **limits):
    return judge_challenger(LIMITS.model_copy(update=limits), champion, challenger, seed=1)


def test_a_better_challenger_is_promoted_with_its_figures():
    decision = judge(method(BASE + 0.02 + NOISE))
    assert decision.outcome == "promoted"
    mean = BASE.mean()
    assert decision.reason.startswith(
        f"Promoted: new has ndcg_at_10 {mean + 0.02:.4f} on 400 cases, old {mean:.4f}; "
        "difference +0.0200 [+0.01"
    )
    assert decision.numbers["difference"]["value"] == pytest.approx(0.02)
    json.dumps(decision.numbers, allow_nan=False)


def test_a_worse_challenger_is_held():
    decision = judge(method(BASE - 0.01 + NOISE))
    assert decision.outcome == "held"
    assert decision.reason.startswith("Held, the lists of old stay: worse, new has")


@pytest.mark.parametrize("change", [0.0, NOISE, 0.001 + NOISE], ids=["same", "noise", "a bit"])
def test_a_tie_keeps_the_champion(change):
    decision = judge(method(BASE + change))
    assert decision.outcome == "held"
    assert "no better" in decision.reason


def test_the_first_lists_are_promoted_whatever_they_reach():
    decision = judge(method(BASE * 0), None)
    assert (decision.outcome, decision.numbers["champion"]) == ("promoted", None)
    assert decision.reason == (
        "Promoted: first lists of this kind. new has ndcg_at_10 0.0000 on 400 cases."
    )


def test_without_a_champion_a_broken_rule_refuses():
    decision = judge(method(broken=["a list has gaps"]), None)
    assert decision.outcome == "refused"
    assert decision.reason.endswith("a list has gaps.")


def test_a_broken_champion_is_replaced_by_a_worse_challenger_and_told():
    broken = method(name="old", broken=["a list has gaps"])
    decision = judge(method(BASE - 0.2), broken)
    assert decision.outcome == "promoted"
    assert "the lists of old are broken (a list has gaps)" in decision.reason
    # but not by one that is broken itself
    assert judge(method(broken=["a score is infinite"]), broken).outcome == "held"


BETTER = BASE + 0.05


@pytest.mark.parametrize(
    ("challenger", "limits", "words"),
    [
        ({"broken": ["a list has gaps"]}, {}, "; a list has gaps."),
        ({"quality": GOOD | {"full_share": 0.9875}}, {}, "98.8% of its lists are full, 100%"),
        ({"quality": GOOD | {"coverage": 0.19}}, {}, "19.0% of the catalogue, at least 20.0%"),
        ({"quality": GOOD | {"best_seller_share": 0.51}}, {}, "51.0% of its lists are best"),
        ({"fit_seconds": 61.0}, {"max_fit_seconds": 60.0}, "took 61 seconds, 60 are allowed"),
        ({"peak_mb": 2000.0}, {"max_peak_mb": 1024.0}, "took 2,000 MB, 1024 are allowed"),
        ({}, {"max_peak_mb": 1024.0}, "nobody measured the MB"),
    ],
)
def test_a_better_challenger_that_breaks_a_limit_is_held(challenger, limits, words):
    assert judge(method(BETTER)).outcome == "promoted"
    decision = judge(method(BETTER, **challenger), **limits)
    assert decision.outcome == "held"
    assert words in decision.reason


def test_a_figure_on_its_limit_passes():
    edge = GOOD | {"coverage": 0.2, "best_seller_share": 0.5}
    decision = judge(
        method(BETTER, quality=edge, fit_seconds=60.0, peak_mb=1024.0),
        max_fit_seconds=60.0,
        max_peak_mb=1024.0,
    )
    assert decision.outcome == "promoted"


def test_only_what_is_due_is_named_so_such_lists_need_not_be_full():
    short = GOOD | {"full_share": 0.1}
    again = {"kind": "buy_again", "quality": short}
    champion = method(name="old", **again)
    assert judge(method(BETTER, **again), champion).outcome == "promoted"


# of 400 customers 120 have one product, 280 three
HISTORY = np.repeat([1, 3], [120, 280])


def with_history(change, name="new"):
    return method(BASE + change, name=name, history=HISTORY)


def test_a_slice_that_falls_for_certain_holds_the_whole():
    change = np.repeat([-0.03, 0.05], [120, 280])
    decision = judge(with_history(change), with_history(0, "old"))
    assert decision.outcome == "held"
    assert "history 1 fell by more than 0.02: -0.0300 [-0.0300, -0.0300] on 120" in decision.reason
    assert list(decision.numbers["fallen_slices"]) == ["history 1"]
    assert decision.numbers["difference"]["low"] > 0


@pytest.mark.parametrize(
    ("change", "limits"),
    [
        (np.repeat([-0.019, 0.05], [120, 280]), {}),  # within what a slice may fall
        (np.repeat([-0.03, 0.05], [120, 280]), {"min_cases": 121}),  # too few to say so
        # a fall of 0.03 that may be chance: 12 customers lose 0.3
        (np.repeat([-0.3, 0.0, 0.05], [12, 108, 280]), {}),
    ],
)
def test_a_slice_that_falls_less_or_by_chance_does_not(change, limits):
    decision = judge(with_history(change), with_history(0, "old"), **limits)
    assert decision.outcome == "promoted"


def in_segments(change, name="new", labels=("Loyal", "Lost")):
    """Of 400 customers the first half is of the first segment."""
    one = method(BASE + change, name=name)
    segments = {"rfm": np.repeat(labels, 200)}
    return replace(one, cases=replace(one.cases, segments=segments))


def test_a_segment_for_which_it_is_worse_beyond_chance_holds_the_whole():
    # by less than a slice by history may fall
    decision = judge(in_segments(np.repeat([-0.01, 0.2], 200)), in_segments(0, "old"))
    assert (decision.outcome, list(decision.numbers["fallen_slices"])) == ("held", ["rfm: Loyal"])
    assert "rfm: Loyal fell for certain: -0.0100 [-0.0100, -0.0100] on 200" in decision.reason


@pytest.mark.parametrize(
    ("change", "limits"),
    [
        (np.repeat([-0.01, 0.2], 200), {"max_segment_drop": 0.02}),
        (np.repeat([-0.01, 0.2], 200), {"min_cases": 201}),
        (np.repeat([0.0, 0.2], 200), {}),
        (np.concatenate([NOISE[:200] - NOISE[:200].mean() - 0.001, np.full(200, 0.2)]), {}),
    ],
    ids=["allowed", "too few", "equal", "chance"],
)
def test_a_segment_that_falls_less_or_by_chance_does_not(change, limits):
    assert judge(in_segments(change), in_segments(0, "old"), **limits).outcome == "promoted"


def test_who_is_in_no_known_segment_is_no_segment():
    unknown = {"labels": ("", "Lost")}
    worse = in_segments(np.repeat([-0.01, 0.2], 200), **unknown)
    assert judge(worse, in_segments(0, "old", **unknown)).outcome == "promoted"


def test_on_few_customers_the_champion_stays():
    few = BASE[:99]
    decision = judge(method(few + 0.3), method(few, name="old"))
    assert decision.outcome == "held"
    assert "99 customers are too few to compare on, 100 are needed" in decision.reason
    nobody = judge(method([]), method([], name="old"))
    assert nobody.outcome == "held"
    assert "unknown on 0 cases" in nobody.reason


def test_two_methods_of_other_cases_are_not_compared():
    with pytest.raises(DataError, match="the same"):
        judge(method(BASE[:300]))
