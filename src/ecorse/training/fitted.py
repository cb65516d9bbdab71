"""A fitted recommender with the ids behind its numbers, as a file and back.

What belongs here: that pair, the file that is kept of it, and its numbers as tonight's. What does
not: fitting, lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.errors import ConfigError, ModelRejected
from ecorse.models.base import Champion, Recommender
from ecorse.models.declaration import Declaration
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Csr, Ids, Ranked
from ecorse.models.recommender_file import RecommenderFile
from ecorse.training.envelope import NEXT_STEP, pack, unpack


@dataclass(frozen=True)
class Fitted:
    """A fitted recommender, and the ids that its numbers stand for.

    ``making``: what beside its parameters makes its lists (``RecommenderFile.making``); empty of a
    file of an earlier version, which does not say.
    """

    model: Recommender
    product_ids: pl.Series
    customer_ids: pl.Series
    making: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def on(
        cls, model: Recommender, data: Interactions, making: Mapping[str, Any] | None = None
    ) -> Fitted:
        """A model that was fitted on these products and customers."""
        ids = data.items["product_id"], data.users["customer_id"]
        return cls(model, *ids, making or {})

    def declared_in(self, file: RecommenderFile) -> RecommenderFile:
        """Tonight's declaration as far as it does not make this model's lists; the rest is its own.

        Raises
        ------
        ModelRejected
            Its file says what no declaration can say.
        """
        try:
            return file.made_as(self.making)
        except ValueError as error:
            raise ModelRejected(
                f"Model file refused: its settings are not known any more: {error}. {NEXT_STEP}"
            ) from None

    def to_file(self) -> bytes:
        """The file that is kept: ids, parameters, and the model's own files."""
        facts = {
            "parameters": self.model.config.model_dump(
                mode="json", by_alias=True, exclude={"threads"}
            ),
            "making": dict(self.making),
            "products": self.product_ids.to_list(),
            "customers": self.customer_ids.to_list(),
        }
        return pack(facts, self.model.dump())

    @classmethod
    def from_file(cls, champion: Champion, declaration: Declaration) -> Fitted:
        """The published model again, with the parameters that it was fitted with.

        Raises
        ------
        ModelRejected
            The file cannot be read, or the declared class, or that of a part, no longer knows its
            parameters or its files.
        """
        facts, files = unpack(champion.artifact)
        model_class = declaration.model_class()
        try:
            config = declaration.configure(model_class, facts.get("parameters"))
            model = model_class.load(files, config)
        except ConfigError as error:
            raise ModelRejected(
                f"Model file refused: its parameters are not known any more: {error}. {NEXT_STEP}"
            ) from None
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ModelRejected(
                f"Model file refused: {declaration.file.model.class_} cannot read it ({error!r}). "
                f"{NEXT_STEP}"
            ) from None
        return cls(
            model,
            pl.Series("product_id", facts["products"], dtype=pl.String),
            pl.Series("customer_id", facts["customers"], dtype=pl.String),
            facts.get("making", {}),
        )


def places(ids: pl.Series, among: pl.Series) -> Ids:
    """The place of each id among others; -1 where it is not there."""
    known = pl.DataFrame({"id": among}).with_row_index("place")
    found = ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["place"]
    return found.cast(pl.Int64).fill_null(NOTHING).to_numpy()


def matrix_in_numbers(items: Ids, matrix: Csr) -> Csr:
    """``(n_users, n_items)`` with the columns of tonight's catalogue where the model has them."""
    if np.array_equal(items, np.arange(matrix.shape[1])):
        return matrix
    is_there = items != NOTHING
    shape = (matrix.shape[1], len(items))
    move = sparse.csr_matrix(
        (np.ones(is_there.sum()), (items[is_there], np.flatnonzero(is_there))), shape=shape
    )
    return sparse.csr_matrix(matrix @ move)


def lists_in_numbers(ranked: Ranked, items: Ids) -> tuple[Ranked, npt.NDArray[np.bool_]]:
    """The lists in tonight's numbers ``items``, closed up where a product left; and of each place
    that held an item whether it is kept."""
    there = ranked.is_there
    moved = np.where(there, items[ranked.items], NOTHING)
    is_kept = moved != NOTHING
    order = np.argsort(~is_kept, axis=1, kind="stable")
    closed = Ranked(
        np.take_along_axis(moved, order, axis=1),
        np.take_along_axis(np.where(is_kept, ranked.scores, 0.0), order, axis=1),
    )
    return closed, is_kept[there]
