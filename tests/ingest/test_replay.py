"""Rejected rows come back when their rule is mended, from the archive alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecorse import flow
from ecorse.errors import TerminalError
from ecorse.ingest.replay import replay
from ecorse.settings import get_settings
from ecorse.sources.sales_csv import SOURCE
from ecorse.warehouse.connect import connect

SHOPS = """
[[shops]]
shop_id = "main"
shop_name = "Main"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = {{ path = "{path}" }}
"""
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
GOOD = '{},iPhone,1,700,04/19/19 08:46,"1 Elm St, Boston, MA 02215"\n'
RETURNED = '{},iPhone,-1,700,04/19/19 08:46,"1 Elm St, Boston, MA 02215"\n'


@pytest.fixture
def folder(warehouse, tmp_path, monkeypatch):
    folder = tmp_path / "sales"
    folder.mkdir()
    (folder / "a.csv").write_text(HEADER + GOOD.format(1) + RETURNED.format(2) + RETURNED.format(3))
    (folder / "b.csv").write_text(HEADER + GOOD.format(4))
    (tmp_path / "shops.toml").write_text(SHOPS.format(path=folder))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(tmp_path / "shops.toml"))
    get_settings.cache_clear()
    flow.ingest("main", "sales_csv", holder="test")
    return folder


def mend(monkeypatch):
    """The rule against negative quantities goes."""
    rules = tuple(r for r in SOURCE.contract.rules if r.id != "quantity_not_positive")
    mended = replace(SOURCE, contract=replace(SOURCE.contract, rules=rules))
    monkeypatch.setattr("ecorse.ingest.replay.get_source", lambda name, reading: mended)


def counts():
    with connect() as conn:
        return conn.execute(
            "select file_name, rows_staged, rows_rejected from ops.load "
            "where superseded_at is null order by file_name"
        ).fetchall()


def test_after_the_rule_is_mended_no_reject_is_left(folder, monkeypatch):
    assert counts() == [("a.csv", 1, 2), ("b.csv", 1, 0)]
    for file in folder.iterdir():
        file.unlink()
    mend(monkeypatch)
    said = []
    (done,) = replay(holder="test", progress=said.append)
    assert (done.rejected_before, done.load.rows_rejected) == (2, 0)
    assert "2 rejected before, 0 now" in said[0]
    assert counts() == [("a.csv", 3, 0), ("b.csv", 1, 0)]
    with connect() as conn:
        live = conn.execute(
            "select count(*) from ops.reject join ops.load using (load_id) "
            "where superseded_at is null"
        ).fetchone()
    assert live == (0,)
    assert replay(holder="test", progress=said.append) == []


def test_without_a_mended_rule_nothing_changes(folder):
    (done,) = replay(holder="test", progress=print)
    assert done.load.rows_rejected == 2
    assert counts() == [("a.csv", 1, 2), ("b.csv", 1, 0)]


def test_a_named_load_is_read_again_though_it_has_no_rejects(folder):
    with connect() as conn:
        row = conn.execute("select load_id from ops.load where file_name = 'b.csv'").fetchone()
    (done,) = replay([row[0]], holder="test", progress=print)
    assert done.load.superseded == [row[0]]
    with pytest.raises(TerminalError, match="does not count"):
        replay([row[0]], holder="test", progress=print)
