"""When a challenger's lists replace the champion's: the limits that a declaration sets.

What belongs here: the table ``[promotion]``. What does not: the rule
(``ecorse.evaluate.promotion``).
"""

from __future__ import annotations

from pydantic import Field

from ecorse.declared import Table


class PromotionLimits(Table):
    """What a challenger must reach beside being better.

    ``min_cases``: customers that a comparison, or one of a slice, needs. ``max_slice_drop``: a
    slice by length of history may fall by so much of the primary metric, as a difference;
    ``max_segment_drop``: a segment of customers may. ``min_full``: the least share
    of full lists (not asked of ``buy_again``: those name only what is due). Beside a champion,
    ``min_coverage_of_champion`` of its coverage, and at most ``max_best_seller_rise`` more of the
    100 best sellers. ``max_fit_seconds`` and ``max_peak_mb``: what a fit may cost; without them
    anything.
    """

    min_cases: int = Field(100, ge=2)
    max_slice_drop: float = Field(0.01, ge=0)
    max_segment_drop: float = Field(0.0, ge=0)
    min_full: float = Field(1.0, ge=0, le=1)
    min_coverage_of_champion: float = Field(0.5, ge=0)
    max_best_seller_rise: float = Field(0.25, ge=0, le=1)
    max_fit_seconds: float | None = Field(None, gt=0)
    max_peak_mb: float | None = Field(None, gt=0)
