"""Fitting PCA and k-means on a feature space: anew, or from the champion's centroids.

What belongs here: from features to a fitted model. What does not: which of them is published, ids
and names of segments.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ecorse.features.orders import Floats, blocks_of, build_blocks, learn_vocabulary, stack
from ecorse.models.declaration import Feature
from ecorse.models.space import FeatureSpace
from ecorse.segments.identity import first_order
from ecorse.segments.projection import (
    Labels,
    assign,
    count_distinct,
    fit_projection,
    join_pipeline,
    project,
    refit_kmeans,
    reorder_clusters,
)
from ecorse.segments.selection import Selection, select_k, silhouette


@dataclass(frozen=True)
class KMeansModel:
    """A fitted pipeline and what must outlive the night beside it.

    Attributes
    ----------
    vocabulary : values that have a column, per share feature.
    curve : scores of every k when k was selected, on ``rows_selected`` rows.
    """

    pipeline: Pipeline
    features: tuple[Feature, ...]
    spec_hash: str
    vocabulary: dict[str, list[str]]
    columns: list[str]
    curve: list[dict[str, Any]]
    rows_selected: int
    is_degenerate: bool

    @property
    def k(self) -> int:
        """How many segments."""
        return len(self.pipeline.named_steps["kmeans"].cluster_centers_)


def fit_anew(
    space: FeatureSpace, variance_share: float, selection: Selection, seed: int
) -> KMeansModel:
    """Fit everything: vocabulary, scaling, PCA, k; clusters come largest first."""
    vocabulary = learn_vocabulary(space.lines, space.features)
    blocks = blocks_of(space, vocabulary)
    x = stack(blocks)
    projection = fit_projection(blocks, x, variance_share)
    z = project(projection, x)
    distinct = count_distinct(x)
    kmeans, curve = select_k(z, distinct, selection, seed)
    kmeans = reorder_clusters(kmeans, first_order(kmeans.labels_, kmeans.cluster_centers_))
    return KMeansModel(
        pipeline=join_pipeline(projection, kmeans),
        features=space.features,
        spec_hash=spec_hash(space, variance_share),
        vocabulary=vocabulary,
        columns=[column for block in blocks for column in block.columns],
        curve=[score.to_json() for score in curve],
        rows_selected=space.n,
        is_degenerate=distinct <= selection.k_max,
    )


def refit(before: KMeansModel, space: FeatureSpace) -> KMeansModel:
    """Move the champion's centroids to today's rows; scaling and PCA stay as they were.

    Frozen axes are what makes labels comparable: refitted ones could turn or swap components of
    near-equal variance overnight, and then no centroid would mean what it meant.
    """
    centroids = before.pipeline.named_steps["kmeans"].cluster_centers_
    kmeans = refit_kmeans(projected(before, space), centroids)
    return replace(before, pipeline=join_pipeline(before.pipeline, kmeans))


def projected(model: KMeansModel, space: FeatureSpace) -> Floats:
    """The entities on the model's principal components, ``(n, components)``."""
    if model.features == space.features:
        return project(model.pipeline, stack(blocks_of(space, model.vocabulary)))
    blocks = build_blocks(space.lines, model.features, model.vocabulary)
    return project(model.pipeline, stack(blocks))


def spec_hash(space: FeatureSpace, variance_share: float) -> str:
    """sha256 of what shapes the feature space; a champion of another one is no warm start."""
    features = [feature.model_dump(exclude={"low", "high"}) for feature in space.features]
    spec = [features, variance_share, space.entity_column]
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


def why_reselect(
    before: KMeansModel,
    space: FeatureSpace,
    variance_share: float,
    selection: Selection,
    seed: int,
) -> str:
    """Why k is selected again tonight; empty while the champion's k stays acceptable."""
    if before.spec_hash != spec_hash(space, variance_share):
        return "the declared features changed"
    if space.n >= selection.reselect_growth * before.rows_selected:
        return f"there are {space.n} rows, and k was selected on {before.rows_selected}"
    z = projected(before, space)
    return _no_longer_fits(before, z, assign(before.pipeline, z), selection, seed)


def _no_longer_fits(
    before: KMeansModel, z: Floats, labels: Labels, selection: Selection, seed: int
) -> str:
    chosen = next(score for score in before.curve if score["is_chosen"])
    if chosen["silhouette"] is not None:
        now = silhouette(z, labels, selection.sample_rows, seed)
        least = chosen["silhouette"] - selection.reselect_silhouette_loss
        if now is None or now < least:
            return f"the silhouette fell from {chosen['silhouette']:.3f} to {now or 0.0:.3f}"
    members = np.bincount(labels, minlength=before.k)
    smallest = float(members.min() / len(labels))
    if smallest < selection.smallest_share <= chosen["smallest_share"]:
        return f"the smallest segment fell to {smallest:.1%}, below {selection.smallest_share:.1%}"
    return ""
