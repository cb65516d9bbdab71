"""Turns framed text columns into typed canonical ones by the contract, or says why not.

What belongs here: the order of the steps for a block's columns. What does not: reading one column
(``values``), rules (``rules``), what one source alone knows (``ecorse.sources``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean import values
from ecorse.clean.column_rules import FLAG_SCHEMA, WARNED_SCHEMA, Found, judge_column
from ecorse.clean.rules import LEFT_SCHEMA, RowRules
from ecorse.clean.values import name_of, reasons_of
from ecorse.clean.whitelist import sum_column
from ecorse.schema.contract import Column, Contract, Header, own_name

STATED = "_stated"  # the sign or code of a currency that stood beside a row's numbers
DATE_ONLY = "is_date_only"
TIMES = ("ordered_local", "ordered_at", "event_at")  # the columns that is_date_only speaks of
IDS = ("order_id", "product_id", "customer_id", "session_id", "line_id")

# characters without width or ink, as their bytes begin: \u200b, \u2060, BOM, soft hyphen and others
INVISIBLE = (
    b"\xe2\x80", b"\xe2\x81", b"\xe2\xa0\x80", b"\xe1\xa0\x8e", b"\xe3\x85\xa4", b"\xef\xbb\xbf",
    b"\xc2\xad", b"\xd8\x9c",
)  # fmt: skip
EMPTY_TO_THE_EYE = r"^[\s\p{Cf}\x{2800}\x{3164}]*$"


@dataclass
class Cast:
    """Typed rows, and the reasons of those that were refused.

    ``frame`` has the canonical columns (and known columns without a target, under their names),
    ``extra`` columns under their own names, and ``_row``, the row's index in the block; ``_stated``
    where a currency stands beside a number, ``is_date_only`` where dates have no time. ``reasons``
    has ``_row, rule, column, sentence``, one row per reason, in the contract's order. ``flags``
    has ``_row, rule`` for every rule of level ``flag`` that a kept row breaks; ``warned`` those of
    level ``warn``, the first of a block with a sentence. ``left_out`` has the rows that are none
    (``_row, id``), ``left_rows`` these rows themselves, ``refused_rows`` those of ``reasons``, null
    where a value cannot be read; ``of_orders`` what is added up over the order of each of the
    block's rows.
    """

    frame: pl.DataFrame
    reasons: pl.DataFrame
    repaired: Counter[str] = field(default_factory=Counter)
    flags: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FLAG_SCHEMA))
    warned: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WARNED_SCHEMA))
    left_out: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LEFT_SCHEMA))
    left_rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    refused_rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    of_orders: pl.DataFrame = field(default_factory=pl.DataFrame)


def text_column(position: int) -> str:
    """Name of the file's column ``position`` in a parsed block."""
    return f"_text_{position}"


def parse(data: bytes, header: Header, delimiter: str, quote: str) -> pl.DataFrame:
    """Parse well-formed records into text columns; nothing is inferred, ``NA`` stays ``NA``.

    An empty value is null, and so is a text of which nothing can be seen. Text is trimmed; numbers
    and times, which hardly ever need it, are trimmed when they cannot be read as they are. One row
    per record, columns ``_text_0 …``.
    """
    names = [text_column(i) for i in range(len(header.names))]
    if not data:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    frame = pl.read_csv(
        data,
        has_header=False,
        separator=delimiter,
        quote_char=quote or None,
        schema=dict.fromkeys(names, pl.String),
        infer_schema=False,
        low_memory=True,
    )
    texts = [
        pl.col(name).str.strip_chars().replace("", None)
        for name, column in zip(names, header.columns, strict=True)
        if column is None or column.type == "text"
    ]
    frame = frame.with_columns(texts)
    if not data.isascii() and any(sign in data for sign in INVISIBLE):
        frame = frame.with_columns(
            pl.when(~pl.col(name).str.contains(EMPTY_TO_THE_EYE)).then(pl.col(name)).alias(name)
            for name, column in zip(names, header.columns, strict=True)
            if column is None or column.type == "text"
        )
    return frame


