"""Which features can part anybody: what is the same wherever it is known parts nobody."""

from __future__ import annotations

from math import inf, nan

import polars as pl
import pytest

from ecorse.features.told import told_features
from ecorse.models.segmentation_file import Feature


def told(values, kind, dtype=None):
    frame = pl.DataFrame({"x": pl.Series(values, dtype=dtype)})
    return told_features(frame, [Feature(name="x", kind=kind, column="x", weight=1.0)])[0]


@pytest.mark.parametrize("kind", ["mean", "log_mean"])
@pytest.mark.parametrize("unknown", [None, nan, inf])
def test_a_number_that_is_the_same_wherever_it_is_known_parts_nobody(kind, unknown):
    """Who has none stands at the mean of the others, which is their number."""
    one = told([0.0, 0.0, unknown], kind, pl.Float64)
    assert (one.is_used, one.known_share) == (False, pytest.approx(2 / 3))
    assert one.reason == "it is the same wherever it is known (x = 0.0)"
    assert told([0.0, 1.0, unknown], kind, pl.Float64).is_used


def test_who_has_a_value_is_parted_from_who_has_none():
    assert told(["a", "a", None], "share").is_used
    assert not told(["a", "a", "a"], "share").is_used


def test_how_often_somebody_has_a_line_parts_though_all_lines_are_alike():
    assert told([2.0, 2.0, 2.0], "log_sum").is_used
