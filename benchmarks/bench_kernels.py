"""Speed and memory of what recommenders are made of, beside implicit where it has the same.

What belongs here: generated interactions, each program in processes of its own, and the targets:
item similarity, fitting a graph filter and ALS, lists for every customer, an answer to an unseen
basket. What does not: how good lists are (``bench_recommenders``, ``bench_published``), whether
kernels are right (``tests/recommenders``).

Run ``python benchmarks/bench_kernels.py [NAME ...]``; needs the extra ``bench``. The last lines are
``bench <name> <ratio> <better|worse> than <peer>``, ratio = peer / ours; of a target, the target /
ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from judging import TASK, as_data, make, peak_mb
from scipy import sparse

SEED = 20190101
TOP_N, LIST_LENGTH = 50, 20
RANK, ROUNDS = 64, 15
TIE = 1e-6  # implicit adds up in double, ours keeps the result in single precision
SHAPES = {  # name: customers, items, interactions
    "similarity": (500_000, 50_000, 5_000_000),
    "fit": (100_000, 40_000, 1_000_000),
    "lists": (100_000, 50_000, 1_000_000),
    "shop": (10_000, 4_000, 300_000),
}
Found = dict[str, Any]


def generate(users: int, items: int, wanted: int) -> sparse.csr_matrix:
    """Interactions whose items have popularity by a power law, in 50 overlapping circles of taste.

    Half of what a customer has is drawn from a fiftieth of the items, the customer's circle.
    """
    rng = np.random.default_rng(SEED)
    share = np.arange(1, items + 1) ** -0.8
    bounds = np.cumsum(share / share.sum())
    sizes = 1 + rng.poisson(1.15 * wanted / users - 1, users)  # some are drawn twice
    user = np.repeat(np.arange(users), sizes)
    place = np.minimum(np.searchsorted(bounds, rng.random(user.size)), items - 1)
    circle = rng.integers(0, 50, users)[user]
    item = np.where(rng.random(user.size) < 0.5, place, (place // 50 * 50 + circle) % items)
    matrix = sparse.csr_matrix(
        (np.ones(user.size, np.float32), (user, rng.permutation(items)[item])), shape=(users, items)
    )
    matrix.data[:] = 1.0
    return matrix


def timed(work: Callable[[], Any]) -> tuple[Any, Found]:
    """What ``work`` gives, and its seconds, CPU seconds and the peak of the process before it."""
    before = peak_mb()
    start, cpu = time.perf_counter(), time.process_time()
    made = work()
    seconds = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    return made, seconds | {"before_mb": before}


def similarity_ours(matrix: sparse.csr_matrix, folder: Path) -> Found:
    from ecorse.recommenders.item_knn import nearest_by_cosine

    nearest_by_cosine(matrix[:100], TOP_N)  # compiled, or read from the cache
    near, found = timed(lambda: nearest_by_cosine(matrix, TOP_N))
    sparse.save_npz(folder / "ours.npz", near, compressed=False)
    return found


def similarity_peer(matrix: sparse.csr_matrix, folder: Path) -> Found:
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=TOP_N + 1)  # its neighbours include the item itself
    _, found = timed(lambda: model.fit(matrix, show_progress=False))
    sparse.save_npz(folder / "peer.npz", model.similarity.tocsr(), compressed=False)
    return found


def graph_filter(matrix: sparse.csr_matrix, folder: Path) -> Found:
    data, model = as_data(matrix), make("graph_filter")
    _, found = timed(lambda: model.fit(data, TASK))
    loaded = type(model).load(model.dump(), model.config)
    return found | {"answer_ms": p99(loaded, matrix)}


def als_ours(matrix: sparse.csr_matrix, folder: Path) -> Found:
    make("als", {"rank": RANK, "rounds": 1}).fit(as_data(matrix[:100]), TASK)
    data, model = as_data(matrix), make("als", {"rank": RANK, "rounds": ROUNDS})
    return timed(lambda: model.fit(data, TASK))[1]


def als_peer(matrix: sparse.csr_matrix, folder: Path) -> Found:
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    model = AlternatingLeastSquares(
        factors=RANK, iterations=ROUNDS, regularization=10.0, alpha=10.0, random_state=SEED
    )
    with threadpool_limits(1, "blas"):  # as it asks for itself
        return timed(lambda: model.fit(matrix, show_progress=False))[1]


def lists(matrix: sparse.csr_matrix, folder: Path) -> Found:
    model = make("als", {"rank": RANK, "rounds": 2}).fit(as_data(matrix), TASK)
    users = np.arange(matrix.shape[0])
    model.recommend(users[:10], LIST_LENGTH)
    ranked, found = timed(lambda: model.recommend(users, LIST_LENGTH, seen=matrix))
    return found | {"full": float(ranked.is_there.all(axis=1).mean())}


def answers(matrix: sparse.csr_matrix, folder: Path) -> Found:
    parts = {name: {"class": name} for name in
             ("graph_filter", "ease", "als", "item_knn", "popular")}  # fmt: skip
    model = make("hybrid", {"parts": parts}).fit(as_data(matrix), TASK)
    loaded = type(model).load(model.dump(), model.config)
    return {"seconds": 0.0, "cpu": 0.0, "before_mb": 0.0, "answer_ms": p99(loaded, matrix)}


def p99(model: Any, matrix: sparse.csr_matrix) -> float:
    """The 99th percentile, in milliseconds, of 1,000 answers to a basket of three products."""
    rng, took = np.random.default_rng(SEED), []
    for _ in range(1_050):
        chosen = np.sort(rng.choice(matrix.indices, 3))
        basket = sparse.csr_matrix((np.ones(3, np.float32), chosen, [0, 3]), (1, matrix.shape[1]))
        start = time.perf_counter()
        model.answer(basket, LIST_LENGTH)
        took.append(1000 * (time.perf_counter() - start))
    return float(np.percentile(took[50:], 99))  # the first are of a process that just began


PROGRAMS: dict[str, tuple[str, Callable[[sparse.csr_matrix, Path], Found]]] = {
    "similarity_ours": ("similarity", similarity_ours),
    "similarity_peer": ("similarity", similarity_peer),
    "graph_filter": ("fit", graph_filter),
    "als_ours": ("fit", als_ours),
    "als_peer": ("fit", als_peer),
    "lists": ("lists", lists),
    "answers": ("shop", answers),
}


def run(program: str, folder: Path, rounds: int = 1) -> Found:
    """The program in processes of its own; the median of its times, the largest of its peaks."""
    shape = PROGRAMS[program][0]
    path = folder / f"{shape}.npz"
    if not path.exists():
        sparse.save_npz(path, generate(*SHAPES[shape]), compressed=False)
    runs = []
    for _ in range(rounds):
        command = [sys.executable, __file__, "--child", program, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{program} failed:\n{done.stderr}")
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    found = {name: float(np.median([one[name] for one in runs])) for name in runs[0]}
    found["peak_mb"] = max(one["peak_mb"] for one in runs)
    print(f"{program}: " + ", ".join(f"{name} {value:,.2f}" for name, value in found.items()),
          flush=True)  # fmt: skip
    return found


def count_differences(folder: Path) -> int:
    """Items whose nearest differ by more than the choice among equal similarities."""
    ours, peer = (sparse.load_npz(folder / f"{name}.npz").tocsr() for name in ("ours", "peer"))
    different = 0
    for item in range(ours.shape[0]):
        mine, theirs = _best(ours, item), _best(peer, item)
        last = mine[0][-1] if len(mine[0]) == TOP_N else -1.0
        same = len(mine[0]) == len(theirs[0]) and np.allclose(mine[0], theirs[0], atol=TIE)
        sure = [set(found[1][found[0] > last + TIE]) for found in (mine, theirs)]
        different += not (same and sure[0] == sure[1])
    return different


def _best(matrix: sparse.csr_matrix, item: int) -> tuple[np.ndarray, np.ndarray]:
    part = slice(matrix.indptr[item], matrix.indptr[item + 1])
    items, scores = matrix.indices[part], matrix.data[part]
    items, scores = items[items != item], scores[items != item]
    order = np.argsort(-scores, kind="stable")[:TOP_N]
    return scores[order], items[order]


def compare(name: str, value: float, peer: float, what: str) -> str:
    """One line: the peer's figure by ours."""
    ratio = peer / value
    return f"bench {name} {ratio:.2f} {'better' if ratio >= 1 else 'worse'} than {what}"


