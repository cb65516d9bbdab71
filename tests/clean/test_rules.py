"""Rules: their levels, the row before across blocks, counts of a whole file."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecorse.clean.cast import cast, parse
from ecorse.clean.names import names_of
from ecorse.clean.operands import ExpressionError
from ecorse.clean.rules import RowRules, compile_rule
from ecorse.schema.contract import Column, Contract, Form, Rule
from ecorse.schema.recognise import recognise

COLUMNS = (
    Column("order", "order_id"),
    Column("qty", "quantity", "integer"),
    Column("price", "unit_price", "decimal"),
    Column("Sales", None, "decimal", required=False),
    Column("lines", None, "integer", required=False),
    Column("day", "ordered_local", "timestamp", formats=("%Y-%m-%d %H:%M",)),
)


def judged(rules, text, blocks=(None,)):
    """Cast a file in blocks that end at the given rows; gives Casts and what was counted."""
    contract = Contract("shop", (Form("shop", COLUMNS),), tuple(rules), ("order_id",))
    first, *lines = text.strip().splitlines()
    header = recognise(contract, first.split(","), "f.csv")
    row_rules, casts, start = RowRules(contract, header), [], 0
    for end in blocks:
        part = lines[start:end]
        raw = parse(("\n".join(part) + "\n").encode(), header, ",", '"')
        numbers = np.arange(start, start + len(part)) + 2
        casts.append(cast(raw, header, contract, (), row_rules, numbers))
        start += len(part)
    return casts, row_rules.counted()


def holds(expr, level="reject"):
    return Rule("r", "", "holds", "they contradict each other", expr, level)


SALES = """order,qty,price,Sales,day
1,2,5.50,11.00,2024-01-01 10:00
2,3,5.50,16.00,2024-01-01 10:00
3,3,,16.00,2024-01-01 10:00
4,x,5.50,16.00,2024-01-01 10:00
"""


def test_a_row_that_contradicts_itself_is_refused_with_both_values():
    (found,), _ = judged([holds("sales = quantity * unit_price")], SALES)
    assert found.frame["order_id"].to_list() == ["1", "3"]  # where a value is missing, it holds
    sentences = dict(found.reasons.select("_row", "sentence").iter_rows())
    assert sentences[1] == (
        "sales is 16, quantity * unit_price is 16.5: they contradict each other."
    )
    assert found.reasons.filter(pl.col("_row") == 1)["column"].to_list() == ["Sales"]
    assert "whole number" in sentences[3]  # what cannot be read has its own reason alone
    assert found.reasons.height == 2


def test_a_flag_marks_and_a_warning_counts():
    (found,), _ = judged([holds("sales = quantity * unit_price", "flag")], SALES)
    assert found.frame["order_id"].to_list() == ["1", "2", "3"]
    assert found.flags.rows() == [(1, "r")]
    (found,), _ = judged([holds("sales = quantity * unit_price", "warn")], SALES)
    assert found.frame["order_id"].to_list() == ["1", "2", "3"]
    assert found.flags.is_empty()
    assert found.warned["rule"].to_list() == ["r"]
    column = Rule("dear", "unit_price", "at_most", "expected little money", "5", "warn")
    (found,), _ = judged([column], SALES)
    assert found.warned.filter(pl.col("_row") == 0)["sentence"].to_list() == [
        "price is '5.50': expected little money."
    ]
    assert found.warned["_row"].to_list() == [0, 1]  # the row that is refused is not counted


def test_a_column_that_the_file_lacks_is_null_and_its_rules_hold():
    text = "order,qty,price,day\n1,2,5.50,2024-01-01 10:00\n"
    (found,), counted = judged([holds("sales = 1"), holds("count_of(order_id) = lines", "warn")],
                               text)  # fmt: skip
    assert found.reasons.is_empty()
    assert counted == {}


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.lists(st.integers(1, 12), max_size=4),
)
def test_the_row_before_is_the_row_before_in_the_file(ids, cuts):
    """However the file is cut into blocks, the rows that fall are those of the whole file."""
    rows = "".join(f"{i},1,1,2024-01-01 10:00\n" for i in ids)
    rule = holds("cast(order_id as integer) >= previous(cast(order_id as integer))", "flag")
    blocks = [*sorted(c for c in set(cuts) if c < len(ids)), None]
    casts, _ = judged([rule], "order,qty,price,day\n" + rows, blocks)
    start, fallen = 0, []
    for found in casts:
        fallen += [start + row for row in found.flags["_row"].to_list()]
        start += found.frame.height
    assert fallen == [i for i in range(1, len(ids)) if ids[i] < ids[i - 1]]


def test_the_row_before_may_be_one_that_is_refused():
    day = "2024-01-01 10:00"
    text = f"order,qty,price,day\n5,1,1,{day}\n9,x,1,{day}\n7,1,1,{day}\n"
    rule = holds("cast(order_id as integer) >= previous(cast(order_id as integer))")
    (found,), _ = judged([rule], text)
    assert found.frame["order_id"].to_list() == ["5"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=20),
    st.integers(1, 20),
)
def test_counts_of_a_file_are_as_counted_by_hand(rows, cut):
    """The rows of each order against the number of lines that each of them says."""
    text = "".join(f"{order},1,1,{lines},2024-01-01 10:00\n" for order, lines in rows)
    rule = holds("count_of(order_id) = lines", "warn")
    _, counted = judged([rule], "order,qty,price,lines,day\n" + text,
                        [cut, None] if cut < len(rows) else [None])  # fmt: skip
    orders = [order for order, _ in rows]
    wrong = [n for n, (order, lines) in enumerate(rows) if orders.count(order) != lines]
    assert counted.get("r", (0, []))[0] == len(wrong)
    if wrong:
        order, lines = rows[wrong[0]]
        assert counted["r"][1][0] == (
            f"line {wrong[0] + 2}: count_of(order_id) is {orders.count(order)}, lines is {lines}"
        )


def test_an_empty_key_and_a_mirrored_count():
    text = "order,qty,price,lines,day\n,1,1,9,2024-01-01 10:00\n7,1,1,9,2024-01-01 10:00\n"
    _, counted = judged([holds("2 <= count_of(order_id)", "warn")], text)
    assert counted == {"r": (1, ["line 3: count_of(order_id) is 1, 2 is 2"])}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (holds("count_of(order_id) = 1"), "level warn alone"),
        (holds("count_of(order_id) = 1 and quantity > 1", "warn"), "one side of the whole rule"),
        (holds("count_of(order_id) = unit_price", "warn"), "a whole number"),
        (holds("count_of(order_id) = previous(quantity)", "warn"), "of the row itself"),
        (holds("previous(previous(quantity)) = 1"), "one value of the row itself"),
        (holds("quantity"), "a condition needs true or false"),
        (holds("sale = quantity * unit_price"), "perhaps 'Sales'"),
    ],
)
def test_rules_that_cannot_be(rule, told):
    with pytest.raises(ExpressionError, match=told):
        compile_rule(rule, names_of(COLUMNS))


def test_values_of_a_rule_have_the_types_that_are_cast():
    (found,), _ = judged([], SALES)
    assert found.frame["Sales"].to_list()[0] == Decimal("11")
    assert found.frame["ordered_local"].to_list()[0] == datetime(2024, 1, 1, 10)
    named = names_of(COLUMNS, dict(found.frame.schema))
    assert {n: v.dtype for n, v in named.items()} == {
        n: v.dtype for n, v in names_of(COLUMNS).items()
    }
