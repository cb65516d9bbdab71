"""One simulated shop: a plan, its people and goods, and what they make expect of a day.

What belongs here: ids, prices, and the season and daily rhythm that follow from the plan. What
does not: drawing people and goods (``population.py``), what happens (``behaviour.py``).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from ecorse.columns import SIMULATED_PREFIX
from ecorse.simulate.draws import Ints, bell
from ecorse.simulate.plan import Plan
from ecorse.simulate.population import Catalogue, Customers, draw_catalogue, draw_customers
from ecorse.simulate.stores import Habits

FIRST_CUSTOMER = 1_000_000
FIRST_PRODUCT = 100_000


class Shop:
    """One seeded shop: its plan, and its people and goods, made when they are first asked for."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.store = plan.store
        self.habits: Habits = plan.store.habits

    @cached_property
    def customers(self) -> Customers:
        """The customers."""
        return draw_customers(self.plan)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The products."""
        return draw_catalogue(self.plan)

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
        store, days = self.store, self.plan.days
        weights = [
            store.month_weights[self.day(n).month - 1]
            * store.weekday_weights[self.day(n).weekday()]
            * (1 + store.growth * n / days)
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
        for group in self.store.groups:
            drawn = bell(self.plan.rng(99), 20_000)
            minute = np.floor(group.peak_minute + group.spread_minutes * drawn) % 1440
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
