"""Case 14: a reader makes no temporary tables; what that costs in Tableau is documented."""

from __future__ import annotations

import psycopg
import pytest

from ecorse.settings import PROJECT_DIR
from ecorse.warehouse.connect import connect


@pytest.mark.parametrize("role", ["bi_reader", "app_reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "create temp table t (a int)",
        "create temporary view v as select 1",
        "select 1 as a into temporary t",
        "create local temporary table t as select 1 as a",
    ],
)
def test_no_temporary_table_in_any_spelling(role, statement, warehouse):
    with connect(role) as conn:
        conn.execute("set transaction read write")  # the boundary is the right, not this
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)


def test_what_a_tool_does_instead_works(night):
    """Subqueries in place of a filter's temporary table, and cursors for an extract."""
    with connect("bi_reader") as conn:
        (filtered,) = conn.execute(
            "with top as (select city from marts.orders group by city order by sum(revenue) desc "
            "limit 1) select count(*) from marts.orders inner join top using (city)"
        ).fetchone()
        with conn.cursor("extract") as extract:
            rows = extract.execute("select order_id, city from marts.orders").fetchmany(1000)
    assert 0 < filtered < len(rows) == 300


def test_it_is_documented():
    page = (PROJECT_DIR / "docs" / "operations.md").read_text("utf-8")
    assert "temporary tables" in page.partition("## What readers may do")[2].partition("\n## ")[0]
