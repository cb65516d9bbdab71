"""What judging a recommender gives: its figures, each customer's, and what its fits took.

What belongs here: these results, and customers' figures as rows. What does not: judging
(``judging``, ``windows``), the leaderboard's rows (``scores``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from ecorse.evaluate.cases import Cases
from ecorse.evaluate.quality import Quality
from ecorse.evaluate.ranking import Score
from ecorse.models.base import Recommender
from ecorse.models.interactions import TICK, Interactions
from ecorse.models.recommender_file import ListKind
from ecorse.recommenders.results import RECOMMENDATION_CASES
from ecorse.training.contender import Contender
from ecorse.training.scores import Timed
from ecorse.training.typed import make_frame

Span = tuple[datetime, datetime]  # the first instant of a window, and the first behind it


@dataclass(frozen=True)
class Judged:
    """The candidate's figures, the best sellers' beside them, and each customer's.

    ``cases`` and ``quality`` are by kind of list; ``windows`` are the judged ones, newest first;
    ``parts`` are the figures of each part of a blend by itself.
    """

    scores: list[Score] = field(default_factory=list)
    baselines: list[Score] = field(default_factory=list)
    cases: Mapping[ListKind, Cases] = field(default_factory=dict)
    quality: Mapping[ListKind, Quality] = field(default_factory=dict)
    windows: tuple[Span, ...] = ()
    parts: Mapping[str, list[Score]] = field(default_factory=dict)

    @property
    def primary(self) -> Score | None:
        """The figure that a fall is told by: the first list's."""
        return next((score for score in self.scores if score.is_primary), None)


@dataclass(frozen=True)
class Tried:
    """A contender, its model, how it was judged, and what its fits took."""

    contender: Contender
    model: Recommender
    judged: Judged
    timed: Timed


def case_rows(judged: Judged, data: Interactions, shop_id: str, method: str) -> pl.DataFrame:
    """Rows of ``recommendation_cases``."""
    found = [make_frame(RECOMMENDATION_CASES, [])]
    for kind, cases in judged.cases.items():
        starts = pl.Series([begins.date() for begins, _ in judged.windows], dtype=pl.Date)
        ends = pl.Series([(ends - TICK).date() for _, ends in judged.windows], dtype=pl.Date)
        frame = pl.DataFrame(
            {
                "origin": cases.origin,
                "customer_id": data.users["customer_id"].gather(cases.users),
                "window_start_date": starts.gather(cases.origin),
                "window_end_date": ends.gather(cases.origin),
                "products_before": cases.history,
                "ndcg": cases.gains[cases.primary],
            }
        ).with_columns(shop_id=pl.lit(shop_id), method=pl.lit(method), list=pl.lit(kind))
        found.append(frame.select(found[0].columns).cast(dict(found[0].schema)))  # type: ignore[arg-type]
    return pl.concat(found)
