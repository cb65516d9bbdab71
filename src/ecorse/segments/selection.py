"""How many segments: five criteria over every k that is tried, read together by one written rule.

The rule: a k may win only if its smallest segment and its stability are large enough. Of those each
of three measures names what it prefers: the silhouette all that are near the best, the
Calinski-Harabasz index the largest, the inertia its elbow. The k that most of the three name wins;
where they disagree, one near the best silhouette, then the one nearest the elbow, then the smaller.

What belongs here: the curve over k and the rule that reads it. What does not: the features, or
whether a chosen k may be published (``ecorse.evaluate.gate``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from ecorse.declared import Table
from ecorse.evaluate.gate import label_agreement
from ecorse.features.blocks import Floats
from ecorse.models.threads import in_threads, one_thread
from ecorse.segments.lloyd import Clustering, inertia, move_centroids, nearest
from ecorse.segments.scatter import calinski_harabasz
from ecorse.segments.silhouette import sample_rows, silhouettes
from ecorse.segments.starts import best_start

TOO_FEW_ROWS = "too few distinct rows to choose the number of segments"


class KRule(Table):
    """How the number of segments is read from the curve, and when it is chosen again."""

    k_min: int = Field(2, ge=2)
    k_max: int = Field(8, ge=2)
    smallest_share: float = Field(0.05, ge=0, le=1)
    min_stability: float = Field(0.8, ge=0, le=1)
    silhouette_slack: float = Field(0.01, ge=0)
    sample_rows: int = Field(4000, ge=2)
    bootstrap_rows: int = Field(10000, ge=2)
    bootstraps: int = Field(5, ge=1)
    reselect_growth: float = Field(2.0, gt=1)
    reselect_silhouette_loss: float = Field(0.05, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min = {self.k_min} is above k_max = {self.k_max}")
        return self


class Selection(KRule):
    """The same for k-means: on how many rows each k is fitted and scored, from how many starts."""

    score_rows: int = Field(200000, ge=2)
    fit_rows: int = Field(40000, ge=2)
    restarts: int = Field(5, ge=1)


@dataclass(frozen=True)
class KScore:
    """One k of the curve; a measure is ``None`` where it is undefined."""

    k: int
    inertia: float
    silhouette: float | None
    calinski_harabasz: float | None
    stability: float | None
    smallest_share: float
    is_elbow: bool = False
    is_admissible: bool = False
    is_chosen: bool = False
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON."""
        return asdict(self)


def bootstrap_stability(z: Floats, centroids: Floats, config: Selection, seed: int) -> float:
    """Mean ARI between the fit's labels and those of refits on bootstrap samples, new seeds.

    Source: Hennig, Cluster-wise assessment of cluster stability, CSDA 52 (2007); Hubert & Arabie
    (1985) for ARI.
    """
    rows, k = z[sample_rows(len(z), config.bootstrap_rows, seed)], len(centroids)
    expected = nearest(rows, centroids)
    agreements = []
    for number in range(config.bootstraps):
        rng = np.random.default_rng([seed, number])
        drawn = z[rng.choice(len(z), len(rows), replace=True)]
        if count_distinct(drawn, k) < k:
            agreements.append(0.0)
            continue
        refit = best_start(drawn, k, seed + 1 + number, config.restarts)
        agreements.append(label_agreement(expected, nearest(rows, refit)))
    return float(np.mean(agreements))


def count_distinct(rows: Floats, most: int) -> int:
    """Number of distinct rows, to 9 decimals; counted no further than it takes to pass ``most``."""
    for n in (min(len(rows), 10 * most), len(rows)):
        distinct = int(pl.from_numpy(np.round(rows[:n], 9) + 0.0).n_unique())
        if distinct > most:
            break
    return distinct


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


def select_k(z: Floats, config: Selection, seed: int) -> tuple[Clustering, list[KScore]]:
    """Fit every k that the rows allow and choose one by the rule above.

    The curve is made on seeded samples: each k is fitted to ``fit_rows`` rows, on a thread of its
    own, and scored on ``score_rows``. The chosen k's centroids are then moved to their very end, on
    the sample and from there on all rows.

    No k is larger than the number of distinct rows. With too few for the smallest k, k is that
    number. Gives the chosen fit and the curve, k = 1 first.
    """
    scored = z[sample_rows(len(z), config.score_rows, seed)] if len(z) > config.score_rows else z
    sample = scored[sample_rows(len(scored), config.fit_rows, seed)]
    largest = min(config.k_max, count_distinct(sample, config.k_max))
    tried = [k for k in range(1, largest + 1) if k == 1 or k >= min(config.k_min, largest)]
    fits = list(in_threads(lambda k: _try_k(scored, sample, k, config, seed), tried))
    rows = sample_rows(len(scored), config.sample_rows, seed)
    found = silhouettes(scored[rows], [fit.labels[rows] for fit, _ in fits])
    scores = [
        replace(score, silhouette=value) for (_, score), value in zip(fits, found, strict=True)
    ]
    curve = choose(scores, config)
    place = next(number for number, score in enumerate(curve) if score.is_chosen)
    centroids = fits[place][0].centroids
    if len(sample) < len(z):
        centroids = move_centroids(sample, centroids).centroids
    return move_centroids(z, centroids), curve


