"""Nights of a segmentation on planted orders: truth found, repeatable, stable, held when due."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import tomllib
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from ecorse.segments.artifact import read_artifact
from sklearn.metrics import adjusted_rand_score

from ecorse.errors import ConfigError, DataError, ModelRejected
from ecorse.models.base import Champion
from ecorse.segments.kmeans import PcaKMeans
from ecorse.settings import PROJECT_DIR

DECLARATION = PROJECT_DIR / "include" / "models" / "segment_orders.toml"


def load_config() -> dict:
    return tomllib.loads(DECLARATION.read_text(encoding="utf-8"))


def plant(n: int, seed: int, first: int = 0) -> pl.DataFrame:
    """``n`` orders of one line: noon or evening, pens or phones, independently; all else even."""
    rng = np.random.default_rng(seed)
    evening, costly = rng.random(n) < 0.5, rng.random(n) < 0.5
    minutes = np.clip(np.where(evening, 20, 12) * 60 + rng.normal(0, 90, n), 0, 1439).astype(int)
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


def run(lines, champion=None, config=None):
    return PcaKMeans(config or load_config()).run("main", {"lines": lines}, champion)


def published(result) -> Champion:
    return Champion(1, result.artifact, json.loads(json.dumps(result.metrics)))


def labels(result) -> pl.DataFrame:
    return result.tables["order_segments"]


@pytest.fixture(scope="module")
def orders():
    return plant(3000, 1)


@pytest.fixture(scope="module")
def first(orders):
    return run(orders)


def test_planted_groups_are_recovered(orders, first):
    assert first.decision.outcome == "promoted"
    joined = labels(first).join(orders, on="order_id")
    assert len(joined) == 3000
    assert first.params["k"] == 4
    assert adjusted_rand_score(joined["truth"], joined["segment_id"]) > 0.97


def test_the_hour_mixture_agrees_with_the_planted_parts(first):
    found = first.metrics["hour_mixture_agreement"]
    assert found["centres"] == pytest.approx([12, 20], abs=0.15)
    assert found["share_agreed"] > 0.98


def test_names_say_what_was_planted(first):
    names = first.tables["segments"]["segment_name"].to_list()
    assert sorted(name.split(", ")[0] for name in names) == ["Evening", "Evening", "Noon", "Noon"]
    assert len(set(names)) == 4


def test_planted_traits_come_before_what_is_even(first):
    weakest = first.tables["segment_traits"].filter(pl.col("trait_rank") > 3)
    assert set(weakest["feature"]) == {"quantity", "weekday", "month", "city"}


def test_pca_keeps_the_declared_variance_in_unit_vectors(first):
    kept = first.tables["segmentation_components"]
    assert kept["cumulative_share"].last() >= 0.9
    assert kept["cumulative_share"].to_list() == pytest.approx(
        np.cumsum(kept["explained_variance_share"]).tolist()
    )
    lengths = (
        first.tables["segmentation_loadings"]
        .group_by("component")
        .agg((pl.col("loading") ** 2).sum())["loading"]
    )
    assert lengths.to_list() == pytest.approx([1.0] * len(kept))


def test_identical_data_keeps_every_label(orders, first):
    again = run(orders, published(first))
    assert again.decision.outcome == "promoted"
    assert labels(again).equals(labels(first))
    assert again.tables["segments"].equals(first.tables["segments"])
    assert again.data_hash == first.data_hash


def test_one_percent_more_rows_keep_995_of_1000_labels(orders, first):
    night = published(first)
    rows = orders
    for number in range(5):
        rows = pl.concat([rows, plant(30, 100 + number, first=100_000 + 30 * number)])
        result = run(rows, night)
        assert result.decision.outcome == "promoted", result.decision.reason
        same = labels(first).join(labels(result), on="order_id")
        assert (same["segment_id"] == same["segment_id_right"]).mean() >= 0.995
        night = published(result)
    assert result.tables["segments"]["segment_name"].to_list() == (
        first.tables["segments"]["segment_name"].to_list()
    )


def test_frozen_axes_stay_while_k_stays(orders, first):
    later = run(pl.concat([orders, plant(30, 7, first=100_000)]), published(first))
    before, after = (read_artifact(r.artifact).pipeline["pca"] for r in (first, later))
    assert np.array_equal(before.components_, after.components_)


def test_a_reselection_carries_ids_and_names(orders, first):
    # more than twice the rows: everything is fitted anew, clusters come in any order
    more = pl.concat([orders, plant(3100, 9, first=100_000)])
    result = run(more, published(first))
    assert "6100 rows, and k was selected on 3000" in result.decision.reason
    same = labels(first).join(labels(result), on="order_id")
    assert (same["segment_id"] == same["segment_id_right"]).mean() > 0.99
    assert (same["segment_name"] == same["segment_name_right"]).mean() > 0.99


def test_prices_times_100_are_held_and_the_champion_labels(orders, first):
    champion = published(first)
    broken = orders.with_columns(unit_price=pl.col("unit_price") * 100)
    result = run(broken, champion)
    assert result.decision.outcome == "held"
    assert "PSI of price" in result.decision.reason
    assert result.artifact == champion.artifact
    assert (
        labels(result)["segment_name"]
        .unique()
        .is_in(first.tables["segments"]["segment_name"].implode())
        .all()
    )


def test_one_bad_file_is_held_though_it_is_a_sixth_of_the_rows(orders, first):
    bad = plant(600, 8, first=100_000).with_columns(unit_price=pl.col("unit_price") * 100)
    result = run(pl.concat([orders, bad]), published(first))
    assert result.decision.outcome == "held"
    assert "price of added rows" in result.decision.reason


def test_held_labels_are_the_champions_own(orders, first):
    # half the evening orders move to 3 in the morning: the input drifted
    moved = orders.with_columns(
        ordered_local=pl.when(pl.col("ordered_local").dt.hour() >= 18)
        .then(pl.col("ordered_local").dt.truncate("1d") + timedelta(hours=3))
        .otherwise("ordered_local")
    )
    result = run(moved, published(first))
    assert result.decision.outcome == "held"
    noon = moved.filter(pl.col("ordered_local") == orders["ordered_local"]).select("order_id")
    kept = labels(first).join(noon, on="order_id", how="semi")
    assert labels(result).join(noon, on="order_id", how="semi").equals(kept)


def test_a_raised_generation_starts_anew(orders, first):
    config = load_config()
    config["segmentation"]["generation"] = 2
    broken = orders.with_columns(unit_price=pl.col("unit_price") * 100)
    result = run(broken, published(first), config)
    assert result.decision.outcome == "promoted"
    assert "generation 1, declared 2" in result.decision.reason


def test_changed_features_are_selected_anew_and_keep_ids(orders, first):
    config = load_config()
    config["features"] = [f for f in config["features"] if f["name"] not in ("city", "month")]
    result = run(orders, published(first), config)
    assert result.decision.outcome == "promoted"
    assert "declared features changed" in result.decision.reason
    same = labels(first).join(labels(result), on="order_id")
    assert (same["segment_id"] == same["segment_id_right"]).mean() > 0.99


def test_other_words_for_a_feature_are_no_other_feature_space():
    config = load_config()
    plain = PcaKMeans(config).config.spec_hash
    price = next(f for f in config["features"] if f["name"] == "price")
    price |= {"low": "cheap", "high": "dear"}
    assert PcaKMeans(config).config.spec_hash == plain
    price["weight"] = 0.9
    assert PcaKMeans(config).config.spec_hash != plain


def test_a_tampered_champion_is_refused(orders, first):
    with pytest.raises(ModelRejected):
        run(orders, Champion(1, first.artifact[:-100], first.metrics))


def test_an_unseen_city_and_category_are_labelled_and_counted(orders, first):
    new = plant(10, 5, first=200_000).with_columns(
        city=pl.lit("Reykjavík"), category=pl.lit("Soap")
    )
    result = run(pl.concat([orders, new]), published(first))
    assert len(labels(result)) == 3010
    assert result.decision.numbers["psi"]["city"] > 0


SCRIPT = """
import hashlib, json, sys, tomllib
import polars as pl
from ecorse.models.base import Champion
from ecorse.segments.artifact import read_artifact
from ecorse.segments.kmeans import PcaKMeans
with open(sys.argv[2], "rb") as file:
    model = PcaKMeans(tomllib.load(file))
