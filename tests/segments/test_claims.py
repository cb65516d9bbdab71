"""Claims, worked out by hand: thresholds, windows, values, and when there is none."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ecorse.features.orders import blocks_of, feature_space
from ecorse.models.segmentation_file import Feature, Naming
from ecorse.segments.claim_words import (
    about_share,
    figure_text,
    is_id,
    joined,
    number_words,
    of_ten,
)
from ecorse.segments.claims import Claims
from ecorse.segments.figures import plain_figures

NUMBER = {"name": "price", "kind": "log_mean", "column": "x", "weight": 1.0}


def claims_of(feature, values, groups, naming=None):
    """The claims of each group about one feature; ``values`` are lists of each entity's lines."""
    rows = [(f"{i:04}", value) for i, of in enumerate(values) for value in of]
    frame = pl.DataFrame(rows, schema=["id", feature.column], orient="row")
    space = feature_space(frame, [feature], "id")
    groups = np.asarray(groups)
    size = int(groups.max()) + 1
    found = Claims(space, blocks_of(space), groups, size, naming or Naming())
    return [found.of(number).get(feature.name) for number in range(size)]


def one_each(values):
    return [[value] for value in values]


def test_a_threshold_parts_best_and_is_the_plainest_that_does():
    # 1 to 9 against 70 to 90: every figure from above 9 to 70 parts them wholly; 10, 20 and 50 are
    # the plainest, and the middle one of them is taken
    low, high = claims_of(
        Feature(**NUMBER), one_each([1.0, 5.5, 9.0, 70.0, 80.0, 90.0]), [0, 0, 0, 1, 1, 1]
    )
    assert (low.low, low.high, low.inside_share, low.outside_share) == (None, 20, 1.0, 0.0)
    assert (high.low, high.high, high.phrase) == (20, None, "price of 20 or more")


def test_shares_are_of_members_and_of_all_others():
    # of the first five 4 are at most 4, of the ten others 1 is 3.5
    prices = [1.0, 2.0, 3.0, 4.0, 60.0, 3.5, *[60.0] * 9]
    low, high = claims_of(Feature(**NUMBER), one_each(prices), [0] * 5 + [1] * 10)
    assert (low.inside_share, low.outside_share) == (0.8, 0.1)
    assert (high.inside_share, high.outside_share) == (0.9, 0.2)


def test_what_is_in_the_middle_has_two_ends():
    prices = [1.0] * 10 + [40.0] * 10 + [900.0] * 10
    low, middle, high = claims_of(Feature(**NUMBER), one_each(prices), np.repeat([0, 1, 2], 10))
    # plain figures of the gaps: 2, 5, 10, 20 and 50, 100, 200, 500; of four the second
    assert (middle.low, middle.high) == (5, 100)
    assert middle.phrase == "price of 5 to 100"
    assert (low.high, high.low) == (5, 100)


@pytest.mark.parametrize("inside", [5, 6])
def test_a_claim_needs_six_of_ten(inside):
    prices = [1.0] * inside + [9.0] * (10 - inside) + [9.0] * 10
    (claim, _) = claims_of(Feature(**NUMBER), one_each(prices), np.repeat([0, 1], 10))
    assert (claim is not None) == (inside == 6)


@pytest.mark.parametrize("others", [4, 5])
def test_a_claim_is_untrue_of_six_of_ten_others(others):
    prices = [1.0] * 10 + [1.0] * others + [9.0] * (10 - others)
    (claim, _) = claims_of(Feature(**NUMBER), one_each(prices), np.repeat([0, 1], 10))
    assert (claim is not None) == (others == 4)


def test_whole_numbers_have_whole_thresholds_and_the_end_that_is_said_is_within():
    times = Feature(
        name="purchases", kind="log_mean", column="x", weight=1.0, unit="count",
        low="bought fewer than {} times", between="bought {} to {} times",
    )  # fmt: skip
    counts = [1.0] * 10 + [3.0, 4.0] * 5 + [20.0] * 10
    once, some, _ = claims_of(times, one_each(counts), np.repeat([0, 1, 2], 10))
    assert (once.high, once.phrase) == (2, "bought fewer than 2 times")
    assert (some.low, some.high, some.phrase) == (2, 10, "bought 2 to 9 times")


