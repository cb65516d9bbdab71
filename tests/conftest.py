"""Fixtures that every kind of test shares: a real Postgres, warehouses in it, the real data.

A test that needs a warehouse takes ``warehouse``, which is empty. Tests that begin with the same
night let it be made once (``snapshot``) and each get a copy of their own (``restore``).
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecorse import declared
from ecorse.models.declaration import KINDS, Declaration
from ecorse.settings import PROJECT_DIR, get_settings

TEMPLATE = "ecorse_template"


@pytest.fixture(scope="session")
def declare() -> Callable[..., Declaration]:
    """A shipped declaration with other values: ``declare("segment_orders", naming={...})``.

    Tables are merged; a value of another kind takes the place of the shipped one.
    """

    def make(name: str, **changes: Any) -> Declaration:
        path = PROJECT_DIR / "include" / "models" / f"{name}.toml"
        document = _merged(declared.parse_file(path), changes)
        task = name.partition("_")[0]
        return Declaration(name, task, path, declared.check(document, KINDS[task], str(path)))

    return make


def _merged(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return document | {
        key: _merged(document.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in changes.items()
    }


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip without it."""
    folder = PROJECT_DIR.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data is not here: {folder.name} beside the checkout is missing")
    return folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """One embedded Postgres for the whole session, with a migrated template database.

    Of several processes that share the tests out (``pytest -n 2``) each has its own. It does not
    wait for the disk: what a test leaves need not outlive a power cut.
    """
    from ecorse.postgres.server import EmbeddedPostgres
    from ecorse.warehouse.migrate import migrate

    home = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(home)
    server.start()
    with server.admin() as admin:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            admin.execute(f"alter system set {setting} = off")
        admin.execute("select pg_reload_conf()")
    server.create_database(TEMPLATE)
    with inside(server, TEMPLATE, home):
        migrate()
    yield server
    server.remove()


@contextmanager
def inside(server, database: str, home: Path) -> Iterator[None]:
    """Let ``connect()`` go to a database of the server, and ``ECORSE_HOME`` be a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECORSE_HOME", str(home))
        patch.setenv("ECORSE_DATABASE_URL", server.url("ecorse_etl", database=database))
        patch.setenv("ECORSE_BI_READER_PASSWORD", server.password("bi_reader"))
        patch.setenv("ECORSE_APP_READER_PASSWORD", server.password("app_reader"))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def copy_database(server, name: str, template: str = TEMPLATE) -> None:
    """Make a database as a copy of another; copying its files is the quickest way."""
    with server.admin() as admin:
        admin.execute(
            f"create database {name} owner ecorse_etl template {template} strategy file_copy"
        )
    server.create_database(name)  # lets its readers in


@contextmanager
def new_warehouse(server, home: Path, template: str = TEMPLATE) -> Iterator[str]:
    """Be inside a new warehouse, a copy of a template, which is dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    copy_database(server, name, template)
    try:
        with inside(server, name, home):
            yield name
    finally:
        server.drop_database(name)


@pytest.fixture
def warehouse(postgres, tmp_path) -> Iterator[str]:
    """A fresh, migrated database; ``connect()`` goes there, ``ECORSE_HOME`` is a temporary folder.

    Gives the database's name.
    """
    with new_warehouse(postgres, tmp_path / "home") as name:
        yield name


@dataclass(frozen=True)
class Snapshot:
    """A warehouse as it was left: database, home, and what the function that filled it gave."""

    database: str
    home: Path
    result: Any


@pytest.fixture(scope="session")
def snapshot(postgres, tmp_path_factory) -> Iterator[Callable[[Callable[[], Any]], Snapshot]]:
    """Give a function that fills a new warehouse by another function and keeps it.

    For fixtures of a wider scope than one test; what is kept is dropped with the session.
    """
    with ExitStack() as stack:

        def keep(fill: Callable[[], Any]) -> Snapshot:
            home = tmp_path_factory.mktemp("snapshot")
            name = f"kept_{uuid.uuid4().hex[:12]}"
            copy_database(postgres, name)
            stack.callback(postgres.drop_database, name)
            with inside(postgres, name, home):
                result = fill()
            return Snapshot(name, home, result)

        yield keep


@pytest.fixture
def restore(postgres, tmp_path) -> Iterator[Callable[[Snapshot], Any]]:
    """Give a function that makes this test's warehouse a copy of a kept one.

    It gives what the function that filled the kept one gave.
    """
    with ExitStack() as stack:

        def back(kept: Snapshot) -> Any:
            home = tmp_path / "home"
            shutil.copytree(kept.home, home)
            stack.enter_context(new_warehouse(postgres, home, kept.database))
            return kept.result

        yield back
