"""What the figures of the report share: an empty one, its colours, labels, a heat map, PNG.

What belongs here: matplotlib (Agg; no window, no state between figures). What does not: what a
figure shows (``plots``).
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecorse.reports.segments.read import One
from ecorse.reports.segments.words import IN_NONE
from ecorse.show import escaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.0  # inches
DPI = 100
COLORS = (
    "#3b6fd4", "#e07b39", "#3c9d6b", "#c0504d", "#8064a2", "#b59a2b", "#4bacc6", "#d16ba5",
    "#7f6a52", "#5c7f2b", "#20406f", "#e5a3a0",
)  # fmt: skip
GREY = "#9aa3af"
INK = "#1b2330"


def label(text: str, width: int = 34, lines: int = 3) -> str:
    """Foreign text as a label: nothing hidden, no formula, and so short that it can be read."""
    short = textwrap.wrap(escaped(text), width, max_lines=lines, placeholder=" …")
    return "\n".join(short).replace("$", r"\$")


def colors_of(one: One) -> dict[int, str]:
    """A colour per segment, the same in every figure of the segmentation."""
    ids = sorted(r["segment_id"] for r in one.rows("segments") if r["segment_id"] != IN_NONE)
    return {IN_NONE: GREY} | {i: COLORS[n % len(COLORS)] for n, i in enumerate(ids)}


def new_figure(height: float, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure with axes side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(made)
    axes = made.subplots(1, columns, squeeze=False)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9, colors=INK)
    return made, list(axes)


def png(made: Figure) -> bytes:
    """The figure as PNG, the same bytes for the same rows."""
    file = io.BytesIO()
    made.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def heat(
    ax: Axes, values: Sequence[Sequence[float | None]], texts: Sequence[Sequence[str]],
    low: float, high: float, colors: str,
) -> None:  # fmt: skip
    """A heat map with its figures written in; what has none stays white."""
    import numpy as np

    array = np.array([[np.nan if v is None else v for v in row] for row in values], dtype=float)
    ax.imshow(array, vmin=low, vmax=high, cmap=colors, aspect="auto")
    span = high - low
    for (row, column), number in np.ndenumerate(array):
        # white on the dark ends of the scale
        at = (number - low) / span if number == number else 0.5
        is_dark = at > 0.8 or (low < 0 and at < 0.2)
        ax.text(column, row, texts[row][column], ha="center", va="center", fontsize=8,
                color="white" if is_dark else INK)  # fmt: skip
