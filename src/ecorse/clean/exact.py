"""Reads one doubtful record field by field, by the letter of RFC 4180.

What belongs here: the slow, exact reading of a single record. What does not: finding the doubtful
ones (``framing``). Source of the grammar: https://www.rfc-editor.org/rfc/rfc4180
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Found(NamedTuple):
    """What a doubtful record is: sound (``rule`` is None, over ``lines`` lines), or why not."""

    rule: str | None = None
    lines: int = 1
    needs_more: bool = False
    found: int = 0
    expected: int = 0


def read_record(
    data: bytes,
    ends: Sequence[int],
    start: int,
    *,
    delimiter: int,
    quote: int,
    expected: int,
    max_bytes: int,
) -> Found:
    """Read the record that starts at ``start``; ``ends`` are the ends of the lines it may span.

    A record over several lines is sound only if its quotes close at a field border and it has
    the expected number of fields; otherwise its first line alone is refused.
    """
    limit = min(ends[-1], start + max_bytes)
    position, line, fields = start, 0, 1
    while True:
        if data[position : position + 1] == bytes((quote,)):
            border = _closing_quote(data, position + 1, limit, quote) + 1
            if border == 0:
                return Found("quote_not_closed", needs_more=ends[-1] <= start + max_bytes)
            while ends[line] < border:
                line += 1
            if border < ends[line] and data[border] != delimiter:
                return Found("quote_not_closed" if line else "quote_misplaced")
        else:
            border = data.find(delimiter, position, ends[line])
            border = ends[line] if border < 0 else border
            if data.find(quote, position, border) >= 0:
                return Found("quote_not_closed" if line else "quote_misplaced")
        if border == ends[line]:
            break
        position, fields = border + 1, fields + 1
    if fields == expected:
        return Found(lines=line + 1)
    if line:
        return Found("quote_not_closed")
    return Found("field_count", found=fields, expected=expected)


def _closing_quote(data: bytes, position: int, limit: int, quote: int) -> int:
    """Where a quoted field closes; -1 if it does not before ``limit``. A doubled quote is text."""
    while True:
        at = data.find(quote, position, limit)
        if at < 0:
            return -1
        if data[at + 1 : at + 2] != bytes((quote,)):
            return at
        position = at + 2
