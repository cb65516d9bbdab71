"""Fixtures that every kind of test shares: a real Postgres, a fresh warehouse, the real data."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecorse.settings import PROJECT_DIR, get_settings


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip without it."""
    folder = PROJECT_DIR.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data is not here: {folder.name} beside the checkout is missing")
    return folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """One embedded Postgres for the whole session, with a migrated template database."""
    from ecorse.postgres.server import EmbeddedPostgres
    from ecorse.warehouse.migrate import migrate

    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    server.create_database("ecorse_template")
    previous = os.environ.get("ECORSE_DATABASE_URL")
    os.environ["ECORSE_DATABASE_URL"] = server.url("ecorse_etl", database="ecorse_template")
    get_settings.cache_clear()
    migrate()
    if previous is None:
        del os.environ["ECORSE_DATABASE_URL"]
    else:
        os.environ["ECORSE_DATABASE_URL"] = previous
    get_settings.cache_clear()
    yield server
    server.remove()


@pytest.fixture
def warehouse(postgres, monkeypatch, tmp_path) -> Iterator[str]:
    """A fresh, migrated database; ``connect()`` goes there, ``ECORSE_HOME`` is a temporary folder.

    Gives the database's name.
    """
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name, template="ecorse_template")
    monkeypatch.setenv("ECORSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ECORSE_DATABASE_URL", postgres.url("ecorse_etl", database=name))
    monkeypatch.setenv("ECORSE_BI_READER_PASSWORD", postgres.password("bi_reader"))
    monkeypatch.setenv("ECORSE_APP_READER_PASSWORD", postgres.password("app_reader"))
    get_settings.cache_clear()
    yield name
    get_settings.cache_clear()
    postgres.drop_database(name)
