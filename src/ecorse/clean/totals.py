"""Rows of sums that nothing declares: refused, for a table has no such rows.

What belongs here: recognising them by their first value. What does not: leaving them out, which a
mapping declares (``stop_at``, ``skip_matching``).
"""

from __future__ import annotations

import re
from functools import reduce
from operator import or_

import polars as pl

from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column, Header

WORDS = (
    r"\W*(grand |sub|zwischen|gesamt)?-?"
    r"(totals?|total général|totale[ns]?|summen?|gesamt|insgesamt|totaal|somme|soma|suma)"
)
BEGINS = re.compile(rf"{WORDS}\b", re.IGNORECASE)
ALONE = rf"(?i)^{WORDS}\W*$"
SENTENCE = (
    "the row looks like sums and is mostly empty; if it is none of the rows, declare it in "
    "skip_matching or stop_at"
)


def rows_of_sums(raw: pl.DataFrame, header: Header) -> list[pl.DataFrame]:
    """Reasons of rows whose first value is a word for sums and that are mostly empty.

    Parameters
    ----------
    raw
        A block's rows as text, as the file has them.
    """
    width = len(header.names)
    texts = raw.columns[:width]
    if width < 3:
        return []
    # a row that is mostly empty is empty in one of any half of the columns: of the fullest half
    fullest = sorted(texts, key=lambda name: raw[name].null_count())[: (width + 1) // 2]
    if not raw[fullest[-1]].null_count():
        return []
    maybe = reduce(or_, (raw[name].is_null() for name in fullest)).arg_true()
    empty = raw[maybe].select((pl.sum_horizontal(pl.col(texts).is_null()) * 2 > width).alias("is"))
    thin = maybe.filter(empty["is"])
    if not len(thin):
        return []
    first = raw[thin].select(pl.coalesce(texts).alias("first"))["first"]
    is_sum = first.str.contains(ALONE).fill_null(False)
    if not is_sum.any():
        return []
    told = pl.Series("first", [None], pl.String).new_from_index(0, raw.height)
    told = told.scatter(thin, first)
    failed = pl.Series("failed", [False]).new_from_index(0, raw.height).scatter(thin, is_sum)
    return reasons_of(failed, told, Column("first value", None), "row_of_sums", SENTENCE)
