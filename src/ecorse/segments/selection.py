"""How many segments: silhouette, elbow, smallest share and stability, by one written rule.

The rule: of the k whose smallest segment and stability are large enough, those whose silhouette is
near the best compete; the one nearest the elbow of the inertia wins, then the smaller one.

What belongs here: the curve over k and the rule that reads it. What does not: the features, or
whether a chosen k may be published (``ecorse.evaluate.gate``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from pydantic import Field, model_validator
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import euclidean_distances

from ecorse.declared import Table
from ecorse.features.orders import Floats
from ecorse.segments.projection import Labels, count_distinct, fit_kmeans, one_thread, refit_kmeans

SILHOUETTE_BLOCK = 512  # rows whose distances are held at once


class Selection(Table):
    """How the number of segments is chosen, and when it is chosen again."""

    k_min: int = Field(2, ge=2)
    k_max: int = Field(8, ge=2)
    smallest_share: float = Field(0.05, ge=0, le=1)
    min_stability: float = Field(0.8, ge=0, le=1)
    silhouette_slack: float = Field(0.01, ge=0)
    sample_rows: int = Field(4000, ge=2)
    fit_rows: int = Field(40000, ge=2)
    bootstrap_rows: int = Field(10000, ge=2)
    bootstraps: int = Field(5, ge=1)
    restarts: int = Field(5, ge=1)
    reselect_growth: float = Field(2.0, gt=1)
    reselect_silhouette_loss: float = Field(0.05, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Selection:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min = {self.k_min} is above k_max = {self.k_max}")
        return self


@dataclass(frozen=True)
class KScore:
    """One k of the curve; ``silhouette`` and ``stability`` are ``None`` where undefined."""

    k: int
    inertia: float
    silhouette: float | None
    stability: float | None
    smallest_share: float
    is_elbow: bool = False
    is_admissible: bool = False
    is_chosen: bool = False
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON."""
        return asdict(self)


def sample_rows(n: int, size: int, seed: int) -> Labels:
    """Sorted indices of a seeded sample of ``size`` of ``n`` rows (all when fewer)."""
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def silhouette(z: Floats, labels: Labels, size: int, seed: int) -> float | None:
    """Mean silhouette on a seeded sample; ``None`` with fewer than 2 labels or as many as rows."""
    rows = sample_rows(len(z), size, seed)
    return silhouettes(z[rows], [labels[rows]])[0]


def silhouettes(z: Floats, labelings: Sequence[Labels]) -> list[float | None]:
    """Mean silhouette of each labeling of the same rows; distances are computed once for all.

    A row's mean distance to a cluster is a product of its distances with the cluster's members,
    block by block, so that the square of the rows is never held.

    Source: Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20 (1987).
    """
    n = len(z)
    members = [np.equal.outer(labels, np.unique(labels)).astype(np.float64) for labels in labelings]
    sizes = [member.sum(axis=0) for member in members]
    everyone = np.hstack(members)
    ends = np.cumsum([member.shape[1] for member in members])
    totals = np.zeros(len(members))
    for start in range(0, n, SILHOUETTE_BLOCK):
        block = slice(start, min(start + SILHOUETTE_BLOCK, n))
        distances = euclidean_distances(z[block], z)
        distances[np.arange(block.stop - start), np.arange(start, block.stop)] = 0.0
        sums = np.split(distances @ everyone, ends[:-1], axis=1)
        for number, (member, size) in enumerate(zip(members, sizes, strict=True)):
            totals[number] += _silhouette_sum(sums[number], member[block], size)
    return [
        float(total / n) if 2 <= len(size) < n else None
        for total, size in zip(totals, sizes, strict=True)
    ]


def _silhouette_sum(sums: Floats, member: Floats, sizes: Floats) -> float:
    """Sum of the silhouettes of a block's rows; a row alone in its cluster has 0.

    Parameters
    ----------
    sums : ``(b, k)`` summed distances of each row to each cluster.
    member : ``(b, k)`` 1 in the row's own cluster.
    """
    if len(sizes) < 2:
        return 0.0
    own = member @ sizes
    inside = (sums * member).sum(axis=1) / np.maximum(own - 1, 1)
    outside = np.where(member > 0, np.inf, sums / sizes).min(axis=1)
    widest = np.maximum(inside, outside)
    values = np.divide(outside - inside, widest, out=np.zeros_like(inside), where=widest > 0)
    return float(values[own > 1].sum())


def bootstrap_stability(z: Floats, kmeans: KMeans, config: Selection, seed: int) -> float:
    """Mean ARI between the fit's labels and those of refits on bootstrap samples, new seeds.

    Source: Hennig, Cluster-wise assessment of cluster stability, CSDA 52 (2007); Hubert & Arabie
    (1985) for ARI.
    """
    rows = sample_rows(len(z), config.bootstrap_rows, seed)
    expected = kmeans.predict(z[rows])
    agreements = []
    for number in range(config.bootstraps):
        rng = np.random.default_rng([seed, number])
        drawn = z[rng.choice(len(z), len(rows), replace=True)]
        if count_distinct(drawn) < kmeans.n_clusters:
            agreements.append(0.0)
            continue
        refit = fit_kmeans(drawn, kmeans.n_clusters, seed + 1 + number, config.restarts)
        agreements.append(adjusted_rand_score(expected, refit.predict(z[rows])))
    return float(np.mean(agreements))


