"""Similar and co-purchased products: worked out by hand, and on the real store."""

from __future__ import annotations

import json
import math
import random

import polars as pl
import pytest

from ecorse.errors import ConfigError, DataError
from ecorse.training.run import run_model
from tiny_shop import (
    BY_ATTRIBUTES,
    METHODS,
    NOON,
    baskets,
    evidence,
    listed,
    neighbours,
    order_lines,
    products,
)

# Five orders: AB, ABC, A, BC, and D with A twice. A is in 4 of them, B in 3, C in 2, D in 1.
FOUR = products(("A", "x", "low"), ("B", "x", "low"), ("C", "y", "low"), ("D", "y", "high"))
FIVE_ORDERS = baskets("AB", "ABC", "A", "BC", "DAA")


def test_co_purchase_cosine_by_hand(run):
    result = run(FOUR, FIVE_ORDERS, "co_purchase")
    assert neighbours(result, "A") == [
        ("B", round(2 / math.sqrt(4 * 3), 9)),
        ("D", round(1 / math.sqrt(4 * 1), 9)),
        ("C", round(1 / math.sqrt(4 * 2), 9)),
    ]
    assert neighbours(result, "D") == [("A", 0.5)]


@pytest.mark.parametrize("method", METHODS)
def test_evidence_by_hand(run, method):
    relation, told = evidence(run(FOUR, FIVE_ORDERS, method), "B", "C")
    assert relation == "complement"
    assert told["co_purchases"] == 2  # orders ABC and BC
    assert (told["orders"], told["similar_orders"]) == (3, 2)
    assert told["support"] == pytest.approx(2 / 5)
    assert told["lift"] == pytest.approx(2 * 5 / (3 * 2), abs=1e-4)
    assert told["co_purchase_cosine"] == pytest.approx(2 / math.sqrt(3 * 2), abs=1e-9)
    assert told["sentence"] == (
        "Bought together in 2 of 3 orders, 1.67 times as often as by chance; same price band: low"
    )


def test_names_stand_beside_ids(run):
    rows = listed(run(FOUR, FIVE_ORDERS), "A")
    assert rows["similar_product_name"].to_list() == [
        f"Name of {product_id}" for product_id in rows["similar_product_id"]
    ]


def test_attribute_cosine_by_hand_without_sales(run):
    # Both known labels weigh 0.5 + 0.2; they share the category only: 0.5 / 0.7. Z alone is sold.
    catalogue = products(("A", "x", "low"), ("B", "x", "high"), ("Z", None, None))
    result = run(catalogue, baskets("Z"), **BY_ATTRIBUTES)
    assert neighbours(result, "A") == [("B", round(0.5 / 0.7, 9))]
    relation, told = evidence(result, "A", "B")
    assert relation == "substitute"
    assert told["attribute_cosine"] == round(0.5 / 0.7, 9)
    assert told["sentence"] == "Never bought together; same category: x"


def test_attribute_cosine_by_hand_with_sales(run):
    # A sells in Boston, B once in Boston and once in Dallas: the city block's cosine is 1/sqrt(2).
    lines = order_lines(
        ("1", "A", "Boston", NOON), ("2", "B", "Boston", NOON), ("3", "B", "Dallas", NOON)
    )
    result = run(products(("A", "x", "low"), ("B", "x", "high")), lines, **BY_ATTRIBUTES)
    expected = 0.5 + 0.05 / math.sqrt(2) + 0.15 + 0.1
    assert neighbours(result, "A") == [("B", pytest.approx(expected, abs=1e-9))]


def test_product_without_sales_has_attribute_neighbours(run):
    catalogue = pl.concat([FOUR, products(("E", "y", "high"))])
    assert neighbours(run(catalogue, FIVE_ORDERS), "E")[0][0] == "D"
    assert neighbours(run(catalogue, FIVE_ORDERS, "co_purchase"), "E") == []


