"""The format ``behaviour_events``: searches, clicks, bookmarks and ratings, a file per month.

What belongs here: this format's columns and what people type. What does not: what happened.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ecorse.simulate.behaviour import EVENT_TYPES, SEARCH, Slice, slices
from ecorse.simulate.formats import Format, instants, month_label, take, without
from ecorse.simulate.formats.ratings import ratings
from ecorse.simulate.shop import Shop

_STREAM = 60
_AT = "%Y-%m-%d %H:%M:%S"


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the events of each slice, and the ratings of its purchases behind them."""
    for part in slices(shop):
        yield month_label(shop, part.day), pl.concat([_events(shop, part), _ratings(shop, part)])


def _events(shop: Shop, part: Slice) -> pl.DataFrame:
    events, sessions = part.events, part.sessions
    rows = np.flatnonzero(events.kind >= SEARCH)
    product, session, kind = events.product[rows], events.session[rows], events.kind[rows]
    is_search = kind == SEARCH
    nouns = tuple(c.noun.lower() for c in shop.store.categories)
    queries = take(nouns, shop.catalogue.category[product])
    brands = take(shop.catalogue.brand, product).str.to_lowercase()
    # half of the searches name a brand too
    with_brand = pl.Series(events.at[rows] % 2 == 0)
    query = pl.select(pl.when(with_brand).then(brands + " " + queries).otherwise(queries))
    return pl.DataFrame(
        {
            "event_at": instants(events.at[rows]).dt.strftime(_AT),
            "event_type": take(EVENT_TYPES, kind),
            "product_id": without(take(shop.product_ids, product), is_search),
            "customer_id": shop.customer_ids(sessions.customer[session]),
            "session_id": shop.ids("", sessions.number[session]),
            "query": without(query.to_series(), ~is_search),
            "rating": pl.Series([None] * len(rows), dtype=pl.Float64),
            "platform": _platforms(shop, part)[session],
        }
    )


def _ratings(shop: Shop, part: Slice) -> pl.DataFrame:
    drawn = ratings(shop, part).sort("at", maintain_order=True)
    nothing = pl.Series([None] * len(drawn), dtype=pl.String)
    return pl.DataFrame(
        {
            "event_at": instants(drawn["at"].to_numpy()).dt.strftime(_AT),
            "event_type": pl.Series(["rating"] * len(drawn), dtype=pl.String),
            "product_id": take(shop.product_ids, drawn["product"].to_numpy()),
            "customer_id": shop.customer_ids(drawn["customer"].to_numpy()),
            "session_id": shop.ids("", drawn["session"].to_numpy()),
            "query": nothing,
            "rating": drawn["half_stars"] / 2,
            "platform": nothing,
        }
    )


def _platforms(shop: Shop, part: Slice) -> pl.Series:
    """The platform of each session: its customer's, sometimes not known."""
    customer = part.sessions.customer
    rng = shop.plan.rng(_STREAM, shop.day(part.day).toordinal(), int(part.sessions.start[0]))
    names = tuple(name for name, _ in shop.habits.platforms)
    is_missing = rng.random(len(customer)) < shop.habits.platform_missing
    return without(take(names, shop.customers.platform[customer]), is_missing)


FORMAT = Format(
    name="behaviour_events",
    header="event_at,event_type,product_id,customer_id,session_id,query,rating,platform",
    frames=frames,
    broken={
        "impossible_date": "2019-02-30 10:15:00,click,SIM-P100000,SIM-C1,{id},,,mobile",
        "unknown_event_type": "2019-03-01 10:15:00,stare,SIM-P100000,SIM-C1,{id},,,mobile",
        "short_row": "2019-03-01 10:15:00,click,{id}",
        "long_row": "2019-03-01 10:15:00,click,SIM-P100000,SIM-C1,{id},,,mobile,x,y",
    },
    moment="event_at",
    moment_format=_AT,
    group="product_id",
    new_id="session_id",
)
