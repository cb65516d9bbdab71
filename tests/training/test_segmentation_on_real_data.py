"""The order segmentation on the real year of the electronics store (178,437 orders)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ecorse.models.base import Champion
from ecorse.training.run import run_model


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
def lines(shared_data):
    return read_lines(shared_data / "sales_monthly")


@pytest.fixture(scope="module")
def run(declare):
    def night(lines, champion=None):
        return run_model(
            declare("segment_orders"),
            "main",
            {"lines": lines.with_columns(clock_local="ordered_local")},
            champion,
        )

    return night


@pytest.fixture(scope="module")
def first(run, lines):
    return run(lines)


def test_every_order_has_one_label(first):
    table = first.frame("order_segments")
    assert (len(table), table["order_id"].n_unique()) == (178_437, 178_437)


def test_the_store_parts_into_noon_and_evening(first):
    assert first.metrics["hour_mixture_centres"] == pytest.approx([12, 20], abs=0.25)
    assert first.metrics["hour_mixture_share_agreed"] > 0.97
    hours = first.frame("segment_traits").filter(pl.col("feature") == "hour")
    assert hours["claim"].null_count() == 0  # each is told by its hour
    early = hours.filter(pl.col("claim") != "placed in the evening")
    assert len(hours) == 2 * len(early)
    assert early["value"].to_list() == pytest.approx([12] * len(early), abs=1)


@pytest.mark.slow
def test_a_hundredth_more_orders_keep_labels_and_prices_times_100_are_held(run, lines, first):
    orders = lines.group_by("order_id").agg(pl.col("ordered_local").min())
    last = orders.sort("ordered_local", "order_id").tail(1785).select("order_id")
    year = lines.join(last, on="order_id", how="anti")
    yesterday = run(year)
    champion = Champion(1, yesterday.artifact, yesterday.metrics)
    today = run(lines, champion)
    assert today.decision.outcome == "promoted", today.decision.reason
    same = yesterday.frame("order_segments").join(today.frame("order_segments"), on="order_id")
    assert len(same) == 178_437 - 1785
    assert (same["segment_id"] == same["segment_id_right"]).mean() >= 0.995

    broken = pl.concat(
        [year, lines.join(last, on="order_id").with_columns(unit_price=pl.col("unit_price") * 100)]
    )
    held = run(broken, champion)
    assert held.decision.outcome == "held"
    assert "PSI of price of added rows" in held.decision.reason
