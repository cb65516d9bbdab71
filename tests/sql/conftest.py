"""Every mart as an empty, typed table that a test fills by hand; rolled back after each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from ecorse.refresh.audit import judge
from ecorse.refresh.catalog import Catalog, load_catalog
from ecorse.refresh.render import render
from ecorse.schema.staging import STAGING_TABLES
from ecorse.training.run import model_relations


def _as_it_stands(schema: str, table: str) -> str:
    return f"{schema}.{table}"


class Marts:
    """The relations of one test database: no builds, each name stands for itself."""

    def __init__(self, conn: psycopg.Connection, catalog: Catalog) -> None:
        self.conn = conn
        self.catalog = catalog
        self.relations = {spec.name: spec for spec in model_relations(catalog)}

    def create_empty(self) -> None:
        """Make every mart as a table typed by its own SQL, and every table of a model."""
        for step in self.catalog.steps():
            if step.kind == "mart":
                self.conn.execute(f"create table marts.{step.name} as {self.rendered(step.name)}")
            for table in step.writes if step.kind == "model" else ():
                columns = self.relations[table].columns.items()
                typed = ", ".join(f"{name} {column.sql_type}" for name, column in columns)
                self.conn.execute(f"create table if not exists marts.{table} ({typed})")

    def build(self, given: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Fill every mart from what staging holds; tables of models get the given rows."""
        left = dict(given)  # a table that several models share is filled once
        for step in self.catalog.steps():
            for table in step.writes:
                if step.kind == "mart":
                    self.conn.execute(f"insert into marts.{table} {self.rendered(table)}")
                    self.conn.execute(f"analyze marts.{table}")
                else:
                    self.insert(f"marts.{table}", left.pop(table, ()))

    def insert(self, relation: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows into ``schema.table``; columns that a row leaves out are null."""
        table = sql.Identifier(*relation.split("."))
        for row in rows:
            statement = sql.SQL("insert into {} ({}) values ({})").format(
                table,
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(map(sql.Placeholder, row)),
            )
            self.conn.execute(statement, row)

    def rendered(self, name: str) -> str:
        """The mart's select on the relations as they stand."""
        mart = self.catalog.marts[name]
        return render(mart.sql, _as_it_stands, str(mart.path))

    def run(self, name: str, select: str | None = None) -> list[dict[str, Any]]:
        """Run a mart's select, or another in its place; rows ordered by its grain."""
        mart = self.catalog.marts[name]
        order = ", ".join(mart.grain if mart.is_unique else mart.columns)
        rendered = render(select or mart.sql, _as_it_stands, str(mart.path))
        with self.conn.cursor(row_factory=dict_row) as cursor:
            query = f"select * from ({rendered}) as q order by {order}"
            return cursor.execute(query).fetchall()

    def failing_checks(self) -> set[str]:
        """Run every check of every mart; gives ``mart.check`` of those that find rows."""
        checks = [(m.name, c) for m in self.catalog.marts.values() for c in m.bound_checks()]
        broken = [r for r in judge(self.conn, checks, _as_it_stands) if not r.passed]
        # found together with others, and again by its own statement
        assert all(result.sample for result in broken)
        return {f"{result.mart}.{result.name}" for result in broken}


@pytest.fixture(scope="module")
def empty_marts(postgres) -> Iterator[Marts]:
    """A database in which every mart is an empty table; nullable wherever a test leaves out."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name, template="ecorse_template")
    with psycopg.connect(postgres.url("ecorse_etl", database=name)) as conn:
        marts = Marts(conn, load_catalog())
        marts.create_empty()
        staged = [f"staging.{name}" for name in STAGING_TABLES]
        for relation in (*staged, "ops.shop"):
            _drop_not_null(conn, relation)
        conn.commit()
        yield marts
        conn.rollback()
    postgres.drop_database(name)


@pytest.fixture
def marts(empty_marts) -> Iterator[Marts]:
    """The empty marts; whatever a test puts in is rolled back."""
    yield empty_marts
    empty_marts.conn.rollback()


def _drop_not_null(conn: psycopg.Connection, relation: str) -> None:
    columns = conn.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 "
        "and attnotnull and attname <> 'shop_id'",
        (relation,),
    ).fetchall()
    for (column,) in columns:
        conn.execute(f"alter table {relation} alter column {column} drop not null")
