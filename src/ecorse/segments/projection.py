"""The scikit-learn pipeline of a segmentation: weighted blocks, PCA, k-means.

What belongs here: making and fitting the three steps, repeatably. What does not: which k
(``selection``), whether it may be published (``ecorse.evaluate.gate``).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from ecorse.features.orders import Block, Floats

Labels = npt.NDArray[np.int64]
MAX_ITERATIONS = 1000


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread: the order of sums, and so every bit, is then fixed.

    Two threads moved centroids by 2.4e-13, enough to flip a label on a border (P12).
    """
    with threadpool_limits(limits=1):
        yield


def make_scaler(blocks: Sequence[Block]) -> ColumnTransformer:
    """Centre each block and scale it to a total variance of ``weight ** 2``; not fitted.

    A block without variance keeps factor ``weight``: its columns are zero after centring anyway.

    Source: block scaling as in Escofier & Pages, Multiple factor analysis, CSDA 18 (1994), with the
    total variance of a block in place of its first eigenvalue.
    """
    steps, factors, start = [], {}, 0
    for block in blocks:
        width, name = len(block.columns), block.feature.name
        variance = float(block.values.var(axis=0).sum())
        factors[name] = block.feature.weight / (np.sqrt(variance) if variance > 1e-12 else 1.0)
        steps.append((name, StandardScaler(with_std=False), list(range(start, start + width))))
        start += width
    return ColumnTransformer(steps, transformer_weights=factors)


def fit_projection(blocks: Sequence[Block], x: Floats, variance_share: float) -> Pipeline:
    """Fit scaler and PCA to ``x``, shape ``(n, columns)``, keeping ``variance_share`` or more."""
    scaler = make_scaler(blocks)
    scaled = scaler.fit_transform(x)
    if np.allclose(scaled, 0.0):  # one row, or all alike: there is no direction to choose
        pca = PCA(n_components=1, svd_solver="full")
        scaled = np.vstack([scaled, scaled])
    else:
        pca = PCA(n_components=variance_share, svd_solver="covariance_eigh")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)
        pca.fit(scaled)
    pca.explained_variance_ratio_ = np.nan_to_num(pca.explained_variance_ratio_)
    return Pipeline([("scale", scaler), ("pca", pca)])


def fit_kmeans(z: Floats, k: int, seed: int, restarts: int) -> KMeans:
    """Fit k-means from ``restarts`` seeded k-means++ starts, to full convergence."""
    return KMeans(k, n_init=restarts, random_state=seed, tol=0.0, max_iter=MAX_ITERATIONS).fit(z)


def refit_kmeans(z: Floats, centroids: Floats) -> KMeans:
    """Fit k-means from the given centroids: the same clusters, moved to today's rows.

    A new start gave label agreement 0.00 to 0.82 after 200 of 60,000 rows; this one 1.00.
    """
    return KMeans(len(centroids), init=centroids, n_init=1, tol=0.0, max_iter=MAX_ITERATIONS).fit(z)


def join_pipeline(projection: Pipeline, kmeans: KMeans) -> Pipeline:
    """One pipeline of a fitted projection (scale, pca) and fitted k-means, without its labels.

    Labels of the fit are a copy of the data's size that prediction does not need.
    """
    kmeans = copy.copy(kmeans)
    kmeans.labels_ = np.empty(0, dtype=np.int32)
    steps = projection.named_steps
    return Pipeline([("scale", steps["scale"]), ("pca", steps["pca"]), ("kmeans", kmeans)])


def project(pipeline: Pipeline, x: Floats) -> Floats:
    """Principal components of ``x``: shape ``(n, components)``."""
    z: Floats = pipeline.named_steps["pca"].transform(pipeline.named_steps["scale"].transform(x))
    return np.ascontiguousarray(z)


def reorder_clusters(kmeans: KMeans, order: Sequence[int]) -> KMeans:
    """Let cluster ``i`` be what was cluster ``order[i]``; labels of the fit follow."""
    place = np.empty(len(order), dtype=np.int32)
    place[list(order)] = np.arange(len(order), dtype=np.int32)
    kmeans.cluster_centers_ = np.ascontiguousarray(kmeans.cluster_centers_[list(order)])
    kmeans.labels_ = place[kmeans.labels_]
    return kmeans


def count_distinct(x: Floats) -> int:
    """Number of distinct rows, to 9 decimals."""
    return int(pl.from_numpy(np.round(x, 9) + 0.0).n_unique())


def assign(pipeline: Pipeline, z: Floats) -> Labels:
    """Cluster of each projected row; empty for no rows."""
    if not len(z):
        return np.empty(0, dtype=np.int64)
    labels: Labels = pipeline.named_steps["kmeans"].predict(z).astype(np.int64)
    return labels
