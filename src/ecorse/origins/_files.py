"""Finding data files, in a folder and in the zip archives there, for the origins that end in one.

What belongs here: which file names count as data, and where archives are unpacked. What does
not: what an archive may hold (``_archive.py``); reading the files.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ecorse.atomic import locked
from ecorse.errors import ConfigError, ContractError, SourceUnavailable
from ecorse.origins._archive import extract_safely

ARCHIVE_SUFFIX = ".zip"
SUFFIXES = (
    *(
        f"{text}{packed}"
        for text in (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")
        for packed in ("", ".gz", ".zst")
    ),
    ".parquet",
    ".xlsx",
    ".yaml",
)
# truth.json: what the simulator knows of the shop whose files lie beside it
NOTES = ("readme", "license", "licence", "changelog", "truth.json")
TRIES = 3
KINDS = "*.csv, *.tsv, *.txt, *.json, *.jsonl (also .gz, .zst), *.parquet, *.xlsx, *.yaml or *.zip"
PATTERN_HELP = "Only files whose name matches, such as orders-*.csv or 2020/*.csv (default all)"


log = logging.getLogger(__name__)


class Local(NamedTuple):
    """A file that is here, or why it is refused before it is opened."""

    path: Path
    refused: str = ""


def find_files(folder: Path, *, recursive: bool) -> list[Path]:
    """Give the visible data files and zip archives of a folder, sorted by path.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    found = []
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and (recursive or not is_data(entry.name)):
            # A linked folder is not followed: it may lead back up.
            if recursive and not entry.is_symlink():
                found += find_files(entry, recursive=True)
        elif is_data(entry.name):  # what only has a file's name is refused by whoever loads it
            found.append(entry)
    return sorted(found)


def is_data(file_name: str) -> bool:
    """Whether a file's name says that it holds data; the notes that come with a data set do not."""
    if file_name.lower().startswith(NOTES):
        return False
    return file_name.lower().endswith((*SUFFIXES, ARCHIVE_SUFFIX))


def read_pattern(options: Mapping[str, object], origin: str) -> str:
    """Give the option ``pattern``, or nothing.

    Raises
    ------
    ConfigError
        It is not a text.
    """
    pattern = options.get("pattern") or ""
    if not isinstance(pattern, str):
        raise ConfigError(f"Origin {origin!r}: pattern must be a text, not {pattern!r}.")
    return pattern


def open_archives(files: Mapping[str, Path], home: Path, pattern: str = "") -> dict[str, Local]:
    """Put the members of each zip archive in its place, and keep what the pattern names.

    A member's name is ``<archive>.zip/<member>``. Archives inside archives stay closed. An archive
    that is unsafe, damaged or being written keeps its place, with the reason; so does a file whose
    name is no text, under its name with escapes.

    Parameters
    ----------
    files
        File name → path.
    home
        Archives are unpacked below it, in ``unpacked``; a copy is kept until its archive changes.
    pattern
        Matched from the right, as by ``pathlib``: ``*.csv`` matches in every folder.

    Raises
    ------
    DiskFull
        There is no space for what an archive holds.
    """
    found: dict[str, Local] = {}
    for name, path in files.items():
        if shown(name) != name:
            found[shown(name)] = Local(path, _nameless(shown(name)))
        elif name.lower().endswith(ARCHIVE_SUFFIX):
            found |= _members(name, path, home)
        else:
            found[name] = Local(path)
    return {
        name: found[name]
        for name in sorted(found)
        if found[name].refused or not pattern or PurePosixPath(name).match(pattern)
    }


def shown(name: str) -> str:
    """A file's name with what is not UTF-8 in it as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _nameless(name: str) -> str:
    return (
        f"{name}: the file's name is not UTF-8, so it cannot be told from others. Nothing was "
        "loaded. Rename the file."
    )


def _members(name: str, archive: Path, home: Path) -> dict[str, Local]:
    """The data files in an archive, or the archive itself as refused."""
    for _ in range(TRIES):
        try:
            before = _state(archive)
            folder = _unpack(archive, home, name)
            break
        except (ContractError, SourceUnavailable) as error:
            refused = str(error)
            if _state(archive) == before:  # else it was being written
                return {name: Local(archive, refused)}
            log.warning("%s changed while it was unpacked; unpacking it again", name)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            refused = f"{name}: cannot be unpacked ({reason}). Nothing was loaded. Make it readable"
            return {name: Local(archive, f"{refused}, and run again.")}
    else:
        return {name: Local(archive, refused)}
    return {
        f"{name}/{member.relative_to(folder).as_posix()}": Local(member)
        for member in find_files(folder, recursive=True)
        if not member.name.lower().endswith(ARCHIVE_SUFFIX)
    }


def _unpack(archive: Path, home: Path, label: str) -> Path:
    """Give the folder that holds an archive's members; unpack it unless it is unchanged."""
    place = home / "unpacked" / hashlib.sha256(str(archive.absolute()).encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(place):
        state = _state(archive)
        folder = place / state
        if folder.is_dir():
            return folder
        for other in place.iterdir():  # of an earlier state, or left by a killed run
            shutil.rmtree(other)
        work = place / f".{secrets.token_hex(4)}.tmp"
        work.mkdir()
        try:
            extract_safely(archive, work, label=label)
            if _state(archive) != state:
                raise SourceUnavailable(
                    f"{label}: was changed or replaced while it was unpacked. Nothing was loaded; "
                    "run again. Let the sender write under another name and rename."
                )
            work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def _state(archive: Path) -> str:
    """What changes whenever the archive is written to or replaced."""
    stat = archive.stat()
    text = f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
