"""Parquet and xlsx on their way into the archive: what is parsed is what is hashed and kept.

What belongs here: files that change while they are read. What does not: values as text.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from ecorse.clean.stream import open_text
from ecorse.errors import ContractError, DiskFull, SourceUnavailable
from ecorse.ingest.archive import Incoming
from ecorse.schema.shape import Shape


def parquet() -> bytes:
    file = io.BytesIO()
    pl.DataFrame({"id": list(range(5000))}).write_parquet(file)
    return file.getvalue()


def xlsx() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in ["id", *range(5000)]:
        book.active.append([row])
    book.save(file)
    return file.getvalue()


UTF8 = Shape(encoding="utf-8")
TEXT = "".join(f"{line}\n" for line in ["id", *range(5000)]).encode()
FORMATS = pytest.mark.parametrize("data", [parquet(), xlsx()], ids=["parquet", "xlsx"])


class Meddling(Incoming):
    """An intake during which something is done to the file, once its first block is read."""

    def meddle(self) -> None: ...

    def read(self, size: int = 1024, /) -> bytes:
        block = super().read(size)
        if block and self._read == len(block):
            self.meddle()
        return block


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "f"
    path.write_bytes(data)
    os.utime(path, (1, 1))
    return path


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@FORMATS
def test_a_file_at_rest_is_kept_as_it_was_parsed(tmp_path, data):
    with Meddling(write(tmp_path, data), tmp_path / "home", "f") as intake:
        assert b"".join(open_text(intake, UTF8, "f", 1024).blocks) == TEXT
        archived = intake.finish()
    assert archived.sha256 == hashlib.sha256(data).hexdigest()
    assert archived.path.read_bytes() == data


@FORMATS
@pytest.mark.parametrize("how", ["in place", "by rename"])
def test_a_file_that_changes_at_the_same_length(tmp_path, data, how, monkeypatch):
    path = write(tmp_path, data)

    def change(_: Meddling) -> None:
        target = path if how == "in place" else tmp_path / "other"
        target.write_bytes(data)
        target.replace(path)

    monkeypatch.setattr(Meddling, "meddle", change)
    with Meddling(path, tmp_path / "home", "f") as intake:
        assert b"".join(open_text(intake, UTF8, "f", 1024).blocks) == TEXT
        with pytest.raises(SourceUnavailable, match="f: was changed or replaced while it was read"):
            intake.finish()
    assert not files_of(tmp_path / "home")


@FORMATS
def test_a_file_that_is_cut_while_it_is_read(tmp_path, data, monkeypatch):
    path = write(tmp_path, data)
    monkeypatch.setattr(Meddling, "meddle", lambda _: os.truncate(path, 4096))
    with (
        Meddling(path, tmp_path / "home", "f") as intake,
        pytest.raises(ContractError, match=r"f: .*Nothing was loaded"),
    ):
        list(open_text(intake, UTF8, "f", 1024).blocks)
    assert not files_of(tmp_path / "home")


@FORMATS
def test_the_temporary_copy_has_no_name_and_leaves_nothing(tmp_path, data, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with write(tmp_path, data).open("rb") as file:
        blocks = open_text(file, UTF8, "f").blocks
        assert next(blocks)  # the copy is being read
        assert not files_of(tmp_path / "temporary")
        blocks.close()  # given up half way


@FORMATS
def test_a_disk_that_is_full(tmp_path, data, monkeypatch):
    full = Path("/dev/full").open("wb")  # noqa: SIM115  closed by who is given it
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
    with pytest.raises(DiskFull, match=r"f: no space left for a copy in .*set TMPDIR"):
        list(open_text(io.BytesIO(data), UTF8, "f").blocks)
