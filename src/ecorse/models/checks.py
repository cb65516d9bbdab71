"""What a check of a table is: a rule as data, and the select that finds the rows breaking it.

What belongs here: the form of every check, the words it may hold (columns, relations, conditions),
and the check that is written in SQL. What does not: the named rules (``row_rules``,
``group_rules``, ``table_rules``); running any (``ecorse.refresh.audit``).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ecorse.declared import Table

Level = Literal["fail", "warn"]
_COLUMN = r"[a-z_][a-z0-9_]{0,62}"
_MEASURE = rf"(?:{_COLUMN}|count\(\*\)|count\(distinct {_COLUMN}\))"


def like(pattern: str, expected: str) -> AfterValidator:
    """Accept texts of one pattern only; the message says what is expected."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


def _some(items: tuple[str, ...]) -> tuple[str, ...]:
    if not items:
        raise ValueError("expected one or more")
    return items


Column = Annotated[str, like(_COLUMN, "a column's name: lower case letters, digits and _")]
"""A column, as it stands in the database: lower case letters, digits and ``_``."""
NOT_EMPTY = AfterValidator(_some)
"""For a tuple that must hold something."""
Columns = Annotated[tuple[Column, ...], NOT_EMPTY]
Source = Annotated[str, like(rf"(?:marts|staging)\.{_COLUMN}", "marts.<name> or staging.<name>")]
"""A relation that checks may read: ``marts.<name>`` or ``staging.<name>``."""
ColumnPair = Annotated[
    str, like(rf"{_COLUMN}(?: = {_COLUMN})?", "a column, or 'here = there' with two columns")
]
"""A column here, and there if it has another name: ``shop_id``, ``similar_product_id = id``."""
MeasurePair = Annotated[
    str,
    like(
        rf"{_MEASURE}(?: = {_MEASURE})?",
        "a column, count(*) or count(distinct column), or two of them as 'here = there'",
    ),
]
"""What is summed here and there: ``revenue``, ``units = net_quantity``, ``orders = count(*)``."""


CheckName = Annotated[str, like("[a-z0-9_]*", "lower case letters, digits and _")]


@dataclass(frozen=True)
class BoundCheck:
    """A check of one table, ready to run: ``sql`` selects the rows that break the rule.

    Two kinds can also be counted together with others. A rule about single rows has the condition
    of its broken rows, ``broken_row``. A rule about totals has ``on_totals``: the select of what
    breaks it, made for wherever the totals are (``totals.At``). Both count the rows that ``sql``
    gives.
    """

    name: str
    level: Level
    sentence: str
    sql: str
    broken_row: str = ""
    on_totals: Callable[[Callable[..., str]], str] | None = None


class Check(Table):
    """A rule about a table; each kind is a subclass.

    A kind about single rows extends ``row_rules.RowCheck``, one about sums and counts of groups
    ``totals.TotalsCheck``: the audit then runs it together with others. Any other has a statement
    of its own.

    ``level`` says what follows when rows break it: ``fail`` keeps the night from being published,
    ``warn`` is shown. ``name`` and ``sentence`` are made from the rule where they are not given;
    the sentence says what is wrong, as somebody reads it who finds the check broken.
    """

    name: CheckName = ""
    level: Level = "fail"
    sentence: str = ""

    def bind(self, table: str, key: Sequence[str]) -> BoundCheck:
        """Make the check of ``marts.<table>``.

        Parameters
        ----------
        key
            Columns that tell rows apart (the grain), for the sample of broken rows.
        """
        return BoundCheck(
            self.called(),
            self.level,
            self.sentence or self.default_sentence(),
            self.select(table, key),
        )

    def called(self) -> str:
        """Its name, given or made."""
        return self.name or self.default_name()

    @abstractmethod
    def select(self, table: str, key: Sequence[str]) -> str:
        """The select of the rows of ``marts.<table>`` that break the rule."""

    def reads(self) -> set[str]:
        """What else it reads, ``marts.<name>`` or ``staging.<name>``."""
        return set()

    @abstractmethod
    def default_name(self) -> str:
        """The name where none is given."""

    @abstractmethod
    def default_sentence(self) -> str:
        """The sentence where none is given."""


