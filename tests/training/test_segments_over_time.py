"""Nights of a growing club: who stays, what was planted is told, jumps are held or accepted."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from training.growing_club import (
    HABITS,
    NEWCOMERS,
    START,
    Nights,
    club,
    of_club,
    purchases_of,
    until,
)

TODAY = 340


def labels(result) -> pl.DataFrame:
    return result.frame("customer_segments")


def events(result) -> list[tuple]:
    """What happened that night."""
    last = result.frame("segment_migrations")["night_date"][0]
    told = result.frame("segment_events").filter(pl.col("event_date") == last)
    return told.select("event", "segment_name", "other_segment_name").rows()


def names(result) -> dict[int, str]:
    return dict(result.frame("segments").select("segment_id", "segment_name").rows())


def stayed(before, after, among=None) -> float:
    """The share of those in both that kept their segment."""
    both = labels(before).join(labels(after), on="customer_id")
    if among is not None:
        both = both.filter(pl.col("customer_id").is_in(among))
    return (both["segment_id"] == both["segment_id_right"]).mean()


def accounts_hold(before, after) -> None:
    """Migrations are the members of both nights; labels say where everybody was."""
    moves, now = after.frame("segment_migrations"), after.frame("segments")
    came = moves.filter(pl.col("to_segment_id") >= 0).group_by("to_segment_id")
    assert dict(came.agg(pl.col("members").sum()).rows()) == dict(
        now.filter(pl.col("members") > 0).select("segment_id", "members").rows()
    )
    then = before.frame("segments").filter(pl.col("members") > 0)
    left = moves.filter(pl.col("from_segment_id") >= 0).group_by("from_segment_id")
    assert dict(left.agg(pl.col("members").sum()).rows()) == dict(
        then.select("segment_id", "members").rows()
    )
    both = labels(after).join(labels(before), on="customer_id")
    moved = both.filter(pl.col("segment_id") != pl.col("segment_id_right"))
    assert moved["previous_segment_id"].equals(
        moved["segment_id_right"].alias("previous_segment_id")
    )
    assert set(moved["since_date"]) <= set(moves["night_date"])
    stay = both.filter(pl.col("segment_id") == pl.col("segment_id_right"))
    assert stay["since_date"].equals(stay["since_date_right"].alias("since_date"))


@pytest.mark.parametrize("seed", [11, 12])
def test_over_twenty_nights_of_growth_who_bought_nothing_keeps_the_segment(declare, seed):
    nights, purchases = Nights(of_club(declare)), club(500, seed)
    first = before = nights.run(until(purchases, TODAY))
    for day in range(TODAY + 1, TODAY + 21):
        after = nights.run(until(purchases, day))
        assert after.decision.outcome == "promoted", after.decision.reason
        quiet = until(purchases, day - 1)["customer_id"].unique()
        bought = until(purchases, day).filter(
            pl.col("ordered_local") >= START + timedelta(days=day - 1)
        )
        unchanged = set(quiet) - set(bought["customer_id"])
        assert stayed(before, after, unchanged) >= 0.995
        assert events(after) == []
        accounts_hold(before, after)
        before = after
    assert labels(after).height > labels(first).height * 1.03
    assert names(after) == names(first)


def test_a_planted_group_of_newcomers_is_a_birth(declare):
    nights = Nights(of_club(declare))
    purchases = pl.concat([club(500, 1), purchases_of(NEWCOMERS, 500, 1)])
    told, before = [], nights.run(until(purchases, TODAY))
    for day in range(TODAY + 1, TODAY + 14):
        after = nights.run(until(purchases, day))
        assert after.decision.outcome == "promoted", after.decision.reason
        accounts_hold(before, after)
        told += events(after)
        before = after
    # the newcomers change what tells the others apart: a claim may then give way to another
    assert {event for event, *_ in told} <= {"birth", "renamed"}
    assert [event for event, *_ in told].count("birth") == 1
    of_all_nights = after.frame("segment_events").filter(pl.col("event") == "birth")
    born = of_all_nights.sort("event_date")["segment_id"][-1]
    segment = labels(after).filter(pl.col("segment_id") == born)
    assert segment["customer_id"].str.starts_with("newcomer").mean() > 0.85
    # the others are who they were, under the names that they had
    assert len(names(after)) == 5


def parted(purchases: pl.DataFrame) -> pl.DataFrame:
    """Half of the regulars turn out to buy wine at night, for more."""
    other = pl.col("customer_id").str.contains(r"^regular-\d*[02468]$")
    night = pl.col("ordered_local").dt.truncate("1d") + timedelta(hours=3)
    return purchases.with_columns(
        category=pl.when(other).then(pl.lit("Wine")).otherwise("category"),
        unit_price=pl.when(other).then(pl.col("unit_price") * 15).otherwise("unit_price"),
        ordered_local=pl.when(other).then(night).otherwise("ordered_local"),
    )


def of_k(declare, k: int):
    return of_club(declare, parameters={"selection": {"k_min": k, "k_max": k}})


def test_a_planted_split_and_a_merge_are_told_once_they_are_accepted(declare):
    nights, purchases = Nights(of_k(declare, 4)), club(500, 1)
    whole = nights.run(until(purchases, TODAY))
    regulars = labels(whole).filter(pl.col("customer_id").str.starts_with("regular"))
    old = regulars["segment_id"].mode()[0]
    nights.declaration = of_k(declare, 5)
    held = nights.run(parted(until(purchases, TODAY + 1)))
    assert held.decision.outcome == "held"
    assert events(held) == []
    split = nights.run(parted(until(purchases, TODAY + 1)), is_accepted=True)
    assert split.decision.outcome == "promoted"
    assert "for the jump was accepted: the inputs drifted" in split.decision.reason
    told = [one for one in events(split) if one[0] != "renamed"]
    assert [event for event, *_ in told] == ["birth", "split"]
    assert told[1][1:] == (names(split)[old], told[0][1])
    accounts_hold(whole, split)  # the first try of the day left nothing behind

    nights.declaration = of_k(declare, 4)
    merged = nights.run(until(purchases, TODAY + 2), is_accepted=True)
    told = [one for one in events(merged) if one[0] != "renamed"]
    assert [event for event, *_ in told] == ["death", "merge"]
    assert len(names(merged)) == 4
    accounts_hold(split, merged)


def test_prices_times_100_are_held_until_they_are_accepted(declare):
    nights, purchases = Nights(of_club(declare)), club(500, 1)
    good = nights.run(until(purchases, TODAY))
    bug = purchases.with_columns(unit_price=pl.col("unit_price") * 100)
    held = nights.run(until(bug, TODAY + 1))
    assert held.decision.outcome == "held"
    for words in (
        "PSI of price",
        "the shares of segments jumped",
        "% to ",
        "ecorse refresh --accept segment_customers:club",
    ):
        assert words in held.decision.reason
    assert stayed(good, held) == 1.0
    assert names(held) == names(good)
    assert labels(held).height > labels(good).height  # who is new has a segment too
    drift = held.frame("segment_drift")
    drifted = drift.filter("is_drifted").select("feature", "compared").rows()
    assert {("price", "all"), ("segment shares", "members")} <= set(drifted)

    # the same day again: nothing is forgotten because it was said today
    again = nights.run(until(bug, TODAY + 1))
    assert (again.decision.outcome, stayed(held, again)) == ("held", 1.0)

    still = nights.run(until(bug, TODAY + 2))
    assert still.decision.outcome == "held"
    assert stayed(held, still) == 1.0

    accepted = nights.run(until(bug, TODAY + 2), is_accepted=True)
    assert accepted.decision.outcome == "promoted"
    assert accepted.artifact != good.artifact
    assert nights.run(until(bug, TODAY + 3)).decision.outcome == "promoted"


def on_its_day(purchases: pl.DataFrame, day: int, factor: float) -> pl.DataFrame:
    """Prices of the lines of one day alone, times a factor."""
    start = START + timedelta(days=day - 1)
    is_its = pl.col("ordered_local").is_between(start, start + timedelta(days=1), closed="left")
    return purchases.with_columns(
        unit_price=pl.when(is_its).then(pl.col("unit_price") * factor).otherwise("unit_price")
    )


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_one_days_prices_times_100_are_held_on_growing_nights(declare, seed):
    """Cheap goods times 100 cost what dear ones do: only the same customers' own prices tell."""
    habits = [habit for habit in HABITS if habit.name != "loyal"]
    dear = replace(HABITS[0], price=8000, every=200)
    nights, purchases = Nights(of_club(declare)), club(500, seed, [*habits, dear])
    for day in (TODAY, TODAY + 1):
        good = nights.run(until(purchases, day))
        assert good.decision.outcome == "promoted", good.decision.reason
    bug = on_its_day(purchases, TODAY + 2, 100)
    held = nights.run(until(bug, TODAY + 2))
    assert held.decision.outcome == "held"
    assert "price of new lines" in held.decision.reason
    assert "over three times off what the same had before" in held.decision.reason
    assert stayed(good, held) == 1.0
    drifted = held.frame("segment_drift").filter("is_drifted").select("feature", "compared")
    assert ("price", "again") in drifted.rows()
    # the next day's right prices do not wash it out, and what is mended goes on
    later = nights.run(until(bug, TODAY + 3))
    assert (later.decision.outcome, stayed(held, later)) == ("held", 1.0)
    mended = nights.run(until(purchases, TODAY + 3))
    assert mended.decision.outcome == "promoted", mended.decision.reason


