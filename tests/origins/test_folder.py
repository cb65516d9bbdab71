"""The origin ``folder``: which files it gives, and what it says when there are none.

What belongs here: real folders. What does not: reading the files.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile

import pytest

from ecorse.errors import ConfigError, SourceUnavailable
from ecorse.origins import fetch_files
from ecorse.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(project_dir=tmp_path, home=tmp_path / "home")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "sales"
    (place / "more").mkdir(parents=True)
    for name in (
        "b.csv",
        "a.csv",
        "c.CSV.GZ",
        ".hidden.csv",
        "notes.md",
        "README.txt",
        "a.csv.bak",
        "more/a.csv",
    ):
        (place / name).write_bytes(name.encode())
    (place / "loop").symlink_to(place)
    return place


def test_csv_files_of_the_folder_in_order(settings, folder):
    files = fetch_files("folder", settings, {"path": str(folder)})
    assert [f.file_name for f in files] == ["a.csv", "b.csv", "c.CSV.GZ"]
    assert [f.path.read_bytes() for f in files] == [b"a.csv", b"b.csv", b"c.CSV.GZ"]
    assert files[0].provenance == {"origin": "folder", "path": str(folder / "a.csv")}


def test_folders_below_when_asked(settings, folder):
    files = fetch_files("folder", settings, {"path": str(folder), "recursive": True})
    assert [f.file_name for f in files] == ["a.csv", "b.csv", "c.CSV.GZ", "more/a.csv"]


def test_what_only_has_a_files_name_is_given_to_be_refused_and_is_not_opened(settings, folder):
    os.mkfifo(folder / "pipe.csv")
    os.mkfifo(folder / "pipe.zip")
    files = fetch_files("folder", settings, {"path": str(folder), "pattern": "p*.csv"})
    assert [f.file_name for f in files] == ["pipe.csv", "pipe.zip"]
    assert {f.within for f in files} == {folder}


def test_one_file(settings, folder):
    [file] = fetch_files("folder", settings, {"path": str(folder / "notes.md")})
    assert (file.file_name, file.path) == ("notes.md", folder / "notes.md")


def test_a_relative_path_starts_at_the_project(settings, folder, monkeypatch):
    monkeypatch.chdir("/")
    assert len(fetch_files("folder", settings, {"path": "sales"})) == 3


@pytest.mark.parametrize("options", [{}, {"path": ""}, {"path": " "}, {"path": None}, {"path": 3}])
def test_no_path(settings, options):
    with pytest.raises(ConfigError, match=r"needs a path: .*shops\.toml.*--data"):
        fetch_files("folder", settings, options)


def test_a_path_that_does_not_exist(settings, tmp_path):
    with pytest.raises(ConfigError, match=rf"{tmp_path}/none does not exist\. Correct the path"):
        fetch_files("folder", settings, {"path": "none"})


def test_a_folder_without_csv_files(settings, folder):
    for path in folder.glob("*.[cC]*"):
        path.unlink()
    with pytest.raises(
        SourceUnavailable, match=rf"no file named \*\.csv, .* in {folder}\. .*recursive"
    ):
        fetch_files("folder", settings, {"path": str(folder)})


def test_a_folder_that_may_not_be_read(tmp_path, folder):
    """As another user, because root may read everything."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from ecorse.errors import SourceUnavailable; from ecorse.settings import Settings\n"
        "from ecorse.origins import fetch_files, folder\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: fetch_files('folder', Settings(), {'path': sys.argv[1]})\n"
        "except SourceUnavailable as error: print(error)\n"
    )
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code, str(closed)], check=True, capture_output=True, text=True
    )
    assert "Permission denied" in done.stdout
    assert str(closed) in done.stdout
    assert "Make it readable" in done.stdout


def test_options_and_origins_that_do_not_exist(settings, folder):
    with pytest.raises(ConfigError, match="no option 'pth'; it has path, recursive, pattern"):
        fetch_files("folder", settings, {"pth": "x"})
    with pytest.raises(ConfigError, match="recursive must be true or false"):
        fetch_files("folder", settings, {"path": str(folder), "recursive": "yes"})
    with pytest.raises(ConfigError, match="no origin 'ftp'; there are folder, http, "):
        fetch_files("ftp", settings, {})
    with pytest.raises(ConfigError, match="no origin '_files'"):
        fetch_files("_files", settings, {})


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return buffer.getvalue()


def given(settings, **options) -> dict[str, bytes]:
    files = fetch_files("folder", settings, {"path": "in", **options})
    return {file.file_name: file.path.read_bytes() for file in files}


