"""Sources: how a shop's files are read, one module or mapping per source.

What belongs here: a source's contract and its canonical rows. What does not: where files come
from (``ecorse.origins``), the engine of cleaning rules (``ecorse.clean``), which shop uses which
(``ecorse.ingest.shops``).

A new source is one new file: a mapping ``include/sources/<name>.toml``, or Python that defines
``SOURCE``, in ``include/sources`` or here (``ecorse.registry``). Nothing heavy is imported before a
source is asked for: DAG files ask for their names at every parse.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ecorse import registry
from ecorse.errors import ConfigError
from ecorse.settings import get_settings

if TYPE_CHECKING:
    from ecorse.schema.source import Source
    from ecorse.sources.reading import Reading


def mapping_files() -> dict[str, Path]:
    """The mappings of the project and those that ship, by name; none is read."""
    found = get_settings().files("sources/*.toml")
    return {path.stem: path for path in found if path.stem[0] != "_"}


def source_names() -> tuple[str, ...]:
    """Give the names of all sources, in Python and mappings, sorted; imports and reads none.

    Raises
    ------
    ConfigError
        Two sources have one name; the message has both places.
    """
    mappings = mapping_files()
    plugins = registry.find("source", also={name: str(path) for name, path in mappings.items()})
    return tuple(sorted((*plugins, *mappings)))


def get_source(name: str, reading: Reading | None = None) -> Source:
    """The source of that name, with what a shop declares otherwise in its contract.

    Raises
    ------
    ConfigError
        There is none, and the message lists those there are; or it cannot be imported or read.
    """
    if name not in (known := source_names()):
        raise ConfigError(
            f"{registry.unknown('source', name, known)} Or a mapping include/sources/{name}.toml, "
            "which needs no Python; `ecorse source draft FILE` proposes one."
        )
    source: Source
    if (path := mapping_files().get(name)) is not None:
        from ecorse.sources.mappings.source import read_mapping

        source = read_mapping(path)
    else:
        source = registry.load("source", name)
    return reading.apply(source) if reading else source
