"""An electronics store whose customers mostly buy once: two times of day, pairs, a season.

What belongs here: this store's truth as data. What does not: anything that computes. Names are
invented; the sizes, hours and dirt are near those of one store's published year of sales.
"""

from __future__ import annotations

from ecorse.simulate.stores import Category, Group, Habits, Place, Store

_CATEGORIES = (
    Category("phones.phone", "Phone", 0.12, (40000, 90000), ("Nimbo", "Halcyon"),
             "phones.cable", 0.40),
    Category("phones.cable", "Charging Cable", 0.08, (1100, 1700), ("Nimbo", "Halcyon")),
    Category("power.battery", "Batteries", 0.12, (300, 700), ("Volt",)),
    Category("power.bank", "Power Bank", 0.04, (2500, 4500), ("Volt",)),
    Category("computers.laptop", "Laptop", 0.08, (90000, 170000), ("Kite", "Slate"),
             "computers.mouse", 0.30),
    Category("computers.mouse", "Mouse", 0.08, (1900, 3500), ("Kite", "Slate")),
    Category("computers.monitor", "Monitor", 0.10, (12000, 50000), ("Vista",)),
    Category("audio.earphones", "Earphones", 0.06, (1100, 1900), ("Aria",)),
    Category("audio.headphones", "Headphones", 0.08, (9000, 24000), ("Aria",)),
    Category("television.set", "TV", 0.08, (30000, 60000), ("Borealis",),
             "television.cable", 0.30),
    Category("television.cable", "HDMI Cable", 0.04, (700, 1300), ("Borealis",)),
    Category("gaming.console", "Game Console", 0.04, (35000, 45000), ("Orbit",),
             "gaming.controller", 0.45),
    Category("gaming.controller", "Game Controller", 0.04, (4500, 6500), ("Orbit",)),
    Category("appliances.machine", "Washing Machine", 0.04, (50000, 70000), ("Lumo",)),
)  # fmt: skip

# By day people buy what they need to work, in the evening what they enjoy.
_GROUPS = (
    Group("daytime", 0.58, 1.3, (-1.0, 0.0), (1.0, 1.0), 12 * 60 + 10, 130, 1.0, 0.0,
          (24_000, 90_000),
          {"phones.phone": 0.12, "phones.cable": 0.16, "power.battery": 0.22, "power.bank": 0.05,
           "computers.laptop": 0.10, "computers.mouse": 0.07, "computers.monitor": 0.14,
           "audio.earphones": 0.04, "audio.headphones": 0.02, "television.set": 0.01,
           "television.cable": 0.03, "gaming.console": 0.01, "gaming.controller": 0.01,
           "appliances.machine": 0.02}),
    Group("evening", 0.42, 1.3, (-1.0, 0.0), (1.0, 1.0), 20 * 60 + 10, 75, 1.0, 0.0,
          (24_000, 90_000),
          {"phones.phone": 0.16, "phones.cable": 0.09, "power.battery": 0.05, "power.bank": 0.01,
           "computers.laptop": 0.03, "computers.mouse": 0.02, "computers.monitor": 0.03,
           "audio.earphones": 0.14, "audio.headphones": 0.14, "television.set": 0.12,
           "television.cable": 0.01, "gaming.console": 0.10, "gaming.controller": 0.08,
           "appliances.machine": 0.02}),
)  # fmt: skip

_PLACES = (
    Place("Chicago", "IL", "60601", "United States", 0.24),
    Place("Houston", "TX", "77002", "United States", 0.17),
    Place("Philadelphia", "PA", "19103", "United States", 0.15),
    Place("Denver", "CO", "80202", "United States", 0.12),
    Place("Miami", "FL", "33130", "United States", 0.10),
    Place("Minneapolis", "MN", "55401", "United States", 0.08),
    Place("Phoenix", "AZ", "85004", "United States", 0.06),
    Place("Portland", "OR", "97205", "United States", 0.05),
    Place("Portland", "ME", "04101", "United States", 0.03),
)

STORE = Store(
    name="electronics",
    customers=45_000,
    products=25,
    orders_each=4 / 3,
    events_each=12,
    groups=_GROUPS,
    categories=_CATEGORIES,
    places=_PLACES,
    streets=("Alder St", "Birch St", "Canal St", "Depot St", "Elder St", "Ferry St", "Garden St",
             "Harbor St", "Juniper St", "Market St", "Quarry St", "School St", "Summit St",
             "Water St", "3rd St", "16th St"),
    # January to December: a quiet start, a spring bump, and the weeks before the holidays
    month_weights=(0.70, 0.75, 0.95, 1.10, 1.00, 0.85, 0.90, 0.80, 0.85, 1.20, 1.25, 1.65),
    weekday_weights=(1.00, 1.05, 1.00, 0.95, 1.10, 1.25, 1.15),  # Monday to Sunday
    growth=0.0,
    price_changes=(),
    round_from_cents=30_000,
    habits=Habits(extra_item=0.03, dear_quantities=(0.99, 0.01)),
)  # fmt: skip
