"""One night of one segmentation for one shop: train, compare, decide, name, and make its tables.

What belongs here: what every segmentation needs and none should do itself. What does not: any
segmentation; labels, file and tables (``segmentation_*``); database and files (``run``).
"""

from __future__ import annotations

import logging
from typing import Any

import polars as pl

from ecorse.evaluate.drift import drift
from ecorse.evaluate.gate import cluster_jaccard, judge_labels, label_agreement
from ecorse.features.blocks import hash_features
from ecorse.features.orders import feature_space
from ecorse.models.base import Champion, Decision, ModelResult, Task
from ecorse.models.declaration import Declaration, SegmentationFile
from ecorse.models.relation import Relation
from ecorse.models.space import FeatureSpace
from ecorse.segments.meaning import describe_segments
from ecorse.segments.results import (
    LABELS,
    POINTS,
    SEGMENT_TRAITS,
    SEGMENTATION_FEATURES,
    SEGMENTS,
)
from ecorse.training.scores import Timed
from ecorse.training.segmentation_file import Published, packed, published_of
from ecorse.training.segmentation_labels import NOISE_ID, NOISE_NAME, Applied, apply
from ecorse.training.segmentation_tables import scores_of, tables_of
from ecorse.training.typed import make_frame

log = logging.getLogger(__name__)
WHY_NONE = {
    "orders": "no order of the shop is a purchase (marts.orders.is_purchase)",
    "customers": "none that the shop knows has made a purchase (marts.orders.is_purchase)",
}


def relations_of(declaration: Declaration) -> tuple[Relation, ...]:
    """The tables that a declared segmentation fills, beside those that every model fills."""
    entity = declaration.file.entity
    diagnostics: tuple[Relation, ...] = declaration.model_class().diagnostics
    return (
        LABELS[entity.name],
        POINTS[entity.name],
        SEGMENTS,
        SEGMENT_TRAITS,
        SEGMENTATION_FEATURES,
        *diagnostics,
    )


def run_segmentation(
    declaration: Declaration,
    shop_id: str,
    inputs: dict[str, pl.DataFrame],
    champion: Champion | None,
) -> ModelResult:
    """Train on one shop's lines and label every entity, or keep the champion's labels.

    Parameters
    ----------
    inputs : ``lines``: one row per order line with the columns the declaration names. Taken out:
        the lines as they came need not stay beside the sorted ones.
    champion : the published model; its bytes were checked by sha256.

    Raises
    ------
    ModelRejected
        The champion's file cannot be read.
    DataError
        The input has not the declared columns.
    """
    file: SegmentationFile = declaration.file
    lines = inputs.pop("lines")
    space = feature_space(lines, file.features, file.entity.id)
    if space.n == 0:
        return _empty(declaration, champion)
    task = Task(declaration.name, shop_id, file.segmentation.seed)
    published = published_of(champion, declaration) if champion is not None else None
    timed = Timed()
    fresh = declaration.create()
    if published is None:
        with timed:
            fitted = fresh.fit(space, task, None)
        candidate = apply(fitted, space, None, None)
        decision = Decision(
            "promoted",
            "Promoted: there is no published model to compare with.",
            {"candidate_k": candidate.k},
        )
        return _result(declaration, shop_id, space, candidate, decision, None, None, timed)
    before = apply(published.model, space, published, None)
    with timed:
        fitted = fresh.fit(space, task, published.model)
    candidate = apply(fitted, space, published, before)
    decision = judge_labels(
        file.gate,
        psi=drift(published.references, before.blocks, file.gate),
        ari=label_agreement(before.ids, candidate.ids),
        jaccard=cluster_jaccard(before.ids, candidate.ids),
        champion_k=before.k,
        candidate_k=candidate.k,
        reselection=fitted.why_changed(),
    )
    log.info("%s %s: %s", declaration.name, shop_id, decision.reason)
    if decision.outcome == "held":
        return _result(declaration, shop_id, space, before, decision, published, champion, timed)
    return _result(declaration, shop_id, space, candidate, decision, published, None, timed)


def _result(
    declaration: Declaration,
    shop_id: str,
    space: FeatureSpace,
    applied: Applied,
    decision: Decision,
    published: Published | None,
    held: Champion | None,
    timed: Timed,
) -> ModelResult:
    """Tables, file and figures of the model that labels tonight's entities."""
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
        published.segments if published else {},
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
        "gate": dict(decision.numbers),
    }
    tables = tables_of(declaration, shop_id, space, applied, segments)
    tables["model_scores"] = scores_of(declaration, shop_id, metrics, timed)
    return ModelResult(
        tables=tables,
        decision=decision,
        artifact=held.artifact
        if held
        else packed(applied.model, applied.blocks, segments, applied.id_of_label, applied.next_id),
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
            f"There are no {noun} to segment: {WHY_NONE[noun]}.",
            {"rows": 0},
        ),
        artifact=champion.artifact if champion else b"",
        metrics={"generation": generation, "rows": 0, "is_degenerate": True},
        seed=declaration.file.segmentation.seed,
    )
