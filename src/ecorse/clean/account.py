"""What became of every row of a file, and of its money.

What belongs here: the account that cleaning keeps, and what rows are worth. What does not: deciding
about a row (``cleaner``), and the account of a load in the ledger (``ecorse.ingest``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import polars as pl

from ecorse.clean.numbers import SCALE
from ecorse.clean.profile import Profiles
from ecorse.schema.source import FATES, Difference, Fate, Sought

LINES_ADDED = "lines_added"  # of the source's own table, made of values beside the rows
REPEATED = "repeated_line"  # the flag of a line that equals an earlier one of its file
KEY_TWICE = "line_key_repeated"  # the rule that refuses a key that comes again with other content


NOTHING = Decimal(0)
IS_OFF = (pl.col("status") != "sold") & (pl.col("quantity") >= 0)


@dataclass
class Quoted:
    """Values of a column that stand in quotes which are not the file's; the first is told."""

    rows: int
    example: str
    line: int


@dataclass
class Differing:
    """Rows taken for repeats although an undeclared column of theirs says otherwise."""

    rows: int = 0
    money: Decimal = Decimal(0)
    columns: set[str] = field(default_factory=set)

    def add(self, other: Differing) -> None:
        """Take further rows in."""
        self.rows += other.rows
        self.money += other.money
        self.columns |= other.columns


@dataclass
class Account:
    """What became of every row of a file, and what a person should know about it.

    ``lines`` counts, by table, the rows that are new for certain (and, as ``LINES_ADDED``, lines
    made of values beside the rows), and ``money`` sums theirs. ``money_cleaned`` is that of every
    row that met its rules, repeated or not, ``money_contradicting`` that of those among them whose
    key, as is known in the end, came before with other content; ``money_aside`` that of rejected
    and left-out rows, without the ``unread`` of which it is not known. ``quoted`` has, by column,
    values that stand in quotes which are not the file's; ``without_sale`` rows that take back a
    sale of which the file has no row, what they take off, and an order of theirs.
    ``has_undeclared``: the file has columns that its source does not declare. ``broken`` counts the
    rows that break a rule of level warn, which are kept, ``sought`` by file what was looked up
    there.
    """

    rows_read: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    sought: dict[str, Sought] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    broken_examples: dict[str, list[str]] = field(default_factory=dict)
    derived: dict[str, Difference] = field(default_factory=dict)
    profiles: Profiles = field(default_factory=Profiles)
    is_simulated: bool = False
    lines: Counter[str] = field(default_factory=Counter)
    money: Decimal = Decimal(0)
    money_cleaned: Decimal = Decimal(0)
    money_contradicting: Decimal = Decimal(0)
    money_aside: dict[Fate, Decimal] = field(default_factory=lambda: dict.fromkeys(FATES, NOTHING))
    unread: Counter[Fate] = field(default_factory=Counter)
    without_sale: tuple[int, Decimal, str] = (0, NOTHING, "")
    quoted: dict[str, Quoted] = field(default_factory=dict)
    has_undeclared: bool = False
    differing: Differing = field(default_factory=Differing)
    first_at: datetime | None = None
    last_at: datetime | None = None


def signed(columns: Collection[str]) -> pl.Expr:
    """What each order line adds to the shop's money, in ten-thousandths, as in the marts.

    What is taken back with pieces above 0 is taken off.
    """
    parts = _unsigned(columns)
    if "status" not in columns:
        return parts
    return parts * pl.when(IS_OFF).then(-1).otherwise(1).cast(pl.Int128)


def _unsigned(columns: Collection[str]) -> pl.Expr:
    parts = pl.col("unit_price").to_physical().cast(pl.Int128) * pl.col("quantity").cast(pl.Int128)
    if "line_amount" in columns:
        parts = pl.coalesce(pl.col("line_amount").to_physical().cast(pl.Int128), parts)
    return parts


def money_of(lines: pl.DataFrame) -> Decimal:
    """What order lines add to the shop's money, as in the marts; exactly, by ten-thousandths."""
    if lines.is_empty():
        return Decimal(0)
    parts = _unsigned(lines.columns)
    total: int = lines.select(parts.sum()).item()
    if "status" in lines.columns and (off := lines.filter(IS_OFF)).height:
        total -= 2 * (off.select(parts.sum()).item() or 0)
    return Decimal(total).scaleb(-SCALE)


def key_sentence(key: object, first: object) -> str:
    """Why a row is refused whose key stands on an earlier line with other content."""
    return (
        f"its key {key} stands on line {first} already, with other content; which of the two holds "
        "is not known. Correct the file, or `line_key` in the source."
    )


def differing_columns(mine: Iterable[str], others: Iterable[str]) -> set[str]:
    """Which undeclared columns say otherwise in pairs of JSON objects."""
    found: set[str] = set()
    for one, other in zip(mine, others, strict=True):
        left, right = json.loads(one), json.loads(other)
        found |= {name for name in left.keys() | right.keys() if left.get(name) != right.get(name)}
    return found
