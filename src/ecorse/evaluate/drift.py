"""How inputs are distributed: histograms of feature blocks on bins that a reference fixes.

What belongs here: bins, counts and the PSI per feature. What does not: the limit on it
(``ecorse.evaluate.gate``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ecorse.evaluate.gate import population_stability
from ecorse.features.blocks import Block, Floats
from ecorse.models.declaration import PERIODS, SegmentationGate

QUANTILES = 10


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
    """Edges and counts per watched feature, as plain JSON, to compare later nights with."""
    references = {}
    for block in blocks:
        if block.feature.watch_drift:
            edges = quantile_edges(block.values[:, 0]) if block.feature.is_number else []
            references[block.feature.name] = {"edges": edges, "counts": histogram(block, edges)}
    return references


def drift(
    references: Mapping[str, Mapping[str, Any]], blocks: Sequence[Block], limits: SegmentationGate
) -> dict[str, float]:
    """PSI of each watched feature against its reference: of all rows, and of the added ones.

    Input grows night by night, so one bad file of 1 % hides in the whole (prices x 100 in 8 % of
    rows: PSI 0.05). What was added is today's histogram minus the reference's, bin by bin; it is
    judged when it has ``least_added`` rows or more, fewer are noise. A reference of fewer than
    ``least_reference`` rows (a shop's first days) is no measure of anything, and skipped.
    """
    found = {}
    for block in blocks:
        name = block.feature.name
        if name in references:
            before = np.asarray(references[name]["counts"])
            if before.sum() < limits.least_reference:
                continue
            today = np.asarray(histogram(block, references[name]["edges"]))
            found[name] = population_stability(before, today)
            added = np.maximum(today - before, 0.0)
            if added.sum() >= limits.least_added:
                found[f"{name} of added rows"] = population_stability(before, added)
    return found
