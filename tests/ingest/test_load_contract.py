"""A file is loaded again when what decides how it is read was mended, and only then."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source, sales_csv
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(
    shop_id="main",
    shop_name="Electronics store",
    time_zone="America/New_York",
    currency="USD",
    sources=(),
)
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"


def sale(number: int, day: int = 19, price: str = "700") -> str:
    return f'{number},iPhone,1,{price},04/{day:02}/19 08:46,"1 Elm St, Austin, TX 73301"'


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((HEADER, *rows, "")))
    return path


def load(path: Path, shop: Shop = SHOP):
    with writer(f"ingest:{shop.shop_id}:sales_csv", "test") as fence:
        return load_file(path, shop=shop, source=get_source("sales_csv"), fence=fence)


def query(statement: str):
    with connect() as conn:
        return conn.execute(statement).fetchall()


LIVE = "from ops.load where superseded_at is null"


@pytest.fixture
def mend(monkeypatch):
    """Give a function that mends the contract: a rule less."""

    def without(rule_id: str) -> None:
        source, contract = sales_csv.SOURCE, sales_csv.SOURCE.contract
        rules = tuple(rule for rule in contract.rules if rule.id != rule_id)
        assert len(rules) == len(contract.rules) - 1
        mended = replace(source, contract=replace(contract, rules=rules))
        monkeypatch.setattr(sales_csv, "SOURCE", mended)

    return without


def test_p6_a_mended_rule_replays_the_rejects(warehouse, tmp_path, mend):
    path = write(tmp_path / "a.csv", sale(1), sale(2, price="-5"), sale(2, price="-5"), ",,,,,")
    first = load(path)
    assert (first.rows_staged, first.rows_rejected, first.money_staged) == (1, 2, Decimal(700))
    mend("price_negative")
    again = load(path)
    assert (again.is_skipped, again.superseded) == (False, [first.load_id])
    assert again.sentence().endswith(
        f"replacing load {first.load_id}; loaded again: its contract changed"
    )
    # 4 records = 2 staged + 1 repeated in the file + 1 empty + 0 rejected; 700 - 5
    assert query(
        "select rows_read, rows_staged, rows_duplicate, rows_ignored, rows_rejected, money_staged "
        + LIVE
    ) == [(4, 2, 1, 1, 0, Decimal(695))]
    assert query(f"select count(*) from ops.reject where load_id in (select load_id {LIVE})") == [
        (0,)
    ]
    assert query(
        "select count(*), sum(quantity * unit_price) from staging.order_lines "
        f"where load_id in (select load_id {LIVE})"
    ) == [(2, Decimal(695))]
    # what was rejected then stays in the history; at no instant both or neither count
    assert query("select count(*) from ops.reject") == [(2,)]
    assert query(
        "select o.superseded_at = n.known_at from ops.load o join ops.load n "
        "on o.superseded_by = n.load_id"
    ) == [(True,)]
    assert load(path).is_skipped


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"time_zone": "Asia/Kolkata"}, "its time zone changed"),
        ({"currency": "EUR"}, "its currency changed"),
        ({"time_zone": "Asia/Kolkata", "currency": "INR"}, "its time zone and currency changed"),
    ],
)
def test_a_shop_that_was_set_right_is_read_again(warehouse, tmp_path, change, told):
    path = write(tmp_path / "a.csv", sale(1))
    first = load(path)
    shop = SHOP.model_copy(update=change)
    again = load(path, shop)
    assert again.superseded == [first.load_id]
    assert again.sentence().endswith(told)
    # 08:46 is 12:46 UTC in New York's summer, 03:16 UTC in Kolkata
    hour = {"America/New_York": "12:46", "Asia/Kolkata": "03:16"}[shop.time_zone]
    assert query(
        "select to_char(ordered_at, 'HH24:MI'), currency from staging.order_lines "
        f"where load_id in (select load_id {LIVE})"
    ) == [(hour, shop.currency)]
    assert load(path, shop).is_skipped


def test_a_shop_that_is_called_otherwise_is_not_read_again(warehouse, tmp_path):
    path = write(tmp_path / "a.csv", sale(1))
    load(path)
    assert load(path, SHOP.model_copy(update={"shop_name": "Another name"})).is_skipped


def test_a_new_load_takes_the_place_of_its_name_and_of_its_content(warehouse, tmp_path, mend):
    """a.csv now carries b.csv's content, and the contract was mended: both loads are replaced."""
    a = load(write(tmp_path / "a.csv", sale(1)))
    b = load(write(tmp_path / "b.csv", sale(2), sale(3)))
    mend("price_negative")
    moved = load(write(tmp_path / "a.csv", sale(2), sale(3)))
    assert moved.superseded == [a.load_id, b.load_id]
    assert f"replacing load {a.load_id} and {b.load_id}; loaded again" in moved.sentence()
    # neither of the replaced loads makes its lines repeated ones
    assert (moved.rows_staged, moved.rows_duplicate) == (2, 0)
    assert query(f"select load_id, file_name {LIVE}") == [(moved.load_id, "a.csv")]


def test_files_that_overlap_still_count_once_after_a_mended_contract(warehouse, tmp_path, mend):
    a = write(tmp_path / "a.csv", sale(1, 10), sale(2, 11))
    b = write(tmp_path / "b.csv", sale(2, 11), sale(3, 12))
    load(a), load(b)
    mend("price_negative")
    again = [load(a), load(b)]
    # a's second line is still held by the old b; then b's first by the new a, if as repeated
    assert [(s.rows_staged, s.rows_duplicate) for s in again] == [(1, 1), (1, 1)]
    assert query(
        """
        with held as (
            select * from staging.order_lines union all select * from staging.repeated_order_lines
        )
        select order_id from held join ops.load as l using (load_id)
        where superseded_at is null group by 1 order by 1
        """
    ) == [("1",), ("2",), ("3",)]
