"""What happens in a simulated shop, one slice of a day at a time.

What belongs here: sessions and their events, orders and their lines, drawn from the planted store.
What does not: how a format writes them. A slice is a pure function of the plan and its number:
memory holds the people, the goods and one slice, however long the period is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from ecorse.clock import local_to_utc
from ecorse.simulate.draws import Floats, Ints, bell, pick
from ecorse.simulate.shop import Shop

_DAY, _SLICE = 20, 21
SLICE_SESSIONS = 60_000
SLOT_SECONDS = 40
EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase", "search", "click", "bookmark")
VIEW, CART, REMOVE, PURCHASE, SEARCH, CLICK, BOOKMARK = range(7)


@dataclass(frozen=True)
class Sessions:
    """The sessions of one slice, ordered by their start; arrays of shape ``(n_sessions,)``.

    ``number`` is unique in the shop and also the order's number where the session buys.
    ``start`` are seconds since 1970, UTC.
    """

    number: Ints
    customer: Ints
    start: Ints
    is_buying: np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Events:
    """Events ordered by time; arrays of shape ``(n_events,)``. Without a product it is -1."""

    session: Ints
    at: Ints
    kind: Ints
    product: Ints


@dataclass(frozen=True)
class Lines:
    """Order lines ordered by time; arrays of shape ``(n_lines,)``; prices in cents."""

    session: Ints
    at: Ints
    product: Ints
    quantity: Ints
    price_cents: Ints


@dataclass(frozen=True)
class Slice:
    """One part of one day: its sessions, their events and the lines of their orders."""

    day: int
    sessions: Sessions
    events: Events
    lines: Lines
    prices: Ints
    later: Floats  # one uniform draw per line, for what happens to it on a later day


def slices(shop: Shop) -> Iterator[Slice]:
    """Give the period's slices in order."""
    for day in range(shop.plan.days):
        yield from day_slices(shop, day)


def day_slices(shop: Shop, day: int) -> Iterator[Slice]:
    """Give the slices of one day of the period."""
    when = shop.day(day).toordinal()
    sessions = _draw_sessions(shop, day)
    for part, first in enumerate(range(0, len(sessions.start), SLICE_SESSIONS)):
        cut = slice(first, first + SLICE_SESSIONS)
        chosen = Sessions(sessions.number[cut], sessions.customer[cut], sessions.start[cut],
                          sessions.is_buying[cut])  # fmt: skip
        yield _draw_slice(shop, day, chosen, shop.plan.rng(when, _SLICE, part))


def browse_ratio(shop: Shop) -> float:
    """Sessions without an order per session with one, so that the plan's events come out."""
    habits = shop.habits
    looks = 1 + habits.idle_cart * (1 + habits.cart_removed)  # the views come on top
    browse = _mean(habits.browse_views) + looks - 1
    complements = _complement_share(shop)
    items = 1 + complements + habits.extra_item
    pieces = 1.2 * items
    buy = _mean(habits.buy_views) + (items - 1) + items + pieces
    orders = max(shop.plan.orders, 1)
    return max(0.0, (shop.plan.events - orders * buy) / (orders * browse))


def _mean(shares: tuple[float, ...]) -> float:
    return sum((i + 1) * share for i, share in enumerate(shares)) / sum(shares)


def _complement_share(shop: Shop) -> float:
    """How many complements an order holds on average, roughly."""
    has = [c.complement_probability for c in shop.store.categories]
    return sum(p * c.share for p, c in zip(has, shop.store.categories, strict=True))


def _draw_sessions(shop: Shop, day: int) -> Sessions:
    """Draw who comes on a day, when, and who buys.

    The day's expected orders are shared out among the customers who are active by their weight,
    so that season and growth hold to the day however the customers change.
    """
    when, people, n = shop.day(day), shop.customers, shop.plan.customers
    rng = shop.plan.rng(when.toordinal(), _DAY)
    is_weekend = when.weekday() >= 5
    weekend = np.array([g.weekend_weight if is_weekend else 1.0 for g in shop.store.groups])
    active = (people.joined <= day) & (day < people.gone)
    weight = np.where(active, people.weight * weekend[people.group], 0.0)
    total = float(np.cumsum(weight)[-1])
    rate = weight * (shop.day_orders[day] / total) if total else weight
    ratio = browse_ratio(shop)
    buying = np.flatnonzero(rng.random(n) < rate)
    visits = rate * ratio
    often = np.floor(visits)
    times = often.astype(np.int64) + (rng.random(n) < visits - often)
    customer = np.concatenate([buying, np.repeat(np.arange(n), times)])
    is_buying = np.arange(len(customer)) < len(buying)
    peak = np.array([g.peak_minute for g in shop.store.groups], dtype=np.float64)
    spread = np.array([g.spread_minutes for g in shop.store.groups], dtype=np.float64)
    group = people.group[customer]
    minute = peak[group] + spread[group] * bell(rng, len(customer))
    second = np.floor(minute * 60.0).astype(np.int64) % 86_400
    order = np.argsort(second, kind="stable")
    start = pl.Series(second[order]) * 1_000_000
    midnight = datetime(when.year, when.month, when.day)
    local = pl.select(
        pl.lit(midnight, pl.Datetime("us")) + start.cast(pl.Duration("us"))
    ).to_series()
    utc = local_to_utc(local, shop.plan.time_zone).dt.epoch("s").to_numpy()
    # the session's number says its day: 20190315 and its place in the day
    first = int(f"{when:%Y%m%d}") * 10_000_000
    return Sessions(first + np.arange(len(customer)), customer[order], utc, is_buying[order])


