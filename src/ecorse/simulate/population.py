"""The people and goods of the seeded shop: arrays of fixed size, a pure function of truth and seed.

What belongs here: who there is, what there is, and what it costs when. What does not: what anybody
does on a day (``behaviour.py``). Only uniform draws, sums in order and table look-ups are used, so
the same seed gives the same shop on every platform.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from ecorse.columns import SIMULATED_PREFIX
from ecorse.errors import ConfigError
from ecorse.simulate.generate import Floats, Ints, allocate
from ecorse.simulate.shop import SHOP, Habits, ShopTruth

_CUSTOMERS, _PRODUCTS = 10, 11
FIRST_CUSTOMER = 1_000_000
FIRST_PRODUCT = 100_000
_LARGEST = 8_000_000


@dataclass(frozen=True)
class Plan:
    """What a simulated shop is asked to be; two equal plans are the same shop to the byte.

    ``orders`` and ``events`` are what the whole period is expected to hold; the drawn numbers
    differ by chance. ``tag`` stands in the ids of sessions and orders, and in those of the kinds
    named in ``tagged`` (C customers, P products), so that appended rows never meet earlier ones.
    """

    seed: int = 20190101
    customers: int = 1_500
    products: int = 200
    orders: int = 15_000
    events: int = 120_000
    first_day: date = date(2019, 1, 1)
    days: int = 365
    time_zone: str = "America/New_York"
    tag: str = ""
    tagged: str = ""
    truth: ShopTruth = SHOP

    def __post_init__(self) -> None:
        low = {"customers": 1, "products": len(self.truth.categories), "orders": 0, "events": 0}
        for name, least in low.items():
            if not least <= getattr(self, name) <= (_LARGEST if least else 10**9):
                raise ConfigError(
                    f"Cannot simulate a shop with {name}={getattr(self, name)}: expected {least} "
                    f"to {_LARGEST if least else 10**9}."
                )
        if self.seed < 0 or self.days < 1 or not 1971 <= self.first_day.year <= 2100:
            raise ConfigError(
                f"Cannot simulate seed={self.seed}, year={self.first_day.year}: the seed must not "
                "be negative and the year must be 1971 to 2100."
            )
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ConfigError(
                f"Cannot simulate time_zone={self.time_zone!r}: no such zone; use an IANA name "
                "such as 'America/New_York'."
            ) from None

    def rng(self, *stream: int) -> np.random.Generator:
        """Give the random stream of one part of the shop."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *stream])))


@dataclass(frozen=True)
class Customers:
    """The customers; arrays of shape ``(n_customers,)``.

    ``joined`` and ``gone`` are days of the period (first active day, first day without; below 0:
    before it began);
    ``weight`` is the customer's share in the orders of a day on which all are active, in
    arbitrary units. The others index into the truth or are values.
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


class Shop:
    """One seeded shop: its plan, and its people and goods, made when they are first asked for."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.truth = plan.truth
        self.habits: Habits = plan.truth.habits

    @cached_property
    def customers(self) -> Customers:
        """The customers."""
        return _draw_customers(self.plan)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The products."""
        return _draw_catalogue(self.plan)

    @cached_property
    def product_ids(self) -> pl.Series:
        """Marked ids of the products, by index."""
        return self.ids("P", FIRST_PRODUCT + np.arange(self.plan.products))

    def customer_ids(self, index: Ints) -> pl.Series:
        """Marked ids of some customers."""
        return self.ids("C", FIRST_CUSTOMER + index)

    def ids(self, kind: str, numbers: Ints) -> pl.Series:
        """Write numbers as ids that say they are simulated: ``SIM-C1000000``."""
        tag = self.plan.tag if kind in self.plan.tagged else ""
        return f"{SIMULATED_PREFIX}{tag}{kind}" + pl.Series(numbers).cast(pl.String)

    def day(self, number: int) -> date:
        """The calendar day of a day of the period."""
        return self.plan.first_day + timedelta(days=number)

    def prices(self, number: int) -> Ints:
        """What each product costs on a day of the period, in cents."""
        epoch = sum(number >= day for day in self.catalogue.epoch_days) - 1
        prices: Ints = self.catalogue.price_cents[epoch]
        return prices

    @cached_property
    def day_orders(self) -> list[float]:
        """Orders expected on each day: the season, the weekday and the growth that are planted."""
        truth, days = self.truth, self.plan.days
        weights = [
            truth.month_weights[self.day(n).month - 1]
            * truth.weekday_weights[self.day(n).weekday()]
            * (1 + truth.growth * n / days)
            for n in range(days)
        ]
        return [self.plan.orders * weight / sum(weights) for weight in weights]

    def month_index(self) -> dict[str, float]:
        """Orders expected per day of each calendar month, over the mean of the months."""
        per_day: dict[str, list[float]] = {}
        for n, orders in enumerate(self.day_orders):
            per_day.setdefault(f"{self.day(n):%Y-%m}", []).append(orders)
        means = {month: sum(orders) / len(orders) for month, orders in per_day.items()}
        mean = sum(means.values()) / len(means)
        return {month: round(m / mean, 6) if mean else 0.0 for month, m in means.items()}

    def peak_hours(self) -> list[int]:
        """Hours at which the planted daily rhythm of orders has its peaks, by shop clock."""
        density = np.zeros(24)
        for group in self.truth.groups:
            bell = _bell(self.plan.rng(99), 20_000)
            minute = np.floor(group.peak_minute + group.spread_minutes * bell) % 1440
            hours = np.bincount(minute.astype(np.int64) // 60, minlength=24) / 20_000
            density += (
                hours
                * group.share
                * group.orders_per_year
                * _active_share(group.joined, group.gone)
            )
        return peaks(density.tolist())


def peaks(by_hour: list[float], least: float = 0.05) -> list[int]:
    """Hours that are higher than both neighbours and at least ``least`` of all above the valleys.

    The day is a circle. A peak counts when it rises above the lowest hours on both ways to a
    higher one by ``least`` of the highest hour.

    Source: topographic prominence, https://en.wikipedia.org/wiki/Topographic_prominence
    """
    highest = max(by_hour)
    found = []
    for hour, value in enumerate(by_hour):
        if value <= by_hour[hour - 1] or value < by_hour[(hour + 1) % 24]:
            continue
        bases = []
        for step in (-1, 1):
            low = value
            for distance in range(1, 24):
                other = by_hour[(hour + step * distance) % 24]
                if other > value:
                    break
                low = min(low, other)
            bases.append(low)
        if value - max(bases) >= least * highest:
            found.append(hour)
    return found


def _active_share(joined: tuple[float, float], gone: tuple[float, float]) -> float:
    """How much of the period a group's mean customer is active."""
    start = max(0.0, (joined[0] + joined[1]) / 2)
    return max(0.0, min(1.0, (gone[0] + gone[1]) / 2) - start)


