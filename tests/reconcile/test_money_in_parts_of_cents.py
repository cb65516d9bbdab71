"""Parts of cents: which way a report rounds is found, and nothing else hides behind it.

What belongs here: lines and reports written out by hand. What does not: simulated exports
(``test_planted.py``).

Six lines a day of 0.3350 each; a whole cent is a hundred units of the fourth place:
each line 0.34: 2.04 (halves up) or 0.34, for 33.5 is odd: 2.04 (halves to the even, 0.34);
an order of two lines 0.67: 2.01; a day 2.01.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from ecorse.ingest.shops import Shop
from ecorse.reports.reconcile.amounts import LINE, amounts_of, rounded
from ecorse.reports.reconcile.causes import describe
from ecorse.reports.reconcile.report import read_report
from ecorse.reports.reconcile.run import compare
from ecorse.reports.reconcile.tell import left_over

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="UTC", currency="EUR", sources=())
DAYS = 5


def lines(price: int, pieces: int = 6) -> pl.DataFrame:
    """Lines of one price on each of the days at noon, two lines an order."""
    rows = [
        {
            "order_id": f"{day}-{n // 2}", "quantity": 1, "unit_price": price, "status": "sold",
            "line_kind": "product", "ordered_at": datetime(2024, 5, day, 12, tzinfo=UTC),
            "ordered_local": datetime(2024, 5, day, 12),
        }
        for day in range(1, DAYS + 1)
        for n in range(pieces)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=LINE)


def found(folder, price, figures):
    """The comparison with a report that has these figures, one a day."""
    days = [f"2024-05-0{n},{figure}" for n, figure in enumerate(figures, 1)]
    (folder / "report.csv").write_text("\n".join(["date,gross,orders", *(f"{d},3" for d in days)]))
    report = read_report(folder / "report.csv", "till", "daily_totals")
    return compare(report, SHOP, "till", amounts_of(lines(price)))


def causes(found):
    return {cause.name: [int(n) for n in cause.adds["gross"]] for cause in found.explained.causes}


@pytest.mark.parametrize(
    ("price", "figure", "way", "adds"),
    [
        (3350, "2.04", "each line", 300),  # 6 * 0.34 - 6 * 0.3350
        (3333, "1.98", "each line", -198),  # 6 * 0.33 - 6 * 0.3333
        (3250, "1.92", "halves to the even", -300),  # 6 * 0.32
        (3333, "2.01", "each order", 102),  # 3 * 0.67 - 3 * 0.6666
        (3333, "2.00", "each day", 2),  # 2.00 - 1.9998
    ],
)
def test_the_way_of_rounding_is_found_with_its_sum(tmp_path, price, figure, way, adds):
    told = found(tmp_path, price, [figure] * DAYS)
    assert causes(told) == {"rounding": [adds] * DAYS}
    assert told.explained.is_all
    [cause] = told.explained.causes
    sentence = describe(told, cause).sentence
    assert way in sentence
    # 30 lines, half a cent each
    assert "30 amounts" in sentence
    assert "0.15" in sentence


@pytest.mark.parametrize("wrong", ["2.03", "2.05"])
def test_a_cent_beyond_is_left_though_rounding_could_be_as_much(tmp_path, wrong):
    told = found(tmp_path, 3350, ["2.04", "2.04", wrong, "2.04", "2.04"])
    assert causes(told) == {"rounding": [300] * DAYS}
    [(day, figure, amount)] = left_over(told)
    assert (str(day), figure.name) == ("2024-05-03", "gross")
    assert amount == (-100 if wrong == "2.03" else 100)


def test_whole_cents_are_never_rounded(tmp_path):
    told = found(tmp_path, 3300, ["1.98", "1.99", "1.98", "1.98", "1.98"])
    assert causes(told) == {}
    assert [(str(day), amount) for day, _, amount in left_over(told)] == [("2024-05-02", 100)]


def test_halves_below_0_go_away_from_0():
    amounts = pl.DataFrame({"order_id": ["1", "1"], "amount": [-3350, 3350], "part": ["a", "b"]})
    assert rounded(amounts, "line")["amount"].to_list() == [-3400, 3400]
    assert rounded(amounts, "line_even")["amount"].to_list() == [-3400, 3400]
