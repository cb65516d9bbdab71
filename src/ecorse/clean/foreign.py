"""Which currency a row's money is in, and what becomes of one that is not the shop's.

What belongs here: telling that money is in another currency, by the row's own column or by a sign
beside a number. What does not: reading numbers (``numbers``), and where rates come from.

Money in two currencies is never added up.
"""

from __future__ import annotations

import polars as pl

from ecorse.clean.cast import STATED
from ecorse.clean.values import reasons_of
from ecorse.currency import currency_codes, currency_signs
from ecorse.schema.contract import Column
from ecorse.schema.source import Shop


def row_currency(frame: pl.DataFrame, shop: Shop) -> pl.Expr:
    """The currency of each typed row: its column's, else what a sign beside a number says.

    A sign that several currencies share says the shop's where that is one of them; null where it
    is not.
    """
    stated: dict[str, str | None] = {}
    if STATED in frame.columns:
        for sign in frame[STATED].unique().drop_nulls().to_list():
            codes = currency_signs()[sign]
            only = next(iter(codes)) if len(codes) == 1 else None
            stated[sign] = shop.currency if shop.currency in codes else only
    by_column = pl.col("currency").str.to_uppercase()
    if not stated:
        return by_column.fill_null(shop.currency)
    by_sign = (
        pl.when(pl.col(STATED).is_null())
        .then(pl.lit(shop.currency))
        .otherwise(pl.col(STATED).replace_strict(stated, default=None, return_dtype=pl.String))
    )
    return pl.coalesce(by_column, by_sign)


def foreign_rows(typed: pl.DataFrame, canonical: pl.DataFrame, shop: Shop) -> list[pl.DataFrame]:
    """Reasons of canonical rows whose money is not in the shop's currency, or may not be.

    Parameters
    ----------
    typed
        The rows as cast, of which ``_stated`` is looked at.
    canonical
        Rows with ``_row`` and, where the table has one, ``currency``.
    """
    reasons: list[pl.DataFrame] = []
    if "currency" in canonical.columns:
        currency = canonical["currency"]
        is_other = (currency != shop.currency).fill_null(True)
        if is_other.any():
            is_known = currency.is_in(list(currency_codes())) & is_other
            sentence = f"the shop's money is in {shop.currency}, and other money is not added to it"
            reasons += _placed(reasons_of(is_known, currency, CURRENCY, RULE, sentence), canonical)
            sentence = "expected an ISO 4217 code such as 'USD'"
            reasons += _placed(
                reasons_of(is_other & ~is_known & currency.is_not_null(), currency, CURRENCY,
                           "currency_unknown", sentence), canonical,
            )  # fmt: skip
    if STATED in typed.columns:
        named = [c for c in ("stated_currency", "currency") if c in canonical.columns]
        of_row = pl.coalesce(*named) if named else pl.lit(shop.currency)
        rows = canonical.select("_row", of_row.alias("currency"))
        rows = rows.join(typed.select("_row", STATED), on="_row", how="left", maintain_order="left")
        for sign in rows[STATED].unique().drop_nulls().to_list():
            codes = sorted(currency_signs()[sign])
            is_sign = (rows[STATED] == sign).fill_null(False)
            contradicts = is_sign & ~rows["currency"].is_in(codes).fill_null(False)
            sentence = f"this is money in {' or '.join(codes[:3])}, and the row's is not"
            if shop.currency not in codes:
                sentence = f"the shop's money is in {shop.currency}, and other money is not added"
            reasons += _placed(
                reasons_of(contradicts, rows[STATED], CURRENCY, RULE, sentence), rows
            )
    return reasons


RULE = "foreign_currency"
CURRENCY = Column("currency", "currency")


def _placed(reasons: list[pl.DataFrame], frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Reasons by places in a frame as reasons by rows of the block."""
    rows = frame["_row"]
    return [reason.with_columns(rows.gather(reason["_row"]).alias("_row")) for reason in reasons]
