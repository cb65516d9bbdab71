"""Numbers in sampled values: how they are written, and which signs are proven.

What belongs here: numbers. What does not: times (``draft_times``). Every reading is tried with the
functions that a load reads by.
"""

from __future__ import annotations

import re

import polars as pl

from ecorse.schema.contract import Column, ColumnType, DecimalSign, Repair
from ecorse.sources.mappings.draft_look import NEARLY_ALL, Look, read_as

WAYS: tuple[tuple[DecimalSign, str], ...] = (
    (".", ""), (".", ","), (",", "."), (",", " "), (".", " "), (".", "'"), (",", "'"),
)  # fmt: skip
REPAIRS: tuple[Repair, ...] = ("parentheses", "trailing_minus", "unicode_minus")


def find_numbers(found: Look, kept: pl.Series) -> bool:
    """Whether the values are numbers; ``found`` has how they are written, or a question, then."""
    if kept.str.contains(r"^[+-]?(0|[1-9]\d{0,17})$").all():
        found.kind = "integer"
        return True
    if (
        kept.str.contains(r"\d").sum() < NEARLY_ALL * len(kept)
        or kept.str.contains(r"[A-Za-z]{4}").any()
    ):
        return False
    repairs = tuple(r for r in REPAIRS if _needs(kept, r))
    kind: ColumnType = "percent" if kept.str.contains("%").any() else "decimal"
    ways = {
        (decimal, group): _unread(kept, Column("n", None, kind, decimal=decimal, group=group,
                                               normalise=repairs))
        for decimal, group in WAYS
    }  # fmt: skip
    if min(ways.values()) > (1 - NEARLY_ALL) * len(kept) and not _is_mixed(kept):
        return False
    found.kind, found.normalise = kind, repairs
    _signs(found, kept)
    whole = kept.str.contains(r"^[+-]?\d+([.,]0+)?$").all()
    if whole and kind == "decimal" and not found.questions:
        found.kind, found.normalise = "integer", (*repairs, "integral_decimal")
    found.unread = _unread(kept, found.column())
    return True


def _is_mixed(kept: pl.Series) -> bool:
    """Whether every text is a number in some way of writing, a currency beside it or not."""
    beside = r"([^\w.,]|[A-Z]{2,3}|R\$|kr|zł)?"
    return bool(kept.str.contains(rf"^\(?[-+−]?{beside} ?\d[\d.,'’\s]* ?{beside}[-−]?\)?$").all())


def _unread(texts: pl.Series, column: Column) -> int:
    return read_as(texts, column).null_count()


def _needs(kept: pl.Series, repair: str) -> bool:
    patterns = {"parentheses": r"^\(.*\)$", "trailing_minus": r"\d\s?[-−]$", "unicode_minus": "−"}
    return bool(kept.str.contains(patterns[repair]).any())


def _signs(found: Look, kept: pl.Series) -> None:
    """Which signs are proven by values that can be read in one way only.

    A comma is the decimal sign where ``12,50`` or ``1.234,56`` stands; then ``1.250`` is 1250 if
    points are seen to part thousands. Where values of both kinds stand, or some have two readings
    that nothing settles, nothing is declared and a person is asked.
    """
    bare = kept.str.replace_all(r"[^\d.,]", "").str.strip_chars(".,")

    def has(pattern: str) -> bool:
        return bool(bare.str.contains(pattern).any())

    point_groups = has(r"^\d{1,3}(\.\d{3})+,\d") or has(r"^\d{1,3}(\.\d{3}){2,}$")
    comma_groups = has(r"^\d{1,3}(,\d{3})+\.\d") or has(r"^\d{1,3}(,\d{3}){2,}$")
    comma = point_groups or has(r"^\d+,(\d{1,2}|\d{4,})$") or has(r"^(0|\d{4,}),\d+$")
    point = comma_groups or has(r"^\d+\.(\d{1,2}|\d{4,})$") or has(r"^(0|\d{4,})\.\d+$")
    two = bare.filter(bare.str.contains(r"^[1-9]\d{0,2}[.,]\d{3}$"))
    with_point, with_comma = (bool(two.str.contains(s, literal=True).any()) for s in ".,")
    if comma and point:
        _ask_signs(found, bare, "values prove both")
    elif comma and (point_groups or not with_point):
        found.decimal = ","
    elif point and (comma_groups or not with_comma):
        found.group = "," if comma_groups else ""
        found.decimal = "." if comma_groups or with_point else ""
    elif comma or point or len(two):
        _ask_signs(found, bare, "nothing settles it")
    if kept.str.contains(r"\d[\s\u00a0\u202f]\d{3}").any():
        found.group, found.decimal = " ", found.decimal or "."
    if kept.str.contains(r"\d['’]\d{3}").any():
        found.group, found.decimal = "'", found.decimal or "."


def _ask_signs(found: Look, bare: pl.Series, why: str) -> None:
    two = bare.filter(bare.str.contains(r"^[1-9]\d{0,2}[.,]\d{3}$"))
    example = two[0] if len(two) else bare[0]
    digits = re.sub("[.,]", "", example)
    found.questions.append(
        f"which sign stands before decimals? {example!r} can be {example.replace(',', '.')} or "
        f'{digits}, and {why}: say decimal = "," or decimal = "." (and group)'
    )
