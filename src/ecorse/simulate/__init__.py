"""A seeded shop simulator with planted truth, for trying Ecorse and for testing it.

What belongs here: making files that look like a shop's exports, marked as simulated. What does
not: loading them, or measuring a build against the truth.
"""

from ecorse.simulate.append import AppendSummary, append_sales
from ecorse.simulate.dirt import CLEAN, Dirt
from ecorse.simulate.files import WrittenFile, simulate_shop
from ecorse.simulate.grow import Growth, append_rows, augment_rows
from ecorse.simulate.population import Plan
from ecorse.simulate.write import (
    TRUTH_FILE,
    FileSummary,
    SimulationSummary,
    simulate_year,
)

__all__ = [
    "CLEAN",
    "TRUTH_FILE",
    "AppendSummary",
    "Dirt",
    "FileSummary",
    "Growth",
    "Plan",
    "SimulationSummary",
    "WrittenFile",
    "append_rows",
    "append_sales",
    "augment_rows",
    "simulate_shop",
    "simulate_year",
]
