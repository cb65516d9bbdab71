"""The tables that only PCA + k-means fills: the curve over k, components, loadings.

What belongs here: their columns, comments and checks.
"""

from __future__ import annotations

from ecorse.models.relation import TableSpec
from ecorse.segments.results import SEGMENTATION, SHOP

K_CURVE = TableSpec(
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
            "select s.shop_id, s.segmentation, sum(case when s.is_chosen then 1 else 0 end) as chosen "
            "from marts.segmentation_k as s group by s.shop_id, s.segmentation "
            "having sum(case when s.is_chosen then 1 else 0 end) <> 1",
        )
    },
    writer_column="segmentation",
)

COMPONENTS = TableSpec(
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
    writer_column="segmentation",
)

LOADINGS = TableSpec(
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
    writer_column="segmentation",
)
