"""What a platform's report says of the books under some causes, for ``planted.py``.

What belongs here: the rows of a report. What does not: which causes are planted, and where
(``planted.py``), the books (``books.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from ecorse.simulate.platforms.books import ZERO, Books, Order
from ecorse.simulate.platforms.stripe_itemised import PAYOUT_HEADER, fee_of, transactions
from ecorse.simulate.platforms.tables import Row

REFUND_DAY_UNKNOWN, CANCEL_DAY_UNKNOWN = "refund_day_unknown", "cancel_day_unknown"
Day = dict[str, Decimal]


@dataclass(frozen=True)
class World:
    """The books, and what of them an export does not tell or a reader sets aside.

    ``missing`` has the numbers of orders that the export lacks; ``refused`` the ids of those that a
    rule refuses; ``others`` transactions of no order.
    """

    books: Books
    zone: str
    missing: frozenset[int]
    refused: frozenset[str]
    others: Sequence[Row]

    def clock(self, causes: Collection[str]) -> Books:
        """The books by the report's clock."""
        return replace(self.books, time_zone=self.zone) if "time_zone" in causes else self.books

    def orders(self, causes: Collection[str]) -> Iterator[Order]:
        """The orders that the report counts under these causes."""
        for order in self.books.orders:
            is_foreign = order.currency != self.books.currency
            if (
                (order.is_test and ("left_out:test_orders" not in causes or is_foreign))
                or (is_foreign and "currency:CAD" not in causes)
                or (order.state == "cancelled" and "cancelled" in causes)
                or (order.number in self.missing and "in_no_file" not in causes)
                or (
                    order.order_id in self.refused and "rejected:tax_is_in_the_prices" not in causes
                )
            ):
                continue
            yield order


def by_day(rows: Sequence[Row]) -> dict[tuple[date, str], Decimal]:
    """The rows of a report as its figures by day."""
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if "reporting_category" in row:
            paid = date.fromisoformat(str(row["automatic_payout_effective_at"])[:10])
            gross, fee, net = (Decimal(str(row[name])) for name in ("gross", "fee", "net"))
            is_charge = row["reporting_category"] == "charge"
            sums[paid, "Charges" if is_charge else "Refunds, adjustments"] += gross
            sums[paid, "Fees"] -= fee
            sums[paid, "Payouts"] += net
        else:
            (_, day), *figures = row.items()
            assert isinstance(day, date)
            for name, figure in figures:
                sums[day, name] += Decimal(str(figure))
    return dict(sums)


def _amounts(world: World, causes: Collection[str], told: Collection[str]) -> Mapping[date, Day]:
    """Amounts per day, signed as money; what was given back apart, as ``taxes_back``.

    Parameters
    ----------
    told
        The states of orders of which the export tells when they were paid back. Of others, what
        was given back is on the order's day until a cause says otherwise.
    """
    books = world.clock(causes)
    days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
    for order in world.orders(causes):
        on = books.local(order.at).date()
        unknown = CANCEL_DAY_UNKNOWN if order.state == "cancelled" else REFUND_DAY_UNKNOWN
        is_told = order.state in told or unknown in causes
        days[on]["orders"] += 1
        for entry in books.entries([order]):
            if entry.is_refund and not is_told and order.state == "partially_refunded":
                continue  # the export has its amount alone
            name = entry.measure
            if entry.is_refund and name != "returns":
                name += "_back"
            takes_off = name in ("discounts", "returns")
            day = entry.event_date if is_told or not entry.is_refund else entry.order_date
            days[day][name] += -entry.amount if takes_off else entry.amount
        if order.state == "partially_refunded" and not is_told:
            days[on]["returns"] -= order.refunded
    return dict(sorted(days.items()))


def sales_over_time(world: World, causes: Collection[str]) -> list[Row]:
    """Shopify's report; the export tells when orders were cancelled."""
    rows: list[Row] = []
    for day, of_day in _amounts(world, causes, told=("cancelled",)).items():
        figures, shipping, taxes, total = _figures(of_day, causes)
        for group in ("tips", "gift_cards"):
            if group in causes:
                total += of_day[group] + of_day[f"{group}_back"]
        rows.append(
            {"Day": day, "Orders": of_day["orders"], "Gross sales": figures["gross"],
             "Discounts": figures["discounts"], "Returns": figures["returns"],
             "Net sales": figures["net"], "Shipping charges": shipping, "Duties": ZERO,
             "Taxes": taxes, "Total sales": total}
        )  # fmt: skip
    return rows


def totals_by_day(world: World, causes: Collection[str]) -> list[Row]:
    """An own sheet beside an export that tells no day of what was given back."""
    rows: list[Row] = []
    for day, of_day in _amounts(world, causes, told=()).items():
        figures, shipping, taxes, total = _figures(of_day, causes)
        rows.append(
            {"date": day, "orders": of_day["orders"], **figures, "shipping": shipping,
             "taxes": taxes, "total": total}
        )  # fmt: skip
    return rows


def _figures(of_day: Day, causes: Collection[str]) -> tuple[Day, Decimal, Decimal, Decimal]:
    """Goods, shipping, taxes, and the total of these."""
    tax_in = "taxes" in causes
    gross = of_day["gross"] + (of_day["taxes"] if tax_in else ZERO)
    returns = of_day["returns"] + (of_day["taxes_back"] if tax_in else ZERO)
    net = gross + of_day["discounts"] + returns
    shipping = of_day["shipping"] + of_day["shipping_back"]
    taxes = of_day["taxes"] + of_day["taxes_back"]
    total = net + (ZERO if "shipping" in causes else shipping) + (ZERO if tax_in else taxes)
    goods = {"gross": gross, "discounts": of_day["discounts"], "returns": returns, "net": net}
    return goods, shipping, taxes, total


def transactions_by_day(world: World, causes: Collection[str]) -> list[Row]:
    """Charges, refunds and fees by day; Stripe has no such report, an own sheet has."""
    books = world.clock(causes)
    days: dict[date, Day] = defaultdict(lambda: defaultdict(Decimal))
    for order in world.orders(causes):
        day = books.local(order.at).date()
        days[day]["orders"] += 1
        days[day]["gross"] += books.total_of(order)
        days[day]["fees"] -= fee_of(order, books)
        for refund in order.refunds:
            on = day if "refund_date" in causes else books.local(refund.at).date()
            days[on]["returns"] -= refund.amount
    return [
        {
            "date": day,
            **{n: of_day[n] for n in ("orders", "gross", "returns", "fees")},
            "total": of_day["gross"]
            + of_day["returns"]
            + (ZERO if "fees" in causes else of_day["fees"]),
        }
        for day, of_day in sorted(days.items())
    ]


def payouts(world: World, causes: Collection[str]) -> list[Row]:
    """The itemised payout reconciliation; without ``paid_out`` on the day of each transaction.

    With ``fees`` the payouts are gross, for the fees are billed apart.
    """
    every = [row for order in world.orders(causes) for row in transactions(world.books, order)] + [
        row for row in world.others if "left_out:no_charge" in causes
    ]
    rows: list[Row] = []
    for row in every:
        listed = {name: row[name] for name in PAYOUT_HEADER}
        if "paid_out" not in causes:
            listed["automatic_payout_effective_at"] = row["created"]
        elif not row["automatic_payout_id"]:
            continue
        if "fees" in causes:
            listed["net"] = row["gross"]
        rows.append(listed)
    return rows
