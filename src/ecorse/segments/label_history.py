"""Which segment each customer was in before a day, as nights that were published then said.

What belongs here: which published labels are proven to be of before a day. What does not: reading
them (``ecorse.training.labels_before``), what is judged by them (``ecorse.training.windows``).

A label that was made of later purchases knows what a recommender is asked to foresee: it is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

UNKNOWN = ""
LEAST_KNOWN = 0.95  # of those who are asked about


@dataclass(frozen=True)
class PublishedLabels:
    """One segmentation as one published night had it.

    Attributes
    ----------
    day
        The last day of the night's data.
    read
        Gives ``customer_id``, ``segment_name`` and ``since_date`` (the last day of the data of the
        night on which the customer came into this segment).
    """

    day: date
    read: Callable[[], pl.DataFrame]


@dataclass(frozen=True)
class LabelHistory:
    """``nights``: by segmentation the published nights that are kept, newest first."""

    nights: Mapping[str, Sequence[PublishedLabels]] = field(default_factory=dict)

    def before(
        self, day: date, customers: pl.Series, is_asked: npt.NDArray[np.bool_]
    ) -> dict[str, npt.NDArray[np.str_]]:
        """By segmentation, the segment of each of ``customers`` ``(n,)`` before ``day``.

        As the latest night said whose data ended before the day. Without such a night, who is since
        before the day where the oldest night found them was there then, too. But who changed since
        is not known, and those who bought are the likeliest to have: unless ``LEAST_KNOWN`` of
        ``is_asked`` ``(n,)`` are known, nobody is. ``UNKNOWN`` where there is no label; a
        segmentation that knows nobody is left out.
        """
        found = {}
        for name, nights in self.nights.items():
            labels = _before(nights, day, customers, is_asked)
            if labels is not None and (labels != UNKNOWN).any():
                found[name] = labels
        return found


NO_LABELS = LabelHistory()


def _before(
    nights: Sequence[PublishedLabels],
    day: date,
    customers: pl.Series,
    is_asked: npt.NDArray[np.bool_],
) -> npt.NDArray[np.str_] | None:
    earlier = next((night for night in nights if night.day < day), None)
    if earlier is not None:
        return _labels(earlier.read(), customers)
    if not nights:
        return None
    labels = _labels(nights[-1].read().filter(pl.col("since_date") < day), customers)
    known = labels[is_asked] != UNKNOWN
    return labels if known.size and known.mean() >= LEAST_KNOWN else None


def _labels(published: pl.DataFrame, customers: pl.Series) -> npt.NDArray[np.str_]:
    asked = pl.DataFrame({"customer_id": customers.cast(pl.String)})
    own = published.select(pl.col("customer_id", "segment_name").cast(pl.String))
    found = asked.join(own, on="customer_id", how="left", maintain_order="left")
    return found["segment_name"].fill_null(UNKNOWN).to_numpy().astype(np.str_)
