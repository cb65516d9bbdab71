"""Item similarity against hand-worked baskets, a dense second way, and its own laws."""

from __future__ import annotations

import json
import math
import random
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecorse.errors import ConfigError
from ecorse.models.base import Champion
from ecorse.recommenders import attributes, co_purchase
from ecorse.recommenders.item_similarity import ItemSimilarity
from ecorse.recommenders.results import broken_rules

WEIGHTS = {"category": 0.5, "price_band": 0.2, "city": 0.05, "daypart": 0.15, "month": 0.1}
NOON = datetime(2019, 3, 1, 12)
DAYPARTS = ("Night", "Morning", "Afternoon", "Evening")


def products(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
    schema = dict.fromkeys(["product_id", "category", "price_band"], pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(shop_id=pl.lit("s"), product_name="Name of " + pl.col("product_id"))


def order_lines(*rows: tuple[str, str, str | None, datetime]) -> pl.DataFrame:
    schema = {
        "order_id": pl.String,
        "product_id": pl.String,
        "city": pl.String,
        "ordered_local": pl.Datetime("us"),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    parts = pl.col("ordered_local").dt.hour() // 6
    return frame.with_columns(
        shop_id=pl.lit("s"),
        daypart=parts.replace_strict(dict(enumerate(DAYPARTS)), return_dtype=pl.String),
    )


def baskets(*orders: str) -> pl.DataFrame:
    """One line per letter; order ``n`` is bought in Boston at noon."""
    return order_lines(
        *((f"o{n}", item, "Boston", NOON) for n, order in enumerate(orders) for item in order)
    )


def run(catalogue, lines, champion=None, **config):
    return ItemSimilarity(config).run("s", {"products": catalogue, "order_lines": lines}, champion)


def neighbours(result, product_id, table="item_similarity"):
    rows = result.tables[table].filter(pl.col("product_id") == product_id).sort("rank")
    return list(zip(rows["similar_product_id"], rows["score"], strict=True))


# Five orders: AB, ABC, A, BC, and D with A twice. A is in 4 of them, B in 3, C in 2, D in 1.
FOUR = products(("A", "x", "low"), ("B", "x", "low"), ("C", "y", "low"), ("D", "y", "high"))
FIVE_ORDERS = baskets("AB", "ABC", "A", "BC", "DAA")


def test_co_purchase_cosine_by_hand():
    result = run(FOUR, FIVE_ORDERS)
    assert neighbours(result, "A", "item_co_purchases") == [
        ("B", round(2 / math.sqrt(4 * 3), 9)),
        ("D", round(1 / math.sqrt(4 * 1), 9)),
        ("C", round(1 / math.sqrt(4 * 2), 9)),
    ]
    assert neighbours(result, "D", "item_co_purchases") == [("A", 0.5)]


def test_evidence_by_hand():
    rows = run(FOUR, FIVE_ORDERS).tables["item_co_purchases"]
    pair = rows.filter(pl.col("product_id") == "B", pl.col("similar_product_id") == "C")
    evidence = json.loads(pair["evidence"].item())
    assert evidence["co_purchases"] == 2  # orders ABC and BC
    assert (evidence["orders"], evidence["similar_orders"]) == (3, 2)
    assert evidence["support"] == pytest.approx(2 / 5)
    assert evidence["lift"] == pytest.approx(2 * 5 / (3 * 2), abs=1e-4)
    assert evidence["shared_attributes"] == ["price band: low"]
    assert "2 of 3 orders" in evidence["sentence"]


def test_attribute_cosine_by_hand_without_sales():
    # Both known labels weigh 0.5 + 0.2; they share the category only: 0.5 / 0.7.
    result = run(
        products(("A", "x", "low"), ("B", "x", "high")),
        order_lines(),
        blend={"attributes": 1.0, "co_purchase": 0.0},
    )
    assert neighbours(result, "A") == [("B", round(0.5 / 0.7, 9))]


def test_attribute_cosine_by_hand_with_sales():
    # A sells in Boston, B once in Boston and once in Dallas: the city block's cosine is 1/sqrt(2).
    lines = order_lines(
        ("1", "A", "Boston", NOON), ("2", "B", "Boston", NOON), ("3", "B", "Dallas", NOON)
    )
    result = run(
        products(("A", "x", "low"), ("B", "x", "high")),
        lines,
        blend={"attributes": 1.0, "co_purchase": 0.0},
    )
    expected = 0.5 + 0.05 / math.sqrt(2) + 0.15 + 0.1
    assert neighbours(result, "A") == [("B", pytest.approx(expected, abs=1e-9))]


def test_product_without_sales_has_attribute_neighbours():
    catalogue = pl.concat([FOUR, products(("E", "y", "high"))])
    result = run(catalogue, FIVE_ORDERS)
    assert neighbours(result, "E")[0][0] == "D"
    assert neighbours(result, "E", "item_co_purchases") == []


def test_unlike_product_gets_flagged_best_sellers():
    catalogue = pl.concat([FOUR, products(("E", None, ""))])
    rows = run(catalogue, FIVE_ORDERS, neighbours={"top_n": 2}).tables["item_similarity"]
    mine = rows.filter(pl.col("product_id") == "E")
    assert mine["method"].to_list() == ["fallback", "fallback"]
    assert mine["similar_product_id"].to_list() == ["A", "B"]
    assert mine["score"].to_list() == [4 / 5, 3 / 5]


def test_ties_go_to_the_smaller_product_id():
    same = products(*((name, "x", "low") for name in "FEDCBA"))
    result = run(same, order_lines(), neighbours={"top_n": 3})
    assert [name for name, _ in neighbours(result, "B")] == ["A", "C", "D"]
    assert {score for _, score in neighbours(result, "B")} == {0.1}  # cosine 1 at weight 0.1


def test_one_product_and_no_product():
    assert run(products(("A", "x", "low")), baskets("A")).tables["item_similarity"].is_empty()
    empty = run(FOUR.clear(), order_lines())
    assert empty.tables["item_similarity"].is_empty()
    assert empty.metrics["cases"] == 0


def test_product_outside_the_catalogue_never_appears():
    rows = run(FOUR.filter(pl.col("product_id") != "B"), FIVE_ORDERS)
    for table in rows.tables.values():
        assert "B" not in table["similar_product_id"].to_list() + table["product_id"].to_list()


def test_giant_basket_is_left_out_of_every_count():
    result = run(FOUR, baskets("AB", "ABCD"), neighbours={"max_basket_products": 3})
    assert neighbours(result, "A", "item_co_purchases") == [("B", 1.0)]
    assert (result.metrics["baskets"], result.metrics["baskets_left_out"]) == (1, 1)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"blend": {"attributes": 0.5, "co_purchase": 0.6}}, "add up to 1.1"),
        ({"neighbours": {"top": 3}}, "neighbours.top"),
        ({"blend": {"attributes": 0.001, "co_purchase": 0.999}}, "0.01"),
    ],
)
def test_wrong_configuration_says_where(config, word):
    with pytest.raises(ConfigError, match=word):
        ItemSimilarity(config)


