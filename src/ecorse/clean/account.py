"""What became of every row of a file, and of its money.

What belongs here: the account that cleaning keeps, and what rows are worth. What does not: deciding
about a row (``cleaner``), and the account of a load in the ledger (``ecorse.ingest``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import polars as pl

from ecorse.clean.cast import cast, text_column
from ecorse.clean.numbers import SCALE
from ecorse.clean.profile import Profile
from ecorse.schema.contract import Contract, Header
from ecorse.schema.source import Difference, Sought

LINES_ADDED = "lines_added"  # of the source's own table, made of values beside the rows
REPEATED = "repeated_line"  # the flag of a line that equals an earlier one of its file
KEY_TWICE = "line_key_repeated"  # the rule that refuses a key that comes again with other content
_MONEY = ("quantity", "unit_price", "line_total")


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
    key came before with other content; ``money_rejected`` that of rows that broke a rule, without
    the ``rejected_unread`` of which it cannot be read. ``has_undeclared``: the file has columns
    that its source does not declare. ``broken`` counts the rows that break a rule of level warn,
    which are kept, ``sought`` by file what was looked up there.
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
    raw: Profile = field(default_factory=Profile)
    clean: Profile = field(default_factory=Profile)
    is_simulated: bool = False
    lines: Counter[str] = field(default_factory=Counter)
    money: Decimal = Decimal(0)
    money_cleaned: Decimal = Decimal(0)
    money_rejected: Decimal = Decimal(0)
    money_contradicting: Decimal = Decimal(0)
    rejected_unread: int = 0
    has_undeclared: bool = False
    differing: Differing = field(default_factory=Differing)
    first_at: datetime | None = None
    last_at: datetime | None = None


def money_of(lines: pl.DataFrame) -> Decimal:
    """What order lines add to the shop's money, as in the marts; exactly, by ten-thousandths."""
    if lines.is_empty():
        return Decimal(0)
    parts = pl.col("unit_price").to_physical().cast(pl.Int128) * pl.col("quantity").cast(pl.Int128)
    if "line_amount" in lines.columns:
        parts = pl.coalesce(pl.col("line_amount").to_physical().cast(pl.Int128), parts)
    total: int = lines.select(parts.sum()).item()
    if "status" in lines.columns:  # what is taken back with pieces above 0 is taken off
        is_off = (pl.col("status") != "sold") & (pl.col("quantity") >= 0)
        off: int = lines.filter(is_off).select(parts.sum()).item() or 0
        total -= 2 * off
    return Decimal(total).scaleb(-SCALE)


def money_of_text(raw: pl.DataFrame, header: Header, contract: Contract) -> tuple[Decimal, int]:
    """What rejected rows of text are worth, and of how many it cannot be read.

    A row is read if its number columns can be, whatever else is wrong with it.
    """
    declared = [(i, c) for i, c in enumerate(header.columns) if c is not None]
    wanted = [(i, c) for i, c in declared if c.target in _MONEY and c.type != "text"]
    given = {c.target for _, c in wanted}
    if not given >= {"quantity", "unit_price"} and "line_total" not in given:
        return Decimal(0), raw.height
    numbers = raw.select(
        pl.col(text_column(i)).alias(text_column(place)) for place, (i, _) in enumerate(wanted)
    )
    columns = tuple(c for _, c in wanted)
    alone = replace(header, names=tuple(c.name for c in columns), columns=columns)
    read = cast(numbers, alone, replace(contract, rules=(), leave_out=(), drift="evolve")).frame
    amounts = [pl.col("line_total").to_physical().cast(pl.Int128)] if "line_total" in given else []
    if given >= {"quantity", "unit_price"}:
        price = pl.col("unit_price").to_physical().cast(pl.Int128)
        amounts.append(price * pl.col("quantity").cast(pl.Int128))
    amount = read.select(pl.coalesce(amounts).alias("amount"))["amount"]
    unread = raw.height - read.height + amount.null_count()
    return Decimal(int(amount.sum() or 0)).scaleb(-SCALE), unread


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
