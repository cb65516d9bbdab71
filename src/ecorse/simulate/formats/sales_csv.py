"""The format ``sales_csv``: the seeded shop's orders as monthly sales files without customers.

What belongs here: this format's columns. What does not: the small shop of ``simulate_year``, which
writes the same columns from a truth of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ecorse.simulate.behaviour import slices
from ecorse.simulate.dirt import BROKEN_ROWS, HEADER
from ecorse.simulate.formats import Format, month_label, price_texts, take, wall_clock
from ecorse.simulate.population import Shop


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the order lines of each slice, with the address of the customer."""
    people = shop.customers
    towns = tuple(f"{p.city}, {p.region} {p.postal_code}" for p in shop.truth.places)
    for part in slices(shop):
        lines = part.lines
        customer = part.sessions.customer[lines.session]
        rows = pl.DataFrame(
            {
                "house": people.house[customer],
                "street": take(shop.truth.streets, people.street[customer]),
                "town": take(towns, people.place[customer]),
            }
        )
        yield (
            month_label(shop, part.day),
            pl.DataFrame(
                {
                    "Order ID": shop.ids("", part.sessions.number[lines.session]),
                    "Product": take(shop.catalogue.name, lines.product),
                    "Quantity Ordered": lines.quantity,
                    "Price Each": take(price_texts(part.prices), lines.product),
                    "Order Date": wall_clock(lines.at, shop.plan.time_zone).dt.strftime(
                        "%m/%d/%y %H:%M"
                    ),
                    "Purchase Address": rows.select(
                        pl.format("{} {}, {}", "house", "street", "town")
                    ).to_series(),
                }
            ),
        )


FORMAT = Format(
    name="sales_csv",
    header=HEADER,
    frames=frames,
    broken={
        kind: row.replace("{date}", "03/15/19 09:30").replace("{yy}", "19")
        for kind, row in BROKEN_ROWS.items()
    },
    moment="Order Date",
    moment_format="%m/%d/%y %H:%M",
    group="Product",
    new_id="Order ID",
)