# ---------------------------------------------------------------------------- the second way

text = st.sampled_from([None, "a", "b"])
shops = st.tuples(
    st.lists(st.tuples(text, text), min_size=1, max_size=7),
    st.lists(
        st.tuples(st.sets(st.integers(0, 6), min_size=1, max_size=5), text, st.integers(0, 9000)),
        max_size=12,
    ),
)


def vector(product: dict, lines: list[dict]) -> dict:
    """The product's weighted attribute vector, spelled out as a dictionary."""
    parts = {}
    for block in ("category", "price_band"):
        if product[block] is not None:
            parts[block, product[block]] = math.sqrt(WEIGHTS[block])
    for block in ("city", "daypart", "month"):
        values = [line[block] for line in lines if line["product_id"] == product["product_id"]]
        counts = {value: values.count(value) for value in values if value is not None}
        length = math.sqrt(sum(n * n for n in counts.values()))
        for value, n in counts.items():
            parts[block, value] = math.sqrt(WEIGHTS[block]) * n / length
    return parts


def cosine(one: dict, other: dict) -> float:
    dot = sum(value * other.get(key, 0) for key, value in one.items())
    lengths = [math.sqrt(sum(v * v for v in parts.values())) for parts in (one, other)]
    return dot / (lengths[0] * lengths[1]) if all(lengths) else 0.0


def build_shop(shop) -> tuple[pl.DataFrame, pl.DataFrame]:
    labels, orders = shop
    catalogue = products(*((f"p{n}", *both) for n, both in enumerate(labels)))
    start = datetime(2019, 1, 1).timestamp()
    lines = order_lines(
        *(
            (f"o{n}", f"p{item}", city, datetime.fromtimestamp(start + hours * 3600))
            for n, (items, city, hours) in enumerate(orders)
            for item in sorted(items)
            if item < len(labels)
        )
    )
    return catalogue, lines


