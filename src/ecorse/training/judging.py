"""What a recommender and the best sellers would have foreseen: the figures of one night.

What belongs here: fitting on what came earlier, asking, and comparing with what came later. What
does not: the metrics (``ecorse.evaluate``), the decision.

Lists of products are judged on the latest baskets, of each of which a product is hidden. Lists for
customers are judged on the last windows, each list on what it is for: ``explore`` on what was new
to the customer, ``buy_again`` on what was not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from ecorse.evaluate.cases import Cases, Questions, joined, questions
from ecorse.evaluate.cases import judge as judge_cases
from ecorse.evaluate.leaderboard import scores
from ecorse.evaluate.origins import TICK, Origin, check_no_leak, origins
from ecorse.evaluate.quality import Quality, list_quality
from ecorse.evaluate.ranking import Score, hit_rate
from ecorse.models.base import Recommender, Task
from ecorse.models.declaration import BASELINE
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Ids, Ranked
from ecorse.models.ranked_lists import joined as joined_lists
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.recommenders.choosing import Variety, choose
from ecorse.recommenders.content import ContentConfig
from ecorse.recommenders.content import described as words_of_products
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.recommenders.results import RECOMMENDATION_CASES
from ecorse.training.customer_lists import BLOCK_USERS, ask
from ecorse.training.filling import Filler, filled
from ecorse.training.scores import Timed
from ecorse.training.typed import make_frame

ITEMS = "item_similarity"
OWN = ""  # the method itself, among its parts and the best sellers
Make = Callable[[], Recommender]


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
    windows: tuple[Origin, ...] = ()
    parts: Mapping[str, list[Score]] = field(default_factory=dict)

    @property
    def primary(self) -> Score | None:
        """The figure that a fall is told by: the first list's."""
        return next((score for score in self.scores if score.is_primary), None)


@dataclass(frozen=True)
class Tried:
    """A recommender, how it was judged, and what its fits took."""

    model: Recommender
    judged: Judged
    timed: Timed


def judge(
    make: Make, file: RecommenderFile, data: Interactions, task: Task, timed: Timed
) -> Judged:
    """The figures of a recommender that ``make`` gives unfitted.

    The judged fit has no warm start: the champion has seen what it is judged on.
    """
    found = Judged()
    if "users" in file.model.answers and data.users.height:
        found = _judge_customers(make, file, data, task, timed)
    if "items" in file.model.answers:
        own, beside = _judge_products(make, file, data, task, timed)
        found = replace(found, scores=[*own, *found.scores], baselines=[*beside, *found.baselines])
    return found


def _judge_products(
    make: Make, file: RecommenderFile, data: Interactions, task: Task, timed: Timed
) -> tuple[list[Score], list[Score]]:
    settings = file.holdout
    earlier, later = data.split(settings.share)
    with timed:
        model = make().fit(earlier, task)
    popular = Popular(PopularConfig()).fit(earlier, task)
    few = later.baskets[np.diff(later.baskets.indptr) <= settings.max_basket_products]
    if "baskets" not in model.answers:
        return [], []
    own, beside = (
        replace(hit_rate(judged.answer, few, settings.hits_at, settings.max_cases), list=ITEMS)
        for judged in (model, popular)
    )
    return [own], [beside]


