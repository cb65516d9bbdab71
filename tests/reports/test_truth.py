"""``ecorse truth``: a published night scored against what the simulator planted.

What belongs here: simulated shops through the real flow, and scores that must fall when something
is off. What does not: what is in the files (``tests/simulate``).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecorse import flow
from ecorse.cli import app
from ecorse.errors import ConfigError, ContractError
from ecorse.origins.simulate import simulated_folder
from ecorse.reports.truth import Score, likeliest_group, score_truth
from ecorse.settings import get_settings
from ecorse.simulate import append_rows
from ecorse.warehouse.connect import connect

SMALL = {"seed": 4, "customers": 400, "orders": 600, "events": 0}
SHOP = """
[[shops]]
shop_id = "main"
shop_name = "Simulated"
time_zone = "America/New_York"
currency = "USD"
"""


@pytest.fixture
def shops(warehouse, tmp_path, monkeypatch):
    """Give a function that lists sources of the origin ``simulate``; each a format and options."""

    def write(*sources: tuple[str, dict[str, object]]) -> None:
        text = SHOP
        for name, options in sources:
            told = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
            text += f'[[shops.sources]]\nsource = "{name}"\norigin = "simulate"\n'
            text += f"options = {{ {told} }}\n"
        path = tmp_path / "shops.toml"
        path.write_text(text)
        monkeypatch.setenv("ECORSE_SHOPS_FILE", str(path))
        get_settings.cache_clear()

    return write


def by_name(scores: list[Score]) -> dict[str, Score]:
    return {score.what: score for score in scores}


def test_dirt_is_scored_before_any_night_is_published(shops):
    shops(("sales_csv", SMALL))
    with pytest.raises(ConfigError, match=r"No simulated source of shop \(any\)"):
        score_truth()
    flow.ingest("main", "sales_csv", holder="test")
    scores = by_name(score_truth())
    assert scores["everything"].value is None
    assert "no night is published yet" in scores["everything"].sentence
    assert scores["dirt (recall)"].value == scores["dirt (precision)"].value == 1
    assert {score.shop_id for score in scores.values()} == {"main-simulated"}
    with pytest.raises(ConfigError, match=r"shop elsewhere"):
        score_truth("elsewhere")
    assert score_truth("main") == score_truth("main-simulated")


def test_the_commands_print_a_table_and_json_and_append(shops):
    shops(("sales_csv", SMALL))
    flow.ingest("main", "sales_csv", holder="test")
    plain, as_json = (CliRunner().invoke(app, ["truth", *more]) for more in ([], ["--json"]))
    assert (plain.exit_code, as_json.exit_code) == (0, 0), plain.output
    rows = [line.split(maxsplit=1) for line in plain.output.splitlines()]
    assert [shop for shop, _ in rows] == ["main-simulated"] * 3
    assert rows[0][1].split()[:2] == ["everything", "-"]  # no night yet
    assert "1.000" in rows[1][1]
    assert [score["value"] for score in json.loads(as_json.output)] == [None, 1, 1]

    path = simulated_folder(get_settings(), SMALL) / "Simulated_Sales_May_2019.csv"
    lines = len(path.read_text().splitlines())
    told = ["simulate", "--rows", "3", "--data", str(path), "--seed", "1"]
    assert "3 simulated rows of sales_csv" in CliRunner().invoke(app, told).output
    assert len(path.read_text().splitlines()) == lines + 3
    # all of its rows are simulated: there is nothing real to draw from
    with pytest.raises(ContractError, match="nothing to draw from"):
        CliRunner().invoke(app, [*told, "--augment"], catch_exceptions=False)


def test_dirt_that_was_not_planted_or_not_found_costs_score(shops):
    shops(("sales_csv", SMALL))
    flow.ingest("main", "sales_csv", holder="test")
    folder = simulated_folder(get_settings(), SMALL)
    path = folder / "truth.json"
    truth = json.loads(path.read_text())
    told = [
        file["duplicate_rows"] + file["blank_rows"] + file["repeated_headers"]
        + sum(file["broken_rows"].values())
        for file in truth["files"]
    ]  # fmt: skip
    # ten duplicates more in the truth than in the first file, one blank less in the second
    truth["files"][0]["duplicate_rows"] += 10
    truth["files"][1]["blank_rows"] -= 1
    path.write_text(json.dumps(truth))
    scores = by_name(score_truth())
    n = sum(told)
    assert scores["dirt (recall)"].value == pytest.approx((n - 1) / (n + 9))
    assert scores["dirt (precision)"].value == pytest.approx((n - 1) / n)
    assert "duplicate" in scores["dirt (recall)"].sentence


def test_refused_rows_are_compared_line_by_line(shops):
    options = {"seed": 4, "customers": 60, "orders": 900, "events": 5000, "format": "online_retail"}
    shops(("online_retail", options))
    flow.ingest("main", "online_retail", holder="test")
    assert by_name(score_truth())["dirt (recall)"].value == 1
    table = simulated_folder(get_settings(), options) / "truth" / "broken_rows.csv"
    lines = table.read_text().splitlines()
    n_planted = len(lines) - 1
    assert n_planted >= 12
    # the same number of refused rows, one of them said to stand elsewhere
    name, line, kind = lines[1].split(",")
    table.write_text("\n".join([lines[0], f"{name},{int(line) + 1},{kind}", *lines[2:], ""]))
    scores = by_name(score_truth())
    assert scores["dirt (recall)"].value < 1
    assert scores["dirt (precision)"].value < 1


def test_rows_that_were_appended_are_no_dirt(shops):
    options = {"seed": 4, "customers": 60, "orders": 900, "events": 5000, "format": "online_retail"}
    shops(("online_retail", options))
    flow.ingest("main", "online_retail", holder="test")
    staged = "select sum(rows_staged)::int from ops.load where superseded_at is null"
    with connect() as conn:
        [[before]] = conn.execute(staged).fetchall()
    path = simulated_folder(get_settings(), options) / "simulated_online_retail_2019-12.csv"
    append_rows(path, rows=41, seed=1)
    assert flow.ingest("main", "online_retail", holder="test").counts()["files_new"] == 1
    with connect() as conn:
        [[after]] = conn.execute(staged).fetchall()
    assert after - before == 41
    assert by_name(score_truth())["dirt (precision)"].value == 1


def test_the_likeliest_group_by_hand():
    parts = [
        {"name": "daytime", "peak_minute": 740, "spread_minutes": 130},
        {"name": "evening", "peak_minute": 1220, "spread_minutes": 75},
    ]
    assert likeliest_group(parts, 740) == "daytime"
    assert likeliest_group(parts, 1220) == "evening"
    # 1045 is 305 / 130 = 2.35 deviations from noon and 175 / 75 = 2.33 from the evening
    assert likeliest_group(parts, 1045) == "evening"
    assert likeliest_group(parts, 1040) == "daytime"
    # a quarter past midnight is 255 minutes behind the evening's peak, 715 before noon's
    assert likeliest_group(parts, 35) == "evening"


@pytest.mark.slow
def test_a_night_finds_what_was_planted(shops):
    options = {"seed": 6, "customers": 1000, "format": "online_retail"}
    shops(("online_retail", options))
    flow.ingest("main", "online_retail", holder="test")
    flow.refresh(holder="test")
    scores = by_name(score_truth())
    assert list(scores) == [
        "customer segments (ARI)", "pairs (precision@1)", "pairs (recall)", "peak hours",
        "seasonality (mean absolute error)", "dirt (recall)", "dirt (precision)",
    ]  # fmt: skip
    assert scores["customer segments (ARI)"].value > 0.85
    assert scores["pairs (precision@1)"].value > 0.95
    assert scores["pairs (recall)"].value > 0.95
    assert scores["peak hours"].value == 1
    # 10,000 orders: a month of 833 has an error of 3.5 % by chance
    assert scores["seasonality (mean absolute error)"].value < 0.06
    assert scores["dirt (recall)"].value == scores["dirt (precision)"].value == 1


@pytest.mark.slow
def test_a_shop_without_customers_is_judged_by_its_orders(shops):
    shops(("sales_csv", {"seed": 6, "customers": 4500}))
    flow.ingest("main", "sales_csv", holder="test")
    flow.refresh(holder="test")
    scores = by_name(score_truth())
    dayparts = scores["order dayparts (ARI)"]
    assert dayparts.value > 0.9
    assert "where segments of one time of day stand alone" in dayparts.sentence
    assert scores["pairs (precision@1)"].value > 0.8
    assert scores["peak hours"].value == 1
    assert scores["seasonality (mean absolute error)"].value < 0.05


def test_the_truth_folder_is_no_data(shops):
    options = {"seed": 4, "customers": 30, "orders": 100, "events": 500, "format": "products"}
    folder: Path = simulated_folder(get_settings(), options)
    from ecorse.origins import fetch_files

    files = fetch_files("simulate", get_settings(), options)
    assert [file.file_name for file in files] == ["simulated_products.csv"]
    assert (folder / "truth" / "customers.csv").exists()
