"""Which of several density clusterings is taken, by one written rule, and the table that says so.

The rule: at least 2 segments and at most ``most_segments``, not more noise than allowed. Of those
whose density-based validation is near the best those are left that agree most with all others that
are allowed, for a structure that is there is seen at many settings; the least noise wins. Where
none is allowed, no structure was found: everyone is in one segment, and the night says so.

What belongs here: what DBSCAN and HDBSCAN share: settings, rule, tables. What does not: the
clusterings (``dbscan``, ``hdbscan``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydantic import Field

from ecorse.evaluate.gate import label_agreement
from ecorse.features.blocks import Floats, Labels
from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import Between
from ecorse.models.space import FeatureSpace
from ecorse.segments.anchored import Anchored, AnchoredConfig
from ecorse.segments.anchors import Anchors
from ecorse.segments.results import SEGMENTATION_COLUMN, SHOP, WRITER
from ecorse.segments.silhouette import sample_rows
from ecorse.segments.validity import density_validity

NO_STRUCTURE = (
    "no structure was found: no setting gave segments that the declaration allows, so that all are "
    "in one"
)
CURVE_POINTS = 100
AGREEMENT_SLACK = 0.1  # settings that differ by less tell of one structure: noise decides

GRID = Relation(
    name="segmentation_density_grid",
    about="Every setting of a density clustering that was tried, and why one won",
    grain=("shop_id", "segmentation", "setting"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "setting": Column("integer", "1 for the first that was tried"),
        "min_samples": Column("integer", "Rows near a row, itself among them, to be dense"),
        "eps": Column("double precision", "How near, on the weighted axes; null for HDBSCAN"),
        "segments": Column("integer", "How many segments it gave"),
        "noise_share": Column("double precision", "Share of rows in no segment, 0 to 1"),
        "density_validity": Column(
            "double precision", "DBCV, -1 to 1, on a seeded sample; null below 2 segments"
        ),
        "agreement": Column(
            "double precision", "Mean ARI with the other admissible settings; null if it is none"
        ),
        "is_admissible": Column("boolean", "Segments and noise as the declaration allows"),
        "is_chosen": Column("boolean", "The setting that was chosen"),
        "reason": Column("text", "Why it was chosen or not"),
    },
    checks=(
        Between(name="noise_share_in_range", columns=("noise_share",), at_least=0.0, at_most=1.0),
    ),
    writer_column=WRITER,
)

K_DISTANCE = Relation(
    name="segmentation_k_distance",
    about="How near the neighbours of rows are, sorted: where the curve turns up, eps is",
    grain=("shop_id", "segmentation", "min_samples", "place"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "min_samples": Column("integer", "The neighbour that is asked for, the row itself first"),
        "place": Column("integer", "Point of the curve, 1 for the densest rows"),
        "rows_share": Column("double precision", "Share of rows up to here, 0 to 1"),
        "distance": Column("double precision", "To that neighbour, on the weighted axes"),
        "is_knee": Column("boolean", "Where the curve turns up: eps before any factor"),
    },
    writer_column=WRITER,
)


class DensityConfig(AnchoredConfig):
    """The part of ``[parameters]`` that DBSCAN and HDBSCAN share.

    A group below ``smallest_share`` of the rows is noise. The model is made anew also when the
    share of noise rose by more than ``reselect_noise_gain``: something dense may be there.
    """

    min_samples: tuple[int, ...] = Field((5, 10, 20), min_length=1)
    smallest_share: float = Field(0.01, ge=0, lt=1)
    max_noise_share: float = Field(0.4, ge=0, le=1)
    most_segments: int = Field(20, ge=2, le=1000)
    validity_slack: float = Field(0.2, ge=0, le=2)
    reselect_noise_gain: float = Field(0.05, gt=0, le=1)


class ByDensity(Anchored):
    """Segments by density: made anew when more rows than before are in none."""

    def why_no_longer_fits(self, champion: Self, space: FeatureSpace) -> str:
        """Whether the share of noise rose."""
        noise, before = float(np.mean(champion.assign(space) < 0)), champion.model.noise_share
        if noise > before + self.config.reselect_noise_gain:
            return f"the share in no segment rose from {before:.1%} to {noise:.1%}"
        return ""


@dataclass(frozen=True)
class Setting:
    """One setting that was tried, and what came of it; ``labels`` ``(n,)`` of the sample."""

    min_samples: int
    eps: float | None
    labels: Labels
    validity: float | None

    @property
    def segments(self) -> int:
        """How many clusters."""
        return int(self.labels.max(initial=-1)) + 1

    @property
    def noise_share(self) -> float:
        """Share of rows in none."""
        return float(np.mean(self.labels < 0))


def judged(
    z: Floats, min_samples: int, eps: float | None, labels: Labels, rows: int, seed: int
) -> Setting:
    """A setting with its validation, on ``rows`` rows of a seeded sample of ``z``."""
    sample = sample_rows(len(z), rows, seed)
    return Setting(min_samples, eps, labels, density_validity(z[sample], labels[sample]))


def without_small(labels: Labels, weights: Labels, smallest_share: float) -> Labels:
    """Clusters of fewer rows than ``smallest_share`` become noise; the others are numbered anew.

    ``weights`` ``(n,)``: how many rows each stands for.
    """
    k = int(labels.max(initial=-1)) + 1
    members = np.bincount(labels[labels >= 0], weights[labels >= 0], minlength=k)
    stays = members >= smallest_share * weights.sum()
    number = np.append(np.where(stays, np.cumsum(stays) - 1, -1), -1)
    return number[labels]


def choose_setting(
    tried: Sequence[Setting], config: DensityConfig
) -> tuple[int | None, list[dict[str, Any]]]:
    """The place of the chosen setting, ``None`` where none is allowed, and the rows of ``GRID``."""
    objections = [_objection(setting, config) for setting in tried]
    able = [place for place, objection in enumerate(objections) if not objection]
    agreement = {place: _agreement(tried, place, able) for place in able}
    chosen = _winner(tried, agreement, config)
    rows = []
    for place, setting in enumerate(tried):
        reason = objections[place]
        if place in agreement:
            told = "chosen" if place == chosen else f"setting {(chosen or 0) + 1} was preferred"
            reason = (
                f"{told}: density validity {setting.validity:.3f}, noise "
                f"{setting.noise_share:.1%}, agreement with the others {agreement[place]:.2f}"
            )
        rows.append(
            {
                "setting": place + 1,
                "min_samples": setting.min_samples,
                "eps": setting.eps,
                "segments": setting.segments,
                "noise_share": setting.noise_share,
                "density_validity": setting.validity,
                "agreement": agreement.get(place),
                "is_admissible": place in agreement,
                "is_chosen": place == chosen,
                "reason": reason,
            }
        )
    return chosen, rows


def _winner(
    tried: Sequence[Setting], agreement: dict[int, float], config: DensityConfig
) -> int | None:
    if not agreement:
        return None
    validity = {place: tried[place].validity or 0.0 for place in agreement}  # each has one
    best = max(validity.values())
    near = [p for p in agreement if validity[p] >= best - config.validity_slack]
    most = max(agreement[p] for p in near)
    alike = [p for p in near if agreement[p] >= most - AGREEMENT_SLACK]
    return min(alike, key=lambda p: (tried[p].noise_share, -validity[p], p))


def _agreement(tried: Sequence[Setting], place: int, able: Sequence[int]) -> float:
    """Mean agreement with the other settings that are allowed; 1 where there is none."""
    others = [label_agreement(tried[place].labels, tried[o].labels) for o in able if o != place]
    return float(np.mean(others)) if others else 1.0


def _objection(setting: Setting, config: DensityConfig) -> str:
    if setting.segments < 2:
        return f"{'1 segment' if setting.segments else 'no segment'}, needed 2"
    if setting.segments > config.most_segments:
        return f"{setting.segments} segments, allowed {config.most_segments}"
    if setting.noise_share > config.max_noise_share:
        return f"noise {setting.noise_share:.1%}, allowed {config.max_noise_share:.1%}"
    if setting.validity is None:
        return "no density validity: too few rows of each segment in the sample"
    return ""


def one_segment(width: int) -> Anchors:
    """Of rows without structure: everyone is in the one segment."""
    return Anchors(np.zeros((1, width)), np.zeros(1, dtype=np.int64), np.full(1, np.inf))


def curve_rows(min_samples: int, curve: Floats, knee: float) -> list[dict[str, Any]]:
    """Rows of ``K_DISTANCE``: up to a hundred points of a sorted curve, the knee among them."""
    n = len(curve)
    at = np.unique(np.linspace(0, n - 1, min(n, CURVE_POINTS)).round().astype(np.int64))
    turn = int(np.searchsorted(curve, knee))
    at = np.union1d(at, [turn])
    return [
        {
            "min_samples": min_samples,
            "place": place,
            "rows_share": float((number + 1) / n),
            "distance": float(curve[number]),
            "is_knee": bool(number == turn),
        }
        for place, number in enumerate(at, start=1)
    ]
