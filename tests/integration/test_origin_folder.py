"""The origin ``folder``: which files it gives, and what it says when there are none.

What belongs here: real folders. What does not: reading the files.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ecorse.errors import ConfigError, SourceUnavailable
from ecorse.settings import Settings
from ecorse.sources.origins import fetch_files


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
        "notes.txt",
        "a.csv.bak",
        "more/a.csv",
    ):
        (place / name).write_bytes(name.encode())
    (place / "loop").symlink_to(place)
    os.mkfifo(place / "pipe.csv")
    return place


def test_csv_files_of_the_folder_in_order(settings, folder):
    files = fetch_files("folder", settings, {"path": str(folder)})
    assert [f.file_name for f in files] == ["a.csv", "b.csv", "c.CSV.GZ"]
    assert [f.path.read_bytes() for f in files] == [b"a.csv", b"b.csv", b"c.CSV.GZ"]
    assert files[0].provenance == {"origin": "folder", "path": str(folder / "a.csv")}


def test_folders_below_when_asked(settings, folder):
    files = fetch_files("folder", settings, {"path": str(folder), "recursive": True})
    assert [f.file_name for f in files] == ["a.csv", "b.csv", "c.CSV.GZ", "more/a.csv"]


def test_one_file(settings, folder):
    [file] = fetch_files("folder", settings, {"path": str(folder / "notes.txt")})
    assert (file.file_name, file.path) == ("notes.txt", folder / "notes.txt")


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
        SourceUnavailable, match=rf"no file named \*\.csv or .* in {folder}\. .*recursive"
    ):
        fetch_files("folder", settings, {"path": str(folder)})


def test_a_folder_that_may_not_be_read(tmp_path, folder):
    """As another user, because root may read everything."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from ecorse.errors import SourceUnavailable; from ecorse.settings import Settings\n"
        "from ecorse.sources.origins import fetch_files, folder\n"
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
    with pytest.raises(ConfigError, match="no option 'pth'; it has path, recursive"):
        fetch_files("folder", settings, {"pth": "x"})
    with pytest.raises(ConfigError, match="recursive must be true or false"):
        fetch_files("folder", settings, {"path": str(folder), "recursive": "yes"})
    with pytest.raises(ConfigError, match="no origin 'ftp'; there are folder, kaggle, simulate"):
        fetch_files("ftp", settings, {})
    with pytest.raises(ConfigError, match="no origin '_files'"):
        fetch_files("_files", settings, {})