def test_unlike_product_gets_flagged_best_sellers(run):
    catalogue = pl.concat([FOUR, products(("E", None, ""))])
    mine = listed(run(catalogue, FIVE_ORDERS, top_n=2), "E")
    assert mine["relation"].to_list() == ["popular", "popular"]
    assert mine["similar_product_id"].to_list() == ["A", "B"]
    assert mine["score"].to_list() == [4 / 5, 3 / 5]
    assert [json.loads(text)["orders"] for text in mine["evidence"]] == [4, 3]


def test_a_best_seller_without_neighbours_is_not_its_own(run):
    # nobody is bought with A; three best sellers other than A stand beside it
    result = run(FOUR, baskets("A", "A", "A", "BC", "BC"), "co_purchase", top_n=2)
    assert listed(result, "A")["similar_product_id"].to_list() == ["B", "C"]
    assert listed(result, "D")["similar_product_id"].to_list() == ["A", "B"]
    assert listed(result, "D")["rank"].to_list() == [1, 2]


def test_ties_go_to_the_smaller_product_id(run):
    same = products(*((name, "x", "low") for name in "FEDCBA"), ("Z", None, None))
    result = run(same, baskets("Z"), top_n=3)
    assert [name for name, _ in neighbours(result, "B")] == ["A", "C", "D"]
    assert {score for _, score in neighbours(result, "B")} == {0.1}  # cosine 1 at weight 0.1


@pytest.mark.parametrize("method", METHODS)
def test_one_product_and_no_product(run, method):
    alone = run(products(("A", "x", "low")), baskets("A"), method)
    assert alone.frame("item_similarity").is_empty()
    empty = run(FOUR.clear(), order_lines(), method)
    assert empty.frame("item_similarity").is_empty()
    assert (empty.decision.outcome, empty.artifact) == ("refused", b"")


@pytest.mark.parametrize("method", METHODS)
def test_product_outside_the_catalogue_never_appears(run, method):
    rows = run(FOUR.filter(pl.col("product_id") != "B"), FIVE_ORDERS, method).frame(
        "item_similarity"
    )
    assert "B" not in rows["similar_product_id"].to_list() + rows["product_id"].to_list()


@pytest.mark.parametrize("method", METHODS)
def test_a_giant_basket_makes_no_score_and_is_in_every_count(run, method):
    """Of four baskets one holds all four products: C and D meet in no other."""
    lines = baskets("AB", "ABCD", "AC", "D")
    blend = {"blend": {"attributes": 0.0, "co_purchase": 1.0}} if method != "co_purchase" else {}
    result = run(FOUR, lines, method, max_basket_products=3, **blend)
    # of the three small ones A is in two, B and C in one each
    half = pytest.approx(1 / math.sqrt(2), abs=1e-9)
    assert neighbours(result, "A") == [("B", half), ("C", half)]
    assert neighbours(result, "D") == []
    relation, told = evidence(result, "A", "B")
    assert (told["co_purchases"], told["orders"], told["similar_orders"]) == (2, 3, 2)
    assert (told["support"], told["lift"]) == (0.5, round(2 * 4 / (3 * 2), 4))
    assert relation == "complement"
    assert (result.metrics["baskets"], result.metrics["large_baskets"]) == (4, 1)


@pytest.mark.parametrize("method", METHODS)
def test_counts_of_the_evidence_are_of_all_baskets_by_a_second_way(run, method):
    rng = random.Random(5)
    orders = ["".join(sorted(rng.sample("ABCDEFGH", rng.randint(1, 8)))) for _ in range(60)]
    catalogue = products(*((name, "x", "low") for name in "ABCDEFGH"))
    result = run(catalogue, baskets(*orders), method, max_basket_products=4)
    rows = result.frame("item_similarity").filter(pl.col("relation") != "popular")
    assert rows.height > 20
    for one, other, text in rows.select("product_id", "similar_product_id", "evidence").rows():
        told = json.loads(text)
        assert told["co_purchases"] == sum(one in o and other in o for o in orders)
        assert told["orders"] == sum(one in o for o in orders)


# ------------------------------------------------------------------------------- from events


