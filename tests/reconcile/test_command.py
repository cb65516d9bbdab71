"""``ecorse reconcile`` on a warehouse: what is told, by which exit code.

What belongs here: the database, the archive and the command. What does not: which causes are found
(``test_planted.py``).
"""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from ecorse.cli import app
from ecorse.errors import ConfigError
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import load_shops
from ecorse.reports.reconcile.run import reconcile
from ecorse.simulate import Plan
from ecorse.simulate.platforms.planted import change_by_hand, plant
from ecorse.simulate.platforms.write_platform import simulate_platform
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
    assert told["unexplained"] == {}
    assert {cause["name"] for cause in told["causes"]} == {*files.causes, "refund_day_unknown"}
    of_tests = next(c for c in told["causes"] if c["name"] == "left_out:test_orders")
    tests = {o.order_id for o in files.books.orders if o.is_test}
    assert of_tests["examples"]
    assert all(e.split()[1] in tests for e in of_tests["examples"])
    # what is left out of the report is no example of another cause
    others = [c for c in told["causes"] if c["name"] not in ("left_out:test_orders", "time_zone")]
    assert not any(e.split()[1] in tests for c in others for e in c["examples"])
    for cause in others:  # an example is of a day on which the cause makes a difference
        days = {day for figure in cause["figures"] for day in figure["days"]}
        assert all(set(re.findall(r"\d{4}-\d\d-\d\d", e)) & days for e in cause["examples"])


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
    assert "unexplained: Gross sales 13.37\n" in answer.stdout
    assert f"{day}  {column}: the report has 13.37 more" in answer.stdout


def test_nothing_loaded_says_how_to_load(warehouse, tmp_path):
    (tmp_path / "sales.csv").write_bytes(plant(PLAN, "shopify_orders", (), 1).report)
    with pytest.raises(ConfigError, match="ecorse ingest --source shopify_orders"):
        reconcile(tmp_path / "sales.csv", "shopify_orders")


def test_rows_that_cannot_be_looked_at_are_told(warehouse, tmp_path):
    """Northwind's file was completed from others; one row of it has no price that can be read."""
    books = simulate_platform(tmp_path / "files", PLAN, "northwind")
    [path] = (tmp_path / "files").glob("simulated_*")
    lines = path.read_text().splitlines(keepends=True)
    price = lines[0].rstrip("\n").split(",").index("UnitPrice")
    cells = lines[1].split(",")
    cells[price] = "a lot"
    path.write_text("".join([lines[0], ",".join(cells), *lines[2:]]))
    [shop] = [s for s in load_shops() if s.time_zone == books.time_zone][:1]
    source = get_source("northwind").bind(path.parent)
    with writer(f"ingest:{shop.shop_id}:northwind", "test") as fence:
        load_file(path, shop=shop, source=source, fence=fence)
    report = tmp_path / "report.csv"
    report.write_text("date,gross\n2019-01-03,1.00\n")
    answer = CliRunner().invoke(app, ["reconcile", str(report), "--source", "northwind", "--json"])
    assert answer.exit_code == 65, answer.output
    [note] = [n for n in json.loads(answer.stdout)["notes"] if path.name in n]
    assert "of its rows, 1 rejected are not looked at" in note
    assert "orders.csv, products.csv, categories.csv" in note


def test_payouts_come_from_database_and_archive(warehouse, tmp_path):
    """A report of payouts needs the export's own column of the day of each."""
    planted = plant(PLAN, "stripe_payouts", ("fees", "left_out:no_charge"), seed=2)
    [(name, content)] = planted.export.items()
    (tmp_path / name).write_bytes(content)
    (tmp_path / "payouts.csv").write_bytes(planted.report)
    [shop] = [s for s in load_shops() if s.time_zone == planted.books.time_zone][:1]
    with writer(f"ingest:{shop.shop_id}:stripe_itemised", "test") as fence:
        load_file(tmp_path / name, shop=shop, source=get_source("stripe_itemised"), fence=fence)
    command = ["reconcile", str(tmp_path / "payouts.csv"), "--source", "stripe_itemised", "--json"]
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["report"] == "stripe_payouts"
    assert {cause["name"] for cause in told["causes"]} == planted.causes
    for cause in told["causes"]:
        by_books = sum(
            amount for (_, f), amount in planted.worth[cause["name"]].items() if f == "Payouts"
        )
        [figure] = [f for f in cause["figures"] if f["name"] == "Payouts"]
        assert figure["sum"] == f"{by_books:,.2f}"


def test_an_export_without_the_day_of_payouts_is_refused(warehouse, tmp_path):
    planted = plant(PLAN, "stripe_payouts", (), seed=2)
    [(name, content)] = planted.export.items()
    (tmp_path / name).write_bytes(content.replace(b"automatic_payout_effective_at", b"other"))
    (tmp_path / "payouts.csv").write_bytes(planted.report)
    [shop] = [s for s in load_shops() if s.time_zone == planted.books.time_zone][:1]
    with writer(f"ingest:{shop.shop_id}:stripe_itemised", "test") as fence:
        load_file(tmp_path / name, shop=shop, source=get_source("stripe_itemised"), fence=fence)
    with pytest.raises(ConfigError, match="automatic_payout_effective_at"):
        reconcile(tmp_path / "payouts.csv", "stripe_itemised")
