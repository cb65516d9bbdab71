"""Clusterings at size: k = 2..12 of a million customers, DBSCAN of 200,000 within 4 GiB.

What belongs here: planted rows on twelve axes, ours and scikit-learn's search over k on all rows,
and density clusterings in a process whose memory is limited. What does not: whether segments are
right (``tests/segments``), a whole night (``bench_segments``).

Run ``python benchmarks/bench_clusters.py``. The last lines are
``bench <name> <ratio> <better|worse> than <peer>``, ratio = peer / ours: CPU seconds and peak
memory of a process of their own, after imports. Both searches have as many starts of each k and
must choose the same k.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import numpy.typing as npt

SEED = 20190101
FEATURES, PLANTED = 12, 6
K = range(2, 13)
STARTS = 5  # of both: what one start gives hangs on that start
GIB = 1024**3

Floats = npt.NDArray[np.float64]


def planted(n: int, strange_share: float) -> Floats:
    """Six groups of unequal size and width on twelve axes, and some rows anywhere: (n, 12)."""
    rng = np.random.default_rng(SEED)
    centres = rng.normal(0, 2.0, (PLANTED, FEATURES))
    group = rng.choice(PLANTED, n, p=[0.3, 0.2, 0.2, 0.12, 0.1, 0.08])
    widths = np.array([0.6, 0.5, 0.7, 0.5, 0.4, 0.6])[group, None]
    rows = centres[group] + widths * rng.normal(size=(n, FEATURES))
    strange = rng.random(n) < strange_share
    rows[strange] = rng.uniform(-8, 8, (int(strange.sum()), FEATURES))
    return rows


def search_ours(n: int) -> dict[str, float]:
    from ecorse.segments.selection import Selection, select_k

    z = planted(n, 0.0)
    started = time.process_time()
    fit, _ = select_k(z, Selection(k_min=K[0], k_max=K[-1], restarts=STARTS), SEED)
    return {"cpu": time.process_time() - started, "k": len(fit.centroids)}


def search_peer(n: int) -> dict[str, float]:
    """Fit every k to all rows; the best silhouette of as large a sample wins."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    z = planted(n, 0.0)
    started = time.process_time()
    scores = {}
    for k in K:
        labels = KMeans(k, n_init=STARTS, random_state=SEED).fit_predict(z)
        scores[k] = silhouette_score(z, labels, sample_size=4000, random_state=SEED)
    return {"cpu": time.process_time() - started, "k": max(scores, key=scores.__getitem__)}


def density(n: int, limit_gib: float, is_ours: bool) -> dict[str, float]:
    """DBSCAN of all rows in a process that may not address more than the limit."""
    z = planted(n, 0.03)
    if is_ours:
        from ecorse.segments.dbscan import Dbscan, DbscanConfig

        model = Dbscan(DbscanConfig(fit_rows=n))
        resource.setrlimit(resource.RLIMIT_AS, (int(limit_gib * GIB),) * 2)
        started = time.process_time()
        learnt = model.learn(z, SEED)
        print(f"eps {learnt.figures['eps']:.3f}, min_samples {learnt.figures['min_samples']}")
        labels = learnt.anchors.labels_of(z)
    else:
        from sklearn.cluster import DBSCAN

        resource.setrlimit(resource.RLIMIT_AS, (int(limit_gib * GIB),) * 2)
        started = time.process_time()
        labels = DBSCAN(eps=2.6, min_samples=10).fit_predict(z)
    cpu = time.process_time() - started
    return {"cpu": cpu, "k": int(labels.max()) + 1, "noise": float((labels < 0).mean())}


ROLES = {
    "search": lambda n: search_ours(n),
    "search by scikit-learn": lambda n: search_peer(n),
    "dbscan": lambda n: density(n, 4.0, True),
    "dbscan by scikit-learn": lambda n: density(n, 4.0, False),
}


def start_child(role: str, n: int) -> dict[str, float] | None:
    command = [sys.executable, __file__, "--child", role, str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{role}: failed: {(done.stderr.splitlines() or ['killed'])[-1]}", flush=True)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{role}: {n:,} rows, {found['cpu']:.1f} CPU s, peak {found['peak_mb']:.0f} MB, "
        f"k = {found['k']}" + (f", noise {found['noise']:.1%}" if "noise" in found else ""),
        flush=True,
    )
    return found


def compare(name: str, ours: dict[str, float] | None, peer: dict[str, float] | None) -> None:
    if ours is None or peer is None:
        print(f"bench {name}: no ratio, one of the two did not end")
        return
    for suffix, key in (("", "cpu"), ("_memory", "peak_mb")):
        ratio = peer[key] / ours[key]
        word = "better" if ratio >= 1 else "worse"
        print(f"bench {name}{suffix} {ratio:.2f} {word} than scikit-learn on all rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--dense", type=int, default=200_000, help="0: only the search over k")
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        found = ROLES[options.child[0]](int(options.child[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found | {"peak_mb": peak}))
        return
    ours = start_child("search", options.customers)
    peer = start_child("search by scikit-learn", options.customers)
    if ours and peer and ours["k"] != peer["k"]:
        raise SystemExit(f"k differs: ours {ours['k']}, scikit-learn's {peer['k']}")
    compare("search_k", ours, peer)
    if not options.dense:
        return
    dense = start_child("dbscan", options.dense)
    dense_peer = start_child("dbscan by scikit-learn", options.dense)
    compare("dbscan", dense, dense_peer)
    if dense is None:
        raise SystemExit("DBSCAN did not stay within 4 GiB")


if __name__ == "__main__":
    main()
