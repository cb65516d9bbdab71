"""The format ``online_retail``: invoices and credit notes, a file per month.

What belongs here: this format's columns, postage lines, cancellations and returns as C-invoices.
What does not: what was bought. The form is that of UCI's Online Retail; every row is invented.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ecorse.simulate.behaviour import Slice, slices
from ecorse.simulate.formats import (
    Format,
    month_label,
    price_texts,
    take,
    wall_clock,
    without,
)
from ecorse.simulate.shop import Shop

_STREAM = 30
_DAY_SECONDS = 86_400
_POSTAGE_CENTS = 1800


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the invoice lines of each slice; what is taken back comes on its own later day."""
    waiting: list[pl.DataFrame] = []
    for number, part in enumerate(slices(shop)):
        sold = _sold(shop, part, number)
        end = int(part.sessions.start[-1])
        waiting.append(_taken_back(shop, part, sold))
        backlog = pl.concat(waiting)
        waiting = [backlog.filter(pl.col("at") > end)]
        rows = pl.concat([sold, backlog.filter(pl.col("at") <= end)]).sort(
            "at", maintain_order=True
        )
        yield month_label(shop, part.day), _written(shop, rows)


def _sold(shop: Shop, part: Slice, number: int) -> pl.DataFrame:
    """One row per sold line, and the postage of some orders (product -1)."""
    lines, sessions, habits = part.lines, part.sessions, shop.habits
    rng = shop.plan.rng(shop.day(part.day).toordinal(), _STREAM, number)
    per_session = len(sessions.start)
    is_unknown = rng.random(per_session) < habits.customer_missing
    is_posted = (rng.random(per_session) < habits.postage_order) & sessions.is_buying
    posted = np.flatnonzero(is_posted)
    # an order's postage stands with its lines, at their second
    at_of = np.zeros(per_session, dtype=np.int64)
    at_of[lines.session] = lines.at
    session = np.concatenate([lines.session, posted])
    nothing = np.full(len(posted), -1)
    customer = np.where(is_unknown[session], -1, sessions.customer[session])
    return pl.DataFrame(
        {
            "at": np.concatenate([lines.at, at_of[posted]]),
            "invoice": sessions.number[session],
            "product": np.concatenate([lines.product, nothing]),
            "quantity": np.concatenate([lines.quantity, np.ones(len(posted), np.int64)]),
            "cents": np.concatenate([lines.price_cents, np.full(len(posted), _POSTAGE_CENTS)]),
            "customer": customer,
            "place": shop.customers.place[sessions.customer[session]],
            "is_credit": np.zeros(len(session), dtype=bool),
        }
    )


def _taken_back(shop: Shop, part: Slice, sold: pl.DataFrame) -> pl.DataFrame:
    """Credit notes: whole orders cancelled within days, single lines returned within weeks.

    A credit note's number is its invoice's and one digit more: 0 for the order, else the line's.
    """
    habits = shop.habits
    goods = sold.head(len(part.lines.at))
    drawn = pl.Series("drawn", part.later)
    per_order = goods.with_columns(drawn).with_columns(
        nth=pl.int_range(pl.len()).over("invoice"),
        order_drawn=pl.col("drawn").first().over("invoice"),
    )
    cancelled = pl.col("order_drawn") < habits.cancelled_order
    low, high = 0.5, 0.5 + habits.returned_line
    returned = ~cancelled & pl.col("drawn").is_between(low, high, closed="left")
    # what is left of a draw below its bound is uniform again: it says how many days later
    late = (
        pl.when(cancelled)
        .then(1 + pl.col("order_drawn") / max(habits.cancelled_order, 1e-9) * habits.cancel_days)
        .otherwise(
            habits.cancel_days
            + (pl.col("drawn") - low)
            / max(habits.returned_line, 1e-9)
            * (habits.return_days - habits.cancel_days)
        )
    )
    return per_order.filter(cancelled | returned).select(
        (pl.col("at") + (late * _DAY_SECONDS).floor().cast(pl.Int64)).alias("at"),
        pl.col("invoice") * 10 + pl.when(cancelled).then(0).otherwise(pl.col("nth") + 1),
        "product",
        -pl.col("quantity"),
        "cents",
        "customer",
        "place",
        pl.lit(True).alias("is_credit"),
    )


def _written(shop: Shop, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as the export writes them."""
    product = rows["product"].to_numpy()
    is_postage = product < 0
    named = np.maximum(product, 0)
    customer = rows["customer"].to_numpy()
    prices, index = np.unique(rows["cents"].to_numpy(), return_inverse=True)
    names = tuple(name.upper() for name in shop.catalogue.name)
    code = np.where(is_postage, len(names), named)
    invoice = shop.ids("", rows["invoice"].to_numpy())
    return pl.select(
        pl.when(rows["is_credit"]).then("C" + invoice).otherwise(invoice).alias("InvoiceNo"),
        take(pl.concat([shop.product_ids, pl.Series(["POST"])]), code).alias("StockCode"),
        take((*names, "POSTAGE"), code).alias("Description"),
        rows["quantity"].alias("Quantity"),
        wall_clock(rows["at"].to_numpy(), shop.plan.time_zone)
        .dt.strftime("%-m/%-d/%Y %-H:%M")
        .alias("InvoiceDate"),
        take(price_texts(prices), index).alias("UnitPrice"),
        without(shop.customer_ids(np.maximum(customer, 0)), customer < 0).alias("CustomerID"),
        take(tuple(p.country for p in shop.store.places), rows["place"].to_numpy()).alias(
            "Country"
        ),
    )


_MIDDLE = ",SIM-P100000,NIMBO SMARTPHONE 101,"
FORMAT = Format(
    name="online_retail",
    header="InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
    frames=frames,
    broken={
        "quantity_not_a_number": "{id}" + _MIDDLE + "two,3/1/2019 9:05,8.99,SIM-C1,Canada",
        "price_not_a_number": "{id}" + _MIDDLE + "1,3/1/2019 9:05,free,SIM-C1,Canada",
        "impossible_date": "{id}" + _MIDDLE + "1,2/30/2019 9:05,8.99,SIM-C1,Canada",
        "short_row": "{id}" + _MIDDLE + "1",
        "long_row": "{id}" + _MIDDLE + "1,3/1/2019 9:05,8.99,SIM-C1,Canada,x,y",
    },
    encoding="latin-1",
    line_end="\r\n",
    moment="InvoiceDate",
    moment_format="%m/%d/%Y %H:%M",
    group="StockCode",
    new_id="InvoiceNo",
)
