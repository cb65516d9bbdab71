"""The configuration of a segmentation, as its file in ``include/models`` declares it.

What belongs here: typed entries and their validation. What does not: defaults that hide a
choice; every entry stands in the file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ecorse.errors import ConfigError
from ecorse.evaluate.gate import GateLimits
from ecorse.features.orders import Feature, parse_features

Section = TypeVar("Section")
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Entity:
    """What is clustered: id column, noun in sentences, part of table names, mart it covers."""

    id: str
    noun: str
    table: str
    covers: str


@dataclass(frozen=True)
class Selection:
    """How the number of segments is chosen, and when it is chosen again."""

    k_min: int
    k_max: int
    smallest_share: float
    min_stability: float
    silhouette_slack: float
    sample_rows: int
    bootstrap_rows: int
    bootstraps: int
    restarts: int
    reselect_growth: float
    reselect_silhouette_loss: float


@dataclass(frozen=True)
class Naming:
    """From which effect size on a trait may name a segment, and how many may."""

    min_effect: float
    max_traits: int


@dataclass(frozen=True)
class SegmentationConfig:
    """One segmentation, complete."""

    name: str
    seed: int
    generation: int
    entity: Entity
    features: tuple[Feature, ...]
    variance_share: float
    selection: Selection
    naming: Naming
    gate: GateLimits
    points: int

    @property
    def spec_hash(self) -> str:
        """sha256 of what shapes the feature space; a champion of another spec is no warm start."""
        features = [vars(replace(feature, low="", high="")) for feature in self.features]
        spec = [features, self.variance_share, self.entity.id]
        return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


def parse_config(config: Mapping[str, Any]) -> SegmentationConfig:
    """Read and check a declaration's own tables.

    Raises
    ------
    ConfigError
        A table or entry is missing, unknown, or cannot be.
    """
    try:
        head = config["segmentation"]
        parsed = SegmentationConfig(
            name=head["name"],
            seed=head["seed"],
            generation=head["generation"],
            entity=_section(Entity, config, "entity"),
            features=parse_features(config["features"]),
            variance_share=config["pca"]["variance_share"],
            selection=_section(Selection, config, "selection"),
            naming=_section(Naming, config, "naming"),
            gate=_section(GateLimits, config, "gate"),
            points=config["points"]["rows"],
        )
    except KeyError as error:
        raise ConfigError(
            f"Segmentation: {error} is missing. See include/models/segment_orders.toml."
        ) from None
    for word in (parsed.name, parsed.entity.id, parsed.entity.table, parsed.entity.covers):
        if not IDENTIFIER.fullmatch(word):
            raise ConfigError(
                f"Segmentation {parsed.name!r}: {word!r} becomes part of SQL and must be "
                "lower-case letters, digits and _, starting with a letter."
            )
    chosen = parsed.selection
    if not 2 <= chosen.k_min <= chosen.k_max:
        raise ConfigError(
            f"[selection] needs 2 <= k_min <= k_max, got {chosen.k_min} and {chosen.k_max}."
        )
    if not 0 < parsed.variance_share < 1:
        raise ConfigError(f"[pca] variance_share = {parsed.variance_share} must be within 0 and 1.")
    return parsed


def _section(kind: type[Section], config: Mapping[str, Any], name: str) -> Section:
    try:
        return kind(**config[name])
    except TypeError as error:
        raise ConfigError(f"[{name}]: {error}. See include/models/segment_orders.toml.") from None
