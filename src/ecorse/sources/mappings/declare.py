"""What a mapping file may say, checked whole: every mistake is told at once.

What belongs here: the file's shape and its checks. What does not: the contract that follows from
it (``agreed``), what becomes of data rows (``source``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from ecorse.clean.expressions import Name, summed
from ecorse.clean.names import names_of
from ecorse.schema.contract import (
    Column,
    ForeignCurrency,
    Repeats,
    header_key,
)
from ecorse.schema.dtypes import dtype_of
from ecorse.schema.shape import PLAIN
from ecorse.schema.staging import STAGING_TABLES, STATEMENTS
from ecorse.schema.table import StagingTable
from ecorse.sources.mappings.beside import (
    AlsoTable,
    FillDownTable,
    LeaveOutTable,
    TakenBackTable,
    wrong_beside,
)
from ecorse.sources.mappings.columns import ColumnTable, Style, type_of, wrong_clock, wrong_column
from ecorse.sources.mappings.conditions import RuleTable, Setting, wrong_settings
from ecorse.sources.reading import Rung
from ecorse.sources.shaping import ShapeTable, contradictions

Text = Annotated[str, Field(min_length=1)]


class LookupTable(Style, ShapeTable):
    """Another file of the same folder: where ``on`` agrees, its ``columns`` are the row's too.

    ``on`` maps a column of the row (of the file, or of a lookup before) to one of the other file.
    What is not said of how it is written is as the file itself is. ``most_missing``: of the rows
    that have a key, so large a share may have one that the other file lacks.
    """

    file: Text = Field(pattern=r"^[^/\\]+$", description="the name of a file of the same folder")
    on: dict[str, str] = Field(min_length=1)
    columns: tuple[ColumnTable, ...] = Field(min_length=1)
    most_missing: float = Field(default=0.05, ge=0, le=1)


class MappingFile(Style, ShapeTable):
    """A whole mapping file."""

    about: Text = Field(description="what the file is, in a sentence")
    table: Literal["order_lines", "events", "products", "customers", "fx_rates"] = Field(
        description="its rows go to order_lines, events, products, customers or fx_rates"
    )
    columns: tuple[ColumnTable, ...] = Field(min_length=1, description="its columns")
    rules: tuple[RuleTable, ...] = ()
    lookups: tuple[LookupTable, ...] = ()
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)
    values: dict[str, dict[str, str | bool]] = Field(default_factory=dict)
    dedup_key: tuple[str, ...] = ()
    drift: Literal["evolve", "quarantine", "freeze"] = "evolve"
    customer_rungs: tuple[Rung, ...] = ("id", "email")
    fill_down: FillDownTable | None = None
    within: Text | None = None
    line_key: tuple[Text, ...] = ()
    numbered_keys: bool = False
    repeats: Repeats = "drop"
    foreign_currency: ForeignCurrency = "reject"
    tax: Literal["included", "apart"] | None = None
    settings: tuple[Setting, ...] = Field(default=(), alias="set")
    also: tuple[AlsoTable, ...] = ()
    taken_back: tuple[TakenBackTable, ...] = ()
    taken_back_rows: Literal["sales", "returns"] | None = None
    leave_out: tuple[LeaveOutTable, ...] = ()

    @property
    def every_column(self) -> tuple[ColumnTable, ...]:
        """The columns of the file and of its lookups."""
        return self.columns + tuple(c for lookup in self.lookups for c in lookup.columns)

    @property
    def staging(self) -> StagingTable:
        """The table its rows go to."""
        return STAGING_TABLES[self.table]

    @property
    def filled(self) -> list[str]:
        """What its columns and constants fill, as often as they do."""
        return [c.target for c in self.every_column if c.target] + list(self.constants)

    @property
    def sums(self) -> tuple[str, ...]:
        """What its rules and conditions add up over an order (``sum_of``), in the file's words."""
        texts = [
            *(rule.expr for rule in self.rules),
            *(left.when for left in self.leave_out),
            *(str(setting.get("when", "")) for setting in self.settings),
            *(text for one in self.also for text in (one.amount, one.when, one.tax)),
            *(back.when for back in self.taken_back),
        ]
        found: dict[str, None] = {}
        for text in filter(None, texts):
            found |= dict.fromkeys(summed(text))
        return tuple(found)

    def column_of(self, given: ColumnTable) -> Column:
        """The declaration that a column is cast by: text where yes and no have words of its own."""
        column = given.column(self)
        has_words = given.type == "boolean" and given.target in self.values
        return replace(column, type="text") if has_words else column

    def names_of_file(self, schema: Mapping[str, pl.DataType] | None = None) -> dict[str, Name]:
        """What rules may name: what the file says, before constants, values and conditions."""
        return names_of(map(self.column_of, self.every_column), schema)

    def condition_names(self, schema: Mapping[str, pl.DataType] | None = None) -> dict[str, Name]:
        """What conditions (``[[set]]``, ``[[also]]``) may name: columns and constants.

        ``schema`` is that of a frame which has every target; left out, types are as declared.
        """
        named = names_of(map(self.column_of, self.every_column), schema)
        for given in self.every_column:
            # by its name in the file a column says the file's words, by its target ours
            if given.target in self.values and given.target and given.called != given.target:
                named[given.called] = Name(word_of(given.target), pl.String())
        for target in self.constants:
            column = self.staging.column(target)
            is_text = column is None or type_of(column) in ("", "timestamp")
            dtype = pl.String() if column is None or is_text else dtype_of(column)
            named[target] = Name(target, schema[target] if schema else dtype)
        return named

    def mistakes(self) -> Iterable[str]:
        """What is well-formed and makes no sense: targets, types, rules, values."""
        yield from contradictions(self.shape(PLAIN))
        yield from _wrong_targets(self)
        yield from _missing_targets(self)
        for column in self.every_column:
            yield from wrong_column(column, self.staging)
        for style, columns in (
            (self, self.columns),
            *((x.over(self), x.columns) for x in self.lookups),
        ):
            for column in columns:
                yield from wrong_clock(column, style)
        for lookup in self.lookups:
            if any(column.parts for column in lookup.columns):
                yield f"lookup {lookup.file}: a column of a lookup is one column, not made of parts"
        yield from _wrong_values(self)
        yield from _wrong_consent(self)
        given = self.filled
        for rule in self.rules:
            yield from rule.wrong(given, self.names_of_file())
        yield from wrong_settings(self.settings, self.staging, self.condition_names())
        yield from _wrong_names(self)
        if self.also or self.taken_back or self.leave_out:
            if self.table != "order_lines":
                yield "also, taken_back and leave_out are for table = 'order_lines' alone"
            times = {c.called for c in self.every_column if c.type in ("date", "timestamp")}
            yield from wrong_beside(
                self.also, self.taken_back, self.leave_out, self.condition_names(),
                self.names_of_file(), times, tax=self.tax,
            )  # fmt: skip
        yield from (f"values.{t}: no column fills {t!r}" for t in self.values if t not in given)
        yield from (f"dedup_key: no column fills {t!r}" for t in self.dedup_key if t not in given)


