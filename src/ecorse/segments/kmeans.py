"""The segmentation by PCA and k-means: trained every night, published only when it is stable.

What belongs here: the story of one night for one shop. What does not: its steps, which stand in
``features.orders``, ``pipeline``, ``selection``, ``identity``, ``meaning`` and ``evaluate.gate``.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline

from ecorse.errors import DataError
from ecorse.evaluate.drift import drift, reference_histograms
from ecorse.evaluate.gate import cluster_jaccard, decide, label_agreement
from ecorse.features.orders import (
    Block,
    Floats,
    Lines,
    build_blocks,
    clock_values,
    hash_features,
    learn_vocabulary,
    sort_lines,
    stack,
)
from ecorse.models import Champion, Decision, ModelResult
from ecorse.segments.artifact import SegmentModel, dump_artifact, features_to_json, read_artifact
from ecorse.segments.config import parse_config
from ecorse.segments.identity import first_order, match_segments
from ecorse.segments.meaning import Segment, describe_segments
from ecorse.segments.mixture import hour_mixture_agreement
from ecorse.segments.pipeline import (
    Labels,
    assign,
    count_distinct,
    fit_projection,
    join_pipeline,
    one_thread,
    project,
    refit_kmeans,
    reorder_clusters,
)
from ecorse.segments.selection import sample_rows, select_k, silhouette
from ecorse.segments.tables import make_frame, make_specs, make_tables

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Applied:
    """A model on one night's rows: its feature blocks, projected rows and labels (cluster indices)."""

    model: SegmentModel
    blocks: list[Block]
    z: Floats
    labels: Labels


