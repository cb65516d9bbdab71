"""Actions are there while their effect is, on shops with and without what they are about.

One shop has what every rule looks for, planted; five have customers who come, buy and spend at
random. Labels are given: what is tested is the rules, not how segments are found.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg.rows import dict_row

from ecorse.models.action import read_actions

FIRST = date(2019, 1, 1)
LAST_DAY = 364
PLAIN = [f"plain-{number}" for number in range(5)]
# product -> category, price; the cheaper half are the first three
PRODUCTS = {
    "cable": ("Small", 4),
    "charger": ("Small", 9),
    "case": ("Covers", 15),
    "phone": ("Large", 400),
    "laptop": ("Large", 900),
    "screen": ("Large", 300),
}
# group -> customers, days between purchases, first and last day on which they may come
PLANTED = {
    "loyal": (60, 15, 0, LAST_DAY),
    "gone": (40, 12, 0, 170),
    "once": (80, 400, 0, 120),
    "new": (40, 400, 340, LAST_DAY),
    "late": (35, 20, 0, 320),
}
RFM_NAME = {
    "loyal": "Loyal",
    "gone": "Cannot Lose Them",
    "once": "Lost",
    "new": "New Customer",
    "late": "Potential Loyalist",
}
# other ways to tell the segments of "customers"; "mine" is a project's own segmentation
ALTERNATIVES = ("customers_dbscan", "customers_hdbscan", "customers_hierarchical")


class Shop:
    """Rows of one shop in the making: lines, labels and the segments that the labels name."""

    def __init__(self, shop_id: str, seed: int) -> None:
        self.shop_id, self.rng = shop_id, random.Random(seed)
        self.lines: list[dict] = []
        self.labels: list[tuple[str, str, str, int, str]] = []

    def order(self, customer: str, day: int, hour: int, products: list[str]) -> str:
        order_id = f"o{len(self.lines):06}"
        at = datetime(FIRST.year, FIRST.month, FIRST.day, hour) + timedelta(days=day)
        for product in products:
            category, price = PRODUCTS[product]
            self.lines.append(
                {
                    "shop_id": self.shop_id, "order_id": order_id, "product_id": product,
                    "product_name": product.title(), "category": category, "quantity": 1,
                    "unit_price": price, "currency": "USD", "ordered_at": f"{at}+00",
                    "ordered_local": at, "customer_id": customer, "customer_key_kind": "account",
                    "status": "sold", "is_simulated": False,
                }
            )  # fmt: skip
        return order_id

    def label(self, table: str, member: str, segmentation: str, number: int, name: str) -> None:
        self.labels.append((table, member, segmentation, number, name))


def planted_shop() -> Shop:
    """Evening buyers of cheap things and daytime buyers of dear ones, each with a rhythm."""
    shop = Shop("planted", 1)
    numbers = {name: number for number, name in enumerate(PLANTED, start=1)}
    for group, (size, gap, first, last) in PLANTED.items():
        for number in range(size):
            customer = f"{group}-{number:02}"
            is_evening = number % 2 == 0
            day = first + shop.rng.randrange(0, min(gap, last - first) if gap < 400 else 20)
            came = 0
            while day <= last and not (group == "late" and came == 4):
                came += 1
                hour = shop.rng.choice((19, 20, 21) if is_evening else (9, 12, 14))
                small = [shop.rng.choice(("cable", "charger"))]
                basket = small if is_evening else ["laptop", shop.rng.choice(("phone", "case"))]
                order_id = shop.order(customer, day, hour, basket)
                kind = (1, "Evening") if is_evening else (2, "Daytime")
                shop.label("order_segments", order_id, "orders", *kind)
                day += gap + shop.rng.choice((-1, 0, 1))
            name = RFM_NAME[group]
            shop.label("customer_segments", customer, "rfm_five", numbers[group], name)
            kind = (1, "Small things") if is_evening else (2, "Large things")
            for segmentation in ("customers", "mine", *ALTERNATIVES):
                shop.label("customer_segments", customer, segmentation, *kind)
            stage = (1, "At risk") if group in ("gone", "late") else (2, "Active")
            shop.label("customer_segments", customer, "lifecycle", *stage)
    return shop


def plain_shop(shop_id: str, seed: int) -> Shop:
    """150 customers who come on any day and at any hour alike, for anything; labels by lot."""
    shop = Shop(shop_id, seed)
    rng = shop.rng
    for number in range(150):
        customer = f"c{number:03}"
        for day in range(LAST_DAY + 1):
            if rng.random() < 1 / 40:
                basket = rng.sample(list(PRODUCTS), rng.choice((1, 2)))
                order_id = shop.order(customer, day, rng.randrange(24), basket)
                kind = rng.choice(((1, "First"), (2, "Second")))
                shop.label("order_segments", order_id, "orders", *kind)
        named = list(enumerate(RFM_NAME.values(), start=1))
        shop.label("customer_segments", customer, "rfm_five", *rng.choice(named))
        kind = rng.choice(((1, "One"), (2, "Two")))
        shop.label("customer_segments", customer, "customers", *kind)
        stage = rng.choice(((1, "At risk"), (2, "Active")))
        shop.label("customer_segments", customer, "lifecycle", *stage)
    return shop


@pytest.fixture(scope="module")
def acted(empty_marts):
    """Every mart of the planted shop and the plain ones."""
    shops = [planted_shop(), *(plain_shop(name, seed) for seed, name in enumerate(PLAIN, start=7))]
    given: dict[str, list[dict]] = {"segments": []}
    for shop in shops:
        zone = {"time_zone": "UTC", "currency": "USD", "is_simulated": False}
        empty_marts.insert(
            "ops.shop", [{"shop_id": shop.shop_id, "shop_name": shop.shop_id, **zone}]
        )
        empty_marts.insert("staging.order_lines", shop.lines)
        buyers = {line["customer_id"] for line in shop.lines}
        sizes: Counter[tuple[str, int, str]] = Counter()
        for table, member, segmentation, number, name in shop.labels:
            key = "order_id" if table == "order_segments" else "customer_id"
            if key == "customer_id" and member not in buyers:
                continue
            sizes[segmentation, number, name] += 1
            given.setdefault(table, []).append(
                {
                    "shop_id": shop.shop_id, key: member, "segmentation": segmentation,
                    "segment_id": number, "segment_name": name,
                }
            )  # fmt: skip
        given["segments"] += [
            {
                "shop_id": shop.shop_id, "segmentation": segmentation, "segment_id": number,
                "segment_name": name, "meaning": name, "members": members, "is_small": False,
                "is_degenerate": False,
            }
            for (segmentation, number, name), members in sizes.items()
        ]  # fmt: skip
    empty_marts.build(given)
    empty_marts.conn.commit()
    return empty_marts


@pytest.fixture(scope="module")
def rows(acted) -> list[dict]:
    with acted.conn.cursor(row_factory=dict_row) as cursor:
        query = "select * from marts.segment_actions order by shop_id, action_rank"
        return cursor.execute(query).fetchall()


def _of(rows: list[dict], action: str) -> dict[tuple[str, str], dict]:
    return {
        (row["segmentation"], row["segment_name"]): row
        for row in rows
        if row["shop_id"] == "planted" and row["action"] == action
    }


def test_a_shop_without_any_effect_has_no_action(rows) -> None:
    told = [(row["shop_id"], row["action"], row["segment_name"]) for row in rows]
    assert [row for row in told if row[0] in PLAIN] == []


def test_every_shipped_rule_finds_what_is_planted(rows) -> None:
    assert {row["action"] for row in rows} == set(read_actions())


def test_the_evening_segment_gets_the_cheap_products_that_it_buys(rows) -> None:
    found = _of(rows, "promote_low_cost_in_the_evening")
    assert set(found) == {
        ("orders", "Evening"), ("customers", "Small things"), ("mine", "Small things"),
    }  # fmt: skip
    action = found["orders", "Evening"]
    assert (action["from_hour"], action["to_hour"]) == (19, 21)
    assert set(action["product_ids"]) == {"cable", "charger"}
    assert "{" not in action["what_to_do"]
    assert "Evening" in action["what_to_do"]
    # one more of the two, at 4 and 9, in one of a hundred purchases
    expected = action["addressed"] * Decimal("0.01") * Decimal("6.5")
    assert action["expected_value"] == round(expected, 2)


def test_what_the_shops_rules_take_out_is_not_promoted(acted) -> None:
    try:
        acted.insert(
            "marts.ruled_products",
            [{"shop_id": "planted", "list": "segment", "product_id": "cable", "is_allowed": False}],
        )
        found = _of(acted.run("segment_actions"), "promote_low_cost_in_the_evening")
    finally:
        acted.conn.rollback()
    action = found["orders", "Evening"]
    assert action["product_ids"] == ["charger"]
    expected = action["addressed"] * Decimal("0.01") * 9  # its price
    assert action["expected_value"] == round(expected, 2)


def test_the_daytime_segment_gets_a_discount_in_its_hours(rows) -> None:
    found = _of(rows, "timed_discount_in_the_daytime")
    assert set(found) == {
        ("orders", "Daytime"), ("customers", "Large things"), ("mine", "Large things"),
    }  # fmt: skip
    action = found["orders", "Daytime"]
    assert (action["from_hour"], action["to_hour"]) == (9, 14)
    assert action["evidence"]["share_in_window"] == 1


def test_who_was_worth_most_and_stays_away_is_won_back(acted, rows) -> None:
    (action,) = _of(rows, "win_back_cannot_lose_them").values()
    assert action["segment_name"] == "Cannot Lose Them"
    assert action["addressed"] == action["members"] == 40  # all are away for half a year
    (worth,) = acted.conn.execute(
        "select avg(average_purchase_value) from marts.customers "
        "where shop_id = 'planted' and customer_id like 'gone%'"
    ).fetchone()
    assert action["expected_value"] == round(40 * Decimal("0.01") * round(worth, 4), 2)


def test_the_next_category_is_one_that_the_segment_leaves_out(rows) -> None:
    found = _of(rows, "next_category")
    assert found["customers", "Small things"]["category"] == "Large"
    assert found["customers", "Large things"]["category"] == "Small"
    assert all(row["effect_high"] < 1 for row in found.values())


def test_other_ways_to_tell_the_same_customers_get_no_second_action(rows) -> None:
    assert {row["segmentation"] for row in rows} & {"customers", *ALTERNATIVES} == {"customers"}


def test_where_both_rfm_tables_name_the_same_customers_there_is_one_advice(acted, rows) -> None:
    """The rules look at ``rfm``; at ``rfm_five`` only in a shop that has nothing finer."""
    conn, by_rfm = acted.conn, ("keep_the_best", "win_back_cannot_lose_them",
                                "second_purchase_of_new_customers")  # fmt: skip
    alone = {row["action"]: row for row in rows if row["segmentation"] == "rfm_five"}
    assert set(alone) == set(by_rfm)
    try:
        for table in ("customer_segments", "segments"):
            columns = [
                name
                for (name,) in conn.execute(
                    "select column_name from information_schema.columns "
                    "where table_schema = 'marts' and table_name = %s",
                    (table,),
                )
                if name != "segmentation"
            ]
            listed = ", ".join(columns)
            conn.execute(
                f"insert into marts.{table} (segmentation, {listed}) select 'rfm', {listed} "
                f"from marts.{table} where segmentation = 'rfm_five' and shop_id = 'planted'"
            )
        both = {
            (row["action"], row["segmentation"]): row
            for row in acted.run("segment_actions")
            if row["action"] in by_rfm
        }
    finally:
        conn.rollback()
    assert set(both) == {(action, "rfm") for action in by_rfm}
    for action, row in alone.items():
        assert both[action, "rfm"]["addressed"] == row["addressed"]


def test_ranks_are_by_expected_value_and_dates_are_the_datas_own(rows) -> None:
    planted = [row for row in rows if row["shop_id"] == "planted"]
    values = [row["expected_value"] for row in planted]
    assert values == sorted(values, reverse=True)
    last = max(FIRST + timedelta(days=LAST_DAY), *(row["expires_on"] for row in planted))
    assert {row["expires_on"] for row in planted} == {last}
    assert timedelta(20) < last - (FIRST + timedelta(days=LAST_DAY)) <= timedelta(28)


def test_every_figure_is_what_its_own_sql_counts(acted, rows) -> None:
    actions, seen = read_actions(), 0
    for row in rows:
        for name, figure in row["evidence"].items():
            (counted,) = acted.conn.execute(actions[row["action"]].figure(name), row).fetchone()
            assert Decimal(str(figure)) == counted, (row["action"], row["segment_name"], name)
            seen += 1
        assert row["evidence_sql"] == actions[row["action"]].file.figures()
    assert seen > 20


def test_an_action_vanishes_with_its_effect(acted) -> None:
    """The same shop, its evening orders moved to all hours: neither window is anybody's."""
    conn = acted.conn
    try:
        for table in ("segment_by_hour", "customer_segment_by_hour"):
            conn.execute(f"update marts.{table} set orders = 10, order_hour = 3, daypart = 'Night'")
        left = {row["action"] for row in acted.run("segment_actions")}
    finally:
        conn.rollback()
    assert left == set(read_actions()) - {
        "promote_low_cost_in_the_evening", "timed_discount_in_the_daytime",
    }  # fmt: skip


def test_no_check_fails_beside_actions(acted) -> None:
    assert acted.failing_checks() == set()


def test_figures_are_json_numbers(rows) -> None:
    for row in rows:
        assert json.dumps(row["evidence"])
        assert all(isinstance(value, int | float) for value in row["evidence"].values())
