"""The page of nights, on a real warehouse: its figures, its order, and what it must not show."""

from __future__ import annotations

import importlib.util
import re
from datetime import UTC, datetime

import psycopg
import pytest
from fastapi.testclient import TestClient

from ecorse.refresh.partitions import attach_pointer
from ecorse.reports.nights import read_nights, step_rows
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect

ADDRESS = "917 1st St, Dallas, TX 75001"  # stands for personal data
BUILD = (
    "insert into ops.build (status, holder, started_at, finished_at, first_published_at, error, "
    "ecorse_version, git_sha) values (%s, 'secret-holder', %s, %s, %s, %s, '0.1.0', 'abc') "
    "returning build_id"
)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, 4, hour, minute, tzinfo=UTC)


def one(conn: psycopg.Connection, query: str, *values: object) -> int:
    row = conn.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def nights(warehouse):
    """Builds published, refused, failed, removed; loads, one superseded; a refused file."""
    with connect() as conn:
        conn.execute("insert into ops.shop values ('main', 'Example', 'UTC', 'USD', false)")
        conn.execute("insert into ops.shop values ('<b>x</b>', 'Hostile', 'UTC', 'EUR', false)")
        load = (
            "insert into ops.load (shop_id, source, file_name, sha256, size_bytes, rows_read, "
            "rows_staged, rows_duplicate, rows_ignored, rows_rejected, money_staged, "
            "contract_sha256, time_zone, currency, started_at, superseded_at, ecorse_version) "
            "values (%s, 'sales_csv', %s, repeat(%s, 64), 1, %s, %s, %s, %s, %s, %s, 'c', 'UTC', "
            "%s, now(), %s, '0.1.0') returning load_id"
        )
        may = one(conn, load, "main", "may.csv", "a", 100, 90, 4, 3, 3, "1234.56", "USD", None)
        one(conn, load, "main", "june.csv", "b", 10, 10, 0, 0, 0, "0.44", "USD", None)
        one(conn, load, "main", "may.csv", "c", 999, 999, 0, 0, 0, "9999", "USD", at(1))
        one(conn, load, "<b>x</b>", "<i>.csv", "d", 1, 1, 0, 0, 0, "7", "EUR", None)
        for rule, column in (("price", "unit_price"), ("price", "unit_price"), ("width", None)):
            conn.execute(
                "insert into ops.reject (load_id, source_line, raw, rule, column_name, sentence, "
                "reasons) values (%s, 7, %s, %s, %s, %s, '[]')",
                (may, ADDRESS, rule, column, f"cannot read {ADDRESS}"),
            )
        conn.execute(
            "insert into ops.refused_file (shop_id, source, file_name, error_class, message, "
            "resolved_at) values ('main', 'sales_csv', 'bad.csv', 'ContractError', %s, null), "
            "('main', 'sales_csv', 'mended.csv', 'ContractError', %s, now())",
            (f"found {ADDRESS}", f"found {ADDRESS}"),
        )
        first = one(conn, BUILD, "published", at(2), at(2, 1), at(2, 1), None)
        second = one(conn, BUILD, "refused", at(3), at(3, 2), None, f"e.g. {ADDRESS}")
        third = one(conn, BUILD, "failed", at(4), at(4, 1), None, f"broke at {ADDRESS}")
        removed = one(conn, BUILD, "removed", at(1), at(1), at(1), None)
        attach_pointer(conn, first)
        conn.execute(
            "update builds.build_pointer set publication_id = 1, published_at = %s", (at(2, 1),)
        )
        conn.execute("insert into ops.build_load values (%s, %s)", (first, may))
        step = (
            "insert into ops.build_step (build_id, step, status, started_at, finished_at, rows) "
            "values (%s, %s, %s, %s, %s, %s)"
        )
        conn.execute(step, (first, "orders", "succeeded", at(2), at(2, 1), 42))
        conn.execute(step, (second, "orders", "succeeded", at(3), at(3, 1), 43))
        conn.execute(step, (third, "orders", "failed", at(4), at(4, 1), None))
        check = (
            "insert into ops.check_result (build_id, mart, check_name, level, passed, "
            "failing_rows, sentence, sample, seconds) values (%s, 'orders', %s, %s, %s, %s, "
            "%s, %s, 0.1)"
        )
        sample = f'[{{"address": "{ADDRESS}"}}]'
        conn.execute(check, (second, "a_good_one", "fail", True, 0, "Fine", "[]"))
        conn.execute(check, (second, "b_warning", "warn", False, 2, "Odd rows", sample))
        conn.execute(check, (second, "z_broken", "fail", False, 5, "Revenue is negative", sample))
        conn.execute(
            "insert into ops.model_decision (build_id, shop_id, model, outcome, reason, numbers) "
            "values (%s, 'main', 'segment_orders', 'held', 'agreement below 0.9', "
            '\'{"agreement": 0.8123456, "k": 4, "curve": [1, 2]}\')',
            (second,),
        )
    return {"first": first, "second": second, "third": third, "removed": removed}