def _try_k(
    scored: Floats, sample: Floats, k: int, config: Selection, seed: int
) -> tuple[Clustering, KScore]:
    """One k: its fit on the sample with the labels of the scored rows; all but the silhouette."""
    with one_thread():
        centroids = best_start(sample, k, seed, config.restarts)
        fit = Clustering(centroids, nearest(scored, centroids))
        stability = bootstrap_stability(scored, centroids, config, seed) if k > 1 else None
    smallest = np.bincount(fit.labels, minlength=k).min() / len(scored)
    spread = calinski_harabasz(scored, fit.labels)
    return fit, KScore(k, inertia(scored, fit), None, spread, stability, float(smallest))


def choose(scores: Sequence[KScore], config: KRule) -> list[KScore]:
    """Apply the rule to a curve: mark elbow, admissible and chosen k, each with its reason."""
    elbow = find_elbow([s.k for s in scores], [s.inertia for s in scores])
    judged = [replace(s, is_elbow=s.k == elbow, reason=_objection(s, config)) for s in scores]
    judged = [replace(s, is_admissible=not s.reason) for s in judged]
    able = [s for s in judged if s.is_admissible]
    if not able:
        left = [s for s in judged if s.silhouette is not None] or [judged[-1]]
        winner = max(left, key=lambda s: (_or_least(s.silhouette), -s.k)).k
        return [_without_any(s, winner) for s in judged]
    votes = _votes(able, elbow, config)
    names_it = {s.k: [name for name, ks in votes.items() if s.k in ks] for s in able}
    winner = min(
        (s.k for s in able),
        key=lambda k: (-len(names_it[k]), "silhouette" not in names_it[k], abs(k - elbow), k),
    )
    return [_explain(s, winner, elbow, names_it) for s in judged]


def _or_least(value: float | None) -> float:
    return -np.inf if value is None else value


def _votes(able: Sequence[KScore], elbow: int, config: KRule) -> dict[str, set[int]]:
    """The k that each of the three measures prefers, by the measure's name."""
    best = max(_or_least(s.silhouette) for s in able)
    widest = max(able, key=lambda s: (_or_least(s.calinski_harabasz), -s.k))
    return {
        "silhouette": {
            s.k for s in able if _or_least(s.silhouette) >= best - config.silhouette_slack
        },
        "Calinski-Harabasz": {widest.k},
        "elbow": {s.k for s in able if s.k == elbow},
    }


def _objection(score: KScore, config: KRule) -> str:
    if score.k < config.k_min:
        return f"below the smallest k of {config.k_min}"
    if score.smallest_share < config.smallest_share:
        return f"smallest segment {score.smallest_share:.1%}, needed {config.smallest_share:.1%}"
    if score.stability is None or score.stability < config.min_stability:
        return f"stability {score.stability or 0.0:.2f}, needed {config.min_stability:.2f}"
    if score.silhouette is None:
        return "no silhouette: as many segments as rows"
    return ""


def _without_any(score: KScore, winner: int) -> KScore:
    """The reason where no k is admissible."""
    if score.k == winner:
        objection = f"chosen: no k met every rule ({score.reason}); best silhouette of those left"
        return replace(score, is_chosen=True, reason=objection)
    return score


def _explain(
    score: KScore, winner: int, elbow: int, names_it: Mapping[int, Sequence[str]]
) -> KScore:
    if not score.is_admissible:
        return score
    figures = (
        f"silhouette {score.silhouette or 0.0:.3f}, "
        f"Calinski-Harabasz {score.calinski_harabasz or 0.0:.0f}, elbow at {elbow}, "
        f"stability {score.stability or 0.0:.2f}, smallest segment {score.smallest_share:.1%}"
    )
    named = " and ".join(names_it[score.k]) or "no measure"
    prefer = "prefer" if len(names_it[score.k]) > 1 else "prefers"
    told = f"{named} {prefer} it; {figures}"
    if score.k == winner:
        return replace(score, is_chosen=True, reason=f"chosen: {told}")
    return replace(score, reason=f"{winner} was preferred: {told}")
