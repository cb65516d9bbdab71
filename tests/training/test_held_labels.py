"""The labels of a night whose inputs are not to be trusted, by hand."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl

from ecorse.segments.events import EVENTS
from ecorse.segments.history import PUBLISHED_LABELS, Before
from ecorse.training.segmentation_labels import Applied, standing

WHO = pl.Series(["ann", "bob", "cem", "dan", "eve", "fay"])
PUBLISHED = {"ann": 7, "bob": 7, "cem": 0, "eve": 5, "fay": 9}


def test_labels_follow_the_published_segments_as_the_ids_do():
    """Figures are worked out of labels, tables of ids: both must be of one labelling."""
    labels = pl.DataFrame(
        [(who, segment_id, None, None, None) for who, segment_id in PUBLISHED.items()],
        schema=dict(PUBLISHED_LABELS),
        orient="row",
    )
    before = Before(1, date(2024, 1, 1), labels, {}, pl.DataFrame(schema=dict(EVENTS)))
    applied = Applied(
        model=None,
        blocks=(),
        labels=np.array([0, 1, 1, 0, -1, 0]),
        ids=np.array([5, 7, 7, 5, 0, 5]),
        segment_ids=(0, 5, 7),
        id_of_label={0: 5, 1: 7},
        next_id=8,
    )
    kept = standing(applied, SimpleNamespace(lines=SimpleNamespace(ids=WHO)), before)
    # dan is new and fay's segment is no more: the champion labels both; cem stays in none
    assert kept.ids.tolist() == [7, 7, 0, 5, 5, 5]
    assert kept.labels.tolist() == [1, 1, -1, 0, 0, 0]
    assert kept.segment_ids == (0, 5, 7)
    assert applied.labels.tolist() == [0, 1, 1, 0, -1, 0], "nothing is changed in place"
