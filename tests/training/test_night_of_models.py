"""A night's models on a real warehouse: examples beside the shipped, trouble in one shop."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ecorse import flow
from ecorse.models.declaration import load_declarations
from ecorse.refresh.catalog import load_catalog
from ecorse.settings import PROJECT_DIR
from ecorse.training.artifacts import find_champion
from ecorse.warehouse.connect import connect

EXAMPLES = PROJECT_DIR / "docs" / "examples"
MODELS = PROJECT_DIR / "include" / "models"

WATCHING = '''
import os

from ecorse.recommenders.popular import Popular
from ecorse.warehouse.connect import connect


class Watching(Popular):
    """Best sellers; counts its step's open transactions while it is fitted and makes lists."""

    open = 0

    def look(self):
        with connect(autocommit=True, application_name="looking") as conn:
            self.open += conn.execute(
                "select count(*) from pg_stat_activity where datname = current_database() "
                "and xact_start is not null and application_name like '%recommend_watching%'"
            ).fetchone()[0]

    def fit(self, data, task, champion=None):
        self.look()
        return super().fit(data, task, champion)

    def recommend(self, users, k, **more):
        self.look()
        if os.environ.get("WATCHING_LISTS") and self.open:
            raise AssertionError(f"{self.open} transactions are open")
        return super().recommend(users, k, **more)

    def params(self):
        return {"open_transactions": self.open}


RECOMMENDER = Watching
'''
TOUCHY = '''
from pathlib import Path

from ecorse.errors import DataError
from ecorse.recommenders.popular import Popular


class Touchy(Popular):
    """Best sellers; cannot be trained for a shop while a file says so."""

    def fit(self, data, task, champion=None):
        if (Path(__file__).parent / f"no {task.shop_id}").exists():
            raise DataError(f"{task.shop_id} is not in the mood.")
        return super().fit(data, task, champion)