def test_every_kind_of_data_file(settings, tmp_path):
    (tmp_path / "in").mkdir()
    names = ["a.csv", "b.tsv", "c.txt", "d.csv.gz", "e.csv.zst", "f.tsv.gz", "g.parquet"]
    names += ["h.xlsx", "i.yaml"]
    for name in [*names, "j.pdf", "k.gz", "license.txt"]:
        (tmp_path / "in" / name).write_bytes(name.encode())
    assert given(settings) == {name: name.encode() for name in names}


def test_archives_give_their_members(settings, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.csv").write_bytes(b"plain")
    (tmp_path / "in" / "a.zip").write_bytes(
        zipped(x_csv="1", sub__y_tsv="2", readme_txt="no", inner_zip="no", z_exe="no")
    )
    expected = {"a.zip/sub/y.tsv": b"2", "a.zip/x.csv": b"1", "b.csv": b"plain"}
    assert given(settings) == expected
    assert given(settings) == expected  # from the unpacked copy
    [copies] = (tmp_path / "home" / "unpacked").iterdir()
    assert len(list(copies.iterdir())) == 1
    assert copies.stat().st_mode & 0o077 == 0


def test_one_archive_as_the_path(settings, tmp_path):
    (tmp_path / "in").write_bytes(b"")
    (tmp_path / "a.zip").write_bytes(zipped(x_csv="1"))
    assert given(settings, path="a.zip") == {"a.zip/x.csv": b"1"}


def test_an_archive_that_was_replaced_is_unpacked_again(settings, tmp_path):
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / "a.zip"
    archive.write_bytes(zipped(x_csv="1", y_csv="2"))
    given(settings)
    archive.write_bytes(zipped(x_csv="new"))
    assert given(settings) == {"a.zip/x.csv": b"new"}
    [copies] = (tmp_path / "home" / "unpacked").iterdir()
    assert len(list(copies.iterdir())) == 1  # the earlier members are gone


def test_an_archive_that_changes_while_it_is_unpacked(settings, tmp_path, monkeypatch):
    from ecorse.origins import _files

    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / "a.zip"
    archive.write_bytes(zipped(x_csv="1"))
    extract = _files.extract_safely

    def extract_and_change(path, folder, *, label):
        extract(path, folder, label=label)
        archive.write_bytes(zipped(x_csv="longer"))

    with monkeypatch.context() as patch:
        patch.setattr(_files, "extract_safely", extract_and_change)
        [file] = fetch_files("folder", settings, {"path": "in"})
    assert re.match(r"a\.zip: was changed .* while it was unpacked", file.refused)
    assert not list((tmp_path / "home" / "unpacked").glob("*/*"))
    assert given(settings) == {"a.zip/x.csv": b"longer"}


def test_an_unsafe_archive_is_refused_by_name(settings, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.zip").write_bytes(zipped(x_csv="0" * 1_000_000))
    (tmp_path / "in" / "b.csv").write_bytes(b"good")
    bad, good = fetch_files("folder", settings, {"path": "in"})
    assert (bad.file_name, good.file_name, good.refused) == ("a.zip", "b.csv", "")
    assert re.match(r"a\.zip: the archive was refused.*100 times", bad.refused)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("orders-*.csv", ["a.zip/orders-2.csv", "orders-1.csv"]),
        ("a.zip/*", ["a.zip/items.csv", "a.zip/orders-2.csv"]),
        ("*.tsv", ["more.tsv"]),
    ],
)
def test_a_pattern_chooses(settings, tmp_path, pattern, names):
    (tmp_path / "in").mkdir()
    for name in ("orders-1.csv", "items.csv", "more.tsv"):
        (tmp_path / "in" / name).write_bytes(b"1")
    archive = tmp_path / "in" / "a.zip"
    archive.write_bytes(zipped(**{"orders-2_csv": "1", "items_csv": "1"}))
    assert list(given(settings, pattern=pattern)) == names


def test_a_pattern_that_nothing_matches(settings, folder):
    with pytest.raises(SourceUnavailable, match=r"no file named x\*\.csv in "):
        fetch_files("folder", settings, {"path": str(folder), "pattern": "x*.csv"})
    with pytest.raises(ConfigError, match="pattern must be a text, not 3"):
        fetch_files("folder", settings, {"path": str(folder), "pattern": 3})


def test_a_name_that_is_no_text_is_refused_and_the_others_are_given(settings, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.csv").write_bytes(b"good")
    with open(os.fsencode(tmp_path / "in") + b"/caf\xe9.csv", "wb") as file:
        file.write(b"1")
    good, bad = fetch_files("folder", settings, {"path": "in"})
    assert (good.file_name, good.refused) == ("b.csv", "")
    assert bad.file_name == r"caf\xe9.csv"
    assert bad.refused.startswith(r"caf\xe9.csv: the file's name is not UTF-8")
