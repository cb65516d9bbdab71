"""One shop's file is over its reject limit: its task is red and says why, the others' are green."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
SHOP = """
[[shops]]
shop_id = "{0}"
shop_name = "{0}"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = {{ path = "{1}" }}
"""


@pytest.fixture
def shops(warehouse, tmp_path, monkeypatch):
    """Of north's 40 lines 20 have no date."""
    found = {name: tmp_path / name for name in ("east", "north", "west")}
    for name, folder in found.items():
        folder.mkdir()
        lines = [
            f"{n},Tea,1,5,{'soon' if name == 'north' and n > 20 else '04/19/19 08:46'},"
            '"1 Elm St, Boston, MA 02215"'
            for n in range(1, 41)
        ]
        (folder / "sales.csv").write_text("\n".join((HEADER, *lines, "")))
    file = tmp_path / "shops.toml"
    file.write_text("".join(SHOP.format(*one) for one in found.items()))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(file))
    get_settings.cache_clear()


def test_one_bad_shop_beside_two_good_ones(play, shops):
    (ingest,) = play(("ingest", {}))
    assert ingest["labels"] == ["east sales_csv", "north sales_csv", "west sales_csv"]
    assert ingest["tasks"] == {
        "list_sources": "success",
        "load_source[0]": "success",
        "load_source[1]": "failed",
        "load_source[2]": "success",
        "announce": "success",
        "confirm": "upstream_failed",
    }, ingest["log"]
    assert ingest["tries"]["load_source"] == 1, "a refused file is not tried again"
    assert "sales.csv: 20 of 40 rows (50%) were rejected, worth 100.00 USD" in ingest["log"]
    flow.refresh(holder="test")
    with connect("bi_reader") as conn:
        found = conn.execute("select shop_id, orders from marts.shops order by 1").fetchall()
    assert found == [("east", 40), ("west", 40)]


@pytest.mark.slow
def test_a_shop_that_shrank_is_held_back_beside_one_that_did_not(play, stage_shop):
    """Until the form accepts it; the run is green, and the log and the audit tell."""
    small = stage_shop(orders=60, seed=3, shop_id="north", file_name="corrected.csv")
    with connect() as conn:
        conn.execute("update ops.load set superseded_at = now() where load_id = %s", (small,))
    large = stage_shop(shop_id="north")
    stage_shop(shop_id="south", seed=2)
    flow.refresh(holder="test")
    with connect() as conn:
        conn.execute(
            "update ops.load set superseded_at = case when load_id = %s then now() end "
            "where load_id in (%s, %s)",
            (large, large, small),
        )
    stage_shop(orders=40, seed=4, shop_id="south", file_name="more.csv")
    shown, expected = [], [{"north": 300, "south": 340}, {"north": 60, "south": 340}]
    for form in ({}, {"accept": "north"}):
        (refresh,) = play(("refresh", form))
        assert refresh["state"] == "success", refresh["log"]
        assert ("north is held back as it was published" in refresh["log"]) == (not form)
        with connect("bi_reader") as conn:
            found = conn.execute("select shop_id, orders_placed from marts.shops").fetchall()
        shown.append(dict(found))
    assert shown == expected
