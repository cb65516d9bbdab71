"""The format ``customer_personality``: one wide, tab-separated row per customer.

What belongs here: this format's columns. What does not: who the customers are and what they buy.
The form is that of Customer Personality Analysis on Kaggle; every row is invented. Amounts and
counts are summed from the same orders that the other formats write.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ecorse.simulate.behaviour import slices
from ecorse.simulate.formats import Format, take, without
from ecorse.simulate.shop import Shop

_STREAM = 70
_BLOCK = 250_000
_EDUCATION = ("Graduation", "PhD", "Master", "2n Cycle", "Basic")
_MARITAL = ("Married", "Together", "Single", "Divorced", "Widow")
_AMOUNTS = ("MntWines", "MntFruits", "MntMeatProducts", "MntFishProducts", "MntSweetProducts",
            "MntGoldProds")  # fmt: skip
_CAMPAIGNS = ("AcceptedCmp3", "AcceptedCmp4", "AcceptedCmp5", "AcceptedCmp1", "AcceptedCmp2")


def frames(shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the customers in blocks; a first pass over the orders sums what they bought."""
    people, n = shop.customers, shop.plan.customers
    amounts = np.zeros((n, len(_AMOUNTS)), dtype=np.int64)
    orders = np.zeros(n, dtype=np.int64)
    last_day = np.full(n, -1, dtype=np.int64)
    visits = np.zeros(n, dtype=np.int64)
    for part in slices(shop):
        lines = part.lines
        customer = part.sessions.customer[lines.session]
        column = shop.catalogue.category[lines.product] % len(_AMOUNTS)
        np.add.at(amounts, (customer, column), lines.quantity * lines.price_cents)
        buyers = part.sessions.customer[part.sessions.is_buying]
        np.add.at(orders, buyers, 1)
        last_day[buyers] = part.day
        if part.day >= shop.plan.days - 30:
            np.add.at(visits, part.sessions.customer, 1)
    rng = shop.plan.rng(_STREAM)
    draws = rng.random((len(_CAMPAIGNS) + 3, n))
    since = np.where(last_day < 0, 99, np.minimum(shop.plan.days - 1 - last_day, 99))
    for first in range(0, n, _BLOCK):
        cut = slice(first, first + _BLOCK)
        index = np.arange(n)[cut]
        days = pl.Series(people.joined[cut]).clip(-9_000)
        came = pl.select(pl.lit(shop.plan.first_day) + pl.duration(days=pl.lit(days))).to_series()
        income = pl.Series(people.income[cut]).cast(pl.String)
        bought, web = orders[cut], (orders[cut] * (0.3 + 0.4 * draws[0, cut])).astype(np.int64)
        yield (
            "",
            pl.DataFrame(
                {
                    "ID": shop.customer_ids(index),
                    "Year_Birth": people.birth_year[cut],
                    "Education": take(_EDUCATION, people.education[cut]),
                    "Marital_Status": take(_MARITAL, people.marital[cut]),
                    "Income": without(income, draws[1, cut] < 0.01),
                    "Kidhome": people.kids[cut],
                    "Teenhome": people.teens[cut],
                    "Dt_Customer": came.dt.strftime("%d-%m-%Y"),
                    "Recency": since[cut],
                    **{name: amounts[cut, i] // 100 for i, name in enumerate(_AMOUNTS)},
                    "NumDealsPurchases": bought // 5,
                    "NumWebPurchases": web,
                    "NumCatalogPurchases": (bought - web) // 3,
                    "NumStorePurchases": bought - web - (bought - web) // 3,
                    "NumWebVisitsMonth": visits[cut],
                    **{
                        name: (draws[3 + i, cut] < 0.06).astype(np.int64)
                        for i, name in enumerate(_CAMPAIGNS)
                    },
                    "Complain": (draws[2, cut] < 0.01).astype(np.int64),
                    "Z_CostContact": np.full(len(index), 3),
                    "Z_Revenue": np.full(len(index), 11),
                    "Response": (draws[2, cut] > 0.85).astype(np.int64),
                }
            ),
        )


_REST = "\t".join(["1"] * 20)
FORMAT = Format(
    name="customer_personality",
    header="\t".join(
        ["ID", "Year_Birth", "Education", "Marital_Status", "Income", "Kidhome", "Teenhome",
         "Dt_Customer", "Recency", *_AMOUNTS, "NumDealsPurchases", "NumWebPurchases",
         "NumCatalogPurchases", "NumStorePurchases", "NumWebVisitsMonth", *_CAMPAIGNS, "Complain",
         "Z_CostContact", "Z_Revenue", "Response"]
    ),
    frames=frames,
    broken={
        "impossible_date": "{id}\t1970\tPhD\tSingle\t50000\t0\t0\t30-02-2013\t9\t" + _REST,
        "birth_year_not_a_number": "{id}\told\tPhD\tSingle\t50000\t0\t0\t04-09-2012\t9\t" + _REST,
        "short_row": "{id}\t1970\tPhD",
    },
    delimiter="\t",
    line_end="\r\n",
    group="Education",
    new_id="ID",
    tagged="C",
)  # fmt: skip
