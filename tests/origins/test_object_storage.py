"""The origin ``object_storage`` against the stores that need no server: memory and file.

What belongs here: listing, copying what changed, refusing. What does not: any one cloud.
"""

from __future__ import annotations

import io
import shutil
import sys
import zipfile

import fsspec
import pytest

from ecorse.errors import ConfigError, DiskFull, SourceUnavailable
from ecorse.origins import fetch_files, object_storage
from ecorse.settings import Settings

URL = "memory://bucket/exports"


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store():
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    for name in ("b.csv", "2020/a.csv", "c.parquet", ".hidden.csv", ".tmp/d.csv", "notes.md"):
        memory.pipe(f"/bucket/exports/{name}", name.encode())
    memory.pipe("/bucket/exports-old/z.csv", b"another prefix")
    yield memory
    memory.store.clear()


def given(settings: Settings, **options) -> dict[str, bytes]:
    files = fetch_files("object_storage", settings, {"url": URL, **options})
    return {file.file_name: file.path.read_bytes() for file in files}


def was_copied(settings: Settings) -> dict[str, bool]:
    files = fetch_files("object_storage", settings, {"url": URL})
    return {file.file_name: not file.provenance["from_cache"] for file in files}


EXPECTED = {"2020/a.csv": b"2020/a.csv", "b.csv": b"b.csv", "c.parquet": b"c.parquet"}


def test_data_files_below_the_prefix(settings, store):
    assert given(settings) == EXPECTED
    assert given(settings, url=f"{URL}/") == EXPECTED
    assert given(settings, pattern="*.csv") == {n: EXPECTED[n] for n in ("2020/a.csv", "b.csv")}


def test_one_object(settings, store):
    assert given(settings, url=f"{URL}/notes.md") == {"notes.md": b"notes.md"}


def test_files_of_a_disk(settings, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_bytes(b"1")
    assert given(settings, url=f"file://{tmp_path}/in") == {"a.csv": b"1"}
    (tmp_path / "in" / "a.csv").write_bytes(b"2")
    assert given(settings, url=f"file://{tmp_path}/in") == {"a.csv": b"2"}


def test_only_what_changed_is_copied_again(settings, store):
    assert was_copied(settings) == {"2020/a.csv": True, "b.csv": True, "c.parquet": True}
    assert was_copied(settings) == {"2020/a.csv": False, "b.csv": False, "c.parquet": False}
    store.pipe("/bucket/exports/b.csv", b"B.CSV")  # as long as before
    assert was_copied(settings) == {"2020/a.csv": False, "b.csv": True, "c.parquet": False}
    assert given(settings)["b.csv"] == b"B.CSV"


def test_what_left_the_store_leaves_the_copies(settings, store):
    given(settings)
    store.rm("/bucket/exports/b.csv")
    assert list(given(settings)) == ["2020/a.csv", "c.parquet"]
    assert len(list((settings.home / "objects").glob("*/*"))) == 4  # two copies, two notes


def test_a_key_cannot_leave_the_folder(settings, store):
    store.store.clear()
    store.pipe("/bucket/exports/x/" + "y" * 300 + ".csv", b"1")
    [file] = fetch_files("object_storage", settings, {"url": URL})
    assert (settings.home / "objects") == file.path.parent.parent
    assert file.provenance["origin"] == "object_storage"


def test_an_object_that_changes_while_it_is_copied(settings, store, monkeypatch):
    receive, changes = object_storage._receive, [b"second", b"third"]

    def receive_and_change(store, key, path, name):
        receive(store, key, path, name)
        if key.endswith("b.csv") and changes:
            store.pipe(key, changes.pop(0))

    monkeypatch.setattr(object_storage, "_receive", receive_and_change)
    assert given(settings)["b.csv"] == b"third"
    changes += [b"4", b"5", b"6"]
    store.pipe("/bucket/exports/b.csv", b"new")
    with pytest.raises(
        SourceUnavailable, match=r"b\.csv: was changed while it was copied, 3 times"
    ):
        given(settings)
    assert given(settings)["b.csv"] == b"6"


def test_archives(settings, store):
    def packed(text: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.csv", text)
        return buffer.getvalue()

    store.pipe("/bucket/exports/a.zip", packed("1"))
    assert given(settings) == EXPECTED | {"a.zip/x.csv": b"1"}
    store.pipe("/bucket/exports/a.zip", packed("0" * 1_000_000))
    files = fetch_files("object_storage", settings, {"url": URL})
    assert [file.file_name for file in files if not file.refused] == sorted(EXPECTED)
    [bomb] = [file for file in files if file.refused]
    assert bomb.refused.startswith("a.zip: the archive was refused")


def test_nothing_there(settings, store):
    with pytest.raises(SourceUnavailable, match=r"memory://bucket/none: there is no file named"):
        given(settings, url="memory://bucket/none")
    with pytest.raises(SourceUnavailable, match=r"no file named x\*\.csv"):
        given(settings, pattern="x*.csv")


@pytest.mark.parametrize(
    ("error", "kind"), [(PermissionError("geheim"), ConfigError), (OSError("x"), SourceUnavailable)]
)
def test_a_store_that_fails(settings, store, monkeypatch, error, kind):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(type(store), "find", fail)
    with pytest.raises(kind, match=r"memory://\*\*\*@bucket/exports: ") as caught:
        given(settings, url="memory://me:geheim@bucket/exports")
    assert "geheim" not in str(caught.value)


def test_a_disk_too_small(settings, store, monkeypatch):
    usage = type(shutil.disk_usage("/"))(100, 99, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"needs \d+ bytes in .*, where 1 are free"):
        given(settings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": None}, "needs an address"),
        ({"url": "bucket/exports"}, "needs an address"),
        ({"url": "zzz://me:geheim@bucket/x"}, "not an address of object storage"),
        ({"storage": "anon"}, "storage must be a table"),
    ],
)
def test_wrong_options(settings, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        given(settings, **options)
    assert "geheim" not in str(caught.value)


def test_a_store_that_is_not_installed(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError, match=r"what speaks to s3:// is not installed .*s3fs"):
        given(settings, url="s3://bucket/exports")
