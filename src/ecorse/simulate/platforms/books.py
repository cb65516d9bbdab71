"""The books of a simulated shop: every order with its money, exact to the cent.

What belongs here: what an order, a line and a refund are worth, and the shop's totals per day on
either calendar. What does not: drawing them (``draw_books.py``), how a platform writes them (one
module per platform).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from zoneinfo import ZoneInfo

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
CALENDARS = ("order_date", "event_date")
MEASURES = (
    "gross", "discounts", "returns", "net", "shipping", "taxes", "tips", "gift_cards", "total",
    "refunded",
)  # fmt: skip

LineKind = Literal["product", "tip", "gift_card"]
State = Literal["paid", "refunded", "partially_refunded", "cancelled", "unpaid"]


def cents(amount: Decimal) -> Decimal:
    """Round to the cent, halves away from zero, as shop systems do."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Habits:
    """What a platform has, and how often; each share is a probability.

    ``tax_included``: prices hold their tax. ``foreign`` is the share of orders that are paid in
    ``foreign_currency``; they are in the export and in no total. ``counts_cancelled``: a cancelled
    order is a sale and its return; else it is neither, as on platforms that never charge one.
    An ``unpaid`` order is none yet. ``taxes_shipping``: shipping is taxed as goods are.
    ``twice_every``: every so manieth order has its first line twice.
    """

    currency: str = "USD"
    tax_rate: Decimal = Decimal("0.0825")
    tax_included: bool = False
    line_discount: float = 0.10
    order_discount: float = 0.12
    shipped: float = 0.60
    tip: float = 0.0
    gift_card: float = 0.0
    refunded: float = 0.03
    partially_refunded: float = 0.03
    cancelled: float = 0.02
    unpaid: float = 0.0
    counts_cancelled: bool = True
    test: float = 0.0
    guest: float = 0.06
    foreign: float = 0.0
    foreign_currency: str = "CAD"
    taxes_shipping: bool = False
    twice_every: int = 0


@dataclass(frozen=True)
class BookLine:
    """One line of an order. ``discount`` is its own, ``share`` its part of the order's discount.

    ``tax`` is apart from the price or part of it, as the books say.
    """

    number: int
    sku: str
    name: str
    category: str
    quantity: int
    unit_price: Decimal
    discount: Decimal = ZERO
    share: Decimal = ZERO
    tax: Decimal = ZERO
    kind: LineKind = "product"

    @property
    def gross(self) -> Decimal:
        """Pieces times price."""
        return self.quantity * self.unit_price

    @property
    def paid(self) -> Decimal:
        """What is paid for it, after every discount."""
        return self.gross - self.discount - self.share


@dataclass(frozen=True)
class Refund:
    """Money paid back at one time; ``lines`` are the numbers of the lines taken back whole."""

    at: datetime
    goods: Decimal
    shipping: Decimal = ZERO
    tax: Decimal = ZERO
    tip: Decimal = ZERO
    gift_card: Decimal = ZERO
    lines: tuple[int, ...] = ()
    tax_included: bool = False

    @property
    def amount(self) -> Decimal:
        """All that is paid back."""
        tax = ZERO if self.tax_included else self.tax
        return self.goods + self.shipping + tax + self.tip + self.gift_card


@dataclass(frozen=True)
class Buyer:
    """Who ordered and where it goes; a guest has no ``customer_id``."""

    customer_id: str
    email: str
    name: str
    street: str
    city: str
    region: str
    postal_code: str
    country: str


@dataclass(frozen=True)
class Order:
    """One order; ``at`` is UTC. ``discount`` is the order's own, beside those of its lines."""

    number: int
    order_id: str
    at: datetime
    buyer: Buyer
    currency: str
    lines: tuple[BookLine, ...]
    discount: Decimal
    code: str
    shipping: Decimal
    state: State
    is_test: bool
    note: str
    refunds: tuple[Refund, ...] = ()
    shipping_tax: Decimal = ZERO

    def of(self, kind: LineKind) -> tuple[BookLine, ...]:
        """Its lines of one kind."""
        return tuple(line for line in self.lines if line.kind == kind)

    @property
    def subtotal(self) -> Decimal:
        """What is paid for goods and gift cards, after discounts, before shipping and tax."""
        return sum((line.paid for line in self.lines if line.kind != "tip"), ZERO)

    @property
    def taxes(self) -> Decimal:
        """Tax on its lines and on its shipping."""
        return sum((line.tax for line in self.lines), self.shipping_tax)

    @property
    def tips(self) -> Decimal:
        """What was given on top."""
        return sum((line.gross for line in self.of("tip")), ZERO)

    @property
    def refunded(self) -> Decimal:
        """All that was paid back."""
        return sum((refund.amount for refund in self.refunds), ZERO)


