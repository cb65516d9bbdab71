"""The tables of cleaned rows: what time a row has, and what makes two rows the same row.

What belongs here: one entry per table of schema ``staging``. What does not: their columns
(``include/sql/schema``), and the statements that load, compare and read them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StagingTable:
    """One table of cleaned rows.

    ``time`` is the instant that ``as_of`` cuts on; without one a row counts as soon as its load
    does. ``key`` are columns that are never null and that equal rows agree in; ``found_by`` the
    one that finds the rows a suspected repetition may repeat. ``compared`` are the further
    columns (which may be null) that a row held by two files agrees in. ``money`` is the SQL of
    what a row is worth in the account of money.
    """

    name: str
    time: str | None
    key: tuple[str, ...]
    found_by: str
    compared: tuple[str, ...]
    money: str = "0"

    @property
    def twin(self) -> str:
        """The table of rows that an earlier load of the same shop and source already holds."""
        return f"repeated_{self.name}"

    @property
    def relation(self) -> tuple[str, str]:
        """Schema and name."""
        return ("staging", self.name)


STAGING_TABLES = {
    table.name: table
    for table in (
        StagingTable(
            "order_lines",
            "ordered_at",
            ("shop_id", "order_id", "product_id", "ordered_local", "quantity", "unit_price"),
            "order_id",
            ("status", "customer_id", "address", "platform"),
            "quantity * unit_price",
        ),
        StagingTable(
            "events",
            "event_at",
            ("shop_id", "event_at", "event_type"),
            "event_at",
            ("product_id", "customer_id", "session_id", "price", "quantity", "rating", "query",
             "platform", "brand", "category_path"),
        ),
        StagingTable(
            "products",
            None,
            ("shop_id", "product_id"),
            "product_id",
            ("product_name", "category", "category_path", "brand", "description", "image_uri",
             "price", "attributes"),
        ),
        StagingTable("customers", None, ("shop_id", "customer_id"), "customer_id",
                     ("attributes",)),
    )
}  # fmt: skip
