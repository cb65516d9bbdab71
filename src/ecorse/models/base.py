"""What a trained task takes and gives: the contract between the nightly flow and every model.

What belongs here: the shapes that segmentations and recommenders share, and reading their
declarations in ``include/models``. What does not: any model, any database access. A model is a
pure function of frames, its configuration and the champion; the flow reads and writes for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ecorse.models.relation import TableSpec

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Champion:
    """The model version behind the published build, its file already verified by sha256."""

    model_version_id: int
    artifact: bytes
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """Whether the candidate replaces the champion, by which written rule, on which numbers."""

    outcome: Literal["promoted", "held", "refused"]
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelResult:
    """What a task gives for one shop: rows for each table it declared, and the model behind them.

    Frames hold the columns of their ``TableSpec`` without ``build_id``; JSON columns are strings.
    ``artifact`` is the file to keep (skops bytes; empty when the model has no state) - the
    champion's own bytes when the candidate was held. ``params`` and ``metrics`` are JSON-ready.
    """

    tables: Mapping[str, pl.DataFrame]
    decision: Decision
    artifact: bytes = b""
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data_hash: str = ""
    seed: int | None = None


class Model(Protocol):
    """One segmentation or recommender, constructed with its configuration."""

    writes: tuple[TableSpec, ...]

    def __init__(self, config: Mapping[str, Any]) -> None: ...

    def run(
        self, shop_id: str, inputs: Mapping[str, pl.DataFrame], champion: Champion | None
    ) -> ModelResult:
        """Train on one shop's inputs (frames named in the declaration) and give its rows."""
        ...
