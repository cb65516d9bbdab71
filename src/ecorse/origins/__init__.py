"""Origins: where a shop's files come from. One module per origin.

What belongs here: giving local files to load, and what is known of where they came from. What
does not: what is in the files (``ecorse.sources``), loading them (``ecorse.flow``).

A new origin is one new module in this folder with a function ``fetch(settings, options)`` and a
mapping ``OPTIONS`` (option name → what it means); its name is the module's. Modules whose name
starts with an underscore are helpers.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ecorse.errors import ConfigError

if TYPE_CHECKING:
    from ecorse.settings import Settings


@dataclass(frozen=True)
class SourceFile:
    """One local file to load; ``file_name`` identifies it within its shop and source.

    ``provenance`` says where it came from (JSON-ready; no secrets).
    """

    path: Path
    file_name: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Origin(Protocol):
    """What a module of this package is."""

    OPTIONS: Mapping[str, str]

    def fetch(self, settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
        """Give the files, sorted by file name; never an empty list."""
        ...


def origin_names() -> tuple[str, ...]:
    """Give the names of all origins, sorted; imports none of them."""
    modules = pkgutil.iter_modules(__path__)
    return tuple(sorted(m.name for m in modules if not m.name.startswith("_")))


def fetch_files(name: str, settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Let the named origin give its files.

    Raises
    ------
    ConfigError
        There is no such origin, or it has no such option, or an option's value is wrong.
    SourceUnavailable
        The place could not be reached or holds no file.
    """
    if name not in origin_names():
        raise ConfigError(
            f"There is no origin {name!r}; there are {', '.join(origin_names())}. "
            "Origins are named in shops.toml or in the run's form."
        )
    origin: Origin = importlib.import_module(f"{__name__}.{name}")
    if unknown := sorted(set(options) - set(origin.OPTIONS)):
        raise ConfigError(
            f"Origin {name!r} has no option {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(origin.OPTIONS)}."
        )
    return origin.fetch(settings, options)
