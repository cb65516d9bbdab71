"""The same data and seed give the same bytes: whatever the threads, the order of rows, the process.

A planted shop of several tastes, large enough that blocks, groups of customers and threads matter.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import hashlib, os, sys
from datetime import datetime, timedelta
from pathlib import Path
import numpy as np
import polars as pl

threads, seed = int(sys.argv[1]), int(sys.argv[2])
os.cpu_count = lambda: threads

from ecorse import declared
from ecorse.models.declaration import Declaration, KINDS, load_declarations
from ecorse.recommenders import history, hybrid
from ecorse.training import customer_lists
from ecorse.training.run import run_model

# blocks of these few customers and products, too, are several
history.BLOCK_CELLS, hybrid.BLOCK_USERS, customer_lists.BLOCK_USERS = 20_000, 128, 150

random = np.random.default_rng(5)
CUSTOMERS, PRODUCTS, ORDERS = 400, 160, 2600
kinds = ("pen", "mug", "lamp", "rug")
products = pl.DataFrame({
    "product_id": [f"p{n:03}" for n in range(PRODUCTS)],
    "product_name": [f"{('red', 'blue', 'tall')[n % 3]} {kinds[n % 4]} {'abcdefgh'[n % 8]}x"
                     for n in range(PRODUCTS)],
    "category": [kinds[n % 4] for n in range(PRODUCTS)],
    "price_band": [("low", "high")[n // 4 % 2] for n in range(PRODUCTS)],
})
rows = []
for order in range(ORDERS):
    customer = int(CUSTOMERS * random.random() ** 2)
    at = datetime(2019, 1, 1) + timedelta(minutes=int(random.integers(0, 60 * 24 * 150)))
    popular = (PRODUCTS // 4 * random.random(3) ** 2).astype(int) * 4
    for item in set(popular + np.where(random.random(3) < 0.8, customer % 4, 1)):
        known = f"c{customer:03}" if order % 9 else None
        rows.append((f"o{order}", known, f"p{item:03}", at, "Austin", "morning"))
names = ["basket_id", "customer_id", "product_id", "at", "city", "daypart"]
lines = pl.DataFrame(rows, schema=names, orient="row").with_columns(
    kind=pl.lit("purchase"), source=pl.lit("orders")
)
every = [each for each in load_declarations() if each.task == "recommend"]
hybrid_of_all = next(each for each in every if each.name == "recommend_for_customers")
document = declared.parse_file(hybrid_of_all.path)
document["parameters"]["parts"] |= {
    "factors": {"class": "als", "parameters": {"rank": 16, "rounds": 3}},
    "pairs": {"class": "bpr", "parameters": {"rank": 16, "rounds": 3}},
}
document["windows"]["origins"] = 1
more = declared.check(document, KINDS["recommend"], "more.toml")
every.append(Declaration("recommend_more", "recommend", Path("recommend_more.toml"), more))
for declaration in every:
    inputs = {"products": products, "interactions": lines}
    if seed:
        shuffle = {"fraction": 1, "shuffle": True, "seed": seed}
        inputs = {name: frame.sample(**shuffle) for name, frame in inputs.items()}
    result = run_model(declaration, "main", inputs, None)
    print(declaration.name, "file", hashlib.sha256(result.artifact).hexdigest())
    for name in sorted(result.tables):
        frame = result.frame(name).drop("fit_seconds", "peak_mb", strict=False)
        assert frame.height or name == "recommender_trials", name
        print(declaration.name, name, hashlib.sha256(frame.write_csv().encode()).hexdigest())
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def told(threads: int, seed: int) -> list[str]:
    """The digests of every file and table, by a process of its own; ``seed`` shuffles the rows."""
    environment = os.environ | {name: str(threads) for name in THREADS}
    environment["PYTHONHASHSEED"] = str(seed)
    command = [sys.executable, "-c", SCRIPT, str(threads), str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def first() -> list[str]:
    return told(1, 0)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("threads", "seed"),
    [(2, 1), *(pytest.param(*more, marks=slow) for more in ((2, 2), (1, 3), (4, 4)))],
)
def test_files_and_tables_are_equal_for_threads_orders_of_rows_and_processes(first, threads, seed):
    assert {"recommend_for_customers file", "recommend_more user_recommendations"} <= {
        line.rpartition(" ")[0] for line in first
    }
    assert told(threads, seed) == first
