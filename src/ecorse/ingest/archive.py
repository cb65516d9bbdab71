"""The archive of raw files: every file ever loaded, kept under the hash of its content.

What belongs here: copying a file in while hashing it, and finding it again. What does not: what
is in it. A file is read once: the bytes that are parsed are those that are hashed and kept,
whatever happens to the original meanwhile.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecorse.clean.stream import Readable
from ecorse.errors import DiskFull, SourceUnavailable

CHUNK_BYTES = 1 << 20
INCOMING = "incoming-"


@dataclass(frozen=True)
class Archived:
    """A file in the archive."""

    path: Path
    sha256: str
    size_bytes: int


def archived_path(home: Path, sha256: str) -> Path:
    """Where the file with that hash is kept."""
    return home / "raw" / sha256[:2] / sha256


class Incoming:
    """A file on its way into the archive: what is read of it is hashed and copied at once.

    Used as a context manager; without ``finish`` nothing is kept.

    Raises
    ------
    SourceUnavailable
        The file cannot be read.
    """

    def __init__(self, path: Path, home: Path, file_name: str) -> None:
        self._path, self._home, self._file_name = path, home, file_name
        self._folder = home / "raw"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._digest, self._read = hashlib.sha256(), 0
        self._archived: Archived | None = None
        try:
            self._source = path.open("rb")
        except OSError as error:
            raise SourceUnavailable(
                f"{file_name}: cannot be read ({error.strerror}). Check that the file is there and "
                "may be read, and run this again."
            ) from None
        self._before = os.fstat(self._source.fileno())
        self._incoming, self._copy = _new_copy(self._folder)

    @property
    def size_bytes(self) -> int:
        """The file's size when it was opened."""
        return self._before.st_size

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()
        os.close(self._copy)
        self._incoming.unlink(missing_ok=True)

    def read(self, size: int = CHUNK_BYTES, /) -> bytes:
        """Read on; empty at the end.

        Raises
        ------
        DiskFull
            The archive's disk is full.
        """
        chunk = self._source.read(size)
        self._digest.update(chunk)
        self._read += len(chunk)
        try:
            _write_all(self._copy, chunk)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFull(
                f"No space left to write {self._incoming} (at {self._read} of {self.size_bytes} "
                "bytes). Free some space and run the same command again."
            ) from error
        return chunk

    @contextmanager
    def to_parse(self) -> Iterator[Readable]:
        """What to parse: the file itself, or its archived copy if it was read already."""
        if self._archived is None:
            yield self
            return
        with self._archived.path.open("rb") as file:
            yield file

    def finish(self) -> Archived:
        """Read what is left, and keep the file: mode 0600, by an atomic rename.

        Raises
        ------
        SourceUnavailable
            The file was changed or replaced while it was read.
        """
        if self._archived is None:
            while self.read():
                pass
            self._refuse_changed()
            sha256 = self._digest.hexdigest()
            kept = archived_path(self._home, sha256)
            kept.parent.mkdir(exist_ok=True, mode=0o700)
            self._incoming.replace(kept)
            self._archived = Archived(kept, sha256, self._read)
        return self._archived

    def _refuse_changed(self) -> None:
        """Refuse a file that was written to, cut or replaced since it was opened."""
        states = {_state(self._before), _state(os.fstat(self._source.fileno()))}
        try:
            states.add(_state(os.stat(self._path)))
        except OSError:
            states.add(())
        if len(states) > 1 or self._read != self.size_bytes:
            raise SourceUnavailable(
                f"{self._file_name}: was changed or replaced while it was read. Nothing was "
                "loaded. It will be read again; if this repeats, let the sender write under "
                "another name and rename."
            )


def _new_copy(folder: Path) -> tuple[Path, int]:
    """A new file, locked while its process lives, so that others tell it from a leftover."""
    while True:
        path = folder / f"{INCOMING}{os.getpid()}-{secrets.token_hex(4)}"
        copy = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(copy, fcntl.LOCK_EX)
        if os.fstat(copy).st_nlink:  # else it was cleared before it was locked
            return path, copy
        os.close(copy)


def clear_killed(home: Path) -> int:
    """Delete the copies that killed loads left in the archive; gives how many."""
    cleared = 0
    for path in (home / "raw").glob(f"{INCOMING}*"):
        try:
            left = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # its load has just ended
            continue
        try:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            cleared += 1
        except BlockingIOError:
            pass  # its load is at work
        finally:
            os.close(left)
    return cleared


def _state(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _write_all(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def settle(archived: Archived) -> None:
    """Wait until an archived file is on the disk; called before its load is committed."""
    with archived.path.open("rb") as file:
        os.fsync(file.fileno())
