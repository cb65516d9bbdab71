"""Which folder is the project, and which files of it count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecorse import layers
from ecorse.errors import ConfigError
from ecorse.settings import Settings, get_settings


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{root.name}/{name}")


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """A folder that ships two marts, a mapping and shared comments."""
    monkeypatch.setattr("ecorse.layers.SHIPPED_DIR", tmp_path / "shipped")
    monkeypatch.setattr("ecorse.layers.IS_CHECKOUT", False)
    write(
        tmp_path / "shipped",
        "include/sql/marts/core/orders.sql",
        "include/sql/marts/sales/kpis.sql",
        "include/sql/marts/_columns.toml",
        "include/sources/movies.toml",
    )
    return tmp_path / "shipped"


@pytest.fixture
def project(tmp_path) -> Path:
    write(tmp_path / "shop", "include/shops.toml")
    return tmp_path / "shop"


def names(paths: list[Path], root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in paths]


def test_an_empty_project_is_what_ships(shipped, project, tmp_path):
    settings = Settings(project_dir=project)
    assert names(settings.files("sql/marts/**/*.sql"), tmp_path) == [
        "shipped/include/sql/marts/sales/kpis.sql",
        "shipped/include/sql/marts/core/orders.sql",
    ]


def test_a_projects_mart_replaces_the_shipped_one_of_its_name_whatever_its_area(
    shipped, project, tmp_path
):
    write(project, "include/sql/marts/mine/kpis.sql", "include/sql/marts/mine/visits.sql")
    assert names(Settings(project_dir=project).files("sql/marts/**/*.sql"), tmp_path) == [
        "shop/include/sql/marts/mine/kpis.sql",
        "shipped/include/sql/marts/core/orders.sql",
        "shop/include/sql/marts/mine/visits.sql",
    ]


def test_two_files_of_one_name_in_one_layer_both_stay_for_the_catalogue_to_refuse(
    shipped, project, tmp_path
):
    write(project, "include/sql/marts/a/visits.sql", "include/sql/marts/b/visits.sql")
    found = names(Settings(project_dir=project).files("sql/marts/**/*.sql"), tmp_path)
    assert [name for name in found if name.endswith("visits.sql")] == [
        "shop/include/sql/marts/a/visits.sql",
        "shop/include/sql/marts/b/visits.sql",
    ]


def test_the_shipped_folder_as_project_has_each_file_once(shipped, tmp_path):
    write(shipped, "include/shops.toml")
    assert names(Settings(project_dir=shipped).files("sources/*.toml"), tmp_path) == [
        "shipped/include/sources/movies.toml"
    ]


def test_files_that_are_merged_come_shipped_first(shipped, project, tmp_path):
    write(project, "include/sql/marts/_columns.toml")
    assert names(Settings(project_dir=project).stack("sql/marts/_columns.toml"), tmp_path) == [
        "shipped/include/sql/marts/_columns.toml",
        "shop/include/sql/marts/_columns.toml",
    ]


def test_the_project_is_the_nearest_one_upwards(shipped, project):
    inner = project / "data" / "deep"
    write(inner, "include/shops.toml")
    (inner / "sales").mkdir()
    assert layers.find_project(inner / "sales") == inner
    assert layers.find_project(project / "data") == project


def test_without_one_a_checkout_is_the_project_and_a_package_has_none(
    shipped, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    assert layers.find_project(tmp_path / "elsewhere") is None
    monkeypatch.setattr("ecorse.layers.IS_CHECKOUT", True)
    assert layers.find_project(tmp_path / "elsewhere") == shipped


def test_settings_follow_the_project(shipped, project, tmp_path, monkeypatch):
    """Its .env, its home and its shops file, from a folder within it; the environment wins."""
    for name in [name for name in os.environ if name.startswith("ECORSE_")]:
        monkeypatch.delenv(name)
    (project / ".env").write_text("ECORSE_KEEP_BUILDS=5\nECORSE_COPY_STREAMS=3\n")
    (project / "data").mkdir()
    monkeypatch.chdir(project / "data")
    monkeypatch.setenv("ECORSE_COPY_STREAMS", "4")
    get_settings.cache_clear()
    try:
        settings = get_settings()
    finally:
        get_settings.cache_clear()
    assert (settings.keep_builds, settings.copy_streams) == (5, 4)
    assert settings.project_dir == project
    assert settings.home == project / "var"
    assert settings.shops_file == project / "include" / "shops.toml"


def test_the_environment_names_the_project(shipped, project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECORSE_PROJECT_DIR", "shop")
    assert layers.default_project() == project


def test_a_folder_that_is_no_project_is_refused_with_the_way_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match=r"is no project.*ecorse init DIR"):
        layers.require_project(tmp_path)


def test_a_projects_mart_replaces_also_one_that_a_shipped_template_makes(tmp_path):
    from ecorse.refresh.catalog import load_catalog

    own = tmp_path / "include" / "sql" / "marts" / "mine" / "segment_by_city.sql"
    own.parent.mkdir(parents=True)
    own.write_text(
        '/*\nabout = "Mine"\ngrain = ["shop_id"]\nmaterialized = "table"\n*/\n'
        "select distinct shop_id from marts.orders\n"
    )
    marts = load_catalog(Settings(project_dir=tmp_path)).marts
    assert marts["segment_by_city"].path == own
    assert marts["segment_by_hour"].path.is_relative_to(layers.SHIPPED_DIR)
    again = own.parents[1] / "other" / own.name
    again.parent.mkdir()
    again.write_text(own.read_text())
    with pytest.raises(ConfigError, match="makes 'segment_by_city' too"):
        load_catalog(Settings(project_dir=tmp_path))


def test_layers_and_settings_import_nothing_heavy():
    code = (
        "import sys, ecorse.layers\n"
        "assert 'pydantic' not in sys.modules\n"
        "import ecorse.settings\n"
        "print(sorted({'polars', 'pandas', 'numpy', 'sqlglot', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
