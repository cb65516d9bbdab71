"""What unpacks a zip archive, without trusting it, in a process of its own.

What belongs here: every check that must pass before the first byte is written. What does not:
starting that process (``_archive``). Limits follow OWASP ASVS 5.0, 5.2.3 (compressed files).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from ecorse.errors import ContractError, DiskFull, SourceUnavailable
from ecorse.origins._archive import ArchiveLimits

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


def unpack(archive: str, folder: str, label: str, limits: Mapping[str, int]) -> Iterator[bytes]:
    """Check the whole archive, then extract it; ``_archive.extract_safely`` says what is raised.

    Gives an empty line for each MiB that was written: a sign of life.
    """
    place, most = Path(folder), ArchiveLimits(**limits)
    try:
        _check_directory_size(archive, label, most)
        with zipfile.ZipFile(archive) as zip_file:
            members = zip_file.infolist()
            _check_members(members, os.stat(archive).st_size, label, most)
            _check_space(sum(member.file_size for member in members), place.parent, label)
            for member in members:
                yield from _extract_member(zip_file, member, place)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, ValueError) as error:
        raise SourceUnavailable(
            f"{label}: the archive is cut off or damaged ({error}). Nothing was loaded. Fetch it "
            "again and run again; if it is being written, run again later."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"{label}: no space left to extract into {folder}. Free some space and run again."
            ) from error
        if error.errno in _NAME_ERRORS:
            raise _refused(label, f"its names do not fit a folder ({error.strerror})") from error
        raise


def _check_directory_size(archive: str, label: str, limits: ArchiveLimits) -> None:
    """Refuse a huge list of members before zipfile reads all of it into memory."""
    with open(archive, "rb") as file:
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
    members: list[zipfile.ZipInfo], archive_bytes: int, label: str, limits: ArchiveLimits
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


def _extract_member(
    zip_file: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path
) -> Iterator[bytes]:
    """Write one checked member; zipfile never gives more bytes than its checked size."""
    target = folder / member.filename
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with zip_file.open(member) as source, target.open("xb") as file:
        while block := source.read(_COPY_BYTES):
            file.write(block)
            yield b"\n"


def _refused(label: str, reason: str) -> ContractError:
    return ContractError(
        f"{label}: the archive was refused before extraction: {reason}. Nothing was loaded. "
        "Fetch it by hand if you trust it, and load it with origin 'folder'."
    )
