"""Reads one record field by field: the slow, exact reading, by the letter of RFC 4180 or a shape.

What belongs here: the grammar of a single record. What does not: finding the records (``framing``)
and the quick look at whole blocks (``classify``).
Source of the grammar: https://www.rfc-editor.org/rfc/rfc4180
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ecorse.schema.shape import Shape

TWO_BLANKS = "  "
ENDS = (b"\n", b"\r", b"")


class Found(NamedTuple):
    """What a doubtful record is: sound (``rule`` is None, over ``lines`` lines), or why not.

    ``fields`` are its values as far as it could be read.
    """

    rule: str | None = None
    lines: int = 1
    needs_more: bool = False
    found: int = 0
    expected: int = 0
    fields: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Grammar:
    """A shape's characters as bytes; ``loose``: a quote inside an unquoted field is text."""

    delimiter: bytes
    quote: bytes
    escape: bytes
    bare: bool
    white_space: bool
    loose: bool
    stops: re.Pattern[bytes] = field(compare=False)
    """Where an unquoted field may end: a delimiter or an escape."""

    @classmethod
    def of(cls, shape: Shape, *, loose: bool = False) -> Grammar:
        """The grammar of a shape."""
        delimiter, escape = shape.delimiter.encode(), shape.escape.encode()
        stop = re.escape(delimiter)
        if shape.white_space:
            stop = rb"[ \t]{2,}|\t" if shape.delimiter == TWO_BLANKS else rb"[ \t]+"
        if escape:
            stop = re.escape(escape) + b"|" + stop
        return cls(
            delimiter,
            shape.quote.encode(),
            escape,
            shape.bare_quotes,
            shape.white_space,
            loose or shape.bare_quotes,
            re.compile(stop),
        )

    def parts(self, data: bytes, at: int, end: int) -> int:
        """Length of the delimiter that stands at a place; 0 where there is none."""
        if not self.white_space:
            return len(self.delimiter) if data.startswith(self.delimiter, at, end) else 0
        found = self.stops.match(data, at, end)
        return len(found.group()) if found and found.group()[:1] in (b" ", b"\t") else 0

    def means(self, data: bytes, at: int, end: int) -> int:
        """Length of what stands at a place and has a meaning that an escape takes away; or 0."""
        for mark in (self.escape, self.quote):
            if mark and data.startswith(mark, at, end):
                return len(mark)
        return self.parts(data, at, end)


def read_record(
    data: bytes,
    ends: Sequence[int],
    start: int,
    *,
    grammar: Grammar,
    expected: int,
    max_bytes: int,
) -> Found:
    """Read the record that starts at ``start``; ``ends`` are the ends of the lines it may span.

    A record over several lines is sound only if its quotes close at a field border and it has
    the expected number of fields (0: any number); otherwise its first line alone is refused.
    """
    limit = min(ends[-1], start + max_bytes)
    position, line, fields = start, 0, []
    if grammar.white_space:
        position = start + len(data[start : ends[0]]) - len(data[start : ends[0]].lstrip(b" \t"))
    while True:
        if grammar.quote and data.startswith(grammar.quote, position, limit):
            value, border = _quoted(data, position + len(grammar.quote), limit, grammar)
            if border < 0:
                return Found("quote_not_closed", needs_more=ends[-1] <= start + max_bytes)
            while ends[line] < border:
                line += 1
            if border < ends[line] and not grammar.parts(data, border, ends[line]):
                return Found("quote_not_closed" if line else "quote_misplaced")
        else:
            value, border, is_stray = _unquoted(data, position, ends[line], grammar)
            if border < 0:
                return Found("escape_at_end")
            if is_stray:
                return Found("quote_not_closed" if line else "quote_misplaced")
        fields.append(value)
        if border >= ends[line]:
            break
        position = border + grammar.parts(data, border, ends[line])
        if grammar.white_space and position >= ends[line]:
            break
    if not expected or len(fields) == expected:
        return Found(lines=line + 1, fields=tuple(fields))
    if line:
        return Found("quote_not_closed")
    return Found("field_count", found=len(fields), expected=expected, fields=tuple(fields))


def _quoted(data: bytes, position: int, limit: int, grammar: Grammar) -> tuple[bytes, int]:
    """Value of a quoted field from behind its quote, and the place behind its closing quote.

    The place is -1 if it does not close before ``limit``.
    """
    quote, escape = grammar.quote, grammar.escape
    parts: list[bytes] = []
    begin = position
    while True:
        at = data.find(quote, position, limit)
        if at < 0:
            return b"", -1
        escaped = data.find(escape, position, at) if escape else -1
        if escaped >= 0:
            position = escaped + len(escape)
            if length := grammar.means(data, position, limit):
                parts.append(data[begin:escaped])
                begin, position = position, position + length
            continue
        behind = at + len(quote)
        if grammar.bare:
            if data[behind : behind + 1] in ENDS or grammar.parts(data, behind, limit):
                return b"".join((*parts, data[begin:at])), behind
            position = behind
        elif data.startswith(quote, behind, limit):
            parts.append(data[begin:behind])
            begin = position = behind + len(quote)
        else:
            return b"".join((*parts, data[begin:at])), behind


def _unquoted(data: bytes, position: int, end: int, grammar: Grammar) -> tuple[bytes, int, bool]:
    """Value of a field without quotes, where it ends, and whether a quote stands in it.

    The place is -1 where the line ends in an escape.
    """
    parts: list[bytes] = []
    begin, is_stray = position, False
    while True:
        found = grammar.stops.search(data, position, end)
        border = found.start() if found else end
        if grammar.quote and not grammar.loose:
            is_stray = is_stray or data.find(grammar.quote, position, border) >= 0
        if not found or not grammar.escape or found.group() != grammar.escape:
            return b"".join((*parts, data[begin:border])), border, is_stray
        position = found.end()
        if position == end:
            return b"", -1, False
        if length := grammar.means(data, position, end):
            parts.append(data[begin:border])
            begin, position = position, position + length
