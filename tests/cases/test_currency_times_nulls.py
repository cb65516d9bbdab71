"""Kinds of trouble besides those of the cases: currencies, times, missing values, money of orders.

Every figure here is worked out by hand.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from ecorse.errors import ConfigError

LINE = "A,p,1,{price},2024-05-01 10:00"
HEAD = "order,sku,qty,price,time"


def one(read, mapping, price, currency="USD", **keys):
    return read(f'{HEAD}\nA,p,1,"{price}",2024-05-01 10:00\n', mapping(**keys), currency=currency)


@pytest.mark.parametrize(
    ("price", "currency", "is_read"),
    [
        ("$18.00", "USD", True),
        ("$18.00", "CAD", True),  # a sign that several currencies share
        ("18.00 €", "EUR", True),
        ("€18.00", "USD", False),
        ("18.00 EUR", "USD", False),
        ("£18.00", "EUR", False),
        ("US$18.00", "CAD", False),
        ("18,00 kr", "EUR", False),
        ("R$ 18.00", "BRL", True),
        ("R$ 18.00", "USD", False),
        ("XXQ 18.00", "USD", False),
    ],
)
def test_a_sign_is_a_statement_of_currency(read, mapping, price, currency, is_read):
    found = one(read, mapping, price, currency)
    assert bool(found.refused) != is_read
    if not is_read and "XXQ" not in price and "kr" not in price:
        assert "foreign_currency" in {rule for rule, _ in found.refused.values()}


def test_a_column_in_another_currency_is_never_added_up(read, mapping):
    more = '  { name = "cur", target = "currency" },\n'
    content = (
        f"{HEAD},cur\nA,p,1,10,2024-05-01 10:00,USD\nB,p,1,99,2024-05-01 10:00,EUR\n"
        "C,p,1,10,2024-05-01 10:00,usd\nD,p,1,10,2024-05-01 10:00,\nE,p,1,7,2024-05-01 10:00,XYZ\n"
    )
    found = read(content, mapping(more=more), currency="USD")
    assert found.rows["order_id"].to_list() == ["A", "C", "D"]
    assert found.money == Decimal(30)
    assert {line: rule for line, (rule, _) in found.refused.items()} == {
        3: "foreign_currency", 6: "currency_unknown",
    }  # fmt: skip


def test_a_sign_that_contradicts_the_column_is_refused(read, mapping):
    more = '  { name = "cur", target = "currency" },\n'
    found = read(f"{HEAD},cur\nA,p,1,€5,2024-05-01 10:00,USD\n", mapping(more=more), currency="USD")
    assert [rule for rule, _ in found.refused.values()] == ["foreign_currency"]


@pytest.mark.parametrize(
    ("formats", "text", "utc"),
    [
        ('["%Y-%m-%d %H:%M:%S %z"]', "2024-05-02 10:00:12 -0400", "2024-05-02 14:00:12"),
        ('["%Y-%m-%dT%H:%M:%S%z"]', "2024-05-02T10:00:12+02:00", "2024-05-02 08:00:12"),
        ('["epoch"]', "1714644012", "2024-05-02 10:00:12"),
        ('["epoch"]', "1714644012.5", "2024-05-02 10:00:12.500000"),
        ('["epoch_ms"]', "1714644012500", "2024-05-02 10:00:12.500000"),
        ('["epoch_us"]', "1714644012500000", "2024-05-02 10:00:12.500000"),
        ('["%m/%d/%Y %I:%M %p"]', "05/02/2024 01:05 PM", "2024-05-02 11:05:00"),
        ('["%m/%d/%Y %I:%M %p"]', "5/2/2024 12:00 am", "2024-05-01 22:00:00"),
        (
            '["%d.%m.%y", "%Y-%m-%d %H:%M:%S%.f"]',
            "2024-05-02 10:00:00.25",
            "2024-05-02 08:00:00.25",
        ),
        # the hour that happens twice is its first; the one that never happens is moved forward
        ('["%Y-%m-%d %H:%M"]', "2024-10-27 02:30", "2024-10-27 00:30:00"),
        ('["%Y-%m-%d %H:%M"]', "2024-03-31 02:30", "2024-03-31 01:30:00"),
    ],
)
def test_times_are_the_instants_they_say(read, mapping, formats, text, utc):
    found = read(f'{HEAD}\nA,p,1,5,"{text}"\n', mapping(formats=formats))
    (at,) = found.rows["ordered_at"].to_list()
    assert at.replace(tzinfo=None) == datetime.fromisoformat(utc)
    assert found.rows["is_date_only"].to_list() == [None]


@pytest.mark.parametrize(
    ("formats", "more", "text", "is_date_only"),
    [
        ('["%d.%m.%Y"]', "", "02.05.2024", True),
        ('["%d.%m.%Y %H:%M", "%d.%m.%Y"]', "", "02.05.2024", True),
        ('["%d.%m.%Y %H:%M", "%d.%m.%Y"]', "", "02.05.2024 00:00", None),
        ('["%d.%m.%Y %H:%M"]', ", date_only = true", "02.05.2024 00:00", True),
        ('["%d.%m.%Y %H:%M"]', ", date_only = true", "02.05.2024 09:30", None),
    ],
)
def test_a_date_stays_a_date(read, mapping, formats, more, text, is_date_only):
    found = read(f"{HEAD}\nA,p,1,5,{text}\n", mapping(formats=formats, time=more))
    assert found.rows["is_date_only"].to_list() == [is_date_only]
    assert found.rows["ordered_local"].to_list()[0].date().isoformat() == "2024-05-02"


@pytest.mark.parametrize(
    ("formats", "time", "match"),
    [
        ('["%Y-%m-%d %z"]', ', zone = "UTC"', "leave zone out"),
        ('["epoch"]', ', zone = "Europe/Berlin"', "leave zone out"),
        ('["%Y-%m-%d %z", "%Y-%m-%d"]', "", "some of its formats name instants"),
    ],
)
def test_contradicting_times_are_refused(read, mapping, formats, time, match):
    with pytest.raises(ConfigError, match=match):
        read(f"{HEAD}\n", mapping(formats=formats, time=time))


def test_a_wall_clocks_time_in_a_column_of_instants_is_refused(read, mapping):
    content = f"{HEAD}\nA,p,1,5,2024-05-02 10:00:00\n"
    found = read(content, mapping(formats='["%Y-%m-%d %H:%M:%S %z"]'))
    assert [rule for rule, _ in found.refused.values()] == ["ordered_local_invalid"]


def test_date_and_time_in_two_columns(read):
    mapping = """