@pytest.fixture
def client(nights):
    """The plugin's own application, without Airflow around it."""
    spec = importlib.util.spec_from_file_location(
        "ecorse_plugin", PROJECT_DIR / "plugins" / "ecorse_plugin.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return TestClient(module.app)


def test_builds_newest_first_and_the_published_one_marked(nights):
    builds = read_nights()["builds"]
    assert [(b["build_id"], b["status"], b["is_published"]) for b in builds] == [
        (nights["third"], "failed", False),
        (nights["second"], "refused", False),
        (nights["first"], "published", True),
    ]
    assert [b["seconds"] for b in builds] == [60, 120, 60]
    assert [b["loads"] for b in builds] == [0, 0, 1]
    assert [b["steps_unfinished"] for b in builds] == ["orders", None, None]
    assert [(b["checks"], b["checks_failed"], b["checks_warned"]) for b in builds] == [
        (0, 0, 0),
        (3, 1, 1),
        (0, 0, 0),
    ]


def test_details_are_those_of_the_asked_night(nights):
    latest, asked = read_nights(), read_nights(nights["second"])
    assert latest["shown"]["build_id"] == nights["third"]
    assert [s["status"] for s in latest["steps"]] == ["failed"]
    assert [(s["step"], s["rows"], s["seconds"]) for s in asked["steps"]] == [("orders", 43, 60)]
    assert [c["check_name"] for c in asked["checks"]] == ["z_broken", "b_warning", "a_good_one"]
    assert [(d["outcome"], d["numbers"]["k"]) for d in asked["decisions"]] == [("held", 4)]
    assert [b["models_held"] for b in latest["builds"]] == [0, 1, 0]
    assert read_nights(10**12)["shown"] is None


def test_the_page_says_that_models_of_a_published_night_are_held(nights, client):
    with connect() as conn:
        for model, outcome in (("a_fine_one", "promoted"), ("segment_orders", "held")):
            conn.execute(
                "insert into ops.model_decision (build_id, shop_id, model, outcome, reason, "
                "numbers) values (%s, 'main', %s, %s, 'why', '{}')",
                (nights["first"], model, outcome),
            )
    told = client.get("/", params={"build": nights["first"]}).text
    assert "<td>1 model held</td>" in told
    assert told.index("segment_orders") < told.index("a_fine_one")


def test_the_published_night_is_shown_however_old(nights, monkeypatch):
    monkeypatch.setattr("ecorse.reports.nights.NIGHTS_SHOWN", 1)
    assert [b["build_id"] for b in read_nights()["builds"]] == [nights["third"], nights["first"]]


def test_accounts_count_what_is_loaded_now(nights):
    found = read_nights()
    dollars = next(a for a in found["accounts"] if a["currency"] == "USD")
    # may 100 = 90 + 4 + 3 + 3 and june 10 = 10; the superseded 999 rows are not counted
    assert dollars == {
        "currency": "USD",
        "files": 2,
        "rows_read": 110,
        "rows_staged": 100,
        "rows_duplicate": 4,
        "rows_ignored": 3,
        "rows_rejected": 3,
        "money_staged": pytest.approx(1235),
        "money_duplicate": 0,
        "money_rejected": 0,
    }
    assert str(dollars["money_staged"]) == "1235.00"
    assert [f["file_name"] for f in found["files"]] == ["<i>.csv", "june.csv", "may.csv"]
    assert [f["file_name"] for f in found["refused"]] == ["bad.csv"]
    assert [(r["rule"], r["column_name"], r["rows"], r["files"]) for r in found["rejects"]] == [
        ("price", "unit_price", 2, 1),
        ("width", None, 1, 1),
    ]


def test_an_empty_warehouse_has_an_empty_page(warehouse):
    found = read_nights()
    assert found.pop("published") is None
    assert found.pop("shown") is None
    assert set(map(len, found.values())) == {0}


def test_rows_for_the_asset_event(nights):
    assert step_rows(nights["first"]) == {"orders": 42}
    assert step_rows(nights["third"]) == {}


def test_the_page_writes_nothing_and_waits_no_longer_than_its_limit(nights):
    from ecorse.reports import nights as module

    with module._snapshot() as conn, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        conn.execute("delete from ops.reject")
    with module._snapshot() as conn:
        assert conn.execute("show statement_timeout").fetchone() == ("5s",)


@pytest.mark.parametrize("path", ["/", "/nights.json"])
def test_nothing_personal_or_secret_leaves(client, nights, path):
    for build in ("first", "second", "third"):
        body = client.get(path, params={"build": nights[build]}).text
        assert "Dallas" not in body
        assert "secret-holder" not in body


def test_page_tells_the_story_and_escapes_what_came_from_files(client, nights):
    answer = client.get("/", params={"build": nights["second"]})
    assert answer.status_code == 200
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
    assert "published now" in text
    assert "1,235.00" in text
    assert "1 failed check; yesterday stayed published" in text
    assert "Revenue is negative" in text
    assert "agreement below 0.9" in text
    assert "agreement 0.8123" in text
    assert text.index("Revenue is negative") < text.index("Odd rows") < text.index("Fine")
    assert "<b>x</b>" not in answer.text
    assert "&lt;b&gt;x&lt;/b&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http" not in re.sub(r"http-equiv", "", answer.text), "no external asset"


def test_json_has_money_as_text(client):
    accounts = client.get("/nights.json").json()["accounts"]
    assert [(a["currency"], a["money_staged"]) for a in accounts] == [
        ("EUR", "7"),
        ("USD", "1235.00"),
    ]


@pytest.mark.parametrize("build", ["0", "-1", "x", str(2**63), "1;drop", "%00"])
def test_a_wrong_build_is_refused(client, build):
    assert client.get("/", params={"build": build}).status_code == 422


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/nights.json"])
def test_only_reading_is_possible(client, method, path):
    assert client.request(method, path).status_code == 405


def test_without_a_warehouse_the_page_says_so(client, monkeypatch):
    monkeypatch.setenv("ECORSE_DATABASE_URL", "postgresql+psycopg://u:canary@127.0.0.1:9/none")
    get_settings.cache_clear()
    answer = client.get("/")
    assert answer.status_code == 503
    assert "Cannot connect to the warehouse" in answer.text
    assert "canary" not in answer.text
