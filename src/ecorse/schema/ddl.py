"""The SQL that makes a table of staging, from its declaration.

What belongs here: text. What does not: running it (``warehouse.rebuild``), the declaration
(``schema.staging``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import StagedColumn, StagingTable

# bytes, by type; everything else is as long as its value
WIDTHS = {"bigint": 8, "timestamptz": 8, "timestamp": 8, "integer": 4, "date": 4, "boolean": 1}


def in_physical_order(table: StagingTable) -> tuple[StagedColumn, ...]:
    """The table's columns as they are stored: those of fixed width that are never null first.

    Postgres knows where such a column is without looking at those before it, and the widest first
    leave no gaps. Scans were up to 1.5 times as fast as with ``load_id`` in the 23rd place
    (docs/adr/0010).
    """
    return tuple(
        sorted(
            table.columns,
            key=lambda c: (c.sql_type not in WIDTHS, not c.is_needed, -WIDTHS.get(c.sql_type, 0)),
        )
    )


def create_table(table: StagingTable, name: str, schema: str) -> str:
    """The statement that makes the table, or its twin, under a name in a schema; no index."""
    parts = [_definition(column) for column in in_physical_order(table)]
    parts += [
        f"constraint {c.name}_known check ({c.name} in ({', '.join(map(_literal, c.allowed))}))"
        for c in table.columns
        if c.allowed
    ]
    return f"create table {schema}.{name} (\n    " + ",\n    ".join(parts) + "\n)"


def create_index(name: str, schema: str) -> str:
    """The statement that makes the index by load; rows of a load stand together."""
    return (
        f"create index {name}_by_load on {schema}.{name} "
        "using brin (load_id) with (pages_per_range = 32)"
    )


def comments(table: StagingTable) -> Iterator[str]:
    """The statements that say what the table, its twin and their columns mean."""
    repeated = (
        f"{table.of_these} that an earlier load of the same shop and source already holds; they "
        "count only in builds that lack every earlier load holding them"
    )
    for name, about in ((table.name, table.about), (table.twin, repeated)):
        yield f"comment on table staging.{name} is {_literal(about)}"
        for column in table.columns:
            yield f"comment on column staging.{name}.{column.name} is {_literal(column.about)}"


def as_text() -> str:
    """Everything that is declared, as SQL: a database made from the same text is up to date."""
    statements = [
        statement
        for table in STAGING_TABLES.values()
        for statement in (
            create_table(table, table.name, "staging"),
            create_table(table, table.twin, "staging"),
            create_index(table.name, "staging"),
            create_index(table.twin, "staging"),
            *comments(table),
        )
    ]
    return ";\n".join(statements) + ";\n"


def _definition(column: StagedColumn) -> str:
    parts = [column.name, column.sql_type]
    if column.is_needed:
        parts.append("not null")
    if column.default:
        parts.append(f"default {_literal(column.default)}")
    return " ".join(parts)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
