"""The tables that only PCA + k-means fills: the curve over k, components, loadings.

What belongs here: their columns, comments and checks.
"""

from __future__ import annotations

from ecorse.models.checks import SqlCheck
from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import Between
from ecorse.segments.results import SEGMENTATION_COLUMN, SHOP, WRITER

K_CURVE = Relation(
    name="segmentation_k",
    about="Every number of segments tried when it was last chosen, and why one won",
    grain=("shop_id", "segmentation", "k"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "k": Column("integer", "Number of segments"),
        "inertia": Column(
            "double precision", "Sum of squared distances to the own centroid, of score_rows"
        ),
        "silhouette": Column("double precision", "Mean silhouette on a seeded sample"),
        "calinski_harabasz": Column(
            "double precision",
            "Variance between the segments by variance within, each by its degrees of freedom",
        ),
        "stability": Column("double precision", "Mean ARI of refits on bootstrap samples"),
        "smallest_share": Column("double precision", "Share of the smallest segment"),
        "is_elbow": Column("boolean", "The knee of the inertia curve"),
        "is_admissible": Column("boolean", "Segments large and stable enough"),
        "is_chosen": Column("boolean", "The k that was chosen"),
        "reason": Column("text", "Why it was chosen or not"),
    },
    checks=(
        SqlCheck(
            name="one_k_is_chosen",
            sentence="Not exactly one k is marked as chosen",
            sql="""
            select s.shop_id, s.segmentation, count(*) filter (where s.is_chosen) as chosen
            from marts.segmentation_k as s
            group by s.shop_id, s.segmentation having count(*) filter (where s.is_chosen) <> 1
            """,
        ),
    ),
    writer_column=WRITER,
)

COMPONENTS = Relation(
    name="segmentation_components",
    about="How much variance each principal component explains",
    grain=("shop_id", "segmentation", "component"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "component": Column("integer", "1 for the first"),
        "explained_variance_share": Column("double precision", "Of weighted features, 0 to 1"),
        "cumulative_share": Column("double precision", "With all components before"),
    },
    checks=(
        Between(
            name="shares_in_range",
            columns=("explained_variance_share",),
            at_least=0.0,
            at_most=1.0,
        ),
    ),
    writer_column=WRITER,
)

LOADINGS = Relation(
    name="segmentation_loadings",
    about="How each weighted feature column enters each principal component",
    grain=("shop_id", "segmentation", "component", "feature"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "component": Column("integer", "1 for the first"),
        "feature": Column("text", "Feature column"),
        "loading": Column("double precision", "Entry of the unit-length component vector"),
    },
    writer_column=WRITER,
)
