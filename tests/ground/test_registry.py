"""Plug-ins are found in three places by one rule, listed without an import, and never twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ecorse import registry
from ecorse.errors import ConfigError
from ecorse.origins import SourceFile, fetch_files, origin_names
from ecorse.settings import get_settings
from ecorse.sources import get_source, source_names

ORIGIN = """
from ecorse.origins import Origin, SourceFile
def fetch(settings, options):
    return [SourceFile(settings.home / "sales.csv", "sales.csv", {"from": options["server"]})]
ORIGIN = Origin(fetch, {"server": "Which server"}, data="server")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that writes a file below the project's include/."""
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path))
    get_settings.cache_clear()

    def write(name: str, text: str):
        path = tmp_path / "include" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    yield write
    get_settings.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that installs, on sys.path, a package with one entry point."""

    def install(group: str, name: str, value: str, text: str) -> None:
        folder = tmp_path / "site"
        info = folder / "ecorse_more-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ecorse-more\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
        (folder / "ecorse_more.py").write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        registry._entry_points.cache_clear()

    yield install
    sys.modules.pop("ecorse_more", None)
    registry._entry_points.cache_clear()


def test_modules_of_a_room_count_and_its_helpers_do_not():
    assert registry.names("origin") == ("folder", "http", "kaggle", "object_storage", "simulate")
    found = set(registry.names("source"))
    assert {"sales_csv", "ratings"} <= found
    assert not {"canonical", "mappings", "reading", "__init__"} & found
    assert registry.load("source", "sales_csv").contract.name == "sales_csv"


def test_a_file_of_the_project_is_a_plug_in(project, tmp_path):
    project("origins/ftp.py", ORIGIN)
    project("origins/helper.py", "x = 1\n")
    project("origins/_own.py", ORIGIN)
    assert "ftp" in origin_names()
    assert not {"helper", "_own"} & set(origin_names())
    [file] = fetch_files("ftp", get_settings(), {"server": "shop.example"})
    assert file == SourceFile(
        get_settings().home / "sales.csv", "sales.csv", {"from": "shop.example"}
    )
    project("origins/ftp.py", ORIGIN.replace('"server": "Which server"', '"host": "Which"'))
    with pytest.raises(ConfigError, match="has no option 'server'; it has host"):
        fetch_files("ftp", get_settings(), {"server": "shop.example"})


def test_a_source_of_the_project_is_read_like_any_other(project):
    project(
        "sources/till.py",
        "from dataclasses import replace\nfrom ecorse.sources.ratings import SOURCE as RATINGS\n"
        "SOURCE = replace(RATINGS, name='till')\n",
    )
    assert "till" in source_names()
    assert get_source("till").name == "till"


@pytest.mark.parametrize("value", ["ecorse_more", "ecorse_more:ORIGIN"])
def test_an_entry_point_names_a_module_or_the_object(package, value):
    package("ecorse.origin", "sftp", value, ORIGIN)
    assert "sftp" in registry.names("origin")
    assert registry.load("origin", "sftp").data == "server"


def test_a_name_may_stand_for_one_thing_only(project, package):
    own = project("origins/folder.py", ORIGIN)
    with pytest.raises(ConfigError, match="Two origins are named 'folder'") as told:
        registry.names("origin")
    assert str(own) in str(told.value)
    assert "ecorse/origins/folder.py" in str(told.value)
    own.unlink()
    package("ecorse.origin", "http", "ecorse_more", ORIGIN)
    with pytest.raises(ConfigError, match="entry point http = ecorse_more"):
        registry.names("origin")


def test_a_mapping_may_not_have_the_name_of_a_module(project):
    own = project("sources/sales_csv.toml", 'about = "x"\n')
    with pytest.raises(ConfigError, match="Two sources are named 'sales_csv'") as told:
        source_names()
    assert str(own) in str(told.value)


def test_a_plug_in_that_cannot_be_imported_names_file_and_reason(project):
    path = project("origins/ftp.py", "import a_library_that_is_missing\nORIGIN = 1\n")
    assert "ftp" in origin_names()  # listing imports nothing
    with pytest.raises(ConfigError, match="No module named 'a_library_that_is_missing'") as told:
        registry.load("origin", "ftp")
    assert str(path) in str(told.value)
    assert "line 1" in str(told.value)


def test_an_unknown_name_tells_what_there_is_and_where_a_new_one_may_stand(project):
    with pytest.raises(ConfigError, match=r"there are folder.*include/origins/ftp\.py") as told:
        registry.load("origin", "ftp")
    assert "ecorse.origin" in str(told.value)
    project("origins/ftp.py", "def fetch(): ...\n")
    with pytest.raises(ConfigError, match=r"ftp\.py does not count.*does not define ORIGIN"):
        registry.load("origin", "ftp")


def test_every_kind_can_be_listed_and_nothing_heavy_is_imported():
    code = (
        "import sys; from ecorse import registry; from ecorse.sources import source_names\n"
        "for kind in registry.ROOMS: registry.names(kind)\n"
        "source_names()\n"
        "heavy = {'polars', 'pandas', 'numpy', 'sklearn', 'psycopg', 'airflow', 'requests'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