def _draw_slice(shop: Shop, day: int, sessions: Sessions, rng: np.random.Generator) -> Slice:
    """Draw the events and order lines of some sessions of one day."""
    habits, goods, n = shop.habits, shop.catalogue, len(sessions.start)
    everyone = np.arange(n)
    buys = sessions.is_buying
    group = shop.customers.group[sessions.customer]
    main = _draw_products(shop, group, rng.random(n))
    uniform = rng.random(n)
    views = 1 + np.where(
        buys,
        pick(uniform, np.array(habits.buy_views)),
        pick(uniform, np.array(habits.browse_views)),
    )

    # what is looked at: substitutes of the product one came for, now and then something else;
    # the last look is at the product itself
    seen = np.repeat(everyone, views)
    turn = np.arange(len(seen)) - np.repeat(np.cumsum(views) - views, views)
    mate = goods.mates_from[main][seen] + (rng.random(len(seen)) * goods.mates[main][seen]).astype(
        np.int64
    )
    other = _draw_products(shop, group[seen], rng.random(len(seen)))
    looked = np.where(rng.random(len(seen)) < habits.substitute_view, mate, other)
    looked = np.where(turn == views[seen] - 1, main[seen], looked)

    # what is bought: the product, its complement, seldom something more; nothing twice
    likely = np.array([c.complement_probability for c in shop.store.categories])
    has_complement = rng.random(n) < likely[goods.category[main]]
    complement = np.where(has_complement, goods.complement[main], -1)
    extra = _draw_products(shop, group, rng.random(n))
    fits = (rng.random(n) < habits.extra_item) & (extra != main) & (extra != complement)
    # substitutes are not bought together
    fits &= (goods.mates_from[extra] != goods.mates_from[main]) & (
        goods.mates_from[extra] != np.where(complement < 0, -1, goods.mates_from[complement])
    )
    bought = np.stack([main, complement, np.where(fits, extra, -1)], axis=1)
    bought[~buys] = -1
    buyer, place = np.nonzero(bought >= 0)
    product = bought[buyer, place]
    prices = shop.prices(day)
    cheap = prices[product] < habits.cheap_below_cents
    uniform = rng.random(len(product))
    quantity = 1 + np.where(
        cheap,
        pick(uniform, np.array(habits.cheap_quantities)),
        pick(uniform, np.array(habits.dear_quantities)),
    )

    idle = np.flatnonzero(~buys & (rng.random(n) < habits.idle_cart))
    removed = idle[rng.random(len(idle)) < habits.cart_removed]
    searching = np.flatnonzero(rng.random(n) < habits.search)
    marking = np.flatnonzero(rng.random(n) < habits.bookmark)
    also_seen = place > 0
    # a session is a row of slots: search, click, looks, cart 1-3, looks at 2-3, purchase
    end = 2 + views
    parts = [
        (SEARCH, searching, main[searching], np.zeros(len(searching), np.int64)),
        (CLICK, searching, main[searching], np.ones(len(searching), np.int64)),
        (VIEW, seen, looked, 2 + turn),
        (BOOKMARK, marking, main[marking], end[marking]),
        (VIEW, buyer[also_seen], product[also_seen], (end[buyer] + 2 * place)[also_seen]),
        (CART, buyer, product, end[buyer] + 2 * place + 1),
        (CART, idle, main[idle], end[idle] + 1),
        (REMOVE, removed, main[removed], end[removed] + 2),
    ]
    who = np.concatenate([p[1] for p in parts])
    slot = np.concatenate([p[3] for p in parts])
    jitter = (rng.random(len(who)) * (SLOT_SECONDS - 1)).astype(np.int64)
    at = sessions.start[who] + slot * SLOT_SECONDS + jitter
    # all pieces of an order are paid within one minute, a second apart
    paid = sessions.start + (end + 7) * SLOT_SECONDS
    paid -= np.maximum(paid % 60 - 45, 0)
    line_at = paid[buyer]
    piece = np.repeat(np.arange(len(product)), quantity)
    nth = np.arange(len(piece)) - np.repeat(np.cumsum(quantity) - quantity, quantity)
    kind = np.concatenate(
        [np.full(len(p[1]), p[0], np.int64) for p in parts]
        + [np.full(len(piece), PURCHASE, np.int64)]
    )
    who = np.concatenate([who, buyer[piece]])
    at = np.concatenate([at, line_at[piece] + nth])
    what = np.concatenate([*(p[2] for p in parts), product[piece]])
    order = np.argsort(at, kind="stable")
    events = Events(who[order], at[order], kind[order], what[order])
    lines = np.argsort(line_at, kind="stable")
    return Slice(
        day,
        sessions,
        events,
        Lines(buyer[lines], line_at[lines], product[lines], quantity[lines],
              prices[product[lines]]),
        prices,
        rng.random(len(lines)),
    )  # fmt: skip


def _draw_products(shop: Shop, group: Ints, uniform: Floats) -> Ints:
    """Draw a product for each member of the groups, by the group's taste."""
    chosen = np.empty(len(group), dtype=np.int64)
    for g, weights in enumerate(product_weights(shop)):
        members = group == g
        chosen[members] = pick(uniform[members], weights)
    return chosen


def product_weights(shop: Shop) -> list[Floats]:
    """How much each group likes each product: taste for the category, popularity, dear or cheap."""
    goods, store = shop.catalogue, shop.store
    sizes = np.bincount(goods.category, minlength=len(store.categories))
    first = np.searchsorted(goods.category, np.arange(len(store.categories)))
    place = (np.arange(shop.plan.products) - first[goods.category]) / sizes[goods.category]
    weights = []
    for group in store.groups:
        taste = np.array([group.category_weights.get(c.path, 0.02) for c in store.categories])
        tilt = 1.0 + 2.0 * group.dear * (place - 0.5)
        weights.append(taste[goods.category] / sizes[goods.category] * goods.popularity * tilt)
    return weights
