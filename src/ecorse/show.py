"""How foreign text and small results are shown to a person.

What belongs here: making text that others wrote harmless to look at, errors that nobody foresaw,
and HTML of small results for a notebook. What does not: frames, which pandas shows, and pages
(``ecorse.reports``).
"""

from __future__ import annotations

import traceback
import unicodedata
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

CONTROLS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# control, format (zero width, right to left, byte order mark), surrogate, private use, separators
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
BLANKS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing
_SAID_AT_MOST = 300
_OWN_CODE = str(Path(__file__).resolve().parent)
RAW_BYTES = range(0xDC80, 0xDD00)  # how Python holds bytes of a file name that are no UTF-8


def escaped(text: object, keep: str = "") -> str:
    """Foreign text with everything spelled out that a terminal obeys or that nobody sees.

    Control characters, right-to-left and zero-width marks, separators of lines, private characters
    and bytes that are no UTF-8 become ``\\n``, ``\\x1b``, ``\\u202e``; all else stays.

    Parameters
    ----------
    keep
        Characters that stay, such as the line ends between our own sentences.
    """
    text = str(text)
    if text.isprintable() and BLANKS.isdisjoint(text):
        return text
    return "".join(c if c in keep or not _is_hidden(c) else _spelled(c) for c in text)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in HIDDEN or character in BLANKS


def _spelled(character: str) -> str:
    code = ord(character)
    if code in RAW_BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return CONTROLS.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escaped_json(document: str) -> str:
    """A JSON document whose texts say the same, with JSON's own escapes for what is hidden."""
    if document.isprintable() and BLANKS.isdisjoint(document):
        return document
    return "".join(c if c == "\n" or not _is_hidden(c) else _in_json(c) for c in document)


def _in_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def said(error: Exception) -> str:
    """The kind of an error, what it says, and the line of ours or of a plug-in that met it."""
    said = escaped(error)[:_SAID_AT_MOST]
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename.startswith(_OWN_CODE) or "/include/" in f.filename]
    at = next(iter(reversed(own or frames)), None)
    where = f" ({Path(at.filename).name}, line {at.lineno})" if at else ""
    return f"{type(error).__name__}{f': {said}' if said else ''}{where}"


def html_table(values: Mapping[str, Any]) -> str:
    """Names and values as an HTML table, one row each."""
    rows = "".join(
        f"<tr><th>{escape(escaped(name))}</th><td>{escape(escaped(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"
