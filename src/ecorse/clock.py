"""Time: instants and wall clocks, and the parts of a day.

What belongs here: going from one to the other, and naming an hour. What does not: which zone a
file's times are in (its contract says so).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ecorse.bands import Bands

if TYPE_CHECKING:
    import polars as pl

# microseconds per unit since 1970, in UTC
EPOCHS = {
    "epoch": 1_000_000,
    "epoch_ms": 1_000,
    "epoch_us": 1,
}

DAYPARTS = Bands(names=("Night", "Morning", "Afternoon", "Evening"), bounds=(6, 12, 18))
"""The parts of a day by its hour, in the shop's time zone: Night is 0 to 6 o'clock, and so on."""


def daypart(hour: float) -> str:
    """The part of the day that an hour (0 up to, not including, 24; 17.5 is 17:30) is in."""
    return DAYPARTS.name(hour)


def local_to_utc(local: pl.Series, time_zone: str) -> pl.Series:
    """The UTC instants of a shop's wall-clock times; no row is lost to daylight saving.

    A time that happens twice (clocks go back) is its first occurrence. A time that never happens
    (clocks go forward) is moved forward by the gap, by reading it with the offset in force
    before: 02:30 in a gap from 02:00 to 03:00 is the instant of 03:30. Both are the ``fold=0``
    of Source: https://peps.python.org/pep-0495/
    """

    def instants(wall: pl.Series) -> pl.Series:
        zoned = wall.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
        return zoned.dt.convert_time_zone("UTC")

    utc = instants(local)
    for before in (timedelta(hours=3), timedelta(hours=25)):  # the second: Samoa skipped a day
        if utc.null_count() == local.null_count():
            break
        rows = (utc.is_null() & local.is_not_null()).arg_true()
        utc = utc.scatter(rows, instants(local.gather(rows) - before) + before)
    return utc
