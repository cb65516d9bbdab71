"""A real year of sales: the known counts, to the cent, whatever way the files come in."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from decimal import Decimal

import pytest

from ecorse import flow
from ecorse.reports.status import read_checksums
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from second_way import Shop
from second_way_files import sales_csv
from second_way_night import Night

pytestmark = pytest.mark.slow

ROWS = {
    "rows_read": 186_850,
    "rows_staged": 185_686,
    "rows_duplicate": 264,
    "rows_ignored": 900,
    "rows_rejected": 0,
}
# what tells how a night is beside the one before
COMPARED = {"model_scores", "segment_drift"}


@pytest.fixture
def switch_warehouse(postgres, monkeypatch, tmp_path) -> Callable[[], None]:
    """Give a function that makes a fresh warehouse the current one."""
    made = []

    def switch() -> None:
        name = f"test_{uuid.uuid4().hex[:12]}"
        postgres.create_database(name, template="ecorse_template")
        made.append(name)
        monkeypatch.setenv("ECORSE_HOME", str(tmp_path / name))
        monkeypatch.setenv("ECORSE_DATABASE_URL", postgres.url("ecorse_etl", database=name))
        monkeypatch.setenv("ECORSE_APP_READER_PASSWORD", postgres.password("app_reader"))
        get_settings.cache_clear()

    yield switch
    get_settings.cache_clear()
    for name in made:
        postgres.drop_database(name)


def ingest(path) -> dict[str, int]:
    return flow.ingest("main", "sales_csv", origin="folder", data=str(path), holder="test").counts()


def asked(sql: str, *values: object) -> list[tuple]:
    with connect() as conn:
        return conn.execute(sql, values).fetchall()


def _without(tables: dict[str, object], names: set[str]) -> dict[str, object]:
    return {name: value for name, value in tables.items() if name not in names}


def test_a_year_all_at_once_and_file_by_file_in_any_order(switch_warehouse, shared_data):
    folder = shared_data / "sales_monthly"
    switch_warehouse()
    counts = ingest(folder)
    assert {name: counts[name] for name in ROWS} == ROWS
    flow.refresh(holder="test")
    with connect() as conn:
        figures = conn.execute(
            "select count(*), sum(units), sum(revenue) from marts.orders"
        ).fetchone()
        ignored = conn.execute(
            "select sum((counts -> 'ignored' ->> 'blank_row')::int), "
            "sum((counts -> 'ignored' ->> 'repeated_header')::int) from ops.load"
        ).fetchone()
    assert figures == (178_437, 208_812, Decimal("34465537.94"))
    assert ignored == (545, 355)
    at_once = read_checksums()

    again = ingest(folder)
    assert again["files_new"] == 0
    assert again["rows_staged"] == 0
    flow.refresh(holder="test")
    assert _without(read_checksums(), COMPARED) == _without(at_once, COMPARED)
    # nothing came: of what is compared with the night before, nothing moved
    moved = asked("select count(*) > 0, max(psi), bool_or(is_drifted) from marts.segment_drift")
    assert moved == [(True, 0.0, False)]

    switch_warehouse()
    files = sorted(folder.glob("*.csv"))
    random.Random(4).shuffle(files)
    staged = [ingest(file)["rows_staged"] for file in files]
    assert sum(staged) == ROWS["rows_staged"]
    flow.refresh(holder="test")
    assert read_checksums() == at_once


def test_the_first_co_purchase_neighbours_of_the_phones(switch_warehouse, shared_data):
    from ecorse.night import Night

    switch_warehouse()
    ingest(shared_data / "sales_monthly")
    flow.refresh(holder="test")
    with connect() as conn:
        found = {
            name: (neighbour, count)
            for name, neighbour, count in conn.execute(
                """
                select p.product_name, n.product_name, (s.evidence ->> 'co_purchases')::int
                from marts.item_similarity as s
                join marts.products as p using (shop_id, product_id)
                join marts.products as n
                    on n.shop_id = s.shop_id and n.product_id = s.similar_product_id
                where s.rank = 1 and s.method = 'co_purchase'
                """
            )
        }
        together = conn.execute(  # counted a second way, from the lines
            """
            select count(distinct a.order_id) from marts.order_lines as a
            join marts.order_lines as b using (shop_id, order_id)
            where a.product_name = 'iPhone' and b.product_name = 'Lightning Charging Cable'
            """
        ).fetchone()[0]
    assert found["iPhone"] == ("Lightning Charging Cable", together)
    assert found["Google Phone"][0] == "USB-C Charging Cable"
    assert Night().recommendations(["iphone"], n=1)["product_name"][0] == "Lightning Charging Cable"


@pytest.mark.timeout(1800)
def test_every_mart_a_second_way(switch_warehouse, shared_data):
    switch_warehouse()
    folder = shared_data / "sales_monthly"
    ingest(folder)
    flow.refresh(holder="test")
    ids = dict(asked("select product_name, product_id from marts.products"))
    shop = Shop(sales_csv(folder, ids), unknown_are="address")
    assert "sales_by_city" in Night(asked, "main", shop).check_all()


def test_the_same_year_as_one_file_of_thirteen_columns(switch_warehouse, shared_data):
    switch_warehouse()
    counts = ingest(shared_data / "sales_single")
    assert counts["rows_read"] == 185_950
    assert counts["rows_duplicate"] == 264
    assert counts["rows_staged"] == 185_686
    flow.refresh(holder="test")
    with connect() as conn:
        assert conn.execute(
            "select count(*), sum(units), sum(revenue) from marts.orders"
        ).fetchone() == (178_437, 208_812, Decimal("34465537.94"))
