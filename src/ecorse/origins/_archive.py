"""Unpacking a zip archive that was downloaded or found, at arm's length.

What belongs here: what an archive may be at most, and having it unpacked in a process of its own.
What does not: what runs there (``_unzip``), downloading.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ecorse.arms_length.limits import Limits
from ecorse.arms_length.reading import Task, read_apart


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may be at most. A real CSV shrinks 5 to 20 times, never 100 times."""

    total_bytes: int = 64 << 30
    ratio: int = 100
    members: int = 100_000
    directory_bytes: int = 32 << 20


def extract_safely(
    archive: Path, folder: Path, *, label: str, limits: ArchiveLimits = ArchiveLimits()
) -> None:
    """Check the whole archive, then extract it into an empty folder.

    Parameters
    ----------
    archive
        A zip file.
    folder
        On error what was extracted stays for the caller to remove.
    label
        What the archive is, for messages.

    Raises
    ------
    ContractError
        The archive was refused before its first byte was written: a name that leaves the folder, a
        link or device, an encrypted member, a bomb, too many members. Or unpacking it took more
        than a reader may.
    SourceUnavailable
        The archive is cut off or damaged.
    DiskFull
        What it holds does not fit on the disk.
    """
    arguments = {
        "archive": str(archive.absolute()),
        "folder": str(folder.absolute()),
        "label": label,
        "limits": asdict(limits),
    }
    allowed = replace(Limits.set(), written_bytes=limits.total_bytes)
    for _ in read_apart(Task("ecorse.origins._unzip:unpack", arguments, label, "archive", allowed)):
        pass
