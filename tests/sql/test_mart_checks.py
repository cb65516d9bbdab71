"""The checks of the marts pass on a right build, and each is seen to catch what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CORRUPTIONS = [
    {key: case[key].format(mart=mart) for key in ("caught_by", "sql")}
    for case in yaml.safe_load((Path(__file__).parent / "corruptions.yaml").read_text("utf-8"))
    for mart in case.get("marts", [""])  # what a template writes: each of them
]

SHOPS = [
    {"shop_id": s, "shop_name": s, "time_zone": "UTC", "currency": "USD", "is_simulated": False}
    for s in ("a", "b")
]
# order, product, name, category, quantity, price, time, city, status, customer
LINES = [
    ("1", "p1", "Phone", "Phones", 1, 600, "2019-01-01 12:00", "Boston", "sold", "c1"),
    ("1", "p2", "Cable", "Cables", 2, 11.95, "2019-01-01 12:00", "Boston", "sold", "c1"),
    ("2", "p1", "Phone", "Phones", 1, 600, "2019-01-31 20:00", "Austin", "sold", "c3"),
    ("2", "p2", "Cable", "Cables", 1, 11.95, "2019-01-31 20:00", "Austin", "sold", "c3"),
    ("3", "p2", "Cable", "Cables", 1, 11.95, "2019-02-02 21:00", None, "sold", "c1"),
    ("4", "p1", "Phone", "Phones", 1, 600, "2019-02-03 12:30", "Boston", "returned", "c2"),
]
COLUMNS = [
    "order_id",
    "product_id",
    "product_name",
    "category",
    "quantity",
    "unit_price",
    "ordered_local",
    "city",
    "status",
    "customer_id",
]
# type, product, time, session, customer, price: one session that buys, one that looks on
EVENTS = [
    ("view", "p1", "2019-01-01 11:50", "1", "c1", 600),
    ("cart", "p1", "2019-01-01 11:55", "1", "c1", 600),
    ("purchase", "p1", "2019-01-01 12:00", "1", "c1", 600),
    ("view", "p2", "2019-01-02 09:00", "x", None, 11.95),
]
EVENT_COLUMNS = ["event_type", "product_id", "event_at", "session_id", "customer_id", "price"]
ALIKE = {"currency": "USD", "customer_key_kind": "account", "is_simulated": False}
# segmentation, its table of labels, what it labels -> segments with their members
SEGMENTS = {
    ("orders", "order_segments", "order_id"): {
        1: ("Noon", ["1"]),  # nothing of order 4 was kept
        2: ("Evening", ["2", "3"]),
    },
    ("customers", "customer_segments", "customer_id"): {
        1: ("Buyers", ["c1"]),
        2: ("Evening buyers", ["c3"]),  # c2 kept nothing
    },
}


@pytest.fixture(scope="module")
def right_build(empty_marts):
    """Two shops alike: six lines in four orders, four events, two customers; labels given."""
    given: dict[str, list[dict]] = {"segments": []}
    empty_marts.insert("ops.shop", SHOPS)
    for shop in ("a", "b"):
        for line in LINES:
            row = {"shop_id": shop, **dict(zip(COLUMNS, line, strict=True)), **ALIKE}
            row["ordered_at"] = f"{row['ordered_local']}+00"
            empty_marts.insert("staging.order_lines", [row])
        for event in EVENTS:
            row = {"shop_id": shop, **dict(zip(EVENT_COLUMNS, event, strict=True))}
            row["event_at"] = f"{row['event_at']}+00"
            empty_marts.insert(
                "staging.events", [{**row, "category_path": "goods", "is_simulated": False}]
            )
        listed = {"shop_id": shop, "product_id": "p1", "is_simulated": False}
        empty_marts.insert("staging.products", [{**listed, "load_id": 1, "source_line": 2}])
        person = {"shop_id": shop, "customer_id": "c1", "attributes": '{"kids": "1"}'}
        empty_marts.insert("staging.customers", [{**person, "load_id": 1, "source_line": 2}])
        said = {"shop_id": shop, "customer_id": "c1", "source": "crm", "load_id": 1}
        said |= {"statement": "marketing_consent", "is_so": True, "source_line": 2}
        empty_marts.insert("staging.consents", [said])
        for (segmentation, table, key), named in SEGMENTS.items():
            for number, (name, members) in named.items():
                segment = {
                    "shop_id": shop,
                    "segmentation": segmentation,
                    "segment_id": number,
                    "segment_name": name,
                }
                labels = given.setdefault(table, [])
                labels += [{**segment, key: member} for member in members]
                described = {"meaning": name, "members": len(members), "share": 0.5}
                flags = {"is_small": False, "is_degenerate": False}
                given["segments"].append({**segment, **described, **flags})
    empty_marts.build(given)
    empty_marts.conn.commit()
    return empty_marts


@pytest.fixture
def built(right_build):
    """The right build; what a test breaks is rolled back."""
    yield right_build
    right_build.conn.rollback()


def test_every_check_passes_on_a_right_build(built) -> None:
    assert built.failing_checks() == set()


@pytest.mark.parametrize("case", CORRUPTIONS, ids=lambda case: case["caught_by"])
def test_corruption_is_caught(built, case: dict[str, str]) -> None:
    assert built.conn.execute(case["sql"]).rowcount > 0
    assert case["caught_by"] in built.failing_checks()


def test_every_declared_check_is_seen_to_catch_something(built) -> None:
    generic = {"grain_is_not_null", "grain_is_unique"}
    declared = {
        f"{mart.name}.{check.name}"
        for mart in built.catalog.marts.values()
        for check in mart.bound_checks()
        if check.name not in generic and not check.name.startswith("measure_")
    }
    assert declared - {case["caught_by"] for case in CORRUPTIONS} == set()
