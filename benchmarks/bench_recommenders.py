"""Recommenders on a real shop and two simulated ones, beside those of implicit, LensKit, RecTools.

What belongs here: choosing each method's trial on the window before the judged ones, judging lists
on three rolling origins, intervals. What does not: the shops (``shops``), the peers (``peers``),
published data sets (``bench_published``).

A method gets twelve trials, judged on the four weeks before the three judged windows of four weeks;
the best goes on, for peers a best one for each kind of list. It is fitted anew on all that came
before each judged window, and makes lists of ten for who bought before and in it: of
anything (``for_you``), and of what they never had (``explore``). nDCG@10, pooled over windows.
Intervals are of a bootstrap over customers (1,000 resamples).

Run ``python benchmarks/bench_recommenders.py``. Peers run under ``--peers PYTHON`` (another
interpreter that has implicit, lenskit and rectools; default: this one); what it has not is said.
The last lines are ``bench <name> <ratio> <better|worse> than <peer>``, ratio = our figure / the
best peer's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from judging import TASK, cases_of, figures, make, without
from peers import TRIALS as PEERS
from scipy import sparse
from shops import DATA, online_retail, simulated

from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Floats, Ids, Ranked

K, WINDOW, ORIGINS = 10, timedelta(days=28), 3
KINDS = ("for_you", "explore")
RESAMPLES = 1000
Lists = dict[str, Ids]  # by kind of list: (n, K) product numbers


def part(name: str, **parameters: Any) -> dict[str, Any]:
    return {"class": name, "parameters": parameters}


PLAIN = {
    "graph_filter": part("graph_filter", half_life_days=120, power=0.5),
    "ease": part("ease"),
    "als": part("als"),
    "item_knn": part("item_knn"),
    "buy_again": part("buy_again"),
    "popular": part("popular", half_life_days=7),
}
DECAYED = PLAIN | {
    "graph_filter": part("graph_filter", half_life_days=120, power=1),
    "recent_graph": part("graph_filter", half_life_days=60, power=0.5),
    "ease": part("ease", half_life_days=120, power=0.5),
    "als": part("als", half_life_days=120, power=0.5),
    "item_knn": part("item_knn", half_life_days=120, power=0.5),
}
# No more than a peer's twelve.
OURS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "hybrid": [
        ("hybrid", {"parts": parts, "trend_power": power})
        for parts in (PLAIN, DECAYED)
        for power in (0, 0.2, 0.35)
    ],
    "graph_filter": [
        ("graph_filter", {"half_life_days": days, "power": power})
        for days in (0, 60, 120)
        for power in (0.5, 1)
    ],
    "popular": [("popular", {"half_life_days": days}) for days in (0, 7, 28)],
}


@dataclass
class Origin:
    """What was known, and what each case bought in the window after it."""

    earlier: Interactions
    users: Ids = field(init=False)
    wanted: dict[str, Csr] = field(init=False)
    later: Interactions

    def __post_init__(self) -> None:
        known, bought = self.earlier.matrix, self.later.matrix
        self.users = cases_of(known, bought)
        self.wanted = {"for_you": bought[self.users],
                       "explore": without(bought, known)[self.users]}  # fmt: skip

    def gains(self, lists: Lists) -> dict[str, Floats]:
        """nDCG of each case by kind of list; nan where nothing of the kind was bought."""
        return {
            kind: np.where(
                np.diff(self.wanted[kind].indptr) > 0,
                figures(Ranked(lists[kind], np.zeros(lists[kind].shape)), wanted, K)[f"nDCG@{K}"],
                np.nan,
            )
            for kind, wanted in self.wanted.items()
        }


def origins(data: Interactions) -> list[Origin]:
    """The judged windows, newest first, and behind them the one on which trials are compared."""
    last = data.rows["at"].max()
    made = []
    for number in range(ORIGINS + 1):
        end = last - number * WINDOW  # type: ignore[operator]
        parts = (
            data.rows.filter(condition)
            for condition in (
                pl.col("at") <= end - WINDOW,
                (pl.col("at") > end - WINDOW) & (pl.col("at") <= end),
            )
        )
        made.append(Origin(*(Interactions(data.items, data.users, rows) for rows in parts)))
    return made


@dataclass
class Tried:
    """One method's lists at an origin, by trial, and the CPU seconds of fitting each."""

    lists: list[Lists]
    seconds: list[float]


def try_ours(trials: list[tuple[str, dict[str, Any]]], origin: Origin) -> Tried:
    """Fit each trial and ask for both kinds of lists."""
    tried = Tried([], [])
    for name, parameters in trials:
        model, start = make(name, parameters), time.process_time()
        model.fit(origin.earlier, TASK)
        tried.seconds.append(time.process_time() - start)
        seen = origin.earlier.matrix[origin.users]
        tried.lists.append(
            {
                "for_you": model.recommend(origin.users, K).items,
                "explore": model.recommend(origin.users, K, seen=seen).items,
            }
        )
    return tried


def try_peer(name: str, trials: list[dict[str, Any]], origin: Origin, python: str) -> Tried:
    """Hand a peer what was known, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sparse.save_npz(work / "known.npz", origin.earlier.matrix)
        sparse.save_npz(work / "decayed.npz", origin.earlier.decayed(120))
        np.save(work / "users.npy", origin.users)
        (work / "trials.json").write_text(json.dumps(trials))
        _peer(python, name, folder)
        found = [np.load(work / f"{name}.{number}.npz") for number in range(len(trials))]
        lists = [{kind: one[kind] for kind in KINDS} for one in found]
        return Tried(lists, [float(one["fit_cpu"]) for one in found])


def _peer(python: str, *arguments: str) -> None:
    command = [python, str(Path(__file__).parent / "peers.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed:\n{done.stderr[-2000:]}")


def missing(name: str, python: str) -> bool:
    """Whether the interpreter lacks the peer."""
    command = [python, str(Path(__file__).parent / "peers.py"), name]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


@dataclass
class Judged:
    """A method's gain of every case, by kind of list; what it was, and what fitting took."""

    gains: dict[str, Floats]
    trial: dict[str, Any]
    seconds: float


