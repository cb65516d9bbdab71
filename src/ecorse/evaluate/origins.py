"""Rolling origins: points in time from which a method is asked what customers do next.

What belongs here: where windows lie, their parts, and that nothing of a window is known before it.
What does not: who is asked and what counts as right (``cases``), fitting anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import rankdata

from ecorse.errors import DataError
from ecorse.models.interactions import TICK, Interactions
from ecorse.models.ranked import Floats

LEAST_WINDOWS = 3  # a history of fewer windows has shorter ones
TOLD, LEAST_TOLD = 0.9999, 30  # rank correlation, on so many products or customers, of a leak
WALL_CLOCK = timedelta(hours=12)  # how far UTC is ahead of a wall clock at most


@dataclass(frozen=True)
class Origin:
    """What was known before ``begins``, and what ended from then to just before ``ends``.

    Products and customers keep their numbers in both parts; ``begins`` and ``ends`` are the shop's
    wall clock, as ``Interactions.rows``.
    """

    earlier: Interactions
    later: Interactions
    begins: datetime
    ends: datetime


def origins(data: Interactions, days: float, n: int) -> list[Origin]:
    """Up to ``n`` windows of ``days``, newest first: the first ends with the last row (of a part:
    where it was cut), each next one where the one before begins.

    The windows take at most half of the time between the first and the last row, shorter ones
    where there is less. A basket is never torn: it belongs to the window of its last row, so that
    ``earlier`` ends strictly before its window. A window without a row, or with none before it, is
    left out: of one instant, or of one basket, there is none.

    Raises
    ------
    ValueError
        ``days`` or ``n`` is not above 0.

    Source: Hyndman, Athanasopoulos, Forecasting: principles and practice (2021), section 5.10,
    https://otexts.com/fpp3/tscv.html
    """
    if not days > 0 or n < 1:
        raise ValueError(f"days and n must be above 0, got {days} days, {n} windows")
    first, last = _span(data)
    window = min(timedelta(days=days), (last - first) / (2 * n))
    found = []
    ends = last + TICK
    for _ in range(n if window else 0):
        begins = ends - window
        origin = Origin(data.ended(None, begins), data.ended(begins, ends), begins, ends)
        if origin.earlier.rows.height and origin.later.rows.height:
            found.append(origin)
        ends = begins
    return found


def last_window(data: Interactions, days: float) -> tuple[Interactions, Interactions]:
    """What came before the last ``days``, and those days: to learn weights on.

    Of the rows that came before a window, these are the days just before it, so that parts fitted
    for the window before are the ones that its weights are learned with.

    Of a history of fewer than ``LEAST_WINDOWS`` such windows, the last part of that many. Baskets
    as in ``origins``.
    """
    first, last = _span(data)
    begins = last + TICK - min(timedelta(days=days), (last - first) / LEAST_WINDOWS)
    return data.ended(None, begins), data.ended(begins, last + TICK)


def latest(data: Interactions, share: float) -> Origin:
    """The latest baskets that make up about this share, and what ended before the first began.

    A basket is of the later ones if it began at that instant or after it. One that began before and
    ended after it is in neither part. Of no row at all both are empty.
    """
    begins, ends = data.started_by(share), _span(data)[1] + TICK
    if begins is None:
        return Origin(data, data, ends, ends)
    return Origin(data.ended(None, begins), data.started(begins), begins, ends)


def check_no_leak(origin: Origin) -> None:
    """Whoever fits a model on ``origin.earlier`` asks first whether it knows of the window.

    Rows are judged by their time, and by every other date or instant they, their products and
    their customers have: a ``last_order_at`` in the window was made of it. A product or a customer
    without an earlier row may have any. A number of a product or customer is a leak if it is in the
    order of how much was sold or bought in the window, or with the window, and not in the order of
    what was before. What was made of the window in other ways cannot be told by looking at it.

    Raises
    ------
    DataError
        An earlier row is of the window or after it, or something knows of the window.
    """
    rows, begins = origin.earlier.rows, origin.begins
    latest = rows["at"].max()
    if isinstance(latest, datetime) and latest >= begins:
        late = int((rows["at"] >= begins).sum())
        raise DataError(
            f"{late:,} of {rows.height:,} rows to learn from are not before the window that is "
            f"judged: it begins {begins}, they go on to {latest}. Fit on Origin.earlier only."
        )
    had = {
        "rows": rows,
        "products": origin.earlier.items[rows["item"].unique()],
        "customers": origin.earlier.users[rows["user"].drop_nulls().unique()],
    }
    for name, frame in had.items():
        for column in frame.columns:
            if (known := _latest(frame[column])) is not None and known >= begins:
                raise DataError(
                    f"Column {column!r} of the {name} to learn from knows {known}, and the window "
                    f"that is judged begins {begins}. Leave it out of [inputs], or select what was "
                    "known by then."
                )
    _check_numbers(origin, "products", "item")
    _check_numbers(origin, "customers", "user")


def _check_numbers(origin: Origin, name: str, key: str) -> None:
    """No number of ``products`` or ``customers`` follows what was sold in the window."""
    frame = origin.earlier.items if key == "item" else origin.earlier.users
    numbers = [column for column in frame.columns if frame[column].dtype.is_numeric()]
    if not numbers:
        return
    before, within = origin.earlier.rows, origin.later.rows
    parts = (before, within, pl.concat([before, within]))
    known, later, total = (_measures(part, key, frame.height) for part in parts)
    for column in numbers:
        values = frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        is_there = np.isfinite(values) & (total["rows"] > 0)
        for measure in known:
            own, *others = (
                _rank_correlation(values[is_there], each[measure][is_there])
                for each in (known, later, total)
            )
            if max(others) >= TOLD > own:
                raise DataError(
                    f"Column {column!r} of the {name} to learn from is in the order of the "
                    f"{measure} in the window that is judged, which begins {origin.begins}. Leave "
                    "it out of [inputs], or select what was known by then."
                )


def _measures(rows: pl.DataFrame, key: str, height: int) -> dict[str, Floats]:
    """By product or customer, ``(height,)``: rows, their weights, baskets, the others of a pair."""
    other = "user" if key == "item" else "item"
    found = (
        rows.drop_nulls(key)
        .group_by(key)
        .agg(
            pl.len().alias("rows"),
            pl.col("weight").cast(pl.Float64).sum().alias("weights"),
            pl.col("basket").drop_nulls().n_unique().alias("baskets"),
            pl.col(other).drop_nulls().n_unique().alias(f"{other}s"),
        )
    )
    place = found[key].to_numpy()
    measures = {}
    for name in found.columns[1:]:
        measures[name] = np.zeros(height)
        measures[name][place] = found[name].to_numpy()
    return measures


def _rank_correlation(a: Floats, b: npt.NDArray[np.floating]) -> float:
    """Spearman's, without its sign; 0 of few values or of equal ones."""
    if len(a) < LEAST_TOLD or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return abs(float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]))


def _latest(values: pl.Series) -> datetime | None:
    """The last instant of a column of dates or instants; of a date its midnight, of an instant with
    a time zone the earliest wall clock that it can be."""
    if not isinstance(values.dtype, pl.Date | pl.Datetime):
        return None
    found = values.max()
    if isinstance(found, datetime):
        if found.tzinfo is None:
            return found
        return found.astimezone(UTC).replace(tzinfo=None) - WALL_CLOCK
    return datetime(found.year, found.month, found.day) if isinstance(found, date) else None


def _span(data: Interactions) -> tuple[datetime, datetime]:
    """The first instant, and the last that there may be; twice the same one of a shop without rows.

    What was cut at an instant was known until then, though nobody bought anything just before.
    """
    first = data.rows["at"].min()
    last = data.ends - TICK
    return first if isinstance(first, datetime) else last, last
