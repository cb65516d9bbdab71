"""The figures of a shop a second time: plain Python, straight from the lines of its export.

What belongs here: lines, orders, what was taken back, and every measure of a group of them, worked
out without Ecorse's SQL or cleaning. What does not: reading a format's files (``second_way_files``)
and comparing with a night (``second_way_night``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

CENT_OF_CENT = Decimal("0.0001")
Figures = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A line of the export; pieces and money below 0 where they were taken back."""

    order: str
    product: str
    name: str
    kind: str
    status: str
    pieces: int
    price: Decimal
    at: datetime
    customer: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None

    @property
    def money(self) -> Decimal:
        return self.pieces * self.price

    @property
    def is_sale(self) -> bool:
        return self.kind == "product" and self.status == "sold" and self.pieces > 0

    @property
    def month(self) -> date:
        return self.at.date().replace(day=1)


@dataclass
class Order:
    """Its lines; time, place and customer are those of the first."""

    lines: list[Line]
    is_purchase: bool = False

    @cached_property
    def first(self) -> Line:
        return min(self.lines, key=lambda line: line.at)

    @cached_property
    def pieces(self) -> int:
        return sum(line.pieces for line in self.lines if line.kind == "product")

    @property
    def money(self) -> Decimal:
        return sum((line.money for line in self.lines), Decimal(0))


@dataclass
class Shop:
    """A shop's lines, its orders, and which cancelled line found no sale."""

    lines: list[Line]
    unknown_are: str = "none"  # what orders without a customer are known by
    orders: dict[str, Order] = field(init=False)
    without_sale: list[Line] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        of: dict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            of[line.order].append(line)
        self.orders = {name: Order(lines) for name, lines in of.items()}
        sold, back = Counter(), self._taken_back()
        for line in self.lines:
            if line.is_sale and line.money > 0:
                sold[line.order, line.product, line.price] += line.pieces
        for (order, product, price), pieces in sold.items():
            if pieces > back[order, product, price]:
                self.orders[order].is_purchase = True

    def _taken_back(self) -> Counter:
        """Pieces taken back of an order's product at a price: one credit note after the other."""
        sales, back = defaultdict(list), Counter()
        for line in self.lines:
            if line.status == "sold" and line.pieces > 0:
                sales[line.customer, line.product, line.price].append(
                    [line.at, line.order, line.pieces, 0]
                )
        credits = [line for line in self.lines if line.status != "sold"]
        for line in sorted(credits, key=lambda c: (c.at, c.order, -c.pieces)):
            fit = [
                sale
                for sale in sorted(sales[line.customer, line.product, line.price])
                if sale[0] <= line.at and sale[2] >= -line.pieces
            ]
            if fit:
                fit[-1][3] -= line.pieces
            if fit and fit[-1][3] <= fit[-1][2]:
                back[fit[-1][1], line.product, line.price] -= line.pieces
            else:
                self.without_sale.append(line)
        return back

    @property
    def purchases(self) -> dict[str, Order]:
        return {name: order for name, order in self.orders.items() if order.is_purchase}

    def of_orders(self, key: Callable[[Order], Hashable]) -> dict[Hashable, Figures]:
        """Every measure of the orders that have a key, all of each order's lines with it."""
        groups = defaultdict(list)
        for order in self.orders.values():
            groups[key(order)].append(order)
        return {name: self.figures_of_orders(orders) for name, orders in groups.items()}

    def figures_of_orders(self, orders: list[Order]) -> Figures:
        bought = [order for order in orders if order.is_purchase]
        lines = [line for order in orders for line in order.lines]
        known = {order.first.customer for order in bought} - {None}
        revenue = sum((line.money for line in lines), Decimal(0))
        goods = [line for line in lines if line.kind == "product"]
        return {
            "orders": len(bought), "purchases": len(bought), "orders_placed": len(orders),
            "customers": len(known), "buyers": len(known), "lines": len(goods),
            "units": sum(line.pieces for line in goods), "revenue": revenue,
            "average_order_value": ratio(revenue, len(bought)),
        }  # fmt: skip

    def of_lines(
        self, key: Callable[[Line], Hashable], *, only: Callable[[Line], bool] | None = None
    ) -> dict[Hashable, Figures]:
        """Every measure of product lines that have a key."""
        groups = defaultdict(list)
        for line in self.lines:
            if only(line) if only else line.kind == "product":
                groups[key(line)].append(line)
        return {name: self.figures_of_lines(lines) for name, lines in groups.items()}

    def figures_of_lines(self, lines: list[Line]) -> Figures:
        sold = [line for line in lines if line.status == "sold"]
        bought = {line.order for line in sold if line.is_sale}
        revenue = sum((line.money for line in lines), Decimal(0))
        gross = sum((line.money for line in sold), Decimal(0))
        return {
            "lines": len(lines), "sold_lines": len(sold),
            "orders": sum(self.orders[order].is_purchase for order in bought),
            "units": sum(line.pieces for line in lines if line.kind == "product"),
            "revenue": revenue, "net_revenue": revenue, "gross_revenue": gross, "gross": gross,
            "net": revenue, "returns": gross - revenue, "discounts": Decimal(0),
        }  # fmt: skip


def ratio(money: Decimal, orders: int) -> Decimal | None:
    """Money of an order, as Postgres rounds it."""
    return (money / orders).quantize(CENT_OF_CENT, ROUND_HALF_UP) if orders else None


def place(line: Line) -> tuple[str, str, str]:
    """Country, region and city, as far as the line says them."""
    return (line.country or "unknown", line.region or "unknown", line.city or "unknown")


def distinct(rows: Iterable[tuple]) -> list[tuple]:
    """Rows in their order, each once."""
    return list(dict.fromkeys(rows))
