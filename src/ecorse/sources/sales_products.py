"""The electronics store's products: their ids, and the category of each by its name.

What belongs here: what the names of the store's products say. What does not: its files
(``sales_csv``).
"""

from __future__ import annotations

import re

from ecorse.sources.canonical import (
    name_id,
    name_key,
    slug,
)

# The store's products as its own 13-column file files them, its typo "Batterie" mended.
CATEGORY_OF_PRODUCT = {
    "20in Monitor": "Monitors",
    "27in 4K Gaming Monitor": "Monitors",
    "27in FHD Monitor": "Monitors",
    "34in Ultrawide Monitor": "Monitors",
    "AA Batteries (4-pack)": "Batteries",
    "AAA Batteries (4-pack)": "Batteries",
    "Apple Airpods Headphones": "Audio Devices",
    "Bose SoundSport Headphones": "Audio Devices",
    "Flatscreen TV": "Entertainment Devices",
    "Google Phone": "Phones and Accessories",
    "LG Dryer": "Home Appliances",
    "LG Washing Machine": "Home Appliances",
    "Lightning Charging Cable": "Charging Cables",
    "Macbook Pro Laptop": "Laptops and Computers",
    "ThinkPad Laptop": "Laptops and Computers",
    "USB-C Charging Cable": "Charging Cables",
    "Vareebadd Phone": "Phones and Accessories",
    "Wired Headphones": "Audio Devices",
    "iPhone": "Phones and Accessories",
}


CATEGORY_ALIASES = {"Batterie": "Batteries"}


# Of other products, by a word of the name; the category that a file states goes before.
CATEGORY_OF_WORD = {
    "cable": "Charging Cables",
    "charger": "Charging Cables",
    "headphones": "Audio Devices",
    "earphones": "Audio Devices",
    "earbuds": "Audio Devices",
    "speaker": "Audio Devices",
    "batteries": "Batteries",
    "battery": "Batteries",
    "bank": "Batteries",
    "monitor": "Monitors",
    "tv": "Entertainment Devices",
    "console": "Entertainment Devices",
    "controller": "Entertainment Devices",
    "phone": "Phones and Accessories",
    "smartphone": "Phones and Accessories",
    "laptop": "Laptops and Computers",
    "computer": "Laptops and Computers",
    "tablet": "Laptops and Computers",
    "mouse": "Laptops and Computers",
    "keyboard": "Laptops and Computers",
    "washing": "Home Appliances",
    "dryer": "Home Appliances",
    "coffee": "Home Appliances",
    "refrigerator": "Home Appliances",
    "vacuum": "Home Appliances",
}


UNKNOWN_CATEGORY = "unknown"


def product_id(name: str) -> str:
    """A readable id of a product: those of the store's own have no digits behind."""
    key = name_key(name)
    return slug(key) if key in STORE_PRODUCTS else name_id(name)


STORE_PRODUCTS = {name_key(name): name for name in CATEGORY_OF_PRODUCT}


def category_of_words(name: str) -> str | None:
    """The category that a product's name gives away, if it does: its last telling word decides.

    "Halcyon USB-C Cable" is a cable, and "Phone Charging Cable" is one too.
    """
    words = re.findall(r"[a-z]+", name_key(name))
    return next((CATEGORY_OF_WORD[w] for w in reversed(words) if w in CATEGORY_OF_WORD), None)