@settings(deadline=None, max_examples=60)
@given(shops, st.integers(1, 4), st.sampled_from([(0.1, 0.9), (0.5, 0.5), (1.0, 0.0), (0.0, 1.0)]))
def test_equals_the_dense_way(shop, top_n, blend):
    catalogue, lines = build_shop(shop)
    # Tiny blocks, so that every way of cutting and counting is taken.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(co_purchase, "BLOCK_LINES", 4)
        patch.setattr(co_purchase, "_CHUNK", 1)
        patch.setattr(attributes, "BLOCK_CELLS", 8)
        result = run(
            catalogue,
            lines,
            neighbours={"top_n": top_n},
            blend=dict(zip(("attributes", "co_purchase"), blend, strict=True)),
        )
    rows = lines.with_columns(month=pl.col("ordered_local").dt.month()).to_dicts()
    vectors = {p["product_id"]: vector(p, rows) for p in catalogue.to_dicts()}
    orders = {p: {r["order_id"] for r in rows if r["product_id"] == p} for p in vectors}

    def bought(one, other):
        sizes = len(orders[one]) * len(orders[other])
        return len(orders[one] & orders[other]) / math.sqrt(sizes) if sizes else 0.0

    def blended(one, other):
        return blend[0] * cosine(vectors[one], vectors[other]) + blend[1] * bought(one, other)

    for table, score in (("item_similarity", blended), ("item_co_purchases", bought)):
        frame = result.tables[table]
        assert broken_rules(frame, catalogue["product_id"]) == []
        for one in vectors:
            scores = {other: score(one, other) for other in vectors if other != one}
            best = sorted((s for s in scores.values() if s > 1e-12), reverse=True)[:top_n]
            found = neighbours(result, one, table)
            if table == "item_similarity" and not best and len(vectors) > 1:
                mine = frame.filter(pl.col("product_id") == one)
                assert set(mine["method"]) == {"fallback"}
                continue
            assert [s for _, s in found] == pytest.approx(best, abs=2e-9)
            assert [scores[other] for other, _ in found] == pytest.approx(best, abs=2e-9)


@pytest.mark.parametrize("cells", [100, 1000])
@pytest.mark.parametrize("category_weight", [0.0, 0.1, 0.5, 0.9])
def test_search_by_category_misses_nothing(category_weight, cells, monkeypatch):
    """Forty products in three categories and none: near ones are within it or not, by weight."""
    rng = random.Random(4)
    others = ("price_band", "city", "daypart", "month")
    weights = {"category": category_weight} | dict.fromkeys(others, (1 - category_weight) / 4)
    monkeypatch.setattr(attributes, "BLOCK_CELLS", cells)
    monkeypatch.setitem(globals(), "WEIGHTS", weights)
    catalogue = products(
        *((f"p{n:02}", rng.choice("abc") if n % 9 else None, rng.choice("uv")) for n in range(40))
    )
    lines = order_lines(
        *(
            (f"o{n}", f"p{rng.randrange(38):02}", rng.choice("xyz"), datetime(2019, m, 1, hour))
            for n in range(120)
            for m, hour in [(rng.choice([1, 6]), rng.choice([2, 20]))]
        )
    )
    result = run(
        catalogue,
        lines,
        neighbours={"top_n": 3},
        attributes=weights,
        blend={"attributes": 1.0, "co_purchase": 0.0},
    )
    rows = lines.with_columns(month=pl.col("ordered_local").dt.month()).to_dicts()
    vectors = {p["product_id"]: vector(p, rows) for p in catalogue.to_dicts()}
    for one in vectors:
        scores = sorted(cosine(vectors[one], vectors[o]) for o in vectors if o != one)
        found = [score for _, score in neighbours(result, one)]
        assert found == pytest.approx(scores[:-4:-1], abs=2e-9)


@settings(deadline=None, max_examples=15)
@given(shops, st.randoms(use_true_random=False))
def test_order_of_rows_and_threads_change_no_byte(shop, rng):
    catalogue, lines = build_shop(shop)
    first = run(catalogue, lines, threads=1)
    shuffled = [
        f.sample(fraction=1, shuffle=True, seed=rng.randint(0, 99)) for f in (catalogue, lines)
    ]
    second = run(*shuffled, threads=2)
    assert first.artifact == second.artifact
    assert first.data_hash == second.data_hash
    assert first.metrics == second.metrics
    for table, frame in first.tables.items():
        assert frame.equals(second.tables[table])


# ---------------------------------------------------------------------------- the gate


def night(pairs: str) -> pl.DataFrame:
    """400 orders on 400 days of products A-L; order n holds the pair that ``pairs`` cycles to."""
    both = pairs.split()
    start = datetime(2019, 1, 1).timestamp()
    return order_lines(
        *(
            (f"o{n:03}", item, "Boston", datetime.fromtimestamp(start + n * 86400))
            for n in range(400)
            for item in both[n % len(both)]
        )
    )


TWELVE = products(*((name, None, None) for name in "ABCDEFGHIJKL"))
GATE = {
    "holdout": {"hits_at": 1},
    "gate": {"min_cases": 50},
    "blend": {"attributes": 0.0, "co_purchase": 1.0},
}


def champion_of(result) -> Champion:
    return Champion(7, result.artifact, result.metrics)


