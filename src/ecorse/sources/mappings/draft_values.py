"""Looking at one column's sampled values: type, how they are written, what they leave open.

What belongs here: one column's values. What does not: its name (``draft_words``), other columns
(``draft_roles``, ``draft_rules``).
"""

from __future__ import annotations

import polars as pl

from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_numbers import find_numbers
from ecorse.sources.mappings.draft_times import find_times

NOTHING = ("null", "n/a", "na", "#n/a", "nan", "none", "nil", "-", "--", "—", "\\n", "?", "n.a.",
           "k.a.", "keine", "inconnu", "desconocido", "sconosciuto", "onbekend")  # fmt: skip
SURE_NOTHING = ("null", "n/a", "#n/a", "nan", "\\n", "n.a.")  # words that a text may not be


def look(name: str, texts: pl.Series) -> Look:
    """Look at a column: the narrowest type that nearly every sampled value has.

    Parameters
    ----------
    texts
        Trimmed, null where there is none.
    """
    found = Look(name, texts)
    some = texts.drop_nulls()
    if not len(some):
        return found
    folded = some.str.to_lowercase()
    spare = tuple(some.filter(folded.is_in(list(NOTHING))).unique().sort().to_list())
    kept = some.filter(~folded.is_in(list(NOTHING)))
    if len(kept):
        for find in (find_times, find_numbers):
            if find(found, kept):
                found.nulls = spare
                return found
    _words(found, some)
    return found


def _words(found: Look, some: pl.Series) -> None:
    """Words for nothing, and yes and no."""
    folded = some.str.to_lowercase()
    words = set(folded.unique().to_list())
    if len(words) == 2 and words <= {"true", "false", "yes", "no"}:
        found.kind = "boolean"
    sure = some.filter(folded.is_in(list(SURE_NOTHING))).unique().sort().to_list()
    found.nulls = tuple(sure)
