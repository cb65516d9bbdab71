"""The archive of raw files: every file ever loaded, kept under the hash of its content.

What belongs here: copying a file in while hashing it, and finding it again. What does not: what
is in it. What is parsed afterwards is the archived copy, so that the bytes that were hashed are
the bytes that are parsed, whatever happens to the original meanwhile.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ecorse.errors import SourceUnavailable
from ecorse.files import replace_atomically

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Archived:
    """A file in the archive."""

    path: Path
    sha256: str
    size_bytes: int


def archived_path(home: Path, sha256: str) -> Path:
    """Where the file with that hash is kept."""
    return home / "raw" / sha256[:2] / sha256


def archive(path: Path, home: Path, file_name: str) -> Archived:
    """Copy a file into the archive, mode 0600, by an atomic rename; a known content is kept once.

    Raises
    ------
    SourceUnavailable
        The file cannot be read, or was changed or replaced while it was read.
    DiskFull
        The archive's disk is full.
    """
    folder = home / "raw"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    incoming = folder / f"incoming-{os.getpid()}"
    try:
        with _opened(path, file_name) as source, replace_atomically(incoming) as copy:
            os.fchmod(copy.fileno(), 0o600)
            before = os.fstat(source.fileno())
            digest, size = hashlib.sha256(), 0
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                size += copy.write(chunk)
            _refuse_changed(path, file_name, before, os.fstat(source.fileno()), size)
        kept = archived_path(home, digest.hexdigest())
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        incoming.replace(kept)
    finally:
        incoming.unlink(missing_ok=True)
    return Archived(kept, digest.hexdigest(), size)


@contextmanager
def _opened(path: Path, file_name: str) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceUnavailable(
            f"{file_name}: cannot be read ({error.strerror}). Check that the file is there and may "
            "be read, and run this again."
        ) from None
    with file:
        yield file


def _refuse_changed(
    path: Path, file_name: str, before: os.stat_result, after: os.stat_result, size: int
) -> None:
    """Refuse a file that was written to, cut or replaced between the first and the last byte."""
    try:
        named = os.stat(path)
    except OSError:
        named = None
    states = {(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns) for s in (before, after, named) if s}
    if named is None or len(states) > 1 or size != before.st_size:
        raise SourceUnavailable(
            f"{file_name}: was changed or replaced while it was read. Nothing was loaded. It will "
            "be read again; if this repeats, let the sender write under another name and rename."
        )