def word_of(target: str) -> str:
    """The column of the typed frame that keeps the file's own word for a target."""
    return f"{target} as the file has it"


def _wrong_targets(declared: MappingFile) -> Iterator[str]:
    """Targets that are no column of the table, or that are filled twice."""
    staging, given = declared.staging, declared.filled
    for target in given:
        is_attribute = staging.has_attributes and target.startswith("attributes.")
        if target not in staging.targets() and not is_attribute:
            more = ", attributes.<name>" if staging.has_attributes else ""
            yield (
                f"target {target!r}: staging.{declared.table} has no such column; it has "
                f"{', '.join(staging.targets())}{more}"
            )
    for target in sorted({t for t in given if given.count(t) > 1}):
        yield f"target {target!r} is filled twice"
    names = [header_key(c.name) for c in declared.columns if c.name is not None]
    for column in declared.columns:
        if column.name is not None and names.count(header_key(column.name)) > 1:
            yield (
                f"column {column.name!r} stands twice in columns, and a column becomes one thing; "
                "say it once"
            )


def _wrong_consent(declared: MappingFile) -> Iterator[str]:
    """Consent that is no yes or no: a word nobody foresaw would count as one of them."""
    targets = (*STATEMENTS, *(f"attributes.{statement}" for statement in STATEMENTS))
    for column in declared.every_column:
        if column.target in targets and column.type != "boolean":
            yield (
                f"column {column.called!r} fills {column.target}, which says whom the shop may "
                'write to: it needs type = "boolean"; words other than yes, no, true, false, 1 and '
                f'0 stand in [values."{column.target}"], each with true or false'
            )
    for target in sorted({*targets} & {*declared.constants}):
        if not isinstance(declared.constants[target], bool):
            yield f"constants.{target}: expected true or false"


