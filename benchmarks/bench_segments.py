"""Segments of 1.2 million orders, beside scikit-learn on the same features.

What belongs here: generated orders in a Postgres of their own, a first and a second night of
`segment_orders`, and the peer: StandardScaler, PCA and KMeans over the finished matrix. What does
not: whether the segments are right (``tests/segments``).

Run ``python benchmarks/bench_segments.py``. The last lines are
``bench <name> <ratio> <better|worse> than <peer>``, ratio = peer / ours: CPU seconds and peak
memory of the process of the second night, as every night but the first is one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

SHOP, MODEL = "bench", "segment_orders"
SEED = 20190101
PRODUCTS, CATEGORIES, CITIES = 200, 12, 40
BLOCK_ORDERS = 100_000
LINES = (
    "shop_id text, order_id text, category text, city text, quantity integer, "
    "unit_price numeric, ordered_local timestamp, clock_local timestamp"
)


def generate(first: int, n_orders: int, lines_per_order: float) -> pl.DataFrame:
    """Generate orders at noon and in the evening, of cheap and costly goods."""
    shop, rng = np.random.default_rng(SEED), np.random.default_rng([SEED, first])
    is_cheap = shop.random(PRODUCTS) < 0.6
    price = np.exp(np.where(is_cheap, shop.normal(2.3, 0.5, 200), shop.normal(5.5, 0.6, 200)))
    category = shop.integers(0, CATEGORIES, PRODUCTS)
    share = np.cumsum(np.arange(1, PRODUCTS + 1) ** -0.8)
    orders = np.repeat(np.arange(n_orders), 1 + rng.poisson(lines_per_order - 1, n_orders))
    product = np.searchsorted(share / share[-1], rng.random(orders.size))
    is_evening = rng.random(n_orders) < 0.45
    hour = np.where(is_evening, rng.normal(19.5, 2.2, n_orders), rng.normal(11.8, 2.3, n_orders))
    minute = rng.integers(0, 365, n_orders) * 1440 + (hour % 24 * 60).astype(np.int64)
    city = np.minimum(rng.exponential(8, n_orders).astype(int), CITIES - 1)
    return pl.DataFrame({"order": orders + first}).select(
        shop_id=pl.lit(SHOP),
        order_id=pl.col("order").cast(pl.String).str.zfill(7),
        category=pl.format("category {}", pl.Series(category[product])),
        city=pl.format("city {}", pl.Series(city[orders])),
        quantity=pl.Series(1 + rng.poisson(0.15, orders.size)),
        unit_price=pl.Series(np.round(price[product], 2)),
        ordered_local=pl.datetime(2019, 1, 1) + pl.duration(minutes=pl.Series(minute[orders])),
        clock_local=pl.datetime(2019, 1, 1) + pl.duration(minutes=pl.Series(minute[orders])),
    )


def fill(build_id: int, n_orders: int, lines_per_order: float) -> int:
    """Write the order lines of a build; gives how many there are."""
    from ecorse.refresh.relations import build_relation
    from ecorse.warehouse.connect import connect
    from ecorse.warehouse.copy import copy_frame

    rows, relation = 0, build_relation("order_lines", build_id)
    with connect() as conn, conn.cursor() as cursor:
        cursor.execute(f'create table builds."{relation}" ({LINES})')
        for first in range(0, n_orders, BLOCK_ORDERS):
            lines = generate(first, min(BLOCK_ORDERS, n_orders - first), lines_per_order)
            copy_frame(cursor, ("builds", relation), lines)
            rows += lines.height
        cursor.execute(f'analyze builds."{relation}"')
    return rows


def run_night() -> dict[str, float]:
    """Run the model as the nightly flow does, and let the next night have it as its champion."""
    from ecorse.refresh.catalog import load_catalog
    from ecorse.refresh.steps import at_work, step
    from ecorse.refresh.tables import ensure_model_table
    from ecorse.training.run import relations_of, train_shop
    from ecorse.warehouse.connect import connect

    declaration = load_catalog().models[MODEL]
    with connect() as conn:
        (build_id,) = conn.execute("select max(build_id) from ops.build").fetchone() or (0,)
    with connect() as conn:
        for relation in relations_of(declaration):
            ensure_model_table(conn, relation, build_id)
    started, cpu = time.perf_counter(), time.process_time()
    with at_work(build_id, "bench") as work, step(work, MODEL) as running:
        trained = train_shop(declaration, running, SHOP)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if trained is None or trained.outcome != "promoted":
        raise SystemExit(f"{MODEL} was not promoted: {trained}")
    with connect() as conn:
        conn.execute("update ops.build set status = 'published' where build_id = %s", (build_id,))
        conn.execute(
            f'create table builds."build_pointer${build_id}" partition of builds.build_pointer '
            f"for values in ({build_id})"
        )
        conn.execute("insert into builds.build_pointer values (%s, %s)", (build_id, build_id))
    return {"seconds": seconds, "cpu": cpu, "segments": trained.rows["segments"]}


def save_features(path: Path) -> None:
    """The matrix that the peer starts from, all columns side by side."""
    from ecorse.features.blocks import stack
    from ecorse.features.orders import blocks_of, feature_space
    from ecorse.refresh.catalog import load_catalog
    from ecorse.training.inputs import read_inputs

    declaration = load_catalog().models[MODEL]
    lines = read_inputs(declaration, 1, SHOP)["lines"]
    space = feature_space(lines, declaration.file.features, declaration.file.entity.id)
    np.save(path, stack(blocks_of(space)))


def run_peer(path: Path, k: int) -> dict[str, float]:
    """Scale, turn and cluster a finished matrix; no reading, no choice of k, no tables."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.load(path)
    started, cpu = time.perf_counter(), time.process_time()
    pipeline = make_pipeline(StandardScaler(), PCA(0.9), KMeans(k, random_state=SEED))
    labels = pipeline.fit_predict(x)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "segments": int(labels.max()) + 1}


