"""A project of one's own over the shipped files, and two small shops in a warehouse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect

EXAMPLES = PROJECT_DIR / "docs" / "examples"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project folder whose ``include`` lies over the shipped one; it is the current project."""
    folder = tmp_path / "project"
    for room in ("models", "recommenders", "segments"):
        (folder / "include" / room).mkdir(parents=True)
    shutil.copy(PROJECT_DIR / "include" / "shops.toml", folder / "include")
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(folder))
    get_settings.cache_clear()
    yield folder
    get_settings.cache_clear()


@pytest.fixture
def shops(warehouse, project, stage_more):
    """A warehouse with the staged shops ``north`` and ``south``, whose orders have customers."""
    get_settings.cache_clear()
    stage_more(orders=300, seed=1, shop_id="north", file_name="north.csv")
    stage_more(orders=240, seed=2, shop_id="south", file_name="south.csv")
    with connect() as conn:
        conn.execute(
            "update staging.order_lines set customer_id = "
            "'c' || mod(split_part(order_id, '-', 2)::integer, 40), customer_key_kind = 'id'"
        )
