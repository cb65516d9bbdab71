"""What every segmentation of ``include/models/segment_*.toml`` must do, whoever wrote it.

A new segmentation is tested by being declared. Its inputs come from the marts, built here from a
small seeded shop with customers in a real Postgres.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

import polars as pl
import pytest
import skops.io
import sqlglot

from ecorse.errors import ModelRejected
from ecorse.models.base import Champion, ModelResult
from ecorse.models.declaration import Declaration, load_declarations
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import copy_frame, read_frame

DECLARED = [declaration for declaration in load_declarations() if declaration.task == "segment"]
SHOPS = ("main", "other")
LINE_COLUMNS = {
    "shop_id": "text",
    "order_id": "text",
    "customer_id": "text",
    "product_id": "text",
    "product_name": "text",
    "category": "text",
    "city": "text",
    "region": "text",
    "quantity": "integer",
    "unit_price": "numeric(14, 4)",
    "revenue": "numeric(14, 4)",
    "ordered_local": "timestamp",
    "status": "text",
}


def seeded_lines() -> list[tuple]:
    """Two shops of 400 orders in four clear groups, by 100 customers who each stay in one group."""
    rng = random.Random(2)
    lines = []
    for shop in SHOPS:
        for order in range(400):
            customer = order % 100
            evening, costly = customer % 2, customer // 2 % 2
            at = datetime(2019, 1, 1) + timedelta(
                days=rng.randrange(365), minutes=(20 if evening else 11) * 60 + rng.randrange(120)
            )
            city = rng.choice(["Austin", "Boston", None])
            for _ in range(rng.choice([1, 1, 2])):
                item = rng.randrange(3) + 3 * costly
                price, units = (500 if costly else 5) + item, rng.choice([1, 2])
                lines.append(
                    (shop, f"{order:05}", f"C{customer:03}", f"P{item}", f"Product {item}",
                     "phones" if costly else "pens", city, city and city[:2], units, price,
                     units * price, at, "sold")
                )  # fmt: skip
    return lines


@pytest.fixture
def marts(warehouse):
    """A connection to a warehouse that holds the seeded marts."""
    with connect() as conn:
        columns = ", ".join(f"{name} {kind}" for name, kind in LINE_COLUMNS.items())
        conn.execute(f"create table marts.order_lines ({columns})")
        holders = ", ".join(["%s"] * len(LINE_COLUMNS))
        with conn.cursor() as cursor:
            cursor.executemany(f"insert into marts.order_lines values ({holders})", seeded_lines())
        conn.execute(
            "create table marts.orders as "
            "select shop_id, order_id from marts.order_lines group by shop_id, order_id"
        )
        conn.execute(
            """
            create table marts.customers as
            select shop_id, customer_id, count(distinct order_id) as purchases,
                sum(revenue) as revenue, date '2019-12-31' - max(ordered_local)::date
                as days_since_purchase
            from marts.order_lines group by shop_id, customer_id
            """
        )
        conn.execute(
            "create table marts.shops as select distinct shop_id, "
            "date '2019-01-01' as first_order_date, date '2019-12-31' as last_order_date "
            "from marts.order_lines"
        )
        yield conn


@pytest.fixture(params=DECLARED, ids=lambda declaration: declaration.name)
def declaration(request) -> Declaration:
    return request.param


@pytest.fixture
def inputs(declaration, marts) -> dict[str, pl.DataFrame]:
    """The declared selects, for the shop ``main``."""
    return inputs_of(declaration, marts, "main")


def inputs_of(declaration, conn, shop) -> dict[str, pl.DataFrame]:
    frames = {name: read_frame(conn, query) for name, query in declaration.inputs.items()}
    return {name: frame.filter(pl.col("shop_id") == shop) for name, frame in frames.items()}


def as_champion(result: ModelResult) -> Champion:
    return Champion(1, result.artifact, json.loads(json.dumps(result.metrics)))


def labels_of(model, result: ModelResult) -> pl.DataFrame:
    """The table that labels every entity: the first that the model writes."""
    return result.tables[model.writes[0].name]


def test_there_are_segmentations():
    assert {"segment_orders", "segment_customers"} <= {d.name for d in DECLARED}


class TestEverySegmentation:
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

    def test_labels_carry_the_shared_columns(self, declaration):
        labels = declaration.create().writes[0]
        assert labels.name.endswith("_segments")
        assert {"segmentation", "segment_id", "segment_name"} <= set(labels.columns)

    def test_reads_the_marts_with_their_shop(self, declaration):
        for query in declaration.inputs.values():
            select = sqlglot.parse_one(query, read="postgres")
            assert {table.db for table in select.find_all(sqlglot.exp.Table)} == {"marts"}
            assert "shop_id" in select.named_selects

    def test_gives_its_tables_with_their_columns(self, declaration, inputs):
        model = declaration.create()
        result = model.run("main", inputs, None)
        assert set(result.tables) == {spec.name for spec in model.writes}
        for spec in model.writes:
            frame = result.tables[spec.name]
            assert frame.columns == list(spec.columns)
            assert set(frame["shop_id"]) == {"main"}
            assert not frame.select(spec.grain).is_duplicated().any()
            assert not frame.select(spec.grain).null_count().sum_horizontal()[0]
        assert result.decision.outcome == "promoted"
        assert len(result.data_hash) == 64
        json.dumps([result.params, result.metrics, result.decision.numbers], allow_nan=False)

    def test_segments_are_described_once_and_add_up(self, declaration, inputs):
        model = declaration.create()
        result = model.run("main", inputs, None)
        labels, segments = labels_of(model, result), result.tables["segments"]
        assert segments["share"].sum() == pytest.approx(1.0)
        assert not segments["segment_name"].is_duplicated().any()
        assert all(segments["meaning"])
        counted = labels.group_by("segment_id", "segment_name").len()
        described = segments.select("segment_id", "segment_name", "members")
        assert sorted(counted.rows()) == sorted(described.rows())

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
        second = model.run("main", inputs, as_champion(first))
        assert second.decision.outcome == "promoted"
        for name, frame in first.tables.items():
            assert frame.equals(second.tables[name])

    def test_a_held_night_gives_the_champions_file(self, declaration, inputs):
        model = declaration.create()
        champion = as_champion(model.run("main", inputs, None))
        broken = {
            name: frame.with_columns(pl.col("unit_price") * 100) for name, frame in inputs.items()
        }
        result = model.run("main", broken, champion)
        assert result.decision.outcome == "held"
        assert result.decision.reason
        assert result.artifact == champion.artifact

    def test_the_model_file_cannot_run_code(self, declaration, inputs):
        artifact = declaration.create().run("main", inputs, None).artifact
        assert skops.io.get_untrusted_types(data=artifact) == []

    @pytest.mark.parametrize(
        "damage", [lambda b: b[:-50], lambda b: b"\x80\x04N.", lambda b: b"PK"]
    )
    def test_a_damaged_champion_is_refused(self, declaration, inputs, damage):
        model = declaration.create()
        champion = as_champion(model.run("main", inputs, None))
        with pytest.raises(ModelRejected):
            model.run("main", inputs, Champion(1, damage(champion.artifact), champion.metrics))

    @pytest.mark.parametrize("rows", [0, 1, 3])
    def test_lives_with_next_to_nothing(self, declaration, inputs, rows):
        model = declaration.create()
        result = model.run("main", {name: f.head(rows) for name, f in inputs.items()}, None)
        for spec in model.writes:
            assert result.tables[spec.name].columns == list(spec.columns)
        assert (len(labels_of(model, result)) > 0) == (rows > 0)
        assert result.tables["segments"]["is_degenerate"].all()

    def test_hostile_text_comes_through_unchanged(self, declaration, inputs):
        nasty = "'\"; drop table x; -- <b>=1+1</b> \u202e日本 🛒 \\N"
        renamed = {
            name: f.with_columns(pl.col("category").replace({"pens": nasty}))
            for name, f in inputs.items()
        }
        model = declaration.create()
        result = model.run("main", renamed, None)
        again = model.run("main", renamed, as_champion(result))
        assert labels_of(model, result).equals(labels_of(model, again))
        assert f"category={nasty}" in result.tables["segmentation_loadings"]["feature"].to_list()


# ---------------------------------------------------------------------- checks, in the database


@pytest.fixture
def written(declaration, marts):
    """The tables of both shops beside their marts, and a function that names the failing checks."""
    model = declaration.create()
    results = [model.run(s, inputs_of(declaration, marts, s), None) for s in SHOPS]
    for spec in model.writes:
        columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in spec.columns.items())
        marts.execute(f"create table marts.{spec.name} ({columns})")
        copy_frame(marts, f"marts.{spec.name}", pl.concat([r.tables[spec.name] for r in results]))

    def failing() -> set[str]:
        return {
            name
            for spec in model.writes
            for name, (_, query) in spec.checks.items()
            if marts.execute(query).fetchone()
        }

    return marts, model, failing


def test_every_check_passes_on_a_right_night(written):
    _, _, failing = written
    assert failing() == set()


LABEL = "shop_id = 'main' and ctid = (select min(ctid) from marts.{labels} where shop_id = 'main')"
ONE = "shop_id = 'main' and segment_id = 1"


@pytest.mark.parametrize(
    ("corruption", "check"),
    [
        ("delete from marts.{labels} where " + LABEL, "every_row_has_a_segment"),
        ("update marts.{labels} set segment_id = 99 where " + LABEL, "segment_is_described"),
        ("update marts.{labels} set segment_name = 'x' where " + LABEL, "segment_is_described"),
        (f"update marts.segments set share = share + 0.01 where {ONE}", "shares_sum_to_one"),
        (
            "update marts.segments set segment_name = 'x' where shop_id = 'main'",
            "names_are_unique",
        ),
        (f"update marts.segments set is_small = true where {ONE}", "no_small_segment"),
        (f"update marts.segments set is_degenerate = true where {ONE}", "not_degenerate"),
        (f"update marts.segment_traits set effect_size = 1.5 where {ONE}", "effect_in_range"),
        ("update marts.segmentation_k set is_chosen = true", "one_k_is_chosen"),
        (
            "update marts.segmentation_components set cumulative_share = cumulative_share / 2",
            "enough_variance_kept",
        ),
    ],
)
def test_each_check_catches_its_corruption(written, corruption, check):
    conn, model, failing = written
    conn.execute(corruption.format(labels=model.writes[0].name))
    assert check in failing()