def visits(*kinds_and_items: tuple[str, str]) -> pl.DataFrame:
    """Visit ``n`` is of a kind, and sees a product per letter."""
    kinds, items = zip(*kinds_and_items, strict=True)
    lines = baskets(*items).with_columns(source=pl.lit("events"))
    kind_of = {f"o{n}": kind for n, kind in enumerate(kinds)}
    return lines.with_columns(kind=pl.col("basket_id").replace_strict(kind_of))


def test_lists_from_views_say_so(run):
    lines = visits(*[("view", "AC")] * 3, ("cart", "A"), ("purchase", "D"), ("view", "D"))
    relation, told = evidence(run(FOUR, lines), "A", "C")
    assert relation == "similar"
    assert (told["source"], told["co_visits"], told["visits"], told["similar_visits"]) == (
        "events", 3, 4, 3,
    )  # fmt: skip
    assert told["sentence"] == (
        "Seen together in 3 of 4 visits, 1.5 times as often as by chance; same price band: low"
    )
    assert "orders" not in told


def test_lists_from_purchase_events_alone_are_of_what_is_bought_together(run):
    lines = visits(*[("purchase", "AC")] * 3, ("purchase", "A"), *[("purchase", "D")] * 2)
    relation, told = evidence(run(FOUR, lines, "co_purchase"), "A", "C")
    assert relation == "complement"
    assert told["sentence"].startswith("Bought together in 3 of 4 visits, 1.5 times")
    popular = listed(run(FOUR, lines, "co_purchase"), "B")
    assert json.loads(popular["evidence"][0]) == {
        "source": "events", "visits": 4, "sentence": "Nothing is similar yet; in 4 visits"
    }  # fmt: skip


def test_products_without_any_basket_have_no_lists_and_the_reason(run):
    result = run(FOUR, order_lines())
    assert result.frame("item_similarity").is_empty()
    assert result.decision.outcome == "refused"
    assert "the shop has no purchase, and no event" in result.decision.reason


# ------------------------------------------------------------------------------- the floor


def test_a_pair_that_met_too_rarely_is_none(run):
    # A meets B three times and C twice, always more often than by chance
    lines = baskets("AB", "AB", "AB", "AC", "AC", "D", "D", "D", "D")
    result = run(FOUR, lines, "co_purchase", min_co_purchases=3, min_lift=1.0)
    assert [name for name, _ in neighbours(result, "A")] == ["B"]
    assert neighbours(result, "C") == []


def test_a_pair_that_keeps_apart_is_none(run):
    # A and B are in 6 of 10 orders each and meet in 3: a lift of 3 * 10 / 36, below 1
    lines = baskets(*["AB"] * 3, *["A"] * 3, *["B"] * 3, "C")
    assert neighbours(run(FOUR, lines, "co_purchase", min_lift=1.0), "A") == []
    assert neighbours(run(FOUR, lines, "co_purchase", min_lift=0.8), "A") == [("B", 0.5)]


@pytest.mark.parametrize("extra", [0, 1])
def test_a_lift_of_exactly_one_is_chance_in_both_directions(run, extra):
    # A is in 22 and B in 30 of 44 orders, 15 with both: 15 * 44 = 22 * 30. In floating point
    # 22 * (30 / 44) is below 15, and 30 * (22 / 44) is not. With one order more there is a lift.
    orders = ["AB"] * 15 + ["A"] * 7 + ["B"] * 15 + ["C"] * (7 + extra)
    result = run(FOUR, baskets(*orders), "co_purchase", min_lift=1.0)
    assert len(neighbours(result, "A")) == len(neighbours(result, "B")) == extra


