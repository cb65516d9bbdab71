"""Who is no customer, and what a mapping's rows leave open: told with a count, never silently.

What belongs here: words that stand for nobody, and values that are taken for their default. What
does not: keys of customers (``sources.canonical``).
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from ecorse.sources.mappings.added import ADDING, AGAIN
from ecorse.sources.mappings.declare import MappingFile

GUESTS, NO_ID = "guests", "customer_looks_empty"
GUEST_WORDS = ("0", "guest")
NO_ID_WORDS = ("null", "none", "nan", "n/a", "na", "-", "--", "undefined", "unknown", "anonymous")
NO_STATUS, BELOW = "status_empty", "pieces_below_0_sold"
SENTENCES = {
    GUESTS: "{rows} rows are of guests (customer '0' or 'guest'), who are no customer; "
    "`nulls` of the column says otherwise.",
    NO_ID: "{rows} rows have a customer such as 'NULL' or 'N/A', which looks like none; "
    "if it is, add it to `nulls`.",
    ADDING: "{rows} lines of refunds, discounts or vouchers add to their order; if they are to "
    "take off, say sign = '-'.",
    AGAIN: "{rows} rows that are taken back state what their order states once, beside a row that "
    "is sold: it stays sold; if it was paid back too, take it back by [[taken_back]] or a refund.",
    NO_STATUS: "{rows} rows have an empty status; they count as sold.",
    BELOW: "{rows} rows have pieces below 0 and nothing says that they were taken back: they lower "
    "what was sold, and returns do not have them. If they are returns, say [[set]] "
    "when = 'quantity < 0', status = 'returned'.",
}


def without_guests(frame: pl.DataFrame, declared: MappingFile) -> tuple[pl.DataFrame, Counter[str]]:
    """Guests are no customer, unless the customer's column says itself what stands for none.

    It may be the file's or a looked-up one; what the whole file says of `nulls` is of every column,
    and says nothing of guests. A file of customers has none: there an id is one, whatever it is.
    """
    columns = [c for c in declared.every_column if c.target == "customer_id"]
    says_itself = any(c.nulls is not None for c in columns)
    if not columns or says_itself or declared.table == "customers":
        return frame, Counter()
    word = pl.col("customer_id").str.to_lowercase()
    counts = frame.select(
        word.is_in(list(GUEST_WORDS)).sum().alias(GUESTS),
        word.is_in(list(NO_ID_WORDS)).sum().alias(NO_ID),
    ).row(0, named=True)
    if counts[GUESTS]:
        is_guest = word.is_in(list(GUEST_WORDS)).fill_null(False)
        frame = frame.with_columns(pl.when(~is_guest).then("customer_id").alias("customer_id"))
    return frame, +Counter(counts)


def without_status(frame: pl.DataFrame, declared: MappingFile) -> Counter[str]:
    """How many rows leave their status open, where the file has one or pieces are below 0."""
    if declared.table != "order_lines":
        return Counter()
    is_open = frame["status"].is_null()
    product = (frame["line_kind"].fill_null("product") == "product") & is_open
    below = (frame["quantity"] < 0).fill_null(False) & product
    has_status = any(c.target == "status" for c in declared.every_column)
    return +Counter({NO_STATUS: int(is_open.sum()) * has_status, BELOW: int(below.sum())})
