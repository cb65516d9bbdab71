"""What a recommender's declaration may say, checked before anything is trained.

What belongs here: configuration classes of recommenders. What does not: reading files
(``ecorse.models.base``), anything that trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ecorse.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Weights(_Section):
    @model_validator(mode="after")
    def _add_up_to_one(self) -> _Weights:
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights add up to {total:g}, expected 1")
        return self


class NeighbourSettings(_Section):
    """How many neighbours, and what bounds the counting."""

    top_n: int = Field(20, ge=1, le=1000)
    max_basket_products: int = Field(50, ge=2)
    max_cities: int = Field(50, ge=1, le=500)


class BlendWeights(_Weights):
    """Shares of the two cosines in the score; a share is 0 or at least 0.01."""

    attributes: float = Field(0.1, ge=0, le=1)
    co_purchase: float = Field(0.9, ge=0, le=1)

    @model_validator(mode="after")
    def _not_tiny(self) -> BlendWeights:
        # Below it, differences in the attributes would be lost in the rounding of the blend,
        # and the nearest by attributes need no longer be the nearest by score.
        if 0 < self.attributes < 0.01:
            raise ValueError("attributes must be 0 or at least 0.01")
        return self


class AttributeWeights(_Weights):
    """Shares of the blocks in the attribute cosine."""

    category: float = Field(0.5, ge=0, le=1)
    price_band: float = Field(0.2, ge=0, le=1)
    city: float = Field(0.05, ge=0, le=1)
    daypart: float = Field(0.15, ge=0, le=1)
    month: float = Field(0.1, ge=0, le=1)


class HoldoutSettings(_Section):
    """The part of the orders, the latest, that a candidate is judged on."""

    share: float = Field(0.2, gt=0, lt=1)
    hits_at: int = Field(10, ge=1)
    max_cases: int = Field(5000, ge=1)


class GateSettings(_Section):
    """When a candidate is held."""

    max_drop: float = Field(0.1, ge=0, le=1)
    min_cases: int = Field(500, ge=1)


class ItemSimilarityConfig(_Section):
    """All of ``include/models/recommend_item_similarity.toml`` below ``[inputs]``."""

    neighbours: NeighbourSettings = NeighbourSettings()
    blend: BlendWeights = BlendWeights()
    attributes: AttributeWeights = AttributeWeights()
    holdout: HoldoutSettings = HoldoutSettings()
    gate: GateSettings = GateSettings()
    threads: int = Field(0, ge=0)

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> ItemSimilarityConfig:
        """Check a declaration's configuration.

        Raises
        ------
        ConfigError
            An entry is unknown, out of range, or weights do not add up to 1.
        """
        try:
            return cls.model_validate(dict(config))
        except ValidationError as error:
            problems = "; ".join(
                f"[{'.'.join(map(str, e['loc']))}] {e['msg']}" for e in error.errors()
            )
            raise ConfigError(
                f"recommend_item_similarity.toml: {problems}. Correct the entry and run again."
            ) from None
