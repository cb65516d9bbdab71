"""The planted truth of the seeded shop, as data: customers, catalogue, seasons, habits.

What belongs here: what is true of the shop. What does not: its people and products one by one
(``population.py``), what they do (``behaviour.py``), files (``formats``). Names are invented.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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
class ShopTruth:
    """Everything that is planted in the seeded shop; shares add up to 1.

    ``growth`` is the rise of daily orders from the first day of the period to its last, as a
    share. ``price_changes`` are (share of the period, factor, share of products) steps.
    """

    groups: tuple[Group, ...]
    categories: tuple[Category, ...]
    places: tuple[Place, ...]
    streets: tuple[str, ...]
    month_weights: tuple[float, ...]
    weekday_weights: tuple[float, ...]
    growth: float = 0.15
    price_changes: tuple[tuple[float, float, float], ...] = ((0.33, 1.06, 0.5), (0.75, 0.92, 0.3))
    habits: Habits = Habits()

    def as_dict(self) -> dict[str, Any]:
        """Give what ``truth.json`` says about the shop (JSON-ready)."""
        return asdict(self)


_CATEGORIES = (
    Category("electronics.smartphone", "Smartphone", 0.09, (19900, 99900),
             ("Nimbo", "Halcyon", "Kaori"), "electronics.accessories.cable", 0.45),
    Category("electronics.accessories.cable", "Charging Cable", 0.09, (499, 2999),
             ("Nimbo", "Halcyon", "Voltra")),
    Category("electronics.audio.headphone", "Headphones", 0.07, (2900, 24900),
             ("Aria", "Nimbo", "Sonido")),
    Category("computers.notebook", "Laptop", 0.07, (49900, 189900),
             ("Kite", "Slate", "Orbit"), "computers.peripherals.mouse", 0.40),
    Category("computers.peripherals.mouse", "Mouse", 0.07, (1299, 6900),
             ("Kite", "Slate", "Logen")),
    Category("appliances.kitchen.coffee_machine", "Coffee Machine", 0.06, (4900, 59900),
             ("Lumo", "Bravo"), "grocery.coffee", 0.50),
    Category("grocery.coffee", "Coffee Beans", 0.07, (599, 2499), ("Caf\u00e9 Alba", "Roast & Co")),
    Category("furniture.bedroom.bed", "Bed", 0.05, (14900, 119900),
             ("Nordal", "Hygge"), "home.textile.bedding", 0.45),
    Category("home.textile.bedding", "Bedding Set", 0.07, (1900, 12900), ("Nordal", "Linea")),
    Category("home.garden.planter", "Planter", 0.08, (799, 5900), ("Verde", "Linea"),
             "home.garden.seeds", 0.45),
    Category("home.garden.seeds", "Seed Box", 0.07, (299, 1499), ("Verde", "Solis")),
    Category("sport.shoes", "Running Shoes", 0.08, (4900, 17900), ("Strider", "Apex"),
             "sport.socks", 0.40),
    Category("sport.socks", "Sports Socks", 0.06, (499, 1999), ("Strider", "Apex")),
    Category("kids.toys", "Building Set", 0.07, (999, 9900), ("Piko", "Blox")),
)  # fmt: skip

# Tuned so that the default segmentation finds them again from orders alone: many cheap purchases at
# noon, few dear ones in the evening, everything often, nothing for months, and much in few weeks.
_GROUPS = (
    Group("daytime leisure", 0.28, 16, (-1.0, 0.0), (1.0, 1.0), 11 * 60 + 30, 60, 0.9, -0.3,
          (24_000, 52_000),
          {"home.garden.planter": 4, "home.garden.seeds": 4, "grocery.coffee": 3,
           "kids.toys": 1}),
    Group("evening urgent", 0.26, 7, (-1.0, 0.0), (1.0, 1.0), 20 * 60 + 30, 60, 1.1, 0.3,
          (34_000, 68_000),
          {"electronics.smartphone": 5, "computers.notebook": 3}),
    Group("loyal", 0.14, 36, (-1.0, 0.0), (1.0, 1.0), 15 * 60 + 30, 90, 1.5, 0.3,
          (55_000, 110_000),
          {category.path: 1.0 for category in _CATEGORIES}),
    Group("lapsing", 0.18, 18, (-1.0, 0.0), (0.15, 0.35), 15 * 60, 90, 1.3, 0.0,
          (24_000, 70_000),
          {"sport.shoes": 5, "sport.socks": 1}),
    Group("new", 0.14, 50, (0.93, 0.97), (1.0, 1.0), 7 * 60 + 30, 75, 1.2, 0.1,
          (20_000, 60_000),
          {"appliances.kitchen.coffee_machine": 6, "grocery.coffee": 1}),
)  # fmt: skip

_PLACES = (
    Place("Chicago", "IL", "60601", "United States", 0.22),
    Place("Houston", "TX", "77002", "United States", 0.16),
    Place("Philadelphia", "PA", "19103", "United States", 0.14),
    Place("Denver", "CO", "80202", "United States", 0.11),
    Place("Miami", "FL", "33130", "United States", 0.09),
    Place("Portland", "OR", "97205", "United States", 0.07),
    Place("Portland", "ME", "04101", "United States", 0.03),
    Place("Toronto", "ON", "M5H 2N2", "Canada", 0.08),
    Place("London", "LND", "EC1A 1BB", "United Kingdom", 0.06),
    Place("Berlin", "BE", "10115", "Germany", 0.04),
)

SHOP = ShopTruth(
    groups=_GROUPS,
    categories=_CATEGORIES,
    places=_PLACES,
    streets=("Alder St", "Birch St", "Canal St", "Depot St", "Elder St", "Ferry St", "Garden St",
             "Harbor St", "Juniper St", "Market St", "Quarry St", "Summit St"),
    month_weights=(0.70, 0.75, 0.95, 1.10, 1.00, 0.85, 0.90, 0.80, 0.85, 1.20, 1.25, 1.65),
    weekday_weights=(1.00, 1.05, 1.00, 0.95, 1.10, 1.25, 1.15),
)  # fmt: skip
