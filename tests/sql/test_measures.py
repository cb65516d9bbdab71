"""Every figure that is called like a measure is one: a planted disagreement is caught by name.

For each mart and measure one row of a right build is changed; the audit must find it, and its
sample names both figures. A mart that shows a measure's name without saying how is refused.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sql.test_mart_checks import built, right_build  # noqa: F401

from ecorse.errors import ConfigError
from ecorse.models.measure_rules import MeasurePart
from ecorse.models.relation import Binding, Column, Relation
from ecorse.refresh.audit import judge
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.marts import read_marts
from ecorse.refresh.measures import MEASURES, every_measure, read_measures, with_measures
from ecorse.settings import get_settings

CATALOG = load_catalog()
FOUND = {
    f"{mart.name}.{check.measure}": check
    for mart in CATALOG.marts.values()
    for check in mart.checks
    if check.called().startswith("measure_")
}
# what the small right build has no row of
WITHOUT_ROWS = {"monthly_forecasts.units", "seasonality_history.lines"}


@pytest.mark.parametrize("column", sorted(FOUND.keys() - WITHOUT_ROWS))
def test_a_changed_figure_is_caught_and_both_are_told(built, column: str) -> None:  # noqa: F811
    mart, measure = column.split(".")
    check = FOUND[column]
    where = getattr(check, "where", "") or "true"
    changed = built.conn.execute(
        f"update marts.{mart} set {measure} = coalesce({measure}, 0) + 1000000 where ctid = "
        f"(select min(ctid) from marts.{mart} where {where} and shop_id = 'a')"
    )
    assert changed.rowcount == 1
    bound = check.bind(mart, CATALOG.marts[mart].grain)
    (result,) = judge(built.conn, [(mart, bound)], lambda schema, table: f"{schema}.{table}")
    assert (result.mart, result.name) == (mart, f"measure_{measure}")
    told = result.sample[0]
    assert float(told[measure]) >= 1_000_000
    assert "canonical" in told or set(told) > {measure}
    assert measure in result.sentence


@pytest.mark.parametrize(
    "column",
    sorted(
        n for n, check in FOUND.items() if isinstance(check, MeasurePart) and n not in WITHOUT_ROWS
    ),
)
def test_a_part_below_0_is_caught(built, column: str) -> None:  # noqa: F811
    mart, measure = column.split(".")
    built.conn.execute(f"update marts.{mart} set {measure} = -1")
    assert f"{mart}.measure_{measure}" in built.failing_checks()


BY_MODEL = {
    "name": "by_model", "about": "Orders of each answer", "grain": ("shop_id", "answer"),
    "columns": {"shop_id": Column("text", "Shop"), "answer": Column("text", "Which"),
                "orders": Column("bigint", "Of the answer")},
}  # fmt: skip


def test_a_table_of_a_model_is_held_to_the_measure_it_names(built) -> None:  # noqa: F811
    bound = Relation(**BY_MODEL, bindings=(Binding(names=("orders",), rows="whole"),))
    table = with_measures(bound, every_measure(get_settings()), "marts.by_model")
    assert table.comments["orders"].startswith("Orders that are purchases")
    built.conn.execute("create table marts.by_model (shop_id text, answer text, orders bigint)")
    built.conn.execute(
        "insert into marts.by_model select shop_id, 'all', orders from marts.kpis; "
        "update marts.by_model set orders = orders + 1 where shop_id = 'b'"
    )
    checks = [("by_model", c) for c in table.bound_checks() if c.name == "measure_orders"]
    (result,) = judge(built.conn, checks, lambda schema, table: f"{schema}.{table}")
    assert [(row["shop_id"], row["orders"], row["canonical"]) for row in result.sample] == [
        ("b", 4, 3)
    ]


def test_a_table_of_a_model_that_does_not_say_how_is_refused() -> None:
    with pytest.raises(ConfigError, match="the column 'orders' is called like a measure"):
        with_measures(Relation(**BY_MODEL), every_measure(get_settings()), "marts.by_model")


def test_forecasts_have_the_units_of_the_months(marts) -> None:
    month = {"shop_id": "z", "scope": "shop", "category": "all", "month_date": "2019-01-01"}
    marts.insert("marts.monthly_units", [{**month, "units": 5}])
    marts.insert("marts.monthly_forecasts", [{**month, "method": "naive", "units": 6}])
    assert "monthly_forecasts.measure_units" in marts.failing_checks()


def test_an_index_has_no_more_lines_than_the_shop(marts) -> None:
    marts.insert("marts.order_lines", [{"shop_id": "z", "line_kind": "product"}])
    marts.insert("marts.seasonality_history", [{"shop_id": "z", "lines": 2}])
    assert "seasonality_history.measure_lines" in marts.failing_checks()


def test_every_column_called_like_a_measure_is_held_to_it() -> None:
    measures = read_measures(((get_settings().files(f"sql/{MEASURES}")[0]).read_text("utf-8"),))
    for mart in CATALOG.marts.values():
        for name in mart.columns.keys() & measures.keys():
            source = (measures[name].table, measures[name].sum) == (f"marts.{mart.name}", name)
            own = [b.check for b in mart.bindings if name in b.names and b.rows == "own"]
            assert source or own or f"{mart.name}.{name}" in FOUND
            assert mart.comments[name].startswith(measures[name].sentence)


@pytest.mark.parametrize(
    ("bindings", "said"),
    [
        ("", "the column 'orders' is called like a measure"),
        ('[[measures]]\nnames = ["units"]\nrows = "whole"\n', "no column of the final select"),
        ('[[measures]]\nnames = ["shop_id"]\nrows = "whole"\n', "no measure"),
        ('[[measures]]\nnames = ["orders"]\nrows = "own"\ncheck = "x"\n', "does not have"),
    ],
)
def test_a_mart_that_does_not_say_how_is_refused(
    tmp_path: Path, monkeypatch, bindings: str, said: str
) -> None:
    file = tmp_path / "include/sql/marts/sales/mine.sql"
    file.parent.mkdir(parents=True)
    file.write_text(
        f'/*\nabout = "x"\ngrain = ["shop_id"]\nmaterialized = "table"\n{bindings}*/\n'
        "select shop_id, count(*) as orders from marts.orders group by shop_id\n"
    )
    settings = get_settings().model_copy(update={"project_dir": tmp_path})
    with pytest.raises(ConfigError, match=said):
        read_marts(settings)
