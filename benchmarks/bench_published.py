"""Two published tables: Gowalla (LightGCN's split) and MovieLens-100K (item-stratified 75/25).

What belongs here: reading folders of the data, fitting with the parameters below, the published
figures beside ours; and with ``--choose`` how the parameters were chosen, on the training part
alone. What does not: the data, which is never part of the project; a shop's data
(``bench_recommenders``); metrics (``ecorse.evaluate``).

``python benchmarks/bench_published.py --gowalla DIR --ml100k DIR``: ``DIR`` holds ``train.txt`` and
``test.txt`` (one customer a line, then items), or ``u.data``. With ``--choose`` no test part is
read: the training part is parted as the data set was, each part of the blend gets the setting of
``GRIDS`` with the largest mean nDCG, and the blend those parts, equally weighted, with which it is
largest. It ends with what was chosen, and whether that stands in this file.

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

Csr = sparse.csr_matrix
Setting = dict[str, Any]
Parts = dict[str, Setting]  # parameters by recommender; a blend of all, equally weighted

# Chosen by --choose, before a test part was read.
CHOSEN: dict[str, Parts] = {
    "gowalla": {
        "graph_filter": {"rank": 256, "user_power": 0.2, "item_power": 0.3,
                         "popularity_power": 0.2, "filter_power": 0.3, "rest": 4.0},
    },
    "ml100k": {
        "als": {"rank": 96, "penalty": 60.0, "confidence": 10.0},
        "graph_filter": {"rank": 48, "popularity_power": 0.1, "filter_power": 0.3, "rest": 2.0},
        "ease": {"penalty": 800.0},
    },
}  # fmt: skip
GRIDS: dict[str, dict[str, dict[str, list[Any]]]] = {
    "gowalla": {
        "graph_filter": {"rank": [256], "user_power": [0.2, 0.3], "item_power": [0.3, 0.4, 0.5],
                         "popularity_power": [0.2, 0.3, 0.4], "filter_power": [0.3],
                         "rest": [2.0, 4.0]},
    },
    "ml100k": {
        "als": {"rank": [16, 24, 48, 96], "penalty": [30.0, 60.0, 120.0],
                "confidence": [3.0, 10.0, 20.0]},
        "graph_filter": {"rank": [24, 48, 96], "popularity_power": [0.0, 0.1, 0.3],
                         "filter_power": [0.1, 0.3, 0.5], "rest": [0.0, 2.0]},
        "ease": {"penalty": [250.0, 500.0, 800.0, 1200.0]},
    },
}  # fmt: skip
SPLITS = {"gowalla": 1, "ml100k": 2}  # how often the training part is parted, each with a seed
PUBLISHED = {
    "gowalla": {"recall_at_20": 0.1941, "ndcg_at_20": 0.1616},
    "ml100k": {"ndcg_at_10": 0.475},
}
LENGTH = {"gowalla": 20, "ml100k": 10}
WIDTH = {"gowalla": 20, "ml100k": 200}  # of a part's list: more where several are blended


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


def held_out(train: Csr, name: str) -> Iterator[tuple[Csr, Csr]]:
    """Part the training pairs as the data set itself was parted: by film, or by customer."""
    pairs, share = train.tocoo(), 0.75 if name == "ml100k" else 0.8
    by = pairs.col if name == "ml100k" else pairs.row
    for seed in range(1, SPLITS[name] + 1):
        random = np.random.default_rng(seed).random(pairs.nnz)
        yield first_of_each(pairs.row, pairs.col, by, random, share, pairs.shape)


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


def listed(parts: Parts, train: Csr, users: Any, width: int) -> dict[str, Any]:
    """Fit each part; the best that each of ``users`` does not have yet, and CPU seconds."""
    import judging

    data, found, start = judging.as_data(train), {}, time.process_time()
    for name, parameters in parts.items():
        model = judging.make(name, parameters).fit(data, judging.TASK)
        found[name] = model
    seconds = time.process_time() - start
    seen = train[users]
    lists = {name: model.recommend(users, width, seen=seen) for name, model in found.items()}
    return {"lists": lists, "fit_cpu_s": round(seconds, 1)}


def blend(lists: dict[str, Any], n_items: int, k: int) -> Any:
    """One part's lists as they are, several by the equally weighted sum of normalised scores."""
    from ecorse.recommenders.blend import blended, normalised

    if len(lists) == 1:
        return next(iter(lists.values()))
    parts = [normalised(ranked, n_items) for ranked in lists.values()]
    n_users = parts[0].shape[0]
    return blended(parts, np.full((n_users, len(parts)), 1 / len(parts)), k)


