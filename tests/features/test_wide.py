"""A table of attributes as features: what each becomes, and what is left out and why."""

from __future__ import annotations

import numpy as np
import polars as pl

from ecorse.features.orders import blocks_of, feature_space
from ecorse.models.declaration import Feature

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


def table() -> pl.DataFrame:
    rows = [
        (f"c{number}", attribute, str(value))
        for attribute, values in TABLE.items()
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
