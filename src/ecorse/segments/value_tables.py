"""The tables that only the segmentation by expected value fills.

What belongs here: their columns, comments and checks.
"""

from __future__ import annotations

from ecorse.models.group_rules import Unique
from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import AcceptedValues, Between, Compare
from ecorse.models.table_rules import References
from ecorse.segments.results import SEGMENTATION_COLUMN, SHOP, WRITER

VALUE = Relation(
    name="customer_value",
    about="What each customer with a purchase is expected to buy in the days ahead, and when next",
    grain=("shop_id", "segmentation", "customer_id"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "customer_id": Column("text", "One of the customers"),
        "purchase_days": Column("bigint", "Different days with a purchase"),
        "last_purchase_date": Column("date", "The last of them"),
        "as_of_date": Column("date", "The shop's last day with an order; days ahead begin here"),
        "days_ahead": Column("integer", "How many days are looked ahead"),
        "basis": Column(
            "text",
            "What the figures rest on: several purchases, or one purchase (then they are close to "
            "the mean of the shop's customers that came as long ago)",
        ),
        "alive_probability": Column(
            "double precision",
            "Probability of still being a customer, 0 to 1; null after one purchase, for the model "
            "sees customers leave after later purchases only",
        ),
        "expected_purchases": Column("double precision", "Purchase days expected in days_ahead"),
        "expected_spend": Column(
            "double precision",
            "Net money expected per purchase day; null where no purchases of the shop kept money",
        ),
        "expected_value": Column(
            "double precision", "expected_purchases times expected_spend: money in days_ahead"
        ),
        "is_calibrated": Column(
            "boolean",
            "Whether such expectations came near enough at every earlier day that was tried "
            "(customer_value_calibration); null where none could be",
        ),
        "next_order_date": Column(
            "date",
            "By this day the next purchase has come with probability one half; null where that is "
            "not expected, after one purchase, and where such days did not hold before "
            "(customer_value_calibration)",
        ),
        "next_order_from": Column("date", "Begin of the interval of interval_share; null alike"),
        "next_order_to": Column("date", "End of it"),
        "interval_share": Column(
            "double precision", "Probability that the next purchase falls into the interval"
        ),
    },
    checks=(
        Between(name="probability", columns=("alive_probability",), at_least=0.0, at_most=1.0),
        Between(
            name="nothing_below_zero",
            columns=("expected_purchases", "expected_spend", "expected_value"),
            at_least=0.0,
        ),
        AcceptedValues(
            name="basis_is_known",
            sentence="A basis is none of those that are explained",
            column="basis",
            values=("several purchases", "one purchase"),
        ),
        Compare(
            name="interval_is_ahead",
            columns=("as_of_date <= next_order_from <= next_order_date <= next_order_to",),
        ),
        References(
            name="is_a_customer",
            sentence="An expected value is of nobody in marts.customers",
            table="marts.customers",
            on=("shop_id", "customer_id"),
        ),
    ),
    writer_column=WRITER,
)

CALIBRATION = Relation(
    name="customer_value_calibration",
    about=(
        "How the expectations of customer_value would have held on earlier days: the model fitted "
        "to what was known then, beside what came"
    ),
    grain=("shop_id", "segmentation", "origin_date", "slice"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "origin_date": Column("date", "The earlier day; days_ahead of it are compared"),
        "slice": Column(
            "text",
            "all; tenth 01 to tenth 10 of customers by expected purchases, the fewest first; "
            "interval: how often the next purchase fell into it",
        ),
        "cases": Column("bigint", "Customers in the slice"),
        "expected": Column(
            "double precision", "Mean purchase days expected of each; of the interval its share"
        ),
        "actual": Column("double precision", "Mean purchase days that came; or share that hit"),
        "holds": Column(
            "boolean",
            "Whether it is as near as the declaration asks; null for tenths, which are shown only",
        ),
    },
    checks=(
        Unique(
            name="one_row_per_slice", columns=("shop_id", "segmentation", "origin_date", "slice")
        ),
    ),
    writer_column=WRITER,
)
