"""Bands: a bound belongs to the band above it, and Python, Polars and SQL say the same."""

from __future__ import annotations

import polars as pl
import pytest

from ecorse.bands import PRICES, Bands
from ecorse.clock import DAYPARTS, daypart
from ecorse.refresh.render import parse_select

HOURS = {0: "Night", 5.99: "Night", 6: "Morning", 11: "Morning", 12: "Afternoon", 17.5: "Afternoon",
         18: "Evening", 23: "Evening"}  # fmt: skip
PRICED = {0: "under 10", 9.99: "under 10", 10: "10 to 50", 49: "10 to 50", 50: "50 to 200",
          200: "200 to 1000", 999: "200 to 1000", 1000: "1000 and over"}  # fmt: skip


def test_python_names_by_bounds() -> None:
    assert {hour: daypart(hour) for hour in HOURS} == HOURS
    assert {price: PRICES.name(price) for price in PRICED} == PRICED
    assert [PRICES.number(price) for price in (9, 10, 50, 200, 1000)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("bands", "named"), [(DAYPARTS, HOURS), (PRICES, PRICED)])
def test_polars_names_alike_and_a_null_is_in_no_band(bands: Bands, named: dict) -> None:
    frame = pl.DataFrame({"value": [*map(float, named), None]})
    names = frame.select(bands.names_of(pl.col("value"))).to_series().to_list()
    assert names == [*named.values(), None]


def test_sql_is_written_from_the_same_bounds() -> None:
    select = parse_select("select daypart(t.h) as d, price_band_number(p) as n from marts.t", "x")
    assert select.sql(dialect="postgres") == (
        "SELECT CASE WHEN t.h < 6 THEN 'Night' WHEN t.h < 12 THEN 'Morning' "
        "WHEN t.h < 18 THEN 'Afternoon' WHEN NOT t.h IS NULL THEN 'Evening' END AS d, "
        "CASE WHEN p < 10 THEN 1 WHEN p < 50 THEN 2 WHEN p < 200 THEN 3 WHEN p < 1000 THEN 4 "
        "WHEN NOT p IS NULL THEN 5 END AS n FROM marts.t"
    )


def test_bands_without_a_name_or_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="rising bounds"):
        Bands(names=("a", "b"), bounds=(1, 2))
    with pytest.raises(ValueError, match="rising bounds"):
        Bands(names=("a", "b", "c"), bounds=(2, 1))
