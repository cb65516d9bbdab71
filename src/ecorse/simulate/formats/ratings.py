"""The format ``ratings``: what customers thought of what they bought, a file per month.

What belongs here: this format's columns and when a rating comes. What does not: what was bought.
The form is that of the MovieLens ratings; every row is invented.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ecorse.simulate.behaviour import Slice, slices
from ecorse.simulate.formats import Format, month_label, take
from ecorse.simulate.shop import Shop

_STREAM = 50
_DAY_SECONDS = 86_400


def ratings(shop: Shop, part: Slice) -> pl.DataFrame:
    """Draw which lines of a slice are rated, how, and how many days later.

    Columns ``at`` (seconds since 1970), ``customer``, ``product``, ``half_stars`` (1 to 10) and
    ``session``. A product's ratings lie around its planted quality, one and a half stars apart.
    """
    habits, lines = shop.habits, part.lines
    first = int(part.sessions.number[0])
    rng = shop.plan.rng(_STREAM, first // 10_000_000, first % 10_000_000)
    n = len(lines.at)
    rated = np.flatnonzero(rng.random(n) < habits.rating)
    spread = (rng.random((2, n)) * 4).astype(np.int64)
    late = _DAY_SECONDS + (rng.random(n) * habits.rating_days * _DAY_SECONDS).astype(np.int64)
    half_stars = shop.catalogue.quality[lines.product] + spread[0] - spread[1]
    return pl.DataFrame(
        {
            "at": (lines.at + late)[rated],
            "customer": part.sessions.customer[lines.session[rated]],
            "product": lines.product[rated],
            "half_stars": np.clip(half_stars, 1, 10)[rated],
            "session": part.sessions.number[lines.session[rated]],
        }
    )


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the ratings of each slice's purchases, by the time they come."""
    for part in slices(shop):
        drawn = ratings(shop, part).sort("at", maintain_order=True)
        yield (
            month_label(shop, part.day),
            pl.DataFrame(
                {
                    "userId": shop.customer_ids(drawn["customer"].to_numpy()),
                    "movieId": take(shop.product_ids, drawn["product"].to_numpy()),
                    "rating": drawn["half_stars"] / 2,
                    "timestamp": drawn["at"],
                }
            ),
        )


FORMAT = Format(
    name="ratings",
    header="userId,movieId,rating,timestamp",
    frames=frames,
    broken={
        "rating_not_a_number": "{id},SIM-P100000,good,1551434400",
        "short_row": "{id},SIM-P100000",
        "long_row": "{id},SIM-P100000,4.0,1551434400,x,y",
    },
    moment="timestamp",
    moment_format="epoch",
    group="movieId",
    new_id="userId",
)
