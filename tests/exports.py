"""Simulated exports of shop systems, read through their mappings; what their lines add up to.

Tests of ready-made sources import it (``pythonpath`` in pyproject.toml).
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from ecorse.clean.cleaner import Cleaner
from ecorse.ingest.shops import Shop
from ecorse.simulate import Plan
from ecorse.sources import get_source

PLAN = Plan(seed=5, customers=150, orders=600, events=0, days=59)
SOLD = pl.col("status") == "sold"
PRICED = pl.col("quantity") * pl.col("unit_price")
AMOUNT = pl.coalesce("line_amount", PRICED)
# what is taken back counts against the sale; its pieces may be below zero already
SIGNED = pl.when(SOLD | (pl.col("quantity") < 0)).then(AMOUNT).otherwise(-AMOUNT)
DOLLARS = Shop(shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD",
               sources=())  # fmt: skip
CHARGED = ("gross", "discounts", "shipping", "taxes", "tips", "gift_cards")


def shop_of(books):
    return Shop(shop_id="main", shop_name="Main", time_zone=books.time_zone,
                currency=books.currency, sources=())  # fmt: skip


def lines_of(name, path, shop):
    """Every canonical line of a file through the whole cleaning, added lines too; and rejects."""
    source = get_source(name).bind(path.parent)
    with path.open("rb") as file:
        cleaner = Cleaner(
            file, path.stat().st_size, source=source, shop=shop, file_name=path.name,
            max_record_bytes=1 << 20, reject_limit_share=0.05,
        )  # fmt: skip
        blocks = list(cleaner)
    parts = [
        frame
        for block in blocks
        for frame in (
            block.lines, block.candidates,
            *(found[name] for found in (block.companions, block.companion_candidates)
              for name in found if name == "order_lines"),
        )
        if frame.height
    ]  # fmt: skip
    lines = pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame()
    rejected = pl.concat([block.rejected for block in blocks])
    return lines, rejected, cleaner.account


def figures(lines: pl.DataFrame) -> dict[str, Decimal]:
    """The measures of the books, from staged lines alone."""

    def total(amount, *conditions) -> Decimal:
        found = lines.filter(*conditions).select(amount.sum()).item()
        return Decimal(0) if found is None else found

    def kind(*names):
        return pl.col("line_kind").is_in(names)

    sold = {
        "gross": total(PRICED, SOLD, kind("product")),
        "discounts": total(PRICED - AMOUNT, SOLD, kind("product"))
        - total(AMOUNT, SOLD, kind("discount")),
        "shipping": total(AMOUNT, SOLD, kind("shipping")),
        "taxes": total(AMOUNT, SOLD, kind("tax")),
        "tips": total(AMOUNT, SOLD, kind("tip")),
        "gift_cards": total(AMOUNT, SOLD, kind("gift_card")),
    }
    back = total(SIGNED, SOLD, kind("refund")) + total(SIGNED, ~SOLD)
    return {m: v.quantize(Decimal("0.01")) for m, v in sold.items()} | {
        "refunded": -back.quantize(Decimal("0.01")),
        "total": total(SIGNED).quantize(Decimal("0.01")),
    }
