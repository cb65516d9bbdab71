"""The real files load with the counts that were worked out when they were gathered."""

from __future__ import annotations

from decimal import Decimal

from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(
    shop_id="main",
    shop_name="Electronics store",
    time_zone="America/New_York",
    currency="USD",
    sources=(),
)
SCOPE = "ingest:main:sales_csv"


def load_all(paths):
    with writer(SCOPE, "test") as fence:
        return [load_file(p, shop=SHOP, source=get_source("sales_csv"), fence=fence) for p in paths]


def test_monthly_files(warehouse, shared_data):
    loads = load_all(sorted((shared_data / "sales_monthly").glob("*.csv")))
    totals = {
        name: sum(getattr(load, name) for load in loads)
        for name in (
            "rows_read", "rows_staged", "rows_duplicate", "rows_ignored", "rows_rejected",
            "money_staged",
        )
    }  # fmt: skip
    assert totals == {
        "rows_read": 186_850,
        "rows_staged": 185_686,
        "rows_duplicate": 264,
        "rows_ignored": 900,
        "rows_rejected": 0,
        "money_staged": Decimal("34465537.94"),
    }
    assert sum(load.counts["ignored"]["blank_row"] for load in loads) == 545
    assert sum(load.counts["ignored"]["repeated_header"] for load in loads) == 355
    with connect() as conn:
        assert conn.execute(
            """
            select count(*), count(distinct order_id), sum(quantity), sum(quantity * unit_price),
                count(distinct product_id), count(*) filter (where city is null),
                count(*) filter (where category is null or category = 'unknown')
            from staging.order_lines
            """
        ).fetchone() == (185_686, 178_437, 208_812, Decimal("34465537.94"), 19, 0, 0)


def test_single_file(warehouse, shared_data):
    [load] = load_all([shared_data / "sales_single" / "Sales Data.csv"])
    assert (load.rows_read, load.rows_staged, load.rows_duplicate) == (185_950, 185_686, 264)
    assert load.counts == {
        "duplicate": {"duplicate_in_file": 264},
        "ignored": {},
        "rejected": {},
    }
    assert load.money_staged == Decimal("34465537.94")
