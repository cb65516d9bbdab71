"""Customers, from their orders to their segments, beside the segments of orders."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sklearn.metrics import adjusted_rand_score
from typer.testing import CliRunner

from claims_in_sql import claims_that_differ
from ecorse import flow
from ecorse.cli import app
from ecorse.errors import DataError
from ecorse.night import Night
from ecorse.reports.status import read_checksums
from ecorse.warehouse.connect import connect

SHARED = {
    "segments",
    "segment_traits",
    "segmentation_k",
    "segmentation_components",
    "segmentation_loadings",
}
# group -> customers, purchases of each, product, price, days of the year 2019, hour
GROUPS = {
    "loyal": (40, 12, ("laptop", "Computers"), 900, (1, 360), 12),
    "lapsed": (60, 1, ("batteries", "Batteries"), 4, (1, 60), 20),
    "new": (50, 1, ("phone", "Phones"), 600, (335, 360), 20),
    "regular": (50, 8, ("cable", "Accessories"), 12, (200, 350), 12),
}
COLUMNS = (
    "shop_id, order_id, product_id, product_name, category, quantity, unit_price, currency, "
    "ordered_at, ordered_local, customer_id, customer_key_kind, city, status, load_id, source_line"
)


def stage_customers() -> dict[str, str]:
    """Stage a shop whose customers buy in four planted ways; gives each customer's group.

    Beside them: orders of nobody, and one customer who only ever cancelled.
    """
    rng = random.Random(7)
    group_of, lines = {}, []

    def add(order: str, customer: str | None, product, price, at, status="sold") -> None:
        name, category = product
        kind = "account" if customer else "none"
        lines.append(
            ("club", order, name, name.title(), category, rng.choice([1, 1, 2]),
             Decimal(price) + rng.randrange(5), "USD", at, at, customer, kind,
             rng.choice(["Boston", "Dallas"]), status)
        )  # fmt: skip

    for group, (size, purchases, product, price, (first, last), hour) in GROUPS.items():
        for number in range(size):
            customer = f"{group}-{number:02}"
            group_of[customer] = group
            for purchase in range(purchases):
                day = rng.randint(first, last)
                at = datetime(2019, 1, 1) + timedelta(
                    days=day, hours=hour, minutes=rng.randint(0, 59)
                )
                add(f"{customer}-{purchase}", customer, product, price, at)
    for number in range(30):
        add(
            f"guest-{number}", None, ("phone", "Phones"), 600, datetime(2019, 5, 1 + number % 28, 9)
        )
    add("undone", "undoer", ("phone", "Phones"), 600, datetime(2019, 6, 1, 9), "cancelled")
    with connect() as conn:
        stage(conn, lines)
    return group_of


@pytest.fixture
def customers(warehouse) -> dict[str, str]:
    """A warehouse with the staged shop; gives each customer's group."""
    return stage_customers()


@pytest.fixture(scope="module")
def kept(snapshot):
    """The staged shop and its first published night; each customer's group, and the night."""

    def fill():
        groups = stage_customers()
        return groups, flow.refresh(holder="test")

    return snapshot(fill)


def stage(conn, lines) -> None:
    """Put lines into staging as one load of the shop ``club``."""
    # a cancelled line with pieces takes its money off
    money = sum((1 if line[13] == "sold" else -1) * line[5] * line[6] for line in lines)
    conn.execute(
        "insert into ops.shop (shop_id, shop_name, time_zone, currency) "
        "values ('club', 'Club', 'UTC', 'USD')"
    )
    row = conn.execute(
        """
        insert into ops.load (shop_id, source, file_name, sha256, size_bytes, rows_read,
            rows_staged, rows_duplicate, rows_ignored, rows_rejected, money_staged,
            contract_sha256, time_zone, currency, first_row_at, last_row_at, started_at,
            ecorse_version, rows_by_table)
        values ('club', 'sales_csv', 'club.csv', repeat('c', 64), 1, %s, %s, 0, 0, 0, %s, '', 'UTC',
            'USD', '2019-01-01', '2019-12-31', now(), '0',
            jsonb_build_object('order_lines', %s::bigint))
        returning load_id
        """,
        (len(lines), len(lines), money, len(lines)),
    ).fetchone()
    holders = ", ".join(["%s"] * 14)
    with conn.cursor() as cursor:
        cursor.executemany(
            f"insert into staging.order_lines ({COLUMNS}) values ({holders}, {row[0]}, 1)", lines
        )


def rows(query: str) -> list[tuple]:
    with connect() as conn:
        return conn.execute(query).fetchall()


