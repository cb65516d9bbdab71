"""One night of one recommender for one shop: judge, decide, fit on everything, make its lists.

What belongs here: what every recommender needs and none should do itself. What does not: any
recommender, database and files (``run``).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from ecorse.errors import ConfigError
from ecorse.evaluate.gate import judge_figure
from ecorse.evaluate.ranking import Score, hit_rate, recall_and_ndcg
from ecorse.models.base import (
    Blocks,
    Champion,
    Decision,
    ModelResult,
    Recommender,
    Task,
)
from ecorse.models.declaration import BASELINE, Declaration, RecommenderFile
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Ids, Ranked
from ecorse.models.relation import Relation
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.recommenders.results import OF_ANSWER
from ecorse.refresh.accept import how_to_accept
from ecorse.training.envelope import pack, unpack
from ecorse.training.lists import broken_rules, item_lists, user_lists
from ecorse.training.scores import Timed, score_frame
from ecorse.training.typed import make_frame

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """A fitted recommender, and the ids that its numbers stand for."""

    model: Recommender
    product_ids: pl.Series
    customer_ids: pl.Series


def relations_of(declaration: Declaration) -> tuple[Relation, ...]:
    """The tables that a declared recommender fills, beside those that every model fills.

    Raises
    ------
    ConfigError
        The class does not answer for what the declaration has lists of.
    """
    answers = declaration.model_class().answers
    if wrong := [a for a in declaration.file.model.answers if a not in answers]:
        raise ConfigError(
            f"{declaration.path}: model.answers: {declaration.file.model.class_} does not answer "
            f"for {', '.join(wrong)}; it answers for {', '.join(sorted(answers))}."
        )
    return tuple(OF_ANSWER[answer] for answer in declaration.file.model.answers)


def run_recommender(
    declaration: Declaration,
    shop_id: str,
    inputs: dict[str, pl.DataFrame],
    champion: Champion | None,
    *,
    is_accepted: bool = False,
) -> ModelResult:
    """Judge a candidate on the latest baskets, then fit it on all, or keep the champion.

    Parameters
    ----------
    inputs
        ``products``, ``interactions`` and, if declared, ``customers``; see
        ``Interactions.from_frames``. Any may be empty. They are taken out: the text of a million
        lines need not stay beside their numbers.

    is_accepted
        A fall of the first figure is let through.

    Raises
    ------
    ModelRejected
        The champion's file cannot be read.
    DataError
        An input has not the needed columns.
    """
    file: RecommenderFile = declaration.file
    data = Interactions.from_frames(
        inputs.pop("products"), inputs.pop("interactions"), inputs.pop("customers", None)
    )
    published = _read(champion, declaration) if champion is not None else None
    if not data.items.height or not data.rows.height:
        return _empty(declaration, champion)
    task, timed = Task(declaration.name, shop_id, file.seed), Timed()
    scores, baselines = _judge(declaration, data, task, timed)
    with timed:
        before = published.model if published else None
        candidate = declaration.create().fit(data, task, before)
    fitted = Fitted(candidate, data.items["product_id"], data.users["customer_id"])
    primary = next((s for s in scores if s.is_primary), None)
    broken = broken_rules(candidate, file.model.answers, file.top_n, data)
    decision = judge_figure(
        file.gate,
        figure=_figure(primary),
        champion=champion.metrics.get("figure", {}) if champion else None,
        baselines=_values(baselines),
        broken=broken,
        is_accepted=is_accepted,
    )
    if decision.outcome == "held" and not broken:
        told = how_to_accept(declaration.name, shop_id)
        decision = replace(decision, reason=f"{decision.reason} {told}")
    log.info("%s %s: %s", declaration.name, shop_id, decision.reason)
    shown, is_champion = scores, decision.outcome == "promoted"
    if decision.outcome == "held" and champion is not None and "judged" in champion.metrics:
        # whose lists are served is whose figures are compared; the candidate's are in the decision
        shown, is_champion = [Score(**score) for score in champion.metrics["judged"]], True
    own = score_frame(
        declaration, shop_id, declaration.method, shown, is_champion=is_champion, timed=timed
    )
    beside = score_frame(declaration, shop_id, BASELINE, baselines, is_baseline=True)
    metrics = {
        **candidate.params(),
        "generation": file.model.generation,
        "products": data.items.height,
        "figure": _figure(primary),
        "judged": [asdict(score) for score in scores],
        "baselines": {f"{s.slice} {s.metric}": s.value for s in baselines},
    }
    tables: Mapping[str, pl.DataFrame | Blocks]
    if decision.outcome == "held" and champion is not None and published is not None:
        tables = _lists(declaration, shop_id, data, published)
        artifact, metrics = champion.artifact, dict(champion.metrics)
    elif decision.outcome == "refused":
        # nothing of it is kept, or it would be the next night's champion
        tables, artifact = _no_lists(declaration), b""
    else:
        tables, artifact = _lists(declaration, shop_id, data, fitted), _file(fitted)
    return ModelResult(
        tables={**tables, "model_scores": pl.concat([own, beside])},
        decision=decision,
        artifact=artifact,
        params={
            "generation": file.model.generation,
            **candidate.config.model_dump(exclude={"threads"}),
        },
        metrics=metrics,
        data_hash=_hash(data),
        seed=file.seed,
    )


def _judge(
    declaration: Declaration,
    data: Interactions,
    task: Task,
    timed: Timed,
) -> tuple[list[Score], list[Score]]:
    """The candidate's figures on the latest interactions, and those of the best sellers.

    The judged fit has no warm start: the champion has seen what it is judged on.
    """
    settings = declaration.file.holdout
    earlier, later = data.split(settings.share)
    with timed:
        model = declaration.create().fit(earlier, task)
    popular = Popular(PopularConfig()).fit(earlier, task)
    found = []
    for judged in (model, popular):
        scores: list[Score] = []
        if "baskets" in model.answers:
            few = later.baskets[np.diff(later.baskets.indptr) <= settings.max_basket_products]
            scores.append(hit_rate(judged.answer, few, settings.hits_at, settings.max_cases))
        if "users" in model.answers and data.users.height:
            fresh = _unseen(earlier.matrix, later.matrix)
            answer = partial(_recommend_unseen, judged, earlier.matrix)
            scores += recall_and_ndcg(
                answer, earlier.matrix, fresh, settings.hits_at, settings.max_cases
            )
        found.append(_one_primary(scores))
    return found[0], found[1]


def _recommend_unseen(model: Recommender, seen: Csr, users: Ids, k: int) -> Ranked:
    return model.recommend(users, k, seen=seen[users])


def _unseen(earlier: Csr, later: Csr) -> Csr:
    """What of ``later`` a customer had not done before."""
    known = earlier.astype(bool)
    fresh = later - later.multiply(known)
    fresh.eliminate_zeros()
    return fresh.tocsr()


def _one_primary(scores: Sequence[Score]) -> list[Score]:
    """Only the first primary figure stays one: the gate goes by a single figure."""
    kept, has_one = [], False
    for score in scores:
        is_first = score.is_primary and not has_one
        has_one |= is_first
        kept.append(replace(score, is_primary=is_first))
    return kept


def _values(baselines: Sequence[Score]) -> dict[str, float]:
    found = next((s.value for s in baselines if s.is_primary), None)
    return {} if found is None else {BASELINE: found}


def _figure(score: Score | None) -> dict[str, float]:
    if score is None or score.value is None:
        return {"value": 0.0, "cases": 0, "standard_error": 0.0}
    error = score.standard_error
    return {"value": score.value, "cases": score.cases, "standard_error": error}


def _lists(
    declaration: Declaration, shop_id: str, data: Interactions, fitted: Fitted
) -> dict[str, Blocks]:
    """The result tables of a fitted recommender, on tonight's products and customers."""
    file: RecommenderFile = declaration.file
    tables = {}
    if "items" in file.model.answers:
        tables[OF_ANSWER["items"].name] = item_lists(
            fitted.model, fitted.product_ids, data, shop_id, declaration.method, file.top_n
        )
    if "users" in file.model.answers:
        tables[OF_ANSWER["users"].name] = user_lists(
            fitted.model,
            fitted.product_ids,
            fitted.customer_ids,
            data,
            shop_id,
            declaration.method,
            file.top_n,
        )
    return tables


