"""The tables that a segmentation writes: their columns, comments and checks, and their frames.

What belongs here: the shape of results. What does not: computing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import polars as pl

from ecorse.models.relation import TableSpec
from ecorse.segments.artifact import SegmentModel
from ecorse.segments.config import SegmentationConfig
from ecorse.segments.fit import Applied
from ecorse.segments.meaning import Segment
from ecorse.segments.projection import Labels

SHOP = ("text", "Shop")
SEGMENTATION = ("text", "Which segmentation: the name in its declaration")
SEGMENT_ID = ("integer", "Segment; the same number means the same segment on every night")
SEGMENT_NAME = ("text", "Short name by rule from the traits that set the segment apart")
DTYPES: dict[str, type[pl.DataType]] = {
    "text": pl.String,
    "integer": pl.Int64,
    "bigint": pl.Int64,
    "double precision": pl.Float64,
    "boolean": pl.Boolean,
}


def make_specs(config: SegmentationConfig) -> tuple[TableSpec, ...]:
    """The tables of one segmentation, in the order in which they are written.

    Labels and points belong to one kind of entity; all segmentations share the others.
    """
    shared = (*_segment_specs(config), *_model_specs(config))
    return (
        *_entity_specs(config),
        *(replace(spec, writer_column="segmentation") for spec in shared),
    )


def _entity_specs(config: SegmentationConfig) -> tuple[TableSpec, TableSpec]:
    entity, mine = config.entity, f"s.segmentation = '{config.name}'"
    labels, points = f"{entity.table}_segments", f"{entity.table}_segment_points"
    return (
        TableSpec(
            name=labels,
            about=f"Which segment each of the {entity.noun} belongs to",
            grain=("shop_id", entity.id, "segmentation"),
            columns={
                "shop_id": SHOP,
                entity.id: ("text", f"One of the {entity.noun}"),
                "segmentation": SEGMENTATION,
                "segment_id": SEGMENT_ID,
                "segment_name": SEGMENT_NAME,
            },
            checks={
                "every_row_has_a_segment": (
                    "fail",
                    f"select c.shop_id, c.{entity.id} from marts.{entity.covers} as c "
                    f"left join marts.{labels} as s on s.shop_id = c.shop_id "
                    f"and s.{entity.id} = c.{entity.id} and {mine} "
                    f"where c.{entity.id} is not null and s.segment_id is null",
                ),
                "segment_is_described": (
                    "fail",
                    f"select s.shop_id, s.segment_id, s.segment_name, count(*) as members "
                    f"from marts.{labels} as s left join marts.segments as d "
                    f"on d.shop_id = s.shop_id and d.segmentation = s.segmentation "
                    f"and d.segment_id = s.segment_id and d.segment_name = s.segment_name "
                    f"where {mine} and d.segment_id is null "
                    f"group by s.shop_id, s.segment_id, s.segment_name",
                ),
            },
        ),
        TableSpec(
            name=points,
            about=f"A seeded sample of {entity.noun} on two principal components, for plots",
            grain=("shop_id", entity.id, "segmentation"),
            columns={
                "shop_id": SHOP,
                entity.id: ("text", f"One of the {entity.noun}"),
                "segmentation": SEGMENTATION,
                "segment_id": SEGMENT_ID,
                "pc1": ("double precision", "First principal component"),
                "pc2": ("double precision", "Second principal component; 0 where there is one"),
            },
        ),
    )


def _segment_specs(config: SegmentationConfig) -> tuple[TableSpec, TableSpec]:
    mine = f"s.segmentation = '{config.name}'"
    grouped = f"from marts.segments as s where {mine} group by s.shop_id"
    return (
        TableSpec(
            name="segments",
            about="One row per segment: its name, what it means, how large it is",
            grain=("shop_id", "segmentation", "segment_id"),
            columns={
                "shop_id": SHOP,
                "segmentation": SEGMENTATION,
                "segment_id": SEGMENT_ID,
                "segment_name": SEGMENT_NAME,
                "meaning": ("text", "What sets it apart, in a sentence with effect sizes"),
                "members": ("bigint", "How many rows have this label"),
                "share": ("double precision", "Members by all labelled rows, 0 to 1"),
                "leading_trait": ("text", "The name stays while this trait holds"),
                "is_small": ("boolean", "Below the smallest share that the declaration allows"),
                "is_degenerate": (
                    "boolean",
                    "The model had too few distinct rows to choose the number of segments",
                ),
            },
            checks={
                "shares_sum_to_one": (
                    "fail",
                    f"select s.shop_id, sum(s.share) as total {grouped} "
                    "having abs(sum(s.share) - 1) > 1e-9",
                ),
                "names_are_unique": (
                    "fail",
                    f"select s.shop_id, s.segment_name, count(*) as segments {grouped}, "
                    "s.segment_name having count(*) > 1",
                ),
                "no_small_segment": (
                    "warn",
                    f"select s.shop_id, s.segment_id, s.share from marts.segments as s "
                    f"where {mine} and s.is_small",
                ),
                "not_degenerate": (
                    "warn",
                    f"select s.shop_id, s.segment_id from marts.segments as s "
                    f"where {mine} and s.is_degenerate",
                ),
            },
        ),
        TableSpec(
            name="segment_traits",
            about="What sets each segment apart, strongest trait first",
            grain=("shop_id", "segmentation", "segment_id", "trait_rank"),
            columns={
                "shop_id": SHOP,
                "segmentation": SEGMENTATION,
                "segment_id": SEGMENT_ID,
                "trait_rank": ("integer", "1 for the largest effect size"),
                "feature": ("text", "Feature of the declaration"),
                "phrase": ("text", "The trait in a word or two, as used in names"),
                "value": (
                    "double precision",
                    "In the segment: centre of a cycle, geometric mean, or share of a value",
                ),
                "overall_value": ("double precision", "The same over all rows"),
                "effect_size": ("double precision", "0 to 1, comparable between features"),
                "effect_measure": ("text", "Which correlation the effect size is"),
                "contrast": ("double precision", "The feature's own measure of difference"),
                "contrast_measure": (
                    "text",
                    "standardized mean difference, share ratio, or mean resultant length",
                ),
                "sentence": ("text", "The trait as part of a sentence"),
            },
            checks={
                "effect_in_range": (
                    "fail",
                    f"select s.shop_id, s.segment_id, s.trait_rank from marts.segment_traits as s "
                    f"where {mine} and (s.effect_size < 0 or s.effect_size > 1)",
                )
            },
        ),
    )


def _model_specs(config: SegmentationConfig) -> tuple[TableSpec, TableSpec, TableSpec]:
    mine = f"s.segmentation = '{config.name}'"
    return (
        TableSpec(
            name="segmentation_k",
            about="Every number of segments tried when it was last chosen, and why one won",
            grain=("shop_id", "segmentation", "k"),
            columns={
                "shop_id": SHOP,
                "segmentation": SEGMENTATION,
                "k": ("integer", "Number of segments"),
                "inertia": ("double precision", "Sum of squared distances to the own centroid"),
                "silhouette": ("double precision", "Mean silhouette on a seeded sample"),
                "stability": ("double precision", "Mean ARI of refits on bootstrap samples"),
                "smallest_share": ("double precision", "Share of the smallest segment"),
                "is_elbow": ("boolean", "The knee of the inertia curve"),
                "is_admissible": ("boolean", "Segments large and stable enough"),
                "is_chosen": ("boolean", "The k that was chosen"),
                "reason": ("text", "Why it was chosen or not"),
            },
            checks={
                "one_k_is_chosen": (
                    "fail",
                    "select s.shop_id, sum(case when s.is_chosen then 1 else 0 end) as chosen "
                    f"from marts.segmentation_k as s where {mine} group by s.shop_id "
                    "having sum(case when s.is_chosen then 1 else 0 end) <> 1",
                )
            },
        ),
        TableSpec(
            name="segmentation_components",
            about="How much variance each principal component explains",
            grain=("shop_id", "segmentation", "component"),
            columns={
                "shop_id": SHOP,
                "segmentation": SEGMENTATION,
                "component": ("integer", "1 for the first"),
                "explained_variance_share": ("double precision", "Of weighted features, 0 to 1"),
                "cumulative_share": ("double precision", "With all components before"),
            },
            checks={
                "enough_variance_kept": (
                    "fail",
                    "select s.shop_id, max(s.cumulative_share) as kept "
                    f"from marts.segmentation_components as s where {mine} group by s.shop_id "
                    f"having max(s.cumulative_share) > 0 "
                    f"and max(s.cumulative_share) < {config.variance_share!r}",
                )
            },
        ),
        TableSpec(
            name="segmentation_loadings",
            about="How each weighted feature column enters each principal component",
            grain=("shop_id", "segmentation", "component", "feature"),
            columns={
                "shop_id": SHOP,
                "segmentation": SEGMENTATION,
                "component": ("integer", "1 for the first"),
                "feature": ("text", "Feature column"),
                "loading": ("double precision", "Entry of the unit-length component vector"),
            },
        ),
    )


def make_frame(spec: TableSpec, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the columns and types of ``spec``, also without any row."""
    schema = {name: DTYPES[sql_type] for name, (sql_type, _) in spec.columns.items()}
    return pl.DataFrame(rows, schema=schema)


