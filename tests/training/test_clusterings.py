"""Nights of the declared density and tree segmentations: structure, quiet nights, repeatability."""

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

from ecorse.models.base import Champion
from ecorse.training.run import run_model
from ecorse.training.segmentation_file import declared_hash

NAMES = (
    "segment_customers_dbscan",
    "segment_customers_hdbscan",
    "segment_customers_hierarchical",
    "segment_orders_dbscan",
)
# group -> revenue, days away, purchases, price, hour
GROUPS = {
    "big": (5000.0, 5.0, 20.0, 250.0, 12),
    "small": (20.0, 300.0, 1.0, 10.0, 20),
    "regular": (400.0, 20.0, 10.0, 40.0, 9),
}


def customers(each=100, groups=tuple(GROUPS), first=0, seed=0) -> pl.DataFrame:
    """Three lines of each customer of each group, as [inputs] of both entities select them."""
    rng = np.random.default_rng([seed, first])
    rows = []
    for group in groups:
        revenue, away, purchases, price, hour = GROUPS[group]
        for number in range(first, first + each):
            spent, days, often, cost = (
                value * np.exp(rng.normal(0, 0.1)) for value in (revenue, away, purchases, price)
            )
            for line in range(3):
                at = datetime(2019, 1, 7, hour) + timedelta(
                    days=int(rng.integers(0, 350)), minutes=int(rng.integers(0, 60))
                )
                customer = f"{group}-{number:04}"
                rows.append(
                    ("main", customer, f"{customer}-{line}", group, "Boston", 1.0, float(cost), at,
                     at, float(spent), float(often), float(days))
                )  # fmt: skip
    names = ("shop_id", "customer_id", "order_id", "category", "city", "quantity", "unit_price",
             "ordered_local", "clock_local", "revenue", "purchases", "days_away")  # fmt: skip
    return pl.DataFrame(rows, schema=list(names), orient="row")


@pytest.fixture
def run(declare):
    def night(name, lines, champion=None, **changes):
        return run_model(declare(name, **changes), "main", {"lines": lines}, champion)

    return night


def published(result) -> Champion:
    return Champion(1, result.artifact, json.loads(json.dumps(result.metrics)))


def labels(result) -> pl.DataFrame:
    table = next(name for name in ("customer_segments", "order_segments") if name in result.tables)
    return result.frame(table)


def planted_agreement(result) -> float:
    frame = labels(result)
    entity = "customer_id" if "customer_id" in frame.columns else "order_id"
    group = frame[entity].str.split("-").list.first()
    return adjusted_rand_score(group.to_list(), frame["segment_id"].to_list())


@pytest.mark.parametrize("name", NAMES)
def test_planted_groups_are_found_and_a_quiet_night_changes_nothing(run, name):
    lines = customers()
    first = run(name, lines)
    assert first.decision.outcome == "promoted"
    assert planted_agreement(first) > 0.9
    assert not first.frame("segments")["is_degenerate"].any()
    later = pl.concat([lines, customers(5, first=900)])
    second = run(name, later, published(first))
    assert second.decision.outcome == "promoted"
    before, after = labels(first), labels(second)
    key = before.columns[1]
    both = before.join(after, on=key, suffix="_after")
    assert (both["segment_id"] == both["segment_id_after"]).all()
    assert planted_agreement(second) > 0.9


def test_a_dense_group_that_is_new_is_noticed_among_what_was_noise(run):
    lines = customers(groups=("big", "small"))
    first = run("segment_customers_dbscan", lines)
    assert first.frame("segments").filter(pl.col("segment_id") > 0).height == 2
    grown = pl.concat([lines, customers(60, groups=("regular",))])
    loose = {"max_psi": 100.0}  # a whole group is a drift of inputs, too
    second = run("segment_customers_dbscan", grown, published(first), gate=loose)
    assert "the share in no segment rose" in second.decision.reason
    assert planted_agreement(second) > 0.9
    ids = dict(labels(first).select("customer_id", "segment_id").rows())
    kept = [ids[c] == s for c, s in labels(second).select("customer_id", "segment_id").rows()
            if c in ids]  # fmt: skip
    assert np.mean(kept) > 0.95


def test_customers_like_nobody_else_are_in_no_segment(run):
    strange = customers(12, groups=("big",), first=800).with_columns(
        customer_id="strange-" + pl.col("customer_id"),
        revenue=pl.col("customer_id").rank("dense").cast(pl.Float64).mul(1.9).exp().clip(1, 1e12),
        days_away=pl.col("customer_id").rank("dense").mul(77).cast(pl.Float64),
    )
    result = run("segment_customers_dbscan", pl.concat([customers(), strange]))
    nobody = labels(result).filter(pl.col("customer_id").str.starts_with("strange"))
    assert (nobody["segment_id"] == 0).mean() > 0.5
    assert set(nobody.filter(segment_id=0)["segment_name"]) == {"In no segment"}
    share = (labels(result)["segment_id"] == 0).mean()
    scores = dict(result.frame("model_scores").select("metric", "value").rows())
    assert scores["noise_share"] == pytest.approx(share)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["one", "two", "identical", "one product"])
