"""Similar and co-purchased products: against a dense second way, and by their own laws."""

from __future__ import annotations

import math
import random
from datetime import datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ecorse.recommenders import attributes, counting
from tiny_shop import BY_ATTRIBUTES, METHODS, listed, neighbours, order_lines, products

WEIGHTS = {"category": 0.5, "price_band": 0.2, "city": 0.05, "daypart": 0.15, "month": 0.1}

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


floors = st.fixed_dictionaries(
    {
        "min_co_purchases": st.integers(1, 3),
        "min_lift": st.sampled_from([0.0, 1.0]),
        "min_attribute_cosine": st.sampled_from([0.0, 0.317, 0.7]),
    }
)
blends = st.sampled_from([(0.1, 0.9), (0.5, 0.5), (1.0, 0.0), (0.0, 1.0)])


class Dense:
    """Scores of all pairs of a shop, each worked out from its own order lines."""

    def __init__(self, catalogue, lines, blend, floor) -> None:
        self.blend, self.floor = blend, floor
        rows = lines.with_columns(month=pl.col("at").dt.month()).to_dicts()
        self.vectors = {p["product_id"]: vector(p, rows) for p in catalogue.to_dicts()}
        self.orders = {
            p: {r["basket_id"] for r in rows if r["product_id"] == p} for p in self.vectors
        }
        self.n_orders = len(set().union(*self.orders.values()))

    def bought(self, one, other) -> float:
        mine, theirs = self.orders[one], self.orders[other]
        both, chance = len(mine & theirs), len(mine) * len(theirs)
        if both < self.floor["min_co_purchases"]:
            return 0.0
        is_often = both * self.n_orders > self.floor["min_lift"] * chance
        return both / math.sqrt(chance) if is_often else 0.0

    def blended(self, one, other) -> float:
        likeness, bought = cosine(self.vectors[one], self.vectors[other]), self.bought(one, other)
        if not bought and likeness < self.floor["min_attribute_cosine"]:
            return 0.0
        return self.blend[0] * likeness + self.blend[1] * bought


def check_order(rows: pl.DataFrame) -> None:
    """Ranks 1, 2, 3 ... by falling score, ties by product id, no product beside itself or twice."""
    for _, mine in rows.group_by("product_id"):
        mine = mine.sort("rank")
        keys = list(zip(-mine["score"], mine["similar_product_id"], strict=True))
        assert keys == sorted(keys)
        assert mine["rank"].to_list() == list(range(1, len(mine) + 1))
        assert mine["similar_product_id"].n_unique() == len(mine)
        assert not (mine["similar_product_id"] == mine["product_id"]).any()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(shops, st.integers(1, 4), blends, floors)
def test_equals_the_dense_way(run, shop, top_n, blend, floor):
    catalogue, lines = build_shop(shop)
    assume(lines.height)  # without any there is nothing to learn from, and no list
    dense = Dense(catalogue, lines, blend, floor)
    parameters = floor | {"blend": dict(zip(("attributes", "co_purchase"), blend, strict=True))}
    bought_only = {name: floor[name] for name in ("min_co_purchases", "min_lift")}
    # Tiny blocks, so that every way of cutting and counting is taken.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "BLOCK_LINES", 4)
        patch.setattr(counting, "_CHUNK", 1)
        patch.setattr(attributes, "BLOCK_CELLS", 8)
        for method, score, given_parameters in (
            ("item_similarity", dense.blended, parameters),
            ("co_purchase", dense.bought, bought_only),
        ):
            result = run(catalogue, lines, method, top_n, **given_parameters)
            check_order(result.frame("item_similarity"))
            for one in dense.vectors:
                scores = {other: score(one, other) for other in dense.vectors if other != one}
                best = sorted((s for s in scores.values() if s > 1e-12), reverse=True)[:top_n]
                found = neighbours(result, one)
                assert [s for _, s in found] == pytest.approx(best, abs=2e-9)
                assert [scores[other] for other, _ in found] == pytest.approx(best, abs=2e-9)
                has_rows = listed(result, one).height > 0
                assert has_rows == (len(dense.vectors) > 1)


@pytest.mark.parametrize("cells", [100, 1000])
@pytest.mark.parametrize("category_weight", [0.0, 0.1, 0.5, 0.9])
def test_search_by_category_misses_nothing(run, category_weight, cells, monkeypatch):
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
    result = run(catalogue, lines, top_n=3, attributes=weights, **BY_ATTRIBUTES)
    rows = lines.with_columns(month=pl.col("at").dt.month()).to_dicts()
    vectors = {p["product_id"]: vector(p, rows) for p in catalogue.to_dicts()}
    for one in vectors:
        scores = sorted(cosine(vectors[one], vectors[o]) for o in vectors if o != one)
        found = [score for _, score in neighbours(result, one)]
        assert found == pytest.approx(scores[:-4:-1], abs=2e-9)


@settings(deadline=None, max_examples=15)
@given(shops, st.randoms(use_true_random=False), st.sampled_from(METHODS))
def test_order_of_rows_and_threads_change_no_byte(run, shop, rng, method):
    catalogue, lines = build_shop(shop)
    first = run(catalogue, lines, method, threads=1)
    shuffled = [
        f.sample(fraction=1, shuffle=True, seed=rng.randint(0, 99)) for f in (catalogue, lines)
    ]
    second = run(*shuffled, method, threads=2)
    assert first.artifact == second.artifact
    assert first.data_hash == second.data_hash
    assert first.metrics == second.metrics
    measured = ["fit_seconds", "peak_mb"]
    for table in first.tables:
        one, other = (r.frame(table).drop(measured, strict=False) for r in (first, second))
        assert one.equals(other)
