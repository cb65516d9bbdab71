"""Metrics of cases: by hand, as a published library makes them, by a slow loop, by their laws."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ecorse.evaluate.cases import Cases, Questions, joined, judge, questions, slices
from ecorse.evaluate.origins import origins
from ecorse.models.ranked import Ranked
from ecorse.models.recommender_file import LISTS as KINDS
from evaluate_shops import shop

PUBLISHED = json.loads((Path(__file__).parents[1] / "fixtures/ranking/published.json").read_text())
N_ITEMS = PUBLISHED["n_items"]


def matrix(rows, n_items=N_ITEMS):
    found = np.zeros((len(rows), n_items))
    for number, items in enumerate(rows):
        found[number, list(items)] = 1.0
    return sparse.csr_matrix(found)


def ranked(*lists, width=None) -> Ranked:
    width = width or max((len(each) for each in lists), default=0)
    items = np.full((len(lists), width), -1, dtype=np.int64)
    for number, each in enumerate(lists):
        items[number, : len(each)] = each
    return Ranked(items, np.where(items >= 0, 1.0, 0.0))


def asked(wanted, had=None, n_items=N_ITEMS, is_new=(), kind="for_you") -> Questions:
    new = np.zeros(n_items, dtype=bool)
    new[list(is_new)] = True
    had = matrix(had or [[] for _ in wanted], n_items)
    no = matrix([[] for _ in wanted], n_items)
    return Questions(0, kind, np.arange(len(wanted)), matrix(wanted, n_items), had, no, new)


# ------------------------------------------------------------------- by hand

# days 0 to 100 by one customer, so that the last ten days are the window
QUIET = [("zed", f"{number:03}", "f", number) for number in range(91)] + [("zed", "end", "f", 100)]
LINES = [
    ("ann", "a1", "a", 10),
    ("ann", "a2", "b", 20),
    ("ann", "a3", "a", 95),
    ("ann", "a3", "c", 95),
    ("bob", "b1", "e", 96),
    ("cat", "c1", "a", 30),
    (None, "n1", "d", 95),
]  # items are a 0 ... f 5; customers ann 0, bob 1, cat 2, zed 3


def window(*lines, **kwargs):
    return origins(shop(*QUIET, *lines, **kwargs), 10, 1)[0]


def as_lists(found):
    return [row.indices.tolist() for row in found]


@pytest.mark.parametrize(
    ("kind", "users", "wanted"),
    [
        ("for_you", [0, 1, 3], [[0, 2], [4], [5]]),
        ("explore", [0, 1], [[2], [4]]),  # ann had a; zed had f
        ("buy_again", [0, 3], [[0], [5]]),  # bob had nothing
    ],
)
def test_who_is_asked_and_what_is_right(kind, users, wanted):
    found = questions(window(*LINES), 7, kind)
    assert (found.origin, found.kind) == (7, kind)
    assert found.users.tolist() == users
    assert as_lists(found.wanted) == wanted
    assert found.history.tolist() == [{0: 2, 1: 0, 3: 1}[user] for user in users]
    # c, d and e were never sold before; b and f were
    assert np.flatnonzero(found.is_new).tolist() == [2, 3, 4]


def test_what_weighs_nothing_or_was_refused_is_not_wanted():
    # ann said no to a before and bought it after all; b counts for nothing; c she bought, then no
    weights = [1.0] * len(QUIET) + [-1.0, 1.0, 0.0, 1.0, -2.0]
    one = window(
        ("ann", "1", "a", 10),
        ("ann", "2", "a", 95),
        ("ann", "2", "b", 95),
        ("ann", "2", "c", 95),
        ("ann", "3", "c", 96),
        weights=weights,
    )
    for_you, explore = (questions(one, 0, kind) for kind in ("for_you", "explore"))
    assert as_lists(for_you.wanted) == [[0], [5]]
    assert as_lists(explore.wanted) == [[0]]
    # a is refused when the window begins: no list may name it
    assert as_lists(for_you.refused) == [[0], []]
    assert for_you.possible().tolist() == [5, 6]
    assert explore.possible().tolist() == [5]
    assert explore.possible(np.array([0, 1])).tolist() == [1]


def test_of_too_many_customers_some_are_asked_from_first_to_last():
    lines = [(f"c{number:03}", f"{number}", "a", 95) for number in range(100)]
    found = questions(window(*lines), 0, "for_you", max_cases=5)
    assert found.users.tolist() == [0, 25, 50, 75, 100]


def test_labels_of_segments_go_with_their_customers():
    labels = {"rfm": np.array(["x", "y", "x", "z"])}
    found = questions(window(*LINES), 0, "buy_again", segments=labels)
    assert found.segments["rfm"].tolist() == ["x", "z"]


def test_how_long_lists_can_be():
    one = window(*LINES)  # ann had 2 of 6, bob none, zed 1
    assert questions(one, 0, "for_you").possible().tolist() == [6, 6, 6]
    assert questions(one, 0, "explore").possible().tolist() == [4, 6]
    assert questions(one, 0, "buy_again").possible().tolist() == [2, 1]
    among = np.array([0, 3])  # of these ann had one
    assert questions(one, 0, "explore").possible(among).tolist() == [1, 2]
    assert questions(one, 0, "buy_again").possible(among).tolist() == [1, 0]


def test_every_metric_by_hand():
    # wanted 1, 2, 3; list 9, 1, 8, 2: hits at the second and the fourth place
    found = judge(asked([[1, 2, 3]]), ranked([9, 1, 8, 2, 3]), 4).gains
    log3, log5 = math.log2(3), math.log2(5)
    expected = {
        "ndcg_at_4": (1 / log3 + 1 / log5) / (1 + 1 / log3 + 1 / 2),
        "recall_at_4": 2 / 3,
        "precision_at_4": 2 / 4,
        "map_at_4": (1 / 2 + 2 / 4) / 3,
        "mrr_at_4": 1 / 2,
        "hit_rate_at_4": 1.0,
    }
    assert {name: found[name][0] for name in expected} == pytest.approx(expected)


def test_recall_and_average_precision_are_of_all_that_was_wanted_and_the_ideal_list_of_k():
    found = judge(asked([range(6)]), ranked([0, 1]), 2).gains
    assert found["ndcg_at_2"][0] == 1.0
    assert found["recall_at_2"][0] == found["map_at_2"][0] == pytest.approx(2 / 6)


def test_a_short_or_empty_list_is_judged_at_k():
    found = judge(asked([[1], [1]]), ranked([1], []), 5).gains
    assert found["precision_at_5"].tolist() == [1 / 5, 0]
    assert found["mrr_at_5"].tolist() == found["ndcg_at_5"].tolist() == [1, 0]
    assert judge(asked([[1]]), ranked([]), 5).gains["hit_rate_at_5"].tolist() == [0]


def test_the_recall_of_new_products_is_of_those_who_wanted_one():
    found = judge(asked([[1, 2], [1], [2, 3]], is_new=[2, 3]), ranked([2], [2], [3, 1, 2]), 3)
    assert found.gains["recall_of_new_at_3"][[0, 2]].tolist() == [1.0, 1.0]
    assert np.isnan(found.gains["recall_of_new_at_3"][1])


def test_serendipity_is_right_and_not_what_everybody_gets():
    usual = ranked([1, 5], [2, 7])
    found = judge(asked([[1, 2], [2, 3]]), ranked([1, 2], [9, 3]), 2, usual)
    assert found.gains["serendipity_at_2"].tolist() == [1 / 2, 1 / 2]


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        (([1], [1]), "expected 1 lists"),
        (([1, 2, 1],), "twice"),
        (([N_ITEMS],), "does not exist"),
        (([-2],), "does not exist"),
    ],
)
def test_lists_that_would_give_a_wrong_figure_are_refused(lists, words):
    with pytest.raises(ValueError, match=words):
        judge(asked([[1]]), ranked(*lists), 3)


def test_what_is_behind_k_does_not_count():
    found = judge(asked([[1]]), ranked([2, 2, 1][1:]), 1).gains
    assert all(found[name][0] == 0 for name in ("ndcg_at_1", "recall_at_1", "mrr_at_1"))


def test_nobody_asked_gives_no_case():
    found = judge(asked([]), Ranked(np.empty((0, 3), np.int64), np.empty((0, 3))), 3)
    assert len(found.users) == 0
    assert found.gains["ndcg_at_3"].shape == (0,)


# ------------------------------------------------------------------- a second way


def by_loop(wanted, named, k):
    """The textbook's definitions, one customer at a time."""
    wanted, named = set(wanted), list(named)[:k]
    hits = [item in wanted for item in named]
    dcg = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if hit)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(wanted))))
    precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank, hit in enumerate(hits) if hit]
    return {
        f"ndcg_at_{k}": dcg / ideal,
        f"recall_at_{k}": sum(hits) / len(wanted),
        f"precision_at_{k}": sum(hits) / k,
        f"map_at_{k}": sum(precisions) / len(wanted),
        f"mrr_at_{k}": next((1 / (rank + 1) for rank, hit in enumerate(hits) if hit), 0.0),
        f"hit_rate_at_{k}": float(any(hits)),
    }


