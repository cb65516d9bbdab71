"""Reading a platform's report: which kind it is, figures and days; nothing is passed over.

What belongs here: small reports written out. What does not: comparing them (``test_planted.py``).
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from ecorse.errors import ConfigError, DataError
from ecorse.reports.reconcile.amounts import REFUND_DAY_UNKNOWN, amounts_of
from ecorse.reports.reconcile.beyond import in_units
from ecorse.reports.reconcile.daily import Days, daily, quarters
from ecorse.reports.reconcile.declare import ReportFile, read_kind, report_kinds
from ecorse.reports.reconcile.report import read_report

SHOPIFY = """Day,Orders,Gross sales,Discounts,Returns,Net sales,Shipping charges,Taxes,Total sales
2024-03-30,2,"1,200.50",-10.00,0.00,"1,190.50",5.00,99.20,"1,294.70"
2024-04-01,0,0.00,0.00,-20.00,-20.00,0.00,-1.65,-21.65
"""


def written(folder, text, name="report.csv"):
    (folder / name).write_text(text)
    return folder / name


def figures(report):
    return {f.name: [int(v) for v in f.series] for f in report.figures}


def test_a_day_that_the_report_lacks_has_nothing(tmp_path):
    report = read_report(written(tmp_path, SHOPIFY), "shopify_orders")
    assert report.kind == "shopify_sales_over_time"
    assert report.days == Days(date(2024, 3, 30), date(2024, 4, 1))
    found = figures(report)
    assert found["Gross sales"] == [12005000, 0, 0]
    assert found["Returns"] == [0, 0, -200000]
    assert found["Orders"] == [20000, 0, 0]


def test_what_is_taken_off_is_below_0_whatever_the_report_writes(tmp_path):
    text = "Date,Orders,Gross sales,Coupons,Net sales\n2024-03-30 00:00:00,1,50.00,5.00,45\n"
    report = read_report(written(tmp_path, text), "woocommerce_orders")
    assert report.kind == "woocommerce_revenue"
    assert figures(report)["Coupons"] == [-50000]


def test_a_row_of_totals_is_no_day(tmp_path):
    text = SHOPIFY + 'Total,2,"1,200.50",-10.00,-20.00,"1,170.50",5.00,97.55,"1,273.05"\n'
    report = read_report(written(tmp_path, text), "shopify_orders")
    assert sum(figures(report)["Net sales"]) == 11705000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("2024-04-01", "2024-03-30"), "2024-03-30 stands on two lines"),
        (("2024-04-01", "01/04/2024"), "line 3: Day is '01/04/2024'"),
        (("2024-04-01", ""), "line 3: Day is empty"),
        (("-20.00,-20.00", "-20.00,minus 20"), "line 3: Net sales is 'minus 20'"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_not_passed_over(tmp_path, change, said):
    with pytest.raises(DataError, match=r"report\.csv") as raised:
        read_report(written(tmp_path, SHOPIFY.replace(*change)), "shopify_orders")
    assert said in str(raised.value)


def test_a_report_of_kinds_of_money_has_no_days(tmp_path):
    text = (
        "reporting_category,currency,count,gross,fee,net\n"
        "charge,usd,2,100.00,3.50,96.50\nrefund,usd,1,-20.00,0.00,-20.00\n"
        "fee,usd,1,-0.05,0.00,-0.05\ntransfer,usd,1,-10.00,0.00,-10.00\n"
    )
    report = read_report(written(tmp_path, text), "stripe_itemised")
    assert report.days is None
    assert figures(report) == {
        "Charges": [1000000], "Refunds": [-200000], "Fees": [-35500], "Adjustments": [-100000],
    }  # fmt: skip
    with pytest.raises(DataError, match="'payout' is not declared"):
        read_report(written(tmp_path, text + "payout,usd,1,-76.50,0,-76.50\n"), "stripe_itemised")


def test_a_report_that_no_kind_fits_asks(tmp_path):
    path = written(tmp_path, "Month,Turnover\n2024-01,100.00\n")
    with pytest.raises(ConfigError, match=r"which report .* Say --as KIND"):
        read_report(path, "shopify_orders")


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"name": "b", "title": "Fees", "holds": ["fees"]}, []),
        ({"name": "b", "title": "Fees", "holds": ["tips"]}, ["'Fees' stands twice"]),
        ({"name": "a", "title": "Fees", "holds": ["fees"], "row": ["x"]}, ["row of a twice"]),
    ],
)  # fmt: skip
def test_measures_of_one_title_are_parts_of_one_sum(second, said):
    first = {"name": "a", "title": "Fees", "holds": ["fees"], "row": ["x", "y"]}
    declared = ReportFile.model_validate(
        {"about": "A", "rows": "kind", "day": {"name": "d"}, "measures": [first, second]}
    )
    found = list(declared.mistakes())
    assert len(found) == len(said)
    assert all(text in mistake for text, mistake in zip(said, found, strict=True))


@pytest.mark.parametrize("kind", sorted(report_kinds()))
def test_every_declaration_that_ships_is_right(kind):
    assert read_kind(kind).about


LINES = pl.DataFrame(
    {
        "order_id": ["1", "1", "1", "2", "2", "2", "3"],
        "quantity": [2, 1, 1, 1, 1, 1, 1],
        "unit_price": ["10.00", "4.00", "-3.00", "8.00", "8.00", "-1.50", "7.00"],
        "status": ["sold", "sold", "sold", "sold", "returned", "sold", "sold"],
        "line_kind": ["product", "shipping", "discount", "product", "product", "refund", "tip"],
        "discount_amount": ["1.00", None, None, None, None, None, None],
        "line_amount": ["19.00", None, None, None, None, None, None],
        "ordered_local": ["2024-03-30 23:30"] * 3 + ["2024-03-31 12:00"] * 3 + ["2024-03-31 00:00"],
        "refunded": [None] * 4 + ["2024-04-02 01:00", None, None],
        "is_date_only": [None] * 6 + [True],
    }
)


def test_lines_become_amounts_of_days_on_either_calendar():
    """Order 1: 23:30 in New York is the next day in UTC. Order 3: a date without a time."""
    money = pl.Decimal(14, 4)
    local = pl.col("ordered_local").str.to_datetime("%Y-%m-%d %H:%M", time_unit="us")
    back = pl.col("refunded").str.to_datetime("%Y-%m-%d %H:%M", time_unit="us")

    def in_utc(local):
        return local.dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC")

    lines = LINES.with_columns(
        pl.col("unit_price", "discount_amount", "line_amount").cast(money),
        ordered_local=local, ordered_at=in_utc(local), refunded_at=in_utc(back),
    )  # fmt: skip
    sums = quarters(amounts_of(in_units(lines)))
    days = Days(date(2024, 3, 30), date(2024, 4, 2))
    here, utc = daily(sums, days, "America/New_York"), daily(sums, days, "UTC")

    def found(series):
        return {part: [int(v) // 100 for v in s] for (_, part), s in series.items()}

    order = found(here.order)
    assert order["gross"] == [2000, 800, 0, 0]
    assert order["discounts"] == [-400, 0, 0, 0]
    assert order["shipping"] == [400, 0, 0, 0]
    assert order["tips"] == [0, 700, 0, 0]
    assert order["returns"] == [0, -950, 0, 0]
    assert order["orders"] == [100, 200, 0, 0]
    assert found(here.event)["returns"] == [0, 0, 0, -800]
    assert found(here.undated[REFUND_DAY_UNKNOWN])["returns"] == [0, -150, 0, 0]
    assert found(utc.order)["gross"] == [0, 2800, 0, 0]
    assert found(utc.order)["tips"] == [0, 700, 0, 0]
