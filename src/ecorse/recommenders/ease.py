"""EASE: each product's score is a weighted sum of a customer's products, in closed form.

What belongs here: this recommender.

Source: Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019,
https://doi.org/10.1145/3308558.3313710: with ``P = (X'X + l I)^-1``,
``B = I - P diag(1 / diag P)``, whose diagonal is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ecorse.errors import DataError
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import Csr, Floats, Ids
from ecorse.models.threads import one_thread
from ecorse.recommenders import arrays
from ecorse.recommenders.history import HistoryConfig, HistoryRecommender, Scores


class EaseConfig(HistoryConfig):
    """``penalty``: l; the larger, the less a pair that few customers share counts."""

    penalty: float = Field(250.0, gt=0)


class Ease(HistoryRecommender):
    """Scores ``R B``."""

    config_class = EaseConfig
    config: EaseConfig

    weights: npt.NDArray[np.float32]  # (n_items, n_items) B

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of two dense squares in float64: the Gram matrix, and its inverse."""
        return 16 * shape.items * shape.items + 16 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Invert the regularised Gram matrix.

        Raises
        ------
        DataError
            Products are so alike that the penalty does not tell them apart.
        """
        rows = self.remember(data)
        gram = (rows.T @ rows).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.config.penalty
        with one_thread():
            inverse = inverse_of(gram)
        inverse /= -np.diag(inverse)
        np.fill_diagonal(inverse, 0.0)
        # by rows: LAPACK gives columns, and a product with them copies the whole square each time
        self.weights = np.ascontiguousarray(inverse, dtype=np.float32)
        return self

    def score(self, histories: Csr) -> Scores:
        """``(n, n_items)`` sums of the weights of what is in each row."""
        found: Scores = histories @ self.weights
        return found

    def _contributions(self, own: Csr, items: Ids, rows: Ids) -> Floats:
        asked = np.repeat(items, np.diff(own.indptr))
        found: Floats = own.data.astype(np.float64) * self.weights[own.indices, asked]
        return found

    def dump(self) -> Mapping[str, bytes]:
        """Weights and histories as npy."""
        return arrays.to_files(weights=self.weights, **self.kept())

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: EaseConfig) -> Self:
        """The model again."""
        made = cls(config)
        made.weights = arrays.array(files, "weights")
        made.keep(files)
        return made


def inverse_of(positive: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The inverse of a symmetric positive definite matrix, which is overwritten.

    From its Cholesky factor in place: a third of the work of solving for the identity.

    Raises
    ------
    DataError
        It is not positive definite: a penalty is too small for its numbers.
    """
    from scipy.linalg.lapack import dpotrf, dpotri

    if not len(positive):
        return positive
    # what is symmetric may be told in either order; LAPACK overwrites its own
    factor, failed = dpotrf(positive.T, lower=1, clean=1, overwrite_a=1)
    if failed:
        raise DataError(
            "Products have the same customers, and the penalty is too small beside them to part "
            "them: raise [parameters] penalty of ease, such as to its default 250."
        )
    inverse: npt.NDArray[np.float64]
    inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    inverse += np.tril(inverse, -1).T
    return inverse


RECOMMENDER = Ease
