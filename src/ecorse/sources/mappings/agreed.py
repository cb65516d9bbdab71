"""The contract that a mapping file makes.

What belongs here: from a checked declaration to columns, forms and rules. What does not: the
checks (``declare``).
"""

from __future__ import annotations

from pathlib import Path

from ecorse.declared import read
from ecorse.schema.contract import (
    Column,
    Contract,
    FillDown,
    Form,
    Rule,
    header_key,
)
from ecorse.schema.shape import PLAIN
from ecorse.schema.staging import MONEY
from ecorse.sources.mappings.columns import type_of
from ecorse.sources.mappings.declare import MappingFile


def read_declared(path: Path) -> tuple[MappingFile, Contract]:
    """What a mapping file says, and the contract it makes.

    Raises
    ------
    ConfigError
        The file is no TOML or says something that a mapping cannot say; every mistake is named.
    """
    declared = read(path, MappingFile)
    return declared, _contract(path.stem, declared)


def _bounds_of_staging(declared: MappingFile) -> list[Rule]:
    """Rules for what the staging table could not hold, where the mapping states none of its own."""
    given = {c.target for c in declared.every_column}
    columns = [c for c in declared.staging.columns if c.name in given]
    rules = []
    for name, bounds in (
        (c.name, c.bounds) for c in columns if c.bounds and type_of(c) != "timestamp"
    ):
        rules.append(Rule(f"{name}_too_large", name, "at_most", bounds.sentence, bounds.most))
        if bounds.least:
            rules.append(Rule(f"{name}_too_small", name, "at_least", bounds.sentence, bounds.least))
    for target in (c.target for c in declared.every_column if c.type == "boolean" and c.target):
        if words := "|".join(declared.values.get(target, ())):
            sentence = f"expected one of {words.replace('|', ', ')}"
            rules.append(Rule(f"{target}_unknown", target, "one_of", sentence, words))
    for name, allowed in ((c.name, c.allowed) for c in columns if c.allowed):
        words = "|".join((*declared.values.get(name, {}), *allowed))
        sentence = f"expected one of {words.replace('|', ', ')}"
        rules.append(Rule(f"{name}_unknown", name, "one_of", sentence, words))
    return rules


def _unusual_money(declared: MappingFile) -> list[Rule]:
    """Marks money that the declared sign reads with parts of cents where it may be thousands."""
    money = {c.name for c in declared.staging.columns if c.sql_type == MONEY} | {"line_total"}
    sentence = "has parts of cents; with the other decimal sign it would be a thousand times that"
    return [
        Rule(f"{c.target}_unusual", c.target, "whole_cents", sentence, level="flag")
        for c in declared.every_column
        if c.target in money and c.target and c.over(declared).decimal
    ]


def _form(name: str, declared: MappingFile) -> Form:
    """The columns of the file, and those that are made of them."""
    columns = [declared.column_of(c) for c in declared.columns if not c.parts]
    made = [declared.column_of(c) for c in declared.columns if c.parts]
    known = {header_key(n) for c in columns for n in (c.name, *c.aliases)}
    known |= {header_key(c.called) for table in declared.lookups for c in table.columns}
    for column in made:
        for part in column.parts:
            if header_key(part) not in known:
                known.add(header_key(part))
                # what it says is in the column that is made of it
                columns.append(Column(part, None, required=column.required, is_ignored=True))
    return Form(name, tuple(columns), tuple(made))


def _contract(name: str, declared: MappingFile) -> Contract:
    rules = [rule.rule() for rule in declared.rules]
    stated = {rule.column for rule in rules if rule.check == "not_empty"}
    filled = {c.target for c in declared.every_column}
    rules += [
        Rule(f"{target}_empty", target, "not_empty", "every row needs one")
        for target in sorted(declared.staging.targets(needed=True))
        if target in filled and target not in stated
        and not (target == "unit_price" and "line_total" in filled)
    ]  # fmt: skip
    rules += _bounds_of_staging(declared)
    rules += _unusual_money(declared)
    key = declared.dedup_key or tuple(
        c.target for c in declared.columns if c.target and not c.target.startswith("attributes.")
    )
    no_columns = (*declared.staging.becomes, "ordered_at", "currency")
    if any(c.target is None and not c.ignore for c in declared.columns):
        key += ("line_id",) if declared.staging.column("line_id") else ()
    return Contract(
        name=name,
        forms=(_form(name, declared),),
        rules=tuple(rules),
        dedup_key=tuple(k for k in key if k not in no_columns) or ("shop_id",),
        shape=declared.shape(PLAIN),
        table=declared.table,
        drift=declared.drift,
        customer_rungs=declared.customer_rungs,
        line_key=declared.line_key,
        leave_out=tuple((left.id, left.when) for left in declared.leave_out),
        within=declared.within or "",
        sums=declared.sums,
        numbered_keys=declared.numbered_keys,
        rows_take_back=declared.taken_back_rows == "returns",
        repeats=declared.repeats,
        foreign_currency=declared.foreign_currency,
        fill_down=(
            FillDown(declared.fill_down.within, declared.fill_down.columns)
            if declared.fill_down
            else None
        ),
        declares=declared.model_dump_json(),
    )
