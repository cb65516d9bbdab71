"""Which method is served: what was served stays until another is better beyond chance.

Figures are worked out by hand; a method's customers have the given nDCG in every window.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

MORNING = date(2019, 3, 1)


@pytest.fixture
def served(marts):
    """``served(gains, was_served=..., lists_of=...)``: the row of the shop's ``for_you``.

    ``gains``: by method, in order of declared priority, each customer's nDCG.
    """

    def make(
        gains: Mapping[str, Sequence[float]],
        was_served: str = "",
        lists_of: Sequence[str] | None = None,
        windows: int = 1,
        begins: Mapping[str, date] | None = None,
    ) -> dict[str, Any]:
        of_list = {"shop_id": "a", "list": "for_you"}
        for priority, (method, values) in enumerate(gains.items()):
            if method in (gains if lists_of is None else lists_of):
                listed = {"customer_id": "c", "product_id": "p", "rank": 1}
                marts.insert(
                    "marts.user_recommendations", [{**of_list, "method": method, **listed}]
                )
            figure = {
                "task": "recommend", "metric": "ndcg", "is_primary": True, "is_baseline": False,
                "priority": priority, "was_served": method == was_served,
                "value": sum(values) / len(values) if values else None,
            }  # fmt: skip
            marts.insert("marts.model_scores", [{**of_list, "method": method, **figure}])
            first = (begins or {}).get(method, MORNING)
            cases = [
                {
                    **of_list, "method": method, "origin": origin, "customer_id": f"c{number}",
                    "window_start_date": first - timedelta(days=28 * origin), "ndcg": value,
                }
                for origin in range(windows)
                for number, value in enumerate(values)
            ]  # fmt: skip
            marts.insert("marts.recommendation_cases", cases)
        (row,) = marts.run("served_model")
        return row

    return make


def test_the_first_night_begins_with_what_is_declared_first_and_a_tie_keeps_it(served):
    row = served({"x": [0.5] * 40, "y": [0.5] * 40})
    assert (row["method"], row["replaced_method"], row["methods"]) == ("x", None, 2)
    assert (row["difference"], row["difference_low"], row["difference_high"]) == (0, 0, 0)
    assert row["reason"] == (
        "declared first, and y is not better beyond chance on the same 40 cases"
    )


def test_a_tie_keeps_what_was_served_whatever_its_priority(served):
    row = served({"x": [0.5] * 40, "y": [0.5] * 40}, was_served="y")
    assert (row["method"], row["replaced_method"]) == ("y", None)
    assert row["reason"].startswith("served before, and x is not better beyond chance")


def test_what_is_better_beyond_chance_takes_the_place(served):
    # by 0.05 and 0.15 in turn: a mean of 0.1, a standard error of 0.05 / sqrt(39)
    row = served({"x": [0.5] * 40, "y": [0.55, 0.65] * 20})
    assert (row["method"], row["replaced_method"]) == ("y", "x")
    reach = 1.96 * 0.05 / math.sqrt(39)
    found = [row[name] for name in ("difference", "difference_low", "difference_high")]
    assert found == pytest.approx([0.1, 0.1 - reach, 0.1 + reach], abs=1e-8)
    assert row["reason"] == "better than x on the same 40 cases"
    assert row["value"] == pytest.approx(0.6)


def test_what_is_worse_beyond_chance_does_not_and_the_difference_is_the_served_methods(served):
    row = served({"x": [0.5] * 40, "y": [0.55, 0.65] * 20}, was_served="y")
    assert (row["method"], row["replaced_method"]) == ("y", None)
    assert row["difference"] == pytest.approx(0.1)
    assert row["difference_low"] > 0


@pytest.mark.parametrize(("customers", "method"), [(29, "x"), (30, "y")])
def test_fewer_than_thirty_customers_prove_nothing(served, customers, method):
    assert served({"x": [0.1] * customers, "y": [0.9] * customers})["method"] == method


@pytest.mark.parametrize("windows", [1, 3])
def test_a_customer_in_three_windows_is_one_fact(served, windows):
    # 18 of 30 gain 0.2, 12 lose 0.15: mean 0.06, standard error sqrt(0.0294 / 29) = 0.0318 of
    # customers; of 90 cases taken alone it would be 0.0182, and y would be served
    row = served({"x": [0.5] * 30, "y": [0.7] * 18 + [0.35] * 12}, windows=windows)
    assert row["method"] == "x"
    reach = 1.96 * math.sqrt(0.0294 / 29)
    assert row["difference_low"] == pytest.approx(-0.06 - reach, abs=1e-8)
    assert row["difference_high"] == pytest.approx(-0.06 + reach, abs=1e-8)


def test_of_several_that_are_better_the_one_with_the_largest_difference(served):
    gains = {"x": [0.1] * 40, "y": [0.2] * 40, "z": [0.3] * 40}
    assert served(gains)["method"] == "z"


def test_a_larger_difference_that_may_be_chance_gives_way_to_a_sure_one(served):
    wild = [0.0] * 30 + [1.0] * 10  # 0.15 above, +- 0.14: sure; with one less it is not
    gains = {"x": [0.1] * 40, "y": [0.15] * 40, "z": [0.0] * 31 + [1.0] * 9}
    assert sum(wild) / 40 - 0.1 == pytest.approx(0.15)
    assert served(gains)["method"] == "y"


def test_a_method_that_has_no_lists_any_more_neither_stays_nor_takes_the_place(served):
    gains = {"x": [0.5] * 40, "y": [0.5] * 40, "z": [0.9] * 40}
    row = served(gains, was_served="z", lists_of=("x", "y"))
    assert (row["method"], row["methods"], row["replaced_method"]) == ("x", 2, None)


def test_other_windows_are_not_compared(served):
    row = served(
        {"x": [0.1] * 40, "y": [0.9] * 40}, was_served="x", begins={"y": MORNING + timedelta(1)}
    )
    assert (row["method"], row["difference"]) == ("x", None)
    assert row["reason"] == "served before; nothing to compare on"


def test_without_cases_the_figures_of_a_first_night_replace_nothing(served):
    row = served({"x": [], "y": []})
    assert (row["method"], row["reason"]) == (
        "x", "nothing to judge by; the first by declared priority",
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_of_two_that_are_equally_better_the_first_by_name_whatever_the_order_of_sums(marts, seed):
    """.3 + .2 + .1 and .1 + .2 + .3 differ in the last digit of a double."""
    of_list = {"shop_id": "a", "list": "for_you"}
    one = [0.1, 0.7, 0.2, 0.3, 0.9, 0.6, 0.35]
    gains = {"first": [0.0] * 7, "one": one, "two": random.Random(seed).sample(one, 7)}
    for priority, (method, values) in enumerate(gains.items()):
        listed = {"customer_id": "c", "product_id": "p", "rank": 1}
        marts.insert("marts.user_recommendations", [{**of_list, "method": method, **listed}])
        figure = {
            "task": "recommend", "metric": "ndcg", "is_primary": True, "is_baseline": False,
            "priority": priority, "was_served": method == "first", "value": sum(values) / 7,
        }  # fmt: skip
        marts.insert("marts.model_scores", [{**of_list, "method": method, **figure}])
        cases = [
            {
                **of_list, "method": method, "origin": origin, "customer_id": f"c{number}",
                "window_start_date": MORNING - timedelta(days=28 * origin), "ndcg": value,
            }
            for number in range(40)
            for origin, value in enumerate(values)
        ]  # fmt: skip
        marts.insert("marts.recommendation_cases", cases)
    (row,) = marts.run("served_model")
    assert row["replaced_method"] == "first"
    assert row["method"] == "one"
