"""What a trained task takes and gives: the contract between the nightly flow and every model.

What belongs here: the shapes that segmentations and recommenders share, and reading their
declarations in ``include/models``. What does not: any model, any database access. A model is a
pure function of frames, its configuration and the champion; the flow reads and writes for it.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ecorse.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class TableSpec:
    """A table that a model writes: what it is about, its grain, its columns.

    ``columns`` maps a column name to ``(SQL type, comment)`` in order and starts with
    ``shop_id``; ``build_id`` is added by the flow. ``checks`` maps a check's name to
    ``(level, SQL)`` where the level is ``fail`` or ``warn`` and the SQL selects the rows that
    break the rule, reading ``marts.<name>``. Several models may fill one table if all name the
    same ``writer_column``: its values tell their rows apart.
    """

    name: str
    about: str
    grain: tuple[str, ...]
    columns: Mapping[str, tuple[str, str]]
    checks: Mapping[str, tuple[Literal["fail", "warn"], str]] = field(default_factory=dict)
    writer_column: str | None = None


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


@dataclass(frozen=True)
class Declaration:
    """One file of ``include/models``: ``<task>_<name>.toml``."""

    name: str
    task: str
    class_path: str
    inputs: Mapping[str, str]
    writes: tuple[str, ...]
    config: Mapping[str, Any]
    path: Path

    def create(self) -> Model:
        """Import the class and construct the model (imports the heavy libraries)."""
        module_name, _, class_name = self.class_path.partition(":")
        try:
            model_class = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"{self.path}: class = {self.class_path!r} cannot be imported ({error}). "
                "Write it as 'package.module:Class'."
            ) from error
        model: Model = model_class(self.config)
        return model


def load_declarations(models_dir: Path) -> list[Declaration]:
    """Read every declaration, sorted by name; imports no model.

    A declaration has the tables ``[model]`` (``class``, ``writes``), ``[inputs]`` (a frame's name
    → one SQL select per shop, reading ``marts.*``) and any further tables, which are the
    model's own configuration.

    Raises
    ------
    ConfigError
        A file is not TOML, or a required entry is missing.
    """
    declarations = []
    for path in sorted(models_dir.glob("*.toml")):
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not valid TOML: {error}") from None
        task = path.stem.partition("_")[0]
        try:
            model, inputs = document.pop("model"), document.pop("inputs")
            declarations.append(
                Declaration(
                    name=path.stem,
                    task=task,
                    class_path=model["class"],
                    inputs=inputs,
                    writes=tuple(model["writes"]),
                    config=document,
                    path=path,
                )
            )
        except KeyError as error:
            raise ConfigError(
                f"{path}: {error} is missing; a model file has [model] with class and writes, "
                "and [inputs] with one select per frame."
            ) from None
    return declarations
