"""What a file of ``include/models`` declares: class, inputs, tables, and the model's own settings.

What belongs here: reading declarations; it imports no model. What does not: training.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecorse.errors import ConfigError
from ecorse.models.base import Model
from ecorse.settings import Settings, get_settings


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


def load_declarations(settings: Settings | None = None) -> list[Declaration]:
    """Read every declaration of ``include/models``, sorted by name; imports no model.

    A declaration has the tables ``[model]`` (``class``, ``writes``), ``[inputs]`` (a frame's name
    → one SQL select per shop, reading ``marts.*``) and any further tables, which are the
    model's own configuration.

    Raises
    ------
    ConfigError
        A file is not TOML, or a required entry is missing.
    """
    declarations = []
    for path in (settings or get_settings()).files("models/*.toml"):
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