RECOMMENDER = Touchy
'''

TELLING = """
import polars as pl

from ecorse.recommenders.popular import Popular


class Telling(Popular):
    \"""Best sellers; for one shop, what it says of them cannot be made, or cannot be stored.\"""

    def fit(self, data, task, champion=None):
        self.shop_id = task.shop_id
        return super().fit(data, task, champion)

    def explain(self, rows, ranked, answer="users"):
        words = {words} if self.shop_id == "north" else "sells well"
        return pl.DataFrame({{"sentence": [words] * int(ranked.is_there.sum())}})


RECOMMENDER = Telling
"""


def declare(project, name: str, code: str) -> None:
    """A recommender of the project, declared like the example."""
    (project / "include" / "recommenders" / f"{name}.py").write_text(code)
    text = (EXAMPLES / "recommend_best_sellers.toml").read_text()
    text = text.replace('"best_sellers"', f'"{name}"').partition("[parameters]")[0]
    (project / "include" / "models" / f"recommend_{name}.toml").write_text(text)


def rows(query: str, *parameters: object) -> list[tuple]:
    with connect("bi_reader") as conn:
        return conn.execute(query.encode(), parameters).fetchall()


@pytest.fixture
def examples(project):
    """The two examples of docs/how-to, and the orders' segmentation under another name."""
    include = project / "include"
    shutil.copy(EXAMPLES / "best_sellers.py", include / "recommenders")
    shutil.copy(EXAMPLES / "by_spending.py", include / "segments")
    for file in EXAMPLES.glob("*_*.toml"):  # rules.toml is no model
        shutil.copy(file, include / "models")
    orders = (MODELS / "segment_orders.toml").read_text()
    copied = orders.replace('name = "orders"', 'name = "again"', 1)
    (include / "models" / "segment_orders_again.toml").write_text(copied)


def test_examples_and_a_copied_segmentation_are_published_beside_the_shipped_models(
    shops, examples
):
    summary = flow.refresh(holder="test")

    assert summary.is_published
    assert rows(
        "select segmentation, count(*) from marts.order_segments group by 1 order by 1"
    ) == [("again", 540), ("orders", 540), ("orders_dbscan", 540)]
    # the copy differs in nothing but its name
    assert rows(
        "select count(*) from marts.order_segments as a inner join marts.order_segments as b "
        "using (shop_id, order_id, segment_id, segment_name) "
        "where a.segmentation = 'orders' and b.segmentation = 'again'"
    ) == [(540,)]
    assert rows("select distinct segmentation from marts.segmentation_k order by 1") == [
        ("again",), ("customers",), ("customers_hierarchical",), ("orders",),
    ]  # fmt: skip
    spending = rows(
        "select c.shop_id, c.revenue >= 500 as is_big, s.segment_id, s.segment_name, count(*) "
        "from marts.customers as c inner join marts.customer_segments as s "
        "using (shop_id, customer_id) where s.segmentation = 'spending' group by 1, 2, 3, 4"
    )
    assert {(is_big, segment, name) for _, is_big, segment, name, _ in spending} <= {
        (False, 1, "Small spenders"), (True, 2, "Big spenders"),
    }  # fmt: skip
    assert sum(row[-1] for row in spending) == 80
    # nobody is recommended what they bought; products by falling score, the same for all
    assert rows(
        "select count(*) from marts.user_recommendations as r inner join marts.order_lines as l "
        "using (shop_id, customer_id, product_id) where r.method = 'best_sellers'"
    ) == [(0,)]
    assert rows("select count(distinct customer_id) > 0 from marts.user_recommendations") == [
        (True,)
    ]
    assert {
        (model, outcome, is_fresh)
        for model, outcome, is_fresh in rows(
            "select model, outcome, is_of_this_night from marts.model_status"
        )
    } == {
        (name, "promoted", True)
        for name in (
            "recommend_best_sellers", "recommend_best_sellers_lately", "recommend_buy_again",
            "recommend_co_purchase", "recommend_for_customers", "recommend_item_similarity",
            "segment_orders_again", "segment_customers", "segment_orders", "segment_spending",
            "segment_lifecycle", "segment_rfm", "segment_rfm_five", "segment_value",
            "segment_customers_dbscan", "segment_customers_hdbscan",
            "segment_customers_hierarchical", "segment_orders_dbscan",
        )
    }  # fmt: skip


def test_no_transaction_is_open_while_a_model_trains_or_makes_lists(shops, project, monkeypatch):
    declare(project, "watching", WATCHING)
    monkeypatch.setenv("WATCHING_LISTS", "1")
    flow.refresh(holder="test")
    with connect() as conn:
        open_transactions = conn.execute(
            "select shop_id, metrics -> 'open_transactions' from ops.model_version "
            "where model = 'recommend_watching' order by 1"
        ).fetchall()
    assert open_transactions == [("north", 0), ("south", 0)]
    assert rows("select distinct shop_id from marts.user_recommendations order by 1") == [
        ("north",), ("south",),
    ]  # fmt: skip


def test_a_model_that_exits_fails_and_does_not_end_the_night(shops, project):
    leaving = TOUCHY.replace("raise DataError", "raise SystemExit").replace("Touchy", "Leaving")
    declare(project, "leaving", leaving)
    (project / "include" / "recommenders" / "no north").touch()
    assert flow.refresh(holder="test").is_published
    assert rows(
        "select shop_id, outcome, reason from marts.model_status "
        "where model = 'recommend_leaving' and shop_id = 'north'"
    ) == [("north", "failed", "Could not be trained, it has no rows: SystemExit")]
    lists = "select distinct shop_id from marts.user_recommendations where method = 'leaving'"
    assert rows(lists) == [("south",)]


def test_a_shop_that_no_input_has_rows_of_gets_no_run(shops, stage_more):
    load = stage_more(orders=1, seed=3, shop_id="empty", file_name="empty.csv")
    with connect() as conn:
        conn.execute("delete from staging.order_lines where load_id = %s", (load,))
        conn.execute(
            "update ops.load set rows_read = 0, rows_staged = 0, money_staged = 0, "
            "rows_by_table = '{}' where load_id = %s",
            (load,),
        )
    assert flow.refresh(holder="test").is_published
    assert rows("select distinct shop_id from marts.model_status order by 1") == [
        ("north",), ("south",),
    ]  # fmt: skip


def test_one_shops_failure_leaves_the_others_their_night(shops, project):
    declare(project, "touchy", TOUCHY)
    flow.refresh(holder="test")
    with connect() as conn:  # as if it had proven itself
        conn.execute("update builds.served_model set method = 'touchy' where list = 'explore'")
    lists = (
        "select * from marts.user_recommendations "
        "where method = 'touchy' and shop_id = %s order by 2, 3, 4, 5"
    )
    before = {shop: rows(lists, shop) for shop in ("north", "south")}
    assert all(before.values())

    (project / "include" / "recommenders" / "no north").touch()
    summary = flow.refresh(holder="test")

    assert summary.is_published
    assert [name for name in summary.audit.warned if "model_status" in name] == [
        "model_status.every_model_was_trained"
    ]
    status = (
        "select shop_id, outcome, is_of_this_night, reason from marts.model_status "
        "where model = 'recommend_touchy' order by 1"
    )
    (north, south) = rows(status)
    assert north[:3] == ("north", "failed", False)
    assert north[3] == (
        "Could not be trained, the rows of the published night stand in: north is not in the mood."
    )
    assert south[:3] == ("south", "promoted", True)
    after = {shop: rows(lists, shop) for shop in ("north", "south")}
    assert [row[1:] for row in after["north"]] == [row[1:] for row in before["north"]]
    assert [row[1:] for row in after["south"]] == [row[1:] for row in before["south"]]
    # its lists stay served, and the figures that stand in say so
    assert rows(
        "select distinct list, was_served from marts.model_scores where method = 'touchy' "
        "and shop_id = 'north' and not is_baseline order by 1"
    ) == [("explore", True)]
    served = rows("select distinct method from marts.served_model where list = 'explore'")
    assert served == [("touchy",)]

    # a third night, mended: its champion is that of the first night
    (project / "include" / "recommenders" / "no north").unlink()
    flow.refresh(holder="test")
    assert [row[:3] for row in rows(status)] == [
        ("north", "promoted", True), ("south", "promoted", True),
    ]  # fmt: skip


def test_a_model_that_failed_on_the_first_night_has_no_rows_and_says_so(shops, project):
    declare(project, "touchy", TOUCHY)
    (project / "include" / "recommenders" / "no south").touch()
    assert flow.refresh(holder="test").is_published
    assert rows(
        "select distinct shop_id from marts.user_recommendations where method = 'touchy'"
    ) == [("north",)]
    ((reason,),) = rows(
        "select reason from marts.model_status where model = 'recommend_touchy' "
        "and shop_id = 'south' and outcome = 'failed'"
    )
    assert reason == "Could not be trained, it has no rows: south is not in the mood."


@pytest.mark.parametrize(
    ("words", "told"),
    [("1 / 0", "ZeroDivisionError"), ("chr(0)", "CharacterNotInRepertoire")],
)
def test_lists_that_cannot_be_made_or_stored_are_one_shops_trouble(shops, project, words, told):
    declare(project, "telling", TELLING.format(words=words))
    assert flow.refresh(holder="test").is_published
    assert rows(
        "select shop_id, outcome, reason from marts.model_status "
        "where model = 'recommend_telling' order by 1"
    )[0] == ("north", "failed", f"Could not be trained, it has no rows: {told}")
    assert rows(
        "select distinct shop_id, reason from marts.user_recommendations where method = 'telling'"
    ) == [("south", "sells well")]


def test_a_lost_model_file_is_told_and_promotes_nobody(shops, tmp_path):
    flow.refresh(holder="test")
    labels = (
        "select shop_id, order_id, segment_id, segment_name from marts.order_segments order by 1, 2"
    )
    before = rows(labels)
    with connect() as conn:
        ((sha256,),) = conn.execute(
            "select artifact_sha256 from ops.model_version "
            "where model = 'segment_orders' and shop_id = 'north'"
        ).fetchall()
        # a raised generation sets the published model aside, file or no file
        assert find_champion(conn, "north", "segment_orders", 4, 1) is not None
        assert find_champion(conn, "north", "segment_orders", 5, 1) is None
    (tmp_path / "home" / "models" / f"{sha256}.model").unlink()

    assert flow.refresh(holder="test").is_published
    found = rows(
        "select shop_id, outcome, reason from marts.model_status "
        "where model = 'segment_orders' order by 1"
    )
    assert [row[:2] for row in found] == [("north", "failed"), ("south", "promoted")]
    assert "cannot be read" in found[0][2]
    assert rows(labels) == before


def test_rows_that_stand_in_need_not_fit_what_changed_since(shops, project, tmp_path):
    """Every model of a shop is lost, and an order, a customer and a product are others now."""
    declare(project, "touchy", TOUCHY)
    flow.refresh(holder="test")
    (project / "include" / "recommenders" / "no north").touch()
    with connect() as conn:
        lost = conn.execute(
            "select artifact_sha256 from ops.model_version group by 1 "
            "having bool_and(shop_id = 'north')"
        ).fetchall()
        for column in ("order_id", "customer_id", "product_id"):
            query = (
                f"update staging.order_lines set {column} = 'another' where shop_id = 'north' "
                f"and {column} = (select max({column}) from marts.order_lines "
                "where shop_id = 'north')"
            )
            assert conn.execute(query.encode()).rowcount
    for (sha256,) in lost:
        (tmp_path / "home" / "models" / f"{sha256}.model").unlink()

    assert flow.refresh(holder="test").is_published
    assert rows(
        "select shop_id, outcome, is_of_this_night, count(*) from marts.model_status "
        "where model in ('segment_orders', 'segment_customers', 'recommend_touchy', "
        "'recommend_item_similarity', 'recommend_co_purchase') "  # files of their own per shop
        "group by 1, 2, 3 order by 1"
    ) == [("north", "failed", False, 5), ("south", "promoted", True, 5)]
    assert rows("select count(*) from marts.orders where order_id = 'another'") == [(1,)]
    # what is new since is in no segment
    assert rows("select segment_id from marts.order_segments where order_id = 'another'") == [(0,)]


def test_a_build_of_an_earlier_day_learns_nothing_from_a_later_night(shops):
    flow.refresh(holder="test")
    past = flow.refresh(as_of=datetime(2019, 2, 15, tzinfo=UTC), publish=False, holder="test")
    later = flow.refresh(holder="test")
    with connect() as conn:
        champions = conn.execute(
            "select build_id, count(champion_version_id) from ops.model_decision "
            "where build_id > 1 group by 1 order by 1"
        ).fetchall()
    # of both shops every model but the one of customer files, which they have none of
    models = len(load_declarations()) - 1
    assert champions == [(past.build_id, 0), (later.build_id, 2 * models)]


def lose_model_file(home, model: str) -> None:
    """Delete the file of the model that shop ``north`` has published."""
    with connect() as conn:
        for (sha256,) in conn.execute(
            "select distinct artifact_sha256 from ops.model_version "
            "where model = %s and shop_id = 'north'",
            (model,),
        ).fetchall():
            (home / "models" / f"{sha256}.model").unlink()


def test_what_stands_in_is_held_to_tonights_orders_and_products(shops, stage_more, tmp_path):
    """Orders, customers and a product came and went since; the night is published all the same."""

    def stage_file(name: str, seed: int, customer: str) -> None:
        stage_more(orders=12, seed=seed, shop_id="north", file_name=name)
        with connect() as conn:
            conn.execute(
                "update staging.order_lines set customer_id = %s, customer_key_kind = 'id' "
                "where order_id like %s",
                (customer, f"{seed}-%"),
            )

    stage_file("old.csv", 5, "gone")
    with connect() as conn:
        conn.execute(
            "update staging.order_lines set product_id = 'walkman', product_name = 'Walkman' "
            "where order_id like '5-%' and product_id = 'monitor'"
        )
    flow.refresh(holder="test")
    segment_of = (
        "select order_id, segment_id, segment_name from marts.order_segments "
        "where shop_id = 'north' order by 1"
    )
    before = {order: rest for order, *rest in rows(segment_of)}
    assert rows("select count(*) from marts.products where product_id = 'walkman'") == [(1,)]
    for model in ("segment_orders", "segment_customers", "recommend_item_similarity"):
        lose_model_file(tmp_path / "home", model)
    with connect() as conn:
        conn.execute("update ops.load set superseded_at = now() where file_name = 'old.csv'")
    stage_file("new.csv", 9, "new")

    assert flow.refresh(holder="test").is_published

    after = {order: rest for order, *rest in rows(segment_of)}
    assert set(before) - set(after) == {f"5-{number}" for number in range(12)}
    assert {order: rest for order, rest in after.items() if order in before} == {
        order: rest for order, rest in before.items() if order in after
    }
    assert [after[f"9-{number}"] for number in range(12)] == [[0, "In no segment"]] * 12
    assert rows(
        "select members, round(share::numeric, 6), meaning from marts.segments "
        "where shop_id = 'north' and segmentation = 'orders' and segment_id = 0"
    ) == [(12, Decimal("0.038462"), "Came after the model was last trained.")]  # 12 of 312
    assert rows(
        "select customer_id, segment_id from marts.customer_segments "
        "where shop_id = 'north' and customer_id in ('new', 'gone') and segmentation = 'customers'"
    ) == [("new", 0)]
    lists = (
        "select count(*), count(*) filter (where 'walkman' in (product_id, similar_product_id)) "
        "from marts.item_similarity where shop_id = 'north' and method = 'item_similarity'"
    )
    ((listed, of_gone),) = rows(lists)
    assert (listed > 0, of_gone) == (True, 0)


def test_simulated_rows_are_trained_as_the_shop_that_they_are_of(night):
    """A load is of one shop; its simulated rows are of another, with the same load."""
    with connect() as conn:
        conn.execute(
            "insert into ops.shop select 'main-simulated', shop_name, time_zone, currency, true "
            "from ops.shop where shop_id = 'main'"
        )
        conn.execute(
            "insert into staging.order_lines select (jsonb_populate_record(s, "
            """'{"shop_id": "main-simulated"}')).* from staging.order_lines as s"""
        )
    build_id = flow.open_build(holder="test")
    models = set(load_catalog().models)
    for area in load_catalog().areas():
        flow.build_area(build_id, area.name)
    with connect() as conn:
        found = conn.execute(
            f'select shop_id, model, outcome from builds."model_status${build_id}"'
        ).fetchall()
    assert not [one for one in found if one[2] == "failed"]
    for shop in ("main", "main-simulated"):
        trained = {model for shop_id, model, _ in found if shop_id == shop}
        assert {"segment_orders", "recommend_co_purchase"} <= trained <= models
    assert {shop_id for shop_id, _, _ in found} == {"main", "main-simulated"}
