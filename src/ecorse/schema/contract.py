"""What a source's files must look like, as data: columns, formats, rules.

What belongs here: the declaration. What does not: which form a header is (``recognise``), the
reading (``framing``) and the casting (``cast``) that follow it. A contract is plain strings and
numbers in frozen dataclasses, so that it can be hashed, written as TOML, and read by another
engine.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import asdict, dataclass
from typing import Literal

from ecorse.schema.shape import PLAIN, Shape
from ecorse.schema.staging import STAGING_TABLES

ColumnType = Literal["text", "integer", "decimal", "percent", "boolean", "date", "timestamp"]
Check = Literal[
    "not_empty", "greater", "at_least", "at_most", "one_of", "matches", "whole_cents", "holds"
]  # fmt: skip
Level = Literal["reject", "flag", "warn"]
Drift = Literal["evolve", "quarantine", "freeze"]
DecimalSign = Literal["", ".", ","]
Repair = Literal["parentheses", "trailing_minus", "unicode_minus", "integral_decimal", "round_up"]
Repeats = Literal["drop", "keep", "flag"]
ForeignCurrency = Literal["reject", "convert"]
CANONICAL = frozenset(
    name for table in STAGING_TABLES.values() for name in (*table.column_names, *table.targets())
)
# the rungs of the ladder by which a row's customer is known, strongest first
CUSTOMER_RUNGS = ("id", "email", "address")


@dataclass(frozen=True)
class Column:
    """One published column.

    ``target`` is the canonical column it becomes, or ``None`` for a column that is known and not
    kept under its own name; ``attributes.<name>`` goes into the JSON object ``attributes``. A
    column without a target takes part in telling lines apart unless it is to be ``ignored``
    (an export's time, a row number).

    Parameters
    ----------
    parts, by
        The columns of the file that make this one, joined by ``by``; empty: it is in the file
        under its name. A text is empty where one part is, a time where all are.
    formats
        The only formats of a date or timestamp that are tried, in strftime's letters; ``epoch``,
        ``epoch_ms`` and ``epoch_us`` count from 1970 in UTC. A format with ``%z`` gives an instant.
    zone
        ``shop`` for times on the shop's wall clock, or an IANA name.
    zone_column
        The column of the file that says a row's own zone; where it is empty, ``zone`` holds.
    is_date_only
        Its times are dates, though they are written with a midnight.
    decimal, group
        The signs of a number. Where no decimal sign is declared, a value that has two readings
        is refused. ``group`` may name several signs, of which a number has one; ``" "`` stands for
        any kind of space.
    normalise
        The repairs that are allowed before a value is refused (``clean.numbers``).
    nulls
        The words that stand for nothing, besides the empty text.
    """

    name: str
    target: str | None
    type: ColumnType = "text"
    required: bool = True
    aliases: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    normalise: tuple[Repair, ...] = ()
    zone: str = "shop"
    decimal: DecimalSign = ""
    group: str = ""
    nulls: tuple[str, ...] = ()
    is_date_only: bool = False
    is_ignored: bool = False
    parts: tuple[str, ...] = ()
    by: str = " "
    zone_column: str = ""


@dataclass(frozen=True)
class Rule:
    """A condition on one canonical column, or on the whole row; its sentence tells a person.

    A row that breaks it is refused; at level ``flag`` it is kept with the rule's id in its
    ``flags``; at level ``warn`` it is kept, counted and told. ``bound`` is a number, a date, the
    allowed values parted by ``|`` (``one_of``), a regular expression (``matches``), or the
    expression that has to be true (``holds``; ``column`` is empty then). An empty value breaks
    ``not_empty`` only, and an expression that is null holds.
    """

    id: str
    column: str
    check: Check
    sentence: str
    bound: str = ""
    level: Level = "reject"


def own_name(name: str) -> str:
    """What a file's column without a target is called among canonical ones, which go first."""
    is_ours = name in CANONICAL or name.startswith("_")
    return f"{name} (in the file)" if is_ours else name


def is_instant(column: Column) -> bool:
    """Whether a time column's text names instants by itself: by an offset, or since 1970.

    Its formats without an offset, if it has any, are on the wall clock of ``zone``.
    """
    return any(tells_instant(f) for f in column.formats)


def tells_instant(time_format: str) -> bool:
    """Whether a format names instants by itself."""
    return "%z" in time_format or time_format.startswith("epoch")


@dataclass(frozen=True)
class FillDown:
    """Values that stand on the first line of a group and hold for its further lines.

    ``within`` and ``columns`` are names of the file; the lines of a group stand together.
    """

    within: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """One published form of a source: the columns a header must have, in any order.

    ``made`` are columns that are made of several of the file.
    """

    name: str
    columns: tuple[Column, ...]
    made: tuple[Column, ...] = ()

    def column_of(self, target: str) -> Column:
        """The published column behind a canonical one."""
        return next(c for c in (*self.columns, *self.made) if c.target == target)


@dataclass(frozen=True)
class Contract:
    """Everything that is promised about a source's files.

    ``table`` is the staging table that a file's rows go to. ``dedup_key`` names the canonical
    columns that identify a row; a row is a duplicate when it agrees in every canonical column, and
    the key only finds it quickly. ``max_record_lines`` bounds how many physical lines a quoted
    field may span.

    ``drift`` says what happens when a file's shape is not the declared one (docs/drift.md):
    ``evolve`` goes on with what can be used and keeps the rest in ``extra``, ``quarantine`` puts
    the rows concerned aside as rejects, ``freeze`` refuses the file. ``customer_rungs`` are the
    rungs of the customer ladder (id, email, address) that make a customer key; a rung that is not
    listed is recorded as the kind of key only. ``purchases_are_orders``: purchase events also make
    order lines; false where the shop's orders come from a source of their own. ``declares`` is
    whatever else decides how a file is read, so that it is part of the hash.

    ``line_key`` names the columns (by target, or by name where they have none) whose values are a
    line's own key: a later file replaces a line whose content changed. Without one the declared
    content is the key, and ``repeats`` says what becomes of equal lines of one file.
    ``leave_out`` has, by id, expressions of rows that are none (test orders): nothing is wrong with
    them, and they are counted as ignored. ``within`` names the column whose value the rows of an
    order share: they stand together, ``sums`` are expressions that are added up over them
    (``sum_of``), and with ``numbered_keys`` the second row of an order with a ``line_key`` has
    ``|2`` behind it, so that two alike are two. ``foreign_currency`` says what becomes of a line in
    another currency than the shop's. ``rows_take_back``: rows of cancelled and returned goods with
    pieces above 0 take the sale of another row back.
    """

    name: str
    forms: tuple[Form, ...]
    rules: tuple[Rule, ...]
    dedup_key: tuple[str, ...]
    shape: Shape = PLAIN
    table: str = "order_lines"
    drift: Drift = "evolve"
    max_record_lines: int = 100
    customer_rungs: tuple[str, ...] = ("id", "email")
    purchases_are_orders: bool = False
    line_key: tuple[str, ...] = ()
    repeats: Repeats = "drop"
    foreign_currency: ForeignCurrency = "reject"
    fill_down: FillDown | None = None
    leave_out: tuple[tuple[str, str], ...] = ()
    within: str = ""
    sums: tuple[str, ...] = ()
    numbered_keys: bool = False
    rows_take_back: bool = False
    declares: str = ""

    @property
    def contract_sha256(self) -> str:
        """Hash of the whole declaration: loads with one hash were held to the same rules."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class Header:
    """A file's header, recognised: which form it is, and each file column's declaration.

    ``columns`` has one entry per file column, in file order; ``None`` marks an unknown one.
    ``missing`` names required columns that the file lacks; only a contract whose drift is
    ``quarantine`` lets such a file in, to set all its rows aside.
    """

    form: Form
    names: tuple[str, ...]
    columns: tuple[Column | None, ...]
    missing: tuple[str, ...] = ()

    @property
    def extra(self) -> tuple[str, ...]:
        """Names of the file's columns that the contract does not know."""
        return tuple(n for n, c in zip(self.names, self.columns, strict=True) if c is None)


def header_key(name: str) -> str:
    """A header name without case, spaces and punctuation: `` Order_ID`` and ``order id`` agree."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum())
