"""Areas beside each other: order, how many at once, and the end after an error or a limit."""

from __future__ import annotations

import threading
import time

import pytest

from ecorse.errors import DataError, TimeLimit
from ecorse.refresh.order import Area, Step, part_into_areas
from ecorse.refresh.schedule import make_areas


def area(name: str, *needs: str, kind: str = "marts") -> Area:
    return Area(name, kind, (Step(name, "mart"),), needs)


AREAS = [
    area("core"),
    area("products", "core"),
    area("sales", "products"),
    area("model", "core", kind="model"),
    area("segments", "model"),
    area("quality", "core"),
]


def make(areas, work, *, at_once=2, minutes=1, seconds=None, stop=lambda error: None):
    make_areas(areas, work, at_once=at_once, step_minutes=minutes, seconds=seconds or {}, stop=stop)


@pytest.mark.parametrize("at_once", [1, 2, 6])
def test_each_area_once_after_what_it_needs_and_no_more_than_so_many_beside(at_once):
    lock, running, most, done = threading.Lock(), set(), [0], []

    def work(one: Area) -> None:
        with lock:
            assert set(one.needs) <= set(done)
            running.add(one.name)
            most[0] = max(most[0], len(running))
        time.sleep(0.02)
        with lock:
            running.remove(one.name)
            done.append(one.name)

    make(AREAS, work, at_once=at_once)
    assert sorted(done) == sorted(a.name for a in AREAS)
    assert most[0] == min(at_once, 3)  # three of them do not need each other


def test_areas_that_do_not_need_each_other_meet():
    """Neither comes back before the other has begun."""
    meeting = threading.Barrier(2, timeout=10)
    make([area("one"), area("two")], lambda one: meeting.wait())


def test_an_error_ends_the_night_and_cancels_what_runs():
    cancelled, begun = threading.Event(), []

    def work(one: Area) -> None:
        begun.append(one.name)
        if one.name == "model":
            raise DataError("broken")
        if one.name == "products":
            assert cancelled.wait(10)

    with pytest.raises(DataError, match="broken"):
        make(AREAS, work, stop=lambda error: cancelled.set())
    assert set(begun) == {"core", "model", "products"}


def test_an_area_that_takes_too_long_is_named():
    stop = threading.Event()

    def work(one: Area) -> None:
        if one.name == "model":
            stop.wait(10)

    with pytest.raises(TimeLimit, match=r"^model takes longer than 0\.005 minutes"):
        make(AREAS, work, minutes=0.005, stop=lambda error: stop.set())


def test_needs_are_reduced_and_come_from_what_is_read():
    steps = [
        Step("a", "mart", frozenset(), ("a",)),
        Step("b", "mart", frozenset({"a"}), ("b",)),
        Step("m", "model", frozenset({"a", "b"}), ("t", "scores")),
        Step("c", "mart", frozenset({"a", "b", "t"}), ("c",)),
    ]
    areas = part_into_areas(steps, {"a": "one", "b": "two", "c": "three"})
    assert {a.name: a.needs for a in areas} == {
        "one": (),
        "two": ("one",),
        "m": ("two",),
        "three": ("m",),
    }


def test_the_longest_way_begins_first():
    """Alone: sales is long, segments longer, so the model before them goes first."""
    done = []
    seconds = {"model": 1.0, "segments": 9.0, "sales": 5.0, "products": 1.0, "quality": 7.0}
    make(AREAS, lambda one: done.append(one.name), at_once=1, seconds=seconds)
    assert done == ["core", "model", "segments", "quality", "products", "sales"]
