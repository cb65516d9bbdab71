"""Sessions in the order of their ends, and which of their products came last.

What belongs here: rows as sessions, as matrices. What does not: what follows from them
(``session``).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr


def rows_in_order(data: Interactions) -> pl.DataFrame:
    """Rows of sessions: ``session`` in the order of ends, ``place`` from 1, ``item``, ``user``."""
    known = data.wanted.select("basket", "item", "user", "at").drop_nulls("basket")
    return (
        known.unique(["basket", "item", "at"], keep="any")
        .with_columns(end=pl.col("at").max().over("basket"))
        .sort("end", "basket", "at", "item")
        .select(
            session=pl.struct("end", "basket").rank("dense").cast(pl.Int64) - 1,
            place=pl.col("at").rank("dense").over("basket").cast(pl.Int64),
            item=pl.col("item").cast(pl.Int64),
            user=pl.col("user").max().over("basket"),
        )
    )


def last_sessions(rows: pl.DataFrame, shape: tuple[int, int]) -> Csr:
    """``(n_users, n_items)``: the last place of each item in each customer's last session."""
    last = (
        rows.drop_nulls("user")
        .filter(pl.col("session") == pl.col("session").max().over("user"))
        .group_by("user", "item")
        .agg(pl.col("place").max())
    )
    return sparse.csr_matrix(
        (last["place"].to_numpy().astype(np.float64),
         (last["user"].to_numpy(), last["item"].to_numpy())),
        shape=shape,
    )  # fmt: skip


def last_places(asked: Csr) -> Csr:
    """Of each row what has the last place, as weights of sum 1."""
    rows = np.repeat(np.arange(asked.shape[0]), np.diff(asked.indptr))
    ends = np.asarray(asked.max(axis=1).todense(), dtype=np.float64).ravel()
    is_last = asked.data == ends[rows]
    n_last = np.bincount(rows[is_last], minlength=asked.shape[0])
    return sparse.csr_matrix(
        (1.0 / n_last[rows[is_last]], (rows[is_last], asked.indices[is_last])), shape=asked.shape
    )


def best_of_rows(matrix: Csr, k: int) -> Csr:
    """Each row's ``k`` largest entries, ties by number, in the order of numbers."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.arange(matrix.nnz) - matrix.indptr[rows]
    kept = np.sort(order[rank < k])
    return sparse.csr_matrix(
        (matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape
    )