@dataclass(frozen=True)
class Entry:
    """One amount in the books: ``measure`` without ``net``, ``total`` and ``refunded``."""

    order_date: date
    event_date: date
    measure: str
    amount: Decimal
    is_refund: bool = False


@dataclass(frozen=True)
class Books:
    """A shop's orders, ordered by time, and what they add up to in its currency.

    Test orders, unpaid ones and orders in another currency are in no figure.
    ``takes_apart``: what the platform takes of some orders are rows of their own.
    """

    currency: str
    time_zone: str
    tax_included: bool
    counts_cancelled: bool
    orders: tuple[Order, ...] = field(repr=False)
    takes_apart: bool = False

    def local(self, at: datetime) -> datetime:
        """An instant on the shop's wall clock."""
        return at.replace(tzinfo=UTC).astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)

    @property
    def counted(self) -> tuple[Order, ...]:
        """The orders that are in the figures."""
        return tuple(
            order
            for order in self.orders
            if not order.is_test
            and order.currency == self.currency
            and order.state != "unpaid"
            and (self.counts_cancelled or order.state != "cancelled")
        )

    def total_of(self, order: Order) -> Decimal:
        """What is paid for an order at first, refunds apart."""
        tax = ZERO if self.tax_included else order.taxes
        return order.subtotal + order.shipping + tax + order.tips

    def entries(self, orders: Iterable[Order] | None = None) -> Iterator[Entry]:
        """Every amount, signed as it changes its own measure."""
        for order in self.counted if orders is None else orders:
            day = self.local(order.at).date()
            goods = order.of("product")
            sold = {
                "gross": sum((line.gross for line in goods), ZERO),
                "discounts": sum((line.discount + line.share for line in order.lines), ZERO),
                "shipping": order.shipping,
                "taxes": order.taxes,
                "tips": order.tips,
                "gift_cards": sum((line.gross for line in order.of("gift_card")), ZERO),
            }
            yield from (Entry(day, day, m, amount) for m, amount in sold.items() if amount)
            for refund in order.refunds:
                back = {
                    "returns": refund.goods, "shipping": -refund.shipping, "taxes": -refund.tax,
                    "tips": -refund.tip, "gift_cards": -refund.gift_card,
                }  # fmt: skip
                on = self.local(refund.at).date()
                yield from (Entry(day, on, m, amount, True) for m, amount in back.items() if amount)

    def by_day(self, calendar: str) -> dict[date, dict[str, Decimal]]:
        """Every measure of every day on which something happened.

        Parameters
        ----------
        calendar
            ``order_date``: a refund counts on the day of its order; ``event_date``: on its own.
        """
        days: dict[date, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(MEASURES, ZERO))
        for entry in self.entries():
            measures = days[getattr(entry, calendar)]
            measures[entry.measure] += entry.amount
            if entry.is_refund and not (self.tax_included and entry.measure == "taxes"):
                measures["refunded"] += abs(entry.amount)
        for measures in days.values():
            measures["net"] = measures["gross"] - measures["discounts"] - measures["returns"]
            tax = ZERO if self.tax_included else measures["taxes"]
            measures["total"] = (
                measures["net"] + measures["shipping"] + tax + measures["tips"]
                + measures["gift_cards"]
            )  # fmt: skip
        return dict(sorted(days.items()))

    def totals(self) -> dict[str, Decimal]:
        """Every measure of the whole period; the same on both calendars."""
        days = self.by_day("order_date").values()
        return {m: sum((day[m] for day in days), ZERO) for m in MEASURES}

    def charged(self) -> dict[str, Decimal]:
        """Every measure before refunds: what was charged when the orders were placed."""
        sums = dict.fromkeys(MEASURES, ZERO)
        for entry in self.entries():
            if not entry.is_refund:
                sums[entry.measure] += entry.amount
        return sums
