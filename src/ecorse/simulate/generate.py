"""Drawing clean order lines from the planted truth, one month at a time.

What belongs here: seeded, vectorised draws; a pure function of truth, seed and month. What does
not: dirt, text, files. Only uniform draws, sums and table look-ups are used, so the same seed
gives the same lines on every platform and with any number of threads.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ecorse.simulate.truth import Truth

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SQRT_3 = 1.7320508075688772
_MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True)
class MonthLines:
    """The clean lines of one month, ordered by order; arrays of shape ``(n_lines,)``, int64.

    ``order`` counts from 0 within the month; ``minute`` counts minutes of the shop's wall clock
    since the month began; the others index into the truth (``product``, ``daypart``, ``city``,
    ``street``) or are values.
    """

    year: int
    month: int
    order: Ints
    product: Ints
    quantity: Ints
    minute: Ints
    daypart: Ints
    house: Ints
    street: Ints
    city: Ints


def allocate(total: int, weights: Sequence[float]) -> list[int]:
    """Split a whole number by weights, by largest remainder; the parts add up to ``total``.

    Source: https://en.wikipedia.org/wiki/Largest_remainders_method
    """
    scale = total / sum(weights)
    parts = [int(weight * scale) for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - weights[i] * scale, i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def orders_per_month(truth: Truth, orders: int, year: int) -> list[int]:
    """Give the number of orders of each of the twelve months: weight times days in the month."""
    days = [calendar.monthrange(year, month)[1] for month in range(1, 13)]
    return allocate(orders, [w * d for w, d in zip(truth.month_weights, days, strict=True)])


def generate_month(
    truth: Truth, *, seed: int, year: int, month: int, orders: int, stream: int = 0
) -> MonthLines:
    """Draw the lines of ``orders`` orders of one month.

    Each month has a random stream of its own, so months can be drawn alone and in any order.

    Parameters
    ----------
    truth
        What is planted.
    seed, stream
        Non-negative; another ``stream`` gives other lines for the same seed.
    year, month
        The calendar month of the shop's wall clock.
    orders
        How many orders; some have several lines.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, year, month, stream])))
    daypart = _choose(rng, [d.share for d in truth.dayparts], orders)
    minute = _draw_minutes(rng, truth, year, month, daypart)
    city = _choose(rng, [c.share for c in truth.cities], orders)
    street = _choose(rng, [1.0] * len(truth.streets), orders)
    house = 1 + (rng.random(orders) * 999).astype(np.int64)
    order, product = _draw_baskets(rng, truth, daypart)
    return MonthLines(
        year=year,
        month=month,
        order=order,
        product=product,
        quantity=_draw_quantities(rng, truth, product),
        minute=minute[order],
        daypart=daypart[order],
        house=house[order],
        street=street[order],
        city=city[order],
    )


def _choose(rng: np.random.Generator, weights: Sequence[float], size: int) -> Ints:
    """Draw ``size`` indexes with probability proportional to the weights."""
    return _pick(rng.random(size), weights)


def _pick(uniform: Floats, weights: Sequence[float]) -> Ints:
    """Turn uniform draws into indexes by the weights' cumulative shares."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    chosen: Ints = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.clip(chosen, 0, len(weights) - 1)


def _draw_minutes(
    rng: np.random.Generator, truth: Truth, year: int, month: int, daypart: Ints
) -> Ints:
    """Draw the minute since the month began: a day by weekday weight, a time by daypart."""
    first_weekday = date(year, month, 1).weekday()
    days = calendar.monthrange(year, month)[1]
    day_weights = [truth.weekday_weights[(first_weekday + day) % 7] for day in range(days)]
    day = _choose(rng, day_weights, len(daypart))
    # The sum of four uniforms has mean 2 and variance 1/3: a bell without libm's rounding.
    bell = (rng.random((4, len(daypart))).sum(axis=0) - 2.0) * _SQRT_3
    peak = np.array([d.peak_minute for d in truth.dayparts], dtype=np.float64)[daypart]
    spread = np.array([d.spread_minutes for d in truth.dayparts], dtype=np.float64)[daypart]
    time = np.floor(peak + spread * bell).astype(np.int64) % _MINUTES_PER_DAY
    minute: Ints = day * _MINUTES_PER_DAY + time
    return minute


def _draw_baskets(rng: np.random.Generator, truth: Truth, daypart: Ints) -> tuple[Ints, Ints]:
    """Draw each order's products: a main one, its complement, seldom one more; none twice."""
    index = {product.name: i for i, product in enumerate(truth.products)}
    uniform = rng.random(len(daypart))
    main = np.empty(len(daypart), dtype=np.int64)
    for i, part in enumerate(truth.dayparts):
        in_category = {
            category: sum(p.category == category for p in truth.products)
            for category in part.category_weights
        }
        weights = [
            part.category_weights[p.category] / in_category[p.category] for p in truth.products
        ]
        main[daypart == i] = _pick(uniform[daypart == i], weights)

    complement_of = np.full(len(truth.products), -1, dtype=np.int64)
    probability = np.zeros(len(truth.products))
    for pair in truth.pairs:
        complement_of[index[pair.product]] = index[pair.complement]
        probability[index[pair.product]] = pair.probability
    has_complement = rng.random(len(daypart)) < probability[main]
    complement = np.where(has_complement, complement_of[main], -1)

    extra = _choose(rng, [1.0] * len(truth.products), len(daypart))
    has_extra = rng.random(len(daypart)) < truth.extra_item_share
    extra = np.where(has_extra & (extra != main) & (extra != complement), extra, -1)

    slots = np.stack([main, complement, extra], axis=1)
    order, slot = np.nonzero(slots >= 0)
    return order.astype(np.int64), slots[order, slot]


def _draw_quantities(rng: np.random.Generator, truth: Truth, product: Ints) -> Ints:
    """Draw pieces per line: cheap products are sometimes bought by the handful."""
    uniform = rng.random(len(product))
    is_cheap = np.array([p.price_cents < truth.cheap_below_cents for p in truth.products])[product]
    cheap = _pick(uniform, truth.cheap_quantity_shares)
    dear = _pick(uniform, truth.dear_quantity_shares)
    quantity: Ints = 1 + np.where(is_cheap, cheap, dear)
    return quantity
