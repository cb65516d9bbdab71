"""What the marts of the shop's rules make of a text, for products given as a frame: by Postgres."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import polars as pl
import psycopg

from ecorse import declared
from ecorse.models.list_rules import RulesFile
from ecorse.refresh.render import render
from ecorse.refresh.rule_parts import parts_of
from ecorse.refresh.templates import expand_sql
from ecorse.settings import PROJECT_DIR
from ecorse.training.shop_rules import ABOUT, IN_FORCE, PRODUCTS, ShopRules
from ecorse.warehouse.frames import read_frame

ROOM = PROJECT_DIR / "include" / "sql" / "marts" / "products"
MADE = ("rule_products", "rules_in_force", "ruled_products")
GIVEN = {
    "recommendable_products": "product_id text, category text, price_band text",
    "catalogue": "product_id text, brand text",
    "basket_products": "basket_local timestamp",
}
Read = Callable[..., ShopRules]


def rules_file(text: str) -> RulesFile:
    return declared.check(declared.parse(text, "rules"), RulesFile, "include/rules.toml")


def mart_sql(name: str, file: RulesFile) -> str:
    """The select of one of these marts under a file of rules."""
    path = next(ROOM.glob(f"{name}*.sql"))
    text = path.read_text("utf-8").split("*/", 1)[1]
    parts = {key: [dict(part) for part in parts] for key, parts in parts_of(file).items()}
    return expand_sql(text, parts, str(path)) if ".template." in path.name else text


@contextmanager
def reading(server: Any) -> Iterator[Read]:
    """``read(text, about)``: the rules of the shop ``main`` on a day of its data."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.create_database(name, template="ecorse_template")
    with psycopg.connect(server.url("ecorse_etl", database=name)) as conn:

        def read(text: str, about: pl.DataFrame, day: date = date(2019, 1, 1)) -> ShopRules:
            with conn.transaction(force_rollback=True):
                return _read(conn, rules_file(text), about, day)

        yield read
    server.drop_database(name)


def _read(conn: psycopg.Connection, file: RulesFile, about: pl.DataFrame, day: date) -> ShopRules:
    given: Mapping[str, list[tuple]] = {
        "recommendable_products": about.select("product_id", "category", "price_band").rows(),
        "catalogue": about.select("product_id", "brand").rows(),
        "basket_products": [(day,)],
    }
    for table, columns in GIVEN.items():
        conn.execute(f"create temp table {table} (shop_id text, {columns}) on commit drop")
        marks = ", ".join(["%s"] * (1 + len(columns.split(","))))
        with conn.cursor() as cursor:
            rows = [("main", *row) for row in given[table]]
            cursor.executemany(f"insert into {table} values ({marks})", rows)
    for name in MADE:
        rendered = render(mart_sql(name, file), lambda _, table: f"pg_temp.{table}", name)
        conn.execute(f"create temp table {name} on commit drop as {rendered}")

    def rows_of(table: str, schema: Mapping[str, Any]) -> pl.DataFrame:
        query = f"select {', '.join(schema)} from {table} where shop_id = 'main'"
        return read_frame(conn, query).cast(dict(schema))

    return ShopRules(
        "main", rows_of("rules_in_force", IN_FORCE), rows_of("ruled_products", PRODUCTS),
        about.select(*ABOUT),
    )  # fmt: skip
