"""Fixtures that every kind of test shares: a real Postgres, warehouses in it, a small staged shop.

A test that needs a warehouse takes ``warehouse``, which is empty. Tests that begin with the same
night let it be made once (``snapshot``) and each get a copy of their own (``restore``).
"""

from __future__ import annotations

import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecorse import declared
from ecorse.models.declaration import KINDS, Declaration
from ecorse.settings import PROJECT_DIR, get_settings

TEMPLATE = "ecorse_template"
# rooms whose tests make whole nights: ``make test-nights``, and not ``make test``
NIGHTS = {"answering", "dags", "flow", "integration", "reports", "serve", "stack", "training"}


@pytest.hookimpl(tryfirst=True)  # before ``-m`` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of whole nights by their room."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in NIGHTS:
            item.add_marker(pytest.mark.night)


@pytest.fixture(scope="session")
def declare() -> Callable[..., Declaration]:
    """A shipped declaration, or one of the examples, with other values:
    ``declare("segment_orders", naming={...})``.

    Tables are merged; a value of another kind takes the place of the shipped one.
    """

    def make(name: str, **changes: Any) -> Declaration:
        rooms = (PROJECT_DIR / "include" / "models", PROJECT_DIR / "docs" / "examples")
        path = next(p for room in rooms if (p := room / f"{name}.toml").exists())
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


# product, category, price, hour around which it is bought
CATALOGUE = [
    ("phone", "Phones", Decimal("600"), 12),
    ("cable", "Accessories", Decimal("11.95"), 20),
    ("headphones", "Accessories", Decimal("99.99"), 20),
    ("monitor", "Monitors", Decimal("149.99"), 12),
    ("batteries", "Batteries", Decimal("2.99"), 20),
    ("laptop", "Computers", Decimal("999.99"), 12),
]
CITIES = ["Boston", "Dallas", "Seattle"]


def stage(
    *, orders: int = 300, seed: int = 1, shop_id: str = "main", file_name: str = "sales.csv"
) -> int:
    """Stage a seeded shop as one load; gives the load's id.

    Every phone comes with a cable, so those two are each other's first co-purchase neighbours.
    """
    from ecorse.warehouse.connect import connect

    rng = random.Random(seed)
    lines = []
    for number in range(orders):
        product = CATALOGUE[number % len(CATALOGUE)]
        at = datetime(2019, 1, 1) + timedelta(days=rng.randrange(120))
        at += timedelta(hours=product[3] + rng.choice([-1, 0, 0, 1]), minutes=rng.randrange(60))
        basket = [product] + ([CATALOGUE[1]] if product[0] == "phone" else [])
        city = rng.choice(CITIES)
        lines += [
            (
                shop_id, f"{seed}-{number}", name, name.title(), category,
                rng.choice([1, 1, 1, 2]), price, "USD", at, at, f"1 Main St, {city}", city,
            )
            for name, category, price, _ in basket
        ]  # fmt: skip
    money = sum(line[5] * line[6] for line in lines)
    with connect() as conn:
        conn.execute(
            "insert into ops.shop values (%s, %s, 'America/New_York', 'USD') "
            "on conflict do nothing",
            (shop_id, shop_id.title()),
        )
        row = conn.execute(
            """
            insert into ops.load (shop_id, source, file_name, sha256, size_bytes, rows_read,
                rows_staged, rows_duplicate, rows_ignored, rows_rejected, money_staged,
                contract_sha256, time_zone, currency, first_row_at, last_row_at, started_at,
                ecorse_version, rows_by_table)
            values (%s, 'sales_csv', %s, encode(sha256(%s::bytea), 'hex'), 1, %s, %s, 0, 0, 0,
                %s, '', 'America/New_York', 'USD', '2019-01-01', '2019-06-01', now(), '0',
                jsonb_build_object('order_lines', %s::bigint))
            returning load_id
            """,
            (shop_id, file_name, f"{file_name}{seed}{orders}".encode(), len(lines),
             len(lines), money, len(lines)),
        ).fetchone()  # fmt: skip
        with conn.cursor() as cursor:
            cursor.executemany(
                f"""
                insert into staging.order_lines (shop_id, order_id, product_id, product_name,
                    category, quantity, unit_price, currency, ordered_at, ordered_local,
                    address, city, load_id, source_line)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, {row[0]}, 1)
                """,
                lines,
            )
    return row[0]


@pytest.fixture
def stage_shop(warehouse: str) -> Callable[..., int]:
    """An empty warehouse; gives a function that stages a seeded shop in it (``stage``)."""
    return stage


@pytest.fixture(scope="session")
def stage_more() -> Callable[..., int]:
    """The same function, for a warehouse that holds something already."""
    return stage


@pytest.fixture(scope="session")
def small_night(snapshot):
    """The shop of ``stage`` with its 300 orders and its first published night, kept."""

    from ecorse import flow

    def fill() -> int:
        stage()
        return flow.refresh(holder="test").build_id

    return snapshot(fill)


@pytest.fixture
def night(small_night, restore) -> int:
    """A warehouse with 300 staged orders and their published night; gives the build's id."""
    return restore(small_night)


@pytest.fixture
def copy_build() -> Callable[[int], int]:
    """Give a function that opens a build with the same rows as another, without training anew."""

    from ecorse import flow
    from ecorse.refresh.catalog import load_catalog
    from ecorse.refresh.tables import create_mart
    from ecorse.warehouse.connect import connect

    def copy(source: int) -> int:
        target = flow.open_build(holder="copy")
        with connect() as conn:
            relations = conn.execute(
                """
                select c.relname, c.relkind, array_agg(quote_ident(a.attname) order by a.attnum),
                    max(format_type(a.atttypid, a.atttypmod)) filter (where attname = 'build_id')
                from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
                where c.relnamespace = 'builds'::regnamespace and c.relname like %s
                    and c.relkind in ('r', 'v') and not a.attisdropped
                group by c.oid order by c.relkind
                """,
                (f"%${source}",),
            ).fetchall()
            statements = []
            for name, kind, columns, key_type in relations:
                own, new = f'builds."{name}"', f'builds."{name.rsplit("$", 1)[0]}${target}"'
                if kind == "v":
                    statements.append(f"create view {new} as select * from {own}")
                    continue
                key = f"cast({target} as {key_type}) as build_id"
                rows = ", ".join(key if c == "build_id" else c for c in columns)
                statements += [
                    f"create table {new} as select {rows} from {own}",
                    f"alter table {new} alter column build_id set not null, "
                    f"add check (build_id = {target})",
                ]
            conn.execute("; ".join(statements))
            catalog = load_catalog()
            for made in catalog.steps():  # one may read another
                mart = catalog.marts.get(made.name)
                if mart and mart.work_table:  # dropped when the other was audited
                    create_mart(conn, mart, target)
        return target

    return copy


@pytest.fixture
def snapshot_of(postgres):
    """Give a context manager that is inside a kept warehouse itself, not a copy.

    For tests that change nothing that stays: what they do is rolled back.
    """

    def enter(kept: Snapshot):
        return inside(postgres, kept.database, kept.home)

    return enter


@pytest.fixture
def left_of() -> Callable[[int], list[str]]:
    """Give a function that lists the stand-alone relations that a build left."""
    from ecorse.warehouse.connect import connect

    def left(build_id: int) -> list[str]:
        with connect() as conn:
            found = conn.execute(
                "select relname from pg_class where relnamespace = 'builds'::regnamespace "
                "and relkind in ('r', 'v') and relname like %s order by 1",
                (f"%${build_id}",),
            ).fetchall()
        return [name for (name,) in found]

    return left
