"""Every mart gives, for small rows put in by hand, the rows worked out by hand.

A case is a folder ``<mart>/<case>`` with ``given.yaml`` (relation → rows; columns left out are
null) and ``expect.yaml`` (rows in the order of the grain; only the columns named are compared).
Where it has a ``rules.toml`` too, that is the shop's.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml

from ecorse.refresh.catalog import load_catalog
from ruled_marts import mart_sql, rules_file

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/*/given.yaml"))
CATALOG = load_catalog()


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _comparable(value: Any) -> Any:
    """Numbers by value: 11.95 in YAML is 11.9500 in numeric and 11.95 in double precision."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_mart_gives_the_rows_worked_out_by_hand(marts, case: Path) -> None:
    for relation, rows in _read(case / "given.yaml").items():
        marts.insert(relation, rows)
    select = None
    if (case / "rules.toml").exists():
        text = (case / "rules.toml").read_text(encoding="utf-8")
        select = mart_sql(case.parent.name, rules_file(text))
    found = marts.run(case.parent.name, select)
    expected = _read(case / "expect.yaml")
    for row, wanted in zip(found, expected, strict=False):
        assert {c: _comparable(row[c]) for c in wanted} == {
            c: _comparable(v) for c, v in wanted.items()
        }
    assert len(found) == len(expected)


def test_every_mart_has_a_case_and_every_column_is_expected_somewhere() -> None:
    expected: dict[str, set[str]] = {name: set() for name in CATALOG.marts}
    for case in CASES:
        for row in _read(case / "expect.yaml"):
            expected[case.parent.name] |= set(row)
    missing = {name: set(mart.columns) - expected[name] for name, mart in CATALOG.marts.items()}
    assert {name: columns for name, columns in missing.items() if columns} == {}


@pytest.mark.parametrize("name", CATALOG.marts)
def test_mart_without_rows_is_empty(marts, name: str) -> None:
    assert marts.run(name) == []


def test_no_check_fails_without_rows(marts) -> None:
    assert marts.failing_checks() == set()


@pytest.mark.parametrize("name", CATALOG.marts)
def test_columns_have_declared_names_and_explicit_types(marts, name: str) -> None:
    rows = marts.conn.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 order by attnum",
        (f"marts.{name}",),
    ).fetchall()
    assert [column for column, _ in rows] == list(CATALOG.marts[name].columns)
    # numeric without a scale is decimal(10, 0) on Spark
    assert [column for column, sql_type in rows if sql_type in ("numeric", "unknown")] == []


@pytest.mark.parametrize("name", CATALOG.marts)
def test_mart_transpiles_to_spark_and_parses_there(name: str) -> None:
    (spark,) = sqlglot.transpile(CATALOG.marts[name].sql, read="postgres", write="spark")
    select = sqlglot.parse_one(spark, dialect="spark")
    assert select.named_selects == list(CATALOG.marts[name].columns)
