"""One night of one segmentation for one shop: train, compare, decide, name, and make its tables.

What belongs here: what every segmentation needs and none should do itself. What does not: any
segmentation, database and files (``run``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from ecorse.errors import ModelRejected
from ecorse.evaluate.drift import drift, reference_histograms
from ecorse.evaluate.gate import cluster_jaccard, judge_labels, label_agreement
from ecorse.features.blocks import PART_ROWS, Block, Labels, hash_features
from ecorse.features.orders import blocks_of, feature_space
from ecorse.models.base import Blocks, Champion, Decision, ModelResult, Segmentation, Task
from ecorse.models.declaration import Declaration, Feature, SegmentationFile
from ecorse.models.relation import Relation
from ecorse.models.space import FeatureSpace
from ecorse.segments.identity import match_segments
from ecorse.segments.meaning import Segment, describe_segments
from ecorse.segments.results import LABELS, POINTS, SEGMENT_TRAITS, SEGMENTS
from ecorse.segments.silhouette import sample_rows
from ecorse.training.envelope import pack, unpack
from ecorse.training.scores import Score, Timed, score_frame
from ecorse.training.typed import make_frame

log = logging.getLogger(__name__)
NOISE_ID, NOISE_NAME = 0, "In no segment"
MOST_SEGMENTS = 1000
WHY_NONE = {
    "orders": "no order of the shop is a purchase (marts.orders.is_purchase)",
    "customers": "none that the shop knows has made a purchase (marts.orders.is_purchase)",
}


@dataclass(frozen=True)
class Applied:
    """A fitted segmentation on tonight's entities.

    ``ids`` ``(n,)`` are their segment ids; ``segment_ids`` those that the model can give,
    ascending; ``next_id`` the next that was never used.
    """

    model: Segmentation
    blocks: Sequence[Block]
    labels: Labels
    ids: Labels
    segment_ids: tuple[int, ...]
    id_of_label: Mapping[int, int]
    next_id: int

    @property
    def k(self) -> int:
        """How many segments; what is in none is not one of them."""
        return len(self.id_of_label)


@dataclass(frozen=True)
class Published:
    """What the champion's file says beside the model: ids, names, and the inputs it was made of."""

    model: Segmentation
    id_of_label: Mapping[int, int]
    next_id: int
    segments: Mapping[int, Mapping[str, Any]]
    references: Mapping[str, Mapping[str, Any]]


def relations_of(declaration: Declaration) -> tuple[Relation, ...]:
    """The tables that a declared segmentation fills, beside those that every model fills."""
    entity = declaration.file.entity
    diagnostics: tuple[Relation, ...] = declaration.model_class().diagnostics
    return (LABELS[entity.name], POINTS[entity.name], SEGMENTS, SEGMENT_TRAITS, *diagnostics)


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
    space = feature_space(lines, _told(lines, file.features), file.entity.id)
    if space.n == 0:
        return _empty(declaration, champion)
    task = Task(declaration.name, shop_id, file.segmentation.seed)
    published = _read(champion, declaration) if champion is not None else None
    timed = Timed()
    fresh = declaration.create()
    if published is None:
        with timed:
            fitted = fresh.fit(space, task, None)
        candidate = _apply(fitted, space, None, None)
        decision = Decision(
            "promoted",
            "Promoted: there is no published model to compare with.",
            {"candidate_k": candidate.k},
        )
        return _result(declaration, shop_id, space, candidate, decision, None, None, timed)
    before = _apply(published.model, space, published, None)
    with timed:
        fitted = fresh.fit(space, task, published.model)
    candidate = _apply(fitted, space, published, before)
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


def _read(champion: Champion, declaration: Declaration) -> Published:
    facts, files = unpack(champion.artifact)
    model_class = declaration.model_class()
    model = model_class.load(files, declaration.configure(model_class))
    return Published(
        model=model,
        id_of_label={int(label): int(i) for label, i in facts["id_of_label"].items()},
        next_id=facts["next_segment_id"],
        segments={int(s["segment_id"]): s for s in facts["segments"]},
        references=facts["references"],
    )


