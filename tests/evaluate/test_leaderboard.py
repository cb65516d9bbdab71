"""Which figures of which slices are told, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ecorse.evaluate.cases import Cases
from ecorse.evaluate.leaderboard import scores
from ecorse.evaluate.quality import Quality

CASES = Cases(
    "explore",
    5,
    np.arange(4),
    np.zeros(4, dtype=np.int64),
    np.array([0, 0, 1, 30]),
    {
        "ndcg_at_5": np.array([1.0, 0.0, 0.5, 0.5]),
        "recall_at_5": np.array([1.0, 0.0, 0.25, 0.25]),
        "recall_of_new_at_5": np.array([np.nan, np.nan, 1.0, 0.5]),
    },
    {"rfm": np.array(["Loyal", "Lost", "Loyal", "Loyal"])},
)


def test_every_metric_of_every_slice_once():
    found = scores(CASES, 1)
    values = {(score.slice, score.metric): (score.value, score.cases) for score in found}
    assert len(values) == len(found)
    assert {s.slice for s in found} == {
        "all",
        *(f"history {name}" for name in ("0", "1", "2-4", "5-19", "20+")),
        "rfm: Loyal",
        "rfm: Lost",
        "new items",
    }
    assert values["all", "ndcg_at_5"] == (0.5, 4)
    assert values["history 0", "recall_at_5"] == (0.5, 2)
    assert values["history 2-4", "ndcg_at_5"] == (None, 0)
    assert values["rfm: Loyal", "ndcg_at_5"] == (pytest.approx(2 / 3), 3)
    assert values["new items", "recall_at_5"] == (0.75, 2)
    assert {s.list for s in found} == {"explore"}
    assert [(s.slice, s.metric) for s in found if s.is_primary] == [("all", "ndcg_at_5")]
    for score in found:
        assert (score.low is None) == (score.high is None) == (score.cases < 2)
        if score.low is not None:
            assert score.low <= score.value <= score.high


def test_what_lists_are_like_is_told_without_an_interval():
    quality = Quality(5, 9, {"coverage": 0.3, "diversity": None})
    found = {s.metric: s for s in scores(CASES, 1, quality) if s.slice == "all"}
    assert (found["coverage_at_5"].value, found["coverage_at_5"].cases) == (0.3, 9)
    assert found["coverage_at_5"].low is None
    assert found["diversity_at_5"].value is None


def test_the_same_seed_gives_the_same_rows():
    assert scores(CASES, 3) == scores(CASES, 3)
