"""Two published tables: Gowalla (LightGCN's split) and MovieLens-100K (item-stratified 75/25).

What belongs here: reading folders of the data, fitting with the parameters below, the published
figures beside ours; and with ``--validate`` how the parameters were chosen, on the training part
alone. What does not: the data, which is never part of the project; a shop's data
(``bench_recommenders``).

``python benchmarks/bench_published.py --gowalla DIR --ml100k DIR``: ``DIR`` holds ``train.txt`` and
``test.txt`` (one customer a line, then items), or ``u.data``. ``--validate`` reads no test part.

Sources: He et al., LightGCN, SIGIR 2020, https://doi.org/10.1145/3397271.3401063 (the split,
.1830/.1554); Kim et al., ChebyCF, SIGIR 2025, https://doi.org/10.1145/3726302.3729991
(.1941/.1616); the benchmark notebook of https://github.com/recommenders-team/recommenders (the
MovieLens split, BiVAE .475).
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

Csr = sparse.csr_matrix
Parts = dict[str, dict[str, Any]]

# Chosen by --validate, before a test part was read.
GOWALLA: Parts = {
    "graph_filter": {
        "class": "graph_filter",
        "weight": 1.0,
        "parameters": {"rank": 256, "user_power": 0.2, "item_power": 0.4, "popularity_power": 0.3,
                       "filter_power": 0.3, "rest": 4.0},
    },
}  # fmt: skip
ML100K: Parts = {
    "als": {"class": "als", "weight": 1 / 3,
            "parameters": {"rank": 24, "penalty": 30.0, "confidence": 3.0}},
    "graph_filter": {"class": "graph_filter", "weight": 1 / 3,
                     "parameters": {"rank": 24, "popularity_power": 0.1, "rest": 2.0}},
    "ease": {"class": "ease", "weight": 1 / 3, "parameters": {"penalty": 500.0}},
}  # fmt: skip
PUBLISHED = {"gowalla": {"recall@20": 0.1941, "nDCG@20": 0.1616}, "ml100k": {"nDCG@10": 0.475}}
LENGTH = {"gowalla": 20, "ml100k": 10}
CANDIDATES = 200


def read_lines(path: Path, shape: tuple[int, int] | None = None) -> Csr:
    """One customer a line: its number, then those of its items."""
    rows = [np.fromstring(line, dtype=np.int64, sep=" ") for line in path.open() if line.strip()]
    user = np.concatenate([np.full(len(row) - 1, row[0]) for row in rows])
    item = np.concatenate([row[1:] for row in rows])
    return Csr((np.ones(user.size, np.float32), (user, item)), shape=shape)


def read_ratings(path: Path) -> tuple[Csr, Csr]:
    """Train and test: of each film's ratings, in an order drawn with seed 42, the first 75 %.

    The draw is the notebook's: numpy's old generator, one number per line of the file.
    """
    ratings = np.loadtxt(path, dtype=np.int64)
    random = np.random.RandomState(42).rand(len(ratings))
    user, item = ratings[:, 0] - 1, ratings[:, 1] - 1
    return first_of_each(user, item, item, random, 0.75)


def held_out(train: Csr, by_item: bool) -> tuple[Csr, Csr]:
    """Part the training pairs as the data set itself was parted: by item, or by customer."""
    pairs, share = train.tocoo(), 0.75 if by_item else 0.8
    random = np.random.default_rng(1).random(pairs.nnz)
    by = pairs.col if by_item else pairs.row
    return first_of_each(pairs.row, pairs.col, by, random, share, pairs.shape)


def first_of_each(
    user: Any, item: Any, by: Any, random: Any, share: float, shape: Any = None
) -> tuple[Csr, Csr]:
    """Of the pairs of each of ``by``, in the order of ``random``, the first share; and the rest."""
    shape = shape or (int(user.max()) + 1, int(item.max()) + 1)
    order, sizes = np.lexsort((random, by)), np.bincount(by)
    place = np.empty(len(by))
    place[order] = np.arange(len(by)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    is_first = place / sizes[by] <= share
    first, rest = (
        Csr((np.ones(part.sum(), np.float32), (user[part], item[part])), shape=shape)
        for part in (is_first, ~is_first)
    )
    return first, rest


def fitted(parts: Parts, train: Csr) -> list[Any]:
    """The parts' models."""
    import judging

    data = judging.as_data(train)
    return [
        judging.make(part["class"], part["parameters"]).fit(data, judging.TASK)
        for part in parts.values()
    ]