class SqlCheck(Check):
    """A rule that no named check can say, in SQL of its own; it reads ``marts.*``, ``staging.*``.

    For a mart it stands in a file, ``include/sql/checks/<mart>.<name>.sql``.
    """

    name: CheckName = Field(min_length=1)
    sentence: str = Field(min_length=1)
    sql: str = Field(min_length=1)

    def select(self, table: str, key: Sequence[str]) -> str:
        """Its own SQL."""
        return self.sql

    def default_name(self) -> str:
        """Its own: a name is always given."""
        return self.name

    def default_sentence(self) -> str:
        """Its own: a sentence is always given."""
        return self.sentence


def filtered(relation: str, condition: str) -> str:
    """``relation`` with its where clause, for the from clause of a select."""
    return f"{relation} where ({checked_condition(condition)})" if condition else relation


def said_where(condition: str) -> str:
    """The condition as the end of a sentence."""
    return f" where {condition}" if condition else ""


def quoted(column: str) -> str:
    """A column in double quotes, so that no name is taken for a keyword."""
    return f'"{column}"'


def listed(columns: Sequence[str], relation: str = "") -> str:
    """Columns as a select lists them, each once."""
    prefix = f"{relation}." if relation else ""
    return ", ".join(prefix + quoted(column) for column in dict.fromkeys(columns))


def spoken(words: Sequence[str]) -> str:
    """Words as a sentence lists them: ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def here_and_there(pair: str) -> tuple[str, str]:
    """Both sides of ``here = there``; one name stands for both."""
    here, _, there = pair.partition(" = ")
    return here, there or here


def as_sum(measure: str) -> str:
    """The aggregate of a measure: a column is summed, a count stays one."""
    if not measure.startswith("count("):
        return f"sum({quoted(measure)})"
    counted = re.fullmatch(r"count\(distinct (.+)\)", measure)
    return f"count(distinct {quoted(counted[1])})" if counted else "count(*)"


def as_word(measure: str) -> str:
    """A measure as a column's name: ``rows`` for a count, ``product_ids`` for different values."""
    counted = re.fullmatch(r"count\((?:distinct )?(.+)\)", measure)
    return measure if not counted else "rows" if counted[1] == "*" else f"{counted[1]}s"


def checked_condition(text: str) -> str:
    """A condition on one table's rows, parsed and written anew; nothing else gets into a check.

    It may compare columns with literals and with each other, join comparisons by and, or, not, and
    ask whether a column is ``in (select column from marts.other)``.

    Raises
    ------
    ValueError
        It is not such a condition.
    """
    return _parsed_condition(text)[0]


def condition_reads(*texts: str) -> set[str]:
    """The relations that conditions read, ``marts.other``."""
    return {table for text in texts if text for table in _parsed_condition(text)[1]}


@lru_cache(maxsize=512)
def _parsed_condition(text: str) -> tuple[str, tuple[str, ...]]:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    allowed = (
        exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
        exp.Is, exp.In, exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Neg,
        exp.Subquery, exp.Select, exp.From, exp.Table,
    )  # fmt: skip
    try:
        parsed = sqlglot.parse_one(f"select 1 where {text}", dialect="postgres")
    except SqlglotError:
        raise ValueError("is not a condition such as \"line_kind = 'product'\"") from None
    if {name for name, part in parsed.args.items() if part} != {"expressions", "where"}:
        raise ValueError("is more than a condition")
    condition = parsed.args["where"].this
    for node in condition.walk():
        if not isinstance(node, allowed):
            raise ValueError(
                f"holds {node.sql(dialect='postgres')!r}; a condition compares columns and "
                "literals, with and, or, not, in. Write a file of include/sql/checks instead"
            )
        parts = {name for name, part in node.args.items() if part}
        if isinstance(node, exp.Select) and parts != {"expressions", "from_"}:
            raise ValueError("may select a column from a table, nothing more")
    tables = tuple(f"{table.db}.{table.name}" for table in condition.find_all(exp.Table))
    return condition.sql(dialect="postgres", identify=True), tables


def _accepted(text: str) -> str:
    if text:
        checked_condition(text)
    return text


Condition = Annotated[str, AfterValidator(_accepted)]
"""What rows a rule is about: ``line_kind = 'product' and quantity > 0``; empty for all."""
