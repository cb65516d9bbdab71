"""Features of orders: every value worked out by hand."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ecorse.errors import DataError
from ecorse.features.blocks import hash_features, stack
from ecorse.features.numbers import log_distinct, log_mean, log_sum, mean
from ecorse.features.orders import (
    blocks_of,
    build_blocks,
    cycle,
    feature_space,
    learn_vocabulary,
    shares,
    sort_lines,
)
from ecorse.models.segmentation_file import Feature

# Order a: three lines on Monday 15 April at 06:00; order b: one line on Thursday 18 July at 18:00.
LINES = pl.DataFrame(
    {
        "order_id": ["b", "a", "a", "a"],
        "category": ["cable", "cable", "phone", None],
        "city": ["Boston", "Austin", "Austin", "Austin"],
        "quantity": [1.0, 2.0, 1.0, 1.0],
        "unit_price": [5.0, 10.0, 40.0, 20.0],
        "ordered_at": [
            datetime(2019, 7, 18, 18),
            *[datetime(2019, 4, 15, 6)] * 3,
        ],
    }
)


@pytest.fixture
def lines():
    return sort_lines(LINES, "order_id")


def test_lines_are_sorted_and_counted_by_entity(lines):
    assert lines.ids.to_list() == ["a", "b"]
    assert lines.entity.tolist() == [0, 0, 0, 1]


def test_lines_without_entity_are_left_out():
    frame = pl.DataFrame({"customer_id": ["x", None], "quantity": [1.0, 9.0]})
    assert sort_lines(frame, "customer_id").ids.to_list() == ["x"]


def test_hour_is_a_point_on_the_circle(lines):
    # 06:00 is a quarter turn (sine 1, cosine 0), 18:00 three quarters (sine -1, cosine 0)
    np.testing.assert_allclose(cycle(lines, "ordered_at", "hour"), [[1, 0], [-1, 0]], atol=1e-12)


def test_hours_around_midnight_are_neighbours():
    frame = pl.DataFrame(
        {"id": ["a", "a"], "t": [datetime(2019, 1, 1, 23), datetime(2019, 1, 2, 1)]}
    )
    # 15 degrees to either side of midnight: sines cancel, cosine 15 degrees = 0.9659258
    np.testing.assert_allclose(
        cycle(sort_lines(frame, "id"), "t", "hour"), [[0.0, 0.9659258]], atol=1e-7
    )


def test_minutes_count():
    frame = pl.DataFrame({"id": ["a"], "t": [datetime(2019, 1, 1, 1, 30)]})
    # 1.5 of 24 hours = 22.5 degrees
    np.testing.assert_allclose(
        cycle(sort_lines(frame, "id"), "t", "hour"), [[0.3826834, 0.9238795]], atol=1e-7
    )


def test_weekday_starts_on_monday(lines):
    # Monday is 0 degrees, Thursday 3/7 of a turn = 154.2857 degrees
    np.testing.assert_allclose(
        cycle(lines, "ordered_at", "weekday"), [[0, 1], [0.4338837, -0.9009689]], atol=1e-7
    )


def test_month_starts_in_january(lines):
    # April is a quarter of the year, July a half
    np.testing.assert_allclose(cycle(lines, "ordered_at", "month"), [[1, 0], [0, -1]], atol=1e-12)


def test_price_is_the_log_of_the_mean_weighed_by_units(lines):
    # a: (2 * 10 + 1 * 40 + 1 * 20) / 4 = 20; b: 5
    np.testing.assert_allclose(log_mean(lines, "unit_price", "quantity"), np.log([[20], [5]]))


def test_price_without_weights_counts_lines(lines):
    # a: (10 + 40 + 20) / 3
    np.testing.assert_allclose(log_mean(lines, "unit_price"), np.log([[70 / 3], [5]]))


def test_a_free_price_stays_finite_and_a_missing_one_is_none():
    frame = pl.DataFrame({"id": ["a", "b", "c"], "p": [0.0, None, float("nan")]})
    found = log_mean(sort_lines(frame, "id"), "p")
    np.testing.assert_allclose(found, [[np.log(0.01)], [np.nan], [np.nan]])


def test_a_line_without_a_number_is_neither_zero_nor_a_line():
    frame = pl.DataFrame(
        {"id": ["a", "a", "a", "b"], "p": [10.0, None, 40.0, None], "q": [3.0, 90.0, 1.0, 1.0]}
    )
    lines = sort_lines(frame, "id")
    # a: (3 * 10 + 1 * 40) / 4; by lines (10 + 40) / 2
    np.testing.assert_allclose(mean(lines, "p", "q"), [[17.5], [np.nan]])
    np.testing.assert_allclose(mean(lines, "p"), [[25.0], [np.nan]])
    np.testing.assert_allclose(log_sum(lines, "p"), [[np.log(50)], [np.nan]])


def test_who_has_no_number_stands_at_the_mean_of_those_who_have_one():
    frame = pl.DataFrame({"id": ["a", "b", "c"], "p": [1.0, 100.0, None]})
    feature = Feature(name="p", kind="log_mean", column="p", weight=1.0)
    (block,) = build_blocks(sort_lines(frame, "id"), [feature], {})
    # the logs of 1 and 100 have the mean of 10's
    np.testing.assert_allclose(block.values[:, 0], np.log([1, 100, 10]))
    assert block.known.tolist() == [True, True, False]


def test_zero_days_have_a_logarithm_with_one_added():
    frame = pl.DataFrame({"id": ["a", "b"], "days": [0.0, 9.0]})
    np.testing.assert_allclose(
        log_mean(sort_lines(frame, "id"), "days", plus=1.0), np.log([[1], [10]])
    )


def test_breadth_is_how_many_different():
    frame = pl.DataFrame({"id": ["a", "a", "a", "b", "c"], "p": ["x", "y", "x", "x", None]})
    found = log_distinct(sort_lines(frame, "id"), "p")
    np.testing.assert_allclose(found, [[np.log(2)], [0.0], [np.nan]])


def test_what_the_lines_say_nothing_of_is_left_out_with_the_reason():
    lines = LINES.with_columns(
        brand=pl.lit(None, pl.String), shop=pl.lit("one"), clock=pl.lit(None, pl.Datetime)
    )
    features = (
        Feature(name="brand", kind="share", column="brand", weight=1.0),
        Feature(name="shop", kind="share", column="shop", weight=1.0),
        Feature(name="hour", kind="cycle", column="clock", part="hour", weight=1.0),
        Feature(name="category", kind="share", column="category", weight=1.0),
    )
    space = feature_space(lines, features, "order_id")
    assert [f.name for f in space.features] == ["shop", "category"]
    told = {one.feature.name: one for one in space.told}
    assert told["brand"].reason == "no line has a value (brand is empty)"
    assert told["hour"].reason == "no line has a time of day (clock is empty)"
    assert told["shop"].reason == "it is the same everywhere (shop = one)"
    assert (told["category"].is_used, told["category"].known_share) == (True, 0.75)


def test_lines_that_say_nothing_at_all_are_refused():
    empty = LINES.with_columns(category=pl.lit(None, pl.String))
    with pytest.raises(DataError, match="no value of any feature: category are empty"):
        feature_space(empty, FEATURES[2:], "order_id")


def test_quantity_is_the_log_of_units_and_returns_count_by_size():
    frame = pl.DataFrame({"id": ["a", "a", "b"], "q": [2, 1, -4]})
    np.testing.assert_allclose(log_sum(sort_lines(frame, "id"), "q"), np.log([[3], [4]]))


def test_less_than_one_unit_counts_as_one():
    frame = pl.DataFrame({"id": ["a", "b", "c"], "q": [0.0, 0.5, 1.5]})
    np.testing.assert_allclose(log_sum(sort_lines(frame, "id"), "q"), np.log([[1], [1], [1.5]]))


def test_category_shares_are_units_per_category_and_unseen_ones_are_missing(lines):
    # a has 2 cables, 1 phone, 1 unknown of 4 units; b one cable
    np.testing.assert_allclose(
        shares(lines, "category", ["cable", "phone"], "quantity").toarray(), [[0.5, 0.25], [1, 0]]
    )


def test_city_is_one_hot_and_an_unseen_city_has_no_column(lines):
    assert shares(lines, "city", ["Austin"]).toarray().tolist() == [[1.0], [0.0]]


def test_shares_of_an_order_of_zero_units_count_lines():
    frame = pl.DataFrame({"id": ["a", "a"], "c": ["x", "y"], "q": [0, 0]})
    assert shares(sort_lines(frame, "id"), "c", ["x", "y"], "q").toarray().tolist() == [[0.5, 0.5]]


def test_vocabulary_keeps_the_most_frequent_and_breaks_ties_by_text():
    frame = pl.DataFrame({"id": ["1"] * 5, "c": ["z", "z", "b", "a", None]})
    feature = Feature(name="c", kind="share", column="c", weight=1.0, top=2)
    assert learn_vocabulary(sort_lines(frame, "id"), [feature]) == {"c": ["a", "z"]}


FEATURES = (
    Feature(name="hour", kind="cycle", column="ordered_at", weight=1.0, part="hour"),
    Feature(name="price", kind="log_mean", column="unit_price", weight=1.0, weigh_by="quantity"),
    Feature(name="category", kind="share", column="category", weight=1.0, weigh_by="quantity"),
)


def test_blocks_stand_in_declared_order_with_named_columns(lines):
    blocks = build_blocks(lines, FEATURES, {"category": ["cable", "phone"]})
    assert [b.columns for b in blocks] == [
        ("hour_sin", "hour_cos"),
        ("price_log",),
        ("category=cable", "category=phone"),
    ]
    assert stack(blocks).shape == (2, 5)


def test_an_empty_column_gives_one_column_of_zeros(lines):
    block = build_blocks(lines, FEATURES[2:], {"category": []})[0]
    assert block.values.tolist() == [[0.0], [0.0]]


def test_shuffled_lines_give_the_same_bits_and_the_same_hash():
    rng = np.random.default_rng(5)
    n = 3000
    frame = pl.DataFrame(
        {
            "order_id": rng.integers(0, 200, n).astype(str),
            "category": rng.choice(["a", "b", "c"], n),
            "quantity": rng.uniform(0.1, 3, n),
            "unit_price": rng.lognormal(3, 2, n),
            "ordered_at": [
                datetime(2019, 1, 1 + int(d), int(h)) for d, h in rng.integers(0, 24, (n, 2))
            ],
        }
    )
    built = []
    for seed in (None, 1, 2):
        shuffled = frame if seed is None else frame.sample(fraction=1, shuffle=True, seed=seed)
        lines = sort_lines(shuffled, "order_id")
        blocks = build_blocks(lines, FEATURES, learn_vocabulary(lines, FEATURES))
        built.append((stack(blocks).tobytes(), hash_features(lines.ids, blocks)))
    assert built[0] == built[1] == built[2]


def test_one_changed_cent_changes_the_hash(lines):
    changed = sort_lines(
        LINES.with_columns(unit_price=pl.col("unit_price") + pl.Series([0.01, 0, 0, 0])), "order_id"
    )
    hashes = {
        hash_features(rows.ids, build_blocks(rows, FEATURES, {"category": ["cable"]}))
        for rows in (lines, changed)
    }
    assert len(hashes) == 2


def test_a_line_without_time_says_nothing_of_the_hour():
    noon = datetime(2024, 1, 1, 12)
    frame = pl.DataFrame(
        {"id": ["a", "a", "b"], "t": [noon, None, None]},
        schema={"id": pl.String, "t": pl.Datetime},
    )
    found = cycle(sort_lines(frame, "id"), "t", "hour")
    assert np.allclose(found, [[0.0, -1.0], [0.0, 0.0]])


def test_a_missing_entity_column_is_named():
    with pytest.raises(DataError, match="no column 'customer_id'"):
        sort_lines(LINES, "customer_id")


def test_a_missing_feature_column_is_named():
    with pytest.raises(DataError, match="no column quantity, unit_price"):
        feature_space(LINES.drop("unit_price", "quantity"), FEATURES, "order_id")


def test_features_of_a_space_are_computed_once_per_vocabulary():
    space = feature_space(LINES, FEATURES, "order_id")
    blocks = blocks_of(space)
    assert blocks[2].columns == ("category=cable", "category=phone")
    assert blocks_of(space, {"category": ["cable", "phone"]}) is blocks
    assert blocks_of(space, {"category": ["phone"]})[2].columns == ("category=phone",)


def test_totals_and_means_of_a_column_by_hand():
    space = feature_space(LINES, FEATURES, "order_id")
    assert space.total("unit_price").tolist() == [70.0, 5.0]
    assert space.mean("unit_price").tolist() == [pytest.approx(70 / 3), 5.0]
    with pytest.raises(DataError, match="no column 'colour'; it has order_id"):
        space.total("colour")
