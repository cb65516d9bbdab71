"""What may make tonight's lists: a recommender as it is declared, or as it was published.

What belongs here: its making, and the rows as it counts them. What does not: judging, choosing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from ecorse.errors import ConfigError, DataError
from ecorse.evaluate.origins import Origin
from ecorse.models.base import Recommender, Task
from ecorse.models.declaration import Declaration
from ecorse.models.interactions import Interactions
from ecorse.models.recommender_file import RecommenderFile
from ecorse.training.fitted import Fitted

Make = Callable[[], Recommender]


@dataclass(frozen=True)
class Contender:
    """A recommender before it is judged.

    Attributes
    ----------
    make
        Gives it unfitted.
    file
        The declaration with its own weights, diversity and seed.
    data
        Tonight's rows as these weights count them. Products and customers have the numbers of
        tonight's declaration.
    """

    make: Make
    file: RecommenderFile
    data: Interactions

    def fit(self, task: Task, champion: Recommender | None = None) -> Recommender:
        """A model of all its rows."""
        return self.make().fit(self.data, self._task(task), champion)

    def fit_before(self, origin: Origin, data: Interactions, task: Task) -> Recommender:
        """A model of what ended before an origin of tonight's ``data``."""
        earlier = origin.earlier if self.data is data else self.data.ended(None, origin.begins)
        return self.make().fit(earlier, self._task(task))

    def _task(self, task: Task) -> Task:
        return replace(task, seed=self.file.seed)


def read_rows(
    inputs: dict[str, pl.DataFrame], declaration: Declaration, published: Fitted | None
) -> tuple[Interactions, Interactions]:
    """Tonight's rows by the declared weights, and by the published model's: mostly the same.

    ``inputs`` are taken out: the text of a million lines need not stay beside their numbers.

    Raises
    ------
    DataError
        An input has not the needed columns, or a kind has no weight.
    """
    file: RecommenderFile = declaration.file
    products, lines = inputs.pop("products"), inputs.pop("interactions")
    customers = inputs.pop("customers", None)
    before = published.declared_in(file).weights if published else file.weights
    if "kind" not in lines.columns:  # no kind is told any more: all count alike
        before = {}
    data = Interactions.from_frames(products, weighed(lines, file.weights, declaration), customers)
    theirs = data
    if before != file.weights:
        if before:  # the published model did not count what it had no weight for
            lines = lines.filter(pl.col("kind").cast(pl.String).is_in(list(before)))
        counted = weighed(lines, before, declaration)
        theirs = Interactions.from_frames(products, counted, data.users)
        theirs.of_products = data.of_products
    if "items" in file.model.answers:
        return data, theirs
    own = data.of_customers()
    return own, own if theirs is data else theirs.of_customers()


def weighed(
    interactions: pl.DataFrame, weights: Mapping[str, float], declaration: Declaration
) -> pl.DataFrame:
    """The rows with the declared weight of their kind; those of weight 0 are left out.

    Raises
    ------
    ConfigError
        The rows have no kind: so they are in every shop.
    DataError
        A kind has no weight: this shop has it, and others may not.
    """
    if not weights:
        return interactions
    where = f"{declaration.path}: [weights]"
    if "kind" not in interactions.columns:
        raise ConfigError(f"{where} needs a column kind; inputs.interactions selects none.")
    kinds = interactions["kind"].drop_nulls().cast(pl.String).unique().sort().to_list()
    if unknown := [kind for kind in kinds if kind not in weights]:
        raise DataError(
            f"{where} has none for {', '.join(unknown)}, which the interactions hold; 0 leaves a "
            "kind out."
        )
    own = pl.col("kind").cast(pl.String).replace_strict(weights, return_dtype=pl.Float64)
    given = pl.col("weight") if "weight" in interactions.columns else pl.lit(1.0)
    return interactions.with_columns(weight=given * own).filter(pl.col("weight") != 0)
