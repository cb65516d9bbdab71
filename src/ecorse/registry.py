"""Finds the plug-ins of every kind by one rule; listing them imports none.

What belongs here: where plug-ins may stand, their names, loading one. What does not: what a
plug-in of a kind must be able to do; that is said by the room of its kind.

A plug-in of a kind is found in three places:

- a module of the kind's room, such as ``ecorse/origins/folder.py``;
- a file of the project's folder, such as ``include/origins/ftp.py``;
- an entry point of the group ``ecorse.<kind>`` of any installed package.

Its name is the module's (or the entry point's). A module or file is a plug-in if it assigns the
constant of its kind at its top level (``ORIGIN = ...``); the others are helpers. An entry point
names the object itself (``package.module:OBJECT``) or a module that has the constant.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from ecorse.errors import ConfigError
from ecorse.settings import get_settings

# kind -> room: a package of ecorse, and a folder of the project's include/
ROOMS = {
    "source": "sources",
    "origin": "origins",
    "segmentation": "segments",
    "recommender": "recommenders",
    "search": "search",
    "export": "exports",
    "engine": "engines",
}


@dataclass(frozen=True)
class Found:
    """One plug-in: its name, and the one of the three places where it stands."""

    name: str
    place: str
    module: str = ""
    file: Path | None = None
    entry_point: EntryPoint | None = None


def constant_of(kind: str) -> str:
    """The constant by which a module is a plug-in of a kind: ``SOURCE``, ``ORIGIN`` ..."""
    return kind.upper()


def find(kind: str, also: Mapping[str, str] | None = None) -> dict[str, Found]:
    """Find every plug-in of a kind, by name, sorted; nothing is imported.

    Parameters
    ----------
    kind : str
        A key of ``ROOMS``.
    also : mapping of str to str, optional
        Name → place of what the room knows besides plug-ins (mappings): no plug-in may have such
        a name.

    Raises
    ------
    ConfigError
        Two things have one name; the message has both places.
    """
    found: dict[str, Found] = {}
    places = dict(also or {})
    for plugin in (*_of_room(kind), *_of_project(kind), *_of_packages(kind)):
        if plugin.name in places:
            raise ConfigError(
                f"Two {kind}s are named {plugin.name!r}: {places[plugin.name]} and "
                f"{plugin.place}. Give one of them another name."
            )
        places[plugin.name] = plugin.place
        found[plugin.name] = plugin
    return dict(sorted(found.items()))


def names(kind: str) -> tuple[str, ...]:
    """Give the names of all plug-ins of a kind, sorted; nothing is imported.

    Raises
    ------
    ConfigError
        Two have one name.
    """
    return tuple(find(kind))


def load(kind: str, name: str) -> Any:
    """Give the plug-in itself: what the constant of its kind stands for in its module.

    Raises
    ------
    ConfigError
        There is none of that name, or importing it fails; the message has file and reason.
    """
    found = find(kind)
    if name not in found:
        raise ConfigError(unknown(kind, name, tuple(found)))
    plugin = found[name]
    try:
        if plugin.entry_point is not None:
            loaded = plugin.entry_point.load()
        elif plugin.file is not None:
            loaded = _import_file(plugin.file, plugin.module, plugin.file.stat().st_mtime_ns)
        else:
            loaded = importlib.import_module(plugin.module)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"The {kind} {name!r} ({plugin.place}) cannot be imported: "
            f"{type(error).__name__}: {error}{_line(error)}."
        ) from error
    if not isinstance(loaded, ModuleType):
        return loaded
    if not hasattr(loaded, constant_of(kind)):
        raise ConfigError(
            f"The {kind} {name!r} ({plugin.place}) does not define {constant_of(kind)}."
        )
    return getattr(loaded, constant_of(kind))


def unknown(kind: str, name: str, known: tuple[str, ...]) -> str:
    """The sentence for a name that stands for nothing: what there is, and where it may stand."""
    room = ROOMS[kind]
    own = get_settings().project_dir / "include" / room / f"{name}.py"
    said = f"There is no {kind} {name!r}; there are {', '.join(known) or 'none'}."
    if own.is_file():
        return f"{said} {own} does not count, for it does not define {constant_of(kind)}."
    return (
        f"{said} A new one is a file include/{room}/{name}.py that defines {constant_of(kind)}, "
        f"a module of ecorse/{room}, or an entry point of the group ecorse.{kind}."
    )


def _of_room(kind: str) -> list[Found]:
    spec = importlib.util.find_spec(f"ecorse.{ROOMS[kind]}")
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    return [
        Found(name, str(file), module=f"ecorse.{ROOMS[kind]}.{name}")
        for folder in folders
        for name, file in _plugin_files(Path(folder).glob("*.py"), kind)
    ]


def _of_project(kind: str) -> list[Found]:
    module = f"ecorse_project.{ROOMS[kind]}"
    files = get_settings().files(f"{ROOMS[kind]}/*.py")
    return [
        Found(name, str(file), module=f"{module}.{name}", file=file)
        for name, file in _plugin_files(files, kind)
    ]


def _plugin_files(files: Iterable[Path], kind: str) -> list[tuple[str, Path]]:
    """Name and file of the modules that assign the kind's constant."""
    found = []
    for path in sorted(files):
        if path.stem.startswith("_"):
            continue
        stat = path.stat()
        if _assigns(path, constant_of(kind), stat.st_mtime_ns, stat.st_size):
            found.append((path.stem, path))
    return found


@lru_cache(maxsize=512)
def _assigns(path: Path, constant: str, modified_ns: int, size: int) -> bool:
    """Whether a module assigns a constant at its top level, by its text as it is now."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return re.search(rf"^{constant}\s*(:[^=\n]+)?=[^=]", text, re.MULTILINE) is not None


def _of_packages(kind: str) -> list[Found]:
    return [
        Found(point.name, f"entry point {point.name} = {point.value}", entry_point=point)
        for point in _entry_points().get(kind, ())
    ]


@lru_cache(maxsize=1)
def _entry_points() -> dict[str, tuple[EntryPoint, ...]]:
    """Ecorse's entry points of all installed packages, by kind; one look takes 15 ms."""
    installed = entry_points()
    return {kind: tuple(installed.select(group=f"ecorse.{kind}")) for kind in ROOMS}


@lru_cache(maxsize=128)
def _import_file(path: Path, module_name: str, modified_ns: int) -> ModuleType:
    """Import a file of the project's folder, once for each of its states."""
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _line(error: Exception) -> str:
    """Where it happened, if that is not where the plug-in was asked for."""
    frames = [
        f"{frame.filename}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<")
    ]
    return f" ({frames[-1]})" if frames else ""
