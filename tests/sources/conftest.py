"""Each platform's simulated export, written and read once for all tests of ready-made sources."""

from __future__ import annotations

from functools import cache

import pytest

from ecorse.ingest.dry import dry_load
from ecorse.settings import get_settings
from ecorse.simulate.platforms.write_platform import simulate_platform
from ecorse.sources.mappings.source import read_mapping
from exports import PLAN, lines_of, shop_of
from mapped_rows import MAPPING, SHOP


@pytest.fixture(scope="session")
def export(tmp_path_factory):
    """Give a platform's export, read once: path, books, staged lines, rejects, the account."""

    @cache
    def export(name):
        folder = tmp_path_factory.mktemp(name)
        books = simulate_platform(folder, PLAN, name)
        [path] = (p for p in folder.iterdir() if p.name.startswith("simulated_"))
        return (path, books, *lines_of(name, path, shop_of(books)))

    return export


@pytest.fixture
def mapping(tmp_path, monkeypatch):
    """Write a mapping and give its source, known by its name as any other."""
    folder = tmp_path / "project" / "include" / "sources"
    folder.mkdir(parents=True)
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path / "project"))
    get_settings.cache_clear()

    def mapping(text, name="orders"):
        (folder / f"{name}.toml").write_text(text)
        return read_mapping(folder / f"{name}.toml")

    yield mapping
    get_settings.cache_clear()


@pytest.fixture
def read(tmp_path):
    """Reads rows (behind order, sku, day, qty) by a mapping of these columns."""

    def of(columns, names, *rows, head="", tail=""):
        path = tmp_path / "lines.toml"
        path.write_text(MAPPING.format(head=head, columns=columns, tail=tail))
        file = tmp_path / "lines.csv"
        file.write_text("".join(f"{line}\n" for line in (f"order,sku,day,qty,{names}", *rows)))
        return dry_load(file, read_mapping(path), SHOP, keep=True)

    return of