@pytest.mark.parametrize("k", [1, 5, 10])
def test_definitions_equal_those_of_a_published_library(k):
    found = judge(asked(PUBLISHED["wanted"]), ranked(*PUBLISHED["lists"]), k).gains
    for name in ("ndcg", "recall", "precision", "map", "mrr", "hit_rate"):
        theirs = PUBLISHED["found"][f"{name}_at_{k}"]
        np.testing.assert_allclose(found[f"{name}_at_{k}"], theirs, atol=1e-9, rtol=0)


SETS = st.sets(st.integers(0, 11), min_size=1, max_size=12)
LISTS = st.lists(st.integers(0, 11), unique=True, max_size=9)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(SETS, LISTS), min_size=1, max_size=12), st.integers(1, 11))
def test_the_same_by_a_loop_over_customers(pairs, k):
    wanted, lists = zip(*pairs, strict=True)
    found = judge(asked(wanted, n_items=12), ranked(*lists), k).gains
    for number, (one, named) in enumerate(pairs):
        expected = by_loop(one, named, k)
        assert {name: found[name][number] for name in expected} == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(SETS, LISTS, st.integers(1, 11), st.integers(0, 9))
def test_a_miss_more_never_raises_a_metric(wanted, named, k, place):
    miss = 12  # nobody wants it
    longer = [*named[:place], miss, *named[place:]]
    one = asked([wanted], n_items=13)
    before, after = (judge(one, ranked(each), k).gains for each in (named, longer))
    for name in before:
        assert not after[name][0] > before[name][0] + 1e-12


