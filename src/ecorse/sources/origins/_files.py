"""Finding sales files in a folder, for the origins that end in one.

What belongs here: which file names count as data. What does not: reading the files.
"""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".csv", ".csv.gz")


def find_files(folder: Path, *, recursive: bool) -> list[Path]:
    """Give the visible ``*.csv`` and ``*.csv.gz`` files of a folder, sorted by path.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    found = []
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            # A linked folder is not followed: it may lead back up.
            if recursive and not entry.is_symlink():
                found += find_files(entry, recursive=True)
        elif entry.is_file() and entry.name.lower().endswith(SUFFIXES):
            found.append(entry)
    return sorted(found)
