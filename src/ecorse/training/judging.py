"""What a recommender and the best sellers would have foreseen: the figures of one night.

What belongs here: which lists are judged how; lists of products. What does not: lists for customers
(``windows``), the metrics (``ecorse.evaluate``), the decision.

Lists of products are judged on the latest baskets, of each of which a product is hidden. Lists for
customers are judged on the last windows, each list on what it is for: ``explore`` on what was new
to the customer, ``buy_again`` on what was not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecorse.evaluate.origins import check_no_leak, latest
from ecorse.evaluate.ranking import Score, hit_rate
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.segments.label_history import NO_LABELS, LabelHistory
from ecorse.training.contender import Contender
from ecorse.training.judged import Judged
from ecorse.training.scores import Timed
from ecorse.training.windows import judge_customers

ITEMS = "item_similarity"


def judge(
    contender: Contender,
    data: Interactions,
    task: Task,
    timed: Timed,
    labels: LabelHistory = NO_LABELS,
) -> Judged:
    """The figures of a recommender on tonight's ``data``, by which all contenders are judged.

    The judged fit has no warm start: the champion has seen what it is judged on.
    """
    found, answers = Judged(), contender.file.model.answers
    if "users" in answers and data.users.height:
        found = judge_customers(contender, data, task, timed, labels)
    if "items" in answers:
        own, beside = _judge_products(contender, data, task, timed)
        found = replace(found, scores=[*own, *found.scores], baselines=[*beside, *found.baselines])
    return found


def _judge_products(
    contender: Contender, data: Interactions, task: Task, timed: Timed
) -> tuple[list[Score], list[Score]]:
    """Whether the product that is hidden of each of the latest baskets is named beside the rest."""
    settings, origin = contender.file.holdout, latest(data, contender.file.holdout.share)
    check_no_leak(origin)
    with timed:
        model = contender.fit_before(origin, data, task)
    if "baskets" not in model.answers:
        return [], []
    popular = Popular(PopularConfig()).fit(origin.earlier, task)
    baskets = origin.later.baskets
    few = baskets[np.diff(baskets.indptr) <= settings.max_basket_products]
    own, beside = (
        replace(hit_rate(judged.answer, few, settings.hits_at, settings.max_cases), list=ITEMS)
        for judged in (model, popular)
    )
    return [own], [beside]
