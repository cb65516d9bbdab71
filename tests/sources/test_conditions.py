"""Rules across columns and ``[[set]]``, as mappings say them: check and load alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecorse.errors import ConfigError
from ecorse.ingest.check import check_file
from ecorse.ingest.dry import dry_load
from ecorse.ingest.one_file import clean_file
from ecorse.ingest.shops import Shop

CASES = Path(__file__).parent.parent / "fixtures" / "cases"
SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
SWAP = """
about = "A file with a month of its own."
table = "order_lines"
columns = [
  { name = "order_id", target = "order_id" },
  { name = "product", target = "product_name" },
  { name = "quantity_ordered", target = "quantity", type = "integer" },
  { name = "price_each", target = "unit_price", type = "decimal" },
  { name = "order_date", target = "ordered_local", type = "timestamp", formats = ["%F %T"] },
  { name = "month", type = "integer", required = false },
  { name = "state", required = false },
]
"""
RULE = """
[[rules]]
id = "{id}"
expr = '''{expr}'''
level = "{level}"
sentence = "they contradict each other"
"""
HEADER = "order_id,product,quantity_ordered,price_each,order_date,month,state\n"


def cleaned(path):
    return clean_file(path, "orders", time_zone="Europe/Berlin", currency="EUR")


def test_case_30_the_months_own_column_contradicts(mapping):
    mapping(SWAP + RULE.format(id="month_agrees", expr="month = month(order_date)", level="reject"))
    path = CASES / "30-month-column-contradicts" / "swap.csv"
    checked = check_file(path, "orders", SHOP)
    assert [(p.line, p.rule) for p in checked.problems] == [(2, "month_agrees")]
    assert "month is 12, month(order_date) is 4" in checked.problems[0].sentence
    found = cleaned(path)
    assert found.rows["order_id"].to_list() == ["2"]
    assert found.rejects["sentence"].to_list() == [p.sentence for p in checked.problems]


def test_ids_that_do_not_grow_with_time_are_told(mapping, tmp_path):
    """A file with day and month swapped in some rows: ids still grow, and its dates do not."""
    grow = "ordered_local >= previous(ordered_local)"
    mapping(SWAP + RULE.format(id="in_order", expr=grow, level="warn"))
    path = tmp_path / "o.csv"
    path.write_text(
        HEADER + "1,A,1,5,2019-01-09 10:00:00,,\n2,A,1,5,2019-10-01 10:00:00,,\n"
        "3,A,1,5,2019-01-10 10:00:00,,\n"
    )
    checked = check_file(path, "orders", SHOP)
    assert checked.is_pass
    (told,) = [w for w in checked.warnings if "in_order" in w]
    assert "does not hold in 1 of 3 rows" in told
    assert "line 4: ordered_local is 2019-01-10 10:00:00" in told
    assert "previous(ordered_local) is 2019-10-01 10:00:00" in told
    assert told in cleaned(path).warnings


def test_lines_of_an_order_against_its_own_count(mapping, tmp_path):
    mapping(
        SWAP.replace('"month"', '"lines"')
        + RULE.format(id="whole", expr="count_of(order_id) = lines", level="warn")
    )
    path = tmp_path / "o.csv"
    path.write_text(
        HEADER.replace("month", "lines") + "1,A,1,5,2019-01-09 10:00:00,2,\n"
        "1,B,1,5,2019-01-09 10:00:00,2,\n2,A,1,5,2019-10-01 10:00:00,3,\n"
    )
    (told,) = [w for w in check_file(path, "orders", SHOP).warnings if "whole" in w]
    assert "does not hold in 1 of 3 rows" in told
    assert "line 4: count_of(order_id) is 1, lines is 3" in told


def test_targets_by_condition(mapping, tmp_path):
    """Each target takes the first condition that holds; words are ours by then."""
    mapping(
        'taken_back_rows = "returns"\n'
        + SWAP.replace(
            '{ name = "state", required', '{ name = "state", target = "status", required'
        )
        + """
