"""A project of one's own over the shipped files, and two small shops in a warehouse."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect

EXAMPLES = PROJECT_DIR / "docs" / "examples"
# the seeded shop of tests/integration, staged without files
_spec = importlib.util.spec_from_file_location(
    "integration_conftest", PROJECT_DIR / "tests" / "integration" / "conftest.py"
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
stage = _module.stage


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
def shops(warehouse, project):
    """A warehouse with the staged shops ``north`` and ``south``, whose orders have customers."""
    get_settings.cache_clear()
    stage(orders=300, seed=1, shop_id="north", file_name="north.csv")
    stage(orders=240, seed=2, shop_id="south", file_name="south.csv")
    with connect() as conn:
        conn.execute(
            "update staging.order_lines set customer_id = "
            "'c' || mod(split_part(order_id, '-', 2)::integer, 40), customer_key_kind = 'id'"
        )
