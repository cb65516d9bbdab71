"""Nights of a segmentation on planted orders: truth found, repeatable, stable, held when due."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score

from ecorse.errors import DataError, ModelRejected
from ecorse.features.orders import feature_space
from ecorse.models.base import Champion
from ecorse.segments.axes import spec_hash
from ecorse.segments.kmeans import PcaKMeans, PcaKMeansConfig
from ecorse.training.envelope import unpack
from ecorse.training.run import run_model


def plant(n: int, seed: int, first: int = 0) -> pl.DataFrame:
    """``n`` orders of one line: morning or evening, pens or phones; all else even."""
    rng = np.random.default_rng(seed)
    evening, costly = rng.random(n) < 0.5, rng.random(n) < 0.5
    minutes = np.clip(np.where(evening, 20, 10) * 60 + rng.normal(0, 90, n), 0, 1439).astype(int)
    days = rng.integers(0, 365, n)
    midnight = datetime(2019, 1, 1)
    return pl.DataFrame(
        {
            "shop_id": ["main"] * n,
            "order_id": [f"{first + i:08d}" for i in range(n)],
            "category": np.where(costly, "Phones", "Pens"),
            "city": rng.choice(["Austin", "Boston", "Dallas"], n),
            "quantity": rng.integers(1, 3, n).astype(float),
            "unit_price": np.round(np.where(costly, 400, 4) * np.exp(rng.normal(0, 0.4, n)), 2),
            "ordered_local": [
                midnight + timedelta(days=int(d), minutes=int(m))
                for d, m in zip(days, minutes, strict=True)
            ],
            "truth": 2 * costly + evening,
        }
    )


@pytest.fixture(scope="module")
def run(declare):
    """One night of the shipped segmentation of orders, with changes of its declaration."""

    def night(lines, champion=None, **changes):
        declaration = declare("segment_orders", **changes)
        return run_model(
            declaration,
            "main",
            {"lines": lines.with_columns(clock_local="ordered_local")},
            champion,
        )

    return night


def published(result) -> Champion:
    return Champion(1, result.artifact, json.loads(json.dumps(result.metrics)))


def labels(result) -> pl.DataFrame:
    return result.frame("order_segments")


def model_of(result) -> PcaKMeans:
    return PcaKMeans.load(unpack(result.artifact)[1], PcaKMeansConfig())


@pytest.fixture(scope="module")
def orders():
    return plant(3000, 1)


@pytest.fixture(scope="module")
def first(run, orders):
    return run(orders)


def test_planted_groups_are_recovered(orders, first):
    assert first.decision.outcome == "promoted"
    joined = labels(first).join(orders, on="order_id")
    assert len(joined) == 3000
    assert first.params["k"] == 4
    assert adjusted_rand_score(joined["truth"], joined["segment_id"]) > 0.97


def test_the_hour_mixture_agrees_with_the_planted_parts(first):
    assert first.metrics["hour_mixture_centres"] == pytest.approx([10, 20], abs=0.15)
    assert first.metrics["hour_mixture_share_agreed"] > 0.98


def test_names_say_what_was_planted(first):
    names = first.frame("segments")["segment_name"].to_list()
    assert sorted(name.split(", ")[0] for name in names) == [
        "Placed in the evening",
        "Placed in the evening",
        "Placed in the morning",
        "Placed in the morning",
    ]
    assert len(set(names)) == 4


def test_planted_traits_come_before_what_is_even(first):
    weakest = first.frame("segment_traits").filter(pl.col("trait_rank") > 3)
    assert set(weakest["feature"]) == {"quantity", "weekday", "month", "city"}


def test_pca_keeps_the_declared_variance_in_unit_vectors(first):
    kept = first.frame("segmentation_components")
    assert kept["cumulative_share"].last() >= 0.9
    assert kept["cumulative_share"].to_list() == pytest.approx(
        np.cumsum(kept["explained_variance_share"]).tolist()
    )
    lengths = (
        first.frame("segmentation_loadings")
        .group_by("component")
        .agg((pl.col("loading") ** 2).sum())["loading"]
    )
    assert lengths.to_list() == pytest.approx([1.0] * len(kept))


def test_identical_data_keeps_every_label(run, orders, first):
    again = run(orders, published(first))
    assert again.decision.outcome == "promoted"
    assert labels(again).equals(labels(first))
    assert again.frame("segments").equals(first.frame("segments"))
    assert again.data_hash == first.data_hash


def test_one_percent_more_rows_keep_995_of_1000_labels(run, orders, first):
    night = published(first)
    rows = orders
    for number in range(5):
        rows = pl.concat([rows, plant(30, 100 + number, first=100_000 + 30 * number)])
        result = run(rows, night)
        assert result.decision.outcome == "promoted", result.decision.reason
        same = labels(first).join(labels(result), on="order_id")
        assert (same["segment_id"] == same["segment_id_right"]).mean() >= 0.995
        night = published(result)
    assert result.frame("segments")["segment_name"].to_list() == (
        first.frame("segments")["segment_name"].to_list()
    )


def test_frozen_axes_stay_while_k_stays(run, orders, first):
    later = run(pl.concat([orders, plant(30, 7, first=100_000)]), published(first))
    before, after = (model_of(r).model.axes.projection for r in (first, later))
    assert np.array_equal(before.components, after.components)


def test_a_reselection_carries_ids_and_names(run, orders, first):
    # more than twice the rows: everything is fitted anew, clusters come in any order
    more = pl.concat([orders, plant(3100, 9, first=100_000)])
    result = run(more, published(first))
    assert "6100 rows, and k was selected on 3000" in result.decision.reason
    same = labels(first).join(labels(result), on="order_id")
    assert (same["segment_id"] == same["segment_id_right"]).mean() > 0.99
    assert (same["segment_name"] == same["segment_name_right"]).mean() > 0.99


def test_prices_times_100_are_held_and_the_champion_labels(run, orders, first):
    champion = published(first)
    broken = orders.with_columns(unit_price=pl.col("unit_price") * 100)
    result = run(broken, champion)
    assert result.decision.outcome == "held"
    assert "PSI of price" in result.decision.reason
    assert result.artifact == champion.artifact
    assert (
        labels(result)["segment_name"]
        .unique()
        .is_in(first.frame("segments")["segment_name"].implode())
        .all()
    )


def test_one_bad_file_is_held_though_it_is_a_sixth_of_the_rows(run, orders, first):
    bad = plant(600, 8, first=100_000).with_columns(unit_price=pl.col("unit_price") * 100)
    result = run(pl.concat([orders, bad]), published(first))
    assert result.decision.outcome == "held"
    assert "price of added rows" in result.decision.reason


def test_held_labels_are_the_champions_own(run, orders, first):
    # half the evening orders move to 3 in the morning: the input drifted
    moved = orders.with_columns(
        ordered_local=pl.when(pl.col("ordered_local").dt.hour() >= 18)
        .then(pl.col("ordered_local").dt.truncate("1d") + timedelta(hours=3))
        .otherwise("ordered_local")
    )
    result = run(moved, published(first))
    assert result.decision.outcome == "held"
    unmoved = moved.filter(pl.col("ordered_local") == orders["ordered_local"]).select("order_id")
    kept = labels(first).join(unmoved, on="order_id", how="semi")
    assert labels(result).join(unmoved, on="order_id", how="semi").equals(kept)


def test_changed_features_are_selected_anew_and_keep_ids(run, declare, orders, first):
    features = declare("segment_orders").file.features
    fewer = [f.model_dump() for f in features if f.name not in ("city", "month")]
    result = run(orders, published(first), features=fewer)
    assert result.decision.outcome == "promoted"
    assert "the features changed (month is gone, city is gone)" in result.decision.reason
    same = labels(first).join(labels(result), on="order_id")
    assert (same["segment_id"] == same["segment_id_right"]).mean() > 0.99


def test_other_words_for_a_feature_are_no_other_feature_space(declare, orders):
    def of(features):
        lines = orders.with_columns(clock_local="ordered_local")
        return spec_hash(feature_space(lines, features, "order_id"), 0.9)

    plain = declare("segment_orders").file.features
    reworded = [f.model_copy(update={"low": "cheap", "high": "dear"}) for f in plain]
    weighed = [f.model_copy(update={"weight": 0.9}) for f in plain]
    assert of(reworded) == of(plain)
    assert of(weighed) != of(plain)


def test_a_tampered_champion_is_refused(run, orders, first):
    with pytest.raises(ModelRejected):
        run(orders, Champion(1, first.artifact[:-100], first.metrics))


def test_an_unseen_city_and_category_are_labelled_and_counted(run, orders, first):
    new = plant(10, 5, first=200_000).with_columns(
        city=pl.lit("Reykjavík"), category=pl.lit("Soap")
    )
    result = run(pl.concat([orders, new]), published(first))
    assert len(labels(result)) == 3010
    assert result.decision.numbers["psi"]["city"] > 0


SCRIPT = """
import hashlib, json, sys
import polars as pl
from ecorse.models.base import Champion, NoParameters, Segmentation
from ecorse.models.declaration import Declaration
from ecorse.models.declaration import load_declarations
from ecorse.segments.kmeans import PcaKMeans, PcaKMeansConfig
from ecorse.training.envelope import unpack
from ecorse.training.run import run_model
declaration = next(d for d in load_declarations() if d.name == "segment_orders")
lines = pl.read_parquet(sys.argv[1]).with_columns(clock_local="ordered_local")
if int(sys.argv[2]):
    lines = lines.sample(fraction=1, shuffle=True, seed=int(sys.argv[2]))
