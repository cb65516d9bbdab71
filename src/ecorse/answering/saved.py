"""A saved model, asked in the words of the shop: ids in, ids out, nothing trained.

What belongs here: loading the file of a published method, and its answers. What does not: which
method is asked (``answers``), how a model is kept (``training.artifacts``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.errors import DataError
from ecorse.models.base import Champion, Recommender
from ecorse.models.declaration import load_declarations
from ecorse.models.ranked import NOTHING, Csr, Ids, Ranked
from ecorse.recommenders.history import HistoryRecommender
from ecorse.training.artifacts import fetch_artifact
from ecorse.training.fitted import Fitted

FADES = 0.7  # how much of a product's weight remains with each later one of a session
FOUND = {
    "product_id": pl.String, "score": pl.Float64, "source": pl.String, "because": pl.String,
    "sentence": pl.String,
}  # fmt: skip


class SavedModel:
    """A fitted recommender out of its file, with the ids that its numbers stand for."""

    def __init__(self, fitted: Fitted, method: str) -> None:
        self.model, self.method = fitted.model, method
        self.product_ids = fitted.product_ids
        self._items = {name: number for number, name in enumerate(fitted.product_ids.to_list())}
        self._users = {name: number for number, name in enumerate(fitted.customer_ids.to_list())}

    @classmethod
    def load(cls, method: str, sha256: str) -> SavedModel:
        """The model whose file has this hash.

        Raises
        ------
        DataError
            Nothing declares the method any more.
        ModelRejected
            The file is lost or was changed, or its class no longer reads it.
        """
        for declaration in load_declarations():
            if declaration.task == "recommend" and declaration.method == method:
                champion = Champion(0, fetch_artifact(sha256), {})
                return cls(Fitted.from_file(champion, declaration), method)
        raise DataError(
            f"The night has lists of {method}, but no include/models/recommend_{method}.toml "
            "declares it any more: its saved model cannot be read. Lists are answered without it."
        )

    def knows(self, customer: str) -> bool:
        """Whether it was fitted on this customer."""
        return customer in self._users and "users" in self.model.answers

    def refused_by(self, customer: str) -> list[str]:
        """What a customer whom it knows said no to, as far as it was told."""
        for model in (self.model, *self.model.members().values()):
            refused: Csr | None = getattr(model, "refused", None)
            if refused is not None:
                items = refused[self._users[customer]].indices
                return self.product_ids.gather(items).to_list()
        return []

    def for_customer(
        self, customer: str, k: int, *, had: Sequence[str] | None, among: Sequence[str]
    ) -> pl.DataFrame:
        """The ``k`` best of ``among``, without what the customer ``had`` (``None``: with it)."""
        user = np.array([self._users[customer]])
        seen = None if had is None else self._row(had)
        ranked = self.model.recommend(user, k, seen=seen, among=self._numbers(among))
        told = self.model.explain(user, ranked, "users")
        own = None
        if told is not None and "because" in told.columns:
            own = told["because"].to_numpy()[:, 0]
        return self._found(ranked, own, told)

    def for_basket(self, products: Sequence[str], k: int) -> pl.DataFrame:
        """The ``k`` best beside these products.

        Raises
        ------
        DataError
            The model does not answer for baskets, or knows none of the products.
        """
        self._refuse(products, "baskets" in self.model.answers, "baskets")
        basket = self._row(products)
        ranked = self.model.answer(basket, k)
        return self._found(ranked, self._nearest(basket, ranked), None)

    def for_session(self, products: Sequence[str], k: int) -> pl.DataFrame:
        """The ``k`` likeliest after these products, the latest last.

        A model, or a part of a blend, that knows what follows what is asked in order; another as
        for a basket in which the latest count most.
        """
        for model in (self.model, *self.model.members().values()):
            if hasattr(model, "answer_session"):
                self._refuse(products, True, "sessions")
                ordered = self._numbers(list(dict.fromkeys(reversed(products)))[::-1])
                return self._found(model.answer_session([ordered], k), None, None)
        self._refuse(products, "baskets" in self.model.answers, "baskets and sessions")
        session = self._row(products, fades=FADES)
        ranked = self.model.answer(session, k)
        return self._found(ranked, self._nearest(session, ranked), None)

    def _refuse(self, products: Sequence[str], is_able: bool, what: str) -> None:
        if not is_able:
            raise DataError(
                f"The saved model of {self.method} does not answer for {what}. Ask the lists "
                "(without method or --model), or name another method."
            )
        if not any(product in self._items for product in products):
            raise DataError(
                f"The saved model of {self.method} knows none of {', '.join(products)}: nothing "
                "was bought of them when it was made. Ask the lists (without method or --model)."
            )

    def _numbers(self, products: Sequence[str]) -> Ids:
        return np.array([self._items[p] for p in products if p in self._items], dtype=np.int64)

    def _row(self, products: Sequence[str], fades: float = 1.0) -> Csr:
        """``(1, n_items)``: 1 for the last product, each earlier one times ``fades`` less."""
        weights: dict[int, float] = {}
        for age, product in enumerate(reversed(products)):
            if product in self._items:
                weights.setdefault(self._items[product], fades**age)
        items = sorted(weights)
        values = np.array([weights[item] for item in items], dtype=np.float32)
        return sparse.csr_matrix(
            (values, (np.zeros(len(items), dtype=np.int64), items)),
            shape=(1, len(self.product_ids)),
        )

    def _nearest(self, basket: Csr, ranked: Ranked) -> Ids | None:
        """Of each answer the product of the basket that it rests on most."""
        items = ranked.items[ranked.is_there]
        nearest = np.full(len(items), NOTHING, dtype=np.int64)
        for model, mine in _leading(self.model, ranked):
            if isinstance(model, HistoryRecommender) and mine.size:
                rows = np.zeros(mine.size, dtype=np.int64)
                found = model.because(model.weighed(basket), items[mine], rows, 1)
                if found is not None:
                    nearest[mine] = np.where(found.scores > 0, found.items, NOTHING)[:, 0]
        return nearest

    def _found(
        self, ranked: Ranked, because: Ids | None, told: pl.DataFrame | None
    ) -> pl.DataFrame:
        items, scores = ranked.items[ranked.is_there], ranked.scores[ranked.is_there]
        ids = self.product_ids
        source = pl.Series([self.method] * len(items), dtype=pl.String)
        if told is not None and "source" in told.columns:
            source = told["source"]
        own = sentence = pl.Series([None] * len(items), dtype=pl.String)
        if told is not None and "sentence" in told.columns:
            sentence = told["sentence"]
        if because is not None:
            own = ids.gather(pl.Series(because, dtype=pl.Int64).replace(NOTHING, None))
        return pl.DataFrame(
            {
                "product_id": ids.gather(items), "score": scores, "source": source, "because": own,
                "sentence": sentence,
            },
            schema=FOUND,
        )  # fmt: skip


def _leading(model: Recommender, ranked: Ranked) -> list[tuple[Recommender, Ids]]:
    """The models that answered, each with the places of the answer that it adds most to."""
    if ranked.parts is None:
        return [(model, np.arange(int(ranked.is_there.sum())))]
    largest = ranked.parts[ranked.is_there].argmax(axis=1)
    able = [part for part in model.members().values() if "baskets" in part.answers]
    return [(part, np.flatnonzero(largest == number)) for number, part in enumerate(able)]