def _apply(
    model: Segmentation, space: FeatureSpace, published: Published | None, before: Applied | None
) -> Applied:
    """Label tonight's entities, and say which segment each label is.

    With ``published`` and no ``before`` the model is the champion itself, with its own ids.
    """
    blocks = blocks_of(space, model.vocabulary())
    names = model.names()
    labels = _checked_labels(model.assign(space), space.n, model.size(), names)
    k = model.size() or max(int(labels.max(initial=-1)) + 1, len(names or ()), 1)
    if names is not None or published is None:
        ids, next_id = list(range(1, k + 1)), k + 1
    elif before is None:
        ids = [published.id_of_label.get(label, 0) for label in range(k)]
        next_id = published.next_id
    else:
        known = labels >= 0
        champion = sorted(set(before.segment_ids) - {NOISE_ID})
        place = {segment_id: number for number, segment_id in enumerate(champion)}
        both = known & (before.ids != NOISE_ID)
        old = np.array([place[i] for i in before.ids[both]], dtype=np.int64)
        ids, next_id = match_segments(labels[both], k, old, champion, published.next_id)
    id_of_label = {label: segment_id for label, segment_id in enumerate(ids) if segment_id}
    given = np.array([*ids, NOISE_ID], dtype=np.int64)[labels]
    segment_ids = sorted(id_of_label.values())
    if (given == NOISE_ID).any():  # noise, and labels that the champion never gave before
        segment_ids = [NOISE_ID, *segment_ids]
    return Applied(model, blocks, labels, given, tuple(segment_ids), id_of_label, next_id)


def _checked_labels(
    given: object, n: int, size: int | None, names: Mapping[int, str] | None
) -> Labels:
    """The labels of a model that kept to the contract; another's are refused, with the reason."""
    labels = np.asarray(given)
    most = MOST_SEGMENTS if size is None else size
    told = list((names or {}).values())
    rules = {
        f"expected whole numbers of shape ({n},), got {labels.dtype} {labels.shape}": (
            labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer)
        ),
        f"names are given to {sorted(names or ())}; expected labels 0, 1, 2 and so on": (
            sorted(names or ()) != list(range(len(told)))
        ),
        f"names must be different texts that are not empty, got {told}": (
            not all(isinstance(name, str) and name.strip() for name in told)
            or len(set(told)) < len(told)
        ),
    }
    for rule, is_broken in rules.items():
        if is_broken:
            raise ModelRejected(f"Labels refused: {rule}.")
    if labels.min() < -1 or labels.max() >= most:
        raise ModelRejected(
            f"Labels refused: they go from {labels.min()} to {labels.max()}; expected -1 (noise) "
            f"to {most - 1}, counted from 0."
        )
    return labels.astype(np.int64, copy=False)


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
    tables = _tables(declaration, shop_id, space, applied, segments)
    tables["model_scores"] = _scores(declaration, shop_id, metrics, timed)
    return ModelResult(
        tables=tables,
        decision=decision,
        artifact=held.artifact if held else _file(applied, segments),
        params={
            "generation": file.model.generation,
            "weights": {feature.name: feature.weight for feature in file.features},
            **applied.model.params(),
        },
        metrics=metrics,
        data_hash=hash_features(space.lines.ids, list(applied.blocks)),
        seed=head.seed,
    )


def _file(applied: Applied, segments: Sequence[Segment]) -> bytes:
    facts = {
        "segments": [
            {"segment_id": s.segment_id, "name": s.name, "leading": s.leading} for s in segments
        ],
        "id_of_label": applied.id_of_label,
        "next_segment_id": applied.next_id,
        "references": reference_histograms(applied.blocks),
    }
    return pack(facts, applied.model.dump())


