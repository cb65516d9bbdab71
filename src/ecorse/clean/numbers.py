"""Numbers as people write them: signs for decimals, groups, minus and currency.

What belongs here: from text to a number by a column's declaration, and which text has two
readings. What does not: whether a number makes sense (rules), and what a currency that is named
means for the row (``clean.money``).

What is not declared is not assumed: ``7,250`` and ``1.234`` are read only where the column says
what its decimal sign is. A sign or code of a currency beside a number is read without being
declared, for it changes nothing about the number, and is kept as a statement.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from ecorse.currency import currency_signs
from ecorse.schema.contract import Column

PRECISION, SCALE = 14, 4  # numeric(14, 4) of staging
SHARE = pl.Decimal(20, SCALE + 2)  # of a percentage with as many decimals as money
GROUPS = {".": r"\.", ",": ",", " ": " ", "'": "['’]"}
RATE = pl.Decimal(20, 10)  # numeric(20, 10) of staging: what columns that fill `rate` hold
INEXACT = r"[eE]|\.\d{4}\d*[1-9]"  # the cast alone would take exponents and round decimals away
TWO_READINGS = r"^[1-9]\d{0,2}[.,]\d{3}$"
EXPECTED = (
    f"a number with at most {PRECISION - SCALE} digits before and {SCALE} behind the decimal sign"
)


class Numbers(NamedTuple):
    """What odd texts say: ``values``, null where it is no number.

    ``stated`` has the sign or code of a currency beside the number; ``two_readings`` is true where
    the text could be either of two numbers and its value is null for that.
    """

    values: pl.Series
    stated: pl.Series
    two_readings: pl.Series
    repaired: Counter[str]


def is_number(column: Column) -> bool:
    """Whether a column holds numbers."""
    return column.type in ("integer", "decimal", "percent")


def convert(text: pl.Expr, column: Column) -> pl.Expr:
    """The plain conversion of a whole column; what is written otherwise is null.

    Where no decimal sign is declared a text with two readings is read too: ``doubtful`` finds it.
    """
    if column.type == "integer":
        return text.cast(pl.Int64, strict=False)
    if column.decimal == ",":
        plain = text.str.contains(r"^[+-]?\d+(,\d+)?$")
        text = pl.when(plain).then(text.str.replace(",", ".", literal=True))
    return _exact(text, column)


def doubtful(values: pl.Series, text: pl.Series, column: Column) -> pl.Series:
    """Rows whose number, as it was read, could be another one too; their places.

    Only a number from 1 to 1000 with just three decimals has two readings, and hardly any has.
    """
    if column.type != "decimal" or column.decimal:
        return pl.Series([], dtype=pl.UInt32)
    return _thousandths(values, text)


def unusual(values: pl.Series, text: pl.Series) -> pl.Series:
    """Whether each money, as the declared sign reads it, has parts of cents and may be thousands.

    ``1.234`` in a column of decimal points: hardly a price, and as likely 1234.
    """
    marks = pl.Series([False]).new_from_index(0, len(values))
    places = _thousandths(values, text)
    parts = values.gather(places).to_physical().cast(pl.Int64)
    places = places.filter(parts % 100 != 0)
    return marks.scatter(places, True) if len(places) else marks


def _thousandths(values: pl.Series, text: pl.Series) -> pl.Series:
    if values.dtype == RATE:
        values = values.round(SCALE).cast(pl.Decimal(38, SCALE))
    parts = values.to_physical().cast(pl.Int64).abs()  # ten-thousandths, of 14 digits at most
    maybe = (parts % 10 == 0) & (parts >= 10_000) & (parts < 10_000_000)
    if not maybe.any():
        return pl.Series([], dtype=pl.UInt32)
    places = maybe.fill_null(False).arg_true()
    bare = text.gather(places).str.replace_all(r"[^\d.,]", "")
    return places.filter(bare.str.contains(TWO_READINGS))


def read(odd: pl.Series, column: Column) -> Numbers:
    """Read texts that the plain conversion could not.

    Parameters
    ----------
    odd
        Trimmed texts; null where there is none.
    """
    parts = _taken_apart(odd, column)
    body, is_grouped = parts["body"], parts["grouped"]
    repaired: Counter[str] = Counter()
    if column.type == "integer":
        values = parts["number"].cast(pl.Int64, strict=False)
        if "integral_decimal" in column.normalise:
            sign = column.decimal or "."
            whole = body.str.contains(rf"^\d+{re.escape(sign)}0+$") & values.is_null()
            cut = parts["number"].str.replace(r"\.0+$", "")
            values = pl.select(
                pl.when(pl.lit(whole)).then(pl.lit(cut)).otherwise(pl.lit(parts["number"]))
            ).to_series().cast(pl.Int64, strict=False)  # fmt: skip
            repaired["integral_decimal"] = int((whole & values.is_not_null()).sum())
        if "round_up" in column.normalise:
            values, rounded = _rounded_up(values, parts["number"])
            repaired["round_up"] = rounded
    else:
        values = pl.select(_exact(pl.lit(parts["number"]), column)).to_series()
    two = body.str.contains(TWO_READINGS).fill_null(False) & (not column.decimal)
    values = pl.select(pl.when(~pl.lit(two)).then(pl.lit(values))).to_series()
    is_read = values.is_not_null()
    stated = pl.select(pl.when(pl.lit(is_read)).then(pl.lit(parts["stated"]))).to_series()
    repaired["thousands"] = int((is_grouped & is_read).sum())
    repaired["currency_sign"] = len(stated) - stated.null_count()
    for repair in ("parentheses", "trailing_minus", "unicode_minus"):
        repaired[repair] = int((parts[repair] & is_read).sum())
    return Numbers(values, stated, two, repaired)


def _rounded_up(values: pl.Series, numbers: pl.Series) -> tuple[pl.Series, int]:
    """Whole numbers of what is sold by parts: 0.75 kg is one piece, -2.5 are minus three."""
    exact = numbers.cast(pl.Decimal(PRECISION, SCALE), strict=False)
    exact = pl.select(pl.when(pl.lit(values).is_null()).then(pl.lit(exact))).to_series()
    up = pl.select(pl.lit(exact).sign() * pl.lit(exact).abs().ceil()).to_series()
    is_part = exact.is_not_null()
    whole = pl.select(pl.coalesce(pl.lit(values), pl.lit(up).cast(pl.Int64, strict=False)))
    return whole.to_series(), int(is_part.sum())


def hint(text: str, column: Column) -> str:
    """What a person may declare so that a text is read, as half a sentence; empty if nothing."""
    bare = re.sub(r"\s", " ", text).strip()
    if re.search(TWO_READINGS, re.sub(r"[^\d.,]", "", bare)) and not column.decimal:
        digits = re.sub(r"[^\d.,]", "", bare)
        as_point, as_group = digits.replace(",", "."), re.sub("[.,]", "", digits)
        sign = "," if "," in digits else "."
        other = "." if sign == "," else ","
        return (
            f"it can be read as {as_point} or as {as_group}; declare decimal = {sign!r} if it is "
            f"{as_point}, decimal = {other!r} with group = {sign!r} if it is {as_group}"
        )
    if re.search(r"\d,\d{1,2}\D*$|\d\.\d{3},\d", bare) and column.decimal != ",":
        return 'if the comma is the decimal sign here, declare decimal = ","'
    if re.fullmatch(r"\D*(\d+\.\d{1,2}|0\d*\.\d{3})\D*", bare) and column.decimal == ",":
        return "the decimal sign is declared to be a comma"
    if re.search(r"\d,\d{3}", bare) and "," not in column.group:
        return 'if commas part thousands here, declare group = ","'
    if re.search(r"\d \d{3}", bare) and " " not in column.group:
        return 'if blanks part thousands here, declare group = " "'
    if re.search(r"\d['’]\d{3}", bare) and "'" not in column.group:
        return 'if apostrophes part thousands here, declare group = "\'"'
    for repair, pattern in (
        ("parentheses", r"^\(.*\)$"),
        ("trailing_minus", r"[-−]$"),
        ("unicode_minus", "−"),
    ):
        if re.search(pattern, bare) and re.search(r"\d", bare) and repair not in column.normalise:
            return f'if this is a number below 0, declare normalise = ["{repair}"]'
    word = re.search(r"^[^\d(+−-]+|[^\d)]+$", bare)
    if column.type == "decimal" and word and re.search(r"\d", bare):
        sign = word.group().strip()
        if sign and sign not in currency_signs() and not set(sign) <= set(".,'%-−"):
            return f"{sign!r} is no sign or code of a currency that is known"
    if bare.endswith("%") and column.type != "percent":
        return 'if this is a share in percent, declare type = "percent"'
    return ""


def _exact(text: pl.Expr, column: Column) -> pl.Expr:
    """Decimals that lose nothing: more digits than money has behind the point give null."""
    if column.target == "rate":
        plain = pl.when(~text.str.contains(r"[eE]|\.\d{10}\d*[1-9]")).then(text)
        return plain.cast(RATE, strict=False)
    exact = pl.when(~text.str.contains(INEXACT)).then(text)
    number = exact.cast(pl.Decimal(PRECISION, SCALE), strict=False)
    return (number.cast(SHARE) / 100).cast(SHARE) if column.type == "percent" else number


def _taken_apart(odd: pl.Series, column: Column) -> pl.DataFrame:
    """Sign, currency and digits of texts; ``number`` is null where it is not well-formed."""
    decimal = re.escape(column.decimal or ".")
    frame = odd.alias("text").to_frame().lazy()
    text = pl.col("text").str.replace_all(r"[\p{Z}\t]+", " ").str.strip_chars(" ")
    frame = frame.select(text.str.extract_groups(_pattern()).alias("parts")).unnest("parts")
    frame = frame.with_columns(pl.all().replace("", None))
    body = pl.col("body")
    plain = body.str.contains(rf"^(\d+({decimal}\d+)?|{decimal}\d+)$")
    grouped, digits = pl.lit(False), body
    for group in (GROUPS[sign] for sign in column.group):
        # no group begins with a nought: 0.123 is a decimal of the other sign
        form = rf"^[1-9]\d{{0,2}}({group}\d{{2,3}})*{group}\d{{3}}({decimal}\d+)?$"
        grouped |= body.str.contains(form)
        digits = digits.str.replace_all(group, "")
    digits = digits.str.replace(column.decimal or ".", ".", literal=True)
    minus = [pl.col(name).is_in(["-", "−"]).fill_null(False) for name in ("s1", "s2", "s3")]
    in_parentheses = pl.col("open").is_not_null() & pl.col("close").is_not_null()
    marks = pl.sum_horizontal(*(m.cast(pl.UInt8) for m in minus), in_parentheses.cast(pl.UInt8))
    has_unicode = pl.any_horizontal(
        pl.col(name).eq("−").fill_null(False) for name in ("s1", "s2", "s3")
    )
    beside = ("outside", "before", "after", "behind")  # a currency stands in one of these places
    stated = pl.coalesce(*beside)
    currencies = pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.UInt8) for name in beside)
    allowed = (
        (plain | grouped)
        & (pl.col("open").is_null() == pl.col("close").is_null())
        & (marks <= 1)
        & (currencies <= 1)
    )
    if "parentheses" not in column.normalise:
        allowed &= ~in_parentheses
    if "trailing_minus" not in column.normalise:
        allowed &= pl.col("s3").is_null()
    if "unicode_minus" not in column.normalise:
        allowed &= ~has_unicode
    if column.type != "percent":
        allowed &= pl.col("percent").is_null()
    if column.type != "decimal":
        allowed &= stated.is_null()
    else:
        allowed &= stated.is_null() | stated.is_in(list(currency_signs()))
    sign = pl.when(marks > 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return frame.select(
        body,
        stated.alias("stated"),
        pl.when(allowed).then(sign + digits).alias("number"),
        (grouped & ~plain).fill_null(False).alias("grouped"),
        in_parentheses.alias("parentheses"),
        minus[2].alias("trailing_minus"),
        has_unicode.alias("unicode_minus"),
    ).collect()


@lru_cache(maxsize=1)
def _pattern() -> str:
    signs = sorted(currency_signs(), key=len, reverse=True)
    currency = "|".join(re.escape(sign) for sign in signs)
    return (
        rf"^(?<outside>{currency})? ?(?<open>\()? ?(?<s1>[+−-])? ?"
        rf"(?<before>{currency})? ?(?<s2>[+−-])? ?"
        r"(?<body>[.,]?\d(?:[\d.,'’ ]*\d)?) ?(?<percent>%)? ?"
        rf"(?<after>{currency})? ?(?<s3>[−-])? ?(?<close>\))? ?(?<behind>{currency})?$"
    )
