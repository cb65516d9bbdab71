"""Money in another currency: refused, or converted by the rate of its day, which stays with the
line. Expected amounts are worked out by hand."""

from __future__ import annotations

import textwrap
from decimal import Decimal

import pytest

from ecorse.clean.rates import RATES_SCHEMA, Rates
from ecorse.errors import ContractError
from ecorse.ingest.check import check_file
from ecorse.ingest.dry import dry_load
from ecorse.ingest.load import load_file
from ecorse.ingest.rates import rates_of_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.sources.mappings.source import read_mapping
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
MAPPING = """
about = "Lines in several currencies."
table = "order_lines"
foreign_currency = "convert"
decimal = "."
columns = [
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal" },
  { name = "money", target = "currency" },
  { name = "day", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d"] },
  { name = "shipping", type = "decimal" },
]
[[also]]
kind = "shipping"
amount = "shipping"
once_per = "order_id"
"""
LINES = """\
order,sku,qty,price,money,day,shipping
1,mug,3,10.00,USD,2024-05-01,4.00
2,mug,1,8.00,EUR,2024-05-01,
3,mug,1,10.00,USD,2024-05-05,
4,mug,1,10.00,GBP,2024-05-05,
5,mug,1,10.00,USD,2024-04-30,
6,mug,1,10.00,USD,2024-06-03,
7,mug,1,10.00,$$$,2024-05-05,
"""
# a rate is of its day and of those after it; of 2024-05-02 it holds for 31 days, to 2024-06-02
RATES = """\
date,from,to,rate
2024-05-01,USD,EUR,0.9333333333
2024-05-02,USD,EUR,0.9
2024-05-01,EUR,GBP,0.85
"""


def write(path, text):
    path.write_text(textwrap.dedent(text))
    return path


@pytest.fixture
def lines(tmp_path):
    return read_mapping(write(tmp_path / "lines.toml", MAPPING))


def load(path, source, **options):
    with writer(f"ingest:main:{source.name}", "test") as fence:
        return load_file(path, shop=SHOP, source=source, fence=fence, **options)


def query(statement):
    with connect() as conn:
        return conn.execute(statement).fetchall()


def test_lines_are_converted_by_the_rate_of_their_day(warehouse, tmp_path, lines):
    load(write(tmp_path / "rates.csv", RATES), get_source("fx_rates"))
    path = write(tmp_path / "lines.csv", LINES)
    summary = load(path, lines)
    # 3 x 10 x 0.9333333333 = 28.0000; shipping 4 x 0.9333333333 = 3.7333; 8; 10 x 0.9 = 9
    assert summary.money_staged == Decimal("28.0000") + Decimal("3.7333") + 8 + 9
    assert (summary.rows_staged, summary.lines_added, summary.rows_rejected) == (3, 1, 4)
    assert summary.counts["rejected"] == {"fx_rate_missing": 3, "currency_unknown": 1}
    assert query(
        "select order_id, line_kind, currency, unit_price, line_amount, stated_currency, "
        "stated_unit_price, fx_rate from staging.order_lines order by 1, 2"
    ) == [
        ("1", "product", "EUR", Decimal("9.3333"), Decimal("28.0000"), "USD", 10,
         Decimal("0.9333333333")),
        ("1", "shipping", "EUR", Decimal("3.7333"), None, "USD", 4, Decimal("0.9333333333")),
        ("2", "product", "EUR", 8, None, None, None, None),
        ("3", "product", "EUR", 9, None, "USD", 10, Decimal("0.9")),
    ]  # fmt: skip
    (told,) = query("select sentence from ops.reject where raw like '4,%'")
    assert "GBP on 2024-05-05" in told[0]
    # check, given the rates as a file, says the same
    rates = rates_of_file(tmp_path / "rates.csv", get_source("fx_rates"), SHOP)
    dry = dry_load(path, lines, SHOP, keep=False, rates=rates)
    assert dry.counted.money == summary.money
    assert dry.counted.counts["rejected"] == summary.counts["rejected"]


def test_lines_that_lacked_a_rate_are_read_again_when_rates_come(warehouse, tmp_path, lines):
    path = write(tmp_path / "lines.csv", LINES)
    first = load(path, lines)
    assert first.counts["rejected"] == {"fx_rate_missing": 5, "currency_unknown": 1}
    assert load(path, lines).is_skipped
    load(write(tmp_path / "rates.csv", RATES), get_source("fx_rates"))
    again = load(path, lines)
    assert not again.is_skipped
    assert again.counts["rejected"]["fx_rate_missing"] == 3
    assert load(path, lines).is_skipped


def test_without_being_told_so_nothing_is_converted(warehouse, tmp_path):
    refusing = read_mapping(
        write(tmp_path / "lines.toml", MAPPING.replace('foreign_currency = "convert"', ""))
    )
    summary = load(write(tmp_path / "lines.csv", LINES), refusing)
    assert summary.money_staged == 8
    assert summary.counts["rejected"] == {"foreign_currency": 5, "currency_unknown": 1}


def test_a_rate_holds_the_other_way_round_only_where_it_says_so(tmp_path):
    one_way = write(tmp_path / "rates.csv", "date,from,to,rate\n2024-05-01,EUR,USD,1.25\n")
    both = write(
        tmp_path / "both.csv", "date,from,to,rate,is_two_way\n2024-05-01,EUR,USD,1.25,yes\n"
    )
    source = get_source("fx_rates")
    assert rates_of_file(one_way, source, SHOP).frame.is_empty()
    assert rates_of_file(both, source, SHOP).frame["rate"].to_list() == [Decimal("0.8")]


def test_two_rates_of_one_day_are_refused(tmp_path):
    text = "date,from,to,rate\n2024-05-01,USD,EUR,0.9\n2024-05-01,USD,EUR,0.91\n"
    with pytest.raises(ContractError, match=r"USD to EUR on 2024-05-01 contradict"):
        rates_of_file(write(tmp_path / "rates.csv", text), get_source("fx_rates"), SHOP)


def test_rates_are_read_with_ten_decimals_and_no_less(tmp_path):
    text = (
        "date,from,to,rate\n2024-05-01,JPY,EUR,0.0058823529\n2024-05-01,USD,EUR,1e-3\n"
        "2024-05-01,GBP,EUR,0\n2024-05-01,CHF,EUR,0.12345678901\n2024-05-01,pound,EUR,1.1\n"
    )
    checked = check_file(write(tmp_path / "rates.csv", text), "fx_rates", SHOP)
    assert (checked.rows_good, len(checked.problems)) == (1, 4)


def test_no_rates_is_a_frame_of_none():
    import polars as pl

    assert Rates.of(pl.DataFrame(schema=RATES_SCHEMA), "EUR").frame.is_empty()
