"""Archives that lie are refused before a byte is written (fault 21, P19).

What belongs here: crafted zip archives. What does not: downloading them.
"""

from __future__ import annotations

import io
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from ecorse.errors import ContractError, DiskFull, SourceUnavailable
from ecorse.origins._archive import ArchiveLimits, extract_safely
from ecorse.origins._unzip import unpack
from ecorse.settings import get_settings


def build(*members: tuple[zipfile.ZipInfo | str, bytes], flags: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            info = zipfile.ZipInfo(member) if isinstance(member, str) else member
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    return info


def renamed(old: bytes, new: bytes) -> bytes:
    """An archive whose member name was changed behind zipfile's back."""
    assert len(old) == len(new)
    return build(("ok.csv", b"x"), (old.decode(), b"y")).replace(old, new)


def extract(data: bytes, tmp_path: Path, limits: ArchiveLimits | None = None) -> Path:
    archive, folder = tmp_path / "a.zip", tmp_path / "out"
    archive.write_bytes(data)
    folder.mkdir()
    extract_safely(archive, folder, label="the archive", limits=limits or ArchiveLimits())
    return folder


def test_an_honest_archive_is_extracted(tmp_path):
    data = build(
        ("a.csv", b"1"), ("sub/", b""), ("sub/b.csv", b"2"), (special("c", stat.S_IFREG), b"3")
    )
    folder = extract(data, tmp_path)
    assert {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    } == {
        "a.csv": b"1",
        "sub/b.csv": b"2",
        "c": b"3",
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (build(("ok.csv", b"x"), ("../evil.csv", b"y")), "leaves the folder"),
        (build(("ok.csv", b"x"), ("a/../../evil.csv", b"y")), "leaves the folder"),
        (build(("ok.csv", b"x"), ("/etc/evil.csv", b"y")), "absolute path"),
        (build(("ok.csv", b"x"), ("C:/evil.csv", b"y")), "absolute path"),
        (build(("ok.csv", b"x"), ("..\\evil.csv", b"y")), "backslash"),
        (renamed(b"evil_.csv", b"evil\0.csv"), "NUL"),
        (build(("ok.csv", b"x"), (special("l.csv", stat.S_IFLNK), b"/etc/passwd")), "link"),
        (build(("ok.csv", b"x"), (special("d.csv", stat.S_IFCHR), b"")), "device"),
        (build(("ok.csv", b"x"), (special("f.csv", stat.S_IFIFO), b"")), "special file"),
        (build(("ok.csv", b"x"), ("zero.csv", bytes(1_000_000))), "more than 100 times"),
        (build(("A.csv", b"x"), ("a.csv", b"y")), "stands twice"),
        (build(("a", b"x"), ("a/b.csv", b"y")), "do not fit a folder"),
        (build(("x" * 300 + ".csv", b"x")), "do not fit a folder"),
    ],
)
def test_refused(tmp_path, data, reason):
    with pytest.raises(ContractError, match=f"the archive: the archive was refused.*{reason}"):
        extract(data, tmp_path)
    written = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert set(written) <= {"a.zip", "a"}  # "a" is the file that "a/b.csv" collides with
    assert not (tmp_path / "evil.csv").exists()


def test_an_encrypted_member_is_refused(tmp_path):
    data = bytearray(build(("a.csv", b"x")))
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    data[local + 6] |= 1
    data[central + 8] |= 1
    with pytest.raises(ContractError, match="is encrypted"):
        extract(bytes(data), tmp_path)


def test_many_small_growths_add_up(tmp_path):
    # 100 members that all point to the same compressed bytes: the sum is far above the archive
    text = bytes(range(256)) * 16
    data = build(("a.csv", text * 8))
    central = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[central:end]
    entries = b"".join(
        entry.replace(b"a.csv", bytes([97 + i // 26, 97 + i % 26]) + b"csv") for i in range(600)
    )
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 600, 600, len(entries), central, 0)
    with pytest.raises(ContractError, match="it grows from"):
        extract(data[:central] + entries + record, tmp_path)
    assert not list((tmp_path / "out").iterdir())


def test_a_member_that_lies_about_its_size(tmp_path):
    data = bytearray(build(("a.csv", bytes(5_000_000))))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<L", 10)
    with pytest.raises(SourceUnavailable, match="damaged"):
        extract(bytes(data), tmp_path)
    assert sum(p.stat().st_size for p in (tmp_path / "out").rglob("*")) <= 10


def test_limits_of_members_and_bytes(tmp_path):
    data = build(*((f"{i}.csv", b"x") for i in range(11)))
    with pytest.raises(ContractError, match=r"it lists 11 members.*at most 10"):
        extract(data, tmp_path, ArchiveLimits(members=10))
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(ContractError, match="at most 100 times and 10 bytes"):
        extract(data, tmp_path, ArchiveLimits(total_bytes=10))
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(ContractError, match="members in 100 bytes"):
        extract(data, tmp_path, ArchiveLimits(directory_bytes=100))


def test_a_disk_too_small_is_said_before_extraction(tmp_path, monkeypatch):
    usage = type(shutil.disk_usage("/"))(100, 99, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    (tmp_path / "a.zip").write_bytes(build(("a.csv", b"12")))
    with pytest.raises(DiskFull, match=r"needs 2 bytes .*where 1 are free"):
        list(unpack(str(tmp_path / "a.zip"), str(tmp_path / "out"), "a", {}))


@pytest.mark.parametrize("damage", ["empty", "half", "text", "flipped"])
def test_damaged(tmp_path, damage):
    data = build(("a.csv", b"some text " * 9))
    flipped = bytearray(data)
    flipped[data.index(b"a.csv") + 8] ^= 1
    variants = {
        "empty": b"",
        "half": data[: len(data) // 2],
        "text": b"<html>",
        "flipped": bytes(flipped),
    }
    with pytest.raises(SourceUnavailable, match="cut off or damaged"):
        extract(variants[damage], tmp_path)


def test_two_million_members_are_refused_within_the_limit_of_memory(tmp_path, monkeypatch):
    """The list of members is measured before it is read: 2 million members in 116 MB."""
    entry = build(("a", b""))
    central, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    count = 2_000_000
    archive = tmp_path / "many.zip"
    size = count * (end - central)
    with archive.open("wb") as file:
        file.write(entry[:central])
        for _ in range(20):
            file.write(entry[central:end] * (count // 20))
        # the end record can only say 65,535 members: the list's size gives it away
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, central, 0))
    monkeypatch.setenv("ECORSE_READER_MEMORY_MB", "256")
    get_settings.cache_clear()
    with pytest.raises(ContractError, match=r"it lists .* members in 9\d{7} bytes"):
        extract_safely(archive, tmp_path / "out", label="many")
