"""Whole DAG runs on a real warehouse, by ``dag.test()``: what the UI starts does the work."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from ecorse.reports.segments.places import shops_of
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect

HEADER = ["Order ID", "Product", "Quantity Ordered", "Price Each", "Order Date", "Purchase Address"]
SHOPS = """
[[shops]]
shop_id = "main"
shop_name = "Example"
time_zone = "America/New_York"
currency = "USD"

[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = {{ path = "{folder}" }}
"""

BROKEN_MART = """/*
about = "Breaks."
grain = ["shop_id"]
materialized = "table"
[columns]
shop_id = "Shop"
nothing = "Nothing"
*/
select 'none' as shop_id, 1 / (select count(*) from marts.orders as orders) as nothing
"""


def write_sales(path: Path, orders: int, first: int = 1) -> None:
    """One line per order: 2 items at 10.00, a new hour each, so that every figure is known."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(first, first + orders):
            day, hour = number // 24 % 28 + 1, number % 24
            product = f"Thing {number % 3}"
            place = f"{number} Main St, Dallas, TX 75001"
            writer.writerow([number, product, 2, "10.00", f"04/{day:02d}/19 {hour:02d}:30", place])


@pytest.fixture
def sales(tmp_path, warehouse, monkeypatch) -> Path:
    """A folder that the configured shop's files come from."""
    folder = tmp_path / "sales"
    folder.mkdir()
    shops = tmp_path / "shops.toml"
    shops.write_text(SHOPS.format(folder=folder))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(shops))
    return folder


def published() -> list[tuple[object, ...]]:
    """Build, order lines and revenue that readers see."""
    with connect("bi_reader") as conn:
        return conn.execute(
            "select build_id, count(*), sum(revenue) from marts.order_lines group by build_id"
        ).fetchall()


def test_a_night_from_files_to_readers_and_back(play, sales):
    write_sales(sales / "april.csv", 400)
    (sales / "bad.csv").write_text("nothing,like,sales\n1,2,3\n")

    misspelt, ingest, refresh = play(
        ("ingest", {"path": str(sales)}), ("ingest", {}), ("refresh", {})
    )
    assert misspelt["tasks"]["list_sources"] == "failed"  # and the configured place is not read
    assert f"no field 'path' ({str(sales)!r}); it has shop, source" in misspelt["log"]
    assert ingest["tasks"] == {
        "list_sources": "success",
        "load_source[0]": "failed",
        "announce": "success",
        "confirm": "upstream_failed",
    }, ingest["log"]
    assert ingest["state"] == "failed", "a refused file is seen"
    assert [event["loads"] for event in ingest["events"]["staging"]] == [[]]
    assert refresh["state"] == "success", "the night is built of what was loaded"
    assert set(refresh["tasks"].values()) == {"success"}
    (event,) = refresh["events"]["marts"]
    assert (event["build_id"], event["action"], event["rows"]["orders"]) == (1, "publish", 400)
    assert published() == [(1, 400, 8000)]
    assert shops_of(1) == ["main"], "the report on segments, which the page of nights links to"
    assert "DeprecatedImportWarning" not in refresh["log"]

    # Number 24 is 2 April 00:30, in New York: 23 of the sales are before 04:00 UTC of that day.
    (sales / "bad.csv").unlink()
    write_sales(sales / "may.csv", 100, first=1001)
    earlier = {"as_of": "2019-04-02T04:00:00Z", "publish": False}
    ingest, again, unpublished, refresh, idle, rollback = play(
        ("ingest", {"shop": "main"}),
        ("ingest", {}),
        ("refresh", earlier),
        ("refresh", {}),
        ("ingest", {}),
        ("rollback", {}),
    )
    assert (ingest["state"], ingest["labels"]) == ("success", ["main sales_csv"]), ingest["log"]
    staged = {"files": 2, "files_new": 1, "rows_read": 100, "rows_staged": 100}
    (event,) = ingest["events"]["staging"]
    assert event["run_id"] == ingest["run_id"]
    (load,) = event["loads"]
    assert (load["shop_id"], load["source"]) == ("main", "sales_csv")
    assert {name: load[name] for name in staged} == staged
    # nothing is published of what came, so that a run that brings nothing announces it again
    (event,) = again["events"]["staging"]
    assert event["loads"][0]["files_new"] == 0

    assert unpublished["tasks"]["publish"] == "skipped"
    assert (unpublished["state"], unpublished["events"]) == ("success", {})
    with connect() as conn:
        orders = conn.execute(
            "select build_id, rows from ops.build_step where step = 'orders' order by build_id"
        ).fetchall()
    assert orders == [(1, 400), (2, 23), (3, 500)]

    assert refresh["state"] == "success"
    assert refresh["events"]["marts"][0]["build_id"] == 3
    assert (idle["state"], idle["events"]) == ("success", {}), "the published night is of all files"
    assert (idle["tasks"]["announce"], idle["tasks"]["confirm"]) == ("skipped", "success")
    assert rollback["state"] == "success", rollback["log"]
    assert rollback["events"]["marts"][0]["action"] == "rollback"
    assert published() == [(1, 400, 8000)]


def test_a_failed_step_marks_its_build(play, warehouse, tmp_path, monkeypatch):
    shutil.copytree(PROJECT_DIR / "include", tmp_path / "include")
    broken = tmp_path / "include" / "sql" / "marts" / "core" / "broken.sql"
    broken.write_text(BROKEN_MART)
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path))
    (refresh,) = play(("refresh", {}))
    assert refresh["state"] == "failed"
    assert refresh["tasks"]["core"] == "failed", refresh["log"]
    assert refresh["tasks"]["audit"] == refresh["tasks"]["publish"] == "upstream_failed"
    assert refresh["events"] == {}
    with connect() as conn:
        ((status, error),) = conn.execute("select status, error from ops.build").fetchall()
        steps = conn.execute("select step from ops.build_step where status = 'succeeded'")
        made = {name for (name,) in steps.fetchall()}
    assert status == "failed"
    assert error.startswith("broken: ConfigError: ")
    assert "broken.sql: Postgres refuses this mart: division by zero" in error
    assert "orders" in made, "what it needs was made, and is kept for when the file is mended"


def test_forms_by_hand_and_wrong_ones_fail_at_the_first_try(play, sales):
    write_sales(sales / "april.csv", 5)
    elsewhere, rollback, simulate, default = play(
        ("ingest", {"shop": "elsewhere"}),
        ("rollback", {}),
        ("simulate", {"path": str(sales / "april.csv"), "rows": 7, "seed": 1}),
        ("simulate", {"rows": 7}),
    )
    assert elsewhere["tasks"]["list_sources"] == "failed"
    assert elsewhere["state"] == "failed"
    assert "The form says shop = 'elsewhere'. There is no shop 'elsewhere'" in elsewhere["log"]
    assert (rollback["tasks"], rollback["events"]) == ({"rollback": "failed"}, {})
    assert simulate["state"] == "success", simulate["log"]
    lines = (sales / "april.csv").read_text().splitlines()
    assert len(lines) == 1 + 5 + 7
    assert all(line.startswith("SIM-") for line in lines[6:])
    assert default["state"] == "success", default["log"]
    (simulated,) = (get_settings().home / "simulated").glob("*/Simulated_Sales_September_2019.csv")
    assert sum(line.startswith("SIM-A") for line in simulated.read_text().splitlines()) == 7
