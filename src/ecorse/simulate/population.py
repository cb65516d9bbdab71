"""The people and goods of a simulated shop: arrays of fixed size, a pure function of the plan.

What belongs here: who there is, what there is, and what it costs when. What does not: what anybody
does on a day (``behaviour.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ecorse.simulate.draws import Floats, Ints, allocate, between, pick
from ecorse.simulate.plan import Plan

_CUSTOMERS, _PRODUCTS = 10, 11


@dataclass(frozen=True)
class Customers:
    """The customers; arrays of shape ``(n_customers,)``.

    ``joined`` and ``gone`` are days of the period (first active day, first day without; below 0:
    before it began);
    ``weight`` is the customer's share in the orders of a day on which all are active, in
    arbitrary units. The others index into the store or are values.
    """

    group: Ints
    joined: Ints
    gone: Ints
    weight: Floats
    place: Ints
    street: Ints
    house: Ints
    platform: Ints
    birth_year: Ints
    education: Ints
    marital: Ints
    income: Ints
    kids: Ints
    teens: Ints


@dataclass(frozen=True)
class Catalogue:
    """The products, ordered by category and price; arrays of shape ``(n_products,)``.

    ``complement`` is the planted complement's index or -1. ``mates_from`` and ``mates`` say where
    the substitutes of a product stand (its own place among them): the goods of its category and
    price third. ``price_cents`` has shape ``(n_epochs, n_products)``; epoch ``e`` begins on day
    ``epoch_days[e]``. ``quality`` is the mean of its ratings, in half stars.
    """

    category: Ints
    brand: tuple[str, ...]
    name: tuple[str, ...]
    complement: Ints
    mates_from: Ints
    mates: Ints
    popularity: Floats
    quality: Ints
    price_cents: Ints
    epoch_days: tuple[int, ...]


def draw_customers(plan: Plan) -> Customers:
    """Draw the customers; every group has exactly its share, in shuffled order."""
    rng, n, groups = plan.rng(_CUSTOMERS), plan.customers, plan.store.groups
    sizes = allocate(n, [group.share for group in groups])
    group = np.repeat(np.arange(len(groups)), sizes)[np.argsort(rng.random(n), kind="stable")]

    def of(pairs: list[tuple[float, float]]) -> Floats:
        table = np.array(pairs, dtype=np.float64)[group]
        return between(rng.random(n), table[:, 0], table[:, 1])

    joined = np.floor(of([g.joined for g in groups]) * plan.days).astype(np.int64)
    gone = np.ceil(of([g.gone for g in groups]) * plan.days).astype(np.int64)
    per_year = np.array([g.orders_per_year for g in groups])[group]
    age = 18 + (62 * rng.random(n) * (0.5 + 0.5 * rng.random(n))).astype(np.int64)
    return Customers(
        group=group,
        joined=joined,
        gone=gone,
        weight=per_year * between(rng.random(n), 0.75, 1.25),
        place=pick(rng.random(n), np.array([p.share for p in plan.store.places])),
        street=(rng.random(n) * len(plan.store.streets)).astype(np.int64),
        house=1 + (rng.random(n) * 999).astype(np.int64),
        platform=pick(rng.random(n), np.array([p[1] for p in plan.store.habits.platforms])),
        birth_year=plan.first_day.year - age,
        education=pick(rng.random(n), np.array([0.50, 0.22, 0.17, 0.09, 0.02])),
        marital=pick(rng.random(n), np.array([0.39, 0.26, 0.21, 0.10, 0.04])),
        income=np.floor(of([g.income for g in groups])).astype(np.int64),
        kids=pick(rng.random(n), np.array([0.58, 0.38, 0.04])),
        teens=pick(rng.random(n), np.array([0.52, 0.45, 0.03])),
    )


def draw_catalogue(plan: Plan) -> Catalogue:
    """Draw the products, category by category, each category by rising price."""
    rng, n, store = plan.rng(_PRODUCTS), plan.products, plan.store
    # one product per category at least; the rest by share
    spare = allocate(n - len(store.categories), [c.share for c in store.categories])
    sizes = np.array([1 + extra for extra in spare])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    category = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(n) - starts[category]  # rank by price within the category
    price = np.empty(n, dtype=np.int64)
    brand: list[str] = []
    name: list[str] = []
    complement = np.full(n, -1, dtype=np.int64)
    paths = [c.path for c in store.categories]
    for kind, start, size in zip(store.categories, starts, sizes, strict=True):
        low, high = kind.price_cents
        # squared uniforms: more cheap goods than dear ones
        cents = np.sort(low + (rng.random(size) ** 2 * (high - low)).astype(np.int64))
        odd = np.maximum(cents // 50 * 50 - 1, 1)
        is_round = cents >= (store.round_from_cents or high + 1)
        price[start : start + size] = np.where(is_round, cents // 1000 * 1000, odd)
        for rank in range(size):
            maker = kind.brands[rank % len(kind.brands)]
            brand.append(maker)
            name.append(f"{maker} {kind.noun} {rank + 101}")
        if kind.complement:
            other = paths.index(kind.complement)
            complement[start : start + size] = (
                starts[other] + np.arange(size) * sizes[other] // size
            )
    third = np.minimum(place * 3 // sizes[category], 2)
    key = category * 3 + third
    mates_from = np.searchsorted(key, key, side="left")
    mates = np.searchsorted(key, key, side="right") - mates_from
    shuffled = np.argsort(np.argsort(rng.random(n), kind="stable"), kind="stable")
    prices, epoch_days = [price], [0]
    for at, factor, share in store.price_changes:
        changed = rng.random(n) < share
        raised = np.maximum((prices[-1] * factor).astype(np.int64), 1)
        prices.append(np.where(changed, raised, prices[-1]))
        epoch_days.append(int(at * plan.days))
    return Catalogue(
        category=category,
        brand=tuple(brand),
        name=tuple(name),
        complement=complement,
        mates_from=mates_from,
        mates=mates,
        popularity=1.0 / (4.0 + (shuffled % 20).astype(np.float64)),
        quality=4 + (rng.random(n) * 6).astype(np.int64),
        price_cents=np.stack(prices),
        epoch_days=tuple(epoch_days),
    )
