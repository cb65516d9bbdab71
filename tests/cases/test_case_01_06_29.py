"""Cases 01, 06 and 29: numbers as shops write them. What two readings allow is never guessed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ecorse.errors import ConfigError

FILES = Path(__file__).parent.parent / "fixtures" / "cases"
GERMAN = """
about = "Order lines of a German shop system."
table = "order_lines"
delimiter = ";"
{keys}
columns = [
  {{ name = "Bestellnr", target = "order_id", aliases = ["Order ID"] }},
  {{ name = "Artikel", target = "product_name", aliases = ["Artikelname"] }},
  {{ name = "Menge", target = "quantity", type = "integer" }},
  {{ name = "Einzelpreis", target = "unit_price", type = "decimal" }},
  {{ name = "Datum", target = "ordered_local", type = "timestamp", {when} }},
  {{ name = "Kunde", target = "customer_id" }},
]
"""
WHEN = 'aliases = ["Bestelldatum"], formats = ["%d.%m.%Y %H:%M"]'
ACCOUNTING = """
about = "Lines of an accounting export."
table = "order_lines"
{keys}
columns = [
  {{ name = "order", target = "order_id" }},
  {{ name = "sku", target = "product_id" }},
  {{ name = "item", target = "product_name" }},
  {{ name = "qty", target = "quantity", type = "integer" }},
  {{ name = "price", target = "unit_price", type = "decimal" }},
  {{ name = "day", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d"] }},
]
"""
REPAIRS = 'normalise = ["parentheses", "trailing_minus", "unicode_minus"]'


def test_case_01_a_declared_comma_gives_the_money(read):
    found = read(
        FILES / "01-eu-decimals" / "bestellungen.csv",
        GERMAN.format(when=WHEN, keys='decimal = ","'),
    )
    assert found.values("unit_price") == [12.5, 1234.56, 7.25, 1250, 89]
    assert found.money == Decimal("2627.56")
    assert not found.refused


def test_case_01_what_is_not_declared_is_refused_and_named(read):
    found = read(FILES / "01-eu-decimals" / "bestellungen.csv", GERMAN.format(when=WHEN, keys=""))
    assert found.values("unit_price") == [89]
    assert {line: rule for line, (rule, _) in found.refused.items()} == {
        2: "unit_price_invalid", 3: "unit_price_invalid",
        4: "unit_price_two_readings", 5: "unit_price_two_readings",
    }  # fmt: skip
    assert 'declare decimal = ","' in found.refused[2][1]
    assert "7.250 or as 7250" in found.refused[4][1]


def test_case_06_signs_of_an_accounting_export(read):
    found = read(
        FILES / "06-accounting-negatives" / "lines.csv",
        ACCOUNTING.format(keys=f'group = " ,"\n{REPAIRS}'),
        currency="USD",
    )
    assert found.values("quantity") == [1, -1, -1, -2, 1, 1, 1, 1]
    assert found.values("unit_price") == [80, 80, 25, 25, -15, -15, 1250, 1250]
    assert not found.refused


def test_case_06_no_sign_is_lost_where_nothing_is_declared(read):
    found = read(
        FILES / "06-accounting-negatives" / "lines.csv", ACCOUNTING.format(keys=""), currency="USD"
    )
    assert found.rows["order_id"].to_list() == ["N1"]
    assert sorted(found.refused) == [3, 4, 5, 6, 7, 8, 9]
    for line, setting in ((3, "parentheses"), (4, "trailing_minus"), (5, "unicode_minus")):
        assert f'normalise = ["{setting}"]' in found.refused[line][1]
    assert 'group = " "' in found.refused[8][1]


@pytest.mark.parametrize(
    ("keys", "prices", "refused", "flagged"),
    [
        ("", {4: 12.5}, {2: "unit_price_two_readings", 3: "unit_price_two_readings"}, 0),
        ('decimal = ","', {2: 1234, 3: 7.9}, {4: "unit_price_invalid"}, 0),
        ('decimal = "."', {2: 1.234, 4: 12.5}, {3: "unit_price_invalid"}, 1),
        ('decimal = "."\ngroup = ","', {2: 1.234, 3: 7900, 4: 12.5}, {}, 1),
    ],
)
def test_case_29_each_declaration_has_its_reading(read, keys, prices, refused, flagged):
    path = FILES / "29-decimal-comma-thousands" / "de2.csv"
    found = read(path, GERMAN.format(when=WHEN, keys=keys))
    lines = zip(found.rows["source_line"].to_list(), found.values("unit_price"), strict=True)
    assert dict(lines) == prices
    assert {line: rule for line, (rule, _) in found.refused.items()} == refused
    assert found.flagged.get("unit_price_unusual", 0) == flagged


@pytest.mark.parametrize(
    ("style", "text", "value"),
    [
        ('decimal = ","', "1.234.567,89", 1234567.89),
        ('decimal = ",", group = " "', "1\u202f234,5", 1234.5),
        ('decimal = ".", group = "\'"', "1’234’567.05", 1234567.05),
        ('decimal = ".", group = ","', "12,34,567.00", 1234567.00),  # lakh and crore
        ('decimal = ","', "-,5", -0.5),
        ('decimal = ","', "0,123", 0.123),
        ('decimal = ".", normalise = ["trailing_minus"]', "€ 1.5-", -1.5),
        ('decimal = ".", normalise = ["parentheses"]', "(EUR 1.50)", -1.5),
        ('decimal = ".", normalise = ["parentheses"]', "(-1.50)", None),
        ('decimal = ".", normalise = ["parentheses"]', "(1.50", None),
        ('decimal = "."', "--1", None),
        ('decimal = "."', "1e5", None),
        ('decimal = "."', "12 %", None),
        ('decimal = "."', "0x10", None),
        ('decimal = "."', "nan", None),
        ('decimal = "."', "1.23456", None),
        ('decimal = "."', "1.23000000", 1.23),
        ('decimal = "."', "12345678901.00", None),
        ("", "0.123", 0.123),  # no group begins with 0
        ("", "1234.567", 1234.567),  # and none has four digits
        ("", "1,5", None),
        ("", "1.234.567", None),
        ("", "€1.234", None),
    ],
)
def test_siblings_one_number_at_a_time(read, mapping, style, text, value):
    price = f", {style}" if style else ""
    content = f'order,sku,qty,price,time\nA,p,1,"{text}",2024-05-01 10:00\n'
    found = read(content, mapping(price=price))
    assert (found.values("unit_price") if found.rows.width else []) == (
        [] if value is None else [value]
    )
    assert bool(found.refused) == (value is None)


@pytest.mark.parametrize(
    ("text", "share"),
    [("10", 0.1), ("10 %", 0.1), ("10,5%", 0.105), ("0", 0.0), ("100%", 1.0)],
)
def test_a_percentage_is_a_share_with_or_without_its_sign(read, mapping, text, share):
    more = '  { name = "off", target = "discount_share", type = "percent", decimal = "," },\n'
    found = read(f"order;sku;qty;price;time;off\nA;p;3;20;2024-05-01 10:00;{text}\n",
                 mapping('delimiter = ";"', more=more))  # fmt: skip
    assert float(found.money) == pytest.approx(60 * (1 - share), abs=1e-9)


def test_pieces_with_a_group_sign_are_declared_too(read, mapping):
    content = 'order,sku,qty,price,time\nA,p,"1,000",1,2024-05-01 10:00\n'
    assert read(content, mapping('group = ","')).values("quantity") == [1000]
    (refused,) = read(content, mapping()).refused.values()
    assert refused[0] == "quantity_two_readings"


def test_a_group_sign_that_is_the_decimal_sign_is_refused(read, mapping):
    with pytest.raises(ConfigError, match="decimal and group are both"):
        read("order,sku,qty,price,time\n", mapping(price=', decimal = ",", group = ".,"'))
