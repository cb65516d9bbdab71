"""``ecorse reconcile`` on a warehouse: what is told, by which exit code.

What belongs here: the database, the archive and the command. What does not: which causes are found
(``test_planted.py``).
"""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ecorse.cli import app
from ecorse.errors import ConfigError
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import load_shops
from ecorse.reports.reconcile.run import reconcile
from ecorse.simulate import Plan
from ecorse.simulate.platforms.planted import change_by_hand, plant
from ecorse.sources import get_source
from ecorse.warehouse.lock import writer

PLAN = Plan(seed=3, customers=80, orders=250, events=0, days=30)
CAUSES = ("currency:CAD", "left_out:test_orders", "rejected:tax_is_in_the_prices",
          "time_zone", "tips")  # fmt: skip


@pytest.fixture
def planted(warehouse, tmp_path):
    """A warehouse with an export, and the folder of its report, which differs by ``CAUSES``."""
    planted = plant(PLAN, "shopify_orders", CAUSES, seed=2)
    [(name, content)] = planted.export.items()
    (tmp_path / name).write_bytes(content)
    (tmp_path / "sales.csv").write_bytes(planted.report)
    [shop] = [s for s in load_shops() if s.time_zone == planted.books.time_zone][:1]
    with writer(f"ingest:{shop.shop_id}:shopify_orders", "test") as fence:
        load_file(tmp_path / name, shop=shop, source=get_source("shopify_orders"), fence=fence)
    (tmp_path / name).unlink()  # the archive has it
    return planted, tmp_path / "sales.csv"


def test_every_cause_from_database_and_archive(planted):
    files, report = planted
    answer = CliRunner().invoke(app, ["reconcile", str(report), "--source", "shopify_orders",
                                      "--json"])  # fmt: skip
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["unexplained"] == "0.00"
    assert {cause["name"] for cause in told["causes"]} == {*files.causes, "refund_day_unknown"}
    of_tests = next(c for c in told["causes"] if c["name"] == "left_out:test_orders")
    tests = {o.order_id for o in files.books.orders if o.is_test}
    assert of_tests["examples"]
    assert all(e.split()[1] in tests for e in of_tests["examples"])


def test_it_is_told_in_a_terminal_of_100_columns(planted):
    _, report = planted
    answer = CliRunner().invoke(app, ["reconcile", str(report), "--source", "shopify_orders"])
    assert answer.exit_code == 0
    assert "unexplained 0.00" in answer.stdout
    assert max(len(line) for line in answer.stdout.splitlines()) <= 100


def test_what_is_left_ends_with_65_and_says_where(planted):
    files, report = planted
    changed, day, column = change_by_hand(files.report, 5, ["Gross sales"])
    report.write_bytes(changed)
    answer = CliRunner().invoke(app, ["reconcile", str(report), "--source", "shopify_orders"])
    assert answer.exit_code == 65
    assert "unexplained 13.37" in answer.stdout
    assert f"{day}  {column}: the report has 13.37 more" in answer.stdout


def test_nothing_loaded_says_how_to_load(warehouse, tmp_path):
    (tmp_path / "sales.csv").write_bytes(plant(PLAN, "shopify_orders", (), 1).report)
    with pytest.raises(ConfigError, match="ecorse ingest --source shopify_orders"):
        reconcile(tmp_path / "sales.csv", "shopify_orders")
