"""One night of one segmentation for one shop: train, compare, decide, name, and make its tables.

What belongs here: what every segmentation needs and none should do itself. What does not: any
segmentation; labels, file and tables (``segmentation_*``); database and files (``run``).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ecorse.evaluate.drift import Drift, drift, drift_words, leap_drift, share_drift
from ecorse.evaluate.gate import cluster_jaccard, judge_labels, label_agreement
from ecorse.evaluate.leaps import last_times, leaps_since
from ecorse.features.blocks import hash_features
from ecorse.features.orders import feature_space
from ecorse.models.base import Champion, Decision, ModelResult, Task
from ecorse.models.declaration import Declaration
from ecorse.models.relation import Relation
from ecorse.models.segmentation_file import SegmentationFile
from ecorse.refresh.accept import how_to_accept
from ecorse.segments.history import FIRST_NIGHT, NOBODY, Night
from ecorse.segments.history_tables import HISTORY
from ecorse.segments.meaning import describe_segments
from ecorse.segments.results import (
    LABELS,
    POINTS,
    SEGMENT_TRAITS,
    SEGMENTATION_FEATURES,
    SEGMENTS,
)
from ecorse.training.scores import Timed
from ecorse.training.segmentation_file import Published, declared_hash, packed, published_of
from ecorse.training.segmentation_labels import (
    NOISE_ID,
    NOISE_NAME,
    Applied,
    apply,
    standing,
    steady,
)
from ecorse.training.segmentation_tables import Making, scores_of, tables_of
from ecorse.training.typed import make_frame

log = logging.getLogger(__name__)
WHY_NONE = {
    "order": "no order of the shop is a purchase (marts.orders.is_purchase)",
    "customer": "none that the shop knows has made a purchase (marts.orders.is_purchase)",
    "profile": "no customer file of the shop gives an attribute (marts.customer_profiles)",
}


def relations_of(declaration: Declaration) -> tuple[Relation, ...]:
    """The tables that a declared segmentation fills, beside those that every model fills."""
    entity = declaration.file.entity
    diagnostics: tuple[Relation, ...] = declaration.model_class().diagnostics
    own = (LABELS[entity.name], POINTS[entity.name])
    shared = (SEGMENTS, SEGMENT_TRAITS, SEGMENTATION_FEATURES, *HISTORY)
    return (*own, *shared, *diagnostics)


def run_segmentation(
    declaration: Declaration,
    shop_id: str,
    inputs: dict[str, pl.DataFrame],
    champion: Champion | None,
    night: Night = FIRST_NIGHT,
) -> ModelResult:
    """Train on one shop's lines and label every entity, or keep the champion's labels.

    Parameters
    ----------
    inputs : ``lines``: one row per order line with the columns the declaration names. Taken out:
        the lines as they came need not stay beside the sorted ones.
    champion : the published model; its bytes were checked by sha256.
    night : the day of the data, and what the published night before said.

    Raises
    ------
    ModelRejected
        The champion's file cannot be read.
    DataError
        The input has not the declared columns.
    """
    file: SegmentationFile = declaration.file
    lines = inputs.pop("lines")
    published = published_of(champion, declaration) if champion is not None else None
    features_before = published.features if published is not None else ()
    space = feature_space(lines, file.features, file.entity.id, features_before)
    if space.n == 0:
        return _empty(declaration, champion)
    task = Task(declaration.name, shop_id, file.segmentation.seed)
    made = Making(declaration, shop_id, space, night, published, Timed())
    fresh = declaration.create()
    if published is None or champion is None:
        with made.timed:
            fitted = fresh.fit(space, task, None)
        candidate = apply(fitted, space, None, None, night.published)
        reason = "Promoted: there is no published model to compare with."
        decision = Decision("promoted", reason, {"candidate_k": candidate.k})
        candidate = steady(candidate, space, night.published, file.segmentation.keep_margin)
        return _result(made, candidate, decision, [], None)
    before = apply(published.model, space, published, None, night.published)
    with made.timed:
        fitted = fresh.fit(space, task, published.model)
    candidate = apply(fitted, space, published, before, night.published)
    decision, drifts = _judged(made, published, before, candidate)
    if decision.outcome == "held" and night.is_accepted:
        with made.timed:  # scaling, axes and k are those of before the jump
            fitted = declaration.create().fit(space, task, None)
        candidate = apply(fitted, space, published, before, night.published)
        what = decision.reason.partition(": ")[2]
        reason = f"Promoted, fitted anew, for the jump was accepted: {what}"
        decision = replace(decision, outcome="promoted", reason=reason)
    log.info("%s %s: %s", declaration.name, shop_id, decision.reason)
    margin = file.segmentation.keep_margin
    if decision.outcome == "held":
        is_drifted = bool(decision.numbers["drifted"])
        keep = (
            standing(before, space, night.published)
            if is_drifted
            else steady(before, space, night.published, margin)
        )
        return _result(made, keep, decision, drifts, champion)
    return _result(made, steady(candidate, space, night.published, margin), decision, drifts, None)


def _judged(
    made: Making, published: Published, before: Applied, candidate: Applied
) -> tuple[Decision, list[Drift]]:
    """Promoted or held, by those who were there before; and how far inputs and shares moved."""
    declaration, night = made.declaration, made.night
    limits, known = declaration.file.gate, np.ones(made.space.n, dtype=bool)
    drifts, most = drift(published.references, before.blocks, limits), ""
    drifts += leap_drift(leaps_since(made.space, published.until), limits)
    is_enough = False
    if (then := night.published) is not None:
        here = then.ids_of(made.space.lines.ids) != NOBODY
        known = here if here.any() else known
        is_enough = int(here.sum()) >= max(limits.least_reference, 1)
        is_judged = (
            is_enough and night.day is not None and (night.day - then.day).days <= limits.share_days
        )
        shares, most = share_drift(then.shares(), before.ids, limits, is_judged=is_judged)
        drifts += shares
    old, new = before.ids[known], candidate.ids[known]
    decision = judge_labels(
        limits,
        psi={d.name: d.psi for d in drifts if d.limit is not None},
        drifted=drift_words(drifts, most),
        ari=label_agreement(old, new),
        jaccard=cluster_jaccard(old, new),
        moved=float((old != new).mean()) if is_enough else 0.0,
        champion_k=before.k,
        candidate_k=candidate.k,
        reselection=candidate.model.why_changed(),
        is_declared=published.declared != declared_hash(declaration),
    )
    if decision.outcome == "held" and not night.is_accepted:
        told = how_to_accept(declaration.name, made.shop_id)
        decision = replace(decision, reason=f"{decision.reason} {told}")
    return decision, drifts


def _result(
    made: Making,
    applied: Applied,
    decision: Decision,
    drifts: Sequence[Drift],
    held: Champion | None,
) -> ModelResult:
    """Tables, file and figures of the model that labels tonight's entities."""
    declaration, space = made.declaration, made.space
    file: SegmentationFile = declaration.file
    head, noun = file.segmentation, file.entity.noun
    names = applied.model.names()
    given = None
    if names is not None:
        given = {applied.id_of_label[label]: name for label, name in names.items()}
    if NOISE_ID in applied.segment_ids:
        given = {**(given or {}), NOISE_ID: NOISE_NAME}
    segments = describe_segments(
        space,
        applied.blocks,
        applied.ids,
        applied.segment_ids,
        noun,
        file.naming,
        made.published.segments if made.published else {},
        given=given,
        keep_names=held is not None,
    )
    figures = applied.model.metrics(space, applied.labels, head.seed)
    metrics: dict[str, Any] = {
        **figures,
        "generation": file.model.generation,
        "rows": space.n,
        "k": applied.k,
        "smallest_share": min(segment.share for segment in segments),
        "is_degenerate": applied.model.is_degenerate(),
        "segments": {segment.name: segment.share for segment in segments},
        "next_segment_id": applied.next_id,
        "gate": dict(decision.numbers),
    }
    tables = tables_of(made, applied, segments, drifts)
    tables["model_scores"] = scores_of(made, metrics)
    return ModelResult(
        tables=tables,
        decision=decision,
        artifact=held.artifact
        if held
        else packed(
            applied.model,
            applied.blocks,
            segments,
            applied.id_of_label,
            applied.next_id,
            declared_hash(declaration),
            last_times(space),
        ),
        params={
            "generation": file.model.generation,
            "weights": {feature.name: feature.weight for feature in file.features},
            **applied.model.params(),
        },
        metrics=metrics,
        data_hash=hash_features(space.lines.ids, list(applied.blocks)),
        seed=head.seed,
    )


def _empty(declaration: Declaration, champion: Champion | None) -> ModelResult:
    """No row to train on: empty tables, and the champion stays what it is."""
    noun, generation = declaration.file.entity.noun, declaration.file.model.generation
    return ModelResult(
        tables={spec.name: make_frame(spec, []) for spec in relations_of(declaration)},
        decision=Decision(
            "held" if champion else "refused",
            f"There are no {noun} to segment: {WHY_NONE[declaration.file.entity.name]}.",
            {"rows": 0},
        ),
        artifact=champion.artifact if champion else b"",
        metrics={"generation": generation, "rows": 0, "is_degenerate": True},
        seed=declaration.file.segmentation.seed,
    )
