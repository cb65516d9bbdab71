"""Products with the same customers: nearest products by a similarity of columns, BM25 or cosine.

What belongs here: this recommender. What does not: products in the same order (``co_purchase``).

Sources: Sarwar et al., Item-based collaborative filtering recommendation algorithms, WWW 2001,
https://doi.org/10.1145/371920.372071; Robertson, Zaragoza, The Probabilistic Relevance Framework:
BM25 and Beyond (2009), https://doi.org/10.1561/1500000019; Aiolli, Efficient top-N recommendation
for very large scale binary rated datasets, RecSys 2013, https://doi.org/10.1145/2507157.2507189
(the shrinkage of small supports).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse

from ecorse.models.base import Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import Csr, Floats, Ids
from ecorse.recommenders import arrays
from ecorse.recommenders.history import (
    HistoryConfig,
    HistoryRecommender,
    Scores,
    scaled_columns,
    scaled_rows,
    to_power,
)
from ecorse.recommenders.nearest import nearest_rows, nearest_shared


class ItemKnnConfig(HistoryConfig):
    """Which similarity, of how many neighbours.

    ``shrink``: a pair's similarity is times ``n / (n + shrink)`` for its ``n`` shared customers'
    weight. ``k1`` and ``b`` are those of BM25.
    """

    similarity: Literal["bm25", "cosine"] = "bm25"
    neighbours: int = Field(100, ge=1)
    shrink: float = Field(0, ge=0)
    k1: float = Field(1.2, ge=0)
    b: float = Field(0.2, ge=0, le=1)


class ItemKnn(HistoryRecommender):
    """Scores ``R S`` with S the similarities of each product's nearest."""

    config_class = ItemKnnConfig
    config: ItemKnnConfig

    near: Csr  # (n_items, n_items) row i: the nearest of item i and their similarities

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the neighbours, of both directions of the rows, and of the counters."""
        return 12 * shape.items * self.config.neighbours + 24 * shape.rows + 64 * shape.items

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Find each product's nearest."""
        rows, config = self.remember(data), self.config
        shrink, threads = config.shrink, config.threads
        if config.similarity == "bm25":
            across = sparse.csr_matrix(self._bm25(rows).T)
            self.near = nearest_rows(
                across, rows, config.neighbours, shrink=shrink, threads=threads
            )
        else:
            self.near = nearest_by_cosine(rows, config.neighbours, shrink=shrink, threads=threads)
        return self

    def _bm25(self, rows: Csr) -> Csr:
        """A product is a document, its customers are the words: ``(n_users, n_items)``."""
        k1, b = self.config.k1, self.config.b
        of_item = np.asarray(rows.sum(axis=0), float).ravel()
        holders = np.bincount(np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)),
                              minlength=rows.shape[0])  # fmt: skip
        idf: npt.NDArray[np.float64] = np.log1p(rows.shape[1] / (1.0 + holders))
        length = 1 - b + b * of_item / max(of_item.mean(), 1e-12) if len(of_item) else of_item
        weighed = sparse.csr_matrix(rows, dtype=np.float32, copy=True)
        counts = weighed.data
        weighed.data = (
            counts
            * np.float32(k1 + 1)
            / (np.float32(k1) * length.astype(np.float32)[weighed.indices] + counts)
        )
        return scaled_rows(weighed, idf)

    def score(self, histories: Csr) -> Scores:
        """``(n, n_items)`` sums of similarities to what is in each row."""
        found: Scores = (histories @ self.near).toarray()
        return found

    def _contributions(self, own: Csr, items: Ids, rows: Ids) -> Floats:
        asked = np.repeat(items, np.diff(own.indptr))
        similarities = np.asarray(self.near[own.indices, asked], np.float64).ravel()
        found: Floats = own.data * similarities
        return found

    def dump(self) -> Mapping[str, bytes]:
        """Neighbours and histories as npy."""
        return arrays.to_files(near=self.near, **self.kept())

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: ItemKnnConfig) -> Self:
        """The model again."""
        made = cls(config)
        made.near = arrays.matrix(files, "near")
        made.keep(files)
        return made


def nearest_by_cosine(rows: Csr, k: int, *, shrink: float = 0, threads: int = 0) -> Csr:
    """The ``k`` columns nearest to each column of ``rows`` by cosine; see ``nearest_rows``."""
    if rows.nnz and (rows.data == rows.data[0]).all():  # then a cosine is a count, scaled
        holders = np.bincount(rows.indices, minlength=rows.shape[1]).astype(np.float64)
        return nearest_shared(rows, to_power(holders, -0.5), k, shrink=shrink, threads=threads)
    unit = unit_columns(rows)
    return nearest_rows(sparse.csr_matrix(unit.T), unit, k, shrink=shrink, threads=threads)


def unit_columns(rows: Csr) -> Csr:
    """Each column over its length: their products are cosines."""
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=0), float).ravel())
    return scaled_columns(rows, to_power(lengths, -1))


RECOMMENDER = ItemKnn
