"""Sales lines of one shop as CSV, in the two published forms of the 2019 electronics store.

What belongs here: this source's contract and what only it knows (its products, its addresses,
its derived columns). What does not: reading, casting and loading, which all sources share.

The forms: monthly files of six columns, and one file of 13 whose further columns are derived.
Neither has a product id or a customer: the product id is made from the product's name, and an
address is not a person, so ``customer_id`` stays empty unless the shop declares that addresses make
customers (``customer_rungs``). Negative quantities and prices are refused (cancellations do not
exist in this source); a price of 0 is kept and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from ecorse.clock import DAYPARTS, local_to_utc
from ecorse.schema.contract import Column, Contract, Form, Header, Rule
from ecorse.schema.source import Canonical, Difference, Shop
from ecorse.sources.canonical import (
    customer_key,
    extra_json,
    name_key,
    shop_of_row,
)
from ecorse.sources.sales_products import (
    CATEGORY_ALIASES,
    CATEGORY_OF_PRODUCT,
    STORE_PRODUCTS,
    UNKNOWN_CATEGORY,
    category_of_words,
    product_id,
)

SALE_COLUMNS = (
    Column("Order ID", "order_id", aliases=("Order Number",)),
    Column("Product", "product_name", aliases=("Product Name",)),
    Column(
        "Quantity Ordered",
        "quantity",
        "integer",
        aliases=("Quantity",),
        decimal=".",
        group=",",
        normalise=("integral_decimal",),
    ),
    Column("Price Each", "unit_price", "decimal", aliases=("Unit Price",), decimal=".", group=","),
)
ADDRESS = Column("Purchase Address", "address", aliases=("Address",))
DERIVED = ("Month", "Sales", "City", "Hour", "Time of Day")

CONTRACT = Contract(
    name="sales_csv",
    forms=(
        Form(
            "monthly, 6 columns",
            (
                *SALE_COLUMNS,
                Column("Order Date", "ordered_local", "timestamp", formats=("%m/%d/%y %H:%M",)),
                ADDRESS,
            ),
        ),
        Form(
            "single, 13 columns",
            (
                Column("", None, required=False, aliases=("index", "Unnamed: 0")),
                *SALE_COLUMNS,
                Column("Order Date", "ordered_local", "timestamp", formats=("%d-%m-%Y %H:%M",)),
                ADDRESS,
                Column("Product Category", "category"),
                *(Column(name, None, required=False) for name in DERIVED),
            ),
        ),
    ),
    rules=(
        Rule("order_id_empty", "order_id", "not_empty", "every line needs an order"),
        Rule("product_empty", "product_name", "not_empty", "every line needs a product"),
        Rule("quantity_empty", "quantity", "not_empty", "every line needs a quantity"),
        Rule("quantity_not_positive", "quantity", "greater", "expected a quantity above 0; this "
             "source has no cancellations", "0"),
        Rule("quantity_too_large", "quantity", "at_most", "expected at most 1000000 pieces",
             "1000000"),
        Rule("price_empty", "unit_price", "not_empty", "every line needs a price"),
        Rule("price_negative", "unit_price", "at_least", "expected a price of 0 or more", "0"),
        Rule("ordered_at_empty", "ordered_local", "not_empty", "every line needs a date and time"),
    ),
    dedup_key=("order_id", "product_id", "ordered_local"),
)  # fmt: skip

STATE_AND_CODE = r"^[A-Z]{2} \d{5}(-\d{4})?$"
SHORT_CODE = r", [A-Z]{2} \d{3,4}$"


@dataclass(frozen=True)
class SalesCsv:
    """The source ``sales_csv``."""

    name: str = "sales_csv"
    contract: Contract = CONTRACT
    warnings: dict[str, str] = field(
        default_factory=lambda: {
            "address_not_split": "{rows} rows have an address that is not 'street, city, ST "
            "12345'; they were kept, without street, city, region and postal code.",
            "zip_shortened": "{rows} rows have a zip code of three or four digits: a spreadsheet "
            "has taken its leading zero; export it as text. They were kept, without the parts of "
            "the address.",
            "category_unknown": "{rows} rows have a product whose category is not known; it was "
            f"set to {UNKNOWN_CATEGORY!r}.",
            "price_zero": "{rows} rows have a price of 0; they were kept.",
        }
    )

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Add ids, category, UTC time and the parts of the address; compare derived columns.

        Parameters
        ----------
        frame
            Typed rows of ``clean.cast``, any number.

        Returns
        -------
        Canonical
            The same rows with the columns of ``staging.order_lines``.
        """
        products = _products(frame)
        frame = frame.join(
            products, left_on="product_name", right_on="_name", how="left", maintain_order="left"
        )
        has_category = "category" in frame.columns
        category = pl.coalesce(
            "_store_category",
            *([pl.col("category").replace(CATEGORY_ALIASES)] if has_category else []),
            "_word_category",
            pl.lit(UNKNOWN_CATEGORY),
        )
        extra = extra_json(header)
        canonical = split_address(frame).select(
            "_row",
            "order_id",
            "product_id",
            pl.col("_clean_name").alias("product_name"),
            category.alias("category"),
            pl.col("quantity").cast(pl.Int32),
            "unit_price",
            local_to_utc(frame["ordered_local"], shop.time_zone).alias("ordered_at"),
            "ordered_local",
            "address",
            "street",
            "city",
            "region",
            "postal_code",
            *([extra] if extra is not None else []),
            # what hardly ever changes stands together: that is quicker to copy
            *customer_key(self.contract, address=pl.col("address")),
            pl.lit("US").alias("country"),
            pl.lit(shop.currency).alias("currency"),
            *shop_of_row(shop, pl.col("order_id")),
        )
        return Canonical(canonical, _count_warnings(canonical), _compare(frame, canonical, header))


