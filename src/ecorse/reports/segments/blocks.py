"""What a report is made of: texts, lists, tables and figures, all as plain text.

What belongs here: these parts, and how a figure is written. What does not: what they say
(``words``), how they look (``segments.j2`` with ``html.j2`` or ``markdown.j2``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

NONE = "–"


@dataclass(frozen=True)
class Text:
    """A paragraph; ``tone`` is ``plain``, ``warn`` or ``soft``."""

    text: str
    tone: str = "plain"
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    items: Sequence[str]
    kind: str = field(default="items", init=False)


@dataclass(frozen=True)
class Table:
    """A table with its title; columns named in ``numbers`` are right-aligned figures."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[str] = frozenset()
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Plot:
    """A figure, with a sentence that says what to see in it; ``draw`` gives it as PNG."""

    name: str
    caption: str
    draw: Callable[[], bytes]
    kind: str = field(default="plot", init=False)


Block = Text | Items | Table | Plot


@dataclass(frozen=True)
class Section:
    """A chapter: its title, the name that links lead to, and its blocks."""

    title: str
    anchor: str
    blocks: Sequence[Block]
    level: int = 2


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    lead: str
    sections: Sequence[Section]


def count(value: int | Decimal | None) -> str:
    """A number of things: ``1,234``."""
    return NONE if value is None else f"{int(value):,}"


def percent(share: float | Decimal | None) -> str:
    """A share 0 to 1 as ``12.3 %``."""
    return NONE if share is None else f"{_rounded(100 * _exact(share), 1)} %"


def money(value: Decimal | float | None, currency: str = "") -> str:
    """Money to the cent: ``1,234.50 USD``."""
    return NONE if value is None else f"{_rounded(_exact(value), 2)} {currency}".rstrip()


def figure(value: float | Decimal | None, digits: int = 2) -> str:
    """A figure with so many digits after the point."""
    return NONE if value is None else _rounded(_exact(value), digits)


def _exact(value: float | Decimal) -> Decimal:
    """The figure as it is written, not as binary holds it."""
    return value if isinstance(value, Decimal) else Decimal(f"{value:.15g}")


def _rounded(value: Decimal, digits: int) -> str:
    """Rounded half away from zero, as SQL does."""
    return f"{value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"


def yes(value: bool | None) -> str:
    """``yes``, or nothing."""
    return "yes" if value else ""


def several(number: int, one: str, more: str = "") -> str:
    """``1 segment``, ``2 segments``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
