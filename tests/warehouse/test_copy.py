"""Frames arrive in Postgres as they are: every time, every character, every null."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from ecorse.warehouse.connect import connect
from ecorse.warehouse.copy import copy_frame

MINUTES = [datetime(2019, 4, 19, 8, 46), datetime(2020, 2, 29, 23, 59), datetime(1969, 12, 31)]
TIMES = {
    "whole minutes": MINUTES,
    "whole seconds": [*MINUTES, datetime(2019, 4, 19, 8, 46, 59)],
    "microseconds": [*MINUTES, datetime(2019, 4, 19, 8, 46, 59, 1)],
    "far apart": [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59), *MINUTES],
    "with nulls": [None, *MINUTES, None],
    "only nulls": [None, None],
    "none": [],
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("unit", ["us", "ms", "ns"])
def test_times_and_instants_arrive_as_they_are(warehouse, times, unit):
    if unit == "ns":  # holds 1677 to 2262
        times = [t for t in times if t is None or 1700 < t.year < 2200]
    if unit == "ms":
        times = [t and t - timedelta(microseconds=t.microsecond) for t in times]
    wall = pl.Series("wall", times, pl.Datetime("us")).dt.cast_time_unit(unit)
    frame = pl.DataFrame(
        [pl.int_range(len(times), eager=True).alias("n"), wall,
         wall.dt.replace_time_zone("UTC").alias("at")]
    )  # fmt: skip
    with connect() as conn:
        conn.execute("create temporary table held (n bigint, wall timestamp, at timestamptz)")
        with conn.cursor() as cursor:
            copy_frame(cursor, ("held",), frame)
        held = conn.execute("select wall, at from held order by n").fetchall()
    assert held == [(t, t and t.replace(tzinfo=UTC)) for t in times]


def test_text_that_looks_like_the_format_itself(warehouse):
    texts = ["plain", "a\tb", "a\nb", "a\rb", "\\N", "\\", "a\\tb", "", None, "ü\u2028€"]
    frame = pl.DataFrame({"n": range(len(texts)), "said": texts, "same": ["x"] * len(texts)})
    with connect() as conn:
        conn.execute("create temporary table held (n bigint, said text, same text)")
        with conn.cursor() as cursor:
            copy_frame(cursor, ("held",), frame)
        held = conn.execute("select said, same from held order by n").fetchall()
    assert held == [(text, "x") for text in texts]