SOURCE = SalesCsv()


def _products(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per product name of the block: its id, tidy name and the store's category."""
    names = frame["product_name"].unique().to_list()
    known = [STORE_PRODUCTS.get(name_key(name)) for name in names]
    return pl.DataFrame(
        {
            "_name": names,
            "product_id": [product_id(name) for name in names],
            "_clean_name": [
                tidy or " ".join(name.split()) for tidy, name in zip(known, names, strict=True)
            ],
            "_store_category": [CATEGORY_OF_PRODUCT.get(tidy or "") for tidy in known],
            "_word_category": [category_of_words(name) for name in names],
        },
        schema=dict.fromkeys(
            ("_name", "product_id", "_clean_name", "_store_category", "_word_category"), pl.String
        ),
    )


def split_address(frame: pl.DataFrame) -> pl.DataFrame:
    """Add street, city, region, postal code of ``street, city, ST 12345``; else all four null."""
    parts = frame["address"].str.splitn(", ", 3).struct.unnest()
    street, city, rest = parts.columns
    fits = parts[rest].str.contains(STATE_AND_CODE)
    columns = {
        "street": pl.col(street),
        "city": pl.col(city),
        "region": pl.col(rest).str.slice(0, 2),
        "postal_code": pl.col(rest).str.slice(3),
    }
    if not fits.all(ignore_nulls=False):
        columns = {name: pl.when(fits).then(part) for name, part in columns.items()}
    return frame.hstack(parts.select(part.alias(name) for name, part in columns.items()))


def _count_warnings(canonical: pl.DataFrame) -> Counter[str]:
    counts = canonical.select(
        address_not_split=(pl.col("address").is_not_null() & pl.col("city").is_null()).sum(),
        zip_shortened=pl.col("address")
        .filter(pl.col("city").is_null())
        .str.contains(SHORT_CODE)
        .sum(),
        category_unknown=(pl.col("category") == UNKNOWN_CATEGORY).sum(),
        price_zero=(pl.col("unit_price") == 0).sum(),
    ).row(0, named=True)
    return Counter({name: count for name, count in counts.items() if count})


def _compare(frame: pl.DataFrame, canonical: pl.DataFrame, header: Header) -> dict[str, Difference]:
    """Compute the derived columns of the 13-column form again and count where they differ."""
    local, hour = pl.col("ordered_local"), pl.col("ordered_local").dt.hour()
    number = pl.Decimal(38, 4)
    sales = pl.col("quantity").cast(number) * pl.col("unit_price").cast(number)
    expected = {
        "Month": local.dt.month().cast(pl.String),
        "Sales": sales.cast(pl.Float64).cast(pl.String),
        "City": pl.col("city"),
        "Hour": hour.cast(pl.String),
        "Time of Day": DAYPARTS.names_of(hour),
    }
    found = {}
    for column in header.columns:
        if column is None or column.name not in expected:
            continue
        compared = canonical.select(
            "order_id", expected[column.name].alias("expected"), frame[column.name].alias("found")
        )
        if column.name == "Sales":
            as_number = pl.col("found").cast(pl.Float64, strict=False)
            compared = compared.with_columns(
                pl.coalesce(as_number.cast(pl.String), "found").alias("found")
            )
        different = compared.filter(pl.col("expected").ne_missing(pl.col("found")))
        found[column.name] = Difference(
            checked=compared.height,
            different=different.height,
            examples=[
                f"order {order}: file has {says!r}, its other columns give {gives!r}"
                for order, gives, says in different.head(3).iter_rows()
            ],
        )
    return found
