"""A load that should never have come is withdrawn, and rows that nothing shows are pruned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecorse import flow
from ecorse.cli import app
from ecorse.errors import StoreBusy, TerminalError
from ecorse.ingest import upkeep
from ecorse.sources import sales_csv
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

HOLDER = "test"
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"


def sale(number: int, day: int = 19) -> str:
    return f'{number},iPhone,1,700,04/{day:02}/19 08:46,"1 Elm St, Austin, TX 73301"'


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((HEADER, *rows, "")))
    return path


def query(statement: str, *values: object):
    with connect() as conn:
        return conn.execute(statement, values).fetchall()


@pytest.fixture
def folder(warehouse, tmp_path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path


def ingest(folder: Path):
    said: list[str] = []
    flow.ingest(
        "main", "sales_csv", origin="folder", data=str(folder), holder=HOLDER, progress=said.append
    )
    return said


def live() -> list[tuple[int, str]]:
    return query(
        "select load_id, file_name from ops.load where superseded_at is null order by load_id"
    )


def orders() -> int:
    with connect("bi_reader") as conn:
        return conn.execute("select count(*) from marts.orders").fetchone()[0]


def test_the_next_refresh_is_made_without_a_withdrawn_load(stage_shop):
    stage_shop(orders=300, seed=1, file_name="a.csv")
    wrong = stage_shop(orders=300, seed=2, file_name="b.csv")
    first = flow.refresh(holder=HOLDER).build_id
    assert orders() == 600
    upkeep.withdraw(wrong, " another shop's file ", holder=HOLDER)
    assert orders() == 600  # what is published stays as it was made
    flow.refresh(holder=HOLDER)
    assert orders() == 300
    assert flow.rollback(holder=HOLDER) == first
    assert orders() == 600
    assert query(
        "select withdrawn_reason, superseded_by from ops.load where superseded_at is not null"
    ) == [("another shop's file", None)]


def test_a_withdrawn_file_stays_out_night_after_night(folder):
    write(folder / "a.csv", sale(1))
    ingest(folder)
    [(load_id, _)] = live()
    upkeep.withdraw(load_id, "a test file", holder=HOLDER)
    for name in ("a.csv", "renamed.csv"):
        assert ingest(folder) == [
            f"{name}: not loaded, its content was withdrawn as load {load_id} (a test file); "
            f"`ecorse withdraw {load_id} --undo` lets it in"
        ]
        assert live() == []
        (folder / name).rename(folder / "renamed.csv")
    # the right file under the same name is loaded, and the wrong one does not take its place
    write(folder / "renamed.csv", sale(2))
    ingest(folder)
    [(right, _)] = live()
    write(folder / "renamed.csv", sale(1))
    ingest(folder)
    assert live() == [(right, "renamed.csv")]


def test_a_withdrawn_content_stays_out_under_a_mended_contract_too(folder, monkeypatch):
    write(folder / "a.csv", sale(1))
    ingest(folder)
    [(first, _)] = live()
    upkeep.withdraw(first, "prices are in cents", holder=HOLDER)
    mended = replace(sales_csv.SOURCE.contract, max_record_lines=99)
    monkeypatch.setattr(sales_csv, "SOURCE", replace(sales_csv.SOURCE, contract=mended))
    [said] = ingest(folder)
    assert "not loaded, its content was withdrawn" in said
    assert live() == []
    upkeep.undo_withdrawal(first, holder=HOLDER)
    ingest(folder)
    assert [name for _, name in live()] == ["a.csv"]


def test_an_undone_withdrawal_lets_the_next_ingest_load_the_file(folder):
    write(folder / "a.csv", sale(1, 10), sale(2, 11))
    ingest(folder)
    [(load_id, _)] = live()
    upkeep.withdraw(load_id, "too early", holder=HOLDER)
    write(folder / "b.csv", sale(2, 11))  # meanwhile another file brings one of its lines
    ingest(folder)
    assert "loads it anew" in upkeep.undo_withdrawal(load_id, holder=HOLDER)
    assert [name for _, name in live()] == ["b.csv"]
    ingest(folder)
    assert [name for _, name in live()] == ["b.csv", "a.csv"]
    # the line that both hold counts once
    assert query(
        "select order_id, count(*) from staging.order_lines join ops.load using (load_id) "
        "where superseded_at is null group by 1 order by 1"
    ) == [("1", 1), ("2", 1)]
    with pytest.raises(TerminalError, match="its withdrawal was undone"):
        upkeep.undo_withdrawal(load_id, holder=HOLDER)


def test_what_cannot_be_withdrawn_is_refused(folder):
    write(folder / "a.csv", sale(1))
    ingest(folder)
    write(folder / "a.csv", sale(2))
    ingest(folder)
    [(old,)] = query("select load_id from ops.load where superseded_at is not null")
    [(new, _)] = live()
    with pytest.raises(TerminalError, match="There is no load 4711"):
        upkeep.withdraw(4711, "gone", holder=HOLDER)
    with pytest.raises(TerminalError, match=f"load {new} took its place"):
        upkeep.withdraw(old, "old", holder=HOLDER)
    with pytest.raises(TerminalError, match="say why"):
        upkeep.withdraw(new, " ", holder=HOLDER)
    with pytest.raises(TerminalError, match="is not withdrawn: it counts"):
        upkeep.undo_withdrawal(new, holder=HOLDER)
    with writer("ingest:main:sales_csv", "another"), pytest.raises(StoreBusy):
        upkeep.withdraw(new, "while it is loaded", holder=HOLDER)
    assert live() == [(new, "a.csv")]
    upkeep.withdraw(new, "once", holder=HOLDER)
    with pytest.raises(TerminalError, match=r"it was withdrawn \(once\)"):
        upkeep.withdraw(new, "twice", holder=HOLDER)


def age(load_id: int, days: int, by: int | None = None) -> None:
    """Let a load have been superseded so many days ago."""
    with connect() as conn:
        conn.execute(
            "update ops.load set known_at = now() - make_interval(days => %s), "
            "superseded_at = now() - make_interval(days => %s), superseded_by = %s "
            "where load_id = %s",
            (days + 1, days, by, load_id),
        )


def rows(load_id: int) -> int:
    return query("select count(*) from staging.order_lines where load_id = %s", load_id)[0][0]


def repeat_five(load_id: int) -> None:
    """Let another load hold five of a load's lines."""
    with connect() as conn:
        conn.execute(
            "with moved as (delete from staging.order_lines where ctid in ("
            "select ctid from staging.order_lines where load_id = %s limit 5) returning *) "
            "insert into staging.repeated_order_lines select * from moved",
            (load_id,),
        )


