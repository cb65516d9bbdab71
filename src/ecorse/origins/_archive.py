"""Extracting a downloaded zip archive without trusting it.

What belongs here: every check that must pass before the first byte is written. What does not:
downloading. Limits follow OWASP ASVS 5.0, 5.2.3 (compressed files) and RELIABILITY P19.
"""

from __future__ import annotations

import errno
import re
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ecorse.errors import ContractError, DiskFull, SourceUnavailable

_ENCRYPTED_FLAG = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_COPY_BYTES = 1 << 20
_NAME_ERRORS = (
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.EINVAL,
)


@dataclass(frozen=True)
class Limits:
    """What an archive may be at most. A real CSV shrinks 5 to 20 times, never 100 times."""

    total_bytes: int = 64 << 30
    ratio: int = 100
    members: int = 100_000
    directory_bytes: int = 32 << 20


def extract_safely(archive: Path, folder: Path, *, label: str, limits: Limits = Limits()) -> None:
    """Check the whole archive, then extract it into a new folder.

    Parameters
    ----------
    archive
        A zip file.
    folder
        Does not exist yet; on error what was extracted stays for the caller to remove.
    label
        What the archive is, for messages.

    Raises
    ------
    ContractError
        The archive was refused: a name that leaves the folder, a link or device, an encrypted
        member, a bomb, too many members. Nothing was extracted.
    SourceUnavailable
        The archive is cut off or damaged.
    DiskFull
        What it holds does not fit on the disk.
    """
    try:
        _check_directory_size(archive, label, limits)
        with zipfile.ZipFile(archive) as zip_file:
            members = zip_file.infolist()
            _check_members(members, archive.stat().st_size, label, limits)
            _check_space(sum(member.file_size for member in members), folder.parent, label)
            for member in members:
                _extract_member(zip_file, member, folder)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise SourceUnavailable(
            f"{label}: the archive is cut off or damaged ({error}). Nothing was loaded; run again."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"{label}: no space left to extract into {folder}. Free some space and run again."
            ) from error
        if error.errno in _NAME_ERRORS:
            raise _refused(label, f"its names do not fit a folder ({error.strerror})") from error
        raise


def _check_directory_size(archive: Path, label: str, limits: Limits) -> None:
    """Refuse a huge list of members before zipfile reads all of it into memory."""
    with archive.open("rb") as file:
        # The standard library's own reader of the end record, zip64 included.
        end_record = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if not end_record:
        raise zipfile.BadZipFile("no end of the list of members")
    directory_bytes, members = end_record[5], end_record[4]
    if members > limits.members or directory_bytes > limits.directory_bytes:
        raise _refused(
            label,
            f"it lists {members} members in {directory_bytes} bytes; at most {limits.members} "
            f"members in {limits.directory_bytes} bytes are read",
        )


def _check_members(
    members: list[zipfile.ZipInfo], archive_bytes: int, label: str, limits: Limits
) -> None:
    """Check every member's name, kind and size, and their sums."""
    if len(members) > limits.members:
        raise _refused(label, f"it has {len(members)} members; at most {limits.members} are read")
    seen: set[str] = set()
    for member in members:
        if problem := _name_problem(member) or _kind_problem(member):
            raise _refused(label, f"member {member.orig_filename[:200]!r} {problem}")
        if member.file_size > limits.ratio * max(member.compress_size, 1):
            raise _refused(
                label,
                f"member {member.filename[:200]!r} grows from {member.compress_size} to "
                f"{member.file_size} bytes, more than {limits.ratio} times",
            )
        key = member.filename.rstrip("/").casefold()
        if key in seen:
            raise _refused(label, f"member {member.filename[:200]!r} stands twice")
        seen.add(key)
    total = sum(member.file_size for member in members)
    if total > limits.total_bytes or total > limits.ratio * archive_bytes:
        raise _refused(
            label,
            f"it grows from {archive_bytes} to {total} bytes; at most {limits.ratio} times and "
            f"{limits.total_bytes} bytes are extracted",
        )


def _name_problem(member: zipfile.ZipInfo) -> str:
    """Say why a member's name is refused, or nothing."""
    name = member.orig_filename
    if not name or "\0" in name:
        return "has an empty name or a NUL in it"
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "has an absolute path"
    if "\\" in name:
        return "has a backslash in its path"
    if ".." in PurePosixPath(name).parts:
        return "leaves the folder it is extracted to"
    return ""


def _kind_problem(member: zipfile.ZipInfo) -> str:
    """Say why a member's kind is refused, or nothing."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link, a device or another special file"
    if member.flag_bits & _ENCRYPTED_FLAG:
        return "is encrypted"
    return ""


def _check_space(needed: int, folder: Path, label: str) -> None:
    """Refuse to begin what the disk cannot hold."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFull(
            f"{label}: needs {needed} bytes in {folder}, where {free} are free. "
            "Free some space and run again."
        )


def _extract_member(zip_file: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Write one checked member; zipfile never gives more bytes than its checked size."""
    target = folder / member.filename
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with zip_file.open(member) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, _COPY_BYTES)


def _refused(label: str, reason: str) -> ContractError:
    return ContractError(
        f"{label}: the archive was refused before extraction: {reason}. Nothing was loaded. "
        "Fetch it by hand if you trust it, and load it with origin 'folder'."
    )
