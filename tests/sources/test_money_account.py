"""Rows and cents of a mapped file: what is staged, rejected, repeated and left out add up.

What belongs here: files of a few rows whose money is worked out by hand. What does not: single
signs and statuses (``test_money_beside.py``).
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import polars as pl
import pytest

from ecorse.clean import opening, stream
from ecorse.errors import ConfigError
from ecorse.sources.mappings.source import read_mapping
from mapped_rows import (
    FEE,
    MAPPING,
    PRICE,
    RETURNS,
    SHIPPING,
    STATUS,
    TAX,
    TOTAL,
    beside,
    told,
    worth,
)  # fmt: skip

ONCE = SHIPPING + 'once_per = "order_id"\n'
LEFT = '[[leave_out]]\nid = "tests"\nwhen = "sku = \'test\'"\n'
OFF = '{ name = "off", target = "discount_amount", type = "decimal" },'


def notes(dry) -> str:
    return " ".join(dry.cleaner.warnings)


@pytest.mark.parametrize("block_bytes", [60, 40_000])
@pytest.mark.parametrize("once", [False, True])
def test_the_money_of_a_file_is_accounted_for(read, monkeypatch, block_bytes, once):
    """Each row by hand: pieces * price and the shipping beside it; a return takes both off."""
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=block_bytes))
    dry = read(
        PRICE + STATUS + FEE, "price,status,fee",
        "A,p,2024-01-01,1,10.00,sold,2.00", "A,p,2024-01-01,1,10.00,sold,2.00",  # equal
        "B,p,2024-13-01,2,20.00,sold,3.00",  # no date
        "C,p,2024-13-01,-1,7.00,sold,1.00",  # no date, and pieces taken back
        "D,p,2024-13-01,1,5.00,returned,1.00",  # no date, and taken back by its status
        "E,test,2024-01-01,1,30.00,sold,4.00", "E,test,2024-01-01,-1,6.00,sold,0.50",
        "F,p,2024-01-01,many,9.00,sold,1.00",  # its money is not known
        head=RETURNS, tail=LEFT + (ONCE if once else SHIPPING),
    )  # fmt: skip
    rejected = (40 + 3) + (-7 - 1) + (-5 - 1)
    left_out = (30 - 6) + (Decimal(4) if once else Decimal("3.5"))
    assert dry.counted.money == {
        "staged": Decimal(12),
        "duplicate_in_file": Decimal(10 if once else 12),
        "rejected": Decimal(rejected),
        "left_out": left_out,
    }
    assert dry.cleaner.account.unread == {"rejected": 1}


def test_what_an_order_states_once_is_rejected_where_no_row_that_counts_states_it(read):
    dry = read(
        PRICE + FEE, "price,fee",
        "A,p,2024-13-01,1,10.00,5.00", "A,q,2024-01-01,1,1.00,5.00",  # stated by the row below
        "B,p,2024-13-01,1,10.00,3.00", "B,q,2024-01-01,1,1.00,",
        "C,test,2024-01-01,1,10.00,4.00", "C,q,2024-01-01,1,1.00,",
        tail=LEFT + ONCE,
    )  # fmt: skip
    assert dry.counted.money == {
        "staged": Decimal(8), "rejected": Decimal(23), "left_out": Decimal(14)
    }  # fmt: skip


def test_orders_that_are_taken_back_by_rule_are_worth_nothing_rejected_too(read):
    dry = read(
        PRICE + FEE, "price,fee", "A,p,2024-13-01,1,10.00,5.00",
        tail=ONCE + '[[taken_back]]\nwhen = "unit_price > 1"\n',
    )  # fmt: skip
    assert dry.counted.money == {"staged": Decimal(0)}


def test_rejected_money_in_another_currency_is_not_added(read):
    dry = read(
        PRICE + '{ name = "in", target = "currency" },', "price,in",
        "A,p,2024-13-01,1,10.00,USD", "B,p,2024-13-01,1,7.00,EUR", "C,p,2024-13-01,1,$3.00,",
    )  # fmt: skip
    assert dry.counted.money == {"staged": Decimal(0), "rejected": Decimal(7)}
    assert dry.cleaner.account.unread == {"rejected": 2}


@pytest.mark.parametrize("status", ["1,10.00,returned", "-1,10.00,sold", "-1,10.00,returned"])
@pytest.mark.parametrize(
    ("kind", "fee", "expected"),
    [
        ("shipping", "2.00", -12), ("shipping", "-2.00", -12), ("fee", "2.00", -12),
        ("tip", "2.00", -12), ("discount", "2.00", -8), ("voucher", "-2.00", -8),
        ("tax", "2.00", -12),
    ],
)  # fmt: skip
def test_values_beside_a_row_that_is_taken_back_go_back_whatever_their_sign(
    read, status, kind, fee, expected
):
    sign = 'sign = "-"\n' if kind in ("discount", "voucher") else ""
    dry = read(
        PRICE + STATUS + FEE, "price,status,fee", f"A,p,2024-01-01,{status},{fee}",
        head=RETURNS + 'tax = "apart"', tail=SHIPPING.replace("shipping", kind) + sign,
    )  # fmt: skip
    assert worth(dry) == {"A": Decimal(expected)}
    assert dry.counted.money_staged == expected


def test_a_refund_beside_pieces_below_0_is_as_it_is_stated(read):
    dry = read(
        PRICE + FEE, "price,fee", "A,p,2024-01-01,-1,10.00,2.00",
        tail=SHIPPING.replace("shipping", "refund") + 'sign = "-"',
    )  # fmt: skip
    assert worth(dry) == {"A": Decimal(-12)}


def test_what_an_order_states_once_goes_back_with_the_rows_that_alone_state_it(read):
    """A: only returned; B: sold and returned, in this order; C: the other way round."""
    dry = read(
        PRICE + STATUS + FEE, "price,status,fee",
        "A,p,2024-01-01,1,10.00,returned,5.00", "A,q,2024-01-01,1,1.00,returned,5.00",
        "B,p,2024-01-01,1,10.00,sold,5.00", "B,p,2024-01-01,1,10.00,returned,5.00",
        "C,p,2024-01-01,1,10.00,returned,5.00", "C,q,2024-01-01,1,10.00,sold,5.00",
        "D,p,2024-01-01,-1,10.00,sold,5.00", head=RETURNS, tail=ONCE,
    )  # fmt: skip
    expected = {"A": Decimal(-16), "B": Decimal(5), "C": Decimal(5), "D": Decimal(-15)}
    assert worth(dry) == expected
    assert not told(dry)
    assert "2 rows that are taken back state what their order states once" in notes(dry)


def test_a_discount_above_the_price_is_refused(read):
    dry = read(
        PRICE + OFF, "price,off", "A,p,2024-01-01,2,10.00,20.01", "B,p,2024-01-01,2,10.00,20.00",
        "C,p,2024-01-01,-2,10.00,-25",
    )  # fmt: skip
    assert worth(dry) == {"B": Decimal(0)}
    assert told(dry) == [(n, "discount_amount_impossible") for n in (2, 4)]
    net = read(PRICE + OFF + TOTAL, "price,off,total", "A,p,2024-01-01,1,10.00,15.00,10.00")
    assert worth(net) == {"A": Decimal(10)}  # what a total says holds


def test_a_total_that_price_and_pieces_do_not_give_is_told(read):
    dry = read(
        PRICE + OFF + TOTAL, "price,off,total",
        "A,p,2024-01-01,2,10.00,1.00,19.00", "B,p,2024-01-01,3,3.33,,10.00",  # cents of a third
        "C,p,2024-01-01,2,10.00,1.00,29.00", "D,p,2024-01-01,-1,10.00,,-8.00",
    )  # fmt: skip
    found = dry.cleaner.account.derived["total"]
    assert (found.checked, found.different, found.money) == (4, 2, Decimal(12))
    assert "in 2 of 4 rows, by 12.00 EUR together, for example 29.0000 for 2 at 10" in notes(dry)


@pytest.mark.parametrize("block_bytes", [60, 40_000])
def test_a_row_that_contradicts_its_order_speaks_for_it_in_nothing(read, monkeypatch, block_bytes):
    """Line 3 states another tax than line 2; the shipping that it states stands on line 4 too."""
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=block_bytes))
    other = '{ name = "vat", type = "decimal" },'
    dry = read(
        PRICE + FEE + other, "price,fee,vat",
        "A,p,2024-01-01,1,10.00,,1.00", "A,q,2024-01-01,1,10.00,5.00,2.00",
        "A,r,2024-01-01,1,10.00,5.00,1.00", "B,q,2024-01-01,1,10.00,,1.00",
        "B,q,2024-01-01,2,10.00,7.00,2.00",
        head='tax = "apart"',
        tail=ONCE + TAX.replace('"fee"', '"vat"') + 'once_per = "order_id"\n',
    )  # fmt: skip
    assert told(dry) == [(3, "order_contradicts"), (6, "order_contradicts")]
    assert worth(dry) == {"A": Decimal(26), "B": Decimal(11)}
    assert dry.counted.money == {"staged": Decimal(37), "rejected": Decimal(10 + 20 + 7)}


def test_a_row_whose_key_came_before_does_not_take_its_shipping_with_it(read):
    dry = read(
        PRICE + FEE + '{ name = "key" },', "price,fee,key",
        "A,p,2024-01-01,1,10.00,,k", "A,p,2024-01-01,2,10.00,5.00,k",
        "A,q,2024-01-01,1,10.00,5.00,l", head='line_key = ["key"]', tail=ONCE,
    )  # fmt: skip
    assert told(dry) == [(3, "line_key_repeated")]
    assert worth(dry) == {"A": Decimal(25)}
    assert dry.counted.money == {"staged": Decimal(25), "rejected": Decimal(20)}


@pytest.mark.parametrize(
    ("amount", "fee"),
    [("unit_price / fee", "0"), ("fee * 99999999999", "5"), ("cast(sku as decimal)", "5")],
)
def test_an_amount_that_cannot_be_worked_out_refuses_its_row(read, amount, fee):
    dry = read(
        PRICE + FEE, "price,fee", f"A,p,2024-01-01,1,10.00,{fee}", "B,p,2024-01-01,1,10.00,",
        tail=SHIPPING.replace('"fee"', f'"{amount}"').replace("[[also]]", "[[also]]")
        + "when = \"order_id = 'A'\"",
    )  # fmt: skip
    assert told(dry) == [(2, "shipping_impossible")]
    assert dry.cleaner.account.unread == {"rejected": 1}
    guarded = read(
        PRICE + FEE, "price,fee", "A,p,2024-01-01,1,10.00,0",
        tail=SHIPPING.replace('"fee"', '"case when fee <> 0 then unit_price / fee end"'),
    )  # fmt: skip
    assert worth(guarded) == {"A": Decimal(10)}


@pytest.mark.parametrize("nothing", ["\u200b", "\u00a0", "\ufeff\u2060", "\u00ad \u200d", "\u3164"])
def test_an_id_of_which_nothing_can_be_seen_is_empty(read, nothing):
    dry = read(PRICE, "price", f"{nothing},p,2024-01-01,1,1.00", "A\u200d,p,2024-01-01,1,1.00")
    assert told(dry) == [(2, "order_id_empty")]
    assert dry.rows["order_id"].to_list() == ["A\u200d"]


def test_a_key_is_as_long_as_an_id_may_be(read):
    rows = [f"A,p,2024-01-01,1,1.00,{'k' * length}" for length in (500, 501)]
    dry = read(PRICE + '{ name = "key" },', "price,key", *rows, head='line_key = ["key"]')
    assert told(dry) == [(3, "line_key_too_long")]


@pytest.mark.parametrize(
    ("columns", "tail", "expected"),
    [
        (PRICE + PRICE, "", "column 'price' stands twice"),
        (PRICE + '{ name = "PRICE", target = "unit_cost", type = "decimal" },', "", "stands twice"),
        (PRICE + FEE, SHIPPING + SHIPPING, "'shipping' stands more than once"),
    ],
)
def test_what_is_said_twice_is_a_mistake_of_the_mapping(tmp_path, columns, tail, expected):
    path = tmp_path / "lines.toml"
    path.write_text(MAPPING.format(head="", columns=columns, tail=tail))
    with pytest.raises(ConfigError, match=expected):
        read_mapping(path)


@pytest.mark.parametrize(
    ("head", "name", "is_told"),
    [
        ("", "'red, one'".replace(",", ""), True), ('quote = ""', '"red"', True),
        ("", r"O\'Neill", True), ("", "rock 'n' roll", False), ("", '"""red"""', False),
        ('quote = "\'"', "'red'", False),
    ],
)  # fmt: skip
def test_quotes_that_the_mapping_does_not_declare_are_told(read, head, name, is_told):
    named = '{ name = "name", target = "product_name" },'
    dry = read(PRICE + named, "price,name", f"A,p,2024-01-01,1,1.00,{name}", head=head)
    assert ("Column 'name' has 1 values with quotes" in notes(dry)) == is_told
    assert dry.rows.height == 1


def test_the_account_counts_broken_records_as_unread(read):
    dry = read(PRICE, "price", "A,p,2024-01-01,1,1.00", "B,p,2024-01-01,1")
    assert dry.cleaner.account.unread == {"rejected": 1}
    assert isinstance(beside(dry), pl.DataFrame)