def _missing_targets(declared: MappingFile) -> Iterator[str]:
    """What every row needs and nothing fills."""
    given = set(declared.filled)
    if declared.table == "order_lines" and "line_total" in given:
        given.add("unit_price")
    for target in sorted(declared.staging.targets(needed=True)):
        if target not in given:
            yield f"no column fills {target!r}, which every row needs"
    if declared.table == "order_lines":
        if not {"ordered_at", "ordered_local"} & given:
            yield "no column fills 'ordered_local' (or 'ordered_at', for UTC instants)"
        if not {"product_id", "product_name"} & given:
            yield "no column fills 'product_id' or 'product_name'"


def _wrong_names(declared: MappingFile) -> Iterator[str]:
    """Names of columns that no column has."""
    called = {header_key(c.called) for c in declared.every_column}
    in_file = {header_key(c.name) for c in declared.columns if c.name is not None}
    in_file |= {header_key(part) for c in declared.columns for part in c.parts}
    targets = {c.target for c in declared.every_column if c.target}
    for name in declared.line_key:
        if name not in targets and header_key(name) not in called:
            yield f"line_key: no column is called {name!r} or has this target"
    if declared.line_key and not declared.staging.column("line_id"):
        yield f"line_key: rows of {declared.table} have no key of their own; order_lines have"
    if declared.line_key and declared.repeats != "drop":
        yield "repeats is for lines without a line_key"
    for column in declared.columns:
        if column.zone_column and header_key(column.zone_column) not in called:
            yield f"column {column.called!r}: zone_column: no column is called so"
    if declared.within is not None and header_key(declared.within) not in in_file:
        yield f"within: no column of the file is called {declared.within!r}"
    if declared.within is None and (declared.sums or declared.numbered_keys):
        yield (
            "sum_of() and numbered_keys are about the rows of an order: say within = the column "
            "that has its number"
        )
    if declared.numbered_keys and not declared.line_key:
        yield "numbered_keys numbers equal keys of an order, and there is no line_key"
    if declared.fill_down:
        for name in (declared.fill_down.within, *declared.fill_down.columns):
            if header_key(name) not in in_file:
                yield f"fill_down: no column of the file is called {name!r}"


def _wrong_values(declared: MappingFile) -> Iterator[str]:
    """Constants and mapped words that the table does not allow."""
    for column in declared.staging.columns:
        words = [
            declared.constants.get(column.name),
            *declared.values.get(column.name, {}).values(),
        ]
        for word in words:
            if column.allowed and word is not None and word not in column.allowed:
                yield f"{column.name} = {word!r}: expected one of {', '.join(column.allowed)}"
    booleans = {c.target for c in declared.every_column if c.type == "boolean"}
    for target, ours in declared.values.items():
        for word, our in ours.items():
            if isinstance(our, bool) != (target in booleans):
                what = "true or false" if target in booleans else "a text"
                yield f"values.{target}: {word!r} = {our!r}: expected {what}"
    for target, value in declared.constants.items():
        expected = _expected_constant(type_of(declared.staging.column(target)), str(value))
        if expected:
            yield f"constants.{target} = {value!r}: expected {expected}"


def _expected_constant(type_name: str, text: str) -> str:
    """What a constant should have been; empty where it is that."""
    try:
        if type_name in ("integer", "decimal"):
            number = Decimal(text)
            return "" if type_name == "decimal" or number == int(number) else "a whole number"
        if type_name == "timestamp":
            known = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")
            return "" if any(_reads(text, form) for form in known) else "2024-01-31 13:00:00"
    except (InvalidOperation, ValueError, OverflowError):
        return "a number"
    return ""


def _reads(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
