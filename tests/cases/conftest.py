"""One night of the shops of several cases: each case's input is a shop of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecorse.settings import PROJECT_DIR, get_settings

CASES = PROJECT_DIR / "tests" / "fixtures" / "cases"
# shop, its input, the mapping, the shop's zone
SHOPS = (
    ("popular-bag", "16/orders.csv", "16/lines.toml", "Europe/Berlin"),
    ("gap-month", "18/orders.csv", "16/lines.toml", "Europe/Berlin"),
    ("cancelled", "19/orders.csv", "16/lines.toml", "Europe/Berlin"),
    ("mixed", "19/mixed.csv", "16/lines.toml", "Europe/Berlin"),
    ("utc", "20/orders.csv", "20/lines_utc.toml", "Europe/Berlin"),
    ("tokyo", "20/orders.csv", "20/lines_utc.toml", "Asia/Tokyo"),
    ("towns", "27/cities.csv", "27/cities.toml", "Europe/Berlin"),
)
SHOP = """
[[shops]]
shop_id = "{shop}"
shop_name = "{shop}"
time_zone = "{zone}"
currency = "EUR"
[[shops.sources]]
source = "{source}"
origin = "folder"
options = {{ path = "{folder}" }}
"""


def make_project(folder: Path) -> None:
    """A project with the cases' shops, mappings and files."""
    sources = folder / "include" / "sources"
    sources.mkdir(parents=True)
    shops = []
    for shop, file, mapping, zone in SHOPS:
        files = folder / "files" / shop
        files.mkdir(parents=True)
        shutil.copy(CASES / file, files)
        shutil.copy(CASES / mapping, sources)
        shops.append(SHOP.format(shop=shop, zone=zone, source=Path(mapping).stem, folder=files))
    (folder / "include" / "shops.toml").write_text("".join(shops))


@pytest.fixture(scope="session")
def night_of_cases(snapshot, tmp_path_factory):
    """Every file is loaded and the night is published, or this fixture fails."""
    from ecorse import flow

    project = tmp_path_factory.mktemp("cases")
    make_project(project)

    def fill() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_PROJECT_DIR", str(project))
            get_settings.cache_clear()
            _, failure = flow.ingest_all(holder="test", progress=str)
            assert failure is None
            assert flow.refresh(holder="test", progress=str).is_published

    return snapshot(fill)


@pytest.fixture
def asked(night_of_cases, snapshot_of) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Give what readers of the published night get for a query."""
    from ecorse.warehouse.connect import connect

    def ask(query: str, *values: object) -> list[tuple[Any, ...]]:
        with connect("bi_reader") as conn:
            return conn.execute(query, values).fetchall()

    with snapshot_of(night_of_cases):
        yield ask