about = "Two columns."
table = "order_lines"
columns = [
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal" },
  { from = ["day", "clock"], target = "ordered_local", type = "timestamp", formats = ["%d/%m/%Y %H:%M", "%d/%m/%Y"] },
]
"""  # noqa: E501
    content = "order,sku,qty,price,day,clock\nA,p,1,5,02/05/2024,10:15\nB,p,1,5,02/05/2024,\n"
    found = read(content + "C,p,1,5,,10:15\n", mapping)
    assert [str(t) for t in found.rows["ordered_local"]] == [
        "2024-05-02 10:15:00", "2024-05-02 00:00:00",
    ]  # fmt: skip
    assert found.rows["is_date_only"].to_list() == [None, True]
    assert list(found.refused) == [4]


def test_words_for_nothing_are_declared_per_file_and_column(read, mapping):
    more = (
        '  { name = "customer", target = "customer_id", nulls = ["0", "x"] },\n'
        '  { name = "town", target = "city", required = false },\n'
    )
    content = (
        f"{HEAD},customer,town\nA,p,1,5,2024-05-01 10:00,0,NULL\nB,p,1,5,2024-05-01 10:00,x,0\n"
        "C,p,1,5,2024-05-01 10:00,guest,Bonn\n"
    )
    found = read(content, mapping('nulls = ["NULL"]', more=more))
    assert found.rows["customer_id"].to_list() == [None, None, "guest"]  # the column says its own
    assert found.rows["city"].to_list() == [None, "0", "Bonn"]


def test_words_for_nothing_of_the_whole_file_say_nothing_of_guests(read, mapping):
    content = f"{HEAD},customer\n" + "".join(
        f"{i},p,1,5,2024-05-01 10:00,{customer}\n"
        for i, customer in enumerate(["0", "Guest", "NULL", "17"])
    )
    for own, expected in (
        ("", [None, None, None, "17"]),
        (", nulls = []", ["0", "Guest", "NULL", "17"]),
    ):
        more = f'  {{ name = "customer", target = "customer_id"{own} }},\n'
        found = read(content, mapping('nulls = ["NULL"]', more=more))
        assert found.rows["customer_id"].to_list() == expected
        assert any(note.startswith("2 rows are of guests") for note in found.notes) == (not own)


def test_guests_are_no_customer_and_are_counted(read, mapping):
    more = '  { name = "customer", target = "customer_id" },\n'
    content = f"{HEAD},customer\n" + "".join(
        f"{i},p,1,5,2024-05-01 10:00,{customer}\n"
        for i, customer in enumerate(["0", "Guest", "", "17", "NULL"])
    )
    found = read(content, mapping(more=more))
    assert found.rows["customer_id"].to_list() == [None, None, None, "17", "NULL"]
    assert any(note.startswith("2 rows are of guests") for note in found.notes)
    assert any(note.startswith("1 rows have a customer such as 'NULL'") for note in found.notes)


KEYED = """
about = "Cards and days."
table = "order_lines"
columns = [
  { from = ["member", "day"], by = "-", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal" },
  { name = "day", target = "ordered_local", type = "timestamp", formats = ["%Y%m%d"] },
]
"""


def test_a_key_of_two_columns_is_empty_where_one_is(read):
    content = "member,sku,qty,price,day\n7,p,1,5,20240501\n7,q,1,5,20240502\n,r,1,5,20240502\n"
    found = read(content, KEYED)
    assert found.rows["order_id"].to_list() == ["7-20240501", "7-20240502"]
    assert [rule for rule, _ in found.refused.values()] == ["order_id_empty"]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("A,,1,5,2024-05-01 10:00", "product_id_empty"),
        (",p,1,5,2024-05-01 10:00", "order_id_empty"),
        (f"{'x' * 501},p,1,5,2024-05-01 10:00", "order_id_too_long"),
        ("A,p,1,5,0001-01-01 00:00", "ordered_at_impossible"),
        ("A,p,1,5,2999-01-01 00:00", "ordered_at_impossible"),
        ("A,p,9999999,5,2024-05-01 10:00", "quantity_too_large"),
        ("A,p,99999999999999999999,5,2024-05-01 10:00", "quantity_invalid"),
        ("A,p,1,99999999999,2024-05-01 10:00", "unit_price_invalid"),
    ],
)
def test_what_staging_cannot_hold_is_a_reject(read, mapping, row, rule):
    found = read(f"{HEAD}\n{row}\nB,p,1,5,2024-05-01 10:00\n", mapping())
    assert found.rows["order_id"].to_list() == ["B"]
    assert found.refused[2][0] == rule


TOTALS = '  { name = "total", target = "line_total", type = "decimal" },\n'


@pytest.mark.parametrize(
    ("more", "row", "money", "price"),
    [
        # three for 10.00: no price of one piece gives it
        (TOTALS, "A,p,3,,2024-05-01 10:00,10.00", "10.00", 3.3333),
        (TOTALS, "A,p,-3,,2024-05-01 10:00,-10.00", "-10.00", 3.3333),
        (TOTALS, "A,p,2,20,2024-05-01 10:00,36", "36", 20),
        (TOTALS, "A,p,0,,2024-05-01 10:00,-5", "-5", 0),
        ('  { name = "off", target = "discount_amount", type = "decimal" },\n',
         "A,p,2,20,2024-05-01 10:00,4", "36", 20),
        ('  { name = "off", target = "discount_amount", type = "decimal" },\n',
         "A,p,-2,20,2024-05-01 10:00,-4", "-36", 20),
        ('  { name = "off", target = "discount_share", type = "decimal" },\n',
         "A,p,3,1.99,2024-05-01 10:00,0.15", "5.0745", 1.99),
    ],
)  # fmt: skip
def test_the_money_of_a_line_is_exact(read, mapping, more, row, money, price):
    name = more.split('"')[1]
    found = read(f"{HEAD},{name}\n{row}\n", mapping(more=more))
    assert found.money == Decimal(money)
    assert found.values("unit_price") == [price]


def test_a_total_whose_sign_contradicts_the_pieces_is_refused(read, mapping):
    found = read(f"{HEAD},total\nA,p,-1,15,2024-05-01 10:00,15\n", mapping(more=TOTALS))
    assert [rule for rule, _ in found.refused.values()] == ["signs_contradict"]


ORDER = '  { name = "ship", type = "decimal", required = false },\n'
SHIPPING = '[[also]]\nkind = "shipping"\namount = "ship"\nonce_per = "order_id"\n'


def test_order_level_money_is_one_line_however_often_it_is_said(read, mapping):
    content = (
        f"{HEAD},ship\nA,p,1,5,2024-05-01 10:00,3\nA,q,1,5,2024-05-01 10:00,3\n"
        "B,p,1,5,2024-05-01 10:00,\nB,q,1,5,2024-05-01 10:00,4\nC,p,1,5,2024-05-01 10:00,0\n"
        "A,r,1,5,2024-05-01 10:00,3\n"
    )
    found = read(content, mapping(more=ORDER, tables=SHIPPING))
    lines = found.added.select("order_id", "line_kind", "unit_price", "made_of").sort("order_id")
    assert [(o, k, float(p), m) for o, k, p, m in lines.iter_rows()] == [
        ("A", "shipping", 3.0, "ship"), ("B", "shipping", 4.0, "ship"),
    ]  # fmt: skip
    assert found.money == Decimal(37)


def test_two_amounts_for_one_order_are_refused(read, mapping):
    content = f"{HEAD},ship\nA,p,1,5,2024-05-01 10:00,3\nA,q,1,5,2024-05-01 10:00,4\n"
    found = read(content, mapping(more=ORDER, tables=SHIPPING))
    assert found.refused[3][0] == "order_contradicts"
    assert found.money == Decimal(8)


def test_a_refused_first_line_does_not_take_the_shipping_with_it(read, mapping):
    content = f"{HEAD},ship\nA,p,x,5,2024-05-01 10:00,3\nA,q,1,5,2024-05-01 10:00,3\n"
    found = read(content, mapping(more=ORDER, tables=SHIPPING))
    assert found.money == Decimal(8)
    assert found.added.height == 1


def test_tax_has_to_be_said_to_be_included_or_apart(read, mapping):
    tables = '[[also]]\nkind = "tax"\namount = "ship"\nonce_per = "order_id"\n'
    with pytest.raises(ConfigError, match="whether prices include it"):
        read(f"{HEAD}\n", mapping(more=ORDER, tables=tables))


@pytest.mark.parametrize(
    ("tax", "once", "kinds", "money"),
    [
        ("apart", True, {"tax": 2.0}, "12"),
        ("included", True, {"tax": 2.0, "included_tax": -2.0}, "10"),
        ("included", False, {"tax": 2.0}, "10"),
        ("apart", False, {"tax": 2.0}, "12"),
    ],
)
def test_tax_is_in_the_order_once(read, mapping, tax, once, kinds, money):
    once_per = 'once_per = "order_id"\n' if once else ""
    tables = f'[[also]]\nkind = "tax"\namount = "ship"\n{once_per}'
    content = f"{HEAD},ship\nA,p,2,5,2024-05-01 10:00,2\n"
    found = read(content, mapping(f'tax = "{tax}"', more=ORDER, tables=tables))
    lines = found.added.select("line_kind", "unit_price").iter_rows()
    assert {kind: float(price) for kind, price in lines} == kinds
    assert found.money == Decimal(money)


def test_a_whole_order_taken_back_is_nothing_in_the_end(read, mapping):
    more = ORDER + '  { name = "state" },\n'
    tables = SHIPPING + "[[taken_back]]\nwhen = \"state = 'refunded'\"\n"
    content = (
        f"{HEAD},ship,state\nA,p,2,5,2024-05-01 10:00,3,refunded\n"
        "A,q,1,7,2024-05-01 10:00,,refunded\n"
    )
    found = read(content, mapping(more=more, tables=tables))
    assert found.rows["status"].to_list() == ["sold", "sold"]
    back = found.added.filter(found.added["status"] == "returned")
    assert sorted(back["line_kind"].to_list()) == ["product", "product", "shipping"]
    assert found.money == Decimal(0)


def test_rows_that_are_no_sales_are_left_out_by_name(read, mapping):
    more = '  { name = "tags" },\n'
    tables = '[[leave_out]]\nid = "test_orders"\nwhen = "tags like \'%test%\'"\n'
    content = f"{HEAD},tags\nA,p,1,5,2024-05-01 10:00,a test\nB,p,1,5,2024-05-01 10:00,\n"
    found = read(content, mapping(more=more, tables=tables))
    assert found.rows["order_id"].to_list() == ["B"]
    assert found.ignored == {"test_orders": 1}


FILL = '[fill_down]\nwithin = "order"\ncolumns = ["state"]\n'
STATE = '  { name = "state", target = "status", required = false },\n'


def test_values_of_the_first_line_hold_for_the_lines_of_its_order(read, mapping):
    content = (
        f"{HEAD},state\nA,p,1,5,2024-05-01 10:00,cancelled\nA,q,1,5,2024-05-01 10:00,\n"
        "B,p,1,5,2024-05-01 10:00,sold\nB,q,1,5,2024-05-01 10:00,\n"
    )
    found = read(content, mapping('taken_back_rows = "returns"', more=STATE, tables=FILL))
    assert found.rows["status"].to_list() == ["cancelled", "cancelled", "sold", "sold"]


def test_an_order_that_stands_on_its_first_line_alone_is_filled_down(read, mapping):
    fill = '[fill_down]\nwithin = "order"\ncolumns = ["order", "state"]\n'
    content = (
        f"{HEAD},state\nA,p,1,5,2024-05-01 10:00,sold\n,q,1,5,2024-05-01 10:00,\n"
        "B,p,-1,5,2024-05-01 10:00,cancelled\n,q,-1,5,2024-05-01 10:00,\n"
        "C,p,1,5,2024-05-01 10:00,\n"
    )
    found = read(content, mapping(more=STATE, tables=fill))
    assert found.rows["order_id"].to_list() == ["A", "A", "B", "B", "C"]
    assert found.rows["status"].to_list() == ["sold", "sold", "cancelled", "cancelled", "sold"]
    assert any("1 rows have an empty status" in note for note in found.notes)


@pytest.mark.parametrize(
    ("keys", "statuses", "money"),
    [
        ("", None, "5"),
        ('taken_back_rows = "sales"', ["sold", "sold"], "5"),
        ('taken_back_rows = "returns"', ["sold", "cancelled"], "-2"),
    ],
)
def test_a_cancelled_row_with_pieces_is_the_sale_or_takes_one_back(
    read, mapping, keys, statuses, money
):
    content = f"{HEAD},state\nA,p,1,5,2024-05-01 10:00,sold\nB,p,1,7,2024-05-01 10:00,cancelled\n"
    found = read(content, mapping(keys, more=STATE))
    assert found.money == Decimal(money)
    if statuses is None:
        assert found.refused[3][0] == "taken_back_or_sale"
        assert 'taken_back_rows = "sales" or "returns"' in found.refused[3][1]
    else:
        assert found.rows["status"].to_list() == statuses
        assert found.added.height == (1 if "sales" in keys else 0)


WORDS = '[values.status]\nverkauft = "sold"\nstorniert = "cancelled"\n'


@pytest.mark.parametrize("when", ["status = 'cancelled'", "state = 'storniert'"])
def test_a_condition_sees_the_files_words_by_its_name_and_ours_by_the_target(read, mapping, when):
    tables = WORDS + f'[[taken_back]]\nwhen = "{when}"\nstatus = "cancelled"\n'
    content = (
        f"{HEAD},state\nA,p,1,5,2024-05-01 10:00,storniert\nB,p,1,7,2024-05-01 10:00,verkauft\n"
    )
    found = read(content, mapping(more=STATE, tables=tables))
    assert found.rows["status"].to_list() == ["sold", "sold"]
    assert found.added["status"].to_list() == ["cancelled"]
    assert found.money == Decimal(7)


def test_a_condition_that_never_holds_is_told(read, mapping):
    tables = WORDS + "[[taken_back]]\nwhen = \"state = 'cancelado'\"\n"
    tables += '[[leave_out]]\nid = "tests"\nwhen = "state = \'Test\'"\n'
    content = f"{HEAD},state\nA,p,1,5,2024-05-01 10:00,verkauft\n"
    notes = read(content, mapping(more=STATE, tables=tables)).notes
    [told] = [note for note in notes if note.startswith("No row of the file is concerned by")]
    assert "leave_out 'tests'" in told
    assert "cancelado" in told


def test_a_row_that_is_none_is_held_to_no_rule(read, mapping):
    tables = '[[leave_out]]\nid = "tests"\nwhen = "state = \'Test\'"\n'
    content = f"{HEAD},state\nA,p,one,5,yesterday,Test\nB,p,1,7,2024-05-01 10:00,sold\n"
    found = read(content, mapping(more=STATE, tables=tables))
    assert not found.refused
    assert found.ignored == {"tests": 1}
    assert found.money == Decimal(7)


def test_a_refund_that_adds_is_told(read, mapping):
    tables = '[[also]]\nkind = "refund"\namount = "ship"\n'
    found = read(f"{HEAD},ship\nA,p,1,5,2024-05-01 10:00,2\n", mapping(more=ORDER, tables=tables))
    assert any("add to their order" in note for note in found.notes)


def test_lines_apart_from_their_order_are_refused(read, mapping):
    content = (
        f"{HEAD},state\nA,p,1,5,2024-05-01 10:00,cancelled\nB,p,1,5,2024-05-01 10:00,sold\n"
        "A,q,1,5,2024-05-01 10:00,\n"
    )
    found = read(content, mapping(more=STATE, tables=FILL))
    assert found.refused[4][0] == "lines_apart"


@pytest.mark.parametrize(
    ("constant", "match"),
    [
        ('quantity = "two"', "expected a number"),
        ("quantity = 1.5", "expected a whole number"),
        ('ordered_local = "1 May"', "expected 2024-01-31"),
        ('status = "paid"', "expected one of"),
    ],
)
def test_constants_are_checked_before_a_file_is_read(read, constant, match):
    mapping = f"""
about = "Constants."
table = "order_lines"
columns = [
  {{ name = "order", target = "order_id" }},
  {{ name = "sku", target = "product_id" }},
  {{ name = "price", target = "unit_price", type = "decimal" }},
]
[constants]
{constant}
"""
    with pytest.raises(ConfigError, match=match):
        read("order,sku,price\nA,p,5\n", mapping)
