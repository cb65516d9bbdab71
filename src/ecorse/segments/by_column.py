"""A column of a mart as a segmentation: who has which of the declared values.

What belongs here: values to labels. What does not: what a value means, which the mart defines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ecorse.declared import Table
from ecorse.errors import DataError
from ecorse.models.base import Segmentation
from ecorse.models.space import FeatureSpace


class Value(Table):
    """A value of the column, and the segment's name."""

    value: str = Field(min_length=1)
    name: str = Field(min_length=1)


class ByColumnConfig(Table):
    """The ``[parameters]``: the column of [inputs], and its values in order."""

    column: str = Field(min_length=1)
    values: tuple[Value, ...] = Field(min_length=2)

    def mistakes(self) -> Iterable[str]:
        """Values or names given twice."""
        for what, given in (
            ("value", [value.value for value in self.values]),
            ("name", [value.name for value in self.values]),
        ):
            for twice in sorted({word for word in given if given.count(word) > 1}):
                yield f"values: {what} {twice!r} is given twice"


class ByColumn(Segmentation):
    """Entities by one column of their first line; another value than the declared is noise."""

    config_class = ByColumnConfig

    config: ByColumnConfig

    def assign(self, space: FeatureSpace) -> npt.NDArray[np.int64]:
        """The place of each entity's value among the declared.

        Raises
        ------
        DataError
            The declaration's [inputs] select no such column.
        """
        frame, column = space.lines.frame, self.config.column
        if column not in frame.columns:
            raise DataError(
                f"Input 'lines' has no column {column!r}; it has {', '.join(frame.columns)}. "
                "Select it in [inputs]."
            )
        first = np.flatnonzero(np.diff(space.lines.entity, prepend=-1))
        place = {value.value: number for number, value in enumerate(self.config.values)}
        labels: npt.NDArray[np.int64] = (
            frame[column]
            .gather(first)
            .cast(pl.String)
            .replace_strict(place, default=-1, return_dtype=pl.Int64)
            .to_numpy()
        )
        return labels

    def names(self) -> Mapping[int, str]:
        """The declared names."""
        return {number: value.name for number, value in enumerate(self.config.values)}


SEGMENTATION = ByColumn
