"""Whether lines that came since a night are in another unit than the same entities' earlier ones.

A histogram of customers hardly sees one day of prices x 100: few bought that day, and their means
hold a year of right prices. Beside their own earlier lines the same customers leap, all one way;
where dear and cheap things are bought in turn, as many leap up as down.

What belongs here: which lines came since, the comparison, the rule. What does not: histograms
(``drift``), what is decided (``gate``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import sqrt

import numpy as np
import polars as pl

from ecorse.features.blocks import Mask
from ecorse.models.segmentation_file import Feature
from ecorse.models.space import FeatureSpace, Lines

FAR = float(np.log(3.0))
"""How far beyond what there was a logarithm is another unit's: three times."""
SURE = 3.0
"""Standard errors that leaps one way must be ahead: no chance, and nine are the least."""
MOST = 0.5


@dataclass(frozen=True)
class Leaps:
    """Of one column on one day: how many entities have earlier lines, and leap up and down."""

    name: str
    day: str
    entities: int
    up: int
    down: int

    @property
    def most(self) -> int:
        """How many leap the way that most do."""
        return max(self.up, self.down)

    @property
    def bins(self) -> tuple[list[int], list[int]]:
        """Entities by a third or less, alike, three times or more: as expected, and as found."""
        alike = self.entities - self.up - self.down
        return [0, self.entities, 0], [self.down, alike, self.up]

    @property
    def is_another_unit(self) -> bool:
        """Whether more than half leap, all one way beyond chance."""
        ahead = abs(self.up - self.down)
        return self.most > MOST * self.entities and ahead >= SURE * sqrt(self.up + self.down)


def last_times(space: FeatureSpace) -> dict[str, str]:
    """The latest time of each time column that the features read, as ISO text."""
    found = {}
    for name in _time_columns(space.features):
        last = space.lines.frame[name].max()
        if isinstance(last, date):  # a datetime is one
            found[name] = last.isoformat()
    return found


def leaps_since(space: FeatureSpace, until: Mapping[str, str]) -> list[Leaps]:
    """Compare lines later than ``until`` (see ``last_times``) with the same entities' earlier ones.

    Watched numbers on a logarithm are compared, and what weighs them, line by line; each day by
    itself, for the right ones of the next day would hide those of a wrong one. Without a time there
    is no telling which lines came since, and nothing is found.
    """
    frame = space.lines.frame
    times = [name for name in _time_columns(space.features) if name in until]
    times = [name for name in times if name in frame.columns and not frame[name].null_count()]
    if not times:
        return []
    came = _is_later(frame[times[0]], until[times[0]])
    days = frame[times[0]].filter(pl.Series(came)).cast(pl.Date)
    return [
        leaps
        for column, name in _unit_columns(space.features).items()
        for leaps in _leaps(name, space.lines, column, came, days)
    ]


def _time_columns(features: Sequence[Feature]) -> list[str]:
    return list(dict.fromkeys(f.column for f in features if f.kind == "cycle"))


def _is_later(times: pl.Series, until: str) -> Mask:
    last = pl.Series([datetime.fromisoformat(until)]).cast(times.dtype)
    later: Mask = (times > last[0]).to_numpy()
    return later


def _unit_columns(features: Sequence[Feature]) -> dict[str, str]:
    """Columns that hold a unit, each with the name it goes by: its feature's, else its own."""
    watched = [f for f in features if f.kind in ("log_mean", "log_sum") and f.watch_drift]
    columns = {f.column: f.name for f in watched}
    return {f.weigh_by: f.weigh_by for f in watched if f.weigh_by} | columns


def _leaps(name: str, lines: Lines, column: str, came: Mask, days: pl.Series) -> Iterator[Leaps]:
    """Each day's leaps of one column; ``days`` are those of the lines that ``came``."""
    values = lines.frame[column].cast(pl.Float64).fill_null(0.0).to_numpy()
    has = np.isfinite(values) & (values > 0)
    logs = np.log(np.where(has, values, 1.0))
    earlier = has & ~came
    entity = lines.entity[earlier]
    counts = np.bincount(entity, minlength=lines.n)
    before = np.bincount(entity, weights=logs[earlier], minlength=lines.n) / np.maximum(counts, 1)
    since = (
        pl.DataFrame({"entity": lines.entity[came], "day": days, "log": logs[came]})
        .filter(pl.Series(has[came] & (counts[lines.entity[came]] > 0)))
        .group_by("entity", "day", maintain_order=True)
        .agg(pl.col("log").mean())
    )
    leap = since["log"] - before[since["entity"].to_numpy()]
    by_day = (
        since.select("day", up=leap > FAR, down=leap < -FAR)
        .group_by("day")
        .agg(pl.len().alias("entities"), pl.col("up", "down").sum())
        .sort("day")
    )
    for day, entities, up, down in by_day.iter_rows():
        yield Leaps(name, day.isoformat(), entities, up, down)
