"""A template: one select from which several marts are written, or one that repeats itself.

What belongs here: from the text of ``<name>.template.sql`` to the text of each mart. What does not:
reading a mart (``marts``).

A template's header has ``[[marts]]`` beside the keys of every mart: one table of parameters for
each mart to be written, ``name`` among them; with ``[[each]]`` beside it, each of them is written
once for each of its tables, whose parameters it may use. ``columns`` of a mart join those of all.

``$name`` stands for a parameter in the SQL and in the header's texts; in a list of the header, an
item that is just ``$keys`` stands for all items of the parameter ``keys``. In the SQL, the lines
between two comments are repeated for each item::

    -- for key in keys
        orders.$key,
    -- end

``-- for rule in rules`` repeats them for each rule of ``include/actions``; ``shop_rules``,
``rule_lists``, ``rule_names`` and ``rule_selects`` are of ``include/rules.toml`` (``rule_parts``).
``-- for column in columns: union all`` puts ``union all`` between the repetitions. An item that is
a table is asked for its keys, ``${column.kind}``; ``${column.number}`` counts from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

from ecorse.errors import ConfigError

SUFFIX = ".template.sql"
_FOR = re.compile(r"\s*-- for ([a-z_]+) in ([a-z_]+)(?:: (.+))?\s*\Z")
_END = re.compile(r"\s*-- end\s*\Z")
Parameters = Mapping[str, Any]


class _Text(Template):
    idpattern = r"[a-z_][a-z0-9_]*"
    braceidpattern = r"[a-z_][a-z0-9_]*(?:\.[a-z_]+)?"


def expand_template(
    header: Mapping[str, Any], sql: str, where: str, given: Parameters | None = None
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The name, header and SQL of each mart that a template writes.

    ``given`` are parameters that every template has, beside its own.

    Raises
    ------
    ConfigError
        It lists no marts; or it names a parameter that a mart does not have.
    """
    shared = {key: value for key, value in header.items() if key not in ("marts", "each")}
    marts, each = header.get("marts"), header.get("each", [{}])
    for tables in (marts, each):
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            raise ConfigError(f"{where}: a template lists the marts it writes under [[marts]].")
    for outer in each:
        for mart in marts or ():
            parameters = {**outer, **_expand_header(mart, outer, where)}
            name = str(parameters.get("name", ""))
            own = _expand_header(shared, parameters, f"{where} (mart {name})")
            own["columns"] = {**own.get("columns", {}), **parameters.get("columns", {})}
            yield (
                name,
                own,
                expand_sql(sql, {**(given or {}), **parameters}, f"{where} (mart {name})"),
            )


def _expand_header(header: Any, parameters: Parameters, where: str) -> Any:
    """A part of a header with its parameters put into every key, text and list."""
    if isinstance(header, dict):
        return {
            _put(key, parameters, where): _expand_header(value, parameters, where)
            for key, value in header.items()
        }
    if isinstance(header, list):
        items: list[Any] = []
        for item in header:
            is_name = isinstance(item, str) and item.startswith("$")
            spliced = parameters.get(item[1:]) if is_name else None
            if isinstance(spliced, list):
                items += spliced
            else:
                items.append(_expand_header(item, parameters, where))
        return items
    return _put(header, parameters, where) if isinstance(header, str) else header


def expand_sql(sql: str, parameters: Parameters, where: str) -> str:
    """A template's SQL for one mart.

    Raises
    ------
    ConfigError
        It names a parameter that the mart does not have, or repeats for no list, or without end.
    """
    lines = iter(sql.split("\n"))
    return "\n".join(_expand(lines, parameters, where))


def _expand(lines: Iterator[str], parameters: Parameters, where: str) -> Iterator[str]:
    for line in lines:
        if (begins := _FOR.match(line)) is None:
            yield _put(line, parameters, where)
            continue
        item, items, between = begins.groups()
        if not isinstance(parameters.get(items), list):
            raise ConfigError(
                f"{where}: '{line.strip()}': {items} is no list among its parameters."
            )
        block = _block(lines, line, where)
        for number, value in enumerate(parameters[items], start=1):
            if number > 1 and between:
                yield f"{' ' * (len(line) - len(line.lstrip()))}{between}"
            inner = dict(parameters)
            if isinstance(value, dict):
                value = {"number": number, **value}
                inner |= {f"{item}.{key}": part for key, part in value.items()}
            else:
                inner[item] = value
            yield from (_put(text, inner, where) for text in block)


def _block(lines: Iterator[str], begins: str, where: str) -> list[str]:
    block: list[str] = []
    for line in lines:
        if _END.match(line):
            return block
        block.append(line)
    raise ConfigError(f"{where}: '{begins.strip()}' has no '-- end'.")


def _put(text: str, parameters: Parameters, where: str) -> str:
    try:
        return _Text(text).substitute(parameters)
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"{where}: {text.strip()!r} names a parameter that is not there ({error}); "
            f"there are {', '.join(sorted(parameters))}."
        ) from None
