"""One night of one recommender for one shop: judge, decide, fit on everything, make its lists.

What belongs here: what every recommender needs and none should do itself. What does not: any
recommender, database and files (``run``).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from ecorse.errors import ConfigError, DataError
from ecorse.evaluate.gate import judge_figure
from ecorse.evaluate.ranking import Score
from ecorse.models.base import Blocks, Champion, Decision, ModelResult, Recommender, Task
from ecorse.models.declaration import BASELINE, Declaration
from ecorse.models.interactions import Interactions
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.models.relation import Relation
from ecorse.recommenders.results import (
    ITEM_SIMILARITY,
    OF_ANSWER,
    RECOMMENDATION_CASES,
    RECOMMENDER_TRIALS,
    USER_RECOMMENDATIONS,
)
from ecorse.refresh.accept import how_to_accept
from ecorse.segments.history import FIRST_NIGHT, Night
from ecorse.training.challenge import challenged
from ecorse.training.customer_lists import broken_lists, customer_lists
from ecorse.training.day_rules import Ruled
from ecorse.training.fitted import Fitted
from ecorse.training.judging import Judged, Tried, case_rows, judge
from ecorse.training.lists import broken_neighbours, item_lists
from ecorse.training.planning import planned
from ecorse.training.scores import Timed, score_frame
from ecorse.training.shop_rules import NO_SHOP_RULES, ShopRules
from ecorse.training.tuning import FACTS, Tuned, tuned
from ecorse.training.typed import make_frame

log = logging.getLogger(__name__)


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
    file: RecommenderFile = declaration.file
    own_only = declaration.model_class().names_only_own
    if "users" in file.model.answers and (wrong_lists := _impossible(file.lists, own_only)):
        raise ConfigError(
            f"{declaration.path}: lists = {list(file.lists)}: {file.model.class_} names "
            f"{'nothing but' if own_only else 'more than'} what a customer had before; take out "
            f"{', '.join(wrong_lists)}."
        )
    lists = tuple(table for answer in file.model.answers for table in OF_ANSWER[answer])
    return (*lists, RECOMMENDER_TRIALS) if file.search else lists


def _impossible(lists: Sequence[ListKind], names_only_own: bool) -> list[str]:
    """The kinds of list that a model cannot make."""
    return [k for k in lists if k == ("explore" if names_only_own else "buy_again")]


def run_recommender(
    declaration: Declaration,
    shop_id: str,
    inputs: dict[str, pl.DataFrame],
    champion: Champion | None,
    night: Night = FIRST_NIGHT,
    shop_rules: ShopRules = NO_SHOP_RULES,
) -> ModelResult:
    """Judge a candidate on the latest rows, then fit it on all, or keep the champion.

    Parameters
    ----------
    inputs
        ``products``, ``interactions`` and, if declared, ``customers``; see
        ``Interactions.from_frames``. Any may be empty. They are taken out: the text of a million
        lines need not stay beside their numbers.

    night
        Whether a fall of the first figure is let through, and which lists were served of it.
    shop_rules
        What the shop's rules name. They change lists for customers and no figure: they are the
        shop's business and not the method's merit.

    Raises
    ------
    ModelRejected
        The champion's file cannot be read.
    DataError
        An input has not the needed columns, or a rule names what the shop has not, or rules leave
        no product.
    """
    file: RecommenderFile = declaration.file
    data = Interactions.from_frames(
        inputs.pop("products"),
        weighed(inputs.pop("interactions"), file.weights, declaration),
        inputs.pop("customers", None),
    )
    if "items" not in file.model.answers:
        data = data.of_customers()
    published = Fitted.from_file(champion, declaration) if champion is not None else None
    if not data.items.height or not data.rows.height:
        return _empty(declaration, champion)
    kinds = file.lists if "users" in file.model.answers else ()
    ruled = Ruled.of(shop_rules, kinds, data.items["product_id"])
    task, timed = Task(declaration.name, shop_id, file.seed), Timed()
    found = tuned(declaration, planned(declaration, data.shape), data, task, champion)
    parameters = found.parameters
    judged = judge(lambda: declaration.create(parameters), file, data, task, timed)
    with timed:
        before = published.model if published else None
        model = declaration.create(parameters).fit(data, task, before)
    tried = Tried(model, judged, timed)
    decision = _decide(tried, declaration, shop_id, data, champion, night)
    is_sound = decision.outcome == "promoted"
    challenge = challenged(tried, published, file, data, task, is_accepted=night.is_accepted)
    if is_sound and challenge:
        numbers = {**decision.numbers, **challenge.decision.numbers}
        decision = replace(challenge.decision, numbers=numbers)
    decision = replace(decision, reason=" ".join([decision.reason, *ruled.told]))
    log.info("%s %s: %s", declaration.name, shop_id, decision.reason)
    frame = partial(score_frame, declaration, shop_id, served=night.served)
    facts: dict[str, Any] = {
        "decision": decision,
        "data_hash": _hash(data),
        "seed": file.seed,
        "params": _params(model, file),
    }
    if decision.outcome == "refused":
        # nothing of it is kept, or it would be the next night's champion
        scores = [
            _own(frame, declaration, tried, is_champion=False),
            _beside(frame, declaration, tried),
        ]
        empty = {**_no_lists(declaration), "model_scores": pl.concat(scores)}
        return ModelResult(tables=empty, metrics=_metrics(tried, file, data), **facts)
    stays = challenge.champion if challenge else None  # the published parameters, where judged
    if decision.outcome == "held" and champion and published and not (is_sound and stays):
        # whose lists are served is whose figures are compared; the candidate's are in the decision
        own_judged = judged if challenge is None else stays.judged if stays else Judged()
        facts["params"] = _params(published.model, file)
        shown = _own(frame, declaration, tried, is_champion=False)
        if "judged" in champion.metrics:
            own = [Score(**score) for score in champion.metrics["judged"]]
            shown = frame(declaration.method, own, is_champion=True, timed=timed)
        tables = _lists(declaration, shop_id, data, published, own_judged, ruled, found)
        return ModelResult(
            tables={
                **tables,
                "model_scores": pl.concat([shown, _beside(frame, declaration, tried)]),
            },
            artifact=champion.artifact,
            metrics={**champion.metrics, FACTS: found.facts},
            **facts,
        )
    if stays and decision.outcome == "held":
        # the published parameters make tonight's lists, from tonight's rows
        with stays.timed:
            tried = replace(stays, model=stays.model.fit(data, task, before))
        facts["params"] = _params(tried.model, file)
    fitted = Fitted.on(tried.model, data)
    scores = [_own(frame, declaration, tried, is_champion=True), _beside(frame, declaration, tried)]
    tables = _lists(declaration, shop_id, data, fitted, tried.judged, ruled, found)
    return ModelResult(
        tables={**tables, "model_scores": pl.concat(scores)},
        artifact=fitted.to_file(),
        metrics={**_metrics(tried, file, data), FACTS: found.facts},
        **facts,
    )


def _decide(
    tried: Tried,
    declaration: Declaration,
    shop_id: str,
    data: Interactions,
    champion: Champion | None,
    night: Night,
) -> Decision:
    """Whether tonight's lists are sound, and their first figure is not far below the champion's."""
    file: RecommenderFile = declaration.file
    broken = _broken(tried.model, file, data)
    decision = judge_figure(
        file.gate,
        figure=_figure(tried.judged.primary),
        champion=champion.metrics.get("figure", {}) if champion else None,
        baselines=_values(tried.judged.baselines),
        broken=broken,
        is_accepted=night.is_accepted,
    )
    if decision.outcome == "held" and not broken:
        told = how_to_accept(declaration.name, shop_id)
        return replace(decision, reason=f"{decision.reason} {told}")
    return decision


def _params(model: Recommender, file: RecommenderFile) -> dict[str, Any]:
    """What a model was fitted with, as its version tells it."""
    return {
        "generation": file.model.generation,
        **model.config.model_dump(exclude={"threads"}),
    }


def _own(
    frame: partial[pl.DataFrame], declaration: Declaration, tried: Tried, *, is_champion: bool
) -> pl.DataFrame:
    return frame(
        declaration.method, tried.judged.scores, is_champion=is_champion, timed=tried.timed
    )


def _beside(frame: partial[pl.DataFrame], declaration: Declaration, tried: Tried) -> pl.DataFrame:
    """The best sellers' figures, and those of each part of a blend alone."""
    judged = tried.judged
    found = [frame(BASELINE, judged.baselines, is_baseline=True, served=())]
    for name, scores in judged.parts.items():
        method = f"{declaration.method}/{name}"
        found.append(frame(method, scores, is_baseline=True, served=()))
    return pl.concat(found)


