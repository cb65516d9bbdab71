"""Who may do what: each role, each kind of object, each verb."""

from __future__ import annotations

import psycopg
import pytest

from ecorse.warehouse.connect import connect

OBJECTS = {
    "marts": "marts.orders",
    "builds": "builds.orders",
    "staging": "staging.order_lines",
    "ops load": "ops.load",
    "ops pointer": "ops.current_build",
}
VERBS = {
    "select": "select 1 from {o} limit 1",
    "insert": "insert into {o} default values",
    "update": "update {o} set build_id = 1",
    "delete": "delete from {o}",
    "truncate": "truncate {o}",
    "drop": "drop view {o}",
}


@pytest.mark.parametrize("role", ["bi_reader", "app_reader"])
def test_a_reader_may_select_from_marts_and_nothing_else(role, night):
    allowed = set()
    for kind, relation in OBJECTS.items():
        for verb, statement in VERBS.items():
            with connect(role) as conn:
                conn.execute("set transaction read write")  # the boundary is the grant, not this
                try:
                    conn.execute(statement.format(o=relation))
                    allowed.add((kind, verb))
                except (psycopg.errors.InsufficientPrivilege, psycopg.errors.WrongObjectType):
                    pass
    assert allowed == {("marts", "select")}


@pytest.mark.parametrize("role", ["bi_reader", "app_reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "create table marts.mine (a int)",
        "create table public.mine (a int)",
        "create schema mine",
        "create role mine",
        "set role ecorse_etl",
        "set session authorization ecorse_etl",
        "select pg_read_file('/etc/hostname')",
        "copy (select 1) to program 'true'",
        "select count(*) from pg_authid",
        "alter role bi_reader superuser",
    ],
)
def test_a_reader_cannot_make_or_become_anything(role, statement, warehouse):
    with connect(role) as conn:
        conn.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)


def test_nothing_runs_as_superuser(warehouse):
    with connect() as conn:
        rights = conn.execute(
            "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls "
            "from pg_roles where rolname = current_user"
        ).fetchone()
    assert rights == (False, False, False, False, False)


def test_a_reader_is_read_only_and_bounded_unless_it_asks_otherwise(warehouse):
    with connect("bi_reader") as conn:
        assert conn.execute("show default_transaction_read_only").fetchone() == ("on",)
        assert conn.execute("show statement_timeout").fetchone() == ("1min",)


def test_a_mart_made_later_is_readable_without_a_grant_by_hand(warehouse):
    with connect() as conn:
        conn.execute("create view marts.later as select 1 as a")
    with connect("bi_reader") as conn:
        assert conn.execute("select a from marts.later").fetchone() == (1,)
