"""A table of attributes as features: what each becomes, and what is left out and why."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ecorse.features.orders import blocks_of, feature_space
from ecorse.models.segmentation_file import Feature

SPREAD = Feature(name="attributes", kind="attributes", column="attribute", weight=1.0, top=5)
# ten customers; lines are (attribute, values in their order, None where the file has none)
TABLE = {
    "income": [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 666666, None],
    "kids": [0, 1, 2, 0, 1, 2, 0, 1, 2, 3],
    "has_complained": ["true", "false"] * 5,
    "status": ["single", "married", "widow", "single", "married"] * 2,
    "revenue": [11] * 10,
    "since": [f"2014-01-{day:02}" for day in range(1, 11)],
    "row": list(range(101, 111)),
    "remark": [f"said {word}" for word in "abcdefghij"],
}


def table(attributes=TABLE) -> pl.DataFrame:
    rows = [
        (f"c{number}", attribute, str(value))
        for attribute, values in attributes.items()
        for number, value in enumerate(values)
        if value is not None
    ]
    return pl.DataFrame(rows, schema=["customer_id", "attribute", "value_text"], orient="row")


def test_each_attribute_is_what_its_values_are():
    space = feature_space(table(), [SPREAD], "customer_id")
    assert {f.name: f.kind for f in space.features} == {
        "income": "log_mean",  # 666,666 beside a median of 5,000
        "kids": "mean",
        "has complained": "share",
        "status": "share",
    }
    assert space.n == 10
    blocks = {block.feature.name: block for block in blocks_of(space)}
    np.testing.assert_array_equal(blocks["kids"].values[:, 0], TABLE["kids"])
    np.testing.assert_allclose(blocks["income"].values[:9, 0], np.log1p(TABLE["income"][:9]))
    assert blocks["income"].known.tolist() == [True] * 9 + [False]
    assert blocks["status"].columns == ("status=married", "status=single", "status=widow")


def test_what_tells_nobody_apart_is_left_out_with_the_reason():
    space = feature_space(table(), [SPREAD], "customer_id")
    assert {one.feature.name: one.reason for one in space.told if not one.is_used} == {
        "revenue": "it is the same everywhere (revenue = 11)",
        "since": "it is a date, which is no habit",
        "row": "every row has a number of its own, one after the other: an id",
        "remark": "it has 10 different values for 10 rows: an id or free text",
    }


def test_the_order_of_rows_changes_nothing():
    spaces = [
        feature_space(table().sample(fraction=1, shuffle=True, seed=seed), [SPREAD], "customer_id")
        for seed in (1, 2)
    ]
    first, second = ([block.values.tobytes() for block in blocks_of(space)] for space in spaces)
    assert first == second
    assert spaces[0].features == spaces[1].features


def kind_of(values, name="x", before=()) -> tuple[str, str]:
    """The kind of one attribute beside another, and why it is left out."""
    frame = table({"home": ["house", "flat"] * (len(values) // 2), name: values})
    space = feature_space(frame, [SPREAD], "customer_id", before)
    (one,) = (told for told in space.told if told.feature.column == name)
    return one.feature.kind, one.reason


@pytest.mark.parametrize(
    "codes",
    [
        ["01001", "80331", "10115", "01001"],  # one of them begins with a zero
        ["80331", "10115", "50667", "10115"],  # none does, but all are as long
        ["8001", "1010", "3000", "8001"],
        ["007", "12", "5", "12"],
        ["+4930901820", "+33140205050", "+431531", "+431531"],
    ],
)
def test_codes_of_digits_are_texts(codes):
    assert kind_of(codes * 3) == ("share", "")


def test_many_codes_are_left_out_and_not_averaged():
    kind, reason = kind_of([f"{70000 + 37 * n}" for n in range(12)])
    assert (kind, reason) == (
        "share",
        "it has 12 different values that look like codes (70000), of which an average says nothing",
    )


@pytest.mark.parametrize(
    "numbers",
    [
        [1957, 1968, 1983, 1957, 2001, 1893],  # years are as long as one another, and in order
        [9500, 12000, 31000, 10500, 9900, 47000],
        [0, 1, 2, 0, 1, 2],
        ["0.5", "0.25", "05.5", "1.5", "2.5", "3.5"],
        [123, 456, 789, 123, 456, 999],
    ],
)
def test_sizes_are_no_codes(numbers):
    assert kind_of(numbers * 2) == ("mean", "")


@pytest.mark.parametrize("name", ["customer_id", "shop_id"])
def test_an_attribute_named_as_a_key_is_left_out_with_the_reason(name):
    frame = table({"home": ["house", "flat"] * 2, name: [7, 8, 9, 9]})
    frame = frame.with_columns(shop_id=pl.lit("main"))
    space = feature_space(frame, [SPREAD], "customer_id")
    assert [f.name for f in space.features] == ["home"]
    (one,) = (told for told in space.told if not told.is_used)
    assert (one.feature.name, one.known_share) == (name, 1.0)
    assert one.reason == (
        f"{name} is the name of a key of the rows; give the attribute another in the mapping"
    )


def test_who_has_nothing_but_such_an_attribute_is_a_row_all_the_same():
    frame = table({"home": ["house", "flat", "flat", None], "customer_id": [1, 2, 3, 4]})
    assert feature_space(frame, [SPREAD], "customer_id").n == 4


def test_two_names_that_read_alike_are_two_features():
    frame = table({"home_type": ["house", "flat"] * 2, "home type": ["old", "old", "new", "new"]})
    space = feature_space(frame, [SPREAD], "customer_id")
    assert sorted(f.name for f in space.features) == ["home type", "home_type"]


def test_an_attribute_without_any_value_is_told_as_empty():
    frame = table({"home": ["house", "flat"] * 2})
    empty = pl.DataFrame({"customer_id": ["c0"], "attribute": ["fax"], "value_text": [None]},
                         schema=frame.schema)  # fmt: skip
    space = feature_space(pl.concat([frame, empty]), [SPREAD], "customer_id")
    (one,) = (told for told in space.told if not told.is_used)
    assert (one.known_share, one.reason) == (0.0, "no row has a value (fax is empty)")


MEAN = Feature(name="x", kind="mean", column="x", weight=1.0)
LOG = Feature(name="x", kind="log_mean", column="x", weight=1.0, plus=1.0)
WORDS = Feature(name="x", kind="share", column="x", weight=1.0, top=5, words="x: {}")


@pytest.mark.parametrize(
    ("before", "values", "kind"),
    [
        (MEAN, [0, 1, 2, 3, 1, 500], "mean"),  # one extreme value
        (LOG, [0, 1, 2, 3, 1, 2], "log_mean"),
        (LOG, [0, 1, 2, 3, 1, -2], "mean"),  # there is no logarithm of it
        (WORDS, [0, 1, 2, 0, 1, 2], "share"),
        (WORDS, [0, 1, 2, 3, 4, 5], "mean"),  # more different ones than it may have
        (MEAN, ["n/a", 1, 2, 1, 2, 1, 2, 1, 2, 3], "mean"),  # nine of ten are numbers
        (MEAN, ["n/a", "?", 2, 1, 2, 1, 2, 1, 2, 2], "share"),  # eight are not enough
        (MEAN, ["01001", 2, 3, 4, 2, 3], "share"),  # a code is never averaged
        (MEAN.model_copy(update={"weight": 0.5}), [0, 1, 2, 3, 1, 500], "log_mean"),
    ],
)
def test_an_attribute_stays_what_it_was_while_it_can_be_read_so(before, values, kind):
    assert kind_of(values * 2, before=[before]) == (kind, "")