class PcaKMeans:
    """Segments of any entity with order lines; what and how is the declaration's choice."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = parse_config(config)
        self.writes = make_specs(self.config)

    def run(
        self, shop_id: str, inputs: Mapping[str, pl.DataFrame], champion: Champion | None
    ) -> ModelResult:
        """Train on one shop's lines and label every entity, or keep the champion's labels.

        Parameters
        ----------
        inputs : ``lines``: one row per order line with the columns the declaration names.
        champion : the published model; its bytes were checked by sha256.

        Raises
        ------
        ModelRejected
            The champion's file cannot be trusted or read.
        DataError
            The input has not the declared columns.
        """
        with one_thread():
            lines = sort_lines(self._lines(inputs), self.config.entity.id)
            published = self._read_champion(champion, lines)
            if lines.n == 0:
                return self._empty(champion)
            if published is None:
                candidate, why = self._select(lines), self._why_first(champion)
                decision = Decision("promoted", f"Promoted: {why}.", {"candidate_k": _k(candidate)})
                return self._result(shop_id, lines, candidate, decision, {}, None)
            return self._challenge(shop_id, lines, published, champion)

    def _lines(self, inputs: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        if "lines" not in inputs:
            raise DataError("A segmentation reads one input named 'lines'; declare it in [inputs].")
        frame = inputs["lines"]
        needed = {self.config.entity.id}
        for feature in self.config.features:
            needed |= {feature.column, feature.weigh_by} - {""}
        if missing := sorted(needed - set(frame.columns)):
            raise DataError(
                f"Input 'lines' has no column {', '.join(missing)}; select it in [inputs] of the "
                f"segmentation {self.config.name!r}."
            )
        return frame

    def _read_champion(self, champion: Champion | None, lines: Lines) -> SegmentModel | None:
        """The published model, or ``None`` where the next one starts anew."""
        if champion is None or not champion.artifact:
            return None
        if champion.metrics.get("generation") != self.config.generation:
            return None
        model = read_artifact(champion.artifact)
        readable = {feature.column for feature in model.feature_list} <= set(lines.frame.columns)
        return model if readable else None

    def _why_first(self, champion: Champion | None) -> str:
        if champion is None or not champion.artifact:
            return "there is no published model to compare with"
        return (
            f"the published model was set aside (generation {champion.metrics.get('generation')}, "
            f"declared {self.config.generation}, or other input columns)"
        )

    def _challenge(
        self, shop_id: str, lines: Lines, published: SegmentModel, champion: Champion | None
    ) -> ModelResult:
        """Train a candidate beside the champion and let the gate decide which labels are given."""
        before = _apply(published, lines)
        psi = drift(published.references, before.blocks)
        reselection = self._reselection(before)
        candidate = self._select(lines, before) if reselection else self._refit(before)
        decision = decide(
            self.config.gate,
            psi=psi,
            ari=label_agreement(before.labels, candidate.labels),
            jaccard={
                published.segment_ids[cluster]: value
                for cluster, value in cluster_jaccard(before.labels, candidate.labels).items()
            },
            champion_k=len(published.segments),
            candidate_k=_k(candidate),
            reselection=reselection,
        )
        log.info("%s %s: %s", self.config.name, shop_id, decision.reason)
        previous = {int(s["segment_id"]): s for s in published.segments}
        if decision.outcome == "held":
            return self._result(shop_id, lines, before, decision, previous, champion)
        return self._result(shop_id, lines, candidate, decision, previous, None)

    def _reselection(self, before: Applied) -> str:
        """Why k is selected again tonight; empty while the champion's k stays acceptable."""
        model, rule, rows = before.model, self.config.selection, len(before.labels)
        if model.spec_hash != self.config.spec_hash:
            return "the declared features changed"
        if rows >= rule.reselect_growth * model.rows_selected:
            return f"there are {rows} rows, and k was selected on {model.rows_selected}"
        now = silhouette(before.z, before.labels, rule.sample_rows, self.config.seed)
        then = model.silhouette_selected
        if then is not None and (now is None or now < then - rule.reselect_silhouette_loss):
            return f"the silhouette fell from {then:.3f} to {now or 0.0:.3f}"
        smallest = np.bincount(before.labels, minlength=len(model.segments)).min() / rows
        allowed = min(rule.smallest_share, _smallest_at_selection(model))
        if smallest < allowed / 2:
            return f"the smallest segment fell to {smallest:.1%}"
        return ""

    def _select(self, lines: Lines, before: Applied | None = None) -> Applied:
        """Fit everything anew: vocabulary, scaling, PCA, k; ids carried from ``before`` if given."""
        config = self.config
        vocabulary = learn_vocabulary(lines, config.features)
        blocks = build_blocks(lines, config.features, vocabulary)
        x = stack(blocks)
        projection = fit_projection(blocks, x, config.variance_share)
        z = project(projection, x)
        distinct = count_distinct(x)
        kmeans, curve = select_k(z, distinct, config.selection, config.seed)
        chosen = next(score for score in curve if score.is_chosen)
        model = SegmentModel(
            pipeline=projection,
            features=features_to_json(config.features),
            spec_hash=config.spec_hash,
            vocabulary=vocabulary,
            columns=[column for block in blocks for column in block.columns],
            references=reference_histograms(blocks),
            segments=[],
            next_segment_id=before.model.next_segment_id if before else 1,
            curve=[score.to_json() for score in curve],
            rows_selected=lines.n,
            silhouette_selected=chosen.silhouette,
            is_degenerate=distinct <= config.selection.k_max,
            data_hash=hash_features(lines.ids, blocks),
        )
        return _identify(model, projection, blocks, z, kmeans, before)

    def _refit(self, before: Applied) -> Applied:
        """Move the champion's centroids to today's rows; scaling and PCA stay as they were.

        Frozen axes are what makes labels comparable: refitted ones could turn or swap components of
        near-equal variance overnight, and then no centroid would mean what it meant.
        """
        centroids = before.model.pipeline.named_steps["kmeans"].cluster_centers_
        kmeans = refit_kmeans(before.z, centroids)
        model = replace(before.model, references=reference_histograms(before.blocks))
        return _identify(model, before.model.pipeline, before.blocks, before.z, kmeans, before)

    def _result(
        self,
        shop_id: str,
        lines: Lines,
        applied: Applied,
        decision: Decision,
        previous: Mapping[int, Mapping[str, Any]],
        held: Champion | None,
    ) -> ModelResult:
        """Tables, artifact and metrics of the model that labels tonight's rows."""
        config = self.config
        segments = describe_segments(
            applied.blocks,
            applied.labels,
            applied.model.segment_ids,
            config.entity.noun,
            config.naming,
            previous,
        )
        data_hash = hash_features(lines.ids, applied.blocks)
        model = replace(applied.model, segments=_remember(segments), data_hash=data_hash)
        sample = sample_rows(lines.n, config.points, config.seed)
        return ModelResult(
            tables=make_tables(
                self.writes, config, shop_id, model, segments, lines.ids, applied.labels, applied.z, sample
            ),
            decision=decision,
            artifact=held.artifact if held else dump_artifact(model),
            params={
                "k": len(segments),
                "components": applied.z.shape[1],
                "spec_hash": model.spec_hash,
                "generation": config.generation,
                "weights": {feature.name: feature.weight for feature in model.feature_list},
            },
            metrics=self._metrics(lines, applied, segments, decision),
            data_hash=data_hash,
            seed=config.seed,
        )

    def _metrics(
        self, lines: Lines, applied: Applied, segments: Sequence[Segment], decision: Decision
    ) -> dict[str, Any]:
        config, pca = self.config, applied.model.pipeline.named_steps["pca"]
        return {
            "generation": config.generation,
            "rows": lines.n,
            "k": len(segments),
            "silhouette": silhouette(
                applied.z, applied.labels, config.selection.sample_rows, config.seed
            ),
            "smallest_share": min(segment.share for segment in segments),
            "variance_share": float(pca.explained_variance_ratio_.sum()),
            "is_degenerate": applied.model.is_degenerate,
            "segments": {segment.name: segment.share for segment in segments},
            "hour_mixture_agreement": self._hour_mixture(lines, applied.labels),
            "gate": dict(decision.numbers),
        }

    def _hour_mixture(self, lines: Lines, labels: Labels) -> dict[str, Any]:
        hour = next((f for f in self.config.features if f.kind == "cycle" and f.part == "hour"), None)
        if hour is None:
            return {}
        first = np.searchsorted(lines.entity, np.arange(lines.n))
        hours = clock_values(lines, hour.column, hour.part)[first]
        return hour_mixture_agreement(hours, labels, self.config.seed)

    def _empty(self, champion: Champion | None) -> ModelResult:
        """No row to train on: empty tables, and the champion stays what it is."""
        noun = self.config.entity.noun
        return ModelResult(
            tables={spec.name: make_frame(spec, []) for spec in self.writes},
            decision=Decision(
                "held" if champion else "refused", f"There are no {noun} to segment.", {"rows": 0}
            ),
            artifact=champion.artifact if champion else b"",
            metrics={"generation": self.config.generation, "rows": 0, "is_degenerate": True},
            seed=self.config.seed,
        )


