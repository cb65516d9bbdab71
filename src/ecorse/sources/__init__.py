"""Sources: how a shop's files are read, one module or mapping per source.

What belongs here: a source's contract and its canonical rows. What does not: where files come
from (``ecorse.origins``), the engine of cleaning rules (``ecorse.clean``), which shop uses which
(``ecorse.ingest.shops``). A new source is one new module, named like the source, that defines
``SOURCE``, or a mapping. Nothing heavy is imported before a source is asked for: DAG files ask for
their names at every parse.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecorse.errors import ConfigError
from ecorse.settings import get_settings

if TYPE_CHECKING:
    from ecorse.schema.source import Source

_NOT_SOURCES = {"canonical", "mappings"}


def mapping_files() -> dict[str, Path]:
    """Give the files of all mappings by name: the project's and the shipped ones."""
    return {path.stem: path for path in get_settings().files("sources/*.toml")}


def source_names() -> tuple[str, ...]:
    """Give the names of all sources, modules and mappings, sorted; imports and reads none."""
    modules = {module.name for module in pkgutil.iter_modules(__path__)}
    modules -= _NOT_SOURCES
    mappings = mapping_files()
    if both := sorted(modules & mappings.keys()):
        raise ConfigError(
            f"{mappings[both[0]]}: there is a source of that name in Python already; give the "
            "mapping another name."
        )
    return tuple(sorted(n for n in modules | mappings.keys() if not n.startswith("_")))


def get_source(name: str) -> Source:
    """The source of that name.

    Raises
    ------
    ConfigError
        There is none; the message lists those there are.
    """
    if name not in source_names():
        raise ConfigError(
            f"There is no source {name!r}. Known: {', '.join(source_names())}. A new source is "
            "one new file: a mapping in include/sources (`ecorse source draft FILE` proposes one), "
            "or a module in ecorse/sources that defines SOURCE."
        )
    if path := mapping_files().get(name):
        from ecorse.sources.mappings.source import read_mapping

        return read_mapping(path)
    source: Source = importlib.import_module(f"{__name__}.{name}").SOURCE
    return source


def read_with(source: Source, reading: Mapping[str, Any]) -> Source:
    """The source, with a shop's own declarations in its contract.

    ``reading`` is the table of that name of the source in ``shops.toml``, checked when that was
    read (``shops.READING``).
    """
    if not reading:
        return source
    values: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in reading.items()}
    contract = replace(source.contract, **values)
    made: Source = replace(source, contract=contract)  # type: ignore[type-var]
    return made
