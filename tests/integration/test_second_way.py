"""Simulated shops: every figure of every mart once more, from the files and the books beside them.

What belongs here: the night of two such shops. What does not: reading their files
(``second_way_files``) and the figures (``second_way``).
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from ecorse import flow
from ecorse.origins.simulate import simulated_folder
from ecorse.refresh.catalog import load_catalog
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect
from second_way import Shop
from second_way_files import online_retail, sales_csv
from second_way_night import Night

OPTIONS = {
    "sales_csv": {"seed": 5, "customers": 120, "orders": 1500, "events": 0},
    "online_retail": {"seed": 6, "customers": 120, "orders": 900, "events": 0},
}
OPTIONS = {source: {**options, "format": source} for source, options in OPTIONS.items()}
SHOP = """
[[shops]]
shop_id = "{name}"
shop_name = "{name}"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "{source}"
origin = "simulate"
options = {{ {options} }}
"""
# what these shops cannot tell: events, and what is no sum of lines
OTHERS = {"event_products", "event_unknowns", "funnel", "sessions",
          "seasonality", "seasonality_history", "repeat_purchases"}  # fmt: skip


@pytest.fixture(scope="module")
def night(snapshot, tmp_path_factory):
    """Both shops, ingested and published; gives the folder of each one's files."""
    path = tmp_path_factory.mktemp("two") / "shops.toml"
    path.write_text(
        "".join(
            SHOP.format(
                name=source.replace("_", "-"), source=source,
                options=", ".join(f"{k} = {json.dumps(v)}" for k, v in options.items()),
            )
            for source, options in OPTIONS.items()
        )
    )  # fmt: skip

    def fill() -> dict[str, Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_SHOPS_FILE", str(path))
            get_settings.cache_clear()
            for source in OPTIONS:
                flow.ingest(source.replace("_", "-"), source, holder="test")
            flow.refresh(holder="test")
            return {
                source: simulated_folder(get_settings(), options)
                for source, options in OPTIONS.items()
            }

    return snapshot(fill)


def asked(sql: str, *values: object) -> list[tuple]:
    with connect() as conn:
        return conn.execute(sql, values).fetchall()


def measured() -> set[str]:
    """The marts that have a column called like a measure."""
    with (PROJECT_DIR / "include" / "sql" / "measures.toml").open("rb") as file:
        measures = set(tomllib.load(file))
    return {mart.name for mart in load_catalog().marts.values() if measures & set(mart.columns)}


@pytest.mark.parametrize("read", [sales_csv, online_retail], ids=lambda read: read.__name__)
def test_every_mart_of_a_simulated_shop_a_second_way(night, snapshot_of, read):
    source = read.__name__
    with snapshot_of(night):
        shop_id = f"{source.replace('_', '-')}-simulated"
        names = asked(
            "select product_name, product_id from marts.products where shop_id = %s", shop_id
        )
        unknown_are = "address" if read is sales_csv else "none"
        shop = Shop(read(night.result[source], dict(names)), unknown_are)
        assert len(shop.lines) > 500
        if read is online_retail:  # whole orders were taken back, and parts
            assert any(o.first.status == "sold" and not o.is_purchase for o in shop.orders.values())
        held = Night(asked, shop_id, shop).check_all()
        assert measured() - held == OTHERS
