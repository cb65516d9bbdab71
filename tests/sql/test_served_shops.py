"""What is served in a simulated shop: what knows tastes, where there are any; else best sellers.

Both methods are trained on the simulator's own orders, and their rows put where the mart finds
them. The shop without tastes is one in which best sellers of a fixed half-life lose: of a week, a
blend of others counts what sells better.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from ecorse.models.declaration import load_declarations
from ecorse.simulate.stores import get_store
from ecorse.training.run import run_model
from planted_shop import planted_lines

METHODS = ("best_sellers_lately", "for_customers")
TABLES = ("recommendation_cases", "model_scores")


def a_store(has_tastes: bool):
    """The department store; or one of customers all alike, where nothing goes with anything."""
    store = get_store("department")
    if has_tastes:
        return store
    kinds = [replace(kind, complement="", complement_probability=0) for kind in store.categories]
    alike = replace(store.groups[2], share=1.0)
    return replace(store, groups=(alike,), categories=tuple(kinds))


def inputs_of(lines: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The columns that both methods select."""
    baskets = lines.select("customer_id", "product_id", basket_id="order_id", at="ordered_local")
    return {
        "products": lines.select("product_id", "category", "brand").unique("product_id"),
        "interactions": baskets.unique(
            ["basket_id", "product_id"], maintain_order=True
        ).with_columns(kind=pl.lit("purchase"), source=pl.lit("orders")),
    }


@pytest.mark.parametrize(
    ("has_tastes", "customers", "method"),
    [(True, 400, "for_customers"), (False, 1500, "best_sellers_lately")],
)
def test_best_sellers_give_way_to_what_knows_tastes_where_there_are_any(
    marts, has_tastes, customers, method
):
    declared = {each.method: each for each in load_declarations() if each.task == "recommend"}
    inputs = inputs_of(planted_lines(1, a_store(has_tastes), customers=customers))
    for name in METHODS:
        result = run_model(declared[name], "planted", dict(inputs), None)
        for table in TABLES:
            with marts.conn.cursor() as cursor:
                frame = result.frame(table)
                columns = ", ".join(frame.columns)
                with cursor.copy(f"copy marts.{table} ({columns}) from stdin") as copy:
                    for row in frame.iter_rows():
                        copy.write_row(row)
        lists = result.frame("user_recommendations").select(
            "shop_id", "list", "method", "customer_id", "rank", "product_id"
        )
        assert lists.group_by("list", "customer_id").len()["len"].unique().to_list() == [10]
        marts.insert(
            "marts.user_recommendations", lists.unique("list", keep="first").iter_rows(named=True)
        )
    served = marts.run("served_model")
    assert {row["list"]: row["method"] for row in served} == dict.fromkeys(
        ("explore", "for_you"), method
    )
    for row in served:
        assert row["methods"] == 2
        assert (row["replaced_method"] is not None) == has_tastes
        assert (row["difference_low"] > 0) == has_tastes