def test_a_day_of_half_prices_is_not_held(declare):
    nights, purchases = Nights(of_club(declare)), club(500, 6)
    nights.run(until(purchases, TODAY))
    sale = on_its_day(purchases, TODAY + 1, 0.5)
    assert nights.run(until(sale, TODAY + 1)).decision.outcome == "promoted"


def test_a_bug_on_the_day_of_the_first_night_is_held_too(declare):
    nights, purchases = Nights(of_club(declare)), club(500, 1)
    good = nights.run(until(purchases, TODAY))
    bug = nights.run(until(purchases.with_columns(pl.col("unit_price") * 100), TODAY))
    assert (bug.decision.outcome, stayed(good, bug)) == ("held", 1.0)
    assert labels(bug).equals(labels(good))


def test_a_mended_night_after_a_held_one_is_promoted(declare):
    nights, purchases = Nights(of_club(declare)), club(500, 1)
    good = nights.run(until(purchases, TODAY))
    nights.run(until(purchases.with_columns(pl.col("unit_price") * 100), TODAY + 1))
    mended = nights.run(until(purchases, TODAY + 1))
    assert mended.decision.outcome == "promoted"
    assert stayed(good, mended) > 0.98


def digest(result) -> str:
    told = hashlib.sha256()
    for name in sorted(result.tables):
        frame = result.frame(name).drop("fit_seconds", "peak_mb", strict=False)
        told.update(frame.write_csv().encode())
    return told.hexdigest()


