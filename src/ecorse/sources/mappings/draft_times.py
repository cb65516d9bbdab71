"""Dates and times in sampled values: formats that read nearly all of them.

What belongs here: formats, and which are as good as others. What does not: numbers
(``draft_numbers``), deciding between day and month, which nobody can but a person.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from ecorse.clean import values
from ecorse.clean.times import has_time
from ecorse.schema.contract import Column
from ecorse.sources.mappings.draft_look import NEARLY_ALL, Look

PROBED = 40  # different values that decide which formats are tried at all
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", ", %H:%M", ", %H:%M:%S", " %I:%M %p",
          " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S%.f")  # fmt: skip
ZONES = ("", " %z", "%z", " UTC", "Z")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y",
        "%d-%b-%y", "%b %d, %Y", "%B %d, %Y",
        "%b-%d-%y", "%b-%d-%Y", "%Y.%m.%d", "%Y%m%d")  # fmt: skip
EITHER_WAY = (("%m/%d/%Y", "%d/%m/%Y"), ("%m/%d/%y", "%d/%m/%y"), ("%m-%d-%Y", "%d-%m-%Y"),
              ("%m-%d-%y", "%d-%m-%y"))  # fmt: skip
TIME_ONLY = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")


def find_times(found: Look, kept: pl.Series) -> bool:
    """Whether the values are times; ``found`` has the formats then, and others that fit as well.

    Where some values allow one order of day and month only, and some only the other, both are kept.
    """
    probe = kept.unique(maintain_order=True).head(PROBED)
    looks = probe.str.contains(r"\d[/.:-]\d|\d [A-Za-zÀ-ÿ]{3,}|[A-Za-z]{3,} \d|^\d{8}$")
    if looks.sum() < 0.5 * len(probe):
        return _time_of_day(found, kept)
    fitting = [f for f in _formats() if _share(probe, f) > 0.2]
    shares = {f: _share(kept, f) for f in fitting}
    best = max(shares.values(), default=0.0)
    if best < NEARLY_ALL and not _several(shares, kept):
        return _time_of_day(found, kept)
    chosen = [f for f in shares if shares[f] == best]
    if best < NEARLY_ALL:
        chosen = list(_several(shares, kept))
        found.formats = tuple(chosen)
    else:
        found.formats = (chosen[0],)
        found.others = tuple(f for f in chosen[1:] if _swapped(f) == chosen[0])
        swapped = _swapped(chosen[0])
        if best < 1 and swapped:
            unread = kept.filter(_read_time(kept, chosen[0]).is_null())
            if _share(unread, swapped) > 0:
                found.others = (swapped,)
    found.kind = "timestamp"
    found.unread = int(found.read().is_null().sum()) - found.texts.null_count()
    if all(has_time(f) for f in found.formats):
        times = found.read().drop_nulls()
        found.is_date_only = len(times) > 1 and bool((times == times.dt.truncate("1d")).all())
    return True


def _formats() -> Iterable[str]:
    """Every format that is tried, those that leave nothing to guess first."""
    days = (*DAYS, *(day for pair in EITHER_WAY for day in pair))
    return (
        day + clock + zone
        for day in days
        for clock in CLOCKS
        for zone in (ZONES if "%H:%M:%S" in clock else ("",))
    )


def _swapped(time_format: str) -> str:
    """The format with day and month the other way round."""
    for one, other in EITHER_WAY:
        for a, b in ((one, other), (other, one)):
            if time_format.startswith(a):
                return b + time_format[len(a) :]
    return ""


def _share(texts: pl.Series, time_format: str) -> float:
    """The share of texts that a format reads as a time that shops have."""
    read = _read_time(texts, time_format)
    years = read.dt.year()
    return float(years.is_between(1900, 2100).sum()) / max(len(texts), 1)


def _read_time(texts: pl.Series, time_format: str) -> pl.Series:
    column = Column("t", None, "timestamp", formats=(time_format,))
    try:
        return pl.select(values.convert(pl.lit(texts), column)).to_series()
    except pl.exceptions.ComputeError:  # a format that no value of this kind can have
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(texts))


def _several(shares: dict[str, float], kept: pl.Series) -> tuple[str, ...]:
    """Two formats that read nearly all together; none where one would contradict the other."""
    ordered = sorted(shares, key=lambda f: -shares[f])[:4]
    for first in ordered[:2]:
        rest = kept.filter(_read_time(kept, first).is_null())
        for second in ordered:
            if second in (first, _swapped(first)) or not len(rest):
                continue
            covered = 1 - (1 - _share(rest, second)) * len(rest) / len(kept)
            if covered >= NEARLY_ALL and shares[first] > 0.02:
                return first, second
    return ()


def epoch_of(kept: pl.Series) -> str:
    """The format of counts since 1970 between 1990 and 2100; empty where values are none."""
    if not kept.str.contains(r"^\d{9,16}(\.\d+)?$").all():
        return ""
    numbers = kept.cast(pl.Float64, strict=False)
    for name, per_second in (("epoch", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000)):
        if bool(((numbers / per_second).is_between(631_152_000, 4_102_444_800)).all()):
            return name
    return ""


def _time_of_day(found: Look, kept: pl.Series) -> bool:
    for time_format in TIME_ONLY:
        read = kept.str.to_time(time_format, strict=False)
        if not read.null_count():
            found.kind, found.formats = "time", (time_format,)
            return True
    return False
