"""What is said of segments before anybody relies on them, and gaps between groups by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecorse.models.segmentation_file import SegmentationHead
from ecorse.segments.by_density import NO_STRUCTURE
from ecorse.segments.findings import NO_GAP, Known, findings_of
from ecorse.segments.meaning import Segment
from ecorse.segments.selection import TOO_FEW_ROWS
from ecorse.segments.structure import fullness
from ecorse.segments.traits import Trait

HEAD = SegmentationHead(name="x", entity="order", seed=1)
SAID = (Trait("price", None, 1.0, 1.0, 0.5, "", 0.0, ""),)
KNOWN = Known(1000, "orders", np.array([0.1, 0.1]), why_degenerate="", is_alike=False)


def segments(*shares):
    return [
        Segment(i + 1, round(1000 * share), share, named_by=SAID) for i, share in enumerate(shares)
    ]


def test_nothing_is_said_of_good_segments():
    assert findings_of(segments(0.4, 0.6), KNOWN, HEAD) == ["", ""]


def test_tiny_and_giant_segments_are_told():
    tiny, giant = findings_of(segments(0.04, 0.96), KNOWN, HEAD)
    assert tiny == "It is small: 40 orders."
    assert giant == "Nearly all orders are in it, so that it sets little apart."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n": 49}, "There are 49 orders in all, fewer than 50: too few"),
        ({"is_alike": True}, "All orders are alike in every feature"),
        (
            {"why_degenerate": TOO_FEW_ROWS},
            "Too few distinct rows to choose the number of segments. The segments say little.",
        ),
        (
            {"why_degenerate": NO_STRUCTURE, "valleys": np.array([np.nan, np.nan])},
            "No structure was found: no setting gave segments that the declaration allows, so that "
            "all are in one. The segments say little.",
        ),
        ({"valleys": np.array([1.2, 1.2])}, "No structure was found: the orders are one crowd"),
        ({"valleys": np.array([np.nan, np.nan])}, "No structure was found"),
    ],
)
def test_what_is_true_of_all_is_told_of_each(change, told):
    found = findings_of(segments(0.4, 0.6), replace(KNOWN, **change), HEAD)
    assert all(finding.startswith(told) for finding in found)


def test_one_segment_without_a_gap_among_others_with_one():
    known = replace(KNOWN, valleys=np.array([0.2, 0.9]))
    assert findings_of(segments(0.4, 0.6), known, HEAD) == [
        "", NO_GAP
    ]  # fmt: skip


def test_of_segments_by_a_rule_only_their_number_and_names_are_told():
    by_rule = replace(KNOWN, valleys=None)
    assert findings_of(segments(0.001, 0.999), by_rule, HEAD) == ["", ""]
    few = findings_of(segments(0.4, 0.6), replace(by_rule, n=3), HEAD)
    assert few[0].startswith("There are 3 orders in all")


def test_a_segment_that_nothing_is_claimed_of_and_an_old_name_are_told():
    first, second = segments(0.4, 0.6)
    found = findings_of(
        [replace(first, named_by=()), replace(second, is_old_name=True)], KNOWN, HEAD
    )
    assert found == [
        "Nothing is true of most of its members and untrue of most others.",
        "Its name is of an earlier night; of tonight's members it is not true.",
    ]


def line(*places):
    return np.array(places, dtype=float)[:, None]


def test_groups_apart_have_nobody_half_way():
    z = line(*np.linspace(0, 1, 20), *np.linspace(9, 10, 20))
    assert fullness(z, np.repeat([0, 1], 20), 2).tolist() == [0.0, 0.0]


def test_an_even_crowd_that_is_cut_is_as_full_half_way_as_elsewhere():
    z = line(*np.arange(4000))
    found = fullness(z, np.repeat([0, 1], 2000), 2)
    # centres at 999.5 and 2999.5, windows of 200 to either side
    assert found == pytest.approx([1.0, 1.0], abs=0.02)


def test_a_neighbour_is_the_one_with_the_fullest_way():
    z = line(*np.arange(2000), *np.arange(9000, 9400))
    found = fullness(z, np.repeat([0, 1, 2], [1000, 1000, 400]), 3)
    assert found[:2] == pytest.approx([1.0, 1.0], abs=0.02)
    assert found[2] == 0.0


def test_too_few_rows_have_no_gap_to_tell_and_noise_is_nobodys():
    z = line(*np.linspace(0, 1, 20), 5.0, 9.0)
    groups = np.array([0] * 20 + [-1, 1])
    assert np.isnan(fullness(z, groups, 2)).all()
