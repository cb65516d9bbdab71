"""The language of conditions: exact numbers, nulls as in SQL, and nothing but what is listed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecorse.clean.expressions import MOST_CHARACTERS, Name, compile
from ecorse.clean.operands import ExpressionError

ROWS = {
    "order_id": ["9", "10", None],
    "quantity": [2, -3, None],
    "unit_price": [Decimal("1.2345"), Decimal("10.0000"), Decimal("2.5000")],
    "Lineitem name": ["Tip jar", "tips\nand more", "Mug"],
    "ordered_local": [datetime(2019, 4, 12, 10), datetime(2019, 12, 30, 23, 59), None],
    "day": [date(2019, 4, 12), date(2019, 12, 31), None],
    "is_gift": [True, None, False],
}
SCHEMA = {
    "order_id": pl.String(), "quantity": pl.Int64(), "unit_price": pl.Decimal(14, 4),
    "Lineitem name": pl.String(), "ordered_local": pl.Datetime("us"), "day": pl.Date(),
    "is_gift": pl.Boolean(),
}  # fmt: skip
FRAME = pl.DataFrame(ROWS, schema=SCHEMA)
NAMES = {name: Name(name, dtype) for name, dtype in SCHEMA.items()} | {
    "state": Name("state", pl.String(), is_there=False)
}
EUR = {"currency": "EUR", "time_zone": "Europe/Berlin"}


def values(text, frame=FRAME, names=NAMES):
    compiled = compile(text, names, shop=EUR)
    return frame.select("order_id", compiled.expr.alias("_it"))["_it"].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quantity * unit_price", [Decimal("2.469"), Decimal("-30"), None]),
        ("quantity + 1 - unit_price", [Decimal("1.7655"), Decimal("-12"), None]),
        ("unit_price / 3 * 3 = unit_price", [True, False, False]),
        ("round(unit_price / 3, 2)", [Decimal("0.41"), Decimal("3.33"), Decimal("0.83")]),
        ("round(unit_price)", [1, 10, 3]),  # half away from zero
        ("round(-unit_price)", [-1, -10, -3]),
        ("quantity / 0", [None, None, None]),
        ("quantity % 2", [0, -1, None]),  # the sign of what is divided
        ("quantity % 0", [None, None, None]),
        ("-quantity", [-2, 3, None]),
        ("abs(quantity)", [2, 3, None]),
        ("year(day) * 100 + month(day)", [201904, 201912, None]),
        ("hour(ordered_local)", [10, 23, None]),
        ("weekday(day)", [5, 2, None]),  # a Friday and a Tuesday
        ("day(ordered_local) = day(day)", [True, False, None]),
        ("day > ordered_local", [False, True, None]),  # a date is its midnight
        ("ordered_local >= '2019-05-01'", [False, True, None]),
        ("day between '2019-04-12' and date '2019-12-30'", [True, False, None]),
        ("\"Lineitem name\" like '%Tip%'", [True, False, False]),
        ("lineitem_name ilike 'tip%'", [True, True, False]),
        ("\"Lineitem name\" like 'M_g'", [False, False, True]),
        ("\"Lineitem name\" not like '%.%'", [True, True, True]),  # a point is a point
        ("regexp_like(order_id, '^1')", [False, True, None]),
        ("order_id in ('9', '11')", [True, False, None]),
        ("order_id not in ('9', null)", [False, None, None]),
        ("quantity in (2, 2.5)", [True, False, None]),
        ("is_gift or quantity < 0", [True, True, None]),
        ("is_gift and quantity > 0", [True, False, False]),
        ("not is_gift", [False, None, True]),
        ("is_gift is true", [True, False, False]),
        ("order_id is not null", [True, True, False]),
        ("state is null", [True, True, True]),  # the file lacks the column
        ("coalesce(order_id, 'none')", ["9", "10", "none"]),
        ("nullif(order_id, '9')", [None, "10", None]),
        ("case when quantity > 0 then 'sold' when quantity < 0 then 'returned' end",
         ["sold", "returned", None]),
        ("case quantity when 2 then 0.5 else 1 end", [Decimal("0.5"), 1, 1]),
        ("order_id || '-' || cast(quantity as text)", ["9-2", "10--3", None]),
        ("concat(order_id, '/', unit_price)", ["9/1.2345", "10/10", "/2.5"]),
        ("upper(left(\"Lineitem name\", 3)) || right(order_id, 1)", ["TIP9", "TIP0", None]),
        ("length(trim(replace(\"Lineitem name\", 'Tip', '')))", [3, 13, 3]),
        ("cast(order_id as integer) + 1", [10, 11, None]),
        ("cast(\"Lineitem name\" as integer)", [None, None, None]),
        ("shop.currency = 'EUR' and quantity > 0", [True, False, None]),
        ("quantity = null", [None, None, None]),
    ],
)  # fmt: skip
def test_what_an_expression_gives(text, expected):
    assert values(text) == expected


def test_a_product_is_exact_to_the_last_place():
    """9,999,999,999.9999 squared has twenty digits before and eight behind the point."""
    frame = pl.DataFrame(
        {"order_id": ["1"], "unit_price": [Decimal("9999999999.9999")]},
        schema={"order_id": pl.String, "unit_price": pl.Decimal(14, 4)},
    )
    assert values("unit_price * unit_price", frame) == [Decimal("99999999999998000000.00000001")]
    # beyond 38 digits there is no answer, and no crash
    assert values("unit_price * unit_price * unit_price * unit_price", frame) == [None]


money = st.decimals(-(10**10) + 1, 10**10 - 1, places=4)


@settings(deadline=None)
@given(st.integers(-(10**6), 10**6), money, money, st.decimals(-1, 1, places=4))
def test_money_is_as_in_exact_arithmetic(quantity, price, other, share):
    frame = pl.DataFrame(
        {"order_id": ["x"], "quantity": [quantity], "unit_price": [price], "b": [other],
         "share": [share]},
        schema={"order_id": pl.String, "quantity": pl.Int64, "unit_price": pl.Decimal(14, 4),
                "b": pl.Decimal(14, 4), "share": pl.Decimal(14, 4)},
    )  # fmt: skip
    names = {n: Name(n, t) for n, t in frame.schema.items()}
    exactly = quantity * price * (1 - share) - other
    assert values("quantity * unit_price * (1 - share) - b", frame, names) == [exactly]
    cents = exactly.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert values("round(quantity * unit_price * (1 - share) - b, 2)", frame, names) == [cents]
    compared = values(f"quantity * unit_price = {abs(quantity * price)}", frame, names)
    assert compared == [quantity * price >= 0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ordr_id = '1'", "no column 'ordr_id' (perhaps 'order_id'); there are 'order_id', 'quant"),
        ("order_id = 9", "order_id is a text; declare its column with type"),
        ("order_id > '5'", "letter by letter"),
        ("order_id between '1' and '5'", "letter by letter"),
        ("month(order_id) = 1", "month() needs a date"),
        ("hour(day) = 1", "hour() needs a date and time"),
        ("unit_price % 2 = 0", "% needs whole numbers"),
        ("ordered_local - ordered_local", "needs a number"),
        ("day > 'yesterday'", "a date such as"),
        ("is_gift = 1", "needs true or false"),
        ("quantity", "a condition needs true or false"),
        ("case when quantity then 1 end = 1", "when needs true or false"),
        ("coalesce(order_id, 1) = '1'", "needs a number"),
        ("regexp_like(order_id, '(')", "no regular expression"),
        ("regexp_like(order_id, order_id)", "a text in quotes"),
        ("1e5 > quantity", "1e5 is no number"),
        ("left(order_id, order_id) = '1'", "left() needs a whole number"),
        ("quantity +", "no SQL expression"),
        ("quantity > 1; quantity > 2", "one expression"),
        ("", "one expression"),
        ("previous(quantity) < quantity", "previous() is for rules alone"),
        ("count_of(order_id) = 1", "count_of() is for rules of level warn alone"),
    ],
)
def test_what_makes_no_sense_is_told(text, told):
    with pytest.raises(ExpressionError) as raised:
        compile(text, NAMES, is_condition=True)
    assert told in str(raised.value)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "select 1", "quantity = (select 1)", "quantity in (select 1)", "exists (select 1)",
        "pg_sleep(10) = 1", "pg_read_file('x') = ''", "quantity::json = '1'", "$1 = 1", ":x = 1",
        "* = 1", "order_id collate \"C\" = '9'", "order_id ~ '('", "now() > day",
        "extract(month from day) = 4", "interval '1 day' = day", "array[1] = quantity",
        "trim(both 'x' from order_id) = '9'", "sum(quantity) over () = 1", "random() = 1",
        "row_number() over () = 1", "cast(quantity as decimal(3, 1)) = 1", "a.b.c = 1",
        "order_id like any ('{x}') = true", "quantity = all (select 1)", "drop table x",
        "(" * 200 + "1" + ")" * 200 + " = 1", "1" + " + 1" * 300 + " = 1", "not " * 200 + "is_gift",
        "quantity = 1" + " " * MOST_CHARACTERS, "coalesce(" * 60 + "1" + ")" * 60 + " = 1",
    ],
)  # fmt: skip
def test_nothing_but_what_is_listed_runs(text):
    with pytest.raises(ExpressionError):
        compile(text, NAMES, is_condition=True, of_other_rows=True, may_count=True)


TOKENS = (
    "order_id", "quantity", "unit_price", "day", "ordered_local", "is_gift", "state", "previous(",
    "count_of(", "round(", "coalesce(", "cast(", "as integer)", "as text)", "as date)", "2", "0.5",
    "'x'", "'2024-01-01'", "null", "true", "(", ")", ",", "+", "-", "*", "/", "%", "=", "<>", "<",
    ">=", "and", "or", "not", "in", "between", "like", "is", "||", "case", "when", "then", "else",
    "end",
)  # fmt: skip
SAID = st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=60), SAID))
def test_any_text_is_an_expression_or_an_error(text):
    try:
        compiled = compile(text, NAMES, of_other_rows=True, may_count=True)
    except ExpressionError:
        return
    with_previous = FRAME.with_columns(e.alias(n) for n, e in compiled.previous)
    with_previous.select("order_id", compiled.expr.alias("_it"))


def test_names_that_may_be_either_of_two_are_refused():
    names = {"Order ID": Name("a", pl.String()), "order-id": Name("b", pl.String())}
    with pytest.raises(ExpressionError, match="may be any of"):
        compile("order_id = '1'", names)
    assert compile("\"Order ID\" = '1'", names).expr.meta.root_names() == ["a"]


def test_months_days_and_hours_of_an_instant_are_those_of_the_shops_clock():
    """22:00 on 31 January in New York is 1 February in UTC."""
    at = datetime(2024, 2, 1, 3, 0, tzinfo=UTC)
    frame = pl.DataFrame({"at": [at]})
    names = {"at": Name("at", frame.schema["at"])}
    shop = {"time_zone": "America/New_York"}
    found = {
        part: frame.select(compile(f"{part}(at)", names, shop=shop).expr).item()
        for part in ("year", "month", "day", "hour", "weekday")
    }
    assert found == {"year": 2024, "month": 1, "day": 31, "hour": 22, "weekday": 3}


@pytest.mark.parametrize("text", ["round(price, -1)", "left(word, -1)", "right(word, -1)"])
def test_a_place_below_zero_is_refused(text):
    names = {"price": Name("price", pl.Decimal(14, 4)), "word": Name("word", pl.String())}
    with pytest.raises(ExpressionError, match="needs a whole number"):
        compile(text, names)
