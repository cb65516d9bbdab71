"""Reading a select's table references, and rewriting them to the relations of one build.

What belongs here: what sqlglot tells about one SQL text. What does not: files, headers, the graph
of marts (``catalog``), running anything (``builds``).
"""

from __future__ import annotations

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ecorse.errors import ConfigError
from ecorse.refresh.macros import expand, has_bands

DIALECT = "postgres"
TableName = tuple[str, str]

READABLE_SCHEMAS = ("marts", "staging")
READABLE_OPS = ("shop",)


def parse_select(sql: str, where: str) -> exp.Select:
    """Parse one select statement, with the bands it names (``daypart(hour)``) written out.

    Parameters
    ----------
    sql
        One select in Postgres's dialect, without a semicolon in the middle.
    where
        What the message names when it cannot be read: usually the file.

    Raises
    ------
    ConfigError
        The text is not exactly one select.
    """
    try:
        statements = [s for s in sqlglot.parse(sql, dialect=DIALECT) if s is not None]
    except SqlglotError as error:
        problem = str(error).splitlines()[0]
        raise ConfigError(f"{where}: the SQL cannot be read: {problem}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        found = ", ".join(type(s).__name__.lower() for s in statements) or "nothing"
        raise ConfigError(f"{where}: expected exactly one select statement, found {found}.")
    return expand(statements[0], where) if has_bands(sql) else statements[0]


def output_columns(select: exp.Select, where: str) -> tuple[str, ...]:
    """Name the columns of the outermost select, in order.

    Raises
    ------
    ConfigError
        A star, an expression without a name, or a name used twice.
    """
    names: list[str] = []
    for number, projection in enumerate(select.expressions, start=1):
        if projection.is_star:
            raise ConfigError(
                f"{where}: the final select has a star; name every column of the final select."
            )
        is_named = isinstance(projection, exp.Alias | exp.Column)
        name = projection.alias_or_name if is_named else ""
        if not name:
            raise ConfigError(
                f"{where}: column {number} of the final select has no name; add 'as <name>'."
            )
        if name in names:
            raise ConfigError(f"{where}: the final select has the column {name!r} twice.")
        names.append(name)
    return tuple(names)


def references(select: exp.Expression, where: str) -> set[TableName]:
    """Collect the ``(schema, table)`` pairs that a statement reads; CTE names are left out.

    Raises
    ------
    ConfigError
        A table without schema that is no CTE, or a schema that marts may not read.
    """
    return {(t.db, t.name) for t in _table_references(select, where)}


def render(sql: str, resolve: Callable[[str, str], str], where: str = "SQL") -> str:
    """Rewrite every ``marts.x``, ``staging.x`` and ``ops.shop`` of a select.

    Parameters
    ----------
    sql
        One select; CTE names and table functions are left alone.
    resolve
        ``(schema, table)`` → an SQL relation (``schema.table``) or a select in parentheses. It
        gets the reference's own alias, or the table's name, so that column qualifiers still work.
    where
        What an error message names.

    Returns
    -------
    str
        The select in Postgres's dialect.

    Raises
    ------
    ConfigError
        The text is not one select, or it reads something that marts may not read.
    """
    select = parse_select(sql, where)
    for table in _table_references(select, where):
        relation = parse_select(f"select 1 from {resolve(table.db, table.name)}", where)
        replacement = relation.args["from_"].this
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
        replacement.set("alias", alias.copy())
        for join in table.args.get("joins") or ():
            replacement.append("joins", join)
        table.replace(replacement)
    return select.sql(dialect=DIALECT)


def _table_references(select: exp.Expression, where: str) -> list[exp.Table]:
    ctes = {cte.alias for cte in select.find_all(exp.CTE)}
    found = []
    for table in select.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # a table function such as generate_series
        if not table.db:
            if table.name in ctes:
                continue
            raise ConfigError(
                f"{where}: reads {table.name!r}, which is no CTE of it; "
                f"write marts.{table.name} or staging.{table.name}."
            )
        allowed = table.db in READABLE_SCHEMAS or (table.db == "ops" and table.name in READABLE_OPS)
        if not allowed or table.catalog:
            raise ConfigError(
                f"{where}: reads {table.sql(dialect=DIALECT)}; a mart may read marts.*, "
                "staging.* and ops.shop only."
            )
        found.append(table)
    return found
