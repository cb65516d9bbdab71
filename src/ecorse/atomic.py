"""Changing files so that a kill, a full disk or a second run leaves nothing half done.

What belongs here: replacing one file by rename, and one writer per folder. What does not: what is
in the files.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ecorse.errors import DiskFull


@contextmanager
def replace_atomically(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Write a file beside its place and rename it into place at the end; on error leave nothing.

    Parameters
    ----------
    mode
        Who may read it, less the process's umask: 0o600 for what holds personal data.

    Raises
    ------
    DiskFull
        There is no space left; the message names the path and the bytes written so far.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    written = 0
    try:
        with open(temporary, "xb", opener=lambda name, how: os.open(name, how, mode)) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
            finally:
                written = file.tell()
        temporary.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"No space left to write {path} (stopped after {written} bytes). "
                "Free some space and run the same command again."
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this writer alone; others wait. Ends with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
