"""What a source is: a contract, and how its typed rows become canonical rows.

What belongs here: the shapes all sources share. What does not: any one source.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import polars as pl

from ecorse.schema.contract import Contract, Header


class Shop(Protocol):
    """What a source needs to know of the shop that sent a file."""

    @property
    def shop_id(self) -> str: ...
    @property
    def shop_name(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def currency(self) -> str: ...


@dataclass
class Difference:
    """Where a derived column of the file does not say what the other columns give.

    ``money``: by how much it says more, all rows together, where it says money.
    """

    checked: int = 0
    different: int = 0
    examples: list[str] = field(default_factory=list)
    money: Decimal = Decimal(0)

    def add(self, other: Difference) -> None:
        """Take another block's differences in; the first few examples are kept."""
        self.checked += other.checked
        self.different += other.different
        self.examples = (self.examples + other.examples)[:3]
        self.money += other.money


class Beside(Protocol):
    """The lines beside a block's rows, made once it is known which rows are kept.

    What an order states once has to be stated by a row that counts.
    """

    def contradicting(self, rows: pl.Series) -> list[pl.DataFrame]:
        """The reasons of those of these rows (by ``_row``) that contradict their order."""
        ...

    def make(self, rows: pl.Series) -> pl.DataFrame:
        """The lines beside these rows, none of which contradicts its order."""
        ...


@dataclass
class Canonical:
    """A block's canonical rows, and what a person should know about them.

    ``frame`` has columns of the contract's table (without ``load_id`` and ``flags``; a column that
    is always null may be left out) and ``_row``, each row at most once. A row that is not there
    must be in ``reasons`` (``_row, rule, column, sentence``, as ``clean.cast`` gives them): the
    source refuses it by what it alone knows. ``companions`` has, by table, rows of other tables
    with the ``_row`` they belong to: they are staged when that row is, and are repeated when it
    is. ``beside`` makes the companions of the contract's own table. ``warnings`` counts rows by
    warning; ``held`` by condition that was declared, so that one that never holds can be told (both
    may grow by ``beside``); ``derived`` has one entry per derived column of the file that was
    computed again.
    """

    frame: pl.DataFrame
    warnings: Counter[str] = field(default_factory=Counter)
    derived: dict[str, Difference] = field(default_factory=dict)
    companions: dict[str, pl.DataFrame] = field(default_factory=dict)
    reasons: pl.DataFrame | None = None
    held: Counter[str] = field(default_factory=Counter)
    beside: Beside | None = None


@dataclass
class Sought:
    """How often a key was looked up in another file, and was not there.

    ``rows`` have a key, ``missed`` of them one that the file lacks; more than the share ``most``
    of them stops a load.
    """

    file: str
    most: float = 1.0
    rows: int = 0
    missed: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, rows: int, missed: int, examples: list[str]) -> None:
        """Take a block's rows in; the first few examples are kept, each once."""
        self.rows += rows
        self.missed += missed
        self.examples = list(dict.fromkeys(self.examples + examples))[:3]

    @property
    def is_too_much(self) -> bool:
        """Whether so many keys are missing that the other file is not the right one."""
        return self.missed > self.most * self.rows

    def sentence(self) -> str:
        """How many rows have a key that the file lacks, with examples."""
        return (
            f"{self.missed} of {self.rows} rows have a key that {self.file} lacks, such as "
            f"{', '.join(self.examples)}"
        )


class Source(Protocol):
    """One kind of file. Its module defines ``SOURCE``."""

    @property
    def name(self) -> str:
        """The name in ``shops.toml``, ``ops.load`` and on the command line."""
        ...

    @property
    def contract(self) -> Contract:
        """What the files must look like."""
        ...

    @property
    def warnings(self) -> dict[str, str]:
        """A sentence per warning that ``canonicalise`` may count; ``{rows}`` is the count."""
        ...

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Make canonical rows of typed rows, one for one and in order."""
        ...


@runtime_checkable
class LookingUp(Protocol):
    """A source whose rows may be completed from other files of the same folder."""

    @property
    def looks_up(self) -> tuple[str, ...]:
        """The names of these files; empty where there are none."""
        ...

    def bind(self, folder: Path) -> Source:
        """The source with the files it looks things up in."""
        ...

    def extend(self, header: Header) -> Header:
        """The file's header with the looked-up columns behind it."""
        ...

    def enrich(self, raw: pl.DataFrame, header: Header, sought: dict[str, Sought]) -> pl.DataFrame:
        """A block of text with the looked-up columns behind its own; counts what was sought."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A source that remembers what rows above have said, within one file."""

    def afresh(self) -> Source:
        """The source for one more file, which remembers nothing."""
        ...


@runtime_checkable
class Forbidding(Protocol):
    """A source whose rows may say what holds though they are refused."""

    def forbidden(self, frame: pl.DataFrame, header: Header, shop: Shop) -> pl.DataFrame | None:
        """Rows of ``staging.consents`` with ``_row``, of typed rows that are refused.

        A value that cannot be read is null. ``None``: files of the source say nothing of it.
        """
        ...


@runtime_checkable
class Keyed(Protocol):
    """A source that can name the lines of rows, by its ``line_key``."""

    def keys_of(self, frame: pl.DataFrame, header: Header, shop: Shop) -> pl.DataFrame:
        """``shop_id, line_id`` of typed rows, null where a row has no key; one row per row."""
        ...


Fate = Literal["rejected", "left_out"]
FATES: tuple[Fate, ...] = ("rejected", "left_out")


@runtime_checkable
class Valuing(Protocol):
    """A source that knows what rows that count nowhere would have added to the shop's money."""

    def valued_by(self, header: Header) -> frozenset[str]:
        """The typed columns that the money of a row depends on."""
        ...

    def worth(self, frame: pl.DataFrame, shop: Shop, fate: Fate) -> pl.DataFrame:
        """What each row would add, with what stands beside it, signed as in the marts.

        Parameters
        ----------
        frame
            Typed rows, whatever is wrong with them; null is what cannot be read.

        Returns
        -------
        DataFrame
            ``money`` in ten-thousandths (Int64, null where it is not known) and ``currency``, one
            row per row. What an order states once is not among it, but remembered.
        """
        ...

    def stated_by_none(self, fate: Fate) -> Decimal:
        """What orders state once on rows of this fate alone, after the file was read."""
        ...
