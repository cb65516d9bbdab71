"""Customers' segments in the published nights that are kept: which, and how to read them.

What belongs here: finding these nights for a recommender. What does not: which label is of before a
window (``ecorse.segments.label_history``).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial

import polars as pl
import psycopg

from ecorse.segments.label_history import NO_LABELS, LabelHistory, PublishedLabels
from ecorse.training.nights_before import columns_of, day_of, published_before
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

LABELS = "customer_segments"


def find_labels(
    conn: psycopg.Connection, segmentations: Iterable[str], build_id: int, shop_id: str
) -> LabelHistory:
    """The nights that are kept and hold these segmentations of a shop; read when they are asked."""
    if not columns_of(conn, LABELS) >= {"segment_name", "since_date"}:
        return NO_LABELS
    kept = [
        (earlier, day)
        for earlier, is_kept in published_before(conn, build_id)
        if is_kept and (day := day_of(conn, "orders", earlier, shop_id)) is not None
    ]
    return LabelHistory({name: list(_with(conn, kept, shop_id, name)) for name in segmentations})


def _with(
    conn: psycopg.Connection, kept: list[tuple[int, date]], shop_id: str, segmentation: str
) -> Iterable[PublishedLabels]:
    """Those nights that have labels of a segmentation."""
    for build_id, day in kept:
        there = conn.execute(
            "select 1 from builds.segments "
            "where build_id = %s and shop_id = %s and segmentation = %s limit 1",
            (build_id, shop_id, segmentation),
        ).fetchone()
        if there:
            yield PublishedLabels(day, partial(_read, build_id, shop_id, segmentation))


def _read(build_id: int, shop_id: str, segmentation: str) -> pl.DataFrame:
    """The labels of one night; the connection ends before anything is made of them."""
    with connect(application_name=f"ecorse labels {shop_id}") as conn:
        return read_frame(
            conn,
            f"select customer_id, segment_name, since_date from builds.{LABELS} "
            "where build_id = %s and shop_id = %s and segmentation = %s and segment_id > 0",
            (build_id, shop_id, segmentation),
            words=("segment_name",),
        )
