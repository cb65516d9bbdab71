"""Which refunds add up to what a report says was given back, to the cent.

What belongs here: sets of refunds, and what is certain of them. What does not: which refunds there
are, and days (``trace``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

MOST_TRIED = 50_000  # steps for one day; past them nothing is certain
MOST_WAYS = 100  # ways of a day that are compared


class Refund(NamedTuple):
    """A refund of which the files tell no day: by what a report tells apart, and in all.

    ``undated`` is the cause it is told as, ``place`` the number of its order's day in the report's
    period.
    """

    order_id: str
    undated: str
    place: int
    amount: int
    parts: tuple[int, ...]
    is_unsplit: bool


def with_returns(
    returns: Mapping[int, int], found: Sequence[Refund], told: Sequence[frozenset[str]]
) -> dict[int, tuple[int, ...]] | None:
    """What was given back on days, by what a report tells apart, where it tells the goods alone.

    Parameters
    ----------
    returns
        The money of the goods that were given back, by day.
    found
        The refunds that may be meant.

    Returns
    -------
    dict or None
        ``None`` where a day's goods can be made of no refunds, or in two ways.
    """
    goods = next(place for place, one in enumerate(told) if "returns" in one)
    whole = [r._replace(amount=r.parts[goods]) for r in found if not r.is_unsplit]
    made = {}
    for day, amount in returns.items():
        only = tuple(amount if place == goods else 0 for place in range(len(told)))
        fitting = [r for r in whole if r.place <= day and r.amount]
        goods_alone = [r._replace(parts=only_of(r, goods)[: len(told)]) for r in fitting]
        first = only_way(only, goods_alone)
        if first is None:
            return None
        ids = {(r.order_id, r.undated) for r in first}
        those = [r.parts for r in whole if (r.order_id, r.undated) in ids]
        made[day] = tuple(map(sum, zip(*those, strict=True)))
    return made


def of_one_day(
    returns: int, beside: int, day: int, found: Sequence[Refund], told: Sequence[frozenset[str]]
) -> tuple[int, ...] | None:
    """What was given back on a day, by what a report tells apart, of which the sum is known.

    Of a partial refund the files tell the amount alone: goods, or goods and their tax.

    Parameters
    ----------
    returns, beside
        What was given back for goods, and in all for what is told beside them.

    Returns
    -------
    tuple or None
        ``None`` where it can be made of no refunds, or of some that disagree about it.
    """
    goods = next(place for place, one in enumerate(told) if "returns" in one)
    tax = next((place for place, one in enumerate(told) if one == {"taxes_back"}), None)
    by_key = {(r.order_id, r.undated): r for r in found if r.place <= day}
    alone = [r._replace(parts=(r.amount,)) for r in by_key.values()]
    ways = ways_of((returns + beside,), alone, at_most=MOST_WAYS)
    if ways is None or len(ways) == MOST_WAYS:
        return None
    made = set()
    for way in ways:
        those = [by_key[r.order_id, r.undated] for r in way]
        whole = [r.parts for r in those if not r.is_unsplit]
        parts = [sum(p) for p in zip(*whole, strict=True)] or [0] * len(those[0].parts)
        rest = beside - (sum(parts[: len(told)]) - parts[goods])
        if rest > 0 or parts[goods] < returns or (rest and (tax is None or len(whole) == len(way))):
            continue
        parts[goods] = returns
        if rest and tax is not None:
            parts[tax] += rest
        made.add(tuple(parts))
    return made.pop() if len(made) == 1 else None


def only_of(refund: Refund, place: int) -> tuple[int, ...]:
    """What a refund has of one of the parts that are told apart, and nothing of the others."""
    return tuple(part if n == place else 0 for n, part in enumerate(refund.parts))


def ways_of(
    parts: tuple[int, ...], those: Sequence[Refund], at_most: int
) -> list[tuple[Refund, ...]] | None:
    """The sets of refunds that a day may be made of; ``None`` where they are too many to try.

    Parameters
    ----------
    at_most
        With so many ways no further one is looked for.
    """
    wanted = -sum(parts)
    if any(refund.amount >= 0 for refund in those):
        return None  # one that takes money can make up for any other
    fitting = sorted((r for r in those if -r.amount <= wanted), key=lambda r: r.amount)
    worth = [-refund.amount for refund in fitting]
    rest = list(accumulate(reversed(worth), initial=0))[::-1]  # of all from a place on
    found: list[tuple[Refund, ...]] = []
    tried, open_ = (
        0,
        [(0, wanted, tuple[Refund, ...]())],
    )  # from which place on, what is missing, which there are
    while open_ and len(found) < at_most:
        place, missing, some = open_.pop()
        tried += 1
        if tried > MOST_TRIED:
            return None
        if missing == 0:
            if some and _may_be(some, parts):
                found.append(some)
            continue
        while place < len(worth) and worth[place] > missing:
            place += 1
        if rest[place] < missing:
            continue
        open_.append((place + 1, missing, some))
        open_.append((place + 1, missing - worth[place], (*some, fitting[place])))
    return found


def only_way(parts: tuple[int, ...], those: Sequence[Refund]) -> tuple[Refund, ...] | None:
    """The one set of refunds that a day is made of, if every other was tried."""
    ways = ways_of(parts, those, at_most=2)
    return ways[0] if ways is not None and len(ways) == 1 else None


def _may_be(some: Sequence[Refund], parts: tuple[int, ...]) -> bool:
    """Whether refunds are a day's by each part, as far as the files tell the parts."""
    if any(refund.is_unsplit for refund in some):
        whole = [refund.parts for refund in some if not refund.is_unsplit]
        return all(sum(p) >= part for p, part in zip(zip(*whole, strict=True), parts, strict=False))
    return tuple(map(sum, zip(*(refund.parts for refund in some), strict=True))) == parts
