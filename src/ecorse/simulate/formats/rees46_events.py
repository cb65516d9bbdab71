"""The format ``rees46_events``: views, carts, removals and purchases, a file per month.

What belongs here: this format's columns and the damage its readers must refuse. What does not:
what happened. The form is that of the REES46 event log on Kaggle; every row here is invented.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ecorse.simulate.behaviour import EVENT_TYPES, PURCHASE, slices
from ecorse.simulate.formats import Format, instants, month_label, take, without
from ecorse.simulate.shop import Shop

_MISSING = 12
_FIRST_CATEGORY = 2_053_013_550_000_000_000


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the events of each slice; a product without category or brand is so in every row."""
    goods, habits, n = shop.catalogue, shop.habits, shop.plan.products
    rng = shop.plan.rng(_MISSING)
    codes = without(
        take(tuple(c.path for c in shop.store.categories), goods.category),
        rng.random(n) < habits.category_missing,
    )
    brands = without(
        pl.Series(goods.brand).str.to_lowercase(), rng.random(n) < habits.brand_missing
    )
    for part in slices(shop):
        events = part.events
        rows = np.flatnonzero(events.kind <= PURCHASE)
        product, session = events.product[rows], events.session[rows]
        prices = pl.Series([f"{cents / 100:.2f}" for cents in part.prices.tolist()])
        yield (
            month_label(shop, part.day),
            pl.DataFrame(
                {
                    "event_time": instants(events.at[rows]).dt.strftime("%Y-%m-%d %H:%M:%S UTC"),
                    "event_type": take(EVENT_TYPES, events.kind[rows]),
                    "product_id": take(shop.product_ids, product),
                    "category_id": _FIRST_CATEGORY + goods.category[product],
                    "category_code": take(codes, product),
                    "brand": take(brands, product),
                    "price": take(prices, product),
                    "user_id": shop.customer_ids(part.sessions.customer[session]),
                    "user_session": shop.ids("", part.sessions.number[session]),
                }
            ),
        )


_TAIL = ",SIM-P100000,2053013550000000000,electronics.smartphone,nimbo,"
FORMAT = Format(
    name="rees46_events",
    header="event_time,event_type,product_id,category_id,category_code,brand,price,user_id,"
    "user_session",
    frames=frames,
    broken={
        "impossible_date": "2019-02-30 10:15:00 UTC,view" + _TAIL + "9.99,SIM-C1,{id}",
        "price_not_a_number": "2019-03-01 10:15:00 UTC,view" + _TAIL + "free,SIM-C1,{id}",
        "unknown_event_type": "2019-03-01 10:15:00 UTC,stare" + _TAIL + "9.99,SIM-C1,{id}",
        "short_row": "2019-03-01 10:15:00 UTC,view,{id}",
        "long_row": "2019-03-01 10:15:00 UTC,view" + _TAIL + "9.99,SIM-C1,{id},x,y",
    },
    moment="event_time",
    moment_format="%Y-%m-%d %H:%M:%S UTC",
    group="product_id",
    new_id="user_session",
)
