"""Platforms: a simulated shop's books, written as the export of a shop system, and its report.

What belongs here: what a platform is, and finding one by its name. What does not: the books
(``books.py``), files and truth (``write_platform.py``).

A new platform is one new module in this folder that defines ``PLATFORM``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ecorse.errors import ConfigError
from ecorse.simulate.platforms.books import Books, Habits

Files = Mapping[str, bytes]
_NO_PLATFORMS = ("books", "draw_books", "planted", "planted_reports", "tables", "write_platform")


@dataclass(frozen=True)
class Platform:
    """One shop system.

    Parameters
    ----------
    export
        The files of its export by name, whole; every name begins with ``simulated_`` but those
        of files that a mapping looks things up in.
    report
        Its own report on the same period, by name.
    habits
        What its shops do: discounts, tips, refunds ...
    no_sales
        How many rows of the export are no sales, and to be ignored: cancelled, test orders, sums.
    names_customers
        Whether a row has the shop's own id of its customer.
    is_no_sale
        Whether a record of the export is no sale by itself, whatever its order.
    """

    name: str
    habits: Habits
    export: Callable[[Books], Files]
    report: Callable[[Books], Files]
    no_sales: Callable[[Books], int] = lambda _: 0
    names_customers: bool = True
    is_no_sale: Callable[[list[str]], bool] = lambda _: False


def platform_names() -> tuple[str, ...]:
    """Give the names of all platforms, sorted; imports none of them."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in modules if name not in _NO_PLATFORMS))


def get_platform(name: str) -> Platform:
    """Give a platform by its name.

    Raises
    ------
    ConfigError
        There is no such platform.
    """
    if name not in platform_names():
        raise ConfigError(
            f"There is no platform {name!r} to simulate; there are {', '.join(platform_names())}."
        )
    found: Platform = importlib.import_module(f"{__name__}.{name}").PLATFORM
    return found
