"""The planted truth of the simulated shop, as data.

What belongs here: what is true of the shop - its catalogue, its two times of day, pairs, seasons,
cities. What does not: drawing from it (``generate.py``), dirt (``dirt.py``), files (``write.py``).
The catalogue is invented; none of it is taken from a real shop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Product:
    """One product: its name, category and price in cents."""

    name: str
    category: str
    price_cents: int


@dataclass(frozen=True)
class Pair:
    """A complement: who buys ``product`` also buys ``complement`` with this probability."""

    product: str
    complement: str
    probability: float


@dataclass(frozen=True)
class Daypart:
    """A bell of order times, and what is bought then.

    Order minutes are the sum of four uniforms scaled to ``spread_minutes`` (one standard
    deviation) around ``peak_minute`` of the day, so the bell ends at 3.5 deviations.
    """

    name: str
    share: float
    peak_minute: int
    spread_minutes: int
    category_weights: dict[str, float]


@dataclass(frozen=True)
class City:
    """A city and the share of orders that go there."""

    name: str
    region: str
    postal_code: str
    share: float


@dataclass(frozen=True)
class Truth:
    """Everything that is planted in a simulated shop; all shares add up to 1."""

    products: tuple[Product, ...]
    pairs: tuple[Pair, ...]
    dayparts: tuple[Daypart, ...]
    cities: tuple[City, ...]
    streets: tuple[str, ...]
    month_weights: tuple[float, ...]
    weekday_weights: tuple[float, ...]
    extra_item_share: float
    cheap_below_cents: int
    cheap_quantity_shares: tuple[float, ...]
    dear_quantity_shares: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give what ``truth.json`` says about the shop (JSON-ready)."""
        return {
            "products": [vars(product) for product in self.products],
            "pairs": [vars(pair) for pair in self.pairs],
            "dayparts": [vars(daypart) for daypart in self.dayparts],
            "peak_hours": sorted(daypart.peak_minute // 60 for daypart in self.dayparts),
            "cities": [vars(city) for city in self.cities],
            "month_weights": list(self.month_weights),
            "weekday_weights_monday_first": list(self.weekday_weights),
            "extra_item_share": self.extra_item_share,
        }


_PRODUCTS = (
    Product("Nimbo Phone One", "Phones", 64900),
    Product("Nimbo Phone Max", "Phones", 89900),
    Product("Halcyon Smartphone", "Phones", 42000),
    Product("Nimbo Charging Cable", "Cables", 1495),
    Product("Halcyon USB-C Cable", "Cables", 1195),
    Product("HDMI Cable 2 m", "Cables", 899),
    Product("Volt AA Batteries 8-pack", "Batteries", 599),
    Product("Volt AAA Batteries 8-pack", "Batteries", 449),
    Product("Volt Power Bank", "Batteries", 3499),
    Product("Kite Laptop 13in", "Computers", 114900),
    Product("Kite Laptop 15in", "Computers", 149900),
    Product("Kite Wireless Mouse", "Computers", 2499),
    Product("Slate Tablet 10in", "Computers", 32900),
    Product("Vista 24in Monitor", "Monitors", 15999),
    Product("Vista 27in Monitor", "Monitors", 28999),
    Product("Vista 32in Curved Monitor", "Monitors", 44999),
    Product("Aria Wired Earphones", "Audio", 1299),
    Product("Aria Wireless Headphones", "Audio", 13999),
    Product("Aria Studio Headphones", "Audio", 22999),
    Product("Borealis 43in TV", "Television", 37900),
    Product("Borealis 55in TV", "Television", 58900),
    Product("Orbit Game Console", "Gaming", 39999),
    Product("Orbit Controller", "Gaming", 5499),
    Product("Lumo Coffee Machine", "Appliances", 18900),
    Product("Lumo Washing Machine", "Appliances", 62000),
)

_PAIRS = (
    Pair("Nimbo Phone One", "Nimbo Charging Cable", 0.40),
    Pair("Nimbo Phone Max", "Nimbo Charging Cable", 0.30),
    Pair("Halcyon Smartphone", "Halcyon USB-C Cable", 0.35),
    Pair("Kite Laptop 13in", "Kite Wireless Mouse", 0.25),
    Pair("Orbit Game Console", "Orbit Controller", 0.45),
    Pair("Borealis 55in TV", "HDMI Cable 2 m", 0.30),
)

# By day people buy what they need to work, in the evening what they enjoy.
_DAYTIME = Daypart(
    "daytime",
    0.58,
    12 * 60 + 20,
    130,
    {
        "Phones": 0.12,
        "Cables": 0.20,
        "Batteries": 0.22,
        "Computers": 0.18,
        "Monitors": 0.14,
        "Audio": 0.06,
        "Television": 0.01,
        "Gaming": 0.02,
        "Appliances": 0.05,
    },
)
_EVENING = Daypart(
    "evening",
    0.42,
    20 * 60 + 20,
    75,
    {
        "Phones": 0.16,
        "Cables": 0.10,
        "Batteries": 0.05,
        "Computers": 0.05,
        "Monitors": 0.03,
        "Audio": 0.28,
        "Television": 0.12,
        "Gaming": 0.18,
        "Appliances": 0.03,
    },
)

_CITIES = (
    City("Chicago", "IL", "60601", 0.24),
    City("Houston", "TX", "77002", 0.17),
    City("Philadelphia", "PA", "19103", 0.15),
    City("Denver", "CO", "80202", 0.12),
    City("Miami", "FL", "33130", 0.10),
    City("Minneapolis", "MN", "55401", 0.08),
    City("Phoenix", "AZ", "85004", 0.06),
    City("Portland", "OR", "97205", 0.05),
    City("Portland", "ME", "04101", 0.03),
)

_STREETS = (
    "Alder St",
    "Birch St",
    "Canal St",
    "Depot St",
    "Elder St",
    "Ferry St",
    "Garden St",
    "Harbor St",
    "Juniper St",
    "Market St",
    "Quarry St",
    "School St",
    "Summit St",
    "Water St",
    "3rd St",
    "16th St",
)

DEFAULT_TRUTH = Truth(
    products=_PRODUCTS,
    pairs=_PAIRS,
    dayparts=(_DAYTIME, _EVENING),
    cities=_CITIES,
    streets=_STREETS,
    # January to December: a quiet start, a spring bump, and the weeks before the holidays
    month_weights=(
        0.70,
        0.75,
        0.95,
        1.10,
        1.00,
        0.85,
        0.90,
        0.80,
        0.85,
        1.20,
        1.25,
        1.65,
    ),
    # Monday to Sunday
    weekday_weights=(1.00, 1.05, 1.00, 0.95, 1.10, 1.25, 1.15),
    extra_item_share=0.03,
    cheap_below_cents=2000,
    cheap_quantity_shares=(0.74, 0.17, 0.06, 0.03),
    dear_quantity_shares=(0.99, 0.01),
)
