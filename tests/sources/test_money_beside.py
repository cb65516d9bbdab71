"""The money of a mapped row and of the lines beside it, where signs, status and keys meet.

What belongs here: what a mapping of a few columns makes of a few rows. What does not: the exports
of shop systems (``test_ready_made.py``).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from ecorse.clean import opening, stream
from ecorse.errors import ConfigError
from ecorse.ingest.dry import dry_load
from ecorse.sources.mappings.source import read_mapping
from exports import SIGNED
from mapped_rows import (
    FEE,
    MAPPING,
    PRICE,
    RETURNS,
    SHIPPING,
    SHOP,
    STATUS,
    TAX,
    TOTAL,
    beside,
    told,
    worth,
)  # fmt: skip


def test_a_line_that_is_taken_back_never_adds_money(read):
    """By pieces below 0, by its status, or by both; a total of the other sign is refused."""
    dry = read(
        TOTAL + STATUS, "total,status",
        "A,p,2024-01-01,1,10.00,returned", "B,p,2024-01-01,-1,-10.00,returned",
        "C,p,2024-01-01,-1,-10.00,sold", "D,p,2024-01-01,-1,10.00,returned",
        "E,p,2024-01-01,1,-10.00,returned", "F,p,2024-01-01,-1,10.00,sold", head=RETURNS,
    )  # fmt: skip
    assert worth(dry) == dict.fromkeys("ABC", Decimal(-10))
    assert told(dry) == [(n, "signs_contradict") for n in (5, 6, 7)]


def test_pieces_and_price_both_below_nothing_are_refused(read):
    dry = read(
        PRICE, "price", "A,p,2024-01-01,-1,-10.00", "B,p,2024-01-01,-2,10.00",
        "C,p,2024-01-01,1,-10.00",
    )  # fmt: skip
    assert worth(dry) == {"B": Decimal(-20), "C": Decimal(-10)}
    assert told(dry) == [(2, "signs_contradict")]


def test_a_discount_by_its_share_is_what_the_total_says_to_the_cent(read):
    """Gross is pieces x price: 5 % of 57.47 is 2.8735, and with 54.60 it was 2.87. A total that
    is another one than price and discount give (C) says nothing of the discount, nor does a
    line without any (D)."""
    share = '{ name = "off", target = "discount_share", type = "percent" },'
    dry = read(
        PRICE + TOTAL + share, "price,total,off", "A,p,2024-01-01,1,57.47,54.60,5",
        "A,q,2024-01-01,-1,57.47,-54.60,5", "B,p,2024-01-01,3,0.335,0.90,10",
        "C,p,2024-01-01,1,57.47,50.00,5", "D,p,2024-01-01,3,0.333,1.00,0",
        "E,p,2024-01-01,1,57.47,,5",
    )  # fmt: skip
    off = [None if one is None else str(one) for one in dry.rows["discount_amount"]]
    # B: 1.005 is 1.01; 1.01 - 0.90
    assert off == ["2.8700", "2.8700", "0.1100", "2.8735", None, "2.8735"]


def test_pieces_below_0_that_nobody_calls_a_return_are_told(read):
    """They stay sold, and so lower what was sold; a status of their own, or a rule, says what they
    are."""
    rows = ["A,p,2024-01-01,-1,10.00", "B,p,2024-01-01,1,10.00", "C,p,2024-01-01,-2,10.00"]
    (told,) = (w for w in read(PRICE, "price", *rows).cleaner.warnings if "below 0" in w)
    assert told.startswith("2 rows have pieces below 0 and nothing says that they were taken back")
    rule = '[[set]]\nwhen = "quantity < 0"\nstatus = "returned"\n'
    dry = read(PRICE, "price", *rows, tail=rule)
    assert not [w for w in dry.cleaner.warnings if "below 0" in w]
    assert dry.rows["status"].to_list() == ["returned", "sold", "returned"]
    said = [f"{row},{status}" for row, status in zip(rows, ["sold", "sold", ""], strict=True)]
    (told,) = (
        w for w in read(PRICE + STATUS, "price,status", *said).cleaner.warnings if "below 0" in w
    )
    assert told.startswith("1 rows")


def test_a_discount_is_at_most_the_whole_price(read):
    """10 in a column of shares is 10 %, which is not said; a sign of its own changes nothing."""
    share = '{ name = "off", target = "discount_share", type = "TYPE" },'
    rows = ["A,p,2024-01-01,1,20.00,10", "B,p,2024-01-01,1,20.00,-0.1", "C,p,2024-01-01,1,20.00,1"]
    dry = read(PRICE + share.replace("TYPE", "decimal"), "price,off", *rows)
    assert worth(dry) == {"B": Decimal(18), "C": Decimal(0)}
    assert told(dry) == [(2, "discount_share_impossible")]
    assert 'type = "percent"' in dry.rejected["sentence"][0]
    dry = read(PRICE + share.replace("TYPE", "percent"), "price,off", *rows)
    assert worth(dry) == {"A": Decimal(18), "B": Decimal("19.98"), "C": Decimal("19.80")}


def test_a_value_once_per_shipment_is_known_by_the_shipment(read):
    """Two shipments of one order are two lines with keys of their own; one of none is refused."""
    columns = PRICE + FEE + '{ name = "shipment" }, { name = "key" },'
    dry = read(
        columns, "price,fee,shipment,key",
        "A,p,2024-01-01,1,10.00,5.00,s1,1", "A,q,2024-01-01,1,10.00,5.00,s1,2",
        "A,r,2024-01-01,1,10.00,4.00,s2,3", "A,t,2024-01-01,1,10.00,3.00,,4",
        head='line_key = ["key"]', tail=SHIPPING + 'once_per = "shipment"',
    )  # fmt: skip
    assert beside(dry)["line_id"].to_list() == ["shipping s1", "shipping s2"]
    assert worth(dry) == {"A": Decimal(39)}
    assert told(dry) == [(5, "once_per_empty")]


def test_what_an_order_states_as_nothing_makes_no_line(read):
    """With a key of the rows or without: 0.00 is no shipping, whichever row says so."""
    rows = ("A,p,2024-01-01,1,10.00,0.00,1", "A,q,2024-01-01,1,10.00,5.00,2",
            "B,p,2024-01-01,1,10.00,0.00,3")  # fmt: skip
    for head in ('line_key = ["key"]', ""):
        dry = read(
            PRICE + FEE + '{ name = "key" },', "price,fee,key", *rows,
            head=head, tail=SHIPPING + 'once_per = "order_id"',
        )  # fmt: skip
        assert not told(dry)
        assert beside(dry)["order_id"].to_list() == ["A"]
        assert worth(dry) == {"A": Decimal(25), "B": Decimal(10)}


@pytest.mark.parametrize(
    "refused",
    [
        "A," + "x" * 501 + ",2024-01-01,1,10.00,sold",  # longer than the table holds
        "A,p,2024-01-01,-1,10.00,sold",  # its signs contradict each other
        "A,p,2024-01-01,1,10.00,returned",  # a sale, or a sale's return
        "A,p,2024-01-01,1,ten,sold",
    ],
)
def test_what_an_order_states_once_does_not_go_with_a_refused_row(read, refused):
    """The row below states it too."""
    dry = read(
        TOTAL + STATUS + FEE, "total,status,fee",
        f"{refused},5.00", "A,q,2024-01-01,1,10.00,sold,5.00",
        tail=SHIPPING + 'once_per = "order_id"',
    )  # fmt: skip
    assert len(told(dry)) == 1
    assert worth(dry) == {"A": Decimal(15)}


@pytest.mark.parametrize("tax", ["included", "apart"])
def test_tax_beside_a_line_that_is_taken_back_goes_back_too(read, tax):
    dry = read(
        TOTAL + STATUS + FEE, "total,status,fee",
        "A,p,2024-01-01,1,12.00,sold,2.00", "B,p,2024-01-01,1,12.00,returned,2.00",
        "C,p,2024-01-01,-1,-12.00,returned,-2.00",
        head=RETURNS + f'tax = "{tax}"', tail=TAX,
    )  # fmt: skip
    whole = Decimal(12 if tax == "included" else 14)
    assert worth(dry) == {"A": whole, "B": -whole, "C": -whole}


def test_a_discount_beside_pieces_below_0_has_the_status_of_its_row(read):
    """What came back is less by it, or what was sold is: never the one for the other."""
    dry = read(
        PRICE + STATUS + FEE, "price,status,fee", "A,p,2024-01-01,-1,5.00,returned,1.00",
        "B,p,2024-01-01,-1,5.00,sold,-1.00", "C,p,2024-01-01,1,5.00,sold,-1.00",
        tail=SHIPPING.replace("shipping", "discount"),
    )  # fmt: skip
    assert worth(dry) == {"A": -4, "B": -4, "C": 4}
    lines = beside(dry).select("order_id", "quantity", "unit_price", "status").sort("order_id")
    assert lines.rows() == [("A", -1, -1, "returned"), ("B", -1, -1, "sold"), ("C", 1, -1, "sold")]
    assert not any("add to their order" in note for note in dry.cleaner.warnings)


def test_included_tax_moves_and_never_makes_money(read):
    """Whatever its sign, and only where its line is made."""
    dry = read(
        TOTAL + FEE + '{ name = "land" },', "total,fee,land",
        "A,p,2024-01-01,1,12.00,2.00,DE", "B,p,2024-01-01,1,12.00,2.00,US",
        "C,p,2024-01-01,-1,-12.00,2.00,DE", "D,p,2024-01-01,1,12.00,-2.00,DE",
        "E,p,2024-01-01,0,12.00,2.00,DE",
        head='tax = "included"', tail=TAX + "when = \"land = 'DE'\"",
    )  # fmt: skip
    twelve = Decimal(12)
    assert worth(dry) == {"A": twelve, "B": twelve, "C": -twelve, "D": twelve, "E": twelve}
    assert beside(dry).select("order_id", "unit_price").rows() == [
        ("A", Decimal(2)), ("C", Decimal(-2)), ("D", Decimal(2))
    ]  # fmt: skip


ROOT = Path(__file__).resolve().parents[2]
VAT = '{ name = "vat", type = "decimal" }, { name = "ship_vat", type = "decimal" },'
HELD = SHIPPING + 'tax = "ship_vat"\n{once}' + TAX.replace('"fee"', '"vat"') + "{once}"


def by_kind(dry, order):
    lines = pl.concat([dry.rows, beside(dry)], how="diagonal_relaxed").filter(order_id=order)
    return dict(lines.group_by("line_kind").agg(SIGNED.sum()).iter_rows())


def test_the_tax_of_the_shipping_comes_off_the_shipping(read):
    """119.00 (19.00) and shipping of 11.90 (1.90): 100, 10 and 20.90, and so what came back."""
    dry = read(
        TOTAL + STATUS + FEE + VAT, "total,status,fee,vat,ship_vat",
        "A,p,2024-01-01,1,119.00,sold,11.90,20.90,1.90",
        "B,p,2024-01-01,1,119.00,returned,11.90,20.90,1.90",
        "C,p,2024-01-01,-1,-119.00,returned,-11.90,-20.90,-1.90",
        "D,p,2024-01-01,1,119.00,sold,,19.00,1.90", "E,p,2024-01-01,0,0,sold,11.90,20.90,1.90",
        "F,p,2024-01-01,1,119.00,sold,1.00,20.90,1.90", "G,p,2024-01-01,1,119.00,sold,11.90,,1.90",
        "H,p,2024-13-01,1,119.00,sold,11.90,20.90,1.90",
        head=RETURNS + 'tax = "included"', tail=HELD.format(once=""),
    )  # fmt: skip
    sold = {"product": 100, "shipping": 10, "tax": Decimal("20.90")}
    assert by_kind(dry, "A") == sold
    for order in "BC":
        assert by_kind(dry, order) == {kind: -money for kind, money in sold.items()}
    assert by_kind(dry, "D") == {"product": 100, "tax": 19}  # no shipping, so none of its tax
    assert by_kind(dry, "E") == {"product": 0, "shipping": Decimal("11.90")}
    assert told(dry)[:2] == [(7, "shipping_impossible"), (8, "shipping_impossible")]
    assert dry.counted.money["rejected"] == Decimal("130.90")


def test_the_tax_of_an_orders_shipping_comes_off_the_shipping(read):
    dry = read(
        TOTAL + STATUS + FEE + VAT, "total,status,fee,vat,ship_vat",
        "A,p,2024-01-01,1,59.50,sold,11.90,20.90,1.90",
        "A,q,2024-01-01,1,59.50,sold,11.90,20.90,1.90",
        "B,p,2024-01-01,1,119.00,returned,11.90,20.90,1.90",
        "H,p,2024-13-01,1,119.00,sold,11.90,20.90,1.90",
        head=RETURNS + 'tax = "included"', tail=HELD.format(once='once_per = "order_id"\n'),
    )  # fmt: skip
    sold = {"product": 119, "included_tax": -19, "shipping": 10, "tax": Decimal("20.90")}
    assert by_kind(dry, "A") == sold
    assert by_kind(dry, "B") == {kind: -money for kind, money in sold.items()}
    assert dry.counted.money["rejected"] == Decimal("130.90")


def test_the_advice_to_shopifys_mapping_where_prices_hold_their_tax(tmp_path):
    """119.00 and shipping of 11.90 at 19 percent; shipping that is for nothing holds no tax."""
    text = (ROOT / "include" / "sources" / "shopify_orders.toml").read_text()
    text = text.replace('tax = "apart"', 'tax = "included"')
    rule = text[text.index('[[rules]]\nid = "tax_is_in_the_prices"') :]
    text = text.replace(rule[: rule.index("[[rules]]", 1)], "")
    share = "round(Taxes * (Total - Subtotal - coalesce(Duties, 0)) / nullif(Total, 0), 2)"
    text = text.replace('kind = "shipping"', f'kind = "shipping"\ntax = "{share}"')
    text = text.replace('kind = "fee"', 'kind = "fee"\ntax = "0"')
    (tmp_path / "lines.toml").write_text(text)
    head = (
        "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,"
        "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Cancelled at,"
        "Refunded Amount,Lineitem discount,Payment Method,Lineitem requires shipping,Duties\n"
    )
    row = (
        "{},a@b.org,paid,EUR,119,11.90,{},{},{},2024-05-03 10:59:00 -0400,1,M,119,M,,0,0,card,true,"
        "\n"
    )
    file = tmp_path / "lines.csv"
    file.write_text(
        head + row.format("#1", "20.90", "130.90", "0") + row.format("#2", "19", "119", "11.90")
    )
    dry = dry_load(file, read_mapping(tmp_path / "lines.toml"), SHOP, keep=True)
    assert not told(dry)
    goods = {"product": 119, "included_tax": -19}
    assert by_kind(dry, "#1") == goods | {"shipping": 10, "tax": Decimal("20.90")}
    assert by_kind(dry, "#2") == goods | {"tax": 19}


@pytest.mark.parametrize(
    ("tax", "shipping", "expected"),
    [
        ("included", SHIPPING, "the part of"),
        ("apart", SHIPPING + 'tax = "vat"\n', "tax is for"),
        ("included", SHIPPING.replace("shipping", "tip") + 'tax = "vat"\n', "tax is for"),
        ("included", SHIPPING + 'once_per = "order_id"\n' + 'tax = "vat"\n', "once_per is another"),
        ("included", SHIPPING + 'tax = "nothing"\n', "nothing"),
    ],
)
def test_a_mapping_says_what_tax_the_shipping_holds(tmp_path, tax, shipping, expected):
    path = tmp_path / "lines.toml"
    tail = shipping + TAX.replace('"fee"', '"vat"')
    path.write_text(MAPPING.format(head=f'tax = "{tax}"', columns=PRICE + FEE + VAT, tail=tail))
    with pytest.raises(ConfigError, match=expected):
        read_mapping(path)


def test_what_is_taken_back_is_worth_nothing_in_the_end(read):
    """Lines of any status and sign, with what stands beside them; and once, by the first rule."""
    dry = read(
        TOTAL + STATUS + FEE, "total,status,fee",
        "A,p,2024-01-01,2,12.00,sold,2.00", "B,p,2024-01-01,1,12.00,returned,2.00",
        "C,p,2024-01-01,-1,-12.00,returned,2.00", "D,p,2024-01-01,0,12.00,sold,2.00",
        tail=SHIPPING + SHIPPING.replace("shipping", "refund") + 'sign = "-"\n'
        '[[taken_back]]\nwhen = "quantity < 5"\n[[taken_back]]\nwhen = "quantity < 9"\n'
        'status = "cancelled"',
    )  # fmt: skip
    assert worth(dry) == dict.fromkeys("ABCD", Decimal(0))
    assert beside(dry).filter(made_of="taken back")["status"].unique().sort().to_list() == [
        "returned", "sold"
    ]  # fmt: skip


def test_lines_beside_a_row_have_its_refund_date_even_if_that_is_a_target(read):
    """10:00 in New York is 16:00 in Berlin, on the row and on what is made beside it."""
    back = (
        '{ name = "back", target = "refunded_local", type = "timestamp", '
        'formats = ["%Y-%m-%d %H:%M"], zone = "America/New_York" },'
    )
    dry = read(
        TOTAL + FEE + back, "total,fee,back", "A,p,2024-01-01,1,12.00,2.00,2024-01-05 10:00",
        tail=SHIPPING.replace("shipping", "refund") + 'sign = "-"\nat = "back"\n'
        '[[taken_back]]\nwhen = "quantity = 1"\nat = "back"',
    )  # fmt: skip
    four = datetime(2024, 1, 5, 16)
    assert dry.rows["refunded_local"].to_list() == [four]
    assert beside(dry)["refunded_local"].to_list() == [four] * 3


def test_leave_out_cannot_name_a_constant(tmp_path):
    path = tmp_path / "lines.toml"
    path.write_text(
        MAPPING.format(
            head="", columns=PRICE,
            tail='[constants]\nplatform = "web"\n[[leave_out]]\nid = "web"\n'
            "when = \"platform = 'web'\"",
        )
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"leave_out 'web'.*no column 'platform'"):
        read_mapping(path)


@pytest.mark.parametrize("block_bytes", [60, 40_000])
def test_lines_that_stand_apart_are_told_whatever_the_blocks(read, monkeypatch, block_bytes):
    """40 lines of order A stand below order B, far from the line that says A's status."""
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=block_bytes))
    dry = read(
        PRICE + STATUS, "price,status", "A,p,2024-01-01,1,1.00,sold", "B,p,2024-01-01,1,1.00,sold",
        *(f"A,p{n:0400},2024-01-01,1,1.00," for n in range(40)),  # a first block has 4,096 bytes
        head='fill_down = { within = "order", columns = ["status"] }',
    )  # fmt: skip
    assert dry.rows["order_id"].to_list() == ["A", "B"]
    assert told(dry) == [(n, "lines_apart") for n in range(4, 44)]