def measure(names: list[str], folder: Path, rounds: int) -> list[str]:
    """Run what is named; gives the comparisons."""
    made: list[str] = []
    if "similarity" in names:
        ours, peer = (run(f"similarity_{who}", folder, rounds) for who in ("ours", "peer"))
        different = count_differences(folder)
        print(f"top {TOP_N} identical up to ties but of {different:,} items")
        made.append(compare("item_similarity", ours["seconds"], peer["seconds"], "implicit"))
        made.append(compare("item_similarity_cpu", ours["cpu"], peer["cpu"], "implicit"))
        if different:
            raise SystemExit(f"{different} items have other neighbours than the peer's")
    if "graph_filter" in names:
        found = run("graph_filter", folder)
        made.append(compare("graph_filter_fit", found["seconds"], 20, "20 s"))
        made.append(compare("graph_filter_memory", found["peak_mb"], 2048, "2 GiB"))
        made.append(compare("graph_filter_answer", found["answer_ms"], 10, "10 ms"))
    if "als" in names:
        ours, peer = (run(f"als_{who}", folder, rounds) for who in ("ours", "peer"))
        made.append(compare("als", ours["seconds"], peer["seconds"], "implicit"))
        made.append(compare("als_cpu", ours["cpu"], peer["cpu"], "implicit"))
    if "lists" in names:
        made.append(compare("lists", run("lists", folder)["seconds"], 60, "60 s"))
    if "answers" in names:
        found = run("answers", folder)
        made.append(compare("hybrid_answer", found["answer_ms"], 10, "10 ms"))
    return made


def main() -> None:
    kinds = ["similarity", "graph_filter", "als", "lists", "answers"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=kinds)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("PROGRAM", "FOLDER"))
    options = parser.parse_args()
    if options.child:
        shape, program = PROGRAMS[options.child[0]]
        folder = Path(options.child[1])
        found = program(sparse.load_npz(folder / f"{shape}.npz"), folder)
        print(json.dumps(found | {"peak_mb": peak_mb()}))
        return
    with tempfile.TemporaryDirectory() as name:
        print("\n".join(measure(options.names, Path(name), options.rounds)))


if __name__ == "__main__":
    main()
