"""Each platform's simulated export, written and read once for all tests of ready-made sources."""

from __future__ import annotations

from functools import cache

import pytest

from ecorse.simulate.platforms.write_platform import simulate_platform
from exports import PLAN, lines_of, shop_of


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
