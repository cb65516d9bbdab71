"""What a segmentation learns from: the lines of one shop's orders or customers, and features.

What belongs here: the shapes. What does not: computing features (``ecorse.features``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecorse.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from ecorse.models.segmentation_file import Feature


@dataclass(frozen=True)
class Lines:
    """Lines in one fixed order, and which entity (order, customer) each belongs to.

    ``ids`` are the ``n`` entities, sorted; ``entity`` holds for each line its index in ``ids``.
    """

    frame: pl.DataFrame
    ids: pl.Series
    entity: npt.NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of entities."""
        return len(self.ids)


@dataclass(frozen=True)
class Told:
    """One declared feature: how many of the lines have a value, and why it is left out, if it is.

    ``is_used``: the model learns from it. A feature that is the same on every line stays in the
    space, where it parts nothing; one without any value has no place there.
    """

    feature: Feature
    known_share: float
    reason: str = ""

    @property
    def is_used(self) -> bool:
        """Whether it can part anybody from anybody."""
        return not self.reason

    def to_row(self) -> dict[str, Any]:
        """The columns of ``segmentation_features``."""
        return {
            "feature": self.feature.name,
            "kind": self.feature.kind,
            "column_name": self.feature.column,
            "weight": self.feature.weight,
            "is_used": self.is_used,
            "known_share": self.known_share,
            "reason": self.reason or None,
        }


@dataclass(frozen=True)
class FeatureSpace:
    """One shop's entities, as every segmentation gets them.

    ``features`` are the declared ones: they describe and name segments, and a model may learn
    from them (``features.orders.build_blocks``) or from the columns of the lines.
    """

    lines: Lines
    features: tuple[Feature, ...]
    entity_column: str
    told: tuple[Told, ...] = field(default=(), compare=False)
    blocks: dict[str, Any] = field(default_factory=dict, compare=False)
    """What ``features.orders.blocks_of`` has computed of this space, by vocabulary."""

    @property
    def n(self) -> int:
        """Number of entities."""
        return self.lines.n

    def total(self, column: str) -> npt.NDArray[np.float64]:
        """Sum of a column of the lines per entity, ``(n,)``; a missing value counts as 0.

        Raises
        ------
        DataError
            The declaration's [inputs] select no such column.
        """
        import numpy as np

        sums = np.bincount(self.lines.entity, weights=self._values(column), minlength=self.n)
        return sums.astype(np.float64)

    def mean(self, column: str) -> npt.NDArray[np.float64]:
        """Mean of a column over an entity's lines, ``(n,)``; see ``total``."""
        import numpy as np

        counts = np.bincount(self.lines.entity, minlength=self.n)
        means: npt.NDArray[np.float64] = self.total(column) / np.maximum(counts, 1)
        return means

    def _values(self, column: str) -> Any:
        import numpy as np
        import polars as pl

        if column not in self.lines.frame.columns:
            raise DataError(
                f"Input 'lines' has no column {column!r}; it has "
                f"{', '.join(self.lines.frame.columns)}. Select it in [inputs]."
            )
        return np.nan_to_num(self.lines.frame[column].cast(pl.Float64).fill_null(0.0).to_numpy())
