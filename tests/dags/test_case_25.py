"""Case 25: one bad file fails a source; it is taken away and the failed tasks are cleared."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecorse import flow
from ecorse.warehouse.connect import connect

HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
SHOP = """
[[shops]]
shop_id = "{shop}"
shop_name = "{shop}"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = {{ path = "{folder}" }}
"""


def write(path: Path, first: int, orders: int) -> None:
    path.write_text(
        HEADER + "".join(f'{n},Tea,1,10.00,04/{n % 28 + 1:02d}/19 12:{n % 60:02d},"1 Main St, '
                         'Dallas, TX 75001"\n' for n in range(first, first + orders))
    )  # fmt: skip


@pytest.fixture
def folders(tmp_path, warehouse, monkeypatch) -> dict[str, Path]:
    """Two shops, each with a good file of 40 orders; south has a bad one beside it."""
    places = {shop: tmp_path / shop for shop in ("north", "south")}
    for number, folder in enumerate(places.values()):
        folder.mkdir()
        write(folder / "april.csv", 1000 * number, 40)
    (places["south"] / "may.csv").write_text("Total,for,May\n,,400.00\n")
    shops = tmp_path / "shops.toml"
    shops.write_text("".join(SHOP.format(shop=s, folder=f) for s, f in places.items()))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(shops))
    return places


def published() -> dict[str, int]:
    with connect("bi_reader") as conn:
        query = "select shop_id, count(*) from marts.orders group by 1"
        return dict(conn.execute(query).fetchall())


@pytest.mark.parametrize(
    "tasks",
    [None, pytest.param(["load_source"], marks=pytest.mark.slow)],
    ids=["only failed", "with downstream"],
)
def test_what_came_in_after_clearing_gets_into_a_refresh(play, folders, tasks):
    """A mended file stands in the bad one's place: 15 orders more for south."""
    (ingest,) = play(("ingest", {}))
    assert ingest["tasks"] == {
        "list_sources": "success", "load_source[0]": "success", "load_source[1]": "failed",
        "announce": "success", "confirm": "upstream_failed",
    }, ingest["log"]  # fmt: skip
    flow.refresh(holder="test")
    assert published() == {"north": 40, "south": 40}

    write(folders["south"] / "may.csv", 2000, 15)
    (cleared,) = play(("clear", {"dag": "ingest", "run": ingest["run_id"], "tasks": tasks}))
    assert set(cleared["tasks"].values()) == {"success"}, cleared["log"]
    assert cleared["state"] == "success", "the run turns green"
    first, *later = cleared["events"]["staging"]
    assert first == ingest["events"]["staging"][0]
    assert len(later) == 1, "an event of STAGING starts a refresh by itself"
    assert later[0]["run_id"] == ingest["run_id"]
    assert any(load["files_new"] == 1 for load in later[0]["loads"])
    flow.refresh(holder="test")
    assert published() == {"north": 40, "south": 55}


@pytest.mark.slow
def test_nothing_that_came_late_starts_nothing(play, folders):
    """A sibling: the bad file is only taken away, and the night has everything else already."""
    (ingest,) = play(("ingest", {}))
    flow.refresh(holder="test")
    (folders["south"] / "may.csv").unlink()
    (cleared,) = play(("clear", {"dag": "ingest", "run": ingest["run_id"], "tasks": None}))
    assert cleared["state"] == "success", cleared["log"]
    assert set(cleared["tasks"].values()) == {"success"}
    assert len(cleared["events"]["staging"]) == 1, "that of the first try"