[constants]
country = "DE"
[values.status]
"zurück" = "returned"
[[set]]
when = "product ilike '%tip%' and country = 'DE'"
line_kind = "tip"
[[set]]
when = "status = 'returned' or quantity < 0"
status = "cancelled"
line_kind = "adjustment"
[[set]]
when = "shop.currency = 'USD'"
line_kind = "fee"
"""
    )
    path = tmp_path / "o.csv"
    path.write_text(
        HEADER + "1,Tip jar,1,5,2019-01-09 10:00:00,,zurück\n2,A,-1,5,2019-01-09 10:00:00,,\n"
        "3,A,1,5,2019-01-09 10:00:00,,sold\n"
    )
    rows = cleaned(path).rows
    assert rows[["status", "line_kind"]].to_numpy().tolist() == [
        ["cancelled", "tip"], ["cancelled", "adjustment"], ["sold", "product"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RULE.format(id="x", expr="monat = 1", level="reject"),
         "rule 'x': expression 'monat = 1': there is no column 'monat' (perhaps 'month')"),
        (RULE.format(id="x", expr="count_of(order_id) = 1", level="flag"), "level warn alone"),
        (RULE.format(id="x", expr="month = 1", level="reject") + 'column = "quantity"\n',
         "expr stands alone"),
        ('[[rules]]\nid = "x"\nsentence = "y"\n', "expected expr, or column and check"),
        ('[[set]]\nline_kind = "tip"\n', "set 1: expected when"),
        ('[[set]]\nwhen = "month = 1"\nline_kind = "gift"\n', "'gift': expected one of product"),
        ('[[set]]\nwhen = "month = 1"\nkind = "tip"\n', "no column 'kind' that can be set"),
        ('[[set]]\nwhen = "previous(month) = 1"\nline_kind = "tip"\n', "for rules alone"),
    ],
)  # fmt: skip
def test_conditions_that_cannot_be_are_told_when_the_mapping_is_read(mapping, text, told):
    with pytest.raises(ConfigError) as raised:
        mapping(SWAP + text)
    assert told in str(raised.value)


INSTANTS = '''
about = "Times that are not on the shop's clock."
table = "order_lines"
columns = [
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal", decimal = "." },
  { name = "fee", type = "decimal", decimal = "." },
  ORDERED,
  { name = "paid", type = "timestamp", PAID },
]
[[set]]
when = "month(ORDER_TIME) = 1 and month(paid) = 1"
platform = "january"
[[also]]
kind = "fee"
amount = "fee + month(ORDER_TIME) + hour(paid)"
when = """day(ORDER_TIME) = 31 and cast(ORDER_TIME as date) = '2024-01-31'
    and ORDER_TIME < '2024-02-01' and paid > '2024-01-31 12:00'"""
[[leave_out]]
id = "late"
when = "hour(ORDER_TIME) = 23"
[[rules]]
id = "in_january"
expr = "month(ORDER_TIME) = 1 and paid >= ORDER_TIME"
sentence = "another month"
'''
OFFSET = 'formats = ["%Y-%m-%d %H:%M %z"]'
OF_UTC = 'formats = ["%Y-%m-%d %H:%M"], zone = "UTC"'


@pytest.mark.parametrize(
    ("target", "form", "paid_form", "time", "paid", "late"),
    [
        ("ordered_at", OFFSET, OFFSET, "2024-01-31 22:00 -0500", "2024-02-01 03:30 +0000",
         "2024-02-01 04:00 +0000"),
        ("ordered_local", OF_UTC, OF_UTC, "2024-02-01 03:00", "2024-02-01 03:30",
         "2024-02-01 04:00"),
        # another country's clock, and an instant beside a time of the shop's own clock
        ("ordered_local", OF_UTC.replace("UTC", "Europe/Berlin"), OF_UTC, "2024-02-01 04:00",
         "2024-02-01 03:30", "2024-02-01 05:00"),
        ("ordered_local", OF_UTC.replace("UTC", "shop"), OFFSET, "2024-01-31 22:00",
         "2024-02-01 03:30 +0000", "2024-01-31 23:00"),
    ],
)  # fmt: skip
def test_expressions_tell_times_by_the_shops_clock(
    mapping, tmp_path, target, form, paid_form, time, paid, late
):
    """22:00 on 31 January in New York: everywhere else it is February already."""
    ordered = f'{{ name = "at", target = "{target}", type = "timestamp", {form} }}'
    text = INSTANTS.replace("ORDERED", ordered).replace("PAID", paid_form)
    source = mapping(text.replace("ORDER_TIME", target))
    path = tmp_path / "f.csv"
    path.write_text(
        f"order,sku,qty,price,fee,at,paid\nA,p,1,5.00,2.00,{time},{paid}\n"
        f"B,p,1,5.00,2.00,{late},{paid}\n"
    )
    shop = SHOP.model_copy(update={"time_zone": "America/New_York", "currency": "USD"})
    dry = dry_load(path, source, shop, keep=True)
    assert dry.rejected.height == 0
    assert dry.rows["platform"].to_list() == ["january"]
    # 2.00 and month 1 and hour 22
    assert [str(one) for one in dry.companions["order_lines"]["unit_price"]] == ["25.0000"]
    assert (dry.counted.rows_staged, dry.counted.rows_ignored) == (1, 1)
    # what is left out is valued by the same clock: 5.00 and its fee, 2 + 1 + 22
    assert str(dry.counted.money["left_out"]) == "30.0000"
