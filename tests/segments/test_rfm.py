"""Groups by RFM scores, and segments by a column: who is in which, and what is refused.

What belongs here: the segmentations. What does not: the scores (tests/sql/customer_rfm).
"""

from __future__ import annotations

from datetime import datetime
from itertools import product

import numpy as np
import polars as pl
import pytest

from ecorse import declared
from ecorse.errors import ConfigError, DataError
from ecorse.features.orders import feature_space
from ecorse.models.declaration import load_declarations
from ecorse.models.segmentation_file import Feature
from ecorse.segments.by_column import ByColumn, ByColumnConfig
from ecorse.segments.rfm import Rfm, RfmConfig
from ecorse.testing import SegmentationContract
from ecorse.testing.shop import tiny_space

FEATURES = (Feature(name="revenue", kind="log_mean", column="revenue", weight=1.0),)
HALVES = [
    {"name": "low", "r": [1, 5], "fm": [1, 2], "about": "little"},
    {"name": "high", "r": [1, 5], "fm": [3, 5], "about": "much"},
]
DECLARED = {d.name: d for d in load_declarations()}


def scores(rows):
    """A space of customers with ``r_score`` and ``fm_score``."""
    frame = pl.DataFrame(
        [
            ("main", f"C{number:03}", float(r), float(fm), 1.0)
            for number, (r, fm) in enumerate(rows)
        ],
        schema=["shop_id", "customer_id", "r_score", "fm_score", "revenue"],
        orient="row",
    )
    return feature_space(frame, FEATURES, "customer_id")


class TestRfm(SegmentationContract):
    model = Rfm
    parameters = {"groups": HALVES}
    entity_column = "customer_id"

    @classmethod
    def space_of(cls, lines):
        number = pl.col("customer_id").str.slice(1).cast(pl.Float64)
        scored = lines.with_columns(r_score=1 + number % 5, fm_score=1 + (number * 3) % 5)
        return tiny_space(scored, cls.features, "customer_id")


class TestByColumn(SegmentationContract):
    model = ByColumn
    parameters = {
        "column": "city",
        "values": [{"value": "Austin", "name": "South"}, {"value": "Boston", "name": "North"}],
    }


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        (
            "segment_rfm",
            "Champions, Loyal, Potential Loyalists, New Customers, Promising, Needing Attention, "
            "About To Sleep, At Risk, Cannot Lose Them, Hibernating, Lost",
        ),
        (
            "segment_rfm_five",
            "Loyal, Potential Loyalist, Cannot Lose Them, New Customer, Lost",
        ),
    ],
)
def test_shipped_tables_put_every_score_into_one_of_the_named_groups(name, groups):
    model = DECLARED[name].create()
    assert ", ".join(model.names().values()) == groups
    pairs = list(product(range(1, 6), repeat=2))
    labels = model.assign(scores(pairs))
    assert labels.min() == 0
    assert set(labels.tolist()) == set(model.names())
    of = {pair: model.names()[label] for pair, label in zip(pairs, labels.tolist(), strict=True)}
    assert of[(1, 1)] == "Lost"
    assert of[(1, 5)] == of[(2, 5)] == "Cannot Lose Them"
    assert of[(5, 1)].startswith("New Customer")
    assert of[(5, 3)].startswith("Potential Loyalist")
    assert of[(3, 5)] == of[(4, 4)] == "Loyal"


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([HALVES[0], HALVES[0] | {"name": "again"}], "r 1, fm 1 is in low and in again"),
        ([HALVES[0], HALVES[1] | {"fm": [4, 5]}], "r 1, fm 3 is in no group"),
        ([HALVES[0], HALVES[1] | {"fm": [3, 6]}], r"fm = \[3, 6\]; expected 1 to 5"),
        ([HALVES[0], HALVES[1] | {"r": [5, 1]}], r"r = \[5, 1\]; expected 1 to 5"),
    ],
)
def test_tables_with_holes_or_overlaps_are_refused(groups, words):
    with pytest.raises(ConfigError, match=words):
        declared.check({"groups": groups}, RfmConfig, "segment_x.toml [parameters]")


def test_the_first_line_tells_the_column_and_other_values_are_in_no_segment():
    rows = [("main", "a", "x"), ("main", "b", "y"), ("main", "c", "z"), ("main", "d", None)]
    frame = pl.DataFrame(rows, schema=["shop_id", "customer_id", "stage"], orient="row")
    frame = frame.with_columns(revenue=1.0, at=datetime(2024, 1, 1))
    model = ByColumn(
        ByColumnConfig(
            column="stage", values=({"value": "y", "name": "Y"}, {"value": "x", "name": "X"})
        )
    )
    space = feature_space(frame, FEATURES, "customer_id")
    np.testing.assert_array_equal(model.assign(space), [1, 0, -1, -1])
    other = ByColumn(ByColumnConfig(column="no", values=model.config.values))
    with pytest.raises(DataError, match="no column 'no'"):
        other.assign(space)


def test_values_given_twice_are_refused():
    twice = [{"value": "x", "name": "X"}, {"value": "x", "name": "Y"}]
    with pytest.raises(ConfigError, match="value 'x' is given twice"):
        declared.check({"column": "c", "values": twice}, ByColumnConfig, "parameters")