def test_one_figure_is_told_once():
    counts = {"name": "purchases", "kind": "mean", "column": "x", "weight": 1.0, "unit": "count"}
    words = [
        ("bought {} to {} times", "bought 2 times"),
        ("", "purchases of 2"),
        ("bought between {} and {} times", "bought 2 times"),
        ("from {} up to {} purchases", "2 purchases"),
    ]
    for between, told in words:
        assert number_words(Feature(**counts, between=between), 2, 3) == told
    assert number_words(Feature(**counts), 2, 4) == "purchases of 2 to 3"
    # other numbers than counts lie between two figures
    assert number_words(Feature(**(counts | {"unit": ""})), 2, 3) == "purchases of 2 to 3"


def test_none_of_a_count_is_told_as_none():
    kids = {"name": "kids", "kind": "mean", "column": "x", "weight": 1.0}
    assert number_words(Feature(**kids, unit="count"), None, 1) == "kids of 0"
    assert number_words(Feature(**kids, unit="count"), None, 2) == "kids below 2"
    assert number_words(Feature(**kids), None, 1) == "kids below 1"  # or 0.5
    own = Feature(**kids, unit="count", low="have fewer than {} kids")
    assert number_words(own, None, 1) == "have fewer than 1 kids"


def test_the_last_week_is_not_the_last_one_week():
    away = Feature(
        name="days", kind="mean", column="x", unit="days", weight=1.0,
        low="bought within the last {}", high="did not buy for {}",
    )  # fmt: skip
    assert [number_words(away, None, days) for days in (1, 7, 14, 30, 365)] == [
        "bought within the last day", "bought within the last week",
        "bought within the last two weeks", "bought within the last month",
        "bought within the last year",
    ]  # fmt: skip
    assert number_words(away, 7, None) == "did not buy for one week"


def test_days_are_told_in_weeks_months_and_years():
    away = Feature(
        name="days", kind="log_mean", column="x", plus=1.0, unit="days", weight=1.0,
        low="bought within the last {}", high="did not buy for {}",
    )  # fmt: skip
    days = [0.0, 5.0, 20.0, 310.0, 320.0, 350.0]
    recent, gone = claims_of(away, one_each(days), [0, 0, 0, 1, 1, 1])
    assert recent.phrase == "bought within the last five months"
    assert (gone.low, gone.phrase) == (150, "did not buy for five months")
    assert [figure_text(n, "days") for n in (1, 7, 60, 300, 365, 730)] == [
        "one day", "one week", "two months", "ten months", "one year", "two years"
    ]  # fmt: skip


def test_nobody_without_a_number_has_the_claim():
    prices = [1.0, 1.0, 1.0, None, 9.0, 9.0, 9.0, 9.0]
    low, _ = claims_of(Feature(**NUMBER), one_each(prices), [0] * 4 + [1] * 4)
    assert (low.inside_share, low.outside_share) == (0.75, 0.0)


def test_a_value_is_half_or_more_of_what_an_entity_has():
    kind = Feature(name="kind", kind="share", column="x", weight=1.0, words="buy mostly {}")
    lines = [["tv", "pen"], ["tv"], ["tv", "tv", "pen"], ["pen"], ["pen", "tv", "pen"], ["pen"]]
    first, second = claims_of(kind, lines, [0, 0, 0, 1, 1, 1])
    assert (first.value, first.low, first.phrase) == ("tv", 0.5, "buy mostly tv")
    assert (first.inside_share, first.outside_share) == (1.0, 0.0)
    # the first of the others has half a pen, too
    assert (second.value, second.inside_share) == ("pen", 1.0)
    assert second.outside_share == pytest.approx(1 / 3)


def at(day, hour):
    return datetime(2019, 1, 7) + timedelta(days=day, hours=hour)  # a Monday


def test_most_lines_of_an_entity_are_in_a_window():
    hour = Feature(name="hour", kind="cycle", column="x", part="hour", weight=1.0, words="order {}")
    evening = [at(0, 19), at(1, 22), at(2, 9)]  # two of three
    half = [at(0, 19), at(0, 9)]  # half is not most
    morning = [at(0, 8), at(3, 10)]
    lines = [evening, evening, evening, half, morning, morning, morning, morning]
    first, second = claims_of(hour, lines, [0] * 4 + [1] * 4)
    assert (first.phrase, first.low, first.high) == ("order in the evening", 18, 24)
    assert (first.inside_share, first.outside_share) == (0.75, 0.0)
    assert (second.phrase, second.inside_share) == ("order in the morning", 1.0)


def test_noon_is_told_though_two_parts_of_the_day_share_it():
    hour = Feature(name="hour", kind="cycle", column="x", part="hour", weight=1.0)
    lines = one_each([at(0, 11), at(0, 12), at(0, 11), at(0, 12)] + [at(0, 20)] * 4)
    first, second = claims_of(hour, lines, [0] * 4 + [1] * 4)
    assert (first.low, first.high) == (11, 13)
    assert first.phrase == "between 11:00 and 13:00"
    assert second.phrase == "in the evening"


