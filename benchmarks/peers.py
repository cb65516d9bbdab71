"""Peers of ``bench_recommenders``: implicit, LensKit and RecTools, each in a process of its own.

What belongs here: fitting a peer with each of its trials and giving lists. Runs under any
interpreter that has numpy, scipy and the peer; knows nothing of Ecorse. What does not: judging.

``python peers.py NAME FOLDER``: ``FOLDER`` holds ``known.npz`` (customers x products, counts),
``decayed.npz`` (the same, each purchase halved per 120 days), ``users.npy`` and ``trials.json``;
per trial ``NAME.<number>.npz`` comes back with ``for_you`` and ``explore``, ``(n, K)`` product
numbers (-1 where the peer knows nothing: customers without history, products near to none of
theirs), and the seconds of fitting. ``python peers.py NAME`` says whether the peer is installed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import sparse

K = 10
SEED = 1
Csr = sparse.csr_matrix
Scored = Callable[[Any], Any]  # customers' numbers to (n, n_items) scores

# Twelve each, fixed in advance; ``decay``: the peer gets the decayed counts.
_DECAYS = (False, True)
TRIALS: dict[str, list[dict[str, Any]]] = {
    "implicit-als": [
        {"decay": decay, "factors": factors, "regularization": penalty, "alpha": alpha}
        for decay in _DECAYS
        for factors, penalty, alpha in (
            (64, 0.01, 1.0), (64, 1.0, 5.0), (32, 5.0, 10.0), (64, 10.0, 10.0), (128, 10.0, 5.0),
            (128, 50.0, 20.0),
        )
    ],
    "implicit-bpr": [
        {"factors": factors, "learning_rate": rate, "regularization": penalty, "iterations": rounds}
        for factors, rate in ((32, 0.02), (64, 0.05), (64, 0.1))
        for penalty, rounds in ((0.01, 100), (0.01, 300), (0.1, 100), (0.1, 300))
    ],
    "implicit-bm25": [
        {"decay": decay, "K": neighbours, "K1": k1, "B": b}
        for decay in _DECAYS
        for neighbours, k1, b in (
            (20, 1.2, 0.75), (50, 1.2, 0.2), (100, 1.2, 0.2), (100, 0.5, 0.5), (200, 2.0, 0.2),
            (500, 1.2, 0.2),
        )
    ],
    "lenskit-user-knn": [
        {"max_nbrs": neighbours, "min_sim": least}
        for neighbours in (20, 50, 100, 200, 400, 800)
        for least in (1e-6, 0.05)
    ],
    "lenskit-item-knn": [
        {"max_nbrs": neighbours, "save_nbrs": saved}
        for neighbours in (10, 20, 50, 100)
        for saved in (100, 500, None)
    ],
    "rectools-ease": [
        {"decay": decay, "regularization": penalty}
        for decay in _DECAYS
        for penalty in (20.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
    ],
    "rectools-pure-svd": [
        {"decay": decay, "factors": factors}
        for decay in _DECAYS
        for factors in (16, 32, 64, 128, 256, 512)
    ],
}  # fmt: skip


def implicit_als(known: Csr, trial: dict[str, Any]) -> Scored:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(**trial, random_state=SEED)
    model.fit(known, show_progress=False)
    return lambda users: model.user_factors[users] @ model.item_factors.T


def implicit_bpr(known: Csr, trial: dict[str, Any]) -> Scored:
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(**trial, random_state=SEED, num_threads=1)
    model.fit(known, show_progress=False)
    return lambda users: model.user_factors[users] @ model.item_factors.T


def implicit_bm25(known: Csr, trial: dict[str, Any]) -> Scored:
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(**trial)
    model.fit(known, show_progress=False)
    return lambda users: (known[users] @ model.similarity.tocsr()).toarray()


def lenskit(scorer: Any, known: Csr) -> Scored:
    import pandas as pd
    from lenskit.data import ItemList, RecQuery, from_interactions_df

    pairs = known.tocoo()
    frame = pd.DataFrame({"user_id": pairs.row, "item_id": pairs.col})
    data = from_interactions_df(frame, items=np.arange(known.shape[1]))
    scorer.train(data)
    every = ItemList(item_nums=np.arange(known.shape[1]), vocabulary=data.items)

    def scored(users: Any) -> Any:
        found = np.zeros((len(users), known.shape[1]))
        for place, user in enumerate(users):
            own = known.indices[known.indptr[user] : known.indptr[user + 1]]
            history = ItemList(item_nums=own, vocabulary=data.items)
            query = RecQuery(user_id=int(user), user_items=history)
            found[place] = np.nan_to_num(scorer(query=query, items=every).scores())
        return found

    return scored


def lenskit_user_knn(known: Csr, trial: dict[str, Any]) -> Scored:
    from lenskit.knn import UserKNNScorer

    return lenskit(UserKNNScorer(feedback="implicit", **trial), known)


def lenskit_item_knn(known: Csr, trial: dict[str, Any]) -> Scored:
    from lenskit.knn import ItemKNNScorer

    return lenskit(ItemKNNScorer(feedback="implicit", **trial), known)


def _rectools_data(known: Csr) -> Any:
    import pandas as pd
    from rectools.dataset import Dataset

    pairs = known.tocoo()
    frame = pd.DataFrame({"user_id": pairs.row, "item_id": pairs.col, "weight": pairs.data})
    return Dataset.construct(frame.assign(datetime=pd.Timestamp(2019, 1, 1)))


def _of_inner(scores: Callable[[Any], Any], data: Any, known: Csr) -> Scored:
    """RecTools numbers anew what has rows: give its scores by our numbers."""
    users = np.full(known.shape[0], -1)
    users[data.user_id_map.external_ids.astype(int)] = np.arange(data.user_id_map.size)
    items = data.item_id_map.external_ids.astype(int)

    def scored(asked: Any) -> Any:
        found = np.zeros((len(asked), known.shape[1]))
        found[:, items] = scores(users[asked])
        return found

    return scored


def rectools_ease(known: Csr, trial: dict[str, Any]) -> Scored:
    from rectools.models import EASEModel

    data = _rectools_data(known)
    model = EASEModel(**trial).fit(data)
    rows = data.get_user_item_matrix(include_weights=True)
    return _of_inner(lambda users: np.asarray(rows[users] @ model.weight), data, known)


def rectools_pure_svd(known: Csr, trial: dict[str, Any]) -> Scored:
    from rectools.models import PureSVDModel

    data = _rectools_data(known)
    most = min(data.user_id_map.size, data.item_id_map.size) - 1
    model = PureSVDModel(factors=min(trial["factors"], most)).fit(data)
    return _of_inner(lambda users: model.user_factors[users] @ model.item_factors.T, data, known)


def best(scores: Any, own: Csr, is_new: bool) -> Any:
    """The numbers of the ``K`` best of each row; ``is_new``: without what is in ``own``.

    A neighbours' score of 0 says nothing, as does any score of a customer without history.
    """
    scores = np.array(scores, dtype=np.float64)
    scores[np.diff(own.indptr) == 0] = -np.inf
    if is_new:
        rows = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
        scores[rows, own.indices] = -np.inf
    chosen = np.argpartition(-scores, K, axis=1)[:, :K]
    order = np.argsort(-np.take_along_axis(scores, chosen, 1), axis=1, kind="stable")
    chosen = np.take_along_axis(chosen, order, 1)
    return np.where(np.isneginf(np.take_along_axis(scores, chosen, 1)), -1, chosen)


def main() -> None:
    name = sys.argv[1]
    fit = globals()[name.replace("-", "_")]
    __import__(name.split("-")[0])
    if len(sys.argv) == 2:
        return
    folder = Path(sys.argv[2])
    matrices = {decay: sparse.load_npz(folder / f"{file}.npz").tocsr()
                for decay, file in ((False, "known"), (True, "decayed"))}  # fmt: skip
    users = np.load(folder / "users.npy")
    for number, trial in enumerate(json.loads((folder / "trials.json").read_text())):
        known = matrices[trial.pop("decay", False)]
        start = time.process_time()
        scored = fit(known, trial)
        seconds = time.process_time() - start
        lists: dict[str, list[Any]] = {"for_you": [], "explore": []}
        for at in range(0, len(users), 500):
            part = users[at : at + 500]
            scores = np.asarray(scored(part))
            if name.endswith(("knn", "bm25")):
                scores = np.where(scores > 0, scores, -np.inf)
            for kind, found in lists.items():
                found.append(best(scores, known[part], kind == "explore"))
        np.savez(folder / f"{name}.{number}.npz", fit_cpu=seconds,
                 **{kind: np.concatenate(found) for kind, found in lists.items()})  # fmt: skip


if __name__ == "__main__":
    main()
