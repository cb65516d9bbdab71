"""What a single value looks like, before anything is declared: number, date, address, text.

What belongs here: the look of one text. What does not: what a column is (``sniff``) and reading it
(``values``, ``numbers``, ``times``), which only goes by what is declared.
"""

from __future__ import annotations

import re

LOOKS = (
    ("empty", re.compile(r"\s*")),
    ("date", re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T]\d{1,2}:\d{2}.*)?")),
    ("time", re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")),
    ("number", re.compile(r"[(+−-]?\s?\D{0,4}?\s?[+−-]?\d[\d.,'’ \xa0]*\s?(%|\D{0,4}?)\)?-?")),
    ("url", re.compile(r"https?://\S+|www\.\S+")),
    ("email", re.compile(r"[^\s@,;]+@[^\s@,;]+\.\w+")),
    ("code", re.compile(r"[A-Za-z]{0,6}[-_#/]?\d[\w/-]*")),
    ("truth", re.compile(r"true|false|yes|no", re.IGNORECASE)),
)  # fmt: skip
TYPED = frozenset(("date", "time", "number", "url", "email", "truth"))


def look_of(text: str) -> str:
    """What a value looks like: one of the names in ``LOOKS``, or ``text``."""
    return next((name for name, pattern in LOOKS if pattern.fullmatch(text)), "text")


def plausible(text: str) -> float:
    """How well a value stands between its borders: 0 to 1.

    A quote at its ends is the trace of a mistaken border, a blank may be one.
    """
    if text.startswith(('"', "'")) or text.endswith('"'):
        return 0.0
    return (1.0 if look_of(text.strip()) in TYPED else 0.8) - (0.4 if text != text.strip() else 0.0)