def judge(name: str, at: list[Origin], python: str) -> Judged:
    """Choose the trial on the last origin, then judge it on the others."""
    is_ours = name in OURS
    trials: list[Any] = list(OURS[name] if is_ours else PEERS[name])

    def run(chosen: list[Any], origin: Origin) -> Tried:
        if is_ours:
            return try_ours(chosen, origin)
        return try_peer(name, chosen, origin, python)

    reached = [at[-1].gains(lists) for lists in run(trials, at[-1]).lists]
    means = np.array([[np.nanmean(gains[kind]) for kind in KINDS] for gains in reached])
    if is_ours:  # one declaration makes both kinds
        means = np.repeat(means.sum(axis=1, keepdims=True), len(KINDS), axis=1)
    best = dict(zip(KINDS, means.argmax(axis=0).tolist(), strict=True))
    numbers = sorted(set(best.values()))
    gains: dict[str, list[Floats]] = {kind: [] for kind in KINDS}
    seconds = []
    for origin in at[:-1]:
        tried = run([trials[number] for number in numbers], origin)
        seconds += tried.seconds
        for kind in KINDS:
            lists = tried.lists[numbers.index(best[kind])]
            gains[kind].append(origin.gains(lists)[kind])
    return Judged(
        {kind: np.concatenate(found) for kind, found in gains.items()},
        {kind: trials[number] for kind, number in best.items()},
        float(np.mean(seconds)),
    )


def difference(values: Floats, users: Ids) -> tuple[float, float, float]:
    """Mean and 95 % interval of cases' values, nan left out; whole customers are resampled."""
    kept = ~np.isnan(values)
    _, of = np.unique(users[kept], return_inverse=True)
    sums, counts = np.bincount(of, values[kept]), np.bincount(of)
    rng = np.random.default_rng(1)
    draws = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values[kept].mean()), float(low), float(high)


def told(values: tuple[float, float, float]) -> str:
    return f"{values[0]:.4f} [{values[1]:.4f}, {values[2]:.4f}]"


def table(shop: str, data: Interactions, truth: Floats | None, python: str) -> list[str]:
    """Judge every method on a shop and print the table; gives the comparisons."""
    at = origins(data)
    users = np.concatenate([origin.users for origin in at[:-1]])
    print(f"== {shop}: {data.shape}, {len(users):,} cases ==", flush=True)
    print("| method | for_you | explore | fit, CPU s |\n|---|---|---|---|")
    names = [*OURS, *(name for name in PEERS if not missing(name, python))]
    judged: dict[str, Judged] = {}
    for name in names:
        judged[name] = found = judge(name, at, python)
        cells = [told(difference(found.gains[kind], users)) for kind in KINDS]
        print(f"| {name} | {' | '.join(cells)} | {found.seconds:.1f} |", flush=True)
    if truth is not None:
        cells = [told(difference(gains, users)) for gains in _of_truth(truth, at[:-1]).values()]
        print(f"| the planted tastes | {' | '.join(cells)} | |")
    for name, found in judged.items():
        print(f"{name} went on with {found.trial}")
    for name in (name for name in PEERS if name not in judged):
        print(f"{name} is not installed under {python}: not measured")
    lines = []
    for kind in KINDS:
        peers = [name for name in judged if name not in ("hybrid", "graph_filter")]
        best = max(peers, key=lambda name: np.nanmean(judged[name].gains[kind]))
        ours, theirs = (judged[name].gains[kind] for name in ("hybrid", best))
        gap = difference(ours - theirs, users)
        print(f"{shop}, {kind}: hybrid - {best} = {told(gap)}")
        ratio = float(np.nanmean(ours) / np.nanmean(theirs))
        word = "better" if ratio >= 1 else "worse"
        lines.append(f"bench recommend_{shop}_{kind} {ratio:.3f} {word} than {best}")
    return lines


def _of_truth(truth: Floats, at: list[Origin]) -> dict[str, Floats]:
    """What lists by the planted weights themselves would gain."""
    gains: dict[str, list[Floats]] = {kind: [] for kind in KINDS}
    for origin in at:
        scores = truth[origin.users]
        fresh = np.where(origin.earlier.matrix[origin.users].toarray() > 0, -1.0, scores)
        lists = {kind: np.argsort(-found, axis=1, kind="stable")[:, :K]
                 for kind, found in (("for_you", scores), ("explore", fresh))}  # fmt: skip
        for kind, found in origin.gains(lists).items():
            gains[kind].append(found)
    return {kind: np.concatenate(found) for kind, found in gains.items()}


def main() -> None:
    shops = ["online_retail", "tastes", "no_signal"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shops", nargs="*", default=shops)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    options = parser.parse_args()
    lines: list[str] = []
    for shop in options.shops:
        if shop != "online_retail":
            data, truth = simulated(has_tastes=shop == "tastes")
            lines += table(shop, data, truth, options.peers)
        elif not DATA.is_dir():
            print(f"online_retail: {DATA.name} is not beside the checkout, not measured")
        else:
            with tempfile.TemporaryDirectory() as work:
                data = online_retail(DATA, Path(work))
            lines += table(shop, data, None, options.peers)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
