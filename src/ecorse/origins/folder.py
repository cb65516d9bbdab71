"""Origin ``folder``: the data files of a local folder, or one file.

What belongs here: finding the files and saying clearly when there are none. What does not:
reading them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ecorse.errors import ConfigError, SourceUnavailable
from ecorse.origins import Origin, SourceFile, leads_out
from ecorse.origins._files import (
    ARCHIVE_SUFFIX,
    KINDS,
    PATTERN_HELP,
    Local,
    find_files,
    open_archives,
    read_pattern,
    shown,
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
                named, within = {place.name: place}, None
        else:
            paths, within = find_files(place, recursive=recursive), place
            named = {path.relative_to(place).as_posix(): path for path in paths}
    except OSError as error:
        raise SourceUnavailable(
            f"Origin 'folder': cannot read {error.filename or place} ({error.strerror}). "
            "Make it readable for the user that runs Ecorse, then run again."
        ) from error
    # what is no file, or is a link out of the folder, is not opened here; whoever loads refuses it
    odd = {n: path for n, path in named.items() if within and _is_odd(path, within)}
    plain = {n: path for n, path in named.items() if n not in odd}
    files = open_archives(plain, settings.home, pattern)
    files |= {shown(n): Local(path) for n, path in odd.items() if _is_meant(n, pattern)}
    here = {shown(name) for name in named}  # members of archives lie elsewhere
    if not files:
        below = "" if recursive else " Folders below it are only searched with recursive = true."
        raise SourceUnavailable(
            f"Origin 'folder': no file named {pattern or KINDS} in {place}.{below} "
            "Put the shop's exports there, then run again."
        )
    return [
        SourceFile(
            file.path,
            name,
            {"origin": "folder", "path": str(file.path)},
            file.refused,
            within if name in here else None,
        )
        for name, file in sorted(files.items())
    ]


def _is_odd(path: Path, folder: Path) -> bool:
    """Whether it is no file of the folder: a pipe, a folder that is named like one, a link out."""
    try:
        return not path.is_file() or leads_out(path, folder)
    except OSError:
        return True


def _is_meant(name: str, pattern: str) -> bool:
    """Whether the pattern names a file, or it is an archive, whose members it would name."""
    is_archive = name.lower().endswith(ARCHIVE_SUFFIX)
    return is_archive or not pattern or PurePosixPath(name).match(pattern)


def _resolve(settings: Settings, path: object) -> Path:
    """Make the option an absolute path."""
    if not isinstance(path, str | Path) or not str(path).strip():
        raise ConfigError(
            "Origin 'folder' needs a path: options = { path = \"...\" } in shops.toml, "
            "or --data on the command line (DATA= of make run), or data in the run's form."
        )
    return (settings.project_dir / Path(path).expanduser()).absolute()


ORIGIN = Origin(fetch, OPTIONS, data="path", is_local=True)
