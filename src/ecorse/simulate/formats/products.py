"""The format ``products``: the catalogue with descriptions and the names of its images.

What belongs here: this format's columns and texts. What does not: the goods themselves
(``population.py``) and drawing the images (``images.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ecorse.simulate.formats import Format, price_texts, take
from ecorse.simulate.shop import Shop

_STREAM = 40
_QUALITIES = ("light", "sturdy", "quiet", "compact", "elegant", "simple", "warm", "fast")
_USES = ("for every day", "for small homes", "for long journeys", "for the whole family",
         "for beginners", "for people who want it to last")  # fmt: skip


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give one row per product, its price that of the last day."""
    goods, n, rng = shop.catalogue, shop.plan.products, shop.plan.rng(_STREAM)
    first, second, use = (
        (rng.random(n) * len(words)).astype(np.int64).tolist()
        for words in (_QUALITIES, _QUALITIES, _USES)
    )
    nouns = [shop.store.categories[c].noun.lower() for c in goods.category.tolist()]
    texts = [
        f"{name} by {brand}: a {_QUALITIES[a]} and {_QUALITIES[b]} {noun} {_USES[u]}."
        if a != b
        else f"{name} by {brand}: a {_QUALITIES[a]} {noun} {_USES[u]}."
        for name, brand, noun, a, b, u in zip(
            goods.name, goods.brand, nouns, first, second, use, strict=True
        )
    ]
    yield (
        "",
        pl.DataFrame(
            {
                "product_id": shop.product_ids,
                "product_name": goods.name,
                "category_path": take(tuple(c.path for c in shop.store.categories), goods.category),
                "brand": goods.brand,
                "description": texts,
                "image_uri": "images/" + shop.product_ids + ".png",
                "price": price_texts(shop.prices(shop.plan.days - 1)),
            }
        ),
    )


FORMAT = Format(
    name="products",
    header="product_id,product_name,category_path,brand,description,image_uri,price",
    frames=frames,
    names_customers=False,
    broken={
        "price_not_a_number": "{id},Lamp,home.lamp,Lumo,A lamp.,images/x.png,free",
        "short_row": "{id},Lamp",
        "long_row": "{id},Lamp,home.lamp,Lumo,A lamp.,images/x.png,9.99,x,y",
    },
    group="category_path",
    new_id="product_id",
    tagged="P",
)
