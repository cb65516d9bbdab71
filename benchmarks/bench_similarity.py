"""Item similarity at 50,000 products x 400,000 orders, against implicit's CosineRecommender.

What belongs here: generated orders, both programs each in processes of their own, the comparison of
their answers. What does not: correctness on small data (``tests/recommenders``).

Run ``python benchmarks/bench_similarity.py``; needs the extra ``bench``. The last lines are
``bench <name> <ratio> <better|worse> than <peer>``, ratio = peer / ours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from implicit.nearest_neighbours import CosineRecommender

    from ecorse.recommenders.counting import Neighbours

TOP_N = 20
SEED = 20190101
TIE = 1e-8


def generate(n_items: int, n_orders: int) -> sparse.csr_matrix:
    """Generate baskets of 1 + Poisson(3) lines, popularity a power law with exponent 0.8."""
    rng = np.random.default_rng(SEED)
    share = np.arange(1, n_items + 1) ** -0.8
    lines = 1 + rng.poisson(3, n_orders)
    places = np.searchsorted(np.cumsum(share / share.sum()), rng.random(lines.sum()))
    items = rng.permutation(n_items)[np.minimum(places, n_items - 1)]
    orders = np.repeat(np.arange(n_orders), lines)
    matrix = sparse.csr_matrix((np.ones(orders.size), (orders, items)), shape=(n_orders, n_items))
    matrix.data[:] = 1.0
    return matrix


def run_ours(matrix: sparse.csr_matrix) -> Neighbours:
    from ecorse.recommenders.counting import top_co_purchases

    return top_co_purchases(matrix, TOP_N)


def run_peer(matrix: sparse.csr_matrix) -> CosineRecommender:
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=TOP_N + 1)  # its neighbours include the item itself
    model.fit(matrix, show_progress=False)
    return model


def as_matrix(answer: Neighbours | CosineRecommender, n_items: int) -> sparse.csr_matrix:
    """Either answer in one shape, to be compared."""
    if hasattr(answer, "similarity"):
        return answer.similarity.tocsr()
    shape = (n_items, n_items)
    return sparse.csr_matrix((answer.scores, (answer.rows, answer.cols)), shape=shape)


def run_nightly(matrix: sparse.csr_matrix) -> None:
    """The whole model as the nightly flow calls it: frames, attributes, evidence, holdout, gate."""
    import polars as pl

    from ecorse.refresh.catalog import load_catalog
    from ecorse.training.run import run_model

    rng = np.random.default_rng(SEED)
    n_orders, n_items = matrix.shape
    orders = np.repeat(np.arange(n_orders), np.diff(matrix.indptr))
    hour = rng.integers(0, 365 * 24, n_orders)
    lines = pl.DataFrame({"order": orders, "product": matrix.indices}).select(
        shop_id=pl.lit("bench"),
        basket_id=pl.col("order").cast(pl.String),
        product_id=pl.format("P{}", pl.col("product").cast(pl.String).str.zfill(6)),
        city=pl.format("city {}", pl.Series(rng.integers(0, 40, n_orders)[orders])),
        daypart=pl.Series((hour % 24 // 6)[orders]).cast(pl.String),
        at=pl.datetime(2019, 1, 1) + pl.duration(hours=pl.Series(hour[orders])),
    )
    products = pl.select(item=pl.int_range(n_items)).select(
        shop_id=pl.lit("bench"),
        product_id=pl.format("P{}", pl.col("item").cast(pl.String).str.zfill(6)),
        product_name=pl.format("Product {}", "item"),
        category=pl.format("category {}", pl.Series(rng.integers(0, 200, n_items))),
        price_band=pl.format("band {}", pl.Series(rng.integers(0, 5, n_items))),
    )
    kernel = time.process_time()
    run_ours(matrix)
    kernel = time.process_time() - kernel
    del matrix
    declaration = load_catalog().models["recommend_item_similarity"]
    inputs = {"products": products, "interactions": lines}
    del products, lines
    start, cpu = time.perf_counter(), time.process_time()
    result = run_model(declaration, "bench", inputs, None)
    rows = {name: sum(b.height for b in result.blocks(name)) for name in result.tables}
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    found = {"seconds": [seconds], "cpu": cpu, "kernel_cpu": kernel, "rows": rows}
    print(json.dumps(found | {"artifact": len(result.artifact)} | peak()))


def peak() -> dict[str, float]:
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def child(role: str, folder: Path, repeats: int) -> None:
    """Load the matrix, run one program, keep its answer, print times and memory."""
    matrix = sparse.load_npz(folder / "orders.npz")
    if role == "nightly":
        run_nightly(matrix)
        return
    program = run_ours if role == "ours" else run_peer
    before, seconds = peak()["peak_mb"], []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = program(matrix)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "before_mb": before} | peak()))
    sparse.save_npz(folder / f"{role}.npz", as_matrix(answer, matrix.shape[1]), compressed=False)


def start_child(role: str, folder: Path, repeats: int) -> dict:
    command = [sys.executable, __file__, "--child", role, str(folder), "--repeats", str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{role} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def count_differences(ours: sparse.csr_matrix, peer: sparse.csr_matrix) -> int:
    """Items whose top 20 differ by more than the order and choice among equal scores."""
    different = 0
    for item in range(ours.shape[0]):
        mine = _best(ours, item)
        theirs = _best(peer, item)
        last = mine[0][-1] if mine[0].size == TOP_N else -1.0
        same = mine[0].size == theirs[0].size and np.allclose(mine[0], theirs[0], rtol=0, atol=TIE)
        sure = [set(found[1][found[0] > last + TIE]) for found in (mine, theirs)]
        different += not (same and sure[0] == sure[1])
    return different


def _best(matrix: sparse.csr_matrix, item: int) -> tuple[np.ndarray, np.ndarray]:
    part = slice(matrix.indptr[item], matrix.indptr[item + 1])
    items, scores = matrix.indices[part], matrix.data[part]
    items, scores = items[items != item], scores[items != item]
    order = np.argsort(-scores, kind="stable")[:TOP_N]
    return scores[order], items[order]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--orders", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("ROLE", "FOLDER"))
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), options.repeats)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        matrix = generate(options.items, options.orders)
        sparse.save_npz(folder / "orders.npz", matrix, compressed=False)
        print(f"{options.orders:,} orders, {options.items:,} products, {matrix.nnz:,} lines")
        runs: dict[str, list[dict]] = {"ours": [], "peer": []}
        for _ in range(options.rounds):  # in turns, so that a busy machine is busy for both
            for role, found in runs.items():
                found.append(start_child(role, folder, options.repeats))
        answers = [sparse.load_npz(folder / f"{role}.npz") for role in runs]
        different = count_differences(*answers)
        nightly = start_child("nightly", folder, 1)
    seconds = {
        role: np.median([s for run in found for s in run["seconds"]])
        for role, found in runs.items()
    }
    memory = {role: max(run["peak_mb"] for run in found) for role, found in runs.items()}
    for role, found in runs.items():
        before = max(run["before_mb"] for run in found)
        print(
            f"{role}: median {seconds[role]:.3f} s, "
            f"peak {memory[role]:.0f} MB ({before:.0f} MB of it before the start)"
        )
    print(
        f"whole nightly call: {nightly['seconds'][0]:.1f} s, {nightly['cpu']:.1f} CPU s = "
        f"{nightly['cpu'] / nightly['kernel_cpu']:.1f} x its kernel, "
        f"peak {nightly['peak_mb']:.0f} MB, "
        f"artifact {nightly['artifact'] / 1e6:.0f} MB, {nightly['rows']}"
    )
    same = options.items - different
    print(f"top {TOP_N} identical up to ties for {same:,} of {options.items:,} products")
    for what, figures in (("similarity", seconds), ("similarity_memory", memory)):
        ratio = figures["peer"] / figures["ours"]
        word = "better" if ratio >= 1 else "worse"
        print(f"bench {what} {ratio:.2f} {word} than implicit-CosineRecommender")
    if different:
        raise SystemExit(f"{different} products have other neighbours than the peer's")


if __name__ == "__main__":
    main()