def _judge_customers(
    make: Make, file: RecommenderFile, data: Interactions, task: Task, timed: Timed
) -> Judged:
    """Each kind of list on each window, with the best sellers of the same days beside it."""
    settings, at = file.windows, file.windows.at
    variety = Variety.of(file.diversity, data.items)
    windows = origins(data, settings.days, settings.origins)
    if not windows:
        nothing = [_no_score(kind, at) for kind in file.lists]
        return Judged(nothing, nothing)
    found: dict[str, dict[ListKind, list[Cases]]] = {}
    quality: dict[ListKind, Quality] = {}
    words = described(data)
    for number, origin in enumerate(windows):
        check_no_leak(origin)
        with timed:
            model = make().fit(origin.earlier, task)
        popular = Popular(PopularConfig()).fit(origin.earlier, task)
        filler = Filler.of(origin.earlier)
        for kind in file.lists:
            asked = questions(origin, number, kind, max_cases=settings.max_cases)
            usual = _answer(popular, asked, at, filler)
            listed = _answer(model, asked, at, filler, variety)
            lists = {OWN: listed, BASELINE: usual}
            for name, part in model.members().items():
                if not (part.names_only_own and kind == "explore"):
                    lists[name] = _answer(part, asked, at, filler)
            for name, ranked in lists.items():
                cases = judge_cases(asked, ranked, at, usual)
                found.setdefault(name, {}).setdefault(kind, []).append(cases)
            if not number:
                quality[kind] = list_quality(
                    listed,
                    at,
                    popularity=origin.earlier.popularity,
                    buyers=origin.earlier.n_baskets or origin.earlier.rows.height,
                    possible=asked.possible(),
                    content=words,
                )
    cases_of = {
        name: {kind: joined(parts) for kind, parts in by_kind.items()}
        for name, by_kind in found.items()
    }
    own = cases_of.pop(OWN)
    beside = {
        name: [
            score
            for cases in by_kind.values()
            for score in scores(cases, task.seed)
            if score.slice == "all"
        ]
        for name, by_kind in cases_of.items()
    }
    return Judged(
        scores=[s for kind, cases in own.items() for s in scores(cases, task.seed, quality[kind])],
        baselines=beside.pop(BASELINE),
        cases=own,
        quality=quality,
        windows=tuple(windows),
        parts=beside,
    )


def described(data: Interactions) -> Csr | None:
    """What products are described by, ``(n_items, n_words)``; ``None``: by nothing."""
    _, vectors = words_of_products(data.items, ContentConfig())
    return vectors if vectors.nnz else None


def mean_ndcg(model: Recommender, file: RecommenderFile, origin: Origin) -> float:
    """The mean nDCG of the first declared list on one window; 0 where nobody bought anything."""
    asked = questions(origin, 0, file.lists[0], max_cases=file.windows.max_cases)
    variety = Variety.of(file.diversity, origin.earlier.items)
    listed = _answer(model, asked, file.windows.at, Filler.of(origin.earlier), variety)
    cases = judge_cases(asked, listed, file.windows.at)
    gains = cases.gains[cases.primary]
    return float(gains.mean()) if gains.size else 0.0


def _no_score(kind: ListKind, at: int) -> Score:
    """Of a history too short for a window."""
    return Score("all", f"ndcg_at_{at}", None, is_primary=True, list=kind)


def _answer(
    model: Recommender, asked: Questions, k: int, filler: Filler, variety: Variety | None = None
) -> Ranked:
    """The lists as customers would have seen them: full. The shop's rules are not the method's."""
    found = []
    for start in range(0, max(1, asked.users.size), BLOCK_USERS):
        rows = slice(start, start + BLOCK_USERS)
        users, had = asked.users[rows], asked.had[rows]

        def wide(some: Ids, width: int, users: Ids = users, had: Csr = had) -> Ranked:
            return ask(model, asked.kind, users[some], width, had[some])

        chosen = choose(wide, len(users), k, variety=variety)
        listed, _ = filled(chosen.shown, asked.kind, had, asked.refused[rows], filler)
        found.append(listed)
    return joined_lists(found)


def case_rows(judged: Judged, data: Interactions, shop_id: str, method: str) -> pl.DataFrame:
    """Rows of ``recommendation_cases``."""
    found = [make_frame(RECOMMENDATION_CASES, [])]
    for kind, cases in judged.cases.items():
        starts = pl.Series([origin.begins.date() for origin in judged.windows], dtype=pl.Date)
        ends = pl.Series([(origin.ends - TICK).date() for origin in judged.windows], dtype=pl.Date)
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
