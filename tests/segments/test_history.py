"""Who was where, since when, who moved and what became of segments: worked out by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from ecorse.segments.events import EVENTS, events_of
from ecorse.segments.history import (
    PUBLISHED_LABELS,
    Before,
    Moves,
    Night,
    history_of,
    migration_rows,
    moves_of,
)

MONDAY, TUESDAY, WEDNESDAY = date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)
# on Monday Ann came from segment 2, called Small then; Bob was always in 1
LABELS = pl.DataFrame(
    {
        "entity": ["ann", "bob", "cem", "dan"],
        "segment_id": [1, 1, 2, 0],
        "previous_segment_id": [2, None, None, None],
        "previous_segment_name": ["Small", None, None, None],
        "since_date": [MONDAY, date(2023, 12, 1), date(2023, 12, 5), MONDAY],
    },
    schema=dict(PUBLISHED_LABELS),
)
NAMES = {0: "In no segment", 1: "Big", 2: "Little"}


def before(day=TUESDAY, labels=LABELS, names=NAMES, events=()):
    known = pl.DataFrame(list(events), schema=dict(EVENTS), orient="row")
    return Before(7, day, labels, names, known, next_id=3)


def test_previous_segment_and_since_when():
    # dan was in none and is in 2 now; bob moves from 1 to 2; eve is new; ann and cem stay
    who = pl.Series(["ann", "bob", "cem", "dan", "eve"])
    told = history_of(who, np.array([1, 2, 2, 2, 1]), Night(WEDNESDAY, before()))
    assert told.previous_ids.to_list() == [2, 1, None, 0, None]
    assert told.previous_names.to_list() == ["Small", "Big", None, "In no segment", None]
    assert told.since.to_list() == [
        MONDAY, WEDNESDAY, date(2023, 12, 5), WEDNESDAY, WEDNESDAY,
    ]  # fmt: skip


def test_on_a_first_night_nobody_was_anywhere():
    told = history_of(pl.Series(["ann", "bob"]), np.array([1, 2]), Night(MONDAY))
    assert told.previous_ids.to_list() == [None, None]
    assert told.since.to_list() == [MONDAY, MONDAY]


def test_a_night_without_a_day_writes_none_and_no_text():
    compared = before()
    assert Night(WEDNESDAY, compared).numbers() == {"compared_build": 7, "night_date": "2024-01-03"}
    assert Night(None, compared).numbers() == {"compared_build": 7, "night_date": None}


def test_moves_count_everybody_of_both_nights_once():
    # bob is gone, eve is new, cem moves from 2 to 1
    moves = moves_of(pl.Series(["eve", "cem", "ann", "dan"]), np.array([1, 1, 1, 0]), before())
    assert moves.counts == {(-1, 1): 1, (0, 0): 1, (1, -1): 1, (1, 1): 1, (2, 1): 1}
    assert moves.between(noise=0) == {(1, 1): 1, (2, 1): 1}
    rows = migration_rows(moves, {0: "In no segment", 1: "Big"}, Night(WEDNESDAY, before()))
    shown = ("from_segment_name", "to_segment_name", "members", "share_of_from", "is_move")
    told = [tuple(r[name] for name in shown) for r in rows]
    assert told == [
        ("(new)", "Big", 1, 1.0, False),
        ("In no segment", "In no segment", 1, 1.0, False),
        ("Big", "(gone)", 1, 0.5, False),
        ("Big", "Big", 1, 0.5, False),
        ("Little", "Big", 1, 1.0, True),
    ]
    assert {(r["previous_date"], r["night_date"]) for r in rows} == {(TUESDAY, WEDNESDAY)}


def found(counts, names, then, events=(), day=WEDNESDAY):
    night = Night(day, before(names=then, events=events))
    return [
        (r["event"], r["segment_id"], r["other_segment_id"], r["members"], r["shared_members"])
        for r in events_of(Moves(counts), names, night, noise=0)
        if r["event_date"] == day
    ]


@pytest.mark.parametrize(
    ("counts", "now", "told"),
    [
        # forty newcomers alone: born, and split off from nobody
        ({(1, 1): 60, (2, 2): 40, (-1, 3): 40}, (1, 2, 3), [("birth", 3, -1, 40, None)]),
        # thirty of a hundred leave segment 1 for the new segment 3
        (
            {(1, 1): 70, (1, 3): 30, (2, 2): 40},
            (1, 2, 3),
            [("birth", 3, -1, 30, None), ("split", 1, 3, 100, 30)],
        ),
        # twenty-four of a hundred are less than a quarter: no split, though it is born
        ({(1, 1): 76, (1, 3): 24, (2, 2): 40}, (1, 2, 3), [("birth", 3, -1, 24, None)]),
        # a third of segment 1 moves to one that was there: people moved, no segment did
        ({(1, 1): 60, (1, 2): 30, (2, 2): 40}, (1, 2), []),
        # segment 2 is no more, and thirty of its forty are in 1
        (
            {(1, 1): 60, (2, 1): 30, (2, 0): 10},
            (1,),
            [("death", 2, -1, 40, None), ("merge", 2, 1, 30, 30)],
        ),
        # segment 2 is no more, and so are its customers
        ({(1, 1): 60, (2, -1): 40}, (1,), [("death", 2, -1, 40, None)]),
    ],
)
def test_events_by_hand(counts, now, told):
    names = {i: f"S{i}" for i in now}
    assert found(counts, names, {1: "S1", 2: "S2"}) == told


def test_a_new_name_is_an_event_with_the_old_one_and_noise_is_no_segment():
    night = Night(WEDNESDAY, before(names={1: "Big"}))
    (event,) = events_of(Moves({(1, 1): 5}), {0: "In no segment", 1: "Huge"}, night, noise=0)
    assert (event["event"], event["segment_name"], event["other_segment_name"]) == (
        "renamed", "Huge", "Big",
    )  # fmt: skip


def test_events_of_earlier_nights_are_kept_and_those_of_tonight_are_found_again():
    old = {
        "event_date": MONDAY, "event": "birth", "segment_id": 1, "segment_name": "Big",
        "other_segment_id": -1, "other_segment_name": None, "members": 9, "shared_members": None,
    }  # fmt: skip
    stale = {**old, "event_date": WEDNESDAY, "segment_id": 9}
    night = Night(WEDNESDAY, before(names={1: "Big"}, events=[old, stale]))
    told = events_of(Moves({(1, 1): 9, (-1, 2): 3}), {1: "Big", 2: "New"}, night, noise=0)
    assert [(r["event_date"], r["segment_id"]) for r in told] == [(MONDAY, 1), (WEDNESDAY, 2)]
