"""Where a segmentation sees its entities: principal components, frozen from the night they fitted.

What belongs here: feature space to places and back from a file. What does not: scaling and turning
themselves (``projection``), clusters of any kind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ecorse.features.blocks import Block, Floats, Labels
from ecorse.features.orders import blocks_of, build_blocks, learn_vocabulary
from ecorse.models.segmentation_file import WORDINGS, Feature
from ecorse.models.space import FeatureSpace
from ecorse.segments.projection import Projection, fit_projection

EMPTY = {"cycle": pl.Datetime(), "share": pl.String()}  # the type of a column that is gone


@dataclass(frozen=True)
class Axes:
    """A fitted projection, and what it takes to place another night's entities on it.

    Attributes
    ----------
    vocabulary : values that have a column, per share feature.
    columns : name of each feature column, ``(d,)``.
    spec_hash : of what shaped the feature space.
    """

    projection: Projection
    features: tuple[Feature, ...]
    spec_hash: str
    vocabulary: dict[str, list[str]]
    columns: list[str]

    def of(self, space: FeatureSpace) -> Floats:
        """All entities on the axes: ``(n, c)``."""
        return self.projection.of(self._blocks(space))

    def of_rows(self, space: FeatureSpace, rows: Labels) -> Floats:
        """Some entities, by their numbers, on the axes."""
        return self.projection.of([block.take(rows) for block in self._blocks(space)])

    def plot(self, space: FeatureSpace, rows: Labels) -> Floats:
        """The first two axes, ``(len(rows), 2)``; the second is 0 where there is one."""
        z = self.of_rows(space, rows)
        second = z[:, 1] if z.shape[1] > 1 else np.zeros(len(z))
        return np.column_stack([z[:, 0], second])

    def _blocks(self, space: FeatureSpace) -> Sequence[Block]:
        if self.features == space.features:
            return blocks_of(space, self.vocabulary)
        frame = _as_read(space.lines.frame, self.features)
        blocks = build_blocks(replace(space.lines, frame=frame), self.features, self.vocabulary)
        return self._known(blocks)

    def _known(self, blocks: Sequence[Block]) -> Sequence[Block]:
        """Blocks of which a number that nobody has tonight is at the mean that it had."""
        ends = np.cumsum([0, *(len(block.columns) for block in blocks)])
        return [
            replace(block, cells=np.full((block.n, 1), self.projection.means[start]))
            if block.known is not None and not block.known.any()
            else block
            for block, start in zip(blocks, ends[:-1], strict=True)
        ]

    def facts(self) -> dict[str, Any]:
        """All but the arrays, JSON-ready."""
        return {
            "features": [feature.model_dump() for feature in self.features],
            "spec_hash": self.spec_hash,
            "vocabulary": self.vocabulary,
            "columns": self.columns,
        }

    def components(self) -> list[dict[str, Any]]:
        """Rows of ``segmentation_components``."""
        kept = np.cumsum(self.projection.variance_shares)
        return [
            {
                "component": number,
                "explained_variance_share": float(share),
                "cumulative_share": float(kept[number - 1]),
            }
            for number, share in enumerate(self.projection.variance_shares, start=1)
        ]

    def loadings(self) -> list[dict[str, Any]]:
        """Rows of ``segmentation_loadings``."""
        return [
            {"component": number, "feature": column, "loading": float(loading)}
            for number, vector in enumerate(self.projection.components, start=1)
            for column, loading in zip(self.columns, vector, strict=True)
        ]


def _as_read(frame: pl.DataFrame, features: Sequence[Feature]) -> pl.DataFrame:
    """Tonight's columns as earlier features read them; one that is gone says nothing."""
    text = {name for name, dtype in frame.schema.items() if dtype in (pl.String, pl.Enum)}
    columns = []
    for feature in features:
        name = feature.column
        if name not in frame.columns:
            columns.append(pl.lit(None, EMPTY.get(feature.kind, pl.Float64())).alias(name))
        elif feature.is_number and feature.kind != "log_distinct" and name in text:
            columns.append(pl.col(name).cast(pl.String).cast(pl.Float64, strict=False))
        elif feature.kind == "share" and frame[name].dtype.is_float():
            # as it stood in the file: 3, not 3.0
            columns.append(pl.col(name).cast(pl.String).str.strip_suffix(".0"))
    gone = {feature.weigh_by for feature in features} - {"", *frame.columns}
    columns += [pl.lit(None, pl.Float64).alias(name) for name in sorted(gone)]
    return frame.with_columns(columns)


def axes_from(facts: dict[str, Any], arrays: Mapping[str, Floats]) -> Axes:
    """Axes from ``Axes.facts``, which are taken out of ``facts``, and the projection's arrays."""
    features = tuple(Feature(**feature) for feature in facts.pop("features"))
    own = {name: facts.pop(name) for name in ("spec_hash", "vocabulary", "columns")}
    return Axes(Projection(**arrays), features, **own)


def fit_axes(space: FeatureSpace, variance_share: float) -> tuple[Axes, Floats]:
    """Learn vocabulary, scaling and axes from a night; gives its entities' places with them."""
    vocabulary = learn_vocabulary(space.lines, space.features)
    blocks = blocks_of(space, vocabulary)
    projection = fit_projection(blocks, variance_share)
    axes = Axes(
        projection=projection,
        features=space.features,
        spec_hash=spec_hash(space, variance_share),
        vocabulary=vocabulary,
        columns=[column for block in blocks for column in block.columns],
    )
    return axes, projection.of(blocks)


def why_another_space(before: Axes, space: FeatureSpace, variance_share: float) -> str:
    """What shapes the feature space otherwise than ``before``; empty where nothing does."""
    if before.spec_hash == spec_hash(space, variance_share):
        return ""
    was, now = ({f.name: f for f in features} for features in (before.features, space.features))
    told = [f"{name} is gone" for name in was if name not in now]
    told += [f"{name} is new" for name in now if name not in was]
    for name in was:
        if name not in now or _shape(was[name]) == _shape(now[name]):
            continue
        kinds = was[name].kind, now[name].kind
        told.append(
            f"{name} was a {kinds[0]} and is a {kinds[1]}"
            if kinds[0] != kinds[1]
            else f"{name} is declared otherwise"
        )
    return f"the features changed ({', '.join(told)})" if told else "the declaration changed"


def spec_hash(space: FeatureSpace, variance_share: float) -> str:
    """sha256 of what shapes the feature space; a champion of another one is no warm start."""
    features = [_shape(feature) for feature in space.features]
    spec = [features, variance_share, space.entity_column]
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


def _shape(feature: Feature) -> dict[str, Any]:
    """All of a feature but its words, which change no label."""
    return feature.model_dump(exclude=WORDINGS)