def test_prune_keeps_what_counts_or_what_a_kept_build_shows(stage_shop):
    # of 60 orders 10 are phones, which come with a cable: 70 lines
    shown = stage_shop(orders=60, seed=1, file_name="a.csv")
    flow.refresh(holder=HOLDER)
    repeat_five(shown)
    age(shown, 40)
    kept = stage_shop(orders=60, seed=2, file_name="a.csv")
    flow.refresh(holder=HOLDER)
    gone = stage_shop(orders=60, seed=3, file_name="b.csv")
    repeat_five(gone)
    recent = stage_shop(orders=60, seed=4, file_name="c.csv")
    age(gone, 31, by=kept)
    age(recent, 29, by=kept)
    with connect() as conn:
        conn.execute(
            "insert into ops.reject (load_id, source_line, raw, rule, sentence, reasons) "
            "values (%s, 2, 'x', 'width', 'x', '[]')",
            (gone,),
        )
    assert upkeep.prune(30, holder=HOLDER) == (1, 65, 5)
    assert [rows(load) for load in (shown, kept, gone, recent)] == [65, 70, 0, 70]
    assert query("select count(*) from ops.load") == [(4,)]
    assert query("select count(*) from ops.reject") == [(1,)]
    assert upkeep.prune(30, holder=HOLDER) == (0, 0, 0)
    flow.rollback(holder=HOLDER)
    assert orders() == 60
    with connect("bi_reader") as conn:
        assert conn.execute("select count(*) from marts.order_lines").fetchone() == (70,)


def test_a_night_of_the_past_is_refused_once_its_rows_are_pruned(stage_shop):
    old = stage_shop(orders=60, seed=1, file_name="a.csv")
    age(old, 40)
    stage_shop(orders=60, seed=2, file_name="a.csv")
    upkeep.prune(30, holder=HOLDER)
    [(known_by,)] = query("select min(superseded_at) - interval '1 hour' from ops.load")
    with pytest.raises(TerminalError, match=f"the rows of load {old} were pruned"):
        flow.refresh(known_by=known_by, publish=False, holder=HOLDER)
    assert query("select status from ops.build") == [("failed",)]
    build_id = flow.open_build(known_by=datetime.now(UTC), holder=HOLDER)
    assert query("select count(*) from ops.build_load where build_id = %s", build_id) == [(1,)]


def test_the_commands(stage_shop):
    run = CliRunner().invoke
    load = stage_shop(orders=60)
    told = run(app, ["withdraw", str(load), "--reason", "a test file"], catch_exceptions=False)
    assert told.stdout.startswith(f"Withdrew load {load} (sales.csv); the next refresh")
    told = run(app, ["prune", "--days", "0"], catch_exceptions=False)
    assert told.stdout == "Deleted 70 rows of 1 loads, and 0 that other loads hold too.\n"
    told = run(app, ["withdraw", str(load), "--undo"], catch_exceptions=False)
    assert told.stdout.startswith(f"Load {load} is no longer withdrawn")
