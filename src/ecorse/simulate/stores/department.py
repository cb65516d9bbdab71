"""A department store with returning customers: five groups, complements, growth, price changes.

What belongs here: this store's truth as data. What does not: anything that computes. Names are
invented.
"""

from __future__ import annotations

from ecorse.simulate.stores import Category, Group, Place, Store

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

STORE = Store(
    name="department",
    customers=1_500,
    products=200,
    orders_each=10,
    events_each=80,
    groups=_GROUPS,
    categories=_CATEGORIES,
    places=_PLACES,
    streets=("Alder St", "Birch St", "Canal St", "Depot St", "Elder St", "Ferry St", "Garden St",
             "Harbor St", "Juniper St", "Market St", "Quarry St", "Summit St"),
    month_weights=(0.70, 0.75, 0.95, 1.10, 1.00, 0.85, 0.90, 0.80, 0.85, 1.20, 1.25, 1.65),
    weekday_weights=(1.00, 1.05, 1.00, 0.95, 1.10, 1.25, 1.15),
)  # fmt: skip