def test_first_night_is_promoted_with_its_hit_rate():
    result = run(TWELVE, night("AB CD EF GH IJ KL"), **GATE)
    assert result.decision.outcome == "promoted"
    assert result.metrics["hit_rate"] == 1.0  # the hidden half of a pair is always its neighbour
    # 80 later orders of 2 products; popularity names A or B to everyone: right for the pair AB.
    assert result.metrics["cases"] == 160
    assert result.metrics["hit_rate_popularity"] == pytest.approx(1 / 6, abs=0.02)


def test_large_drop_keeps_the_published_table():
    good = run(TWELVE, night("AB CD EF GH IJ KL"), **GATE)
    worse = night("AB CD EF GH IJ KL").with_columns(
        order_id=pl.when(pl.col("ordered_local") > datetime(2019, 11, 1))
        .then("late" + (pl.int_range(pl.len()) // 5).cast(pl.String))
        .otherwise("order_id")
    )
    held = run(TWELVE, worse, champion_of(good), **GATE)
    assert held.decision.outcome == "held"
    assert held.decision.numbers["hit_rate"] < held.decision.numbers["hit_rate_allowed"]
    assert held.tables["item_similarity"].equals(good.tables["item_similarity"])
    assert held.artifact == good.artifact
    assert held.metrics == good.metrics  # the next night is measured against what is served


def test_held_table_has_no_product_that_left_and_flags_the_new():
    good = run(TWELVE, night("AB CD EF GH IJ KL"), **GATE)
    catalogue = pl.concat([TWELVE.filter(pl.col("product_id") != "B"), products(("Z", None, None))])
    best = Champion(7, good.artifact, good.metrics | {"hit_rate": 1.0, "cases": 9999})
    random_pairs = " ".join(f"A{other}" for other in "CDEFGHIJKL")
    held = run(catalogue, night(random_pairs), best, **GATE)
    assert held.decision.outcome == "held"
    rows = held.tables["item_similarity"]
    assert broken_rules(rows, catalogue["product_id"]) == []
    assert set(rows["product_id"]) == set(catalogue["product_id"])
    flagged = rows.filter(pl.col("method") == "fallback")["product_id"].unique().sort().to_list()
    assert flagged == ["A", "Z"]  # A's only neighbour was B


def test_equal_night_is_promoted():
    good = run(TWELVE, night("AB CD EF GH IJ KL"), **GATE)
    again = run(TWELVE, night("AB CD EF GH IJ KL"), champion_of(good), **GATE)
    assert again.decision.outcome == "promoted"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"similar_product_id": pl.col("product_id")}, "its own neighbour"),
        ({"rank": pl.col("rank") + 1}, "gaps"),
        ({"score": -pl.col("score")}, "outside 0 to 1"),
        ({"score": 1 / (1 + pl.col("rank").reverse())}, "out of order"),
        ({"score": pl.col("score") / (1 + pl.col("product_id").rank("dense"))}, "direction"),
        ({"similar_product_id": pl.lit("gone")}, "catalogue"),
        ({"similar_product_id": pl.col("similar_product_id").first().over("product_id")}, "twice"),
    ],
)
def test_broken_rules_are_named(change, rule):
    rows = run(FOUR, FIVE_ORDERS).tables["item_similarity"].with_columns(**change)
    assert any(rule in found for found in broken_rules(rows, FOUR["product_id"]))


# ---------------------------------------------------------------------------- the real store


def test_cables_are_the_phones_first_co_purchase_neighbours(shared_data):
    months = [
        pl.read_csv(f, infer_schema=False)
        for f in sorted((shared_data / "sales_monthly").glob("*.csv"))
    ]
    raw = pl.concat(months).filter(pl.col("Product") != "Product").unique()
    lines = raw.select(
        order_id="Order ID",
        product_id="Product",
        city=pl.col("Purchase Address").str.split(", ").list.get(1),
        ordered_local=pl.col("Order Date").str.to_datetime("%m/%d/%y %H:%M"),
        daypart=pl.lit("Evening"),
    )
    names = lines["product_id"].unique().sort()
    catalogue = products(*((name, None, None) for name in names))
    result = run(catalogue, lines)
    for phone, cable in (
        ("iPhone", "Lightning Charging Cable"),
        ("Google Phone", "USB-C Charging Cable"),
    ):
        assert neighbours(result, phone, "item_co_purchases")[0][0] == cable
        assert neighbours(result, phone)[0][0] == cable
        row = result.tables["item_co_purchases"].filter(product_id=phone, rank=1)
        with_phone = set(lines.filter(product_id=phone)["order_id"])
        with_cable = set(lines.filter(product_id=cable)["order_id"])
        evidence = json.loads(row["evidence"].item())
        assert evidence["co_purchases"] == len(with_phone & with_cable)
        assert evidence["orders"] == len(with_phone)
    assert result.metrics["hit_rate"] > result.metrics["hit_rate_popularity"]