def _bell(rng: np.random.Generator, size: int) -> Floats:
    """Draw from a bell of mean 0 and deviation 1: four uniforms, without libm's rounding."""
    u = rng.random((4, size))
    bell: Floats = (u[0] + u[1] + u[2] + u[3] - 2.0) * 1.7320508075688772
    return bell


def pick(uniform: Floats, weights: Floats) -> Ints:
    """Turn uniform draws into indexes with probability proportional to the weights."""
    cumulative = np.cumsum(weights)
    chosen: Ints = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.minimum(chosen, len(weights) - 1)


def _between(uniform: Floats, low: Floats | float, high: Floats | float) -> Floats:
    return low + uniform * (high - low)


def _draw_customers(plan: Plan) -> Customers:
    """Draw the customers; every group has exactly its share, in shuffled order."""
    rng, n, groups = plan.rng(_CUSTOMERS), plan.customers, plan.truth.groups
    sizes = allocate(n, [group.share for group in groups])
    group = np.repeat(np.arange(len(groups)), sizes)[np.argsort(rng.random(n), kind="stable")]

    def of(pairs: list[tuple[float, float]]) -> Floats:
        table = np.array(pairs, dtype=np.float64)[group]
        return _between(rng.random(n), table[:, 0], table[:, 1])

    joined = np.floor(of([g.joined for g in groups]) * plan.days).astype(np.int64)
    gone = np.ceil(of([g.gone for g in groups]) * plan.days).astype(np.int64)
    per_year = np.array([g.orders_per_year for g in groups])[group]
    age = 18 + (62 * rng.random(n) * (0.5 + 0.5 * rng.random(n))).astype(np.int64)
    return Customers(
        group=group,
        joined=joined,
        gone=gone,
        weight=per_year * _between(rng.random(n), 0.75, 1.25),
        place=pick(rng.random(n), np.array([p.share for p in plan.truth.places])),
        street=(rng.random(n) * len(plan.truth.streets)).astype(np.int64),
        house=1 + (rng.random(n) * 999).astype(np.int64),
        platform=pick(rng.random(n), np.array([p[1] for p in plan.truth.habits.platforms])),
        birth_year=plan.first_day.year - age,
        education=pick(rng.random(n), np.array([0.50, 0.22, 0.17, 0.09, 0.02])),
        marital=pick(rng.random(n), np.array([0.39, 0.26, 0.21, 0.10, 0.04])),
        income=np.floor(of([g.income for g in groups])).astype(np.int64),
        kids=pick(rng.random(n), np.array([0.58, 0.38, 0.04])),
        teens=pick(rng.random(n), np.array([0.52, 0.45, 0.03])),
    )


def _draw_catalogue(plan: Plan) -> Catalogue:
    """Draw the products, category by category, each category by rising price."""
    rng, n, truth = plan.rng(_PRODUCTS), plan.products, plan.truth
    # one product per category at least; the rest by share
    spare = allocate(n - len(truth.categories), [c.share for c in truth.categories])
    sizes = np.array([1 + extra for extra in spare])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    category = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(n) - starts[category]  # rank by price within the category
    price = np.empty(n, dtype=np.int64)
    brand: list[str] = []
    name: list[str] = []
    complement = np.full(n, -1, dtype=np.int64)
    paths = [c.path for c in truth.categories]
    for kind, start, size in zip(truth.categories, starts, sizes, strict=True):
        low, high = kind.price_cents
        # squared uniforms: more cheap goods than dear ones; odd cents as shops like them
        cents = np.sort(low + (rng.random(size) ** 2 * (high - low)).astype(np.int64))
        price[start : start + size] = np.maximum(cents // 50 * 50 - 1, 1)
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
    for at, factor, share in truth.price_changes:
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


def days_of_years(year: int, years: int) -> int:
    """Days of some whole calendar years."""
    return sum(366 if calendar.isleap(y) else 365 for y in range(year, year + years))
