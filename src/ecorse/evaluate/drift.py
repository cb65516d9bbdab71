"""How inputs and shares are distributed: histograms on bins that a reference fixes, and their PSI.

What belongs here: bins, counts and the PSI per feature, and of the shares of segments. What does
not: what a drift decides (``ecorse.evaluate.gate``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ecorse.evaluate.gate import population_stability
from ecorse.evaluate.leaps import FAR, Leaps
from ecorse.features.blocks import Block, Floats, Labels
from ecorse.models.segmentation_file import PERIODS, SegmentationGate

QUANTILES = 10
SHARES = "segment shares"
LEAST_FAR, FAR_SHARE = 5, 0.05


def quantile_edges(values: Floats) -> list[float]:
    """Inner edges of about ten equally full bins, each between two values that occur.

    An edge never sits on a value, so that a price of 11.95 and one of 11.96 share a bin.
    """
    distinct = np.unique(values)
    if len(distinct) < 2:
        return []
    cuts = np.quantile(values, np.arange(1, QUANTILES) / QUANTILES, method="lower")
    left = np.unique(np.minimum(np.searchsorted(distinct, cuts), len(distinct) - 2))
    edges: list[float] = ((distinct[left] + distinct[left + 1]) / 2.0).tolist()
    return edges


def histogram(block: Block, edges: Sequence[float]) -> list[float]:
    """Rows per bin: hours, weekdays or months of a cycle; bins of a number; values of a share.

    The last bin of a share feature counts what has no column (unseen values).
    """
    kind = block.feature.kind
    if kind == "cycle":
        bins = int(PERIODS[block.feature.part])
        # 1e-9: the angle of 12:00 comes back as 11.9999999
        counts = np.bincount(np.floor(block.turns * bins + 1e-9).astype(int) % bins, minlength=bins)
        return [float(count) for count in counts]
    if kind == "share":
        sums = block.sums
        return [*sums.tolist(), float(max(block.n - sums.sum(), 0.0))]
    place = np.searchsorted(np.asarray(edges), block.values[:, 0], side="right")
    return [float(count) for count in np.bincount(place, minlength=len(edges) + 1)]


def reference_histograms(blocks: Sequence[Block]) -> dict[str, dict[str, Any]]:
    """Edges and counts per feature, as plain JSON, to compare later nights with."""
    references: dict[str, dict[str, Any]] = {}
    for block in blocks:
        edges: list[float] = []
        far: dict[str, Any] = {}
        if block.feature.is_number:
            edges = quantile_edges(block.values[:, 0])
        if _is_logarithm(block):
            far = _reach(block.values[:, 0])
        counts = histogram(block, edges)
        references[block.feature.name] = {"edges": edges, "counts": counts, **far}
    return references


@dataclass(frozen=True)
class Drift:
    """How far one feature moved: ``compared`` says of which rows; ``limit``: none is judged.

    ``far`` rows are further than three times beyond what there was: all that there was, or in
    ``again`` what each of them had before; ``of`` says of how many, on which day.
    """

    feature: str
    compared: Literal["all", "added", "again", "members"]
    psi: float
    limit: float | None = None
    far: int = 0
    of: str = ""

    @property
    def is_drifted(self) -> bool:
        """Whether it is above its limit."""
        return self.limit is not None and self.psi > self.limit

    @property
    def name(self) -> str:
        """The feature, and of which rows where these are not all."""
        return self.feature + {"added": " of added rows", "again": " of new lines"}.get(
            self.compared, ""
        )


def drift(
    references: Mapping[str, Mapping[str, Any]], blocks: Sequence[Block], limits: SegmentationGate
) -> list[Drift]:
    """PSI of each feature against its reference: of all rows, and of the added ones.

    Input grows night by night, so one bad file of 1 % hides in the whole (prices x 100 in 8 % of
    rows: PSI 0.05). What was added is today's histogram minus the reference's, bin by bin; it is
    judged when it has ``least_added`` rows or more; fewer are noise, unless five or more of them,
    and one in twenty, are further than three times beyond what there was: another unit. A reference
    of fewer than ``least_reference`` rows (a shop's first days) is no measure of anything, and
    skipped. A feature that is not watched is measured and not judged.
    """
    found = []
    for block in blocks:
        name = block.feature.name
        limit = limits.max_psi if block.feature.watch_drift else None
        before = np.asarray(references.get(name, {}).get("counts", ()), dtype=float)
        today = np.asarray(histogram(block, references[name]["edges"]) if before.size else ())
        # other bins: the feature was declared otherwise
        if before.sum() < limits.least_reference or len(before) != len(today):
            continue
        found.append(Drift(name, "all", population_stability(before, today), limit))
        added = np.maximum(today - before, 0.0)
        if not added.sum():
            continue
        psi = population_stability(before, added)
        far = _gone_far(block, references[name])
        is_gross = far >= max(LEAST_FAR, FAR_SHARE * added.sum())
        if added.sum() >= limits.least_added or is_gross:
            found.append(Drift(name, "added", psi, limit, far if is_gross else 0))
    return found


def _is_logarithm(block: Block) -> bool:
    return block.feature.kind.startswith("log_")


def _reach(values: Floats) -> dict[str, Any]:
    """How far a number went so far, and how many values were far beyond (the odd one of 1,000)."""
    low, high = np.quantile(values, [0.001, 0.999]) if values.size else (0.0, 0.0)
    ends = [float(low) - FAR, float(high) + FAR]
    return {"reach": ends, "beyond": _beyond(values, ends)}


def _gone_far(block: Block, reference: Mapping[str, Any]) -> int:
    """Rows that are far beyond what there was, and were not then; 0 of what is no number."""
    if "reach" not in reference:  # nor of a model of an earlier version
        return 0
    return _beyond(block.values[:, 0], reference["reach"]) - int(reference["beyond"])


def _beyond(values: Floats, reach: Sequence[float]) -> int:
    return int(((values < reach[0]) | (values > reach[1])).sum())


def leap_drift(leaps: Sequence[Leaps], limits: SegmentationGate) -> list[Drift]:
    """New lines that are in another unit than the same entities' earlier ones; of others nothing.

    Of each column the day on which most leap stands for all. Its PSI is that of a third or less,
    alike, three times or more against nobody leaping.
    """
    worst: dict[str, Leaps] = {}
    for one in leaps:
        if one.is_another_unit and (one.name not in worst or one.most > worst[one.name].most):
            worst[one.name] = one
    return [
        Drift(
            one.name,
            "again",
            population_stability(*one.bins),
            limits.max_psi,
            one.most,
            f"{one.entities} on {one.day}",
        )
        for one in worst.values()
    ]


def share_drift(
    before: Mapping[int, float], ids: Labels, limits: SegmentationGate, *, is_judged: bool
) -> tuple[list[Drift], str]:
    """PSI of the shares of segments against the published night's; and the segment that moved most.

    Parameters
    ----------
    before : share of each segment, 0 to 1.
    ids : the same segments on tonight's entities, ``(n,)``, as the published model sees them: what
        another model would make of them is another question.

    Returns
    -------
    list of Drift
        One, or none where nobody was in a segment.
    str
        Which segment moved most, from which share to which.
    """
    segments = sorted({*before, *np.unique(ids).tolist()})
    then = np.array([before.get(i, 0.0) for i in segments])
    if not then.sum() or not ids.size:
        return [], ""
    now = np.array([float((ids == i).mean()) for i in segments])
    limit = limits.max_share_psi if is_judged else None
    most = int(np.abs(now - then).argmax())
    told = f"segment {segments[most]} from {then[most]:.0%} to {now[most]:.0%}"
    return [Drift(SHARES, "members", population_stability(then, now), limit)], told


def drift_words(drifts: Sequence[Drift], most_moved: str) -> list[str]:
    """What is above its limit, in words, with its figures; nothing on a calm night."""
    inputs = [d for d in drifts if d.is_drifted and d.feature != SHARES]
    told = []
    if inputs:
        figures = ", ".join(f"{d.name} {d.psi:.3g}{_far(d)}" for d in inputs)
        told.append(f"the inputs drifted: PSI of {figures}; allowed {inputs[0].limit:g}")
    told += [
        f"the shares of segments jumped: PSI {d.psi:.3g}; allowed {d.limit:g}; most {most_moved}"
        for d in drifts
        if d.is_drifted and d.feature == SHARES
    ]
    return told


def _far(one: Drift) -> str:
    if one.compared == "again":
        return f" ({one.far} of {one.of} over three times off what the same had before)"
    return f" ({one.far} of them over three times beyond all before)" if one.far else ""
