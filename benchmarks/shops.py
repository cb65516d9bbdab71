"""The real shop that ``bench_recommenders`` judges on, as recommenders get it in a night.

What belongs here: getting its rows. What does not: judging; simulated shops
(``ecorse.testing.tastes``); the real data, which is never part of the project.
"""

from __future__ import annotations

import os
from pathlib import Path

from bench_refresh import warehouse

from ecorse.models.interactions import Interactions

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
    "products": "select product_id, product_name, category, price_band "
    "from marts.recommendable_products",
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
