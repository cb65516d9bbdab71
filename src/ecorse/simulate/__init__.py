"""Simulated shops with planted truth, for trying Ecorse and for testing it.

What belongs here: making files that look like a shop's exports, marked as simulated. What does
not: loading them, or measuring a night against the truth (``ecorse.reports.truth``).
"""

from ecorse.simulate.dirt import CLEAN, Dirt
from ecorse.simulate.grow import Growth, append_rows, augment_rows
from ecorse.simulate.plan import Plan
from ecorse.simulate.write_shop import simulate_shop
from ecorse.simulate.write_truth import TRUTH_FILE, WrittenFile

__all__ = [
    "CLEAN",
    "TRUTH_FILE",
    "Dirt",
    "Growth",
    "Plan",
    "WrittenFile",
    "append_rows",
    "augment_rows",
    "simulate_shop",
]
