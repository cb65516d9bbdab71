"""LightGCN: factors that are averaged over the graph of customers and products; needs torch.

What belongs here: this recommender. Torch is an extra and is imported while fitting only: a fitted
model answers without it.

Source: He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation,
SIGIR 2020, https://doi.org/10.1145/3397271.3401063 (equations 7, 8 and 15).
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
from pydantic import Field
from scipy import sparse

from ecorse.errors import ModelRejected
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import Csr
from ecorse.recommenders.factors import FactorRecommender, Factors
from ecorse.recommenders.history import HistoryConfig, scaled_columns, scaled_rows, to_power

NO_TORCH = (
    "The recommender lightgcn needs torch, which is not installed: pip install 'ecorse[torch]'."
)


class LightGcnConfig(HistoryConfig):
    """``rank`` numbers per customer and product, averaged over ``layers`` of neighbours.

    ``rounds`` over all pairs in steps of ``batch`` at ``rate``; ``penalty`` on the squares.
    """

    rank: int = Field(64, ge=1)
    layers: int = Field(3, ge=0)
    rounds: int = Field(100, ge=1)
    batch: int = Field(2048, ge=1)
    rate: float = Field(0.005, gt=0)
    penalty: float = Field(1e-4, ge=0)


class LightGcn(FactorRecommender):
    """Scores by factors ``e_u e_i'``, see ``factors``, with ``e`` the mean over layers.

    ``E(l+1) = A E(l)``, ``A`` the graph of customers and products over the square roots of both
    degrees; BPR's loss.
    """

    config_class = LightGcnConfig
    config: LightGcnConfig

    def lacks(self) -> str:
        """Torch, which is an extra."""
        return "" if find_spec("torch") else NO_TORCH

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the factors with Adam's, of every layer with its gradient, of the graph."""
        nodes = shape.users + shape.items
        return 4 * self.config.rank * nodes * (4 + 2 * self.config.layers) + 48 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Follow BPR's gradient through the layers, on one thread: repeatable.

        Raises
        ------
        ModelRejected
            torch is not installed.
        """
        torch = _torch()
        rows = self.remember(data)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            factors = self._train(torch, rows, task.seed) if rows.nnz else None
        finally:
            torch.set_num_threads(threads)
        shape = (sum(rows.shape), self.config.rank)
        found = np.zeros(shape, np.float32) if factors is None else factors
        self.users, self.items = found[: rows.shape[0]], found[rows.shape[0] :]
        self.users[np.diff(rows.indptr) == 0] = 0
        self.bias = np.zeros(len(self.items), np.float32)
        return self

    def _train(self, torch: Any, rows: Csr, seed: int) -> Factors:
        config, (n_users, n_items) = self.config, rows.shape
        random = np.random.default_rng(seed)
        drawn = 0.1 * random.standard_normal((n_users + n_items, config.rank)).astype(np.float32)
        factors = torch.nn.Parameter(torch.from_numpy(drawn))
        graph = _graph(torch, rows)
        steps = torch.optim.Adam([factors], lr=config.rate)
        user_of = np.repeat(np.arange(n_users), np.diff(rows.indptr))
        keys = user_of * np.int64(n_items) + rows.indices  # rises: indices are sorted
        for _ in range(config.rounds):
            order, others = random.permutation(rows.nnz), random.integers(0, n_items, rows.nnz)
            for start in range(0, rows.nnz, config.batch):
                chosen = order[start : start + config.batch]
                user, other = user_of[chosen], others[start : start + config.batch]
                # where the customer has the other one too, there is nothing to learn
                asked = user * np.int64(n_items) + other
                place = np.minimum(np.searchsorted(keys, asked), rows.nnz - 1)
                kept = keys[place] != asked
                if not kept.any():
                    continue
                triple = [
                    torch.from_numpy(numbers[kept].astype(np.int64))
                    for numbers in (user, rows.indices[chosen] + n_users, other + n_users)
                ]
                loss = self._loss(torch, factors, graph, triple)
                steps.zero_grad()
                loss.backward()
                steps.step()
        with torch.no_grad():
            final: Factors = self._averaged(torch, factors, graph).numpy().copy()
        return final

    def _averaged(self, torch: Any, factors: Any, graph: Any) -> Any:
        """The mean of the factors and of each layer's."""
        layer, total = factors, factors
        for _ in range(self.config.layers):
            layer = torch.sparse.mm(graph, layer)
            total = total + layer
        return total / (self.config.layers + 1)

    def _loss(self, torch: Any, factors: Any, graph: Any, triple: list[Any]) -> Any:
        """BPR's loss of customers, what they have and what they have not, with the penalty."""
        mean = self._averaged(torch, factors, graph)
        user, item, other = (mean[numbers] for numbers in triple)
        gap = (user * (item - other)).sum(dim=1)
        size = sum(factors[numbers].square().sum() for numbers in triple) / 2
        return torch.nn.functional.softplus(-gap).mean() + self.config.penalty * size / len(gap)


def _graph(torch: Any, rows: Csr) -> Any:
    """``(nodes, nodes)``: customers' rows and products' columns over the roots of both degrees."""
    held = rows.astype(bool).astype(np.float32)
    degrees = (np.asarray(held.sum(axis=axis), float).ravel() for axis in (1, 0))
    of_user, of_item = (to_power(degree, -0.5) for degree in degrees)
    edges = scaled_columns(scaled_rows(held, of_user), of_item)
    both = sparse.csr_matrix(sparse.bmat([[None, edges], [edges.T, None]]))
    both.sort_indices()
    with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(both.indptr.astype(np.int64)),
            torch.from_numpy(both.indices.astype(np.int64)),
            torch.from_numpy(both.data),
            size=both.shape,
        )


def _torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModelRejected(NO_TORCH) from error
    return torch


RECOMMENDER = LightGcn