def test_a_window_may_go_over_midnight():
    hour = Feature(name="hour", kind="cycle", column="x", part="hour", weight=1.0)
    lines = one_each([at(0, 23), at(0, 0), at(0, 23), at(0, 0)] + [at(0, 12)] * 4)
    first, _ = claims_of(hour, lines, [0] * 4 + [1] * 4)
    assert (first.low, first.high, first.inside_share) == (23, 1, 1.0)


def test_weekends_and_months_have_words():
    week = Feature(name="weekday", kind="cycle", column="x", part="weekday", weight=1.0)
    lines = one_each([at(5, 9), at(6, 9)] * 3 + [at(day, 9) for day in range(5)])
    first, second = claims_of(week, lines, [0] * 6 + [1] * 5)
    assert (first.phrase, first.low, first.high) == ("at weekends", 6, 8)
    assert (second.phrase, second.low, second.high) == ("from Monday to Friday", 1, 6)
    year = Feature(name="month", kind="cycle", column="x", part="month", weight=1.0)
    lines = one_each([datetime(2019, 12, 3)] * 4 + [datetime(2019, 6, 3)] * 4)
    december, _ = claims_of(year, lines, [0] * 4 + [1] * 4)
    assert (december.phrase, december.low, december.high) == ("in December", 12, 13)


def test_one_segment_of_all_has_no_claim():
    assert claims_of(Feature(**NUMBER), one_each([1.0, 2.0, 3.0]), [0, 0, 0]) == [None]


def test_plain_figures_part_the_values():
    figures, digits = plain_figures(np.array([0.8, 1.2]), "")
    # 0.81 to 0.99, 1.0, 1.1 and 1.2
    assert figures.tolist() == [*(n / 100 for n in range(81, 100)), 1.0, 1.1, 1.2]
    assert digits[figures == 1.0].tolist() == [0]
    assert plain_figures(np.array([-5.0, 3.0]), "")[0].tolist() == [
        -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0
    ]  # fmt: skip
    assert plain_figures(np.array([4.0, 4.0]), "")[0].tolist() == []
    # a zero is of no decade: the figures begin with the smallest of the others
    figures = plain_figures(np.array([0.0, 3.0, 500.0]), "")[0]
    assert figures[:3].tolist() == [1.0, 2.0, 3.0]
    assert figures[-1] == 500.0


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "none"), (0.03, "hardly any"), (0.05, "1 of 10"), (0.5, "5 of 10"), (0.949, "9 of 10"),
     (0.96, "nearly all"), (1, "all")],
)  # fmt: skip
def test_shares_have_words(share, words):
    assert of_ten(share) == words


def test_the_size_of_a_part_has_words():
    assert [about_share(s) for s in (1.0, 0.96, 0.949, 0.43, 0.033, 0.004)] == [
        "all", "nearly all", "about 9 of 10", "about 4 of 10", "about 1 of 30", "about 1 of 200"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2053013555631882655", True), ("CAT-00123", True), ("9f86d081-884c-7d65", True),
        ("deadbeef01", True), ("12", True), ("---", True),
        ("USB", False), ("TV", False), ("iPhone 12 Pro", False), ("facade", False),
        ("Zubehör", False), ("家電", False), ("electronics.audio", False),
    ],
)  # fmt: skip
def test_ids_are_told_from_names(value, expected):
    assert is_id(value) is expected


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        (["order mostly in the evening", "order mostly in May"],
         "order mostly in the evening and mostly in May"),
        (["bought within the last two weeks", "pay 10 or more a piece", "bought 5 times or more"],
         "bought within the last two weeks and 5 times or more, pay 10 or more a piece"),
        (["placed on Mondays", "placed in May", "mostly Phones"],
         "placed on Mondays and in May, mostly Phones"),
        # what two begin with is no verb
        (["fewer than 3 pieces", "fewer than 2 products"],
         "fewer than 3 pieces, fewer than 2 products"),
        (["+kids of 2", "+kids at home of 1"], "kids of 2, kids at home of 1"),
        (["visit usually at weekends"], "visit usually at weekends"),
    ],
)  # fmt: skip
def test_a_name_says_a_verb_once(claims, name):
    """A claim that begins with + has none."""
    assert joined((claim.removeprefix("+"), claim[0] == "+") for claim in claims) == name
