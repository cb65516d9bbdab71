"""The format ``sales_csv``: orders as monthly sales files without customers.

What belongs here: this format's columns and habits of writing. What does not: what was bought. The
form is that of one electronics store's published year of sales; every row is invented.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator

import numpy as np
import polars as pl

from ecorse.simulate.behaviour import Slice, slices
from ecorse.simulate.formats import Format, month_label, price_texts, take, wall_clock
from ecorse.simulate.shop import Shop

_STREAM = 35
# Of a month's first day the earliest orders stand in the file of the month before, as in exports
# that are cut some hours late: a thousandth of a month's lines.
_FILED_LATE = 0.04
_WITH_DECIMAL = 0.4  # of the lines with a whole price: 600.0 for 600


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the order lines of each slice, with the address of the customer."""
    for part in slices(shop):
        late = _filed_late(shop, part)
        rows = _written(shop, part)
        if late:
            yield month_label(shop, part.day - 1), rows.head(late)
        yield month_label(shop, part.day), rows.tail(len(rows) - late)


def _filed_late(shop: Shop, part: Slice) -> int:
    """How many of a slice's first lines, whole orders, stand in the file of the month before."""
    is_first = part.day > 0 and shop.day(part.day).day == 1
    if not is_first or part.sessions.number[0] % 10_000_000 or not len(part.lines.at):
        return 0
    last = part.lines.session[int(_FILED_LATE * len(part.lines.at))]
    return int(np.flatnonzero(part.lines.session == last)[-1]) + 1


def _written(shop: Shop, part: Slice) -> pl.DataFrame:
    """The lines of a slice as the export writes them."""
    people, lines = shop.customers, part.lines
    towns = tuple(f"{p.city}, {p.region} {p.postal_code}" for p in shop.store.places)
    customer = part.sessions.customer[lines.session]
    first = int(part.sessions.number[0])
    rng = shop.plan.rng(_STREAM, first // 10_000_000, first % 10_000_000)
    with_decimal = (part.prices[lines.product] % 100 == 0) & (
        rng.random(len(lines.at)) < _WITH_DECIMAL
    )
    price = take(price_texts(part.prices), lines.product)
    address = pl.select(
        pl.format(
            "{} {}, {}",
            pl.Series(people.house[customer]),
            take(shop.store.streets, people.street[customer]),
            take(towns, people.place[customer]),
        )
    ).to_series()
    return pl.DataFrame(
        {
            "Order ID": shop.ids("", part.sessions.number[lines.session]),
            "Product": take(shop.catalogue.name, lines.product),
            "Quantity Ordered": lines.quantity,
            "Price Each": price + take(("", ".0"), with_decimal.astype(np.int64)),
            "Order Date": wall_clock(lines.at, shop.plan.time_zone).dt.strftime("%m/%d/%y %H:%M"),
            "Purchase Address": address,
        }
    )


def _file_stem(label: str) -> str:
    """Name a month's file as the published ones are named, and marked: January 2019."""
    year, month = label.split("-")
    return f"Simulated_Sales_{calendar.month_name[int(month)]}_{year}"


_TAIL = ',"12 Elm St, Denver, CO 80202"'
FORMAT = Format(
    name="sales_csv",
    header="Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address",
    frames=frames,
    broken={
        "quantity_not_a_number": "{id},HDMI Cable 2 m,two,8.99,03/15/19 09:30" + _TAIL,
        "price_not_a_number": "{id},HDMI Cable 2 m,1,free,03/15/19 09:30" + _TAIL,
        "impossible_date": "{id},HDMI Cable 2 m,1,8.99,02/30/19 10:15" + _TAIL,
        "product_missing": "{id},,1,8.99,03/15/19 09:30" + _TAIL,
        "short_row": "{id},HDMI Cable 2 m,1",
        "long_row": "{id},HDMI Cable 2 m,1,8.99,03/15/19 09:30" + _TAIL + ",x,y",
    },
    store="electronics",
    names_customers=False,
    file_stem=_file_stem,
    years=(2000, 2068),  # its dates have two digits of the year
    moment="Order Date",
    moment_format="%m/%d/%y %H:%M",
    grows_in_its_month=True,
    group="Product",
    new_id="Order ID",
)
