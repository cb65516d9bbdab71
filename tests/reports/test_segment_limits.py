"""What the report says of a segmentation's limits: each thing once."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from ecorse.models.segmentation_file import SegmentationHead
from ecorse.reports.segments.blocks import Items, Text
from ecorse.reports.segments.read import Facts, One
from ecorse.reports.segments.words import limits
from ecorse.segments.by_density import NO_STRUCTURE
from ecorse.segments.findings import NO_GAP, Known, findings_of
from ecorse.segments.meaning import Segment
from ecorse.segments.traits import Trait
from ecorse.warehouse.snapshot import Build

HEAD = SegmentationHead(name="x", entity="customer", seed=1)
NIGHT = datetime(2024, 1, 1, tzinfo=UTC)
SAID = (Trait("price", None, 1.0, 1.0, 0.5, "", 0.0, ""),)


def row(number, members, of, **changes):
    own = {
        "segmentation": "x", "segment_id": number, "segment_name": f"Segment {number}",
        "members": members, "share": members / of, "is_small": members / of < HEAD.smallest_share,
        "is_degenerate": False, "finding": None,
    }  # fmt: skip
    return own | changes


def told(*rows):
    build = Build(1, NIGHT, NIGHT, "", "")
    facts = Facts(build, {"currency": "USD"}, {"segments": rows}, {})
    (block,) = limits(One(facts, {"method": "x", "entity": "customer", "model": "x"}))
    assert isinstance(block, Items | Text)
    return list(block.items) if isinstance(block, Items) else block.text


def findings(*members, valleys, why=""):
    n = sum(members)
    made = [Segment(i + 1, m, m / n, named_by=SAID) for i, m in enumerate(members)]
    return findings_of(made, Known(n, "customers", valleys, why, is_alike=False), HEAD)


def test_a_small_segment_is_told_once():
    small, _ = found = findings(40, 960, valleys=np.array([0.1, 0.1]))
    assert small == "It is small: 40 customers."
    lines = told(row(1, 40, 1000, finding=found[0]), row(2, 960, 1000, finding=found[1]))
    assert lines[0] == "Segment 1: It is small: 40 customers."
    assert [line for line in lines if "small" in line] == lines[:1]


@pytest.mark.parametrize("finding", [None, NO_GAP])
def test_a_small_segment_of_which_no_finding_tells_it_is_told(finding):
    """Such as one by a rule, of which findings do not tell the size."""
    lines = told(row(1, 40, 1000, finding=finding), row(2, 960, 1000))
    assert "Segment 1: smaller than the declaration allows (4.0 %)." in lines


def test_many_in_one_crowd_are_not_told_that_they_were_too_few():
    (finding,) = findings(100_000, valleys=np.array([np.nan]), why=NO_STRUCTURE)
    lines = told(row(1, 100_000, 100_000, is_degenerate=True, finding=finding))
    assert lines == [f"Segment 1: {finding}"]
    assert finding.startswith("No structure was found")


def test_a_model_that_says_little_without_a_finding_is_told():
    """Everyone is in none, of which there is no finding."""
    (line,) = told(row(0, 200, 200, is_degenerate=True))
    assert line.startswith("The model had too little to choose from, or found no structure")