def cast(
    raw: pl.DataFrame,
    header: Header,
    contract: Contract,
    refused: Sequence[pl.DataFrame] = (),
    row_rules: RowRules | None = None,
    lines: NDArray[np.int64] | None = None,
    unfilled: Sequence[pl.DataFrame] = (),
) -> Cast:
    """Cast a block's text columns by the contract and apply its rules.

    Parameters
    ----------
    raw
        Text columns as ``parse`` gives them, one row per record.
    refused
        Reasons of rows that are refused already.
    row_rules
        The rules on whole rows, which know the blocks before; left out, there are none before.
    lines
        The lines that the rows stood on.
    unfilled
        Reasons of rows whose order-level values are not known: whether such a row is none is not
        known either, so it is refused and never left out.

    Returns
    -------
    Cast
        The rows that meet every rule, and every reason of the others.
    """
    declared = [(i, c) for i, c in enumerate(header.columns) if c is not None]
    typed = raw.lazy().select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("_row"),
        *(values.convert(pl.col(text_column(i)), c).alias(name_of(c)) for i, c in declared),
        *(
            pl.col(text_column(header.names.index(name))).alias(own_name(name))
            for name in header.extra
        ),
    )
    frame = typed.collect()
    repaired: Counter[str] = Counter()
    found = Found([*unfilled, *refused])
    stated: list[pl.Series] = []
    for i, column in declared:
        text = raw[text_column(i)]
        if column.type != "text":
            read = values.read(frame[name_of(column)], text, column)
            text = read.text
            frame = frame.with_columns(read.values.alias(name_of(column)))
            repaired.update({f"{name_of(column)}_{r}": n for r, n in read.repaired.items() if n})
            found.reasons += read.reasons
            if read.stated is not None:
                stated.append(read.stated)
            if read.date_only is not None and column.target in TIMES:
                frame = frame.with_columns(read.date_only.alias(DATE_ONLY))
        elif column.target in IDS and text.str.contains("E+", literal=True).any():
            found.reasons += values.shortened(text, column)
        judge_column(found, frame, text, column, contract.rules)
    if stated:
        frame, conflicts = stated_once(frame, stated)
        found.reasons += conflicts
    if contract.drift == "quarantine":
        found.reasons += _undeclared(raw, header, contract)
    if row_rules is None:
        row_rules = RowRules(contract, header)
    frame = row_rules.of_orders(frame)
    of_orders = frame.select(n for n in map(sum_column, contract.sums) if n in frame.columns)
    row_rules.judge(found, frame, np.arange(frame.height) if lines is None else lines)
    why, flags, warned = found.frames()
    left = row_rules.left_out(frame)
    for reasons in unfilled:
        left = left.join(reasons, on="_row", how="anti", maintain_order="left")
    left_rows = frame.clear()
    if left.height:  # nothing is wrong with a row that is none
        left_rows = frame.join(left, on="_row", how="semi", maintain_order="left")
        why = why.join(left, on="_row", how="anti", maintain_order="left")
        frame, flags, warned = (
            kept.join(left, on="_row", how="anti", maintain_order="left")
            for kept in (frame, flags, warned)
        )
    refused_rows = frame.clear()
    if found.reasons:
        refused_rows = frame.join(why, on="_row", how="semi", maintain_order="left")
        frame, flags, warned = (
            kept.join(why, on="_row", how="anti", maintain_order="left")
            for kept in (frame, flags, warned)
        )
    return Cast(frame, why, repaired, flags, warned, left, left_rows, refused_rows, of_orders)


def _undeclared(raw: pl.DataFrame, header: Header, contract: Contract) -> list[pl.DataFrame]:
    """Reasons of rows that have a value in a column that the contract does not know."""
    reasons: list[pl.DataFrame] = []
    for i, name in enumerate(header.names):
        if header.columns[i] is None:
            text = raw[text_column(i)]
            sentence = f"the contract of {contract.name} knows no such column, so expected nothing"
            reasons += reasons_of(
                text.is_not_null(), text, Column(name, None), "undeclared_column", sentence
            )
    return reasons


def stated_once(
    frame: pl.DataFrame, stated: list[pl.Series]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Column ``_stated`` of all number columns together; two currencies in a row refuse it."""
    once = stated[0]
    differs = pl.Series([False]).new_from_index(0, len(once))
    for further in stated[1:]:
        differs |= (once != further).fill_null(False)
        once = pl.select(pl.coalesce(pl.lit(once), pl.lit(further))).to_series()
    reasons = reasons_of(
        differs, once, Column("currency", None), "two_currencies",
        "another number of the row states another currency",
    )  # fmt: skip
    return frame.with_columns(once.alias(STATED)), reasons
