"""Drawing a shop's books: what happened in the simulated shop, with the money of real orders.

What belongs here: discounts, shipping, tax, tips, gift cards, refunds, test orders, guests and
foreign orders, from the plan's seed. What does not: who bought what (``behaviour.py``), what the
amounts add up to (``books.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TypeVar

import numpy as np

from ecorse.simulate.behaviour import Slice, slices
from ecorse.simulate.draws import Floats
from ecorse.simulate.platforms.books import (
    CENT,
    ZERO,
    BookLine,
    Books,
    Buyer,
    Habits,
    Order,
    Refund,
    State,
    cents,
)
from ecorse.simulate.shop import Shop

_T = TypeVar("_T")
_STREAM = 70
_ORDER_DRAWS, _LINE_DRAWS = 16, 2
_EPOCH = datetime(1970, 1, 1)
_SHIPPING = (Decimal("4.95"), Decimal("7.90"), Decimal("12.50"))
_TIPS = (Decimal("2.00"), Decimal("5.00"), Decimal("1.37"))
_GIFT_CARDS = (Decimal("25.00"), Decimal("50.00"))
_RATES = (Decimal("0.10"), Decimal("0.15"), Decimal("0.333"))  # a third leaves no round cents
_NOTES = (
    'Ring twice, "Smith" is the lower bell',
    "Leave it at the door,\nnot at the neighbour's",
    "Für Zoë; s'il vous plaît",
)


def draw_books(shop: Shop, habits: Habits) -> Books:
    """Draw the books of a shop; the same plan and habits give the same books."""
    orders: list[Order] = []
    for part in slices(shop):
        if len(part.lines.at):
            orders += _orders_of(shop, part, habits, first=len(orders) + 1001)
    return Books(
        habits.currency, shop.plan.time_zone, habits.tax_included, habits.counts_cancelled,
        tuple(orders),
    )  # fmt: skip


def _orders_of(shop: Shop, part: Slice, habits: Habits, first: int) -> Iterator[Order]:
    """The orders of one slice of a day, by time."""
    number = int(part.sessions.number[0])
    rng = shop.plan.rng(_STREAM, number // 10_000_000, number % 10_000_000)
    lines = part.lines
    place = sorted(range(len(lines.at)), key=lambda i: (int(lines.at[i]), int(lines.session[i]), i))
    for nth, (session, group) in enumerate(groupby(place, key=lambda i: int(lines.session[i]))):
        rows = list(group)
        drawn = rng.random(_ORDER_DRAWS)
        by_line = rng.random((len(rows), _LINE_DRAWS))
        bought = tuple(
            _line(shop, part, row, at, draws, habits)
            for at, (row, draws) in enumerate(zip(rows, by_line, strict=True), 1)
        )
        if habits.twice_every and (first + nth) % habits.twice_every == 0:
            bought += (replace(bought[0], number=len(bought) + 1),)
        at = _EPOCH + timedelta(seconds=int(lines.at[rows[0]]))
        order = Order(
            number=first + nth,
            order_id=shop.ids("", part.sessions.number[[session]])[0],
            at=at,
            buyer=_buyer(shop, int(part.sessions.customer[session]), drawn[0] < habits.guest),
            currency=habits.foreign_currency if drawn[1] < habits.foreign else habits.currency,
            lines=bought,
            discount=ZERO,
            code="",
            shipping=_choose(_SHIPPING, drawn[3]) if drawn[2] < habits.shipped else ZERO,
            state="paid",
            is_test=bool(drawn[4] < habits.test),
            note=_choose(_NOTES, drawn[6]) if drawn[5] < 0.05 else "",
        )
        order = _with_extras(_with_tax(_with_discount(order, habits, drawn), habits), habits, drawn)
        yield _with_refunds(order, habits, drawn)


def _line(
    shop: Shop, part: Slice, row: int, number: int, drawn: Floats, habits: Habits
) -> BookLine:
    product = int(part.lines.product[row])
    goods = shop.catalogue
    name = goods.name[product]
    # names as shops have them: a comma and an inch sign within
    named = f'{name}, 12" black' if product % 5 == 0 else name
    quantity, price = int(part.lines.quantity[row]), int(part.lines.price_cents[row]) * CENT
    rate = _choose(_RATES, drawn[1]) if drawn[0] < habits.line_discount else ZERO
    return BookLine(
        number=number,
        sku=shop.product_ids[product],
        name=named,
        category=shop.store.categories[goods.category[product]].name,
        quantity=quantity,
        unit_price=price,
        discount=cents(quantity * price * rate),
    )


def _buyer(shop: Shop, customer: int, is_guest: bool) -> Buyer:
    people = shop.customers
    place = shop.store.places[people.place[customer]]
    customer_id = shop.customer_ids(np.array([customer]))[0]
    return Buyer(
        customer_id="" if is_guest else customer_id,
        email=f"{customer_id.lower()}@example.org",
        name=f"Customer {customer_id}",
        street=f"{people.house[customer]} {shop.store.streets[people.street[customer]]}",
        city=place.city,
        region=place.region,
        postal_code=place.postal_code,
        country=place.country,
    )


def _with_discount(order: Order, habits: Habits, drawn: Floats) -> Order:
    """The order with its own discount, shared out among its lines to the cent."""
    if drawn[7] >= habits.order_discount:
        return order
    total = sum((line.paid for line in order.lines), ZERO)
    discount = cents(total * _choose(_RATES, drawn[8]))
    left, shared = discount, []
    for line in order.lines[:-1]:
        share = cents(discount * line.paid / total) if total else ZERO
        shared.append(replace(line, share=share))
        left -= share
    shared.append(replace(order.lines[-1], share=left))
    return replace(order, lines=tuple(shared), discount=discount, code="SPRING")


def _with_tax(order: Order, habits: Habits) -> Order:
    rate = habits.tax_rate / (1 + habits.tax_rate) if habits.tax_included else habits.tax_rate
    return replace(
        order,
        lines=tuple(replace(line, tax=cents(line.paid * rate)) for line in order.lines),
        shipping_tax=cents(order.shipping * rate) if habits.taxes_shipping else ZERO,
    )


def _with_extras(order: Order, habits: Habits, drawn: Floats) -> Order:
    """The order with a gift card or a tip as a further line, neither taxed nor discounted."""
    more = list(order.lines)
    if drawn[9] < habits.gift_card:
        price = _choose(_GIFT_CARDS, drawn[10])
        more.append(
            BookLine(len(more) + 1, "GIFT", f"Gift Card - {price}", "", 1, price, kind="gift_card")
        )
    if drawn[11] < habits.tip:
        tip = _choose(_TIPS, drawn[12])
        more.append(BookLine(len(more) + 1, "", "Tip", "", 1, tip, kind="tip"))
    return replace(order, lines=tuple(more))


def _with_refunds(order: Order, habits: Habits, drawn: Floats) -> Order:
    """The order, wholly or partly taken back on a later day, as a share of all orders is."""
    chance, later = drawn[13], order.at + timedelta(days=float(1 + 20 * drawn[14]))
    later = later.replace(microsecond=0)
    bounds = np.cumsum([habits.cancelled, habits.refunded, habits.partially_refunded])
    if chance >= bounds[2]:
        is_unpaid = chance < bounds[2] + habits.unpaid
        return replace(order, state="unpaid") if is_unpaid else order
    if chance < bounds[1]:
        state: State = "cancelled" if chance < bounds[0] else "refunded"
        whole = Refund(
            at=order.at + timedelta(hours=3) if state == "cancelled" else later,
            goods=sum((line.paid for line in order.of("product")), ZERO),
            shipping=order.shipping,
            tax=order.taxes,
            tip=order.tips,
            gift_card=sum((line.gross for line in order.of("gift_card")), ZERO),
            lines=tuple(line.number for line in order.lines),
            tax_included=habits.tax_included,
        )
        return replace(order, state=state, refunds=(whole,))
    goods = order.of("product")
    if len(goods) > 1:  # a line comes back
        line = goods[int(drawn[15] * len(goods))]
        part = Refund(later, line.paid, tax=line.tax, lines=(line.number,),
                      tax_included=habits.tax_included)  # fmt: skip
    else:  # something is paid back for good will
        part = Refund(later, max(cents(goods[0].paid / 7), CENT), tax_included=habits.tax_included)
    return replace(order, state="partially_refunded", refunds=(part,))


def _choose(values: Sequence[_T], uniform: float) -> _T:
    return values[int(uniform * len(values))]