def test_a_night_finds_the_groups_that_were_planted(kept, restore):
    customers, night = restore(kept)
    assert night.is_published
    labels = rows(
        "select customer_id, segment_id from marts.customer_segments "
        "where segmentation = 'customers'"
    )
    label_of = dict(labels)
    assert len(labels) == len(label_of)
    assert set(label_of) == set(customers)  # who only cancelled has no habit
    planted = list(customers)
    ari = adjusted_rand_score([customers[c] for c in planted], [label_of[c] for c in planted])
    assert ari > 0.95
    claims = {
        (customer.partition("-")[0], feature): claim
        for customer, feature, claim in rows(
            "select l.customer_id, t.feature, t.claim from marts.customer_segments as l "
            "inner join marts.segment_traits as t using (shop_id, segmentation, segment_id) "
            "where l.customer_id like '%-01' and segmentation = 'customers'"
        )
    }
    assert claims["lapsed", "days away"].startswith("did not buy for")
    assert claims["loyal", "purchases"] == "bought 10 times or more"  # 12 beside 8: 9 to 12 part
    assert claims["lapsed", "revenue"].startswith("spent less than")
    assert claims["new", "season"] == "order mostly in December"


@pytest.mark.parametrize(
    "segmentation", ["customers", "orders", "rfm", "rfm_five", "lifecycle", "value"]
)
def test_every_claim_is_true_by_sql(kept, restore, segmentation):
    restore(kept)
    with connect() as conn:
        count, wrong = claims_that_differ(conn, segmentation)
    assert wrong == []
    # too few came back for tiers by value: all are in one, of which there is nothing to claim
    assert count >= (0 if segmentation == "value" else 4)


def test_both_segmentations_share_their_tables_and_are_judged(kept, restore):
    _, night = restore(kept)
    for table in sorted(SHARED):
        found = {name for (name,) in rows(f"select distinct segmentation from marts.{table}")}
        assert found >= {"orders", "customers"}, table
    # the checks of a table are those of all its rows
    checked = rows(
        "select distinct check_name from ops.check_result "
        f"where build_id = {night.build_id} and mart = 'segmentation_k'"
    )
    assert set(checked) == {("grain_is_not_null",), ("grain_is_unique",), ("one_k_is_chosen",)}
    decided = dict(rows("select model, outcome from ops.model_decision"))
    assert {"segment_customers", "segment_orders", "recommend_item_similarity"} <= set(decided)
    assert set(decided.values()) == {"promoted"}
    # the mixture of hours is of orders: a customer has many hours
    assert rows(
        "select model, metrics::text like '%hour_mixture%' from ops.model_version "
        "where model in ('segment_customers', 'segment_orders') order by model"
    ) == [("segment_customers", False), ("segment_orders", True)]
    # 40 * 12 + 60 + 50 + 50 * 8 = 990 purchases and one cancelled order; 30 more of nobody
    assert rows(
        "select segmentation, sum(members), sum(orders), round(sum(member_share)::numeric, 6), "
        "round(sum(revenue_share)::numeric, 6) "
        "from marts.segment_profiles where segmentation in ('customers', 'orders') "
        "group by segmentation order by segmentation"
    ) == [
        ("customers", 200, 990, 1, Decimal("1.0")),  # without the one who only cancelled
        ("orders", 1020, 1020, 1, Decimal("1.0")),
    ]


def test_a_step_run_again_replaces_its_own_rows_only(customers):
    build_id = flow.refresh(holder="test", publish=False).build_id
    with connect() as conn:
        conn.execute(
            "update ops.build set status = 'building', finished_at = null where build_id = %s",
            (build_id,),
        )

    def versions(segmentation: str) -> dict[str, list]:
        return {
            table: rows(
                f'select xmin::text, s.* from builds."{table}${build_id}" as s '
                f"where segmentation = '{segmentation}' order by s::text"
            )
            for table in sorted(SHARED)
        }

    own, others = versions("customers"), versions("orders")
    assert all(own.values())
    assert all(others.values())
    with connect() as conn:
        conn.execute(
            "delete from ops.build_step where step in ('order_lines', 'segment_customers')"
        )
    flow.build_area(build_id, "core")  # the audit has dropped the work table that models read
    flow.build_area(build_id, "segment_customers")
    assert versions("orders") == others  # not even written anew
    again = versions("customers")
    for table in SHARED:
        assert [row[1:] for row in again[table]] == [row[1:] for row in own[table]]
        assert {row[0] for row in again[table]}.isdisjoint({row[0] for row in own[table]})