def training_part(name: str, folder: Path) -> Csr:
    if name == "gowalla":
        return read_lines(folder / "train.txt")
    return read_ratings(folder / "u.data")[0]


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Fit on the training part; then, and only then, read the test part and judge."""
    import judging

    from ecorse.evaluate.cases import judge

    k, train = LENGTH[name], training_part(name, folder)
    everybody = np.flatnonzero(np.diff(train.indptr))
    start = time.perf_counter()
    found = listed(CHOSEN[name], train, everybody, WIDTH[name])
    lists = blend(found.pop("lists"), train.shape[1], k)
    found["all_s"] = round(time.perf_counter() - start, 1)
    if name == "gowalla":
        test = read_lines(folder / "test.txt", train.shape)
    else:
        test = read_ratings(folder / "u.data")[1]
    asked = judging.asked(train, test)
    rows = np.searchsorted(everybody, asked.users)
    cases = judge(asked, type(lists)(lists.items[rows], lists.scores[rows]), k)
    for metric in PUBLISHED[name]:
        mean = judging.mean_of(cases, metric)
        found[metric] = [round(value or 0.0, 4) for value in (mean.value, mean.low, mean.high)]
    return found | {"cases": len(asked.users), "peak_mb": round(judging.peak_mb())}


def choose(name: str, folder: Path) -> None:
    """Print the mean figure of every setting on pairs held out of the training part, and choose."""
    import judging

    from ecorse.evaluate.cases import judge

    k, train = LENGTH[name], training_part(name, folder)
    splits = [(earlier, judging.asked(earlier, later)) for earlier, later in held_out(train, name)]

    def worth(of_splits: list[Any]) -> float:
        """The mean nDCG over splits of lists."""
        cases = (
            judge(asked, lists, k) for (_, asked), lists in zip(splits, of_splits, strict=True)
        )
        return float(np.mean([each.gains[each.primary].mean() for each in cases]))

    best: dict[str, tuple[float, Setting, list[Any]]] = {}
    for model, grid in GRIDS[name].items():
        for values in itertools.product(*grid.values()):
            setting = dict(zip(grid, values, strict=True))
            lists = [
                listed({model: setting}, earlier, asked.users, WIDTH[name])["lists"][model]
                for earlier, asked in splits
            ]
            figure = worth(lists)
            print(f"{figure:.5f} {model} {json.dumps(setting)}", flush=True)
            if model not in best or figure > best[model][0]:
                best[model] = figure, setting, lists
    found: list[tuple[float, tuple[str, ...]]] = []
    for size in range(1, len(best) + 1):
        for names in itertools.combinations(best, size):
            lists = [
                blend({model: best[model][2][number] for model in names}, train.shape[1], k)
                for number in range(len(splits))
            ]
            found.append((worth(lists), names))
            print(f"{found[-1][0]:.5f} {' + '.join(names)}", flush=True)
    chosen = {model: best[model][1] for model in max(found)[1]}
    is_here = all(CHOSEN[name].get(model) == setting for model, setting in chosen.items())
    is_here = is_here and set(chosen) == set(CHOSEN[name])
    print(f"chosen, {'as' if is_here else 'NOT what'} stands in this file: {json.dumps(chosen)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in PUBLISHED:
        parser.add_argument(f"--{name}", type=Path, metavar="DIR")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    for name, published in PUBLISHED.items():
        folder = getattr(options, name)
        if options.child:
            if folder is not None:
                print(json.dumps(measure(name, folder)))
        elif folder is None:
            print(f"{name}: no folder given (--{name} DIR), not measured")
        elif options.choose:
            choose(name, folder)
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
