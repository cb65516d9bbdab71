"""Where a run's files come from: the run, then the settings, then shops.toml."""

from __future__ import annotations

import subprocess

import pytest

from ecorse.errors import ConfigError
from ecorse.ingest.choice import Choice, choose
from ecorse.ingest.shops import ShopSource
from ecorse.origins import data_options, from_here
from ecorse.settings import PROJECT_DIR, Settings, get_settings

CONFIGURED = ShopSource(name="sales_csv", origin="kaggle", options={"handle": "a/b", "files": "x"})


@pytest.mark.parametrize(
    ("run", "settings", "expected"),
    [
        ({}, {}, Choice("kaggle", {"handle": "a/b", "files": "x"}, False)),
        # of the same origin what is not said stays; of another nothing does
        ({"origin": "kaggle", "data": "c/d"}, {},
         Choice("kaggle", {"handle": "c/d", "files": "x"}, True)),
        ({"origin": "http", "data": "https://x"}, {}, Choice("http", {"url": "https://x"}, True)),
        ({"origin": "simulate"}, {}, Choice("simulate", {}, False)),
        ({"data": "/in"}, {}, Choice("folder", {"path": "/in"}, True)),
        ({"options": {"version": 3}}, {},
         Choice("kaggle", {"handle": "a/b", "files": "x", "version": 3}, True)),
        ({}, {"origin": "folder", "data": "/night"}, Choice("folder", {"path": "/night"}, True)),
        ({}, {"origin": "kaggle"}, Choice("kaggle", {"handle": "a/b", "files": "x"}, False)),
        ({}, {"origin": "kaggle", "data": "e/f"}, Choice("kaggle", {"handle": "e/f"}, True)),
        ({"data": "/run"}, {"origin": "folder", "data": "/night"},
         Choice("folder", {"path": "/run"}, True)),
        ({"origin": "simulate"}, {"origin": "folder", "data": "/night"},
         Choice("simulate", {}, False)),
    ],
)  # fmt: skip
def test_the_run_comes_before_the_settings_and_these_before_the_file(run, settings, expected):
    assert choose(CONFIGURED, Settings(**settings), **run) == expected


def test_an_origin_says_itself_what_data_means_to_it():
    assert data_options("object_storage", "s3://b/x") == {"url": "s3://b/x"}
    assert data_options("folder", "") == {}
    with pytest.raises(ConfigError, match="'simulate' takes no --data"):
        data_options("simulate", "/in")
    with pytest.raises(ConfigError, match="There is no origin 'ftp'"):
        data_options("ftp", "x")


def test_a_path_is_typed_in_this_folder_and_read_in_another(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert from_here("folder", "in") == str(tmp_path / "in")
    assert from_here("kaggle", "owner/name") == "owner/name"


def test_the_old_words_are_refused_with_the_new_ones(monkeypatch):
    monkeypatch.setenv("ECORSE_DATA_PATH", "/in")
    get_settings.cache_clear()
    with pytest.raises(ConfigError, match="ECORSE_DATA_PATH is called ECORSE_DATA now"):
        get_settings()
    monkeypatch.delenv("ECORSE_DATA_PATH")
    get_settings.cache_clear()
    # -n: what would be run
    planned = subprocess.run(
        ["make", "-n", "run", "SOURCE=folder"], cwd=PROJECT_DIR, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "SOURCE is how a file is read" in planned.stdout
    assert "ORIGIN=folder" in planned.stdout
    assert "pip" not in planned.stdout
