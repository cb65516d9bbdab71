"""Which label was known before a day: of a night before it, or since before it; no later one."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from ecorse.segments.label_history import NO_LABELS, LabelHistory, PublishedLabels

CUSTOMERS = pl.Series("customer_id", [f"c{n:02}" for n in range(40)])
EVERYBODY = np.ones(40, dtype=bool)
BEGINS = date(2024, 3, 1)


def night(day: date, moved: int = 0, since: date = date(2024, 1, 1), there: int = 40):
    """All are Loyal since ``since``; the first ``moved`` are Lost since the night's own day."""
    frame = pl.DataFrame(
        {
            "customer_id": CUSTOMERS.head(there),
            "segment_name": ["Lost" if n < moved else "Loyal" for n in range(there)],
            "since_date": [day if n < moved else since for n in range(there)],
        }
    )
    return PublishedLabels(day, lambda: frame)


def before(*nights, asked=EVERYBODY):
    return LabelHistory({"rfm": nights}).before(BEGINS, CUSTOMERS, asked).get("rfm")


def test_the_latest_night_before_the_day_tells_all():
    found = before(
        night(date(2024, 3, 20), moved=30), night(date(2024, 2, 29), moved=9),
        night(date(2024, 2, 1), moved=4),
    )  # fmt: skip
    assert (found == "Lost").sum() == 9


def test_a_night_of_the_day_itself_knows_of_the_window():
    assert before(night(BEGINS, moved=9)) is None


def test_who_is_new_since_that_night_is_in_no_segment():
    found = before(night(date(2024, 2, 1), there=10))
    assert (found == "Loyal").tolist() == [True] * 10 + [False] * 30
    assert (found[10:] == "").all()


def test_a_label_of_the_window_is_not_used():
    # 2 of 40 moved in the window: what they were before is not known, the others did not move
    found = before(night(date(2024, 3, 20), moved=2))
    assert found.tolist() == ["", ""] + ["Loyal"] * 38
    # 3 of 40 are more than one in twenty: those who bought are the likeliest to have moved
    assert before(night(date(2024, 3, 20), moved=3)) is None


def test_only_those_who_are_asked_about_count():
    asked = EVERYBODY.copy()
    asked[:30] = False
    assert before(night(date(2024, 3, 20), moved=30), asked=asked) is not None
    asked[29] = True  # 1 of 11
    assert before(night(date(2024, 3, 20), moved=30), asked=asked) is None
    assert before(night(date(2024, 3, 20), moved=40), asked=~EVERYBODY) is None


def test_the_oldest_night_of_after_the_day_tells_most():
    found = before(night(date(2024, 3, 20), moved=30), night(date(2024, 3, 2), moved=1))
    assert (found == "Loyal").sum() == 39


@pytest.mark.parametrize("since", [BEGINS, date(2024, 3, 2)])
def test_since_the_day_is_not_before_it(since):
    assert before(night(date(2024, 3, 20), since=since)) is None


def test_without_a_night_nobody_is_in_a_segment():
    assert before() is None
    assert NO_LABELS.before(BEGINS, CUSTOMERS, EVERYBODY) == {}