def find_elbow(ks: Sequence[int], inertias: Sequence[float]) -> int:
    """The k farthest below the line from the first to the last point, both axes scaled to 0-1.

    Source: Satopaa et al., Finding a "kneedle" in a haystack, ICDCS workshops (2011), without
    smoothing.
    """
    x, y = np.asarray(ks, dtype=float), np.asarray(inertias, dtype=float)
    if len(x) < 3 or y[0] <= y[-1]:
        return int(ks[0])
    below_line = (1.0 - (x - x[0]) / (x[-1] - x[0])) - (y - y[-1]) / (y[0] - y[-1])
    return int(ks[int(np.argmax(below_line))])


def select_k(z: Floats, distinct: int, config: Selection, seed: int) -> tuple[KMeans, list[KScore]]:
    """Fit every k that the rows allow and choose one by the rule above.

    The curve is made on a seeded sample of ``fit_rows`` rows, each k on a thread of its own;
    inertia and shares are those of all rows. The chosen k is then fitted to all rows from the
    sample's centroids.

    ``distinct`` is the number of distinct rows of ``z``; no k is larger. With too few for the
    smallest k, k is that number. Gives the chosen fit and the curve, k = 1 first.
    """
    sample = z[sample_rows(len(z), config.fit_rows, seed)]
    largest = min(config.k_max, distinct, count_distinct(sample))
    tried = [k for k in range(1, largest + 1) if k == 1 or k >= min(config.k_min, largest)]
    work = (delayed(_try_k)(z, sample, k, config, seed) for k in tried)
    fits: list[tuple[KMeans, Labels, KScore]] = Parallel(n_jobs=-1, prefer="threads")(work)
    rows = sample_rows(len(z), config.sample_rows, seed)
    found = silhouettes(z[rows], [labels[rows] for _, labels, _ in fits])
    scores = [
        replace(score, silhouette=value) for (_, _, score), value in zip(fits, found, strict=True)
    ]
    curve = choose(scores, config)
    place = next(number for number, score in enumerate(curve) if score.is_chosen)
    return refit_kmeans(z, fits[place][0].cluster_centers_), curve


def _try_k(
    z: Floats, sample: Floats, k: int, config: Selection, seed: int
) -> tuple[KMeans, Labels, KScore]:
    """One k: its fit on the sample, the labels of all rows, and its score without silhouette."""
    with one_thread():  # OpenMP's limit is one of the thread that sets it
        fit = fit_kmeans(sample, k, seed, config.restarts)
        labels = fit.predict(z).astype(np.int64)
        score = KScore(
            k=k,
            inertia=-float(fit.score(z)),
            silhouette=None,
            stability=bootstrap_stability(z, fit, config, seed) if k > 1 else None,
            smallest_share=float(np.bincount(labels, minlength=k).min() / len(z)),
        )
    return fit, labels, score


def choose(scores: Sequence[KScore], config: Selection) -> list[KScore]:
    """Apply the rule to a curve: mark elbow, admissible and chosen k, each with its reason."""
    elbow = find_elbow([s.k for s in scores], [s.inertia for s in scores])
    judged = [replace(s, is_elbow=s.k == elbow, reason=_objection(s, config)) for s in scores]
    judged = [replace(s, is_admissible=not s.reason) for s in judged]
    able = [s for s in judged if s.is_admissible]
    fallback = not able
    if fallback:
        able = [s for s in judged if s.silhouette is not None] or [judged[-1]]
    best = max(s.silhouette if s.silhouette is not None else -1.0 for s in able)
    near = [s for s in able if (s.silhouette or 0.0) >= best - config.silhouette_slack]
    near = near if not fallback else [max(able, key=lambda s: (s.silhouette or -1.0, -s.k))]
    winner = min(near, key=lambda s: (abs(s.k - elbow), s.k)).k
    return [_explain(s, winner, elbow, best, {n.k for n in near}, fallback) for s in judged]


def _objection(score: KScore, config: Selection) -> str:
    if score.k < config.k_min:
        return f"below the smallest k of {config.k_min}"
    if score.smallest_share < config.smallest_share:
        return f"smallest segment {score.smallest_share:.1%}, needed {config.smallest_share:.1%}"
    if score.stability is None or score.stability < config.min_stability:
        return f"stability {score.stability or 0.0:.2f}, needed {config.min_stability:.2f}"
    if score.silhouette is None:
        return "no silhouette: as many segments as rows"
    return ""


def _explain(
    score: KScore, winner: int, elbow: int, best: float, near: set[int], fallback: bool
) -> KScore:
    if score.k == winner and fallback:
        reason = f"chosen: no k met every rule ({score.reason}); best silhouette of those left"
    elif score.k == winner:
        reason = (
            f"chosen: silhouette {score.silhouette or 0.0:.3f} (best {best:.3f}), "
            f"{len(near)} k within reach, elbow at {elbow}"
        )
    elif score.reason:
        reason = score.reason
    elif score.k in near:
        reason = (
            f"silhouette {score.silhouette or 0.0:.3f} is near the best, "
            f"but {winner} is nearer the elbow"
        )
    else:
        reason = f"silhouette {score.silhouette or 0.0:.3f} is too far below the best {best:.3f}"
    return replace(score, is_chosen=score.k == winner, reason=reason)