def test_the_same_data_gives_the_same_night(kept, restore):
    restore(kept)
    first = read_checksums()
    flow.refresh(holder="test")
    again = read_checksums()
    # the second night has champions to compare with, and says so
    changed = {name for name in first if again[name] != first[name]}
    assert changed <= {"model_scores", "model_status", "segment_drift", "served_model"}
    assert again.keys() == first.keys()
    assert first["customer_segments"]["rows"] % 200 == 0  # by each segmentation of customers


def test_a_shop_without_customers_has_empty_tables_and_no_decision(night):
    assert flow.refresh(holder="test").is_published  # the second night
    warned = rows(
        "select mart, check_name from ops.check_result where not passed and mart like '%customer%'"
    )
    assert warned == []
    for table in ("customers", "customer_segments", "customer_segment_points"):
        assert rows(f"select * from marts.{table}") == []
    for table in sorted(SHARED):
        found = {name for (name,) in rows(f"select distinct segmentation from marts.{table}")}
        assert "orders" in found
        assert all(name.startswith("orders") for name in found)
    assert rows("select 1 from ops.model_decision where model = 'segment_customers'") == []
    assert rows("select 1 from ops.model_version where model = 'segment_customers'") == []


def test_shops_with_and_without_customers_live_side_by_side(customers, stage_shop):
    stage_shop(orders=200)
    flow.refresh(holder="test")
    assert rows("select distinct shop_id from marts.customers") == [("club",)]
    found = rows("select distinct shop_id, segmentation from marts.segments")
    assert {one for shop, one in found if shop == "main"} == {"orders"}
    assert {one for shop, one in found if shop == "club"} >= {"customers", "orders"}


def test_an_audience_has_a_row_per_member_and_leaves_out_who_may_not_be_written_to(
    kept, restore, tmp_path
):
    customers, _ = restore(kept)
    with Night() as night:
        name, members = rows(
            "select segment_name, members from marts.segments where segmentation = 'rfm_five' "
            "order by members desc limit 1"
        )[0]
        whole = night.audience("rfm_five", name.upper())
        assert len(whole.frame) == whole.members == members
        assert set(whole.frame["customer_id"]) <= set(customers)
        of_orders = night.audience("orders", "1")
        (known, orders) = rows(
            "select count(distinct o.customer_id), count(*) filter (where o.customer_id is null) "
            "from marts.order_segments as l inner join marts.orders as o using (shop_id, order_id) "
            "where l.segmentation = 'orders' and l.segment_id = 1"
        )[0]
        assert (of_orders.members, of_orders.orders_of_nobody) == (known, orders)
        for wanted, told in (
            (("rmf", "1"), "rfm_five"),
            (("rfm_five", "Loyall"), "'Loyal'"),
        ):
            with pytest.raises(DataError, match=told):
                night.audience(*wanted)
        with pytest.raises(DataError, match="it has club"):
            night.audience("rfm_five", name, shop="clubb")
        with pytest.raises(DataError, match="There is no action 'discount'"):
            night.audience("rfm_five", name, action="discount")
    run = CliRunner().invoke(app, ["audience", "rfm_five", name], catch_exceptions=False)
    assert f"{members} customers, {members} in the audience" in run.stdout
    assert "nothing was written" in run.stdout
    file = tmp_path / "audience.csv"
    asked = ["audience", "rfm_five", name, "--out", str(file), "--json"]
    told = json.loads(CliRunner().invoke(app, asked, catch_exceptions=False).stdout)
    assert (told["members"], told["rows"], told["left_out"]) == (members, members, {})
    assert len(file.read_text("utf-8").splitlines()) == members + 1
    first, second = sorted(whole.frame["customer_id"])[:2]
    _state("accepts_marketing", {first: "true"})
    with Night() as night, pytest.raises(DataError, match=r"accepts_marketing.*No audience"):
        night.audience("rfm_five", name)
    _state("marketing_consent", {first: "true", second: "false"})
    with Night() as night:
        asked = night.audience("rfm_five", name)
    assert asked.frame["customer_id"].to_list() == [first]
    assert asked.left_out == {
        "who gave no consent": 1,
        "whose consent is not stated": members - 2,
    }
    assert asked.members == members


def _state(attribute: str, values: dict[str, str]) -> None:
    """Let the published night have an attribute of customers."""
    with connect() as conn, conn.cursor() as cursor:
        cursor.executemany(
            "insert into builds.customer_attributes "
            "(build_id, shop_id, customer_id, attribute, value_text) "
            "select build_id, 'club', %s, %s, %s from ops.current_build",
            [(customer, attribute, value) for customer, value in values.items()],
        )
