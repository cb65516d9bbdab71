"""A fitted recommender with the ids behind its numbers, as a file and back.

What belongs here: that pair, and the file that is kept of it. What does not: fitting, lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ecorse.errors import ConfigError, ModelRejected
from ecorse.models.base import Champion, Recommender
from ecorse.models.declaration import Declaration
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Ids
from ecorse.training.envelope import NEXT_STEP, pack, unpack


@dataclass(frozen=True)
class Fitted:
    """A fitted recommender, and the ids that its numbers stand for."""

    model: Recommender
    product_ids: pl.Series
    customer_ids: pl.Series

    @classmethod
    def on(cls, model: Recommender, data: Interactions) -> Fitted:
        """A model that was fitted on these products and customers."""
        return cls(model, data.items["product_id"], data.users["customer_id"])

    def to_file(self) -> bytes:
        """The file that is kept: ids, parameters, and the model's own files."""
        facts = {
            "parameters": self.model.config.model_dump(
                mode="json", by_alias=True, exclude={"threads"}
            ),
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
        )


def places(ids: pl.Series, among: pl.Series) -> Ids:
    """The place of each id among others; -1 where it is not there."""
    known = pl.DataFrame({"id": among}).with_row_index("place")
    found = ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["place"]
    return found.cast(pl.Int64).fill_null(NOTHING).to_numpy()
