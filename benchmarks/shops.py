"""The shops that ``bench_recommenders`` judges on: a real one, one with known tastes, one without.

What belongs here: getting their rows. What does not: judging, and the real data, which is never
part of the project.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from bench_refresh import warehouse

from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Floats

DATA = Path(__file__).parents[2] / "shared" / "data" / "online_retail"
SHOPS = """
[[shops]]
shop_id = "gifts"
shop_name = "Gifts"
time_zone = "Europe/London"
currency = "GBP"

[[shops.sources]]
source = "online_retail"
origin = "folder"
options = {{ path = "{folder}" }}
"""
INPUTS = {
    "products": "select product_id from marts.recommendable_products",
    "interactions": "select basket_id, customer_id, product_id, basket_local as at, kind "
    "from marts.basket_products",
}


def online_retail(folder: Path, work: Path) -> Interactions:
    """A year of a real shop, ingested and made to marts by Ecorse, as recommenders get it."""
    from ecorse import flow
    from ecorse.refresh.catalog import load_catalog
    from ecorse.refresh.relations import resolver
    from ecorse.refresh.render import render
    from ecorse.settings import get_settings
    from ecorse.warehouse.connect import connect
    from ecorse.warehouse.frames import read_frame

    shops = work / "shops.toml"
    shops.write_text(SHOPS.format(folder=folder), encoding="utf-8")
    os.environ["ECORSE_SHOPS_FILE"] = str(shops)
    with warehouse():
        get_settings.cache_clear()
        flow.ingest("gifts", "online_retail", holder="bench")
        build_id = flow.open_build(holder="bench")
        areas = {area.name: area for area in load_catalog().areas()}
        needed = {"products"}
        for area in reversed(areas.values()):
            needed |= set(area.needs) if area.name in needed else set()
        for name in areas:
            if name in needed:
                flow.build_area(build_id, name)
        with connect() as conn:
            frames = {
                name: read_frame(conn, render(query, resolver(build_id)))
                for name, query in INPUTS.items()
            }
    return Interactions.from_frames(frames["products"], frames["interactions"])


def simulated(*, has_tastes: bool) -> tuple[Interactions, Floats]:
    """The simulator's department store, and how much each customer truly likes each product.

    Without tastes every customer buys of one distribution, and nothing goes with anything.

    Returns
    -------
    The rows, and ``(n_users, n_items)`` shares of the planted draw of a product, complements too.
    """
    from ecorse.simulate.behaviour import product_weights, slices
    from ecorse.simulate.plan import Plan
    from ecorse.simulate.shop import Shop
    from ecorse.simulate.stores.department import STORE

    store = STORE
    if not has_tastes:
        alike = replace(STORE.groups[2], share=1.0)
        kinds = [
            replace(kind, complement="", complement_probability=0) for kind in STORE.categories
        ]
        store = replace(STORE, groups=(alike,), categories=tuple(kinds))
    shop = Shop(Plan.of(store))
    parts = []
    for part in slices(shop):
        lines, sessions = part.lines, part.sessions
        parts.append(
            pl.DataFrame(
                {
                    "product": lines.product,
                    "customer": sessions.customer[lines.session],
                    "basket": sessions.number[lines.session],
                    "at": lines.at,
                }
            )
        )
    rows = pl.concat(parts)
    data = Interactions.from_frames(
        pl.DataFrame({"product_id": shop.product_ids}),
        rows.select(
            product_id=shop.product_ids.gather(rows["product"]),
            customer_id=shop.customer_ids(rows["customer"].to_numpy()),
            basket_id=pl.col("basket").cast(pl.String),
            at=pl.from_epoch("at"),
        ),
    )
    return data, _truth(shop, data, np.stack(product_weights(shop)))


def _truth(shop: object, data: Interactions, liked: Floats) -> Floats:
    """The planted weights of each group, by the numbers that customers and products have."""
    goods, groups = shop.catalogue, shop.customers.group  # type: ignore[attr-defined]
    kinds = shop.store.categories  # type: ignore[attr-defined]
    liked = liked / liked.sum(axis=1, keepdims=True)
    goes_with = np.array([kind.complement_probability for kind in kinds])[goods.category]
    has = goods.complement >= 0
    full = liked.copy()
    for group in range(len(liked)):
        np.add.at(full[group], goods.complement[has], (liked[group] * goes_with)[has])
    # ids are numbers of equal length behind a prefix: sorted ids are in the order of numbers
    number = data.users["customer_id"].str.extract(r"(\d+)$").cast(pl.Int64).to_numpy()
    return full[groups[number - 1_000_000]]
