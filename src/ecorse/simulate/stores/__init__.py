"""Stores: what is planted, as data; one module per store.

What belongs here: what a store's truth is made of, and finding one by its name. What does not: its
people and products one by one (``population.py``), what they do (``behaviour.py``), how that is
written (``formats``).

A new store is one new module in this folder that defines ``STORE``; its name is the module's.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import asdict, dataclass
from typing import Any

from ecorse.errors import ConfigError


@dataclass(frozen=True)
class Group:
    """A planted customer segment.

    ``orders_per_year`` is the mean of an active customer, before growth and season.
    ``joined`` and ``gone`` are ranges of the period, as shares of it, in which its customers come
    and stop coming (a ``gone`` of 1 or more: they stay). Order times are a bell around
    ``peak_minute`` with a standard deviation of ``spread_minutes``. ``dear`` above 0 prefers the
    dear goods of a category, below 0 the cheap ones.
    """

    name: str
    share: float
    orders_per_year: float
    joined: tuple[float, float]
    gone: tuple[float, float]
    peak_minute: int
    spread_minutes: int
    weekend_weight: float
    dear: float
    income: tuple[int, int]
    category_weights: dict[str, float]


@dataclass(frozen=True)
class Category:
    """A category of the catalogue: its path, goods, makers and price range in cents.

    ``share`` is its share of the catalogue. ``complement`` names the category in which each of
    its products has one planted complement, bought along with ``complement_probability``.
    """

    path: str
    noun: str
    share: float
    price_cents: tuple[int, int]
    brands: tuple[str, ...]
    complement: str = ""
    complement_probability: float = 0.0

    @property
    def name(self) -> str:
        """The last level of the path."""
        return self.path.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Place:
    """A city, how people write the rest of its address, and the share of customers there."""

    city: str
    region: str
    postal_code: str
    country: str
    share: float


@dataclass(frozen=True)
class Habits:
    """Rates that hold for everybody; each is a probability unless it says otherwise.

    ``browse_views`` and ``buy_views`` are the chances of 1, 2, 3 ... products looked at in a
    session. ``substitute_view`` is the chance that a look goes to a substitute of the product one
    came for. ``rating_days`` and ``return_days`` bound how many days later a rating or a return
    comes.
    """

    browse_views: tuple[float, ...] = (0.34, 0.22, 0.15, 0.10, 0.07, 0.05, 0.04, 0.03)
    buy_views: tuple[float, ...] = (0.20, 0.26, 0.20, 0.14, 0.09, 0.06, 0.05)
    substitute_view: float = 0.6
    extra_item: float = 0.06
    idle_cart: float = 0.10
    cart_removed: float = 0.35
    search: float = 0.30
    bookmark: float = 0.05
    rating: float = 0.25
    rating_days: int = 14
    cancelled_order: float = 0.020
    cancel_days: int = 3
    returned_line: float = 0.015
    return_days: int = 28
    postage_order: float = 0.06
    customer_missing: float = 0.04
    category_missing: float = 0.15
    brand_missing: float = 0.12
    platform_missing: float = 0.08
    platforms: tuple[tuple[str, float], ...] = (("mobile", 0.5), ("desktop", 0.4), ("tablet", 0.1))
    cheap_quantities: tuple[float, ...] = (0.74, 0.17, 0.06, 0.03)
    dear_quantities: tuple[float, ...] = (0.98, 0.02)
    cheap_below_cents: int = 2000


@dataclass(frozen=True)
class Store:
    """Everything that is planted in one store; shares add up to 1.

    ``customers`` and ``products`` are its own size, ``orders_each`` and ``events_each`` what a
    year of a customer is expected to hold; a plan may ask for others. ``growth`` is the rise of
    daily orders from the first day of the period to its last, as a share. ``price_changes`` are
    (share of the period, factor, share of products) steps. Prices are odd (``…49``, ``…99``) below
    ``round_from_cents`` and whole tens of the currency from there on.
    """

    name: str
    customers: int
    products: int
    orders_each: float
    events_each: float
    groups: tuple[Group, ...]
    categories: tuple[Category, ...]
    places: tuple[Place, ...]
    streets: tuple[str, ...]
    month_weights: tuple[float, ...]
    weekday_weights: tuple[float, ...]
    growth: float = 0.15
    price_changes: tuple[tuple[float, float, float], ...] = ((0.33, 1.06, 0.5), (0.75, 0.92, 0.3))
    round_from_cents: int | None = None
    habits: Habits = Habits()

    def as_dict(self) -> dict[str, Any]:
        """Give what ``truth.json`` says about the shop (JSON-ready)."""
        return asdict(self)


def store_names() -> tuple[str, ...]:
    """Give the names of all stores, sorted; imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def get_store(name: str) -> Store:
    """Give a store by its name.

    Raises
    ------
    ConfigError
        There is no such store.
    """
    if name not in store_names():
        raise ConfigError(
            f"There is no store {name!r} to simulate; there are {', '.join(store_names())}."
        )
    found: Store = importlib.import_module(f"{__name__}.{name}").STORE
    return found