def start_child(role: str, *values: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", role, *values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{role} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{role}: {found['seconds']:.1f} s, {found['cpu']:.1f} CPU s, "
        f"peak {found['peak_mb']:.0f} MB, {found['segments']} segments",
        flush=True,
    )
    return found


def child(role: str, values: list[str]) -> None:
    if role == "features":
        save_features(Path(values[0]))
        found = {"seconds": 0.0, "cpu": 0.0, "segments": 0}
    else:
        found = run_peer(Path(values[0]), int(values[1])) if role == "peer" else run_night()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found | {"peak_mb": peak}))


def measure(home: Path, n_orders: int, lines_per_order: float) -> None:
    """Two nights and the peer, each in a process of its own, and the comparison."""
    from ecorse.refresh.builds import opened
    from ecorse.refresh.relations import build_relation
    from ecorse.warehouse.connect import connect

    with opened(as_of=None, known_by=None, holder="bench") as build_id:
        rows = fill(build_id, n_orders, lines_per_order)
        print(f"{n_orders:,} generated orders, {rows:,} lines", flush=True)
        start_child("first night")
    with opened(as_of=None, known_by=None, holder="bench") as second:
        names = [build_relation("order_lines", number) for number in (second, build_id)]
        with connect() as conn:
            conn.execute(f'create view builds."{names[0]}" as select * from builds."{names[1]}"')
        ours = start_child("second night")
    matrix = home / "features.npy"
    start_child("features", str(matrix))
    peer = start_child("peer", str(matrix), str(int(ours["segments"])))
    for name, key in (("segments", "cpu"), ("segments_memory", "peak_mb")):
        ratio = peer[key] / ours[key]
        word = "better" if ratio >= 1 else "worse"
        print(f"bench {name} {ratio:.2f} {word} than scikit-learn on finished features")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_200_000)
    parser.add_argument("--lines-per-order", type=float, default=1.42)
    parser.add_argument("--child", nargs="+")
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.child[1:])
        return

    from ecorse.postgres import EmbeddedPostgres
    from ecorse.settings import get_settings
    from ecorse.warehouse.migrate import migrate

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            os.environ["ECORSE_HOME"] = folder
            os.environ["ECORSE_DATABASE_URL"] = server.url("ecorse_etl")
            get_settings.cache_clear()
            migrate()
            measure(Path(folder), options.orders, options.lines_per_order)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
