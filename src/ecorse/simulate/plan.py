"""What a simulated shop is asked to be.

What belongs here: seed, store, sizes and period, and the random streams that follow from them.
What does not: the people and goods that are drawn from a plan (``population.py``).
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ecorse.errors import ConfigError
from ecorse.simulate.stores import Store
from ecorse.simulate.stores.department import STORE as DEPARTMENT

_LARGEST = 8_000_000


@dataclass(frozen=True)
class Plan:
    """What a simulated shop is asked to be; two equal plans are the same shop to the byte.

    ``orders`` and ``events`` are what the whole period is expected to hold; the drawn numbers
    differ by chance. ``tag`` stands in the ids of sessions and orders, and in those of the kinds
    named in ``tagged`` (C customers, P products), so that appended rows never meet earlier ones.
    """

    seed: int = 20190101
    store: Store = DEPARTMENT
    customers: int = 1_500
    products: int = 200
    orders: int = 15_000
    events: int = 120_000
    first_day: date = date(2019, 1, 1)
    days: int = 365
    time_zone: str = "America/New_York"
    tag: str = ""
    tagged: str = ""

    @classmethod
    def of(cls, store: Store, **asked: Any) -> Plan:
        """Plan a store in its own size, where nothing else is asked.

        ``asked`` are fields of a plan; orders and events follow the customers.
        """
        customers = asked.get("customers", store.customers)
        own = {
            "customers": customers,
            "products": store.products,
            "orders": round(store.orders_each * customers),
            "events": round(store.events_each * customers),
        }
        return cls(store=store, **(own | asked))

    def __post_init__(self) -> None:
        low = {"customers": 1, "products": len(self.store.categories), "orders": 0, "events": 0}
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


def days_of_years(year: int, years: int) -> int:
    """Days of some whole calendar years."""
    return sum(366 if calendar.isleap(y) else 365 for y in range(year, year + years))
