"""What a build reads of staging: its own loads, and a line that two of them hold once."""

from __future__ import annotations

from datetime import UTC, datetime

from ecorse import flow
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.refresh.relations import PUBLISHED, staging_at
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
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"


def write(path, *numbers):
    rows = [f'{n},iPhone,1,700,04/19/19 08:46,"1 Elm St, Austin, TX 73301"' for n in numbers]
    path.write_text("\n".join((HEADER, *rows, "")))
    with writer("ingest:main:sales_csv", "test") as fence:
        return load_file(path, shop=SHOP, source=get_source("sales_csv"), fence=fence)


def read(build_id: int, **options) -> list[str]:
    with connect() as conn:
        return [
            order
            for (order,) in conn.execute(
                f"select order_id from {staging_at('order_lines', str(build_id), **options)} as s "
                "order by order_id"
            )
        ]


def test_a_line_of_two_files_counts_once_in_every_build(warehouse, tmp_path):
    write(tmp_path / "a.csv", 1, 2)
    write(tmp_path / "b.csv", 2, 3)
    write(tmp_path / "c.csv", 2, 4)
    before = flow.open_build(holder="one")
    write(tmp_path / "a.csv", 1)  # corrected: line 2 is now only in b and c
    after = flow.open_build(holder="two")
    assert read(before) == ["1", "2", "3", "4"]
    assert read(after) == ["1", "2", "3", "4"]
    with connect() as conn:
        held = conn.execute(
            f"select load_id from {staging_at('order_lines', str(after))} as s where order_id = '2'"
        ).fetchall()
        b_load = conn.execute("select load_id from ops.load where file_name = 'b.csv'").fetchall()
    assert held == b_load, "of the files of the build that hold the line, the earliest counts it"


def test_as_of_leaves_out_later_rows_however_it_is_told(warehouse, tmp_path):
    write(tmp_path / "a.csv", 1, 2)
    early = datetime(2019, 4, 19, 12, 45, tzinfo=UTC)  # a minute before 08:46 in New York
    build_id = flow.open_build(as_of=early, holder="one")
    assert read(build_id) == read(build_id, as_of=early) == []
    build_id = flow.open_build(as_of=early.replace(minute=46), holder="one")
    assert read(build_id) == ["1", "2"]


def test_repeated_lines_are_found_by_hashing_and_not_one_by_one(warehouse, tmp_path):
    numbers = range(3000)
    write(tmp_path / "a.csv", *numbers)
    write(tmp_path / "b.csv", *numbers)
    build_id = flow.open_build(holder="one")
    with connect() as conn:
        conn.execute("analyze staging.repeated_order_lines")
        for build in (str(build_id), PUBLISHED):
            plan = "\n".join(
                line
                for (line,) in conn.execute(
                    f"explain select * from {staging_at('order_lines', build)} as s"
                )
            )
            assert plan.count("Anti Join") == 5  # two of rows without key, three of rows with one
            assert "SubPlan" not in plan
