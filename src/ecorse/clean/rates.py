"""Money in other currencies, converted by rates that the shop declares.

What belongs here: which rate holds for a line, and what its money becomes. What does not: where
rates come from (``ecorse.ingest.rates``), lines that are not converted (``foreign``).

A rate is stated from a currency to the shop's; the other way round only where its source says that
it holds both ways. It is never made of two others (docs/adr/0015).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from polars._typing import PolarsDataType

from ecorse.clean.numbers import PRECISION, SCALE
from ecorse.clean.values import reasons_of
from ecorse.currency import currency_codes
from ecorse.errors import ContractError
from ecorse.schema.contract import Column

MOST_DAYS = 31  # a rate of longer ago is none: monthly tables are the coarsest in use
RATE = pl.Decimal(20, 10)
RATES_SCHEMA: dict[str, PolarsDataType] = {
    "rate_date": pl.Date,
    "from_currency": pl.String,
    "to_currency": pl.String,
    "rate": RATE,
    "is_two_way": pl.Boolean,
}
RULE = "fx_rate_missing"
MONEY = pl.Decimal(PRECISION, SCALE)
WIDE = pl.Decimal(38, SCALE + 10)  # of money times a rate, exactly
STATED = ("stated_currency", "stated_unit_price", "fx_rate")
_MONEY = ("unit_price", "discount_amount", "tax_amount", "unit_cost")


@dataclass(frozen=True)
class Rates:
    """Rates into one currency: ``rate_date, from_currency, rate`` in the order of their dates.

    ``known_at`` is when the latest of them came to be known.
    """

    currency: str
    frame: pl.DataFrame
    known_at: datetime | None = None

    @classmethod
    def of(cls, rows: pl.DataFrame, currency: str, known_at: datetime | None = None) -> Rates:
        """The rates into a currency among stated ones (``RATES_SCHEMA``).

        A stated rate is preferred to one that is stated the other way round.

        Raises
        ------
        ContractError
            Two rates are stated for one day and pair of currencies.
        """
        named = ("rate_date", "from_currency", "to_currency", "rate")
        one_way = rows.select(*named).unique()
        other_way = rows.filter("is_two_way").select(
            "rate_date",
            pl.col("to_currency").alias("from_currency"),
            pl.col("from_currency").alias("to_currency"),
            (pl.lit(1).cast(WIDE) / pl.col("rate").cast(WIDE)).round(10).cast(RATE).alias("rate"),
        )
        direct = one_way.filter(pl.col("to_currency") == currency)
        inverse = other_way.unique().filter(pl.col("to_currency") == currency)
        for stated in (direct, inverse):
            _refuse_contradicting(stated)
        pair = ["rate_date", "from_currency"]
        both = pl.concat([direct, inverse.join(direct, on=pair, how="anti")])
        return cls(
            currency, both.select(*pair, "rate").sort("rate_date", "from_currency"), known_at
        )

    def convert(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """Order lines with their money in the shop's currency, and the reasons of those left out.

        Parameters
        ----------
        lines
            Canonical rows with ``_row``; the rate is that of ``ordered_local``'s day, or of the
            latest day before that has one.

        Returns
        -------
        tuple
            All rows, in order; those of another currency have ``stated_currency``,
            ``stated_unit_price`` and ``fx_rate`` now, unless there is no rate: these are as they
            were, and have a reason.
        """
        codes = list(currency_codes() - {self.currency})
        is_foreign = pl.col("currency").is_in(codes).fill_null(False)
        if not lines.select(is_foreign.any()).item():
            unrated = lines.with_columns(pl.lit(None, RATE).alias("_rate"))
            return _converted(unrated, lines.columns, self.currency), []
        day = pl.when(is_foreign).then(pl.col("ordered_local").dt.date())
        rated = (
            lines.with_columns(day.alias("_date"))
            .with_row_index("_place")
            .sort("_date")
            .join_asof(
                self.frame.rename({"rate": "_rate"}),
                left_on="_date",
                right_on="rate_date",
                by_left="currency",
                by_right="from_currency",
                strategy="backward",
                tolerance=f"{MOST_DAYS}d",
                check_sortedness=False,
            )
            .sort("_place")
        )
        missing = rated.select((is_foreign & pl.col("_rate").is_null()).alias("m"))["m"]
        reasons = _no_rate(rated, missing, self.currency)
        return _converted(rated, lines.columns, self.currency), reasons


def _converted(rated: pl.DataFrame, columns: list[str], currency: str) -> pl.DataFrame:
    """Money times rate, rounded to what staging holds; rows without rate as they are."""
    has_rate = pl.col("_rate").is_not_null()
    quantity = pl.col("quantity").cast(WIDE)
    amount = quantity * pl.col("unit_price").cast(WIDE)
    stated = pl.col("line_amount") if "line_amount" in columns else pl.lit(None, MONEY)
    whole = _times_rate(pl.coalesce(stated.cast(WIDE), amount))
    plain = quantity * _times_rate(pl.col("unit_price")).cast(WIDE)
    changed = {name: _times_rate(pl.col(name)) for name in _MONEY if name in columns}
    changed["currency"] = pl.lit(currency)
    kept = [name for name in columns if name not in (*STATED, "line_amount")]
    return rated.select(
        *(
            pl.when(has_rate).then(changed[name]).otherwise(name).alias(name)
            if name in changed
            else pl.col(name)
            for name in kept
        ),
        pl.when(has_rate)
        .then(pl.when(whole.cast(WIDE) != plain).then(whole))
        .otherwise(stated)
        .alias("line_amount"),
        pl.when(has_rate).then("currency").alias("stated_currency"),
        pl.when(has_rate).then("unit_price").alias("stated_unit_price"),
        pl.col("_rate").alias("fx_rate"),
    )


def _times_rate(money: pl.Expr) -> pl.Expr:
    """Money times its row's rate, rounded half away from zero."""
    product = money.cast(WIDE) * pl.col("_rate").cast(WIDE)
    return product.round(SCALE, mode="half_away_from_zero").cast(MONEY, strict=False)


def _no_rate(rated: pl.DataFrame, missing: pl.Series, currency: str) -> list[pl.DataFrame]:
    told = rated.select(pl.format("{} on {}", "currency", "_date").alias("t"))["t"]
    sentence = (
        f"the shop's rates have none into {currency} of that day or the {MOST_DAYS} days before; "
        "add it to the files of its fx_rates source"
    )
    rows = rated["_row"]
    found = reasons_of(missing, told, Column("currency", "currency"), RULE, sentence)
    return [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]


def _refuse_contradicting(stated: pl.DataFrame) -> None:
    twice = stated.filter(pl.struct("rate_date", "from_currency").is_duplicated())
    if twice.height:
        day, one, other, _ = twice.row(0)
        several = twice.filter((pl.col("rate_date") == day) & (pl.col("from_currency") == one))[
            "rate"
        ].to_list()
        raise ContractError(
            f"The shop's rates from {one} to {other} on {day} contradict each other: "
            f"{' and '.join(map(str, several[:2]))}. Nothing was loaded. Correct or withdraw one."
        )
