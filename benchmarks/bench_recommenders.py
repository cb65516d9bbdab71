"""Recommenders on a real shop and two simulated ones, beside those of implicit, LensKit, RecTools.

What belongs here: which methods take part with which trials, the tables, who would be served. What
does not: windows, trials and judging (``contest``), the peers (``peers``), customers and products
without a history (``cold_start``), published data sets (``bench_published``).

A method gets twelve trials, ours as many as a peer's, judged on the four weeks before the three
judged windows of four weeks; the best goes on, for peers a best one for each kind of list. It is
fitted anew on all that came before each judged window, and makes lists of ten for everybody who
buys in it: of anything (``for_you``), and of what they never had (``explore``). ``shipped`` is
``include/models/recommend_for_customers.toml`` as it stands, with no trial of its own. Windows,
questions, nDCG@10 and intervals are those of ``ecorse.evaluate``.

Run ``python benchmarks/bench_recommenders.py [shop ...]``. Peers run under ``--peers PYTHON``
(another interpreter that has implicit, lenskit and rectools; default: this one); what it has not is
said. ``--keep FOLDER`` keeps what was judged, method by method: a run of the same code that was
cut off goes on there. (They are pickles: only what this user wrote is read.) The last lines are
``bench <name> <ratio> <better|worse> than <peer>``, ratio = our figure / the best peer's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cold_start
from contest import (
    KINDS,
    Judged,
    Trial,
    Window,
    contest,
    is_installed,
    of_truth,
    peer,
    try_ours,
    windows,
)
from judging import TASK, mean_of, shipped, told
from peers import TRIALS as PEERS
from shops import DATA, online_retail

from ecorse.evaluate.cases import slices
from ecorse.evaluate.intervals import paired
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Floats
from ecorse.models.recommender_file import ListKind
from ecorse.testing.tastes import shop_of_tastes


def part(name: str, **parameters: object) -> Trial:
    return {"class": name, "parameters": parameters}


SHIPPED = part("hybrid", **shipped("for_customers").file.parameters)
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
# As many as a peer's; the shipped declaration has one.
OURS: dict[str, list[Trial]] = {
    "popular": [
        part("popular", half_life_days=days) for days in (0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 60, 90)
    ],
    "shipped": [SHIPPED],
    "hybrid": [
        part("hybrid", parts=parts, trend_power=power)
        for parts in (PLAIN, DECAYED, SHIPPED["parameters"]["parts"])
        for power in (0, 0.1, 0.2, 0.35)
    ],
    "graph_filter": [
        part("graph_filter", half_life_days=days, power=power, rank=rank)
        for days in (0, 60, 120)
        for power in (0.5, 1)
        for rank in (128, 256)
    ],
}


def judged_methods(
    shop: str, at: Sequence[Window], before: Window, python: str, keep: Path | None
) -> dict[str, Judged]:
    """Judge every method on a shop, printing each row of the table as it comes."""
    print("| method | trials | for_you | explore | a fit, CPU s |\n|---|---|---|---|---|")
    found: dict[str, Judged] = {}
    here = [name for name in PEERS if is_installed(name, python)]
    for name in ["popular", "shipped", *here, "graph_filter", "hybrid"]:  # the dearest last
        trials = OURS.get(name) or PEERS[name]
        file = keep / f"{shop}.{name}.pickle" if keep else None
        start = time.perf_counter()
        if file and file.exists():
            found[name] = pickle.loads(file.read_bytes())  # our own, of an earlier run
        else:
            run = try_ours if name in OURS else peer(name, python)
            found[name] = contest(run, trials, at, before, is_one=name in OURS)
            if file:
                file.write_bytes(pickle.dumps(found[name]))
        cells = [told(mean_of(found[name].cases[kind])) for kind in KINDS]
        row = [name, str(len(trials)), *cells, f"{found[name].seconds:.1f}"]
        print(f"| {' | '.join(row)} |", flush=True)
        print(f"{shop} {name}: {time.perf_counter() - start:.0f} s in all", file=sys.stderr)
    for name in PEERS:
        if name not in found:
            print(f"{name} is not installed under {python}: not measured")
    return found


def served(judged: Mapping[str, Judged], kind: ListKind) -> str:
    """Who of those we ship is served: best sellers, unless the blend is proven to be better."""
    blend, popular = (judged[name].cases[kind] for name in ("shipped", "popular"))
    return "shipped" if paired(blend, popular, TASK.seed).is_above(0) else "popular"


def best_peer(judged: Mapping[str, Judged], kind: ListKind) -> str:
    """The peer with the largest mean; empty where none took part."""
    peers = [name for name in judged if name not in OURS]
    return max(peers, key=lambda name: mean_of(judged[name].cases[kind]).value or 0.0, default="")


def compare(shop: str, judged: Mapping[str, Judged]) -> list[str]:
    """Print the champion beside the best peer, case by case; gives the comparisons."""
    lines = []
    for kind in KINDS:
        champion, peer_name = served(judged, kind), best_peer(judged, kind)
        means = {name: mean_of(judged[name].cases[kind]).value or 0.0 for name in judged}
        for other in (name for name in (peer_name, "popular") if name):
            if other == champion:
                continue
            gap = paired(judged[champion].cases[kind], judged[other].cases[kind], TASK.seed)
            print(f"{shop}, {kind}: served is {champion}; {champion} - {other} = {gap.told}")
            if other == peer_name:
                ratio = means[champion] / means[other]
                word = "better" if ratio >= 1 else "worse"
                lines.append(f"bench recommend_{shop}_{kind} {ratio:.3f} {word} than {other}")
    return lines


def by_history(judged: Mapping[str, Judged]) -> None:
    """Print the blend beside the best peer, by how many products a customer had before."""
    print("| products before | list | cases | shipped | best peer | difference | best sellers |")
    print("|---|---|---|---|---|---|---|")
    for kind in KINDS:
        ours, usual = (judged[name].cases[kind] for name in ("shipped", "popular"))
        peer_name = best_peer(judged, kind)
        theirs = judged[peer_name].cases[kind] if peer_name else usual
        parts = {name.removeprefix("history "): rows for name, rows in slices(ours).items()}
        parts["1 and more"] = ours.history > 0
        parts["1 and more, newest window"] = (ours.history > 0) & (ours.origin == 0)
        for name, rows in parts.items():
            if not rows.any():
                continue
            gap = paired(ours, theirs, TASK.seed, rows=rows)
            own, best, least = (
                f"{c.gains[c.primary][rows].mean():.4f}" for c in (ours, theirs, usual)
            )
            row = [name, kind, f"{rows.sum():,}", own, f"{best} {peer_name}", gap.told, least]
            print(f"| {' | '.join(row)} |")


def kept_by_this_code(keep: Path) -> Path:
    """The folder of what this very code judged: figures of two versions are never in one table.

    Raises
    ------
    SystemExit
        The folder is another user's: a pickle may run whatever its writer liked.
    """
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for pattern in ("src/ecorse/**/*.py", "include/models/*.toml", "benchmarks/*.py"):
        for path in sorted(root.glob(pattern)):
            digest.update(path.read_bytes())
    folder = keep / digest.hexdigest()[:12]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise SystemExit(f"--keep: {folder} belongs to another user; give a folder of your own.")
    return folder


def rows_of(shop: str, keep: Path | None) -> tuple[Interactions, Floats | None]:
    """The shop's rows, and where it is simulated what each customer likes."""
    if shop != "online_retail":
        planted = shop_of_tastes(has_tastes=shop == "tastes")
        return planted.data, planted.liked
    file = keep / f"{shop}.rows.pickle" if keep else None
    if file and file.exists():
        items, users, rows = pickle.loads(file.read_bytes())
        return Interactions(items, users, rows).of_customers(), None
    with tempfile.TemporaryDirectory() as work:
        data = online_retail(DATA, Path(work))
    if file:
        file.write_bytes(pickle.dumps((data.items, data.users, data.rows)))
    return data.of_customers(), None


