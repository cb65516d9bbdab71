"""Rejected rows as ``ops.reject`` keeps them, and the flags of kept ones.

What belongs here: from reasons by row to one record with every reason. What does not: finding
reasons (``cast``, ``rules``, ``holds``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from ecorse.clean.account import KEY_TWICE, key_sentence
from ecorse.clean.blocks import FramedBlock

REJECT_SCHEMA = {
    "source_line": pl.Int64,
    "raw": pl.String,
    "is_base64": pl.Boolean,
    "rule": pl.String,
    "column_name": pl.String,
    "sentence": pl.String,
    "reasons": pl.String,
}


def key_reasons(lines: pl.DataFrame, contradicts: pl.Series, rows: pl.Series) -> pl.DataFrame:
    """Why lines are refused whose key came before with other content (``_row, rule, ...``)."""
    told = pl.format(key_sentence("{}", "{}"), pl.col("line_id"), pl.col("_first"))
    return (
        lines.select("line_id", contradicts.alias("_first"), rows.alias("_row"))
        .filter(pl.col("_first").is_not_null())
        .select(
            "_row",
            rule=pl.lit(KEY_TWICE),
            column=pl.lit(None, pl.String),
            sentence=told,
        )
    )


def missing_column(block: FramedBlock, missing: Sequence[str]) -> pl.DataFrame:
    """Why every row of a file is refused that lacks a required column."""
    names = ", ".join(map(repr, missing))
    rows = pl.int_range(len(block.lines), dtype=pl.UInt32, eager=True).alias("_row")
    return rows.to_frame().with_columns(
        rule=pl.lit("missing_column"),
        column=pl.lit(missing[0]),
        sentence=pl.lit(f"column {names} is missing from the header, so the row cannot be read."),
    )


def flags_of(flags: pl.DataFrame, rows: pl.Series) -> pl.Series:
    """Column ``flags`` for the given rows: a JSON list of rule ids; null where there is none."""
    if flags.is_empty():
        return pl.Series("flags", [None], dtype=pl.String).new_from_index(0, len(rows))
    rules = pl.lit('["') + pl.col("rule").str.join('", "') + pl.lit('"]')
    by_row = flags.group_by("_row").agg(rules.alias("flags"))
    return rows.to_frame().join(by_row, on="_row", how="left", maintain_order="left")["flags"]


def rejects_of(block: FramedBlock, reasons: pl.DataFrame) -> pl.DataFrame:
    """One row per rejected record of a block: those framing refused and those the cast refused."""
    rows: list[tuple[int, str, bool, str, str | None, str, str]] = [
        (b.line, b.raw, b.is_base64, b.rule, None, b.sentence,
         json.dumps([{"rule": b.rule, "sentence": b.sentence}], ensure_ascii=False))
        for b in block.broken
    ]  # fmt: skip
    by_row: dict[int, list[tuple[str, str, str]]] = {}
    for row, *reason in reasons.iter_rows():
        by_row.setdefault(row, []).append((reason[0], reason[1], reason[2]))
    for row, why in sorted(by_row.items()):
        line = int(block.lines[row])
        all_reasons = [
            {"rule": rule, "column": column, "sentence": sentence} for rule, column, sentence in why
        ]
        rule, column, sentence = why[0]
        rows.append(
            (line, block.raw(row), False, rule, column, f"Line {line}: {sentence}",
             json.dumps(all_reasons, ensure_ascii=False))
        )  # fmt: skip
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")