def ranked(models: list[Any], parts: Parts, train: Csr, users: Any, k: int) -> Any:
    """The ``k`` best that each customer does not have: by one part, or by the parts' blend."""
    from ecorse.recommenders.blend import blended, normalised

    seen = train[users]
    if len(models) == 1:
        return models[0].recommend(users, k, seen=seen)
    lists = [normalised(model.recommend(users, CANDIDATES, seen=seen), train.shape[1])
             for model in models]  # fmt: skip
    weights = np.array([part["weight"] for part in parts.values()])
    return blended(lists, np.tile(weights, (len(users), 1)), k)


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Fit on the training part; then, and only then, read the test part and judge."""
    import judging

    parts, k = (GOWALLA if name == "gowalla" else ML100K), LENGTH[name]
    if name == "gowalla":
        train = read_lines(folder / "train.txt")
    else:
        train, test = read_ratings(folder / "u.data")
    start, cpu = time.perf_counter(), time.process_time()
    models = fitted(parts, train)
    found: dict[str, Any] = {"fit_s": time.perf_counter() - start,
                             "fit_cpu_s": time.process_time() - cpu}  # fmt: skip
    if name == "gowalla":
        test = read_lines(folder / "test.txt", train.shape)
    users = np.flatnonzero((np.diff(test.indptr) > 0) & (np.diff(train.indptr) > 0))
    start = time.perf_counter()
    lists = ranked(models, parts, train, users, k)
    found |= {"lists_s": time.perf_counter() - start, "cases": len(users)}
    for metric, values in judging.figures(lists, test[users], k).items():
        found[metric] = [round(value, 4) for value in judging.interval(values)]
    return found | {"peak_mb": judging.peak_mb()}


GRIDS: dict[str, tuple[str, dict[str, list[Any]]]] = {
    "gowalla": (
        "graph_filter",
        {"rank": [256], "user_power": [0.2, 0.3], "item_power": [0.3, 0.4, 0.5],
         "popularity_power": [0.2, 0.3, 0.4], "filter_power": [0.3], "rest": [2.0, 4.0]},
    ),
    "ml100k": (
        "als",
        {"rank": [16, 24, 32], "penalty": [3.0, 10.0, 30.0], "confidence": [1.0, 3.0, 10.0]},
    ),
}  # fmt: skip


def validate(name: str, folder: Path) -> None:
    """Print the figure of every setting of the grid on pairs held out of the training part."""
    import judging

    model, grid = GRIDS[name]
    if name == "gowalla":
        train = read_lines(folder / "train.txt")
    else:
        train, _ = read_ratings(folder / "u.data")
    earlier, later = held_out(train, name == "ml100k")
    users, k = judging.cases_of(earlier, later), LENGTH[name]
    data = judging.as_data(earlier)
    for values in itertools.product(*grid.values()):
        setting = dict(zip(grid, values, strict=True))
        made = judging.make(model, setting).fit(data, judging.TASK)
        lists = made.recommend(users, k, seen=earlier[users])
        told = {metric: round(float(found.mean()), 4)
                for metric, found in judging.figures(lists, later[users], k).items()}  # fmt: skip
        print(json.dumps(told | {model: setting}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in PUBLISHED:
        parser.add_argument(f"--{name}", type=Path, metavar="DIR")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    for name, published in PUBLISHED.items():
        folder = getattr(options, name)
        if options.child:
            if folder is not None:
                print(json.dumps(measure(name, folder)))
        elif folder is None:
            print(f"{name}: no folder given (--{name} DIR), not measured")
        elif options.validate:
            validate(name, folder)
        else:
            command = [sys.executable, __file__, f"--{name}", str(folder), "--child"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stderr}")
            found = json.loads(done.stdout)
            print(f"{name}: {found}")
            for metric, value in published.items():
                ratio = found[metric][0] / value
                word = "better" if ratio >= 1 else "worse"
                print(f"bench {name}_{metric} {ratio:.3f} {word} than the best published, {value}")


if __name__ == "__main__":
    main()