lines = pl.read_parquet(sys.argv[1])
if int(sys.argv[3]):
    lines = lines.sample(fraction=1, shuffle=True, seed=int(sys.argv[3]))
first = model.run("main", {"lines": lines}, None)
again = model.run("main", {"lines": lines}, Champion(1, first.artifact, first.metrics))
for result in (first, again):
    digest = hashlib.sha256(result.data_hash.encode() + result.artifact)
    for name in sorted(result.tables):
        digest.update(result.tables[name].write_csv().encode())
    centroids = read_artifact(result.artifact).pipeline["kmeans"].cluster_centers_
    print(json.dumps([digest.hexdigest(), centroids.tolist()]))
"""


def test_labels_are_identical_for_any_threads_order_and_process(orders, tmp_path):
    path = tmp_path / "lines.parquet"
    orders.write_parquet(path)
    outputs = []
    for threads, seed in ((1, 0), (2, 0), (2, 3), (1, 4), (2, 5)):
        environment = os.environ | {
            name: str(threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path), str(DECLARATION), str(seed)],
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
def test_too_little_data_gives_fewer_segments_and_says_so(lines, orders_in, k):
    result = run(lines)
    segments = result.tables["segments"]
    assert (len(labels(result)), len(segments)) == (orders_in, k)
    assert segments["is_degenerate"].all()
    assert labels(result)["segment_id"].n_unique() == k
    assert run(lines, published(result)).decision.outcome == "promoted"


def test_a_shop_that_began_with_one_order_is_not_held_for_ever(orders):
    result = run(orders, published(run(ONE)))
    assert result.decision.outcome == "promoted"
    assert result.params["k"] == 4


def test_no_rows_give_empty_tables_and_no_model(orders):
    result = run(orders.head(0))
    assert result.decision.outcome == "refused"
    assert result.artifact == b""
    assert all(len(table) == 0 for table in result.tables.values())


def test_no_rows_leave_the_champion(orders, first):
    result = run(orders.head(0), published(first))
    assert (result.decision.outcome, result.artifact) == ("held", first.artifact)


def test_a_tiny_segment_is_flagged(orders):
    config = load_config()
    config["selection"] |= {"smallest_share": 0.24, "k_max": 4}
    flagged = run(orders, config=config).tables["segments"]
    assert flagged.filter(pl.col("share") < 0.24)["is_small"].all()
    assert not flagged.filter(pl.col("share") >= 0.24)["is_small"].any()


def test_points_are_a_sample_of_the_labels(orders, first):
    config = load_config()
    config["points"]["rows"] = 100
    points = run(orders, config=config).tables["order_segment_points"]
    assert len(points) == 100
    joined = points.join(labels(first), on="order_id")
    assert (joined["segment_id"] == joined["segment_id_right"]).all()


def test_customers_are_a_matter_of_configuration(orders):
    config = copy.deepcopy(load_config())
    config["segmentation"]["name"] = "customers"
    config["entity"] = {
        "id": "customer_id", "noun": "customers", "table": "customer", "covers": "customers"
    }  # fmt: skip
    # each customer buys five times in one of the four ways; some lines have no customer
    lines = orders.with_columns(
        customer_id=pl.format("{}-{}", "truth", pl.int_range(pl.len()).over("truth") // 5)
    ).with_columns(pl.when(pl.int_range(pl.len()) % 10 > 0).then("customer_id"))
    result = run(lines, config=config)
    table = result.tables["customer_segments"]
    assert table.columns == ["shop_id", "customer_id", "segmentation", "segment_id", "segment_name"]
    assert set(table["customer_id"]) == set(lines["customer_id"].drop_nulls())
    truth = table["customer_id"].str.head(1)
    assert adjusted_rand_score(truth, table["segment_id"]) > 0.99
    assert "customers" in result.tables["segments"]["meaning"][0]


def test_a_missing_input_column_is_named(orders):
    with pytest.raises(DataError, match="no column city"):
        run(orders.drop("city"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("pca"), "'pca' is missing"),
        (lambda c: c["selection"].update(k_min=9), "2 <= k_min <= k_max"),
        (lambda c: c["selection"].update(k_best=9), "k_best"),
        (lambda c: c["entity"].update(table="x; drop table"), "becomes part of SQL"),
        (lambda c: c["pca"].update(variance_share=1.5), "variance_share"),
    ],
)
def test_a_wrong_declaration_is_refused(change, message):
    config = load_config()
    change(config)
    with pytest.raises(ConfigError, match=message):
        PcaKMeans(config)