def make_tables(
    specs: Sequence[TableSpec],
    config: SegmentationConfig,
    shop_id: str,
    applied: Applied,
    segments: Sequence[Segment],
    ids: pl.Series,
    sample: Labels,
) -> dict[str, pl.DataFrame]:
    """Every table of a segmentation for one shop.

    ``ids`` name the rows that ``applied`` labelled; ``sample`` are the row indices to plot.
    """
    labelled, points, *others = specs
    model, z = applied.model, applied.z
    key = {"shop_id": shop_id, "segmentation": config.name}
    rows: dict[str, list[dict[str, Any]]] = {
        "segments": [_segment_row(segment, model, config) for segment in segments],
        "segment_traits": [
            {"segment_id": segment.segment_id, "trait_rank": rank, **asdict(trait)}
            for segment in segments
            for rank, trait in enumerate(segment.traits, start=1)
        ],
        "segmentation_k": model.curve,
        **_component_rows(model),
    }
    tables = {
        spec.name: make_frame(spec, [key | row for row in rows[spec.name]]) for spec in others
    }
    segment_ids = np.array([s.segment_id for s in segments], dtype=np.int64)[applied.labels]
    names = pl.Series([s.name for s in segments], dtype=pl.String)
    constant = {name: pl.lit(value) for name, value in key.items()}
    entity = {config.entity.id: ids.cast(pl.String), "segment_id": segment_ids}
    tables[labelled.name] = _arrange(
        pl.DataFrame(entity | {"segment_name": names.gather(applied.labels)}), constant, labelled
    )
    second = z[:, 1] if z.shape[1] > 1 else np.zeros(len(z))
    tables[points.name] = _arrange(
        pl.DataFrame(entity | {"pc1": z[:, 0], "pc2": second})[sample], constant, points
    )
    return tables