def _tables(
    declaration: Declaration,
    shop_id: str,
    space: FeatureSpace,
    applied: Applied,
    segments: Sequence[Segment],
) -> dict[str, pl.DataFrame | Blocks]:
    file: SegmentationFile = declaration.file
    head, entity = file.segmentation, file.entity
    key = {"shop_id": shop_id, "segmentation": head.name}
    name_of = {segment.segment_id: segment.name for segment in segments}
    # of a million orders a frame of words is held for some thousands at a time
    ids, given = space.lines.ids, applied.ids

    def labelled(rows: slice | Labels) -> pl.DataFrame:
        frame = pl.DataFrame({entity.id: ids[rows].cast(pl.String), "segment_id": given[rows]})
        return frame.with_columns(
            segment_name=pl.col("segment_id").replace_strict(name_of, return_dtype=pl.String),
            **{name: pl.lit(value) for name, value in key.items()},
        )

    def labels() -> Iterator[pl.DataFrame]:
        for start in range(0, len(ids), PART_ROWS):
            yield labelled(slice(start, start + PART_ROWS)).select(
                list(LABELS[entity.name].columns)
            )

    rows = sample_rows(space.n, head.points, head.seed)
    places = applied.model.points(space, rows)
    if places is None:
        rows, places = rows[:0], np.empty((0, 2))
    plotted = labelled(rows).with_columns(pc1=pl.Series(places[:, 0]), pc2=pl.Series(places[:, 1]))
    described = [
        key
        | {
            "segment_id": segment.segment_id,
            "segment_name": segment.name,
            "meaning": segment.meaning,
            "members": segment.members,
            "share": segment.share,
            "leading_trait": segment.leading,
            "is_small": segment.share < head.smallest_share,
            "is_degenerate": applied.model.is_degenerate(),
        }
        for segment in segments
    ]
    traits = [
        key | {"segment_id": segment.segment_id, "trait_rank": rank, **asdict(trait)}
        for segment in segments
        for rank, trait in enumerate(segment.traits, start=1)
    ]
    own = applied.model.diagnose()
    return {
        entity.labels: Blocks(labels),
        entity.points: plotted.select(list(POINTS[entity.name].columns)),
        SEGMENTS.name: make_frame(SEGMENTS, described),
        SEGMENT_TRAITS.name: make_frame(SEGMENT_TRAITS, traits),
        **{
            spec.name: _diagnosed(spec, key, own.get(spec.name, []))
            for spec in type(applied.model).diagnostics
        },
    }


def _diagnosed(
    spec: Relation, key: dict[str, str], rows: list[dict[str, Any]] | pl.DataFrame
) -> pl.DataFrame:
    """A model's own table with shop and segmentation."""
    if isinstance(rows, pl.DataFrame):
        own = {name: pl.lit(value) for name, value in key.items()}
        return rows.with_columns(**own).select(list(spec.columns))
    return make_frame(spec, [key | row for row in rows])


def _scores(
    declaration: Declaration,
    shop_id: str,
    metrics: Mapping[str, Any],
    timed: Timed,
) -> pl.DataFrame:
    """The leaderboard's rows: figures of the fit that labels tonight's entities."""
    figures = {
        name: value
        for name, value in metrics.items()
        if isinstance(value, float) and name != "generation"
    }
    scores = [
        Score("all", name, value, cases=metrics["rows"], is_primary=name == "silhouette")
        for name, value in sorted(figures.items())
    ]
    return score_frame(
        declaration, shop_id, declaration.method, scores, is_champion=True, timed=timed
    )


def _told(lines: pl.DataFrame, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """The features that the shop's lines say anything about: dates alone tell no hour."""
    return tuple(
        feature
        for feature in features
        if feature.kind != "cycle"
        or feature.column not in lines.columns
        or lines[feature.column].null_count() < max(lines.height, 1)
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
