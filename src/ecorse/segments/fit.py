"""Training one segmentation: choose anew, refit from the champion, or only apply.

What belongs here: going from lines to a fitted model and labels, with segment ids carried.
What does not: deciding which of them is published, names, tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline

from ecorse.evaluate.drift import reference_histograms
from ecorse.features.orders import (
    Block,
    Floats,
    Lines,
    build_blocks,
    hash_features,
    learn_vocabulary,
    stack,
)
from ecorse.segments.artifact import SegmentModel, features_to_json
from ecorse.segments.config import SegmentationConfig, Selection
from ecorse.segments.identity import first_order, match_segments
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
from ecorse.segments.selection import select_k, silhouette


@dataclass(frozen=True)
class Applied:
    """A model on one night's rows.

    ``blocks`` are the features, ``z`` the projected rows ``(n, components)``, ``labels`` the index
    of each row's cluster, ascending by segment id.
    """

    model: SegmentModel
    blocks: list[Block]
    z: Floats
    labels: Labels


def apply_model(model: SegmentModel, lines: Lines) -> Applied:
    """Label today's rows with a fitted model, by its own vocabulary and axes."""
    blocks = build_blocks(lines, model.feature_list, model.vocabulary)
    z = project(model.pipeline, stack(blocks))
    return Applied(model, blocks, z, assign(model.pipeline, z))


def select_model(config: SegmentationConfig, lines: Lines, before: Applied | None) -> Applied:
    """Fit everything anew: vocabulary, scaling, PCA, k; ids come from ``before`` if given."""
    vocabulary = learn_vocabulary(lines, config.features)
    blocks = build_blocks(lines, config.features, vocabulary)
    x = stack(blocks)
    projection = fit_projection(blocks, x, config.variance_share)
    z = project(projection, x)
    distinct = count_distinct(x)
    kmeans, curve = select_k(z, distinct, config.selection, config.seed)
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
        is_degenerate=distinct <= config.selection.k_max,
        data_hash=hash_features(lines.ids, blocks),
    )
    return _identify(model, projection, blocks, z, kmeans, before)


def refit_model(before: Applied, lines: Lines) -> Applied:
    """Move the champion's centroids to today's rows; scaling and PCA stay as they were.

    Frozen axes are what makes labels comparable: refitted ones could turn or swap components of
    near-equal variance overnight, and then no centroid would mean what it meant.
    """
    centroids = before.model.pipeline.named_steps["kmeans"].cluster_centers_
    kmeans = refit_kmeans(before.z, centroids)
    model = replace(
        before.model,
        references=reference_histograms(before.blocks),
        data_hash=hash_features(lines.ids, before.blocks),
    )
    return _identify(model, before.model.pipeline, before.blocks, before.z, kmeans, before)


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
        kmeans = reorder_clusters(kmeans, [int(cluster) for cluster in np.argsort(ids)])
        ids = sorted(ids)
    pipeline = join_pipeline(projection, kmeans)
    unnamed = [{"segment_id": segment_id, "name": "", "leading": ""} for segment_id in ids]
    model = replace(model, pipeline=pipeline, segments=unnamed, next_segment_id=next_id)
    return Applied(model, blocks, z, assign(pipeline, z))


def reselection_due(before: Applied, config: SegmentationConfig) -> str:
    """Why k is selected again tonight; empty while the champion's k stays acceptable."""
    model, rule, rows = before.model, config.selection, len(before.labels)
    if model.spec_hash != config.spec_hash:
        return "the declared features changed"
    if rows >= rule.reselect_growth * model.rows_selected:
        return f"there are {rows} rows, and k was selected on {model.rows_selected}"
    return _no_longer_fits(before, rule, config.seed)


def _no_longer_fits(before: Applied, rule: Selection, seed: int) -> str:
    chosen = next(score for score in before.model.curve if score["is_chosen"])
    now = silhouette(before.z, before.labels, rule.sample_rows, seed)
    if chosen["silhouette"] is not None:
        least = chosen["silhouette"] - rule.reselect_silhouette_loss
        if now is None or now < least:
            return f"the silhouette fell from {chosen['silhouette']:.3f} to {now or 0.0:.3f}"
    members = np.bincount(before.labels, minlength=len(before.model.segments))
    smallest = float(members.min() / len(before.labels))
    if smallest < rule.smallest_share <= chosen["smallest_share"]:
        return f"the smallest segment fell to {smallest:.1%}, below {rule.smallest_share:.1%}"
    return ""
