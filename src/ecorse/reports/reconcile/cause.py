"""What a cause is, and their names.

What belongs here: the shape that finding, splitting and telling share. What does not: any of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecorse.reports.reconcile.amounts import Series
from ecorse.reports.reconcile.expect import Setting

TIME_ZONE, REFUND_DATE, PAID_OUT = "time_zone", "refund_date", "paid_out"
IN_NO_FILE, ROUNDING = "in_no_file", "rounding"


@dataclass(frozen=True)
class Cause:
    """One cause, and what it adds to each figure per day."""

    name: str
    adds: Mapping[str, Series]
    setting: Setting
    before: Setting
