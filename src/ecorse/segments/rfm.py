"""Groups of customers by their RFM scores, from a declared table of groups.

What belongs here: the table of groups and who is in which. What does not: the scores, which are
SQL (``marts.customer_rfm``).

Source: Hughes, Strategic Database Marketing (1994), chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ecorse.declared import Table
from ecorse.models.base import Segmentation
from ecorse.models.relation import Column, Relation
from ecorse.models.space import FeatureSpace
from ecorse.segments.results import SEGMENT_NAME, SEGMENTATION_COLUMN, SHOP, WRITER

SCORES = range(1, 6)
LEAST, MOST = 1, 5
Ends = Annotated[tuple[int, int], Field(description="lowest and highest score, 1 to 5")]

GROUPS = Relation(
    name="segment_groups",
    about="The declared table behind segments by score: which scores make which segment",
    grain=("shop_id", "segmentation", "segment_name", "r_from", "fm_from"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "segment_name": SEGMENT_NAME,
        "r_from": Column("integer", "Lowest r_score of marts.customer_rfm"),
        "r_to": Column("integer", "Highest r_score"),
        "fm_from": Column("integer", "Lowest fm_score"),
        "fm_to": Column("integer", "Highest fm_score"),
        "about": Column("text", "What the scores say, in plain words"),
    },
    writer_column=WRITER,
)


class Group(Table):
    """A group: its name, the scores that belong to it, and what they say in plain words."""

    name: str = Field(min_length=1)
    r: Ends
    fm: Ends
    about: str = Field(min_length=1)

    def has(self, r: Any, fm: Any) -> Any:
        """Whether scores (numbers, or arrays of them) are of the group."""
        return (self.r[0] <= r) & (r <= self.r[1]) & (self.fm[0] <= fm) & (fm <= self.fm[1])


class RfmConfig(Table):
    """The ``[parameters]``: the groups, which share out all scores between them."""

    groups: tuple[Group, ...] = Field(min_length=2)

    def mistakes(self) -> Iterable[str]:
        """Names given twice, ends that are no scores, a score in no group or in several.

        Several entries may share a name: a group need not be one rectangle of scores.
        """
        for group in self.groups:
            for name, (low, high) in (("r", group.r), ("fm", group.fm)):
                if not LEAST <= low <= high <= MOST:
                    yield f"groups: {group.name}: {name} = [{low}, {high}]; expected 1 to 5, rising"
        for r, fm in product(SCORES, SCORES):
            found = [group.name for group in self.groups if group.has(r, fm)]
            if len(found) != 1:
                what = f"is in {' and in '.join(found)}" if found else "is in no group"
                yield f"groups: r {r}, fm {fm} {what}; each pair of scores must be in one"


class Rfm(Segmentation):
    """Customers by recency, and by frequency and money together."""

    config_class = RfmConfig
    diagnostics: ClassVar = (GROUPS,)

    config: RfmConfig

    def assign(self, space: FeatureSpace) -> npt.NDArray[np.int64]:
        """The group of each customer's ``r_score`` and ``fm_score``."""
        r, fm = np.rint(space.mean("r_score")), np.rint(space.mean("fm_score"))
        numbers = {name: number for number, name in self.names().items()}
        labels = np.full(space.n, -1, dtype=np.int64)
        for group in self.config.groups:
            labels[group.has(r, fm)] = numbers[group.name]
        return labels

    def names(self) -> Mapping[int, str]:
        """The declared names, in the order of the table."""
        return dict(enumerate(dict.fromkeys(group.name for group in self.config.groups)))

    def diagnose(self) -> Mapping[str, list[dict[str, Any]]]:
        """The table of groups."""
        return {
            GROUPS.name: [
                {
                    "segment_name": group.name,
                    "r_from": group.r[0],
                    "r_to": group.r[1],
                    "fm_from": group.fm[0],
                    "fm_to": group.fm[1],
                    "about": group.about,
                }
                for group in self.config.groups
            ]
        }


SEGMENTATION = Rfm
