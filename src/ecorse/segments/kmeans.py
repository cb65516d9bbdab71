"""The segmentation by PCA and k-means: trained every night, published only when it is stable.

What belongs here: the story of one night for one shop. What does not: its steps, which stand in
``features.orders``, ``training``, ``meaning``, ``tables`` and ``evaluate.gate``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ecorse.columns import Columns
from ecorse.errors import DataError
from ecorse.evaluate.drift import drift
from ecorse.evaluate.gate import cluster_jaccard, decide, label_agreement
from ecorse.features.orders import Lines, clock_values, hash_features, sort_lines
from ecorse.models.base import Champion, Decision, ModelResult
from ecorse.segments.artifact import SegmentModel, dump_artifact, read_artifact
from ecorse.segments.config import parse_config
from ecorse.segments.fit import (
    Applied,
    apply_model,
    refit_model,
    reselection_due,
    select_model,
)
from ecorse.segments.meaning import Segment, describe_segments
from ecorse.segments.mixture import hour_mixture_agreement
from ecorse.segments.projection import Labels, one_thread
from ecorse.segments.results import make_frame, make_specs, make_tables
from ecorse.segments.selection import sample_rows, silhouette

log = logging.getLogger(__name__)


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
                candidate = select_model(self.config, lines, None)
                decision = Decision(
                    "promoted",
                    f"Promoted: {self._why_first(champion)}.",
                    {"candidate_k": len(candidate.model.segments)},
                )
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
        before = apply_model(published, lines)
        reselection = reselection_due(before, self.config)
        if reselection:
            candidate = select_model(self.config, lines, before)
        else:
            candidate = refit_model(before, lines)
        decision = decide(
            self.config.gate,
            psi=drift(published.references, before.blocks, self.config.gate),
            ari=label_agreement(before.labels, candidate.labels),
            jaccard={
                published.segment_ids[cluster]: value
                for cluster, value in cluster_jaccard(before.labels, candidate.labels).items()
            },
            champion_k=len(published.segments),
            candidate_k=len(candidate.model.segments),
            reselection=reselection,
        )
        log.info("%s %s: %s", self.config.name, shop_id, decision.reason)
        previous = {int(s["segment_id"]): s for s in published.segments}
        if decision.outcome == "held":
            return self._result(shop_id, lines, before, decision, previous, champion)
        return self._result(shop_id, lines, candidate, decision, previous, None)

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
            keep_names=held is not None,
        )
        model = replace(applied.model, segments=_remember(segments))
        points = sample_rows(lines.n, config.points, config.seed)
        applied = replace(applied, model=model)
        return ModelResult(
            tables=make_tables(self.writes, config, shop_id, applied, segments, lines.ids, points),
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
            data_hash=hash_features(lines.ids, applied.blocks),
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
        hour = next((f for f in self.config.features if f.part == "hour"), None)
        if hour is None or self.config.entity.id != Columns.OrderId:
            return {}  # only an order has one hour
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


def _remember(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """What of each segment must survive the night."""
    return [
        {"segment_id": segment.segment_id, "name": segment.name, "leading": segment.leading}
        for segment in segments
    ]