def _k(applied: Applied) -> int:
    return len(applied.model.segments)


def _smallest_at_selection(model: SegmentModel) -> float:
    return float(next(score["smallest_share"] for score in model.curve if score["is_chosen"]))


def _apply(model: SegmentModel, lines: Lines) -> Applied:
    """Label today's rows with a fitted model, by its own vocabulary and axes."""
    blocks = build_blocks(lines, model.feature_list, model.vocabulary)
    z = project(model.pipeline, stack(blocks))
    return Applied(model, blocks, z, assign(model.pipeline, z))


def _identify(
    model: SegmentModel,
    projection: Pipeline,
    blocks: list[Block],
    z: Floats,
    kmeans: KMeans,
    before: Applied | None,
) -> Applied:
    """Give clusters their ids, put them in the order of ids, and label the rows."""
    k = kmeans.n_clusters
    if before is None:
        kmeans = reorder_clusters(kmeans, first_order(kmeans.labels_, kmeans.cluster_centers_))
        ids, next_id = list(range(1, k + 1)), k + 1
    else:
        ids, next_id = match_segments(
            kmeans.labels_, k, before.labels, before.model.segment_ids, before.model.next_segment_id
        )
        kmeans = reorder_clusters(kmeans, list(np.argsort(ids)))
        ids = sorted(ids)
    pipeline = copy.deepcopy(join_pipeline(projection, kmeans))
    named = [{"segment_id": segment_id} for segment_id in ids]
    model = replace(model, pipeline=pipeline, segments=named, next_segment_id=next_id)
    return Applied(model, blocks, z, assign(pipeline, z))


def _remember(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """What of each segment must survive the night."""
    return [
        {"segment_id": s.segment_id, "name": s.name, "leading": s.leading, "phrases": list(s.phrases)}
        for s in segments
    ]
