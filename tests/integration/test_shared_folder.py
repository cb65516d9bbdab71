"""A folder handed over for all sources: each loads the files that it recognises."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import ContractError
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

SHOPS = """
[[shops]]
shop_id = "us"
shop_name = "A"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "simulate"
reading = { customer_rungs = ["address"] }

[[shops]]
shop_id = "uk"
shop_name = "B"
time_zone = "Europe/London"
currency = "GBP"
[[shops.sources]]
source = "online_retail"
origin = "folder"
options = { path = "nowhere" }
"""
SALES = (
    "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
    '7,iPhone,1,700,04/19/19 08:46,"1 Elm St, Boston, MA 02215"\n'
    '8,iPhone,1,700,04/20/19 08:46,"1 ELM St,  Boston, MA 02215"\n'
)
RETAIL = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    "536365,85123A,HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
)


@pytest.fixture
def folder(warehouse, tmp_path, monkeypatch):
    (tmp_path / "shops.toml").write_text(SHOPS)
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(tmp_path / "shops.toml"))
    get_settings.cache_clear()
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.csv").write_text(SALES)
    (folder / "b.csv").write_text(RETAIL)
    return folder


def ingest(shop, source, folder, **how):
    return flow.ingest(shop, source, origin="folder", path=str(folder), holder="test", **how)


def test_each_source_takes_its_own_files(folder):
    assert [x.file_name for x in ingest("us", "sales_csv", folder, is_for_all=True).loads] == [
        "a.csv"
    ]
    assert [x.file_name for x in ingest("uk", "online_retail", folder, is_for_all=True).loads] == [
        "b.csv"
    ]
    with connect() as conn:
        assert conn.execute(
            "select shop_id, source, rows_staged from ops.load order by load_id"
        ).fetchall() == [("us", "sales_csv", 2), ("uk", "online_retail", 1)]
        # the shop says that addresses make customers: one key, which does not tell the address
        found = conn.execute(
            "select distinct customer_id, customer_key_kind from staging.order_lines "
            "where shop_id = 'us'"
        ).fetchall()
    assert len(found) == 1
    assert found[0][1] == "address"
    assert found[0][0].startswith("address-")
    assert "elm" not in found[0][0].lower()


def test_a_file_that_none_recognises_is_refused_once(folder):
    (folder / "c.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ContractError, match=r"c\.csv"):
        ingest("us", "sales_csv", folder, is_for_all=True)
    assert len(ingest("uk", "online_retail", folder, is_for_all=True).loads) == 1


def test_a_source_that_is_named_gets_every_file(folder):
    with pytest.raises(ContractError, match=r"b\.csv"):
        ingest("us", "sales_csv", folder)
