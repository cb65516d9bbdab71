"""The same content adds nothing, a corrected file replaces its rows, files that overlap count once,
and a load that was killed anywhere leaves nothing behind after the next."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from ecorse import flow
from ecorse.errors import Fenced, StoreBusy
from ecorse.ingest.load import load_file
from ecorse.ingest.report import report_markdown
from ecorse.ingest.shops import Shop
from ecorse.settings import get_settings
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.copy import CopyStreams
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


def load(path: Path, file_name: str | None = None, shop: Shop = SHOP):
    with writer(f"ingest:{shop.shop_id}:sales_csv", "test") as fence:
        return load_file(
            path, shop=shop, source=get_source("sales_csv"), fence=fence, file_name=file_name
        )


def query(statement: str):
    with connect() as conn:
        return conn.execute(statement).fetchall()


# what a build reads: of the loads that count, the earliest that holds a line counts it
COUNTED = """
    with live as (select load_id from ops.load where superseded_at is null),
    held as (
        select * from staging.order_lines join live using (load_id)
        union all select * from staging.repeated_order_lines join live using (load_id)
    )
    select distinct order_id, unit_price::int from held order by 1, 2
"""


def counted() -> list[tuple[str, int]]:
    return query(COUNTED)


def duplicates_by_load() -> dict[int, int]:
    return dict(query("select load_id, rows_duplicate from ops.load order by 1"))


def test_22_the_same_content_adds_nothing(warehouse, tmp_path):
    path = write(tmp_path / "a.csv", sale(1), sale(2))
    first = load(path)
    again = load(path)
    other_name = load(path, "b.csv")
    assert (again.is_skipped, other_name.is_skipped) == (True, True)
    assert (again.load_id, other_name.load_id) == (first.load_id, first.load_id)
    assert query("select count(*) from staging.order_lines") == [(2,)]
    assert query("select count(*) from ops.load") == [(1,)]


def test_23_a_corrected_file_replaces_its_rows(warehouse, tmp_path):
    first = load(write(tmp_path / "a.csv", sale(1), sale(2)))
    second = load(write(tmp_path / "a.csv", sale(1), sale(2, price="650"), sale(3)))
    assert second.superseded == [first.load_id]
    assert (second.rows_staged, second.rows_duplicate) == (3, 0)
    assert query(
        "select load_id, superseded_by, superseded_at is null from ops.load order by 1"
    ) == [(first.load_id, second.load_id, False), (second.load_id, None, True)]
    assert counted() == [("1", 700), ("2", 650), ("3", 700)]
    # at no instant both or neither
    assert query(
        "select o.superseded_at = n.known_at from ops.load o join ops.load n "
        "on o.superseded_by = n.load_id"
    ) == [(True,)]
    # and back again
    third = load(write(tmp_path / "a.csv", sale(1), sale(2)))
    assert (third.is_skipped, third.superseded) == (False, [second.load_id])
    assert counted() == [("1", 700), ("2", 700)]


def test_a_name_that_now_carries_another_files_content(warehouse, tmp_path):
    a = load(write(tmp_path / "a.csv", sale(1)))
    b = load(write(tmp_path / "b.csv", sale(2)))
    moved = load(write(tmp_path / "a.csv", sale(2)))
    assert (moved.is_skipped, moved.load_id, moved.superseded) == (True, b.load_id, [a.load_id])
    assert counted() == [("2", 700)]


def test_24_lines_that_another_file_holds_count_once(warehouse, tmp_path):
    a = load(write(tmp_path / "a.csv", sale(1, 10), sale(2, 11)))
    b = load(write(tmp_path / "b.csv", sale(2, 11), sale(3, 12), sale(3, 12)))
    assert b.counts["duplicate"] == {"duplicate_in_file": 1, "duplicate_across_files": 1}
    assert (b.rows_staged, b.rows_duplicate, b.money_staged) == (1, 2, Decimal(700))
    assert query("select order_id, load_id from staging.repeated_order_lines") == [("2", b.load_id)]
    # when the first file is corrected and lacks the line, the second file's line steps in
    a2 = load(write(tmp_path / "a.csv", sale(1, 10)))
    assert a2.superseded == [a.load_id]
    assert counted() == [("1", 700), ("2", 700), ("3", 700)]
    # and a third file with that line is the repeated one: the line is held by b, if as repeated
    c = load(write(tmp_path / "c.csv", sale(2, 11), sale(4, 13)))
    assert (c.rows_staged, c.rows_duplicate) == (1, 1)


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")])
def test_24_the_order_of_files_does_not_matter(order, warehouse, tmp_path):
    rows = {
        "a": [sale(1, 1), sale(2, 2)],
        "b": [sale(2, 2), sale(3, 3), sale(2, 2)],
        "c": [sale(1, 1), sale(3, 3), sale(4, 4)],
    }
    loads = [load(write(tmp_path / f"{name}.csv", *rows[name])) for name in order]
    assert query("select order_id from staging.order_lines order by 1") == [
        ("1",), ("2",), ("3",), ("4",),
    ]  # fmt: skip
    assert sum(found.rows_staged for found in loads) == 4
    assert sum(found.rows_duplicate for found in loads) == 4
    assert sum(found.money_staged for found in loads) == 2800


def test_another_shop_is_another_world(warehouse, tmp_path):
    path = write(tmp_path / "a.csv", sale(1))
    load(path)
    other = load(
        path,
        shop=Shop(
            shop_id="other", shop_name="Other", time_zone="Asia/Kolkata", currency="INR", sources=()
        ),
    )
    assert (other.is_skipped, other.rows_staged) == (False, 1)
    assert query("select shop_id, currency, time_zone from ops.load order by 1") == [
        ("main", "USD", "America/New_York"),
        ("other", "INR", "Asia/Kolkata"),
    ]


def test_simulated_orders_have_a_shop_of_their_own(warehouse, tmp_path):
    load(write(tmp_path / "a.csv", sale(1), "SIM-" + sale(2)))
    assert query("select shop_id, order_id, is_simulated from staging.order_lines order by 2") == [
        ("main", "1", False),
        ("main-simulated", "SIM-2", True),
    ]
    assert query("select shop_id, is_simulated from ops.shop order by 1") == [
        ("main", False),
        ("main-simulated", True),
    ]


def test_a_run_that_lost_its_right_commits_nothing(warehouse, tmp_path):
    path = write(tmp_path / "a.csv", sale(1))
    with writer("ingest:main:sales_csv", "test") as fence:
        with connect() as conn:
            conn.execute("update ops.writer set token = token + 1")
        with pytest.raises(Fenced):
            load_file(path, shop=SHOP, source=get_source("sales_csv"), fence=fence)
    assert query("select count(*) from staging.order_lines") == [(0,)]
    assert query("select count(*) from ops.load") == [(0,)]
    assert load(path).rows_staged == 1


@pytest.mark.parametrize("victim", ["ecorse load", "ecorse load fence"])
def test_51_a_backend_that_is_killed_costs_a_retry(victim, warehouse, tmp_path, monkeypatch):
    path = write(tmp_path / "a.csv", sale(1), sale(2))

    def kill(*_):
        with connect() as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = %s and datname = current_database()",
                (victim,),
            )

    kill_at = "finish" if victim == "ecorse load" else "commit"
    with monkeypatch.context() as patch:
        original = getattr(CopyStreams, kill_at)
        patch.setattr(CopyStreams, kill_at, lambda self: (kill(), original(self))[1])
        with pytest.raises(StoreBusy, match=r"a\.csv: the warehouse stopped answering"):
            load(path)
    assert query("select count(*) from ops.load") == [(0,)]
    assert load(path).rows_staged == 2
    assert query("select count(*) from staging.order_lines") == [(2,)]


def test_the_raw_file_is_kept_by_its_hash_for_its_owner_only(warehouse, tmp_path):
    path = write(tmp_path / "a.csv", sale(1))
    found = load(path)
    home = get_settings().home
    kept = [p for p in (home / "raw").rglob("*") if p.is_file()]
    assert kept == [home / "raw" / found.sha256[:2] / found.sha256]
    assert kept[0].read_bytes() == path.read_bytes()
    assert kept[0].stat().st_mode & 0o777 == 0o600


def test_the_report_compares_raw_and_clean(warehouse, tmp_path):
    found = load(
        write(
            tmp_path / "a.csv", sale(1), sale(2, price="$50"), sale(2, price="-3"), sale(1), ",,,"
        )
    )
    figures = {
        (item, metric): (raw, clean)
        for item, metric, raw, clean in query(
            "select item, metric, raw_value, clean_value from ops.load_report"
        )
    }
    assert figures["all", "rows"] == ("5", "2")
    assert figures["price_negative", "rejected"] == ("1", "0")
    assert figures["duplicate_in_file", "duplicate"] == ("1", "0")
    assert figures["unit_price_currency_sign", "repaired"] == ("1", "1")
    # three of the four raw prices are numbers: 700, -3, 700
    assert figures["unit_price", "min"] == ("-3.0", "50.0000")
    assert figures["unit_price", "mean"] == ("465.667", "483.333")
    assert figures["order_id", "distinct_approx"] == ("2", "2")
    markdown = report_markdown(found.load_id)
    assert "| price_negative | rejected | 1 | 0 |" in markdown
    assert "## Columns before and after" in markdown


POINTS = [
    "ingest.after_archive",
    "ingest.mid_copy",
    "ingest.before_commit",
    "ingest.between_stream_commits",
    "ingest.after_commit",
]
PROGRAM = """
import sys
from pathlib import Path
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.warehouse.lock import writer
from ecorse.sources import get_source
shop = Shop(
    shop_id="main", shop_name="x", time_zone="America/New_York", currency="USD", sources=()
)
with writer("ingest:main:sales_csv", "test") as fence:
    load_file(Path(sys.argv[1]), shop=shop, source=get_source("sales_csv"), fence=fence)
