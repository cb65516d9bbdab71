"""What may be asked, and the form of every answer.

What belongs here: the question with its mistakes, the answer. What does not: finding it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from ecorse.errors import DataError
from ecorse.models.recommender_file import LISTS, ListKind

Read = Callable[[str, Sequence[Any]], pl.DataFrame]
BY_LISTS, BY_MODEL = "lists", "model"
ANSWER: Final = {
    "rank": pl.Int32,
    "product_id": pl.String,
    "product_name": pl.String,
    "category": pl.String,
    "score": pl.Float64,
    "source": pl.String,
    "because_of": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class Question:
    """Whom or what to recommend for: exactly one of products, customer, session, segment, query;
    a query may stand beside a customer.

    Attributes
    ----------
    products
        A basket: ids, or names in any case.
    session
        What somebody looked at, the latest last; likewise.
    list
        Which list of a customer: ``for_you``, ``explore`` or ``buy_again``.
    query
        What somebody searched for, the latest last.
    method
        ``lists``: from the night's tables; ``model``: from the saved model that is served; else
        the name of a method, whose saved model is asked.
    month, daypart
        1 to 12, and e.g. ``Evening``: products weigh by how much more they sell then.
    """

    products: Sequence[str] = ()
    customer: str | None = None
    list: ListKind = "for_you"
    session: Sequence[str] = ()
    query: Sequence[str] = ()
    segmentation: str | None = None
    segment: str | None = None
    method: str = BY_LISTS
    n: int = 5
    category: str | None = None
    month: int | None = None
    daypart: str | None = None

    def check(self) -> None:
        """Refuse what cannot be answered.

        Raises
        ------
        DataError
            Nothing, or more than one thing, was asked; a list or number that there is not.
        """
        if self.n < 1:
            raise DataError(f"n = {self.n}: ask for at least 1 recommendation.")
        if self.list not in LISTS:
            raise DataError(f"There is no list {self.list!r}; there are {', '.join(LISTS)}.")
        if (self.segmentation is None) != (self.segment is None):
            raise DataError("A segment is named with its segmentation: give both or neither.")
        asked = {
            "products": bool(self.products),
            "customer": self.customer is not None,
            "session": bool(self.session),
            "segment": self.segment is not None,
            "query": bool(self.query),
        }
        told = [name for name, is_asked in asked.items() if is_asked]
        if not told:
            raise DataError(
                f"Nothing was asked: give one of {', '.join(asked)}. All best sellers are in "
                "marts.popular_recommendations."
            )
        if len(told) > 1 and told != ["customer", "query"]:
            raise DataError(
                f"{' and '.join(told)} cannot be asked at once; only a query may stand beside a "
                "customer."
            )
        is_for_model = told in (["products"], ["customer"], ["session"])
        if self.method != BY_LISTS and not is_for_model:
            raise DataError(
                f"method = {self.method!r}: a saved model answers for products, a customer or a "
                "session, and for no query."
            )


@dataclass(frozen=True)
class Answer:
    """The recommended products, best first, with the columns of ``ANSWER``; and what to know."""

    frame: pl.DataFrame
    said: tuple[str, ...] = ()