first = run_model(declaration, "main", {"lines": lines}, None)
champion = Champion(1, first.artifact, first.metrics)
again = run_model(declaration, "main", {"lines": lines}, champion)
for result in (first, again):
    digest = hashlib.sha256(result.data_hash.encode() + result.artifact)
    for name in sorted(result.tables):
        frame = result.frame(name).drop("fit_seconds", "peak_mb", strict=False)
        digest.update(frame.write_csv().encode())
    model = PcaKMeans.load(unpack(result.artifact)[1], PcaKMeansConfig())
    centroids = model.model.centroids
    print(json.dumps([digest.hexdigest(), centroids.tolist()]))
"""


def test_labels_are_identical_for_any_threads_order_and_process(orders, tmp_path):
    path = tmp_path / "lines.parquet"
    orders.write_parquet(path)
    outputs = []
    for threads, seed in ((1, 0), (2, 3), (1, 4)):
        environment = os.environ | {
            name: str(threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path), str(seed)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append([json.loads(line) for line in done.stdout.splitlines()])
    for night in (0, 1):
        assert len({output[night][0] for output in outputs}) == 1
        for output in outputs:
            np.testing.assert_allclose(output[night][1], outputs[0][night][1], atol=1e-9, rtol=0)


def test_two_trainings_at_once_give_what_they_give_one_after_the_other(run):
    nights = [plant(2500, seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(run, nights))
        again = list(pool.map(run, nights, map(published, at_once)))
    for lines, first, second in zip(nights, at_once, again, strict=True):
        alone = run(lines)
        assert first.artifact == alone.artifact
        assert second.artifact == run(lines, published(alone)).artifact
        for name in alone.tables.keys() - {"segment_drift"}:  # on a first night there is none
            for result in (first, alone):
                assert result.frame(name).height
            volatile = ["fit_seconds", "peak_mb"]
            assert (
                first.frame(name)
                .drop(volatile, strict=False)
                .equals(alone.frame(name).drop(volatile, strict=False))
            )


ONE = plant(1, 0)


@pytest.mark.parametrize(
    ("lines", "orders_in", "k"),
    [
        (ONE, 1, 1),
        (pl.concat([ONE.with_columns(order_id=pl.lit(f"{i}")) for i in range(20)]), 20, 1),
        (plant(2, 0), 2, 2),
        (pl.concat([plant(2, 0), plant(2, 0, first=2), plant(2, 0, first=4)]), 6, 2),
    ],
    ids=["one row", "all identical", "two rows", "two distinct rows"],
)
def test_too_little_data_gives_fewer_segments_and_says_so(run, lines, orders_in, k):
    result = run(lines)
    segments = result.frame("segments")
    assert (len(labels(result)), len(segments)) == (orders_in, k)
    assert segments["is_degenerate"].all()
    assert labels(result)["segment_id"].n_unique() == k
    assert run(lines, published(result)).decision.outcome == "promoted"


def test_a_shop_that_began_with_one_order_is_not_held_for_ever(run, orders):
    result = run(orders, published(run(ONE)))
    assert result.decision.outcome == "promoted"
    assert result.params["k"] == 4


def test_no_rows_give_empty_tables_and_no_model(run, orders):
    result = run(orders.head(0))
    assert result.decision.outcome == "refused"
    assert result.artifact == b""
    assert all(len(result.frame(name)) == 0 for name in result.tables)


def test_no_rows_leave_the_champion(run, orders, first):
    result = run(orders.head(0), published(first))
    assert (result.decision.outcome, result.artifact) == ("held", first.artifact)


def test_a_tiny_segment_is_flagged(run, orders):
    flagged = run(
        orders,
        segmentation={"smallest_share": 0.24},
        parameters={"selection": {"smallest_share": 0.24, "k_max": 4}},
    ).frame("segments")
    assert flagged.filter(pl.col("share") < 0.24)["is_small"].all()
    assert not flagged.filter(pl.col("share") >= 0.24)["is_small"].any()


def test_points_are_a_sample_of_the_labels(run, orders, first):
    points = run(orders, segmentation={"points": 100}).frame("order_segment_points")
    assert len(points) == 100
    joined = points.join(labels(first), on="order_id")
    assert (joined["segment_id"] == joined["segment_id_right"]).all()


def test_customers_are_a_matter_of_configuration(run, orders):
    # each customer buys five times in one of the four ways; some lines have no customer
    lines = orders.with_columns(
        customer_id=pl.format("{}-{}", "truth", pl.int_range(pl.len()).over("truth") // 5)
    ).with_columns(pl.when(pl.int_range(pl.len()) % 10 > 0).then("customer_id"))
    result = run(lines, segmentation={"name": "buyers", "entity": "customer"})
    table = result.frame("customer_segments")
    assert table.columns[:3] == ["shop_id", "customer_id", "segmentation"]
    assert set(table["segmentation"]) == {"buyers"}
    assert set(table["customer_id"]) == set(lines["customer_id"].drop_nulls())
    truth = table["customer_id"].str.head(1)
    assert adjusted_rand_score(truth, table["segment_id"]) > 0.99
    assert "customers" in result.frame("segments")["meaning"][0]
    assert not any("hour_mixture" in name for name in result.metrics)  # they have no one hour


def test_a_missing_input_column_is_named(run, orders):
    with pytest.raises(DataError, match="no column city"):
        run(orders.drop("city"))


def test_the_leaderboard_has_the_figures_of_the_fit(first):
    scores = first.frame("model_scores")
    figures = dict(scores.select("metric", "value").rows())
    assert figures["silhouette"] == first.metrics["silhouette"]
    assert figures["smallest_share"] == first.frame("segments")["share"].min()
    assert scores.filter("is_primary")["metric"].to_list() == ["silhouette"]
    assert set(scores["method"]) == {"orders"}
    assert set(scores["task"]) == {"segment"}
    assert set(scores["cases"]) == {3000}