def _arrange(frame: pl.DataFrame, constant: dict[str, pl.Expr], spec: TableSpec) -> pl.DataFrame:
    return frame.with_columns(**constant).select(list(spec.columns))


def _segment_row(
    segment: Segment, model: SegmentModel, config: SegmentationConfig
) -> dict[str, Any]:
    return {
        "segment_id": segment.segment_id,
        "segment_name": segment.name,
        "meaning": segment.meaning,
        "members": segment.members,
        "share": segment.share,
        "leading_trait": segment.leading,
        "is_small": segment.share < config.selection.smallest_share,
        "is_degenerate": model.is_degenerate,
    }


def _component_rows(model: SegmentModel) -> dict[str, list[dict[str, Any]]]:
    pca = model.pipeline.named_steps["pca"]
    kept = np.cumsum(pca.explained_variance_ratio_)
    return {
        "segmentation_components": [
            {
                "component": number,
                "explained_variance_share": float(share),
                "cumulative_share": float(kept[number - 1]),
            }
            for number, share in enumerate(pca.explained_variance_ratio_, start=1)
        ],
        "segmentation_loadings": [
            {"component": number, "feature": column, "loading": float(loading)}
            for number, vector in enumerate(pca.components_, start=1)
            for column, loading in zip(model.columns, vector, strict=True)
        ],
    }
