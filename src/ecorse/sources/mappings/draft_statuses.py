"""The file's words for ours: statuses, kinds of events, guests, in seven languages.

What belongs here: proposing ``[values]``; a word that is not known is asked about. What does not:
the words, which are data (``draft_statuses.toml``).
"""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from pathlib import Path

import polars as pl

from ecorse.schema.table import StagingTable

MOST_WORDS = 40


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, str]]:
    """Our word by theirs, by target."""
    text = Path(__file__).with_name("draft_statuses.toml").read_text(encoding="utf-8")
    return {
        target: {word: ours for ours, known in meanings.items() for word in known}
        for target, meanings in tomllib.loads(text).items()
    }


def known_share(texts: pl.Series, target: str) -> float:
    """The share of a column's values that are words of a target."""
    some = _folded(texts.drop_nulls())
    return float(some.is_in(list(_words()[target])).sum()) / max(len(some), 1)


def guests_in(texts: pl.Series) -> tuple[str, ...]:
    """The words of a column of customers that stand for guests, as they are written."""
    some = texts.drop_nulls().unique().sort()
    is_guest = some.str.to_lowercase().is_in(list(_words()["customer_id"]))
    return tuple(some.filter(is_guest).to_list())


def back_words(texts: pl.Series) -> tuple[str, ...]:
    """The words of a column of statuses that say cancelled or returned, as they are written."""
    known = _words()["status"]
    back = [w for w, ours in known.items() if ours in ("cancelled", "returned")]
    some = texts.drop_nulls().unique().sort()
    return tuple(some.filter(_folded(some).is_in(back)).to_list())


def _folded(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.strip_chars(" .!")


def status_lines(texts: pl.Series, target: str, staging: StagingTable) -> list[str]:
    """The lines of ``[values.<target>]`` for the words of a column."""
    column = staging.column(target)
    ours = column.allowed if column is not None else ()
    found = texts.drop_nulls().unique().sort().to_list()
    known, unknown = [], []
    for word in found[:MOST_WORDS]:
        meant = _words()[target].get(word.casefold().strip(" .!"))
        if word in ours:
            continue
        if meant is None:
            unknown.append(word)
        else:
            known.append(f"{json.dumps(word, ensure_ascii=False)} = {json.dumps(meant)}")
    if not known and not unknown:
        return []
    lines = ["", f"[values.{target}]", *known]
    if any(line.endswith(('"returned"', '"cancelled"')) for line in known):
        lines.append(
            "# QUESTION: is a row of these with pieces above 0 the sale itself, or does it take "
            'back the sale of another row? Say taken_back_rows = "sales" or "returns" above.'
        )
    if unknown:
        lines.append(f"# QUESTION: which of {', '.join(ours)} are these words?")
        lines += [f'# {json.dumps(word, ensure_ascii=False)} = "..."' for word in unknown]
    return lines