def _metrics(tried: Tried, file: RecommenderFile, data: Interactions) -> dict[str, Any]:
    judged = tried.judged
    return {
        **tried.model.params(),
        "generation": file.model.generation,
        "products": data.items.height,
        "figure": _figure(judged.primary),
        "judged": [asdict(score) for score in judged.scores],
        "baselines": {f"{s.list} {s.slice} {s.metric}": s.value for s in judged.baselines},
    }


def weighed(
    interactions: pl.DataFrame, weights: Mapping[str, float], declaration: Declaration
) -> pl.DataFrame:
    """The rows with the declared weight of their kind; those of weight 0 are left out.

    Raises
    ------
    ConfigError
        The rows have no kind: so they are in every shop.
    DataError
        A kind has no weight: this shop has it, and others may not.
    """
    if not weights:
        return interactions
    where = f"{declaration.path}: [weights]"
    if "kind" not in interactions.columns:
        raise ConfigError(f"{where} needs a column kind; inputs.interactions selects none.")
    kinds = interactions["kind"].drop_nulls().cast(pl.String).unique().sort().to_list()
    if unknown := [kind for kind in kinds if kind not in weights]:
        raise DataError(
            f"{where} has none for {', '.join(unknown)}, which the interactions hold; 0 leaves a "
            "kind out."
        )
    own = pl.col("kind").cast(pl.String).replace_strict(weights, return_dtype=pl.Float64)
    given = pl.col("weight") if "weight" in interactions.columns else pl.lit(1.0)
    return interactions.with_columns(weight=given * own).filter(pl.col("weight") != 0)


