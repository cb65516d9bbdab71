"""Time: instants and wall clocks, and the parts of a day.

What belongs here: going from one to the other, and naming an hour. What does not: which zone a
file's times are in (its contract says so).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from ecorse.bands import Bands

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

# microseconds per unit since 1970, in UTC
EPOCHS = {
    "epoch": 1_000_000,
    "epoch_ms": 1_000,
    "epoch_us": 1,
}

EPOCH = datetime(1970, 1, 1)
QUARTER_US = 15 * 60 * 1_000_000
ROWS_LOOKED_UP = 10_000  # a year has 35,040 quarters of an hour to ask for, once
YEARS_LOOKED_UP = 10

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

    The offset of a quarter of an hour that begins and ends with the same is looked up, a tenth of
    the cost of asking for every time; no zone moves its clock twice in one.
    """
    import numpy as np
    import polars as pl

    clock = local.drop_nulls() if local.null_count() else local
    if len(clock) < ROWS_LOOKED_UP or local.dtype != pl.Datetime("us"):
        return _instants(local, time_zone)
    us = clock.to_physical().to_numpy()
    span = np.array([us.min(), us.max()], "datetime64[us]").astype("datetime64[Y]")
    first, last = (span.astype(np.int64) + 1970).tolist()
    if first < 1 or last > 9998 or last - first >= YEARS_LOOKED_UP:  # mistakes rather than times
        return _instants(local, time_zone)
    offsets, is_steady = (
        np.concatenate(parts)
        for parts in zip(
            *(_offsets(year, time_zone) for year in range(first, last + 1)), strict=True
        )
    )
    quarter = us // QUARTER_US - _year_us(first) // QUARTER_US
    utc = pl.Series(local.name, us + offsets[quarter]).cast(pl.Datetime("us", "UTC"))
    moved = pl.Series(~is_steady[quarter]).arg_true()
    if len(moved):
        utc = utc.scatter(moved, _instants(clock.gather(moved), time_zone))
    if len(clock) < len(local):
        none = pl.Series(local.name, [None], dtype=utc.dtype).new_from_index(0, len(local))
        utc = none.scatter(local.is_not_null().arg_true(), utc)
    return utc


def _instants(local: pl.Series, time_zone: str) -> pl.Series:
    """The instants of wall-clock times, each asked for."""

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


@lru_cache(maxsize=64)
def _offsets(year: int, time_zone: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Of each quarter of an hour of a year: microseconds to UTC, and whether they hold for all."""
    import numpy as np
    import polars as pl

    begin = np.arange(_year_us(year), _year_us(year + 1) + 1, QUARTER_US)
    utc = _instants(pl.Series(begin).cast(pl.Datetime("us")), time_zone).to_physical().to_numpy()
    offsets = utc - begin
    return offsets[:-1], offsets[1:] == offsets[:-1]


def _year_us(year: int) -> int:
    return (datetime(year, 1, 1) - EPOCH) // timedelta(microseconds=1)
