"""A planted season over more than two years: found by its index, and foretold."""

from __future__ import annotations

import calendar
from datetime import date

import pytest

PATTERN = [1.0] * 11 + [2.0]  # December sells twice as much; the mean is 13 / 12
MONTHS = 30


@pytest.fixture
def planted(marts):
    """Thirty months of exactly the pattern, growing by nothing, from January 2017 on."""
    rows = []
    for number in range(1, MONTHS + 1):
        year, month = 2017 + (number - 1) // 12, (number - 1) % 12 + 1
        days = calendar.monthrange(year, month)[1]
        per_day = 12 * PATTERN[month - 1]
        rows.append(
            {
                "shop_id": "a", "scope": "shop", "category": "all",
                "month_date": date(year, month, 1), "month_number": number, "days": days,
                "lines": 40, "units": round(per_day * days), "units_per_day": per_day,
            }
        )  # fmt: skip
    marts.insert("marts.monthly_units", rows)
    for name in ("seasonality_history", "monthly_forecasts"):
        marts.conn.execute(f"insert into marts.{name} {marts.rendered(name)}")
    return marts


def test_the_index_is_the_pattern(planted):
    found = dict(
        planted.conn.execute(
            "select month, index from marts.seasonality_history "
            "where origin_month_date = '2019-07-01'"
        ).fetchall()
    )
    mean = sum(PATTERN) / 12
    assert found == pytest.approx({m: p / mean for m, p in enumerate(PATTERN, 1)}, abs=1e-7)
    methods = planted.conn.execute(
        "select distinct months_known >= 24, method from marts.seasonality_history order by 1"
    ).fetchall()
    assert methods == [(False, "ratio to mean"), (True, "ratio to centred moving average")]


def test_the_season_is_foretold_where_the_month_before_misleads(planted):
    """January 2019 from December 2018: naive says 24 a day, and 12 came."""
    found = dict(
        planted.conn.execute(
            "select method, absolute_error from marts.monthly_forecasts "
            "where month_date = '2019-01-01'"
        ).fetchall()
    )
    assert float(found["naive"]) == 12 * 31
    assert float(found["seasonal naive"]) == 0
    assert float(found["seasonal index"]) == pytest.approx(0, abs=0.05)
