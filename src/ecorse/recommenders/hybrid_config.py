"""What a hybrid's ``[parameters]`` say.

What belongs here: its parts and how they are weighed. What does not: the hybrid itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from ecorse.declared import Table


class Part(Table):
    """One recommender of the blend."""

    class_: str = Field(alias="class", min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)


class HybridConfig(Table):
    """``parts`` by name; ``window_days`` on which weights are learned, at rank ``at``.

    ``candidates``: how many items each part names. ``histories``: from how many products on a
    customer is of the next group. ``shrink``: the weights of a group of ``n`` customers are theirs
    by ``n / (n + shrink)``, and everybody's by the rest; wholly, where theirs would be less than a
    tenth. ``leave_out``: parts that are not used,
    for a variant that needs less memory. ``trend_power``: every score is times the product's recent
    sales, by ``trend_half_life_days``, over the best seller's, to this power; 0: is not.
    """

    parts: dict[str, Part] = Field(min_length=1)
    leave_out: tuple[str, ...] = ()
    window_days: float = Field(28, gt=0)
    at: int = Field(10, ge=1)
    candidates: int = Field(200, ge=1)
    histories: tuple[int, ...] = (1, 2, 5, 20)
    shrink: float = Field(200, ge=0)
    most_cases: int = Field(4000, ge=1)
    trend_half_life_days: float = Field(7, gt=0)
    trend_power: float = Field(0, ge=0)

    def mistakes(self) -> Iterable[str]:
        """Parts left out that there are not, or all of them."""
        for name in self.leave_out:
            if name not in self.parts:
                yield f"leave_out: there is no part {name!r}"
        if set(self.parts) <= set(self.leave_out):
            yield "leave_out: at least one part must remain"
