"""Recognising a header, and the hash of a contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Contract, Form, Rule
from ecorse.schema.recognise import recognise
from ecorse.schema.shape import Shape

SHORT = Form("short", (Column("Order ID", "order_id"), Column("Price", "price", "decimal")))
LONG = Form(
    "long",
    (
        *SHORT.columns,
        Column("Kind", "kind", aliases=("Category",)),
        Column("", None, required=False),
    ),
)
CONTRACT = Contract("test", (SHORT, LONG), (), ("order_id",))


def targets(header):
    return [column and column.target for column in header.columns]


@pytest.mark.parametrize(
    ("names", "form", "expected"),
    [
        (["Order ID", "Price"], "short", ["order_id", "price"]),
        (["Price", "Order ID"], "short", ["price", "order_id"]),
        ([" order_id", "PRICE "], "short", ["order_id", "price"]),
        (["", "Order ID", "Price", "Kind"], "long", [None, "order_id", "price", "kind"]),
        (["Order ID", "Price", "Category"], "long", ["order_id", "price", "kind"]),
        (["Order ID", "Price", "Colour"], "short", ["order_id", "price", None]),
    ],
)
def test_columns_are_mapped_by_name(names, form, expected):
    header = recognise(CONTRACT, names, "f.csv")
    assert header.form.name == form
    assert targets(header) == expected


def test_an_unknown_column_is_extra_or_refused():
    assert recognise(CONTRACT, ["Order ID", "Price", "Colour"], "f.csv").extra == ("Colour",)
    frozen = replace(CONTRACT, drift="freeze")
    with pytest.raises(ContractError, match=r"f\.csv: column 'Colour' is not in the contract"):
        recognise(frozen, ["Order ID", "Price", "Colour"], "f.csv")


def test_a_missing_column_is_named():
    with pytest.raises(ContractError, match=r"f\.csv: column 'Price' is missing.*add its new name"):
        recognise(CONTRACT, ["Order ID", "Prize"], "f.csv")


def test_a_repeated_column_is_refused():
    with pytest.raises(ContractError, match="columns 1 and 3 of the header are both named 'price'"):
        recognise(CONTRACT, ["Price", "Order ID", "price"], "f.csv")


def test_the_hash_follows_every_part_of_the_contract():
    same = Contract("test", (SHORT, LONG), (), ("order_id",))
    assert same.contract_sha256 == CONTRACT.contract_sha256
    rule = Rule("r", "price", "at_least", "expected more", "0")
    for other in (
        replace(CONTRACT, rules=(rule,)),
        replace(CONTRACT, rules=(replace(rule, bound="1"),)),
        replace(CONTRACT, shape=Shape(encoding="latin-1")),
        replace(CONTRACT, forms=(SHORT,)),
    ):
        assert other.contract_sha256 != CONTRACT.contract_sha256
