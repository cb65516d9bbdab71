"""The gates: whether a candidate is promoted, by one written rule for segmentations (how far labels
and inputs moved) and one for recommenders (how far the first figure fell).

What belongs here: ARI, Jaccard, PSI and the rules, as pure functions.
What does not: fitting anything; names of shops, tables or files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ecorse.models.base import Decision
from ecorse.models.recommender_file import RecommenderGate
from ecorse.models.segmentation_file import SegmentationGate

Labels = npt.NDArray[np.int64]
SMALLEST_PSI_SHARE = 1e-4


def overlaps(before: npt.ArrayLike, after: npt.ArrayLike) -> tuple[Labels, Labels]:
    """The labels of ``before``, ascending, and how many rows each shares with each of ``after``.

    The second is ``(labels before, labels after)``.
    """
    (old, rows), (new, columns) = _numbered(before), _numbered(after)
    flat = np.bincount(rows * len(new) + columns, minlength=len(old) * len(new))
    return old, flat.reshape(len(old), len(new))


def _numbered(labels: npt.ArrayLike) -> tuple[Labels, Labels]:
    """The labels that occur, ascending, and the place of each row's among them.

    Labels are small numbers: counting them takes a tenth of the time of sorting a million rows.
    """
    found = np.asarray(labels, dtype=np.int64)
    if not found.size:
        return found, found
    low = int(found.min())
    occurs = np.bincount(found - low) > 0
    place = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs) + low, place[found - low]


def label_agreement(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    """Adjusted Rand index of two labelings of the same rows; 1 for equal up to renaming.

    Source: Hubert & Arabie, Comparing partitions, J. Classification 2 (1985).
    """
    return agreement_of(overlaps(before, after)[1])


def agreement_of(shared: Labels) -> float:
    """The adjusted Rand index from how many rows each two labels share, ``(before, after)``.

    In counts of pairs: together in both, in one of the two only, in neither.
    """
    n = int(shared.sum())
    squares = int((shared * shared).sum())
    of_before = int((shared.sum(axis=1) ** 2).sum()) - squares
    of_after = int((shared.sum(axis=0) ** 2).sum()) - squares
    both, neither = squares - n, n * n - of_before - of_after - squares
    if not of_before and not of_after:
        return 1.0
    return (
        2.0
        * (both * neither - of_before * of_after)
        / ((both + of_before) * (of_before + neither) + (both + of_after) * (of_after + neither))
    )


def cluster_jaccard(before: npt.ArrayLike, after: npt.ArrayLike) -> dict[int, float]:
    """For each cluster of ``before``, its best Jaccard overlap with a cluster of ``after``.

    Source: Hennig, Cluster-wise assessment of cluster stability, CSDA 52 (2007).
    """
    old, shared = overlaps(before, after)
    either = shared.sum(axis=1)[:, None] + shared.sum(axis=0) - shared
    best = (shared / np.maximum(either, 1)).max(axis=1, initial=0.0)
    return {int(label): float(jaccard) for label, jaccard in zip(old, best, strict=True)}


def population_stability(expected: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Population stability index of two histograms over the same bins (counts or shares).

    ``sum((a - e) * ln(a / e))`` over shares, each at least 1e-4. Below 0.1 is calm, above 0.25 a
    shift.

    Raises
    ------
    ValueError
        A histogram is empty.

    Source: Siddiqi, Credit Risk Scorecards (2006), p. 136.
    """
    e, a = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    if e.sum() == 0 or a.sum() == 0:
        raise ValueError("PSI needs rows in both histograms.")
    e = np.maximum(e / e.sum(), SMALLEST_PSI_SHARE)
    a = np.maximum(a / a.sum(), SMALLEST_PSI_SHARE)
    return float(np.sum((a - e) * np.log(a / e)))


