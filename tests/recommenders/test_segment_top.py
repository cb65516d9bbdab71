"""Top sellers of segments against counting customers one by one."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ecorse.errors import DataError
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.recommenders.segment_top import SegmentTop, SegmentTopConfig

TASK = Task("recommend_tested", "main")
LAST = datetime(2024, 6, 1)


def drawn() -> tuple[Interactions, list[tuple[str, str, datetime]], dict[str, str | None]]:
    """60 customers of three segments (one of two customers) and none; 12 products; 700 rows."""
    random = np.random.default_rng(5)
    names = [*["tea"] * 30, *["coffee"] * 20, *["few"] * 2, *[None] * 8]
    segments = {f"c{number:02}": name for number, name in enumerate(names)}
    rows = [
        (
            f"c{user:02}",
            f"p{int(12 * random.random() ** (1 + user / 30)):02}",
            LAST - timedelta(hours=int(random.integers(0, 3000))),
        )
        for user in random.integers(0, 59, 700)  # the last customer never buys
    ]
    rows.append(("c00", "p00", LAST))
    frame = pl.DataFrame(rows, schema=["customer_id", "product_id", "at"], orient="row")
    customers = pl.DataFrame({"customer_id": list(segments), "segment": list(segments.values())})
    products = pl.DataFrame({"product_id": [f"p{item:02}" for item in range(13)]})
    return Interactions.from_frames(products, frame, customers), rows, segments


@pytest.mark.parametrize("half_life", [0, 40])
def test_lists_are_those_of_counting_customers(half_life):
    data, rows, segments = drawn()
    model = SegmentTop(SegmentTopConfig(half_life_days=half_life)).fit(data, TASK)
    latest: dict[tuple[str, str], datetime] = {}
    for customer, product, at in rows:
        latest[customer, product] = max(at, latest.get((customer, product), at))

    def share(group: set[str], product: str) -> float:
        ages = [(LAST - latest[c, product]) / timedelta(days=1)
                for c in group if (c, product) in latest]  # fmt: skip
        return sum(0.5 ** (age / half_life) if half_life else 1 for age in ages) / len(group)

    buyers = {customer for customer, _ in latest}
    groups = {name: {c for c in buyers if segments[c] == name} for name in ("tea", "coffee", "few")}
    groups["few"] = groups[None] = buyers  # too few to tell, or of no segment
    ranked = model.recommend(np.arange(60), 13)
    sentences = iter(model.explain(np.arange(60), ranked)["sentence"])
    for user, (customer, segment) in enumerate(segments.items()):
        group = groups[segment]
        scores = {
            item: share(group, f"p{item:02}") + 1e-6 * share(buyers, f"p{item:02}")
            for item in range(13)
            if (customer, f"p{item:02}") not in latest
        }
        wanted = sorted(
            (i for i in scores if scores[i] > 0), key=lambda i: (-round(scores[i], 12), i)
        )
        there = ranked.is_there[user]
        found = ranked.items[user][there].tolist()
        np.testing.assert_allclose(ranked.scores[user][there], [scores[i] for i in wanted])
        if not half_life:
            assert found == wanted
        for item in found:
            told = group if any((c, f"p{item:02}") in latest for c in group) else buyers
            n = sum((c, f"p{item:02}") in latest for c in told)
            of = f" of {segment}" if told is group and group is not buyers else ""
            assert next(sentences) == f"Bought by {n} of {len(told)} customers{of}"


def test_the_sizes_of_segments_are_told():
    data, rows, segments = drawn()
    model = SegmentTop(SegmentTopConfig()).fit(data, TASK)
    buyers = {row[0] for row in rows}
    expected = {name: sum(segments[c] == name for c in buyers) for name in ("coffee", "few", "tea")}
    assert model.params() == {"customers": len(buyers), "segments": expected}


def test_customers_without_the_column_are_refused_with_what_to_select():
    rows = pl.DataFrame({"customer_id": ["ann"], "product_id": ["cup"], "at": [LAST]})
    data = Interactions.from_frames(rows.select("product_id"), rows)
    with pytest.raises(DataError, match="has no column segment"):
        SegmentTop(SegmentTopConfig()).fit(data, TASK)
