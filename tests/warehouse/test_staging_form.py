"""Homes whose staging tables have another form: every row is kept, and nobody notices but loads.

The old form is the one that version 0.1.0 made, kept beside this file as it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from ecorse import flow
from ecorse.errors import ConfigError, StoreBusy
from ecorse.postgres.address import database_url
from ecorse.schema.ddl import in_physical_order
from ecorse.schema.staging import STAGING_TABLES
from ecorse.warehouse.connect import connect
from ecorse.warehouse.migrate import migrate

OLD = Path(__file__).with_name("staging_before_columns_moved.sql")
TABLES = [name for t in STAGING_TABLES.values() for name in (t.name, t.twin)]
MARTS = ("order_lines", "orders", "shops", "money_account", "daily_sales")


def contents(conn) -> dict[str, list]:
    """Every row of every table of staging, by the names of the columns that say something."""
    return {name: _rows(conn, name) for name in TABLES}


def _rows(conn, name: str) -> list[str]:
    """A table that an old home lacks has no rows, and a column that it lacks no values."""
    if conn.execute("select to_regclass(%s)", (f"staging.{name}",)).fetchone() == (None,):
        return []
    select = f"select jsonb_strip_nulls(to_jsonb(t)) from staging.{name} as t"
    return sorted(str(row) for (row,) in conn.execute(select))


def names_of(conn, table: str) -> list[str]:
    return [
        name
        for (name,) in conn.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 "
            "and not attisdropped order by attnum",
            (f"staging.{table}",),
        )
    ]


def marts(conn) -> dict[str, list]:
    return {n: sorted(map(str, conn.execute(f"select * from marts.{n}"))) for n in MARTS}


@pytest.fixture
def old_home(warehouse, stage_shop):
    """A warehouse of the old form, with rows in a table and its twin; gives what it held."""
    with connect() as conn:
        conn.execute("drop schema staging cascade")
        conn.execute("create schema staging")
        conn.execute(OLD.read_text())
        conn.execute("delete from ops.schema_version")
    load_id = stage_shop(orders=40)
    with connect() as conn:
        conn.execute(
            "insert into staging.repeated_order_lines select * from staging.order_lines limit 3"
        )
        conn.execute(
            "insert into staging.events (shop_id, event_at, event_type, rating, load_id, "
            "source_line, extra) values ('main', '2019-01-01', 'rating', 4.5, %s, 7, '{\"a\": 1}')",
            (load_id,),
        )
        assert names_of(conn, "order_lines").index("load_id") == 22
        return contents(conn)


def test_every_row_is_kept_in_the_new_form(old_home):
    assert migrate() > 0
    with connect() as conn:
        assert contents(conn) == old_home
        for table in STAGING_TABLES.values():
            declared = [c.name for c in in_physical_order(table)]
            assert names_of(conn, table.name) == names_of(conn, table.twin) == declared
            assert declared[0] == "load_id" or table.time == declared[0]
        left = "select nspname from pg_namespace where nspname like 'staging\\_%'"
        assert conn.execute(left).fetchall() == []
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute("update staging.order_lines set status = 'lost'")
    assert migrate() == 0
    with connect() as conn:
        conn.execute("delete from ops.schema_version")
        before = conn.execute("select 'staging.order_lines'::regclass::oid").fetchone()
    assert migrate() > 0  # the text changed, the form did not: the tables stay as they are
    with connect() as conn:
        assert conn.execute("select 'staging.order_lines'::regclass::oid").fetchone() == before


def test_published_marts_read_the_new_tables_and_keep_their_readers(warehouse, stage_shop):
    stage_shop(orders=40)
    flow.refresh(holder="test")
    with connect() as conn:
        before = marts(conn)
        assert before["order_lines"]
        # a form that is not the declared one any more
        conn.execute("alter table staging.order_lines alter column brand set default 'none'")
        conn.execute("delete from ops.schema_version")
        was = conn.execute("select 'staging.order_lines'::regclass::oid").fetchone()
    migrate()
    with connect("bi_reader") as conn:
        assert marts(conn) == before
    flow.refresh(holder="test")
    with connect() as conn:
        conn.execute("set search_path = ''")
        assert [len(rows) for rows in marts(conn).values()] == [len(r) for r in before.values()]
        assert conn.execute("select 'staging.order_lines'::regclass::oid").fetchone() != was


def test_killed_in_the_middle_nothing_has_happened(old_home):
    code = "from ecorse.warehouse.migrate import migrate; migrate()"
    killed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ECORSE_FAILPOINT": "migrate.after_copy"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with connect() as conn:
        assert names_of(conn, "order_lines").index("load_id") == 22
        assert contents(conn) == old_home
    migrate()
    with connect() as conn:
        assert contents(conn) == old_home


def test_a_reader_in_the_way_is_waited_for(old_home):
    reading, ended = threading.Event(), threading.Event()

    def read():
        with psycopg.connect(database_url("ecorse_etl")) as conn:
            conn.execute("select count(*) from staging.order_lines")
            reading.set()
            time.sleep(1.5)
            ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait()
    migrate()
    assert ended.is_set()
    thread.join()
    with connect() as conn:
        assert contents(conn) == old_home


def test_a_load_at_work_is_told_and_nothing_changes(old_home, monkeypatch):
    monkeypatch.setattr("ecorse.warehouse.rebuild.LOADS_TIMEOUT", "200ms")
    with connect() as loading:
        loading.execute("update staging.order_lines set city = city")
        with pytest.raises(StoreBusy, match="a load is writing"):
            migrate()
    with connect() as conn:
        assert names_of(conn, "order_lines").index("load_id") == 22


def test_a_column_of_somebody_elses_is_not_lost(old_home):
    with connect() as conn:
        conn.execute("alter table staging.events add column note text")
    with pytest.raises(ConfigError, match=r"staging\.events has a column note"):
        migrate()
    with connect() as conn:
        conn.execute("alter table staging.events drop column note")
    migrate()


def test_what_else_reads_staging_is_named(old_home):
    with connect() as conn:
        conn.execute("create materialized view ops.mine as select shop_id from staging.events")
    with pytest.raises(ConfigError, match=r"materialized view ops\.mine depends"):
        migrate()
