"""A simulated shop as a recommender gets it, with what each customer truly likes.

What belongs here: its rows, and the tastes that were planted. What does not: any expectation of a
recommender.

The rows are the simulator's own, without files and a warehouse between. A customer is of a group,
and draws every purchase and every look by the group's taste: the share of that draw which a list
holds is what the list is truly worth to them, whatever they happened to buy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.bands import PRICES
from ecorse.clock import DAYPARTS
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Floats
from ecorse.simulate.behaviour import VIEW, product_weights, slices
from ecorse.simulate.plan import Plan
from ecorse.simulate.shop import Shop
from ecorse.simulate.stores import Store
from ecorse.simulate.stores.department import STORE


@dataclass(frozen=True)
class ShopOfTastes:
    """What happened in the shop, and why.

    Attributes
    ----------
    data
        Purchases, of all customers and products that the shop has, those of nobody among them.
        Products have ``product_name``, ``category``, ``brand`` and ``price_band``.
    views
        ``user``, ``item``, ``at``: what was looked at, by time.
    liked
        ``(n_users, n_items)`` share of a product in what a customer buys, complements among it;
        rows add up to 1.
    related
        ``(n_items, n_items)`` whether two products are planted to stand for each other (of one
        category and third of its prices), or one to go with the other.
    """

    data: Interactions
    views: pl.DataFrame
    liked: Floats
    related: npt.NDArray[np.bool_]


def shop_of_tastes(*, has_tastes: bool = True, **asked: Any) -> ShopOfTastes:
    """The department store; ``asked`` are fields of a ``Plan``, such as ``seed`` or ``customers``.

    Without tastes every customer buys of one distribution, and nothing goes with anything.
    """
    shop = Shop(Plan.of(STORE if has_tastes else _without_tastes(STORE), **asked))
    bought, looked = [], []
    for part in slices(shop):
        lines, events, sessions = part.lines, part.events, part.sessions
        bought.append(
            pl.DataFrame(
                {
                    "item": lines.product,
                    "user": sessions.customer[lines.session],
                    "basket_id": sessions.number[lines.session],
                    "at": lines.at,
                }
            )
        )
        is_look = events.kind == VIEW
        looked.append(
            pl.DataFrame(
                {
                    "item": events.product[is_look],
                    "user": sessions.customer[events.session[is_look]],
                    "at": events.at[is_look],
                }
            )
        )
    products, customers = shop.product_ids, shop.customer_ids(np.arange(shop.plan.customers))
    rows = pl.concat(bought).with_columns(at=_local(shop))
    places = np.array([place.city for place in shop.store.places])[shop.customers.place]
    # ids are numbers of equal length behind a prefix: sorted ids are in the order of numbers
    data = Interactions.from_frames(
        _described(shop),
        rows.select(
            pl.col("basket_id").cast(pl.String),
            pl.col("at"),
            product_id=products.gather(rows["item"]),
            customer_id=customers.gather(rows["user"]),
            city=pl.Series(places).gather(rows["user"]),
            daypart=DAYPARTS.names_of(pl.col("at").dt.hour()),
        ),
        customers.alias("customer_id").to_frame(),
    )
    views = pl.concat(looked).with_columns(at=_local(shop)).sort("at", maintain_order=True)
    return ShopOfTastes(data, views, _liked(shop), _related(shop))


def _local(shop: Shop) -> pl.Expr:
    """``at``, seconds since 1970, as the shop's wall clock."""
    utc = pl.from_epoch("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return utc.dt.convert_time_zone(shop.plan.time_zone).dt.replace_time_zone(None)


def _without_tastes(store: Store) -> Store:
    alike = replace(store.groups[2], share=1.0)
    kinds = [replace(kind, complement="", complement_probability=0) for kind in store.categories]
    return replace(store, groups=(alike,), categories=tuple(kinds))


def _described(shop: Shop) -> pl.DataFrame:
    goods = shop.catalogue
    paths = np.array([kind.path for kind in shop.store.categories])
    frame = pl.DataFrame(
        {
            "product_id": shop.product_ids,
            "product_name": goods.name,
            "category": paths[goods.category],
            "brand": goods.brand,
            "price": goods.price_cents[0] / 100,
        }
    )
    return frame.with_columns(price_band=PRICES.names_of(pl.col("price"))).drop("price")


def _liked(shop: Shop) -> Floats:
    """``(n_users, n_items)`` by the customers' groups."""
    goods = shop.catalogue
    taste = np.stack(product_weights(shop))
    taste = taste / taste.sum(axis=1, keepdims=True)
    likely = np.array([kind.complement_probability for kind in shop.store.categories])
    has, liked = goods.complement >= 0, taste.copy()
    for group, own in enumerate(taste):
        np.add.at(liked[group], goods.complement[has], (own * likely[goods.category])[has])
    liked /= liked.sum(axis=1, keepdims=True)
    found: Floats = liked[shop.customers.group]
    return found


def _related(shop: Shop) -> npt.NDArray[np.bool_]:
    goods, n = shop.catalogue, shop.plan.products
    found: npt.NDArray[np.bool_] = goods.mates_from[:, None] == goods.mates_from
    has = np.flatnonzero(goods.complement >= 0)
    found[has, goods.complement[has]] = found[goods.complement[has], has] = True
    found[np.arange(n), np.arange(n)] = False
    return found