def test_a_hit_earlier_is_never_worse():
    one = asked([[3]])
    found = [judge(one, ranked([*range(10, 10 + r), 3]), 5).gains["ndcg_at_5"][0] for r in range(6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 0


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(len(PUBLISHED["wanted"]))))
def test_the_order_of_customers_changes_nothing(order):
    straight = judge(asked(PUBLISHED["wanted"]), ranked(*PUBLISHED["lists"]), 5)
    mixed = judge(
        asked([PUBLISHED["wanted"][i] for i in order]),
        ranked(*[PUBLISHED["lists"][i] for i in order]),
        5,
    )
    for name, values in straight.gains.items():
        np.testing.assert_array_equal(values[list(order)], mixed.gains[name])


# ------------------------------------------------------------------- slices and joining


def test_slices_part_cases_by_history_and_by_segment():
    had = [range(size) for size in (0, 1, 2, 4, 5, 19, 20, 25)]
    one = replace(
        asked([[0]] * 8, had), segments={"rfm": np.array(["x", "y"] * 4), "k": np.arange(8) // 4}
    )
    found = slices(judge(one, ranked(*[[0]] * 8), 1))
    assert {name: np.flatnonzero(rows).tolist() for name, rows in found.items()} == {
        "all": list(range(8)),
        "history 0": [0],
        "history 1": [1],
        "history 2-4": [2, 3],
        "history 5-19": [4, 5],
        "history 20+": [6, 7],
        "rfm: x": [0, 2, 4, 6],
        "rfm: y": [1, 3, 5, 7],
        "k: 0": [0, 1, 2, 3],
        "k: 1": [4, 5, 6, 7],
    }


def test_cases_of_several_origins_are_joined_and_those_of_two_kinds_are_not():
    one = judge(asked([[1]]), ranked([1]), 2)
    other = replace(one, origin=np.array([1]))
    both = joined([one, other])
    assert (both.users.tolist(), both.origin.tolist()) == ([0, 0], [0, 1])
    assert both.gains["ndcg_at_2"].tolist() == [1, 1]
    for wrong in (replace(one, kind="explore"), replace(one, k=3), replace(one, gains={})):
        with pytest.raises(ValueError, match="one kind"):
            joined([one, wrong])
    with pytest.raises(ValueError, match="one kind"):
        joined([])


def test_kinds_of_lists_part_what_was_bought():
    """What is wanted for you is what is wanted of the other two, and nothing is wanted twice."""
    one = window(*LINES)
    total = {kind: questions(one, 0, kind).wanted.nnz for kind in KINDS}
    assert total["for_you"] == total["explore"] + total["buy_again"] == 4


def test_the_primary_metric_is_ndcg():
    assert isinstance(found := judge(asked([[1]]), ranked([1]), 7), Cases)
    assert found.primary in found.gains
