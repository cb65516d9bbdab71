"""Sources: how a shop's files are read, one module per source, and where they come from.

What belongs here: a source's contract and its canonical rows; ``origins`` (where files come from);
``shops`` (which shop uses which). What does not: cleaning rules' engine (``ecorse.clean``). A new
source is one new module, named like the source, that defines ``SOURCE``. Nothing heavy is imported
before a source is asked for: DAG files read ``shops`` at every parse.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ecorse.errors import ConfigError

if TYPE_CHECKING:
    from ecorse.sources.base import Source


def get_source(name: str) -> Source:
    """The source of that name.

    Raises
    ------
    ConfigError
        There is none; the message lists those there are.
    """
    from ecorse.sources.shops import mapping_file, source_names

    if name not in source_names():
        raise ConfigError(
            f"There is no source {name!r}. Known: {', '.join(source_names())}. A new source is "
            "one new file: a mapping in include/sources (`ecorse source draft FILE` proposes one), "
            "or a module in ecorse/sources that defines SOURCE."
        )
    if (path := mapping_file(name)).exists():
        from ecorse.mappings.declare import read_mapping

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