def test_tiny_shops_have_segments_and_say_that_they_tell_little(run, name, kind):
    lines = {
        "one": lambda: customers(1, groups=("big",)),
        "two": lambda: customers(1, groups=("big", "small")),
        "identical": lambda: pl.concat(
            [customers(1, groups=("big",)).with_columns(
                customer_id=pl.lit(f"c{i}"), order_id=pl.lit(f"o{i}")) for i in range(30)]
        ),
        "one product": lambda: customers(40, groups=("big",)).with_columns(unit_price=pl.lit(5.0)),
    }[kind]()  # fmt: skip
    result = run(name, lines)
    frame = result.frame("segments")
    assert frame["share"].sum() == pytest.approx(1.0)
    assert labels(result).height == frame["members"].sum()
    if kind != "one product":
        assert frame["is_degenerate"].all()
    again = run(name, lines, published(result))
    assert labels(again).equals(labels(result))


@pytest.mark.parametrize("name", ["segment_customers_dbscan", "segment_customers_hdbscan"])
def test_many_in_one_crowd_are_told_that_no_structure_was_found(run, name):
    """Two segments of 60 % each there cannot be: no setting is allowed, of however many rows."""
    result = run(name, customers(), parameters={"smallest_share": 0.6})
    frame = result.frame("segments")
    assert frame["members"].to_list() == [300]
    assert frame["is_degenerate"].to_list() == [True]
    assert frame["finding"].item().startswith("No structure was found: ")
    assert "too little" not in frame["finding"].item()
    again = run(name, customers(), published(result), parameters={"smallest_share": 0.6})
    assert again.frame("segments")["finding"].item() == frame["finding"].item()


def test_what_is_declared_is_told_apart_by_what_changes_labels(declare):
    """A jump after another [search] was declared is declared; one after other words is not."""
    name = "segment_customers_hierarchical"
    shipped = declare(name)
    first, *others = [feature.model_dump() for feature in shipped.file.features]
    reworded = declare(name, features=[first | {"low": "few", "high": "many"}, *others])
    assert declared_hash(reworded) == declared_hash(shipped)
    hashes = {declared_hash(declare(name, search={"trials": n})) for n in (2, 3)}
    assert len(hashes | {declared_hash(shipped)}) == 3


def test_a_search_is_kept_for_the_next_night_and_its_trials_are_published(run):
    name, lines = "segment_customers_hierarchical", customers()
    first = run(name, lines)
    trials = first.frame("segmentation_trials")
    assert trials["trial"].to_list() == [1, 2, 3, 4, 5]
    assert trials["is_chosen"].sum() == 1
    assert set(trials["segmentation"]) == {"customers_hierarchical"}
    second = run(name, lines, published(first))
    assert second.artifact == first.artifact
    assert second.frame("segmentation_trials").equals(trials)
    changed = run(name, lines, published(first), search={"trials": 2})
    assert "the declared search changed" in changed.decision.reason
    assert changed.frame("segmentation_trials").height == 2


def test_the_tree_and_the_curves_are_published(run):
    lines = customers()
    tree = run("segment_customers_hierarchical", lines)
    merges = tree.frame("segmentation_dendrogram")
    assert merges.height == 299
    assert merges["height"].is_sorted()
    k = tree.frame("segmentation_k").filter("is_chosen")["k"].item()
    assert merges.filter(~pl.col("is_below_cut")).height == k - 1
    density = run("segment_customers_dbscan", lines)
    curve = density.frame("segmentation_k_distance")
    for (_,), part in curve.group_by("min_samples"):
        part = part.sort("place")
        assert part["distance"].is_sorted()
        assert part["is_knee"].sum() == 1
        assert part["rows_share"].to_list()[-1] == 1.0
    assert density.frame("segmentation_density_grid")["is_chosen"].sum() == 1


SCRIPT = """
import hashlib, sys
from pathlib import Path
import polars as pl
from ecorse.models.base import Champion
from ecorse.models.declaration import read_declarations
from ecorse.training.run import run_model
for declaration in read_declarations(map(Path, sys.argv[3:])):
    lines = pl.read_parquet(sys.argv[1])
    if int(sys.argv[2]):
        lines = lines.sample(fraction=1, shuffle=True, seed=int(sys.argv[2]))
    first = run_model(declaration, "main", {"lines": lines.clone()}, None)
    champion = Champion(1, first.artifact, first.metrics)
    again = run_model(declaration, "main", {"lines": lines}, champion)
    for result in (first, again):
        digest = hashlib.sha256(result.data_hash.encode() + result.artifact)
        for table in sorted(result.tables):
            frame = result.frame(table).drop("fit_seconds", "peak_mb", strict=False)
            digest.update(frame.write_csv().encode())
        print(declaration.name, digest.hexdigest())
"""


def test_five_processes_give_the_same_bytes_for_any_threads_and_order(tmp_path, declare):
    path = tmp_path / "lines.parquet"
    rng = np.random.default_rng(1)  # no clean groups: what is near a border must repeat too
    lines = customers(150)
    blurred = {
        name: pl.Series(lines[name].to_numpy() * np.exp(rng.normal(0, 0.8, lines.height)))
        for name in ("revenue", "days_away", "unit_price")
    }
    lines.with_columns(**blurred).write_parquet(path)

    paths = [str(declare(name).path) for name in NAMES]

    def one(case: tuple[int, int]) -> str:
        threads, seed = case
        environment = os.environ | {
            name: str(threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
        }
        command = [sys.executable, "-c", SCRIPT, str(path), str(seed), *paths]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    with ThreadPoolExecutor(2) as pool:
        outputs = list(pool.map(one, ((1, 0), (2, 0), (1, 3), (2, 4), (2, 5))))
    assert len(outputs[0].splitlines()) == 2 * len(NAMES)
    assert len(set(outputs)) == 1
