"""Formats: how a simulated shop's data is written, one module per format.

What belongs here: what a format is, and finding one by its name. What does not: what happens
in the shop (``ecorse.simulate.behaviour``), dirt and files (``ecorse.simulate.write_shop``).

A new format is one new module in this folder that defines ``FORMAT``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ecorse.errors import ConfigError
from ecorse.simulate.draws import Ints
from ecorse.simulate.shop import Shop

Frames = Callable[[Shop], Iterator[tuple[str, pl.DataFrame]]]


@dataclass(frozen=True)
class Format:
    """One format.

    ``frames`` gives blocks of rows with the label of the file they belong to (``2019-03``; empty
    for a format of one file), blocks of a file one after the other, their columns in the order of
    ``header``. ``broken`` has one row per kind of damage that a reader must refuse, ``{id}`` makes
    each a record of its own. ``store`` is written when no other is asked for, in ``years`` from
    the first to the last that its dates can say; ``names_customers`` tells whether a row or its
    keys name a customer. ``file_stem`` names a label's file.

    ``moment`` is the column that dates a row, ``moment_format`` how (strftime's letters; ``epoch``
    for seconds). Appended rows come after the last date, or, when the format
    ``grows_in_its_month``, in the month that most rows have. ``group`` is the column whose rare
    values augmentation fills up, ``new_id`` the column that gets a new marked id then; ``tagged``
    are the kinds of ids that are new in appended rows (as in ``Plan``).
    """

    name: str
    header: str
    frames: Frames
    broken: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"
    store: str = "department"
    names_customers: bool = True
    file_stem: Callable[[str], str] | None = None
    years: tuple[int, int] = (1971, 2100)
    moment: str = ""
    moment_format: str = ""
    grows_in_its_month: bool = False
    group: str = ""
    new_id: str = ""
    tagged: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The header's names."""
        return tuple(self.header.split(self.delimiter))

    def file_name(self, label: str, suffix: str) -> str:
        """Name the file of a label; every name begins with ``simulated``, in any case."""
        plain = f"simulated_{self.name}{'_' if label else ''}{label}"
        return (self.file_stem(label) if self.file_stem else plain) + suffix


def format_names() -> tuple[str, ...]:
    """Give the names of all formats, sorted; imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def get_format(name: str) -> Format:
    """Give a format by its name.

    Raises
    ------
    ConfigError
        There is no such format.
    """
    if name not in format_names():
        raise ConfigError(
            f"There is no format {name!r} to simulate; there are {', '.join(format_names())}."
        )
    found: Format = importlib.import_module(f"{__name__}.{name}").FORMAT
    return found


def price_texts(cents: Ints) -> pl.Series:
    """Write prices as 600, 149.9, 11.95: no more digits than they need."""
    return pl.Series([f"{c / 100:.2f}".rstrip("0").rstrip(".") for c in cents.tolist()])


def take(texts: pl.Series | tuple[str, ...], index: Ints) -> pl.Series:
    """Give each index its text."""
    return pl.Series(texts, dtype=pl.String).gather(pl.Series(index))


def instants(seconds: Ints) -> pl.Series:
    """Seconds since 1970 as UTC instants."""
    return pl.from_epoch(pl.Series(np.asarray(seconds)), time_unit="s").dt.replace_time_zone("UTC")


def wall_clock(seconds: Ints, time_zone: str) -> pl.Series:
    """Seconds since 1970 on the shop's wall clock."""
    return instants(seconds).dt.convert_time_zone(time_zone).dt.replace_time_zone(None)


def without(texts: pl.Series, is_missing: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pl.Series:
    """The texts, null where they are missing."""
    return pl.select(pl.when(~pl.Series(is_missing)).then(texts)).to_series().alias(texts.name)


def month_label(shop: Shop, day: int) -> str:
    """The label of the file that holds a day of the period."""
    return f"{shop.day(day):%Y-%m}"