def judge_labels(
    limits: SegmentationGate,
    *,
    psi: Mapping[str, float],
    drifted: Sequence[str] = (),
    ari: float,
    jaccard: Mapping[int, float],
    moved: float = 0.0,
    champion_k: int,
    candidate_k: int,
    reselection: str = "",
    is_declared: bool = False,
) -> Decision:
    """Promote or hold a candidate; every broken rule is named with its number.

    A due re-selection (``reselection`` says why) may change k and fit every segment anew, so ARI
    and Jaccard are then reported and not judged; but it may not move more than ``max_moved`` of
    those who were there before. Where the declaration itself was changed (``is_declared``), moves
    are what was asked for. Drifted inputs and shares are held either way.

    Parameters
    ----------
    psi, drifted
        Every PSI by name, and what of it is above its limit, in words.
    ari, jaccard, moved
        Of those who were there before, as the champion and the candidate label them tonight.
    """
    min_jaccard = min(jaccard.values(), default=1.0)
    numbers: dict[str, Any] = {
        "ari": ari,
        "min_jaccard": min_jaccard,
        "moved": moved,
        "psi": dict(psi),
        "drifted": list(drifted),
        "champion_k": champion_k,
        "candidate_k": candidate_k,
        "reselection": reselection,
        "limits": limits.model_dump(),
    }
    broken = list(drifted)
    if reselection and not is_declared and moved > limits.max_moved:
        broken.append(
            f"k was selected again because {reselection}, and {moved:.0%} of those who were there "
            f"before would change their segment; allowed {limits.max_moved:.0%}"
        )
    if not reselection:
        if ari < limits.min_ari:
            broken.append(f"labels moved: ARI {ari:.3f} is below {limits.min_ari:g}")
        if min_jaccard < limits.min_jaccard:
            worst = min(jaccard, key=lambda label: jaccard[label])
            broken.append(
                f"segment {worst} fell apart: Jaccard {min_jaccard:.3f} "
                f"is below {limits.min_jaccard:g}"
            )
    if broken:
        reason = f"Held, the published segments stay: {'; '.join(broken)}."
        return Decision("held", reason, numbers)
    return Decision("promoted", _calm(numbers), numbers)


def _calm(numbers: Mapping[str, Any]) -> str:
    """Why a candidate that broke no rule was promoted."""
    psi, before, now = numbers["psi"], numbers["champion_k"], numbers["candidate_k"]
    calm = f"largest PSI {max(psi.values()):.3f}" if psi else "no input is watched"
    if numbers["reselection"]:
        return f"Promoted: k was selected again because {numbers['reselection']}; {calm}."
    segments = f"same {now} segments" if now == before else f"{now} segments after {before}"
    return (
        f"Promoted: {segments}, ARI {numbers['ari']:.3f}, "
        f"smallest Jaccard {numbers['min_jaccard']:.3f}, {calm}."
    )


def judge_figure(
    limits: RecommenderGate,
    *,
    figure: Mapping[str, float],
    champion: Mapping[str, float] | None,
    baselines: Mapping[str, float],
    broken: list[str],
    is_accepted: bool = False,
) -> Decision:
    """Promote a recommender unless a rule is broken or its first figure fell far below before.

    Baselines are reported and do not hold the table: where baskets are close to chance the best
    sellers win every hit rate, and a list of best sellers beside each product would no longer be
    a list of similar products.

    Parameters
    ----------
    figure, champion
        ``value``, ``cases`` and ``standard_error`` of the first metric; the champion's from the
        night it was trained, empty where it had none. A figure without cases has ``cases`` 0.
    baselines
        The same metric's value by method.
    broken
        Rules that tonight's rows break.
    is_accepted
        Somebody looked at the fall and lets it through; broken rules are none to accept.
    """
    numbers: dict[str, Any] = {"figure": dict(figure), "baselines": dict(baselines)}
    if broken:
        reason = f"Rules broken: {'; '.join(broken)}. The published table stays."
        return Decision("refused" if champion is None else "held", reason, numbers)
    told = f"{figure['value']:.3f} on {figure['cases']:,} cases"
    told += "".join(f", {name} {value:.3f}" for name, value in baselines.items())
    if champion is None:
        return Decision("promoted", f"Promoted: first table of this shop. {told}.", numbers)
    numbers["champion"] = dict(champion)
    if min(figure["cases"], champion.get("cases", 0)) < limits.min_cases:
        return Decision("promoted", f"Promoted: {told}; too few cases to judge by.", numbers)
    noise = 3 * float(np.hypot(figure["standard_error"], champion["standard_error"]))
    lowest = champion["value"] - max(limits.max_drop * champion["value"], noise)
    numbers["lowest_allowed"] = lowest
    told += f"; champion {champion['value']:.3f}, lowest allowed {lowest:.3f}"
    if figure["value"] < lowest and is_accepted:
        reason = f"Promoted, for the fall was accepted: {told}."
        return Decision("promoted", reason, numbers)
    if figure["value"] < lowest:
        return Decision("held", f"Held, the published table stays: fell too far, {told}.", numbers)
    return Decision("promoted", f"Promoted: {told}.", numbers)