def _no_lists(declaration: Declaration) -> dict[str, pl.DataFrame]:
    return {spec.name: make_frame(spec, []) for spec in relations_of(declaration)}


def _file(fitted: Fitted) -> bytes:
    facts = {"products": fitted.product_ids.to_list(), "customers": fitted.customer_ids.to_list()}
    return pack(facts, fitted.model.dump())


def _read(champion: Champion, declaration: Declaration) -> Fitted:
    facts, files = unpack(champion.artifact)
    model_class = declaration.model_class()
    return Fitted(
        model_class.load(files, declaration.configure(model_class)),
        pl.Series("product_id", facts["products"], dtype=pl.String),
        pl.Series("customer_id", facts["customers"], dtype=pl.String),
    )


def _empty(declaration: Declaration, champion: Champion | None) -> ModelResult:
    """Nothing to learn from: empty tables, and the champion stays what it is."""
    return ModelResult(
        tables=_no_lists(declaration),
        decision=Decision(
            "held" if champion else "refused",
            "There is nothing to learn from: the shop has no purchase, and no event that names a "
            "product.",
            {"rows": 0},
        ),
        artifact=champion.artifact if champion else b"",
        metrics={"generation": declaration.file.model.generation, "products": 0},
        seed=declaration.file.seed,
    )


def _hash(data: Interactions) -> str:
    """sha256 of everything a recommender is made from, whatever the order of the rows."""
    digest = hashlib.sha256()
    for frame in (data.items, data.users):
        digest.update(str(sorted(frame.columns)).encode())
        hashes = frame.select(sorted(frame.columns)).hash_rows(seed=0)
        digest.update(np.ascontiguousarray(hashes.to_numpy()).tobytes())
    hashes = data.rows.select(sorted(data.rows.columns)).hash_rows(seed=0)
    digest.update(np.sort(hashes.to_numpy()).tobytes())
    return digest.hexdigest()
