"""Which segment each of tonight's entities is in, with the ids of the nights before.

What belongs here: labels of a fitted model, checked, and their segment ids. What does not: whether
they are published (``segmentation``), their tables (``segmentation_tables``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ecorse.errors import ModelRejected
from ecorse.features.blocks import Block, Labels
from ecorse.features.orders import blocks_of
from ecorse.models.base import Segmentation
from ecorse.models.space import FeatureSpace
from ecorse.segments.identity import match_segments
from ecorse.training.segmentation_file import Published

NOISE_ID, NOISE_NAME = 0, "In no segment"
MOST_SEGMENTS = 1000


@dataclass(frozen=True)
class Applied:
    """A fitted segmentation on tonight's entities.

    ``ids`` ``(n,)`` are their segment ids; ``segment_ids`` those that the model can give,
    ascending; ``next_id`` the next that was never used.
    """

    model: Segmentation
    blocks: Sequence[Block]
    labels: Labels
    ids: Labels
    segment_ids: tuple[int, ...]
    id_of_label: Mapping[int, int]
    next_id: int

    @property
    def k(self) -> int:
        """How many segments; what is in none is not one of them."""
        return len(self.id_of_label)


def apply(
    model: Segmentation, space: FeatureSpace, published: Published | None, before: Applied | None
) -> Applied:
    """Label tonight's entities, and say which segment each label is.

    With ``published`` and no ``before`` the model is the champion itself, with its own ids.
    """
    blocks = blocks_of(space, model.vocabulary())
    names = model.names()
    labels = _checked_labels(model.assign(space), space.n, model.size(), names)
    k = model.size() or max(int(labels.max(initial=-1)) + 1, len(names or ()), 1)
    if names is not None or published is None:
        ids, next_id = list(range(1, k + 1)), k + 1
    elif before is None:
        ids = [published.id_of_label.get(label, 0) for label in range(k)]
        next_id = published.next_id
    else:
        known = labels >= 0
        champion = sorted(set(before.segment_ids) - {NOISE_ID})
        place = {segment_id: number for number, segment_id in enumerate(champion)}
        both = known & (before.ids != NOISE_ID)
        old = np.array([place[i] for i in before.ids[both]], dtype=np.int64)
        ids, next_id = match_segments(labels[both], k, old, champion, published.next_id)
    id_of_label = {label: segment_id for label, segment_id in enumerate(ids) if segment_id}
    given = np.array([*ids, NOISE_ID], dtype=np.int64)[labels]
    segment_ids = sorted(id_of_label.values())
    if (given == NOISE_ID).any():  # noise, and labels that the champion never gave before
        segment_ids = [NOISE_ID, *segment_ids]
    return Applied(model, blocks, labels, given, tuple(segment_ids), id_of_label, next_id)


def _checked_labels(
    given: object, n: int, size: int | None, names: Mapping[int, str] | None
) -> Labels:
    """The labels of a model that kept to the contract; another's are refused, with the reason."""
    labels = np.asarray(given)
    most = MOST_SEGMENTS if size is None else size
    told = list((names or {}).values())
    rules = {
        f"expected whole numbers of shape ({n},), got {labels.dtype} {labels.shape}": (
            labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer)
        ),
        f"names are given to {sorted(names or ())}; expected labels 0, 1, 2 and so on": (
            sorted(names or ()) != list(range(len(told)))
        ),
        f"names must be different texts that are not empty, got {told}": (
            not all(isinstance(name, str) and name.strip() for name in told)
            or len(set(told)) < len(told)
        ),
    }
    for rule, is_broken in rules.items():
        if is_broken:
            raise ModelRejected(f"Labels refused: {rule}.")
    if labels.min() < -1 or labels.max() >= most:
        raise ModelRejected(
            f"Labels refused: they go from {labels.min()} to {labels.max()}; expected -1 (noise) "
            f"to {most - 1}, counted from 0."
        )
    return labels.astype(np.int64, copy=False)
