"""The tables of cleaned rows: every canonical column, said once.

What belongs here: a column's name, type, meaning, who may fill it and what it may hold; what makes
two rows the same row. What does not: making the tables (``schema.ddl``, ``warehouse.rebuild``), and
the statements that load, compare and read them.

From this follow the DDL of each table and its twin, what a mapping may fill and with which values
(``sources.mappings.declare``), the types of frames (``schema.dtypes``), the comparison of repeated
rows (``ingest.comparing``, ``refresh.relations``) and the data dictionary's part about staging. A
new column is one line here; homes that exist get it at their next command.
"""

from __future__ import annotations

from ecorse.schema.table import Bounds, Mapped, Same, StagedColumn, StagingTable

STATUSES = ("sold", "cancelled", "returned")
LINE_KINDS = ("product", "shipping", "fee", "discount", "voucher", "adjustment", "manual", "sample",
              "tax", "included_tax", "tip", "refund", "gift_card")  # fmt: skip
EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase", "search", "click", "bookmark",
               "rating")  # fmt: skip
MONEY = "numeric(14,4)"
RATE = "numeric(20,10)"
PIECES = Bounds("1000000", "expected between -1000000 and 1000000 pieces", "-1000000")
E_MAIL = {"customer_email": "a key of the customer that does not tell the address"}
TIMES = Bounds("2100-01-01", "expected a time from 1970 to 2100", "1970-01-01")
STATEMENTS = ("marketing_consent", "is_suppressed")
"""What files say of whom a shop may write to: targets of orders, attributes of customers."""
KEY = 500  # characters: an id is part of indexes, which hold no longer ones

PLACE = (
    StagedColumn("load_id", "bigint", "The load the row came with (ops.load)", True),
    StagedColumn("source_line", "bigint", "The line of the file it stood on", True),
    StagedColumn("shop_id", "text", "The shop; simulated rows are <shop>-simulated", True,
                 same="key"),
)  # fmt: skip
BESIDES = (
    StagedColumn("is_simulated", "boolean", "Whether its id is marked as simulated", True, "false"),
    StagedColumn("extra", "jsonb", "Columns of the file that the contract does not know"),
    StagedColumn("flags", "jsonb", "Ids of the rules that mark the row without refusing it"),
)


def _text(name: str, about: str, mapped: Mapped = "optional", same: Same = "") -> StagedColumn:
    longest = KEY if name.endswith("_id") else 0
    return StagedColumn(name, "text", about, mapped=mapped, same=same, longest=longest)


def _needed(
    name: str, sql_type: str, about: str, mapped: Mapped = "optional", same: Same = ""
) -> StagedColumn:
    longest = KEY if name.endswith("_id") else 0
    bounds = TIMES if sql_type.startswith("timestamp") else None
    return StagedColumn(
        name, sql_type, about, True, mapped=mapped, same=same, bounds=bounds, longest=longest
    )


