"""Invoice lines of a shop that also cancels: the UCI data set "Online Retail" and its sequel "II".

What belongs here: this source's contract and what only it knows (its kinds of invoice, its stock
codes that are no products). What does not: reading, casting and loading, which all sources share,
and matching a cancellation with its sale, which is the mart ``cancellations``.

Source: https://archive.ics.uci.edu/dataset/352/online+retail and
https://archive.ics.uci.edu/dataset/502/online+retail+ii
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from ecorse.clean.values import no_reasons
from ecorse.clock import local_to_utc
from ecorse.schema.contract import Column, Contract, Form, Header, Rule
from ecorse.schema.shape import Shape
from ecorse.schema.source import Canonical, Shop
from ecorse.sources.canonical import customer_key, extra_json, shop_of_row

# What a stock code is, by a pattern on the whole code in capitals; the first that fits decides.
# The figures are rows of the published file; docs/sources/online-retail.md says how they are got.
KIND_OF_CODE = (
    (r"\d{5}[A-Z]*", "product"),  # 538,914: five digits, letters for colour or design
    (r"DCGS\w*", "product"),  # 45: goods of the web shop, such as "BOYS PARTY BAG"
    (r"SIM-\S+", "product"),  # of the simulator
    (r"PADS", "product"),  # 4: cushion pads, given away at a price of 0.001
    (r"POST|DOT|C2", "shipping"),  # 1,256, 710 and 144: postage and carriage
    (r"M", "manual"),  # 572: entered by hand, mostly refunds
    (r"D", "discount"),  # 77, all on C-invoices
    (r"S", "sample"),  # 63
    (r"BANK CHARGES|AMAZONFEE|CRUK", "fee"),  # 37, 34 and 16: charges and a charity's commission
    (r"GIFT_.*", "voucher"),  # 34: gift vouchers of 10 to 50 pounds
    (r"B|ADJUST\d*", "adjustment"),  # 3: bad debt; ADJUST is in the sequel only
)
KNOWN_CODE = "(?i)^(" + "|".join(pattern for pattern, _ in KIND_OF_CODE) + ")$"

US_TIMES = ("%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S")
UK_TIMES = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M")
LINE = (
    Column("StockCode", "product_id"),
    Column("Description", "product_name"),
    Column(
        "Quantity", "quantity", "integer", decimal=".", group=",", normalise=("integral_decimal",)
    ),
    Column("Country", "country"),
)

CONTRACT = Contract(
    name="online_retail",
    forms=(
        Form(
            "Online Retail",
            (
                Column("InvoiceNo", "order_id"),
                *LINE,
                Column("InvoiceDate", "ordered_local", "timestamp", formats=US_TIMES),
                Column("UnitPrice", "unit_price", "decimal", decimal=".", group=","),
                Column("CustomerID", "customer_id"),
            ),
        ),
        Form(
            "Online Retail II",
            (
                Column("Invoice", "order_id"),
                *LINE,
                Column("InvoiceDate", "ordered_local", "timestamp", formats=UK_TIMES),
                Column("Price", "unit_price", "decimal", decimal=".", group=","),
                Column("Customer ID", "customer_id"),
            ),
        ),
    ),
    rules=(
        Rule("order_id_empty", "order_id", "not_empty", "every line needs an invoice"),
        Rule("product_empty", "product_id", "not_empty", "every line needs a stock code"),
        Rule("stock_code_unknown", "product_id", "matches", "neither a product's code nor one that "
             "is known to be no product", KNOWN_CODE, level="flag"),
        Rule("description_empty", "product_name", "not_empty", "the stock code stands in for it",
             level="flag"),
        Rule("quantity_empty", "quantity", "not_empty", "every line needs a quantity"),
        Rule("quantity_too_large", "quantity", "at_most", "expected at most 1000000 pieces",
             "1000000"),
        Rule("quantity_too_small", "quantity", "at_least", "expected at least -1000000 pieces",
             "-1000000"),
        Rule("price_empty", "unit_price", "not_empty", "every line needs a price"),
        Rule("ordered_at_empty", "ordered_local", "not_empty", "every line needs a date and time"),
    ),
    dedup_key=("order_id", "product_id", "ordered_local", "quantity", "unit_price"),
    shape=Shape(encoding="latin-1"),
)  # fmt: skip


@dataclass(frozen=True)
class OnlineRetail:
    """The source ``online_retail``."""

    name: str = "online_retail"
    contract: Contract = CONTRACT
    warnings: dict[str, str] = field(
        default_factory=lambda: {
            "cancellation_not_negative": "{rows} rows of C-invoices have a quantity above 0; they "
            "were kept as cancelled.",
            "code_in_small_letters": "{rows} rows have a stock code with small letters; it was put "
            "in capitals, so that a product has one id.",
            "customer_missing": "{rows} rows have no customer; they were kept as orders without "
            "customer.",
            "customer_with_decimals": "{rows} rows have a customer such as 17850.0; it was read as "
            "17850.",
            "price_zero": "{rows} rows have a price of 0; they were kept.",
            "stock_correction": "{rows} rows of products have a quantity below 0 on an invoice "
            "that is no cancellation; they were kept as adjustments.",
        }
    )

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Say what each line is, and make one id of a product's and a customer's spellings.

        Parameters
        ----------
        frame
            Typed rows of ``clean.cast``, any number.

        Returns
        -------
        Canonical
            The same rows with the columns of ``staging.order_lines``, without those that have a
            negative price and are no adjustment of bad debt.
        """
        is_adjustment = pl.col("order_id").str.starts_with("A")
        is_refused = (pl.col("unit_price") < 0) & ~is_adjustment
        refused, kept = frame.filter(is_refused), frame.filter(~is_refused)
        is_cancelled = pl.col("order_id").str.starts_with("C")
        by_code = kind_of_code(pl.col("product_id").str.to_uppercase())
        is_correction = (by_code == "product") & (pl.col("quantity") < 0) & ~is_cancelled
        extra = extra_json(header)
        canonical = kept.select(
            "_row",
            "order_id",
            pl.col("product_id").str.to_uppercase(),
            pl.coalesce("product_name", pl.col("product_id").str.to_uppercase()),
            pl.col("quantity").cast(pl.Int32),
            "unit_price",
            local_to_utc(kept["ordered_local"], shop.time_zone).alias("ordered_at"),
            "ordered_local",
            *customer_key(
                self.contract,
                customer_id=pl.col("customer_id").str.replace(r"^(\d+)\.0+$", "${1}"),
            ),
            "country",
            *([extra] if extra is not None else []),
            # what hardly ever changes stands together: that is quicker to copy
            pl.when(is_adjustment | is_correction)
            .then(pl.lit("adjustment"))
            .otherwise(by_code)
            .alias("line_kind"),
            pl.when(is_cancelled)
            .then(pl.lit("cancelled"))
            .otherwise(pl.lit("sold"))
            .alias("status"),
            pl.lit(shop.currency).alias("currency"),
            # a cancelled or adjusted invoice of a simulated shop is CSIM-... or ASIM-...
            *shop_of_row(shop, pl.col("order_id").str.replace("^[CA]SIM-", "SIM-")),
        )
        counts = kept.select(
            cancellation_not_negative=(is_cancelled & (pl.col("quantity") > 0)).sum(),
            code_in_small_letters=pl.col("product_id").str.contains("[a-z]").sum(),
            customer_missing=pl.col("customer_id").is_null().sum(),
            customer_with_decimals=pl.col("customer_id").str.contains(r"^\d+\.0+$").sum(),
            price_zero=(pl.col("unit_price") == 0).sum(),
            stock_correction=(is_correction & ~is_adjustment).sum(),
        ).row(0, named=True)
        warnings = Counter({name: count for name, count in counts.items() if count})
        return Canonical(canonical, warnings, reasons=_negative_prices(refused, header))


SOURCE = OnlineRetail()


def kind_of_code(code: pl.Expr) -> pl.Expr:
    """What a line is for, by its stock code in capitals; what no pattern knows is a product."""
    kind = pl.lit("product")
    for pattern, of_pattern in reversed(KIND_OF_CODE):
        kind = pl.when(code.str.contains(f"^({pattern})$")).then(pl.lit(of_pattern)).otherwise(kind)
    return kind


def _negative_prices(refused: pl.DataFrame, header: Header) -> pl.DataFrame:
    """A reason for every refused row, as ``clean.cast`` gives them."""
    if refused.is_empty():
        return no_reasons()
    name = header.form.column_of("unit_price").name
    return refused.select(
        "_row",
        pl.lit("price_negative").alias("rule"),
        pl.lit(name).alias("column"),
        (
            pl.lit(f"{name} is '")
            + pl.col("unit_price").cast(pl.String)
            + pl.lit("': a price below 0 is expected on A-invoices (bad debt) only.")
        ).alias("sentence"),
    )
