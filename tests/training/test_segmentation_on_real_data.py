"""The order segmentation on the real year of the electronics store (178,437 orders)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ecorse.models.base import Champion
from ecorse.models.declaration import load_declarations
from ecorse.settings import PROJECT_DIR


def read_lines(folder: Path) -> pl.DataFrame:
    """The monthly files, cleaned the short way: no blank rows, headers or exact duplicates."""
    raw = pl.concat(
        [pl.read_csv(path, infer_schema=False) for path in sorted(folder.glob("*.csv"))]
    )
    raw = raw.filter(pl.col("Order ID").str.contains(r"^\d+$")).unique(maintain_order=True)
    address = pl.col("Purchase Address").str.split(", ")
    product = pl.col("Product")
    return raw.select(
        shop_id=pl.lit("main"),
        order_id="Order ID",
        category=pl.when(product.str.contains("Batter|Cable|Headphones"))
        .then(pl.lit("Accessories"))
        .otherwise(pl.lit("Devices")),
        city=address.list.get(1),
        quantity=pl.col("Quantity Ordered").cast(pl.Float64),
        unit_price=pl.col("Price Each").cast(pl.Float64),
        ordered_local=pl.col("Order Date").str.to_datetime("%m/%d/%y %H:%M"),
    )


@pytest.fixture(scope="module")
def lines():
    folder = PROJECT_DIR.parent / "shared" / "data" / "sales_monthly"
    if not folder.is_dir():
        pytest.skip("the real data is not here: shared/data beside the checkout is missing")
    return read_lines(folder)


@pytest.fixture(scope="module")
def model():
    declarations = load_declarations()
    return next(d for d in declarations if d.name == "segment_orders").create()


@pytest.fixture(scope="module")
def first(lines, model):
    return model.run("main", {"lines": lines}, None)


def test_every_order_has_one_label(first):
    table = first.tables["order_segments"]
    assert (len(table), table["order_id"].n_unique()) == (178_437, 178_437)


def test_the_store_parts_into_noon_and_evening(first):
    agreement = first.metrics["hour_mixture_agreement"]
    assert agreement["centres"] == pytest.approx([12, 20], abs=0.25)
    assert agreement["share_agreed"] > 0.97
    hours = first.tables["segment_traits"].filter(pl.col("feature") == "hour")
    assert set(hours["phrase"]) == {"Noon", "Evening"}


@pytest.mark.slow
def test_a_hundredth_more_orders_keep_labels_and_prices_times_100_are_held(lines, model, first):
    orders = lines.group_by("order_id").agg(pl.col("ordered_local").min())
    last = orders.sort("ordered_local", "order_id").tail(1785).select("order_id")
    year = lines.join(last, on="order_id", how="anti")
    yesterday = model.run("main", {"lines": year}, None)
    champion = Champion(1, yesterday.artifact, yesterday.metrics)
    today = model.run("main", {"lines": lines}, champion)
    assert today.decision.outcome == "promoted", today.decision.reason
    same = yesterday.tables["order_segments"].join(today.tables["order_segments"], on="order_id")
    assert len(same) == 178_437 - 1785
    assert (same["segment_id"] == same["segment_id_right"]).mean() >= 0.995

    broken = pl.concat(
        [year, lines.join(last, on="order_id").with_columns(unit_price=pl.col("unit_price") * 100)]
    )
    held = model.run("main", {"lines": broken}, champion)
    assert held.decision.outcome == "held"
    assert "PSI of price of added rows" in held.decision.reason