ORDER_LINES = StagingTable(
    "order_lines",
    "One row per order line, as cleaned; rows of superseded loads stay until pruned",
    "Lines",
    (
        *PLACE,
        _needed("order_id", "text", "The order, as the file names it", "needed", "key"),
        _needed("product_id", "text", "The product; made of its name where the file has no id",
                same="key"),
        _needed("product_name", "text", "The product's name; its id where the file has no name"),
        _text("category", "Its category: the first level of category_path where it has none"),
        _text("category_path", "Its category with all levels, parted by dots"),
        _text("brand", "Its brand"),
        StagedColumn("quantity", "integer", "Pieces; below 0 where pieces are taken back", True,
                     mapped="needed", bounds=PIECES, same="key"),
        _needed("unit_price", MONEY, "Price of one piece, in currency", "needed", "key"),
        _needed("currency", "text", "The shop's currency, ISO 4217"),
        _needed("ordered_at", "timestamptz", "When it was ordered (UTC)"),
        _needed("ordered_local", "timestamp",
                "The shop's wall clock as the file states it; ordered_at is the same instant in "
                "UTC", same="key"),
        _text("customer_id", "The customer: an id, or a key made of an e-mail or postal address"),
        StagedColumn("customer_key_kind", "text",
                     "What the customer is known by: id, email, address, none", True, "none"),
        _text("address", "The postal address as one text"),
        _text("street", "Street and number"),
        _text("city", "City"),
        _text("region", "State or region"),
        _text("postal_code", "Postal code, with its leading zeros"),
        _text("country", "Country"),
        _text("platform", "Device or channel"),
        StagedColumn("status", "text", "Whether the line was sold, cancelled or returned", True,
                     "sold", "optional", STATUSES),
        StagedColumn("line_kind", "text",
                     "What the line is for; only product lines are in product marts, all are in "
                     "the money", True, "product", "optional", LINE_KINDS),
        StagedColumn("line_amount", MONEY,
                     "Money of the line where it is not quantity * unit_price: its own discount "
                     "is taken off, included tax taken out, or the file states a total; signed "
                     "like quantity"),
        StagedColumn("discount_amount", MONEY,
                     "What was taken off the line itself; line_amount is without it",
                     mapped="optional"),
        StagedColumn("unit_cost", MONEY, "What one piece cost the shop, where the file says so",
                     mapped="optional"),
        StagedColumn("refunded_at", "timestamptz",
                     "When the line was paid back (UTC), where that has a date of its own",
                     mapped="optional", bounds=TIMES),
        StagedColumn("refunded_local", "timestamp", "The same on the shop's wall clock",
                     mapped="optional", bounds=TIMES),
        StagedColumn("is_date_only", "boolean",
                     "True where the file states a date without a time: ordered_local is its "
                     "midnight then, and tells no hour"),
        StagedColumn("line_id", "text", "What tells the line apart besides its columns: its key, "
                     "or the values of columns that are named without a target, as JSON"),
        _text("made_of", "The column of the file that an added line was made of (its shipping, "
              "say); null for the file's own rows", ""),
        _text("stated_currency", "The currency that the file states, where a rate was applied", ""),
        StagedColumn("stated_unit_price", MONEY, "The price in that currency"),
        StagedColumn("fx_rate", RATE,
                     "Units of currency for one of stated_currency"),
        *BESIDES,
    ),
    time="ordered_at",
    marked_by=("order_id",),
    becomes={
        **E_MAIL,
        "line_total": "the line's money after its own discount, to the cent: line_amount, and the "
        "price of one piece where the file has none",
        "discount_share": "discount_amount, as a share (0 to 1) of quantity * unit_price",
        "marketing_consent": "a row of staging.consents: whether the customer may be written to",
        "is_suppressed": "a row of staging.consents: whether the customer must not be written to",
    },
    money="case when status = 'sold' or quantity < 0 then 1 else -1 end "
    "* coalesce(line_amount, quantity * unit_price)",
)  # fmt: skip
EVENTS = StagingTable(
    "events",
    "One row per behaviour event, as cleaned; rows of superseded loads stay until pruned",
    "Events",
    (
        *PLACE,
        _needed("event_at", "timestamptz", "When it happened (UTC)", "needed", "key"),
        StagedColumn("event_type", "text", "What happened", True, "", "needed", EVENT_TYPES,
                     same="key"),
        _text("product_id", "The product it is about"),
        _text("customer_id", "The customer, if known"),
        _text("session_id", "The visit it belongs to"),
        StagedColumn("price", MONEY, "Price that was shown or paid", mapped="optional"),
        StagedColumn("quantity", "integer", "Pieces", mapped="optional", bounds=PIECES),
        StagedColumn("rating", "numeric(6,3)", "The rating given, on the source's own scale",
                     mapped="optional", bounds=Bounds("100", "expected at most 100")),
        _text("query", "The words that were searched for"),
        _text("platform", "Device or channel"),
        _text("country", "Country"),
        _text("category_id", "The category's id in the source"),
        _text("category_path", "The category as the source writes it, its levels parted by dots; "
              "null where it has none"),
        _text("brand", "The product's brand"),
        StagedColumn("is_date_only", "boolean",
                     "True where the file states a date without a time: event_at is its midnight "
                     "then, and tells no hour"),
        *BESIDES,
    ),
    time="event_at",
    marked_by=("session_id", "customer_id"),
    becomes=E_MAIL,
)  # fmt: skip
PRODUCTS = StagingTable(
    "products",
    "One row per product (or variant) of a catalogue file; of several rows of a product the latest "
    "load counts",
    "Catalogue rows",
    (
        *PLACE,
        _needed("product_id", "text", "The product", "needed", "key"),
        _text("product_name", "Its name"),
        _text("category", "Its category"),
        _text("category_path", "Its category with all levels, parted by dots"),
        _text("brand", "Its brand"),
        _text("description", "Its description, as the file has it"),
        _text("image_uri", "Where its picture is"),
        StagedColumn("price", MONEY, "Its price in the catalogue", mapped="optional"),
        StagedColumn("cost", MONEY, "What one piece costs the shop", mapped="optional"),
        StagedColumn("valid_from", "timestamp",
                     "From when on price and cost hold, on the shop's wall clock; null: always",
                     mapped="optional", bounds=TIMES),
        StagedColumn("attributes", "jsonb", "Further attributes, typed by the source's contract"),
        *BESIDES,
    ),
    time=None,
    marked_by=("product_id",),
    latest_counts=True,
)  # fmt: skip
CUSTOMERS = StagingTable(
    "customers",
    "One row per customer of a customer file: attributes typed by the source's contract",
    "Customer rows",
    (
        *PLACE,
        _needed("customer_id", "text", "The customer", "needed", "key"),
        StagedColumn("attributes", "jsonb", "What is known of the customer", True, "{}"),
        *BESIDES,
    ),
    time=None,
    marked_by=("customer_id",),
    latest_counts=True,
)  # fmt: skip
CONSENTS = StagingTable(
    "consents",
    "One row per row of a file that says whether its customer may be written to, beside that row; "
    "of a refused row what it forbids, or that it says nothing that can be read",
    "Statements",
    (
        *PLACE,
        _needed("customer_id", "text", "The customer", "", "key"),
        _needed("source", "text", "The source of the file", ""),
        StagedColumn("stated_at", "timestamptz",
                     "When the order was made that says so (UTC); null: the file is of customers"),
        StagedColumn("statement", "text", "Which of the two it is, or the name of a column that "
                     "looks like one and is not declared", True),
        StagedColumn("is_so", "boolean", "What the row says; null: nothing"),
        *BESIDES,
    ),
    time=None,
    marked_by=("customer_id",),
    latest_counts=True,
)  # fmt: skip

FX_RATES = StagingTable(
    "fx_rates",
    "One row per day and pair of currencies: the rate that money of that day is converted by",
    "Rates",
    (
        *PLACE,
        _needed("rate_date", "date", "The day from which on it holds, till the next", "needed",
                "key"),
        _needed("from_currency", "text", "Of this currency, ISO 4217", "needed", "key"),
        _needed("to_currency", "text", "one unit is so many of this one, ISO 4217", "needed",
                "key"),
        StagedColumn("rate", RATE, "as the rate says", True, mapped="needed", same="key",
                     bounds=Bounds("1000000000", "expected a rate above 0", "0.0000000001")),
        StagedColumn("is_two_way", "boolean",
                     "Whether 1 / rate holds from to_currency to from_currency too", True, "false",
                     "optional"),
        *BESIDES,
    ),
    time=None,
    marked_by=("from_currency",),
)  # fmt: skip

STAGING_TABLES = {
    table.name: table for table in (ORDER_LINES, EVENTS, PRODUCTS, CUSTOMERS, CONSENTS, FX_RATES)
}