def table(shop: str, python: str, keep: Path | None) -> list[str]:
    """Everything of one shop; gives the comparisons."""
    data, liked = rows_of(shop, keep)
    at, before = windows(data)
    cases = [sum(window.asked[kind].users.size for window in at) for kind in KINDS]
    print(f"== {shop}: {data.shape}; cases: {cases[0]:,} for_you, {cases[1]:,} explore ==")
    judged = judged_methods(shop, at, before, python, keep)
    if liked is not None:
        cells = [told(mean_of(cases)) for cases in of_truth(liked, at).values()]
        print(f"| the planted tastes | | {' | '.join(cells)} | |")
    for name, found in judged.items():
        trials = {kind: found.trial[kind].get("parameters", found.trial[kind]) for kind in KINDS}
        if name != "shipped":
            print(f"{name} went on with {trials}")
    by_history(judged)
    return compare(shop, judged)


def main() -> None:
    shops = ["online_retail", "tastes", "no_signal", "cold_start"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shops", nargs="*", default=shops, metavar="SHOP")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if unknown := set(options.shops) - set(shops):
        parser.error(f"no shop {', '.join(sorted(unknown))}; there are {', '.join(shops)}")
    keep = kept_by_this_code(options.keep) if options.keep else None
    lines: list[str] = []
    for shop in options.shops:
        if shop == "cold_start":
            lines += cold_start.tables()
        elif shop == "online_retail" and not DATA.is_dir():
            print(f"online_retail: {DATA.name} is not beside the checkout, not measured")
        else:
            lines += table(shop, options.peers, keep)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