def test_the_same_night_again_says_the_same(declare):
    nights, purchases = Nights(of_club(declare)), club(300, 3)
    for day in (TODAY, TODAY + 5, TODAY + 10):
        once = nights.run(until(purchases, day))
        again = nights.run(until(purchases, day))
        told = ["customer_segments", "segments", "segment_events", "segment_migrations"]
        for name in told:
            assert again.frame(name).equals(once.frame(name)), name
    assert labels(again)["previous_segment_id"].drop_nulls().len()


SCRIPT = """
import sys
import polars as pl
from training.growing_club import Nights, club, of_club, until
from training.test_segments_over_time import digest
from conftest import _merged
from ecorse import declared
from ecorse.models.declaration import KINDS, Declaration
from ecorse.settings import PROJECT_DIR

def declare(name, **changes):
    path = PROJECT_DIR / "include" / "models" / f"{name}.toml"
    said = _merged(declared.parse_file(path), changes)
    return Declaration(name, "segment", path, declared.check(said, KINDS["segment"], str(path)))

nights, purchases = Nights(of_club(declare)), club(300, 3)
if int(sys.argv[1]):
    purchases = purchases.sample(fraction=1, shuffle=True, seed=int(sys.argv[1]))
for day in (330, 340, 350):
    print(digest(nights.run(until(purchases, day))))
"""


def test_five_processes_say_the_same_for_any_threads_and_order():
    told = set()
    for threads, seed in ((1, 0), (2, 3), (1, 4), (2, 0), (2, 5)):
        environment = os.environ | {
            name: str(threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
        }
        here = str(Path(__file__).parents[1])
        environment["PYTHONPATH"] = os.pathsep.join([here, environment.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(seed)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(done.stdout)
    assert len(told) == 1
