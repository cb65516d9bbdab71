"""Which segment each of tonight's entities is in, with the ids of the nights before.

What belongs here: labels of a fitted model, checked, and their segment ids. What does not: whether
they are published (``segmentation``), their tables (``segmentation_tables``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ecorse.errors import ModelRejected
from ecorse.features.blocks import Block, Labels
from ecorse.features.orders import blocks_of
from ecorse.models.base import Segmentation
from ecorse.models.space import FeatureSpace
from ecorse.segments.history import NOBODY, Before
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
    model: Segmentation,
    space: FeatureSpace,
    published: Published | None,
    champion: Applied | None,
    before: Before | None,
) -> Applied:
    """Label tonight's entities, and say which segment each label is.

    With ``published`` and no ``champion`` the model is the champion itself, with its own ids. A
    candidate's labels become the champion's segments by those who were there on both nights;
    without a champion (its generation was raised) by the labels that were published.
    """
    blocks = blocks_of(space, model.vocabulary())
    names = model.names()
    labels = _checked_labels(model.assign(space), space.n, model.size(), names)
    k = model.size() or max(int(labels.max(initial=-1)) + 1, len(names or ()), 1)
    was = before.ids_of(space.lines.ids) if before is not None else None
    next_id = max(published.next_id if published else 1, before.next_id if before else 1)
    if names is not None:
        ids, next_id = list(range(1, k + 1)), k + 1
    elif published is not None and champion is None:
        ids = [published.id_of_label.get(label, 0) for label in range(k)]
    elif champion is not None:
        ids, next_id = _matched(labels, k, champion.ids, was, champion.segment_ids, next_id)
    elif before is not None and was is not None:
        ids, next_id = _matched(labels, k, was, was, tuple(before.names), next_id)
    else:
        ids, next_id = list(range(1, k + 1)), k + 1
    id_of_label = {label: segment_id for label, segment_id in enumerate(ids) if segment_id}
    given = np.array([*ids, NOISE_ID], dtype=np.int64)[labels]
    return Applied(
        model, blocks, labels, given, _occurring(id_of_label, given), id_of_label, next_id
    )


def _matched(
    labels: Labels,
    k: int,
    old_ids: Labels,
    was: Labels | None,
    segment_ids: Sequence[int],
    next_id: int,
) -> tuple[list[int], int]:
    """The segment id of each label, by those who were there before and are in segments both times.

    Where nobody was (nothing was published yet), everybody counts.
    """
    olds = sorted(set(segment_ids) - {NOISE_ID})
    both = (labels >= 0) & np.isin(old_ids, olds)
    if was is not None and (both & (was != NOBODY)).any():
        both &= was != NOBODY
    old = np.searchsorted(olds, old_ids[both]).astype(np.int64)
    members = np.bincount(labels[labels >= 0], minlength=k)
    return match_segments(labels[both], members, old, olds, next_id)


def steady(applied: Applied, space: FeatureSpace, before: Before | None, margin: float) -> Applied:
    """Who is on the border between the published segment and another stays in the published one.

    Only for one that is nearer by the share ``margin`` or more is a segment left: by the distances
    of a model that has such.
    """
    if before is None:
        return applied
    label_of = {segment_id: label for label, segment_id in applied.id_of_label.items()}
    was = before.ids_of(space.lines.ids)
    moved = (was != applied.ids) & (applied.labels >= 0) & np.isin(was, list(label_of))
    rows = np.flatnonzero(moved)
    apart = applied.model.distances(space, rows) if rows.size else None
    if apart is None:
        return applied
    place, old = np.arange(len(rows)), np.array([label_of[i] for i in was[rows].tolist()])
    new = applied.labels[rows]
    stays = apart[place, new] > (1.0 - margin) * apart[place, old]
    labels, ids = applied.labels.copy(), applied.ids.copy()
    labels[rows[stays]], ids[rows[stays]] = old[stays], was[rows[stays]]
    return replace(applied, labels=labels, ids=ids)


def standing(applied: Applied, space: FeatureSpace, before: Before | None) -> Applied:
    """The champion's labels on a night whose inputs are not to be trusted.

    Who was there before stays in the published segment; the champion labels who is new.
    """
    if before is None:
        return applied
    was = before.ids_of(space.lines.ids)
    label_of = {segment_id: label for label, segment_id in applied.id_of_label.items()}
    label_of[NOISE_ID] = -1
    stays = np.isin(was, list(label_of))
    labels, ids = applied.labels.copy(), np.where(stays, was, applied.ids)
    labels[stays] = [label_of[i] for i in was[stays].tolist()]
    occurring = _occurring(applied.id_of_label, ids)
    return replace(applied, labels=labels, ids=ids, segment_ids=occurring)


def _occurring(id_of_label: Mapping[int, int], ids: Labels) -> tuple[int, ...]:
    """The segments of a model; and none, where there is noise or a label that was never given."""
    return tuple(sorted({*id_of_label.values(), *([NOISE_ID] if (ids == NOISE_ID).any() else [])}))


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
