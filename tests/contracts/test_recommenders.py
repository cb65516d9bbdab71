"""What every recommender of ``include/models/recommend_*.toml`` must do, whoever wrote it.

A new recommender is tested by being declared. Its inputs come from the marts, built here from a
small seeded shop in a real Postgres.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

import polars as pl
import pytest
import sqlglot

from ecorse.models.base import Champion
from ecorse.models.declaration import Declaration, load_declarations
from ecorse.recommenders.results import ITEM_CO_PURCHASES, ITEM_SIMILARITY
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import copy_frame, read_frame

DECLARED = [declaration for declaration in load_declarations() if declaration.task == "recommend"]
SHOPS = ("main", "other")
POSTGRES_TYPES = {pl.String: "text", pl.Int64: "bigint", pl.Float64: "double precision"}


def seeded_marts() -> dict[str, pl.DataFrame]:
    """Two shops of 12 products and 150 orders; the last product is never bought."""
    rng = random.Random(11)
    products, lines = [], []
    for shop in SHOPS:
        products += [
            (shop, f"P{n:02}", f"Product {n}", "abc"[n % 3], ["low", "high"][n % 2], n)
            for n in range(12)
        ]
        for order in range(150):
            at = datetime(2019, 1, 1) + timedelta(hours=rng.randrange(24 * 360))
            for item in rng.sample(range(11), rng.choice([1, 2, 2, 3, 5])):
                part = ("Night", "Morning", "Afternoon", "Evening")[at.hour // 6]
                city = rng.choice(["Boston", "Austin", None])
                line = (shop, str(order), f"P{item:02}", city, part, at, "sold")
                lines.append((*line, "abc"[item % 3], f"Product {item}", 1, 2.5 * (item + 1)))
    return {
        "products": pl.DataFrame(
            products,
            schema=["shop_id", "product_id", "product_name", "category", "price_band", "orders"],
            orient="row",
        ),
        "order_lines": pl.DataFrame(
            lines,
            schema=[
                "shop_id",
                "order_id",
                "product_id",
                "city",
                "daypart",
                "ordered_local",
                "status",
                "category",
                "product_name",
                "quantity",
                "unit_price",
            ],
            orient="row",
        ).with_columns(
            net_quantity=pl.col("quantity"),
            revenue=pl.col("quantity") * pl.col("unit_price"),
            line_kind=pl.lit("product"),
        ),
    }


def create(conn, table: str, columns: dict[str, str], frame: pl.DataFrame) -> None:
    names = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    conn.execute(f"create table marts.{table} ({names})")
    copy_frame(conn, f"marts.{table}", frame)


@pytest.fixture
def marts(warehouse):
    """A connection to a warehouse that holds the seeded marts."""
    with connect() as conn:
        for name, frame in seeded_marts().items():
            types = {
                c: POSTGRES_TYPES.get(t.base_type(), "timestamp") for c, t in frame.schema.items()
            }
            create(conn, name, types, frame)
        yield conn


@pytest.fixture(params=DECLARED, ids=lambda declaration: declaration.name)
def declaration(request) -> Declaration:
    return request.param


@pytest.fixture
def inputs(declaration, marts) -> dict[str, pl.DataFrame]:
    """The declared selects, for the shop ``main``."""
    frames = {name: read_frame(marts, query) for name, query in declaration.inputs.items()}
    return {name: frame.filter(pl.col("shop_id") == "main") for name, frame in frames.items()}


def test_there_are_recommenders():
    assert "recommend_item_similarity" in {declaration.name for declaration in DECLARED}


class TestEveryRecommender:
    def test_declares_what_it_writes(self, declaration):
        specs = declaration.create().writes
        assert tuple(spec.name for spec in specs) == declaration.writes
        for spec in specs:
            assert next(iter(spec.columns)) == "shop_id"
            assert set(spec.grain) <= set(spec.columns)
            assert spec.about
            assert all(comment for _, comment in spec.columns.values())
            for _, query in spec.checks.values():
                assert isinstance(sqlglot.parse_one(query, read="postgres"), sqlglot.exp.Select)

    def test_gives_its_tables_with_their_columns(self, declaration, inputs):
        model = declaration.create()
        result = model.run("main", inputs, None)
        assert set(result.tables) == {spec.name for spec in model.writes}
        for spec in model.writes:
            frame = result.tables[spec.name]
            assert frame.columns == list(spec.columns)
            assert set(frame["shop_id"]) == {"main"}
            assert not frame.select(spec.grain).is_duplicated().any()
        assert result.decision.outcome == "promoted"
        assert result.data_hash
        json.dumps([result.params, result.metrics, result.decision.numbers], allow_nan=False)

    def test_order_of_input_rows_changes_no_byte(self, declaration, inputs):
        model = declaration.create()
        first = model.run("main", inputs, None)
        shuffled = {
            name: frame.sample(fraction=1, shuffle=True, seed=5) for name, frame in inputs.items()
        }
        second = model.run("main", shuffled, None)
        assert (first.artifact, first.data_hash) == (second.artifact, second.data_hash)
        for name, frame in first.tables.items():
            assert frame.equals(second.tables[name])

    def test_does_not_change_its_inputs(self, declaration, inputs):
        before = {name: frame.clone() for name, frame in inputs.items()}
        declaration.create().run("main", inputs, None)
        assert all(frame.equals(before[name]) for name, frame in inputs.items())

    def test_the_same_data_the_next_night_is_promoted_and_equal(self, declaration, inputs):
        model = declaration.create()
        first = model.run("main", inputs, None)
        metrics = json.loads(json.dumps(first.metrics))  # as Postgres gives them back
        second = model.run("main", inputs, Champion(1, first.artifact, metrics))
        assert second.decision.outcome == "promoted"
        for name, frame in first.tables.items():
            assert frame.equals(second.tables[name])

    @pytest.mark.parametrize("rows", [0, 1])
    def test_lives_with_next_to_nothing(self, declaration, inputs, rows):
        model = declaration.create()
        result = model.run("main", {name: f.head(rows) for name, f in inputs.items()}, None)
        for spec in model.writes:
            assert result.tables[spec.name].columns == list(spec.columns)

    def test_lives_without_orders(self, declaration, inputs):
        cleared = {name: f.clear() if "order_id" in f.columns else f for name, f in inputs.items()}
        declaration.create().run("main", cleared, None)

    def test_hostile_text_comes_through_unchanged(self, declaration, inputs):
        nasty = "'\"; drop table x; -- <b>=1+1</b> \u202e日本 🛒 \\N"
        renamed = {
            name: f.with_columns(
                pl.col("product_id").replace({"P00": nasty}),
                *([pl.lit(nasty).alias("product_name")] if "product_name" in f.columns else []),
            )
            for name, f in inputs.items()
        }
        for frame in declaration.create().run("main", renamed, None).tables.values():
            assert nasty in frame["product_id"].to_list()
            assert all(json.loads(text) for text in frame["evidence"])


# ---------------------------------------------------------------------- checks, in the database


@pytest.fixture
def written(marts):
    """The similarity tables of both shops beside their marts, and a function that runs a check."""
    declaration = next(d for d in DECLARED if d.name == "recommend_item_similarity")
    model = declaration.create()
    frames = {name: read_frame(marts, query) for name, query in declaration.inputs.items()}
    results = [
        model.run(shop, {k: f.filter(pl.col("shop_id") == shop) for k, f in frames.items()}, None)
        for shop in SHOPS
    ]
    for spec in model.writes:
        types = {name: kind for name, (kind, _) in spec.columns.items()}
        create(marts, spec.name, types, pl.concat([r.tables[spec.name] for r in results]))
    marts.execute(
        """
        create table marts.frequently_bought_together as
        select one.shop_id, one.product_id, other.product_id as other_product_id,
            count(distinct one.order_id) as together_baskets
        from marts.order_lines as one
        join marts.order_lines as other using (shop_id, order_id)
        where one.product_id <> other.product_id
        group by one.shop_id, one.product_id, other.product_id
        """
    )

    def failing() -> set[str]:
        return {
            f"{spec.name}.{name}"
            for spec in model.writes
            for name, (_, query) in spec.checks.items()
            if marts.execute(query).fetchone()
        }

    return marts, failing


def test_every_check_passes_on_a_right_night(written):
    _, failing = written
    assert failing() == set()


CHANGE = "update marts.{} set"
ONE = "shop_id = 'main' and product_id = 'P01'"


@pytest.mark.parametrize(
    ("corruption", "check"),
    [
        (f"{CHANGE} similar_product_id = product_id where {ONE} and rank = 1", "no_self_pairs"),
        (f"insert into marts.{{}} select * from marts.{{}} where {ONE}", "no_duplicates"),
        (f"delete from marts.{{}} where {ONE} and rank = 2", "no_rank_gaps"),
        (f"{CHANGE} score = 1.5 where {ONE} and rank = 1", "score_in_range"),
        (f"{CHANGE} score = 'NaN' where {ONE} and rank = 1", "score_in_range"),
        (f"{CHANGE} rank = 1 - rank where {ONE}", "score_falls_with_rank"),
        (f"{CHANGE} score = score + 1e-6 where {ONE} and rank = 1", "symmetric"),
        ("delete from marts.products where product_id = 'P02'", "only_products_of_the_catalogue"),
    ],
)
@pytest.mark.parametrize("table", [ITEM_SIMILARITY.name, ITEM_CO_PURCHASES.name])
def test_each_check_catches_its_corruption(written, table, corruption, check):
    conn, failing = written
    conn.execute(corruption.replace("{}", table))
    assert f"{table}.{check}" in failing()


def test_a_product_without_a_row_is_caught(written):
    conn, failing = written
    conn.execute("delete from marts.item_similarity where product_id = 'P11'")
    assert failing() == {"item_similarity.every_product_has_neighbours"}


def test_counts_that_differ_from_the_mart_are_told(written):
    conn, failing = written
    conn.execute("update marts.frequently_bought_together set together_baskets = 99")
    assert failing() == {"item_co_purchases.counts_match_frequently_bought_together"}
