"""Templates write marts: parameters, lists, repetition; and what they write is good SQL."""

from __future__ import annotations

import pytest
from sqlfluff.core import FluffConfig, Linter

from ecorse.errors import ConfigError
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.templates import SUFFIX, expand_sql, expand_template
from ecorse.settings import PROJECT_DIR

WRITTEN = [m for m in load_catalog().marts.values() if m.path.name.endswith(SUFFIX)]


def test_parameters_are_put_into_header_and_sql() -> None:
    header = {
        "about": "By $noun",
        "grain": ["shop_id", "$keys"],
        "columns": {"${noun}_share": "Share of the $noun", "n": "Rows"},
        "checks": [{"check": "unique", "columns": ["$keys"]}, {"rows": 7}],
        "each": [{"whose": "a"}, {"whose": "b"}],
        "marts": [
            {"name": "${whose}_by_day", "noun": "day", "keys": ["y", "d"]},
            {"name": "${whose}_by_hour", "noun": "hour", "keys": ["h"], "columns": {"h": "Hour"}},
        ],
    }
    written = list(expand_template(header, "select $noun from marts.$whose", "x"))
    assert [name for name, _, _ in written] == ["a_by_day", "a_by_hour", "b_by_day", "b_by_hour"]
    _, own, sql = written[0]
    assert own == {
        "about": "By day",
        "grain": ["shop_id", "y", "d"],
        "columns": {"day_share": "Share of the day", "n": "Rows"},
        "checks": [{"check": "unique", "columns": ["y", "d"]}, {"rows": 7}],
    }
    assert sql == "select day from marts.a"
    assert written[3][1]["columns"] == {"hour_share": "Share of the hour", "n": "Rows", "h": "Hour"}


def test_lines_are_repeated_for_each_item() -> None:
    sql = "select\n    -- for key in keys\n    t.$key,\n    -- end\n    1 as one"
    assert expand_sql(sql, {"keys": ["a", "b"]}, "x") == "select\n    t.a,\n    t.b,\n    1 as one"
    assert expand_sql(sql, {"keys": []}, "x") == "select\n    1 as one"


def test_items_that_are_tables_are_counted_and_joined() -> None:
    sql = "-- for c in all: union all\nselect ${c.number} as n, '${c.name}' as x\n-- end"
    columns = [{"name": "a"}, {"name": "b"}]
    assert expand_sql(sql, {"all": columns}, "x") == (
        "select 1 as n, 'a' as x\nunion all\nselect 2 as n, 'b' as x"
    )


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select $gone", r"x: 'select \$gone' names a parameter .*there are keys"),
        ("-- for key in gone\n$key\n-- end", "gone is no list"),
        ("-- for key in keys\n$key", "has no '-- end'"),
        ("select '$'", "names a parameter"),
    ],
)
def test_a_wrong_template_is_refused(sql: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        expand_sql(sql, {"keys": ["a"]}, "x")


def test_a_template_without_marts_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lists the marts it writes under \[\[marts\]\]"):
        list(expand_template({"about": "x"}, "select 1", "x"))


# the selects of include/actions stand within those of the template, at their own indent
@pytest.mark.parametrize(
    "mart", [m for m in WRITTEN if m.name != "segment_actions"], ids=lambda mart: mart.name
)
def test_what_a_template_writes_is_linted_as_any_mart(mart) -> None:
    linter = Linter(config=FluffConfig.from_path(str(PROJECT_DIR)))
    found = linter.lint_string(mart.sql.strip("\n") + "\n").get_violations()
    assert [f"{v.line_no}: {v.rule_code()} {v.desc()}" for v in found] == []


def test_there_are_templates() -> None:
    assert len(WRITTEN) == 24