def _values(baselines: Sequence[Score]) -> dict[str, float]:
    found = next((s.value for s in baselines if s.is_primary), None)
    return {} if found is None else {BASELINE: found}


def _figure(score: Score | None) -> dict[str, float]:
    if score is None or score.value is None:
        return {"value": 0.0, "cases": 0, "standard_error": 0.0}
    error = score.standard_error
    return {"value": score.value, "cases": score.cases, "standard_error": error}


def _broken(model: Recommender, file: RecommenderFile, data: Interactions) -> list[str]:
    """The rules that a fitted recommender's lists break, in words."""
    broken = []
    if "items" in file.model.answers:
        broken += broken_neighbours(model, file.top_n, data)
    if "users" in file.model.answers:
        broken += broken_lists(model, file.lists, file.top_n, data)
    return broken


def _lists(
    declaration: Declaration,
    shop_id: str,
    data: Interactions,
    fitted: Fitted,
    judged: Judged,
    ruled: Ruled,
    found: Tuned,
) -> dict[str, pl.DataFrame | Blocks]:
    """The lists of a fitted recommender, on tonight's products and customers; what it was judged
    by, and what was searched."""
    file: RecommenderFile = declaration.file
    asked = (fitted, data, shop_id, declaration.method, file)
    tables: dict[str, pl.DataFrame | Blocks] = {}
    if "items" in file.model.answers:
        tables[ITEM_SIMILARITY.name] = item_lists(*asked)
    if "users" in file.model.answers:
        tables[USER_RECOMMENDATIONS.name] = customer_lists(*asked, ruled.kinds)
        rows = case_rows(judged, data, shop_id, declaration.method)
        tables[RECOMMENDATION_CASES.name] = rows
    if file.search is not None:
        tables[RECOMMENDER_TRIALS.name] = found.rows(shop_id, declaration.method)
    return tables


def _no_lists(declaration: Declaration) -> dict[str, pl.DataFrame]:
    return {spec.name: make_frame(spec, []) for spec in relations_of(declaration)}


def _empty(declaration: Declaration, champion: Champion | None) -> ModelResult:
    """Nothing to learn from: empty tables, and the champion stays what it is."""
    why = "the shop has no purchase, and no event that names a product"
    if "items" not in declaration.file.model.answers:
        why = "no purchase of the shop, and none of its visits, names a customer"
    return ModelResult(
        tables=_no_lists(declaration),
        decision=Decision(
            "held" if champion else "refused",
            f"There is nothing to learn from: {why}.",
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
