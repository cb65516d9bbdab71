"""Simulated shops as a segmentation gets them, with the group that each customer was planted in.

The lines are the simulator's own, without files and a warehouse between: what is tested is whether
a planted group is found. ``tests/reports/test_truth.py`` goes the whole way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from ecorse.simulate.behaviour import slices
from ecorse.simulate.plan import Plan
from ecorse.simulate.shop import Shop
from ecorse.simulate.stores import Group, Store, get_store


def crowd(store: Store) -> Store:
    """The same goods and season for customers of whom none is another's kind."""
    tastes = {category.path: 1.0 for category in store.categories}
    everybody = Group("everybody", 1.0, 12, (-1.0, 0.0), (1.0, 1.0), 15 * 60, 120, 1.0, 0.0,
                      (20_000, 90_000), tastes)  # fmt: skip
    return replace(store, groups=(everybody,))


def planted_lines(seed: int, store: Store | None = None, **asked: int) -> pl.DataFrame:
    """Lines with the columns of ``segment_customers`` and ``segment_orders``, and ``group``."""
    shop = Shop(Plan.of(store or get_store("department"), seed=seed, **asked))
    parts = []
    for part in slices(shop):
        of = part.lines
        parts.append(
            pl.DataFrame(
                {
                    "order_id": part.sessions.number[of.session].astype(str),
                    "customer": part.sessions.customer[of.session],
                    "at": of.at,
                    "product": of.product,
                    "quantity": of.quantity.astype(np.float64),
                    "unit_price": of.price_cents / 100,
                }
            )
        )
    lines = pl.concat(parts)
    who, what = lines["customer"].to_numpy(), lines["product"].to_numpy()
    goods, people, habits = shop.catalogue, shop.customers, shop.habits
    paths = np.array([category.path for category in shop.store.categories])
    names = np.array([group.name for group in shop.store.groups])
    places = people.place[who]
    lines = lines.with_columns(
        shop_id=pl.lit("planted"),
        customer_id=shop.customer_ids(who),
        product_id=shop.product_ids.gather(pl.Series(what)),
        group=pl.Series(names[people.group[who]]),
        category=pl.Series(paths[goods.category[what]]),
        brand=pl.Series(np.array(goods.brand)[what]),
        platform=pl.Series(np.array([name for name, _ in habits.platforms])[people.platform[who]]),
        city=pl.Series(np.array([place.city for place in shop.store.places])[places]),
        country=pl.Series(np.array([place.country for place in shop.store.places])[places]),
        discount_share=pl.lit(0.0),
        returned_share=pl.lit(0.0),
        ordered_local=pl.from_epoch("at")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone(shop.plan.time_zone)
        .dt.replace_time_zone(None),
    ).with_columns(clock_local="ordered_local")
    last = lines["ordered_local"].dt.date().max()
    figures = lines.group_by("customer_id").agg(
        revenue=(pl.col("quantity") * pl.col("unit_price")).sum(),
        purchases=pl.col("order_id").n_unique().cast(pl.Float64),
        days_away=(pl.lit(last) - pl.col("ordered_local").dt.date().max())
        .dt.total_days()
        .cast(pl.Float64),
        basket=pl.col("quantity").sum() / pl.col("order_id").n_unique(),
    )
    return lines.join(figures, on="customer_id")