"""


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_the_next_load_mends_everything(point, warehouse, tmp_path):
    path = write(tmp_path / "a.csv", sale(1), sale(2), sale(2))
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        env=os.environ | {"ECORSE_FAILPOINT": point},
        check=False,
    )
    assert killed.returncode == -9
    visible = query("select count(*) from ops.load")[0][0]
    assert visible == (1 if point == "ingest.after_commit" else 0)
    found = load(path)
    assert found.is_skipped == (point == "ingest.after_commit")
    assert query("select rows_staged, rows_duplicate from ops.load") == [(2, 1)]
    assert query("select order_id from staging.order_lines order by 1") == [("1",), ("2",)]
    assert query("select count(*) from ops.load_attempt") == [(0,)]


def ingest(folder: Path) -> flow.IngestSummary:
    return flow.ingest("main", "sales_csv", origin="folder", data=str(folder), holder="test")


@pytest.mark.parametrize("swap", [True, False])
def test_files_that_took_each_others_names_all_count(warehouse, tmp_path, swap):
    """Seen: of two files that swapped names one stopped counting until the next ingest."""
    write(tmp_path / "a.csv", sale(1)) if swap else None
    write(tmp_path / "b.csv", sale(2))
    ingest(tmp_path)
    if swap:
        (tmp_path / "a.csv").rename(tmp_path / "t")
        (tmp_path / "b.csv").rename(tmp_path / "a.csv")
        (tmp_path / "t").rename(tmp_path / "b.csv")
    else:  # yesterday's export moves on, and today's takes its name
        (tmp_path / "b.csv").rename(tmp_path / "a.csv")
        write(tmp_path / "b.csv", sale(1))
    summary = ingest(tmp_path)
    assert counted() == [("1", 700), ("2", 700)]
    assert sorted(load.file_name for load in summary.loads) == ["a.csv", "b.csv"]
    live = query("select file_name from ops.load where superseded_at is null order by 1")
    assert live == [("a.csv",), ("b.csv",)]
    assert ingest(tmp_path).counts()["files_new"] == 0
