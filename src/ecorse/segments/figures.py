"""Plain figures: the thresholds that a claim about a number may name.

What belongs here: which figures are plain, and how plain. What does not: choosing among them
(``claims``).
"""

from __future__ import annotations

import numpy as np

from ecorse.features.blocks import Floats, Labels

DAYS = (
    1, 2, 3, 4, 5, 6, 7, 14, 21, *range(30, 331, 30), 365, 450, 540, 730, 1095, 1460, 1825, 3650,
)  # fmt: skip
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99)
PLAINEST, ONE_DIGIT = (1, 2, 5), 1
SMALLEST, MOST_DECADES = 1e-6, 7
ALMOST = 1e-9  # a number comes back from its logarithm with the last digits changed


def plain_figures(values: Floats, unit: str) -> tuple[Floats, Labels]:
    """The plain figures that part ``values`` in two, ascending, and how many digits they need.

    Of figures in general one or two significant digits; of days whole weeks, months of 30 days,
    years; of shares tenths, quarters and what lies near the ends. Where all values are whole
    numbers the figures are, too. The second array is 0 for 1, 2 and 5, 1 for other single digits,
    2 for two digits of which the second is 5, 3 for the rest: small is plain.
    """
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if not low < high:
        return np.empty(0), np.empty(0, dtype=np.int64)
    if unit == "days":
        figures, digits = np.array(DAYS, dtype=np.float64), np.ones(len(DAYS), dtype=np.int64)
    elif unit == "share":
        figures, digits = np.array(SHARES), np.ones(len(SHARES), dtype=np.int64)
    else:
        figures, digits = _decimal_figures(low, high, values)
        if (np.abs(values - np.round(values)) <= ALMOST * np.maximum(np.abs(values), 1.0)).all():
            whole = figures == np.round(figures)
            figures, digits = figures[whole], digits[whole]
    parts = (figures > low + ALMOST * abs(low)) & (figures <= high + ALMOST * abs(high))
    return figures[parts], digits[parts]


def _decimal_figures(low: float, high: float, values: Floats) -> tuple[Floats, Labels]:
    """Figures of all decades that the sizes of the values are in, seven at most; 0 is in none."""
    sizes = np.abs(values)
    top = int(np.floor(np.log10(max(float(sizes.max()), SMALLEST))))
    least = float(sizes.min(initial=np.inf, where=sizes > SMALLEST))
    bottom = max(int(np.floor(np.log10(min(least, 10.0**top)))), top - MOST_DECADES)
    tenths = np.arange(10, 100)
    digits = np.full(90, 3)
    digits[tenths % 5 == 0] = 2
    digits[tenths % 10 == 0] = 1
    digits[np.isin(tenths, [10 * n for n in PLAINEST])] = 0
    # a division by a power of ten gives the nearest double to 0.15; a product need not
    figures = np.concatenate(
        [tenths * 10.0 ** (d - 1) if d >= 1 else tenths / 10.0 ** (1 - d)
         for d in range(bottom, top + 1)]
    )  # fmt: skip
    needed = np.tile(digits, top + 1 - bottom)
    if low < 0:
        figures = np.concatenate([-figures[::-1], [0.0], figures])
        needed = np.concatenate([needed[::-1], [0], needed])
    return figures, needed.astype(np.int64)
