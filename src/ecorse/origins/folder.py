"""Origin ``folder``: the data files of a local folder, or one file.

What belongs here: finding the files and saying clearly when there are none. What does not:
reading them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecorse.errors import ConfigError, SourceUnavailable
from ecorse.origins import Origin, SourceFile
from ecorse.origins._files import (
    KINDS,
    PATTERN_HELP,
    find_files,
    open_archives,
    read_pattern,
)

if TYPE_CHECKING:
    from ecorse.settings import Settings

OPTIONS = {
    "path": "A folder or one file; a relative path starts at the project's folder",
    "recursive": "true to look into folders below as well (default false)",
    "pattern": PATTERN_HELP,
}


def fetch(settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Give every data file of the folder, and of the zip archives there, sorted by name.

    A file's name is its path below the folder, so equal names in two folders stay two files; a
    member of an archive is ``<archive>.zip/<member>``.

    Raises
    ------
    ConfigError
        No path is given, or it does not exist.
    SourceUnavailable
        The folder cannot be read, or holds no such file.
    """
    place = _resolve(settings, options.get("path"))
    recursive = options.get("recursive", False)
    if not isinstance(recursive, bool):
        raise ConfigError(f"Origin 'folder': recursive must be true or false, not {recursive!r}.")
    pattern = read_pattern(options, "folder")
    try:
        if not place.exists():
            raise ConfigError(
                f"Origin 'folder': {place} does not exist. "
                "Correct the path, or put the files there."
            )
        if place.is_file():
            with place.open("rb"):
                named = {place.name: place}
        else:
            paths = find_files(place, recursive=recursive)
            named = {path.relative_to(place).as_posix(): path for path in paths}
    except OSError as error:
        raise SourceUnavailable(
            f"Origin 'folder': cannot read {error.filename or place} ({error.strerror}). "
            "Make it readable for the user that runs Ecorse, then run again."
        ) from error
    files = open_archives(named, settings.home, pattern)
    if not files:
        below = "" if recursive else " Folders below it are only searched with recursive = true."
        raise SourceUnavailable(
            f"Origin 'folder': no file named {pattern or KINDS} in {place}.{below} "
            "Put the shop's exports there, then run again."
        )
    return [
        SourceFile(file.path, name, {"origin": "folder", "path": str(file.path)}, file.refused)
        for name, file in files.items()
    ]


def _resolve(settings: Settings, path: object) -> Path:
    """Make the option an absolute path."""
    if not isinstance(path, str | Path) or not str(path).strip():
        raise ConfigError(
            "Origin 'folder' needs a path: options = { path = \"...\" } in shops.toml, "
            "or --data on the command line (DATA= of make run), or data in the run's form."
        )
    return (settings.project_dir / Path(path).expanduser()).absolute()


ORIGIN = Origin(fetch, OPTIONS, data="path", is_local=True)
