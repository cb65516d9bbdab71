"""A filter of the graph of customers and products: a low-rank part, and the exact rest.

What belongs here: this recommender. Smooth signals on the graph are what many customers agree on;
its largest singular vectors hold them, and the exact rest holds what few products share.

Sources: Shen et al., How Powerful is Graph Convolution for Recommendation? (GF-CF), CIKM 2021,
https://doi.org/10.1145/3459637.3482264; Kim et al., Graph Spectral Filtering with Chebyshev
Interpolation for Recommendation (ChebyCF), SIGIR 2025, https://doi.org/10.1145/3726302.3729991;
Choi et al., Blurring-Sharpening Process Models (BSPM), SIGIR 2023,
https://doi.org/10.1145/3539618.3591645; Halko, Martinsson, Tropp (2011), Finding structure with
randomness, https://doi.org/10.1137/090771806 (the randomised SVD).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse

from ecorse.models.base import Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import Csr, Floats, Ids, Ranked
from ecorse.models.threads import one_thread
from ecorse.recommenders import arrays
from ecorse.recommenders.history import (
    BLOCK_CELLS,
    HistoryConfig,
    HistoryRecommender,
    Scores,
    scaled_columns,
    scaled_rows,
    to_power,
)

MANY_ROWS = 64  # asked for at once: then pairs of items are worth making
MOST_PAIRS = 36_000_000  # of items, 144 MB: those of 6,000 products
BLOCK_ITEMS = 512


class GraphFilterConfig(HistoryConfig):
    """``score = R Di^-b [V l^g V' + a (N'N - V l V')] Di^b`` with ``N = Du^-p R Di^-q``.

    ``user_power`` p, ``item_power`` q, ``popularity_power`` b, ``rank`` of V, ``filter_power`` g
    and ``rest`` a. ``l`` are the squared singular values of N, relative to the largest; N'N is
    divided by it too.
    """

    rank: int = Field(256, ge=1)
    user_power: float = Field(0.2, ge=0, le=1)
    item_power: float = Field(0.4, ge=0, le=1)
    popularity_power: float = Field(0.3, ge=-1, le=1)
    filter_power: float = Field(0.3, ge=0, le=2)
    rest: float = Field(4.0, ge=0)


class GraphFilter(HistoryRecommender):
    """Scores by the configured filter; the exact part is applied to rows and never stored."""

    config_class = GraphFilterConfig
    config: GraphFilterConfig

    _because_by = "items"

    vectors: npt.NDArray[np.float32]  # (n_items, rank) V
    gains: npt.NDArray[np.float32]  # (rank,) l^g - a l
    edges: Csr  # (n_users, n_items) N over its largest singular value
    before: npt.NDArray[np.float32]  # (n_items,) Di^-b
    after: npt.NDArray[np.float32]  # (n_items,) Di^b

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of vectors, of the edges both ways, of pairs of items, of blocks at work."""
        pairs = 4 * min(shape.items**2, MOST_PAIRS) if self.config.rest else 0
        return 8 * shape.items * self.config.rank + 24 * shape.rows + pairs + 32_000_000

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """The largest singular vectors of the normalised graph."""
        rows, config = self.remember(data), self.config
        of_user, of_item = (np.asarray(rows.sum(axis=axis), float).ravel() for axis in (1, 0))
        edges = scaled_columns(
            scaled_rows(rows, to_power(of_user, -config.user_power)),
            to_power(of_item, -config.item_power),
        )
        with one_thread():
            singular, self.vectors = largest_singular(edges, config.rank, task.seed)
        top = float(singular[0]) if singular.size else 1.0
        values = np.square(singular / top) if top > 0 else singular
        self.gains = (values**config.filter_power - config.rest * values).astype(np.float32)
        self.edges = scaled_columns(edges, np.full(edges.shape[1], 1 / top if top > 0 else 1.0))
        self._set_popularity(of_item)
        return self

    def _set_popularity(self, of_item: npt.NDArray[np.float64]) -> None:
        power = self.config.popularity_power
        self.before = to_power(of_item, -power).astype(np.float32)
        self.after = to_power(of_item, power).astype(np.float32)

    def score(self, histories: Csr) -> Scores:
        """The filter's answer to rows of history, ``(n, n_items)``."""
        signal = scaled_columns(histories, self.before)
        found: Scores = ((signal @ self.vectors) * self.gains) @ self.vectors.T
        if self.config.rest:
            found += np.float32(self.config.rest) * self._beside(signal)
        found *= self.after
        return found

    def _beside(self, signal: Csr) -> Scores:
        """``signal N'N``, ``(n, n_items)``: a few rows by way of the customers, many by pairs."""
        pairs = self._pairs if signal.shape[0] >= MANY_ROWS else None
        found = (signal @ self._edges_back) @ self.edges if pairs is None else signal @ pairs
        told: Scores = found.toarray() if sparse.issparse(found) else found
        return told

    def _best(
        self, histories: Csr, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        if self.config.rest and histories.shape[0] >= MANY_ROWS:
            _ = self._pairs  # before threads ask for it
        return super()._best(histories, k, seen=seen, among=among)

    def _contributions(self, own: Csr, items: Ids, rows: Ids) -> Floats:
        lengths = np.diff(own.indptr)
        asked, place = np.unique(items, return_inverse=True)  # pairs come by item
        column = np.repeat(place, lengths)
        weights = np.empty(own.nnz)
        step = max(1, BLOCK_CELLS // max(1, own.shape[1]))
        for start in range(0, len(asked), step):
            part = slice(*np.searchsorted(column, (start, start + step)))
            columns = self._filtered(asked[start : start + step])
            weights[part] = columns[column[part] - start, own.indices[part]]
        weights *= own.data * self.before[own.indices] * np.repeat(self.after[items], lengths)
        return weights

    def _filtered(self, items: Ids) -> Scores:
        """Rows ``items`` of the filter between ``Di^-b`` and ``Di^b``: ``(n, n_items)``."""
        smooth = (self.vectors[items] * self.gains) @ self.vectors.T
        found = np.asarray(smooth, dtype=np.float32)
        if self.config.rest:
            chosen = sparse.csr_matrix(
                (np.ones(len(items), np.float32), items, np.arange(len(items) + 1)),
                shape=(len(items), self.edges.shape[1]),
            )
            found += np.float32(self.config.rest) * self._beside(chosen)
        return found

    @cached_property
    def _pairs(self) -> Scores | Csr | None:
        """``N'N`` ``(n_items, n_items)``, made where many rows are asked for; ``None``: too large.

        Whole where there is room for it, else as csr.
        """
        n = self.edges.shape[1]
        if n * n <= MOST_PAIRS:
            whole = np.empty((n, n), np.float32)
            for start in range(0, n, BLOCK_ITEMS):
                part = slice(start, start + BLOCK_ITEMS)
                whole[part] = (self._edges_back[part] @ self.edges).toarray()
            return whole
        lengths = np.diff(self.edges.indptr).astype(np.float64)
        if 2 * np.square(lengths).sum() > MOST_PAIRS:  # an entry of csr is two numbers
            return None
        return sparse.csr_matrix(self._edges_back @ self.edges)

    @property
    def _edges_back(self) -> Csr:
        """``edges`` the other way round, made once: threads find it there."""
        if "_back" not in self.__dict__:
            self.__dict__["_back"] = sparse.csr_matrix(self.edges.T)
        back: Csr = self.__dict__["_back"]
        return back

    def dump(self) -> Mapping[str, bytes]:
        """Vectors, gains, edges, histories and degrees as npy."""
        return arrays.to_files(
            vectors=self.vectors,
            gains=self.gains,
            edges=self.edges,
            before=self.before,
            after=self.after,
            **self.kept(),
        )

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: GraphFilterConfig) -> Self:
        """The model again."""
        made = cls(config)
        for name in ("vectors", "gains", "before", "after"):
            setattr(made, name, arrays.array(files, name))
        made.edges = arrays.matrix(files, "edges")
        made.keep(files)
        return made


def largest_singular(
    matrix: Csr, rank: int, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The largest singular values, falling, and their right vectors ``(n_items, rank)``.

    At most as many as the matrix has rows and columns. Repeatable on one thread of BLAS.
    """
    from sklearn.utils.extmath import randomized_svd

    most = min(rank, *matrix.shape)
    if not most or not matrix.nnz:
        return np.empty(0, np.float32), np.empty((matrix.shape[1], 0), np.float32)
    _, singular, right = randomized_svd(
        matrix, most, n_iter=4, power_iteration_normalizer="QR", random_state=seed
    )
    return singular.astype(np.float32), np.ascontiguousarray(right.T, dtype=np.float32)


RECOMMENDER = GraphFilter