def test_what_meets_too_rarely_counts_by_its_likeness_alone(run):
    # A and B of one category met once, A and C of two categories three times
    catalogue = products(("A", "x", None), ("B", "x", None), ("C", "y", None))
    lines = baskets("AB", "AC", "AC", "AC", *["B"] * 4)
    result = run(catalogue, lines, min_co_purchases=3, min_lift=1.0, min_attribute_cosine=0.3)
    relation, told = evidence(result, "A", "B")
    assert (relation, told["co_purchases"]) == ("substitute", 1)
    assert told["lift"] == pytest.approx(1 * 8 / (4 * 5), abs=1e-4)
    assert told["sentence"] == "Bought together in only 1 of 4 orders; same category: x"
    # equal in all but the price band, which neither has
    assert dict(neighbours(result, "A"))["B"] == pytest.approx(0.1, abs=1e-9)
    assert evidence(result, "A", "C")[0] == "complement"


def test_likeness_below_the_floor_is_none(run):
    # without sales the cosine is 0.2 / 0.7 for a price band, 0.5 / 0.7 for a category
    catalogue = products(
        ("A", "x", "low"), ("B", "x", "high"), ("C", "y", "low"), ("Z", None, None)
    )
    result = run(catalogue, baskets("Z"), min_attribute_cosine=0.3)
    assert [name for name, _ in neighbours(result, "A")] == ["B"]
    assert listed(result, "C")["relation"].unique().to_list() == ["popular"]
    lower = run(catalogue, baskets("Z"), min_attribute_cosine=0.28)
    assert [name for name, _ in neighbours(lower, "A")] == ["B", "C"]
    relation, told = evidence(lower, "A", "C")
    assert (relation, told["sentence"]) == (
        "similar", "Never bought together; same price band: low"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"blend": {"attributes": 0.5, "co_purchase": 0.6}}, "add up to 1.1"),
        ({"neighbors": 3}, "neighbors.*no such key"),
        ({"blend": {"attributes": 0.001, "co_purchase": 0.999}}, "0.01"),
    ],
)
def test_wrong_parameters_say_where(declare, parameters, word):
    declaration = declare("recommend_item_similarity", parameters=parameters)
    with pytest.raises(ConfigError, match=word) as refusal:
        declaration.create()
    assert "recommend_item_similarity.toml [parameters]" in str(refusal.value)


def test_a_missing_column_is_named(run):
    with pytest.raises(DataError, match="'interactions' has no column city, daypart"):
        run(FOUR, FIVE_ORDERS.drop("city", "daypart"))
    with pytest.raises(DataError, match="'products' has no column price_band"):
        run(FOUR.drop("price_band"), FIVE_ORDERS)
    without = run(FOUR.drop("category", "price_band"), FIVE_ORDERS, "co_purchase")
    assert neighbours(without, "D") == [("A", 0.5)]


# ---------------------------------------------------------------------------- the real store


def test_cables_are_the_phones_first_co_purchase_neighbours(declare, shared_data):
    months = [
        pl.read_csv(f, infer_schema=False)
        for f in sorted((shared_data / "sales_monthly").glob("*.csv"))
    ]
    raw = pl.concat(months).filter(pl.col("Product") != "Product").unique()
    lines = raw.select(
        basket_id="Order ID",
        product_id="Product",
        city=pl.col("Purchase Address").str.split(", ").list.get(1),
        at=pl.col("Order Date").str.to_datetime("%m/%d/%y %H:%M"),
        daypart=pl.lit("Evening"),
    )
    catalogue = products(*((name, None, None) for name in lines["product_id"].unique().sort()))
    for method in METHODS:
        declaration = declare(f"recommend_{method}")
        inputs = {"products": catalogue, "interactions": lines}
        result = run_model(declaration, "s", inputs, None)
        for phone, cable in (
            ("iPhone", "Lightning Charging Cable"),
            ("Google Phone", "USB-C Charging Cable"),
        ):
            assert neighbours(result, phone)[0][0] == cable
            relation, told = evidence(result, phone, cable)
            with_phone = set(lines.filter(product_id=phone)["basket_id"])
            with_cable = set(lines.filter(product_id=cable)["basket_id"])
            assert relation == "complement"
            assert told["co_purchases"] == len(with_phone & with_cable)
            assert told["orders"] == len(with_phone)
        assert result.metrics["figure"]["value"] > result.decision.numbers["baselines"]["popular"]
