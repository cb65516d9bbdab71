"""What a recommender and the best sellers would have foreseen: the figures of one night.

What belongs here: fitting on what came earlier, asking, and comparing with what came later. What
does not: the metrics (``ecorse.evaluate``), the decision.

Lists of products are judged on the latest baskets, of each of which a product is hidden. Lists for
customers are judged on the last windows, each list on what it is for: ``explore`` on what was new
to the customer, ``buy_again`` on what was not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.evaluate.ranking import Score, hit_rate, mean_score, ndcg_of, recall_of
from ecorse.models.base import Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Ids
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.recommenders.hybrid import last_window
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.recommenders.results import RECOMMENDATION_CASES
from ecorse.training.customer_lists import BLOCK_USERS, Filler, ask, filled
from ecorse.training.scores import Timed
from ecorse.training.typed import make_frame

ITEMS = "item_similarity"
NO_CASES = make_frame(RECOMMENDATION_CASES, []).drop("shop_id", "method")


@dataclass(frozen=True)
class Judged:
    """The candidate's figures, the best sellers' beside them, and each customer's.

    ``cases`` has the columns of ``recommendation_cases`` but shop and method.
    """

    scores: list[Score] = field(default_factory=list)
    baselines: list[Score] = field(default_factory=list)
    cases: pl.DataFrame = field(default_factory=lambda: NO_CASES)


def judge(
    make: Callable[[], Recommender],
    file: RecommenderFile,
    data: Interactions,
    task: Task,
    timed: Timed,
) -> Judged:
    """The figures of a recommender that ``make`` gives unfitted.

    The judged fit has no warm start: the champion has seen what it is judged on.
    """
    found = Judged()
    if "items" in file.model.answers:
        found = _join(found, _judge_products(make, file, data, task, timed))
    if "users" in file.model.answers and data.users.height:
        found = _join(found, _judge_customers(make, file, data, task, timed))
    return found


def _join(one: Judged, other: Judged) -> Judged:
    return Judged(
        [*one.scores, *other.scores],
        [*one.baselines, *other.baselines],
        pl.concat([one.cases, other.cases]),
    )


def _judge_products(
    make: Callable[[], Recommender],
    file: RecommenderFile,
    data: Interactions,
    task: Task,
    timed: Timed,
) -> Judged:
    settings = file.holdout
    earlier, later = data.split(settings.share)
    with timed:
        model = make().fit(earlier, task)
    popular = Popular(PopularConfig()).fit(earlier, task)
    few = later.baskets[np.diff(later.baskets.indptr) <= settings.max_basket_products]
    found: list[list[Score]] = [[], []]
    if "baskets" in model.answers:
        for scores, judged in zip(found, (model, popular), strict=True):
            rate = hit_rate(judged.answer, few, settings.hits_at, settings.max_cases)
            scores.append(replace(rate, list=ITEMS))
    return Judged(scores=found[0], baselines=found[1])


def _judge_customers(
    make: Callable[[], Recommender],
    file: RecommenderFile,
    data: Interactions,
    task: Task,
    timed: Timed,
) -> Judged:
    """Each kind of list on each window, with the best sellers of the same days beside it."""
    windows = _windows(data, file.windows.days, file.windows.origins)
    parts: list[pl.DataFrame] = []
    beside: list[pl.DataFrame] = []
    for origin, (earlier, later) in enumerate(windows):
        with timed:
            model = make().fit(earlier, task)
        popular = Popular(PopularConfig()).fit(earlier, task)
        for kind in file.lists:
            asked = _asked(kind, earlier, later, file.windows.max_cases)
            parts.append(_cases(model, kind, earlier, later, asked, file, origin))
            if kind != "buy_again":
                beside.append(_cases(popular, kind, earlier, later, asked, file, origin))
    cases, baselines = (
        pl.concat(found) if found else NO_CASES.with_columns(recall=pl.lit(1.0))
        for found in (parts, beside)
    )
    return Judged(_scores(cases, file), _scores(baselines, file), cases.drop("recall"))


def _windows(
    data: Interactions, days: float, origins: int
) -> list[tuple[Interactions, Interactions]]:
    """What came before each of the last windows, and the window, the latest first."""
    found = []
    earlier = data
    for _ in range(origins):
        earlier, later = last_window(earlier, days)
        if not earlier.rows.height or not later.rows.height or earlier is data:
            break
        found.append((earlier, later))
    return found


def _asked(kind: ListKind, earlier: Interactions, later: Interactions, most: int) -> Ids:
    """The customers to judge a kind of list by: who had something before and wanted something."""
    wanted = _wanted(kind, earlier.matrix, later.matrix)
    users = np.flatnonzero((np.diff(earlier.matrix.indptr) > 0) & (np.diff(wanted.indptr) > 0))
    if users.size > most:
        users = users[np.unique(np.linspace(0, users.size - 1, most).astype(np.int64))]
    return users


def _wanted(kind: ListKind, earlier: Csr, later: Csr) -> Csr:
    """What of the later purchases a kind of list is for."""
    if kind == "for_you":
        return later
    again = sparse.csr_matrix(later.multiply(earlier.astype(bool)))
    wanted = again if kind == "buy_again" else sparse.csr_matrix(later - again)
    wanted.eliminate_zeros()
    return wanted


def _cases(
    model: Recommender,
    kind: ListKind,
    earlier: Interactions,
    later: Interactions,
    users: Ids,
    file: RecommenderFile,
    origin: int,
) -> pl.DataFrame:
    """One row per customer, with ``recall`` beside the columns of ``recommendation_cases``."""
    wanted = _wanted(kind, earlier.matrix, later.matrix)
    filler, at = Filler.of(earlier), file.windows.at
    gains, recalls = [], []
    for start in range(0, max(1, users.size), BLOCK_USERS):
        block = users[start : start + BLOCK_USERS]
        history = earlier.matrix[block]
        listed, _ = filled(ask(model, kind, block, at, history), kind, history, filler)
        gains.append(ndcg_of(listed, wanted[block]))
        recalls.append(recall_of(listed, wanted[block]))
    return pl.DataFrame(
        {
            "customer_id": earlier.users["customer_id"].gather(users),
            "products_before": np.diff(earlier.matrix.indptr)[users].astype(np.int64),
            "ndcg": np.concatenate(gains),
            "recall": np.concatenate(recalls),
        }
    ).select(
        list=pl.lit(kind),
        origin=pl.lit(origin, pl.Int64),
        customer_id="customer_id",
        window_start_date=pl.lit(later.rows["at"].min(), pl.Datetime("us")).dt.date(),
        window_end_date=pl.lit(later.rows["at"].max(), pl.Datetime("us")).dt.date(),
        products_before="products_before",
        ndcg="ndcg",
        recall="recall",
    )


def _scores(cases: pl.DataFrame, file: RecommenderFile) -> list[Score]:
    """The means over all customers of all windows, by list."""
    found = []
    for kind in file.lists:
        own = cases.filter(list=kind)
        for metric in ("ndcg", "recall"):
            score = mean_score(
                "all",
                f"{metric}_at_{file.windows.at}",
                [own[metric].to_numpy()],
                is_primary=metric == "ndcg",
            )
            found.append(replace(score, list=kind))
    return found
