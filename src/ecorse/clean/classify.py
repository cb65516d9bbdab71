"""What each physical line of a block is, at a glance: a sound record, blank, a header, or odd.

What belongs here: the look at whole blocks, on bytes with numpy where the shape is plain (one byte
parts fields, one quotes them), else line by line. What does not: odd lines (``exact``), and what
becomes of them (``framing``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ecorse.clean.exact import Grammar, read_record
from ecorse.clean.lines import CR, LF, Lines, join_records


class Marks(NamedTuple):
    """What each physical line of a block is; a line that is nothing yet is looked at closely.

    ``good`` lines are records by themselves if they are text, too.
    """

    good: NDArray[np.bool_]
    blank: NDArray[np.bool_]


class Classifier(Protocol):
    """One way of looking at blocks."""

    def marks(self, data: bytes, lines: Lines, width: int, max_bytes: int) -> Marks:
        """Mark the lines of a block that are plainly good or blank."""
        ...

    def write(self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> bytes:
        """Give good records as plain CSV text, each ended by one LF."""
        ...


def classifier_of(grammar: Grammar, is_plain: bool) -> Classifier:
    """The quickest way that a shape allows."""
    return Plain(grammar) if is_plain else LineByLine(grammar)


class Plain:
    """Looks at all bytes of a block at once; what it gives is the block's own text."""

    def __init__(self, grammar: Grammar) -> None:
        self._delimiter = grammar.delimiter[0]
        self._quote = grammar.quote[0] if grammar.quote else None

    def marks(self, data: bytes, lines: Lines, width: int, max_bytes: int) -> Marks:
        """Mark lines by their numbers of delimiters and by their quotes."""
        codes = np.frombuffer(data, np.uint8)[: lines.nexts[-1]]
        has_quotes = self._quote is not None and self._quote in data
        is_special = codes == self._delimiter
        if has_quotes:
            is_special |= codes == self._quote
        positions = np.flatnonzero(is_special)
        first = np.append(np.searchsorted(positions, lines.starts), len(positions))
        specials = np.diff(first)
        lengths = lines.ends - lines.starts
        blank = specials == lengths
        if has_quotes:
            delimiters, is_sound, no_quotes = self._quotes(codes, positions, first, lines)
            blank &= no_quotes
        else:
            delimiters, is_sound = specials, np.ones(lines.number, np.bool_)
        blank[lengths == 0] = True
        return Marks(is_sound & (delimiters == width - 1) & (lengths <= max_bytes), blank)

    def _quotes(
        self,
        codes: NDArray[np.uint8],
        positions: NDArray[np.int64],
        first: NDArray[np.int64],
        lines: Lines,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Per line: delimiters outside quotes, whether quotes are sound, whether there are none.

        Sound means an even number, each pair opening behind and closing before a field border or
        another quote. Positions are those of delimiters and quotes in the block.
        """
        is_quote = codes[positions] == self._quote
        seen = np.zeros(len(positions) + 1, np.int32)
        np.cumsum(is_quote, out=seen[1:])
        per_line = np.diff(seen[first])
        before = seen[:-1]
        is_odd = (per_line & 1).astype(np.bool_)
        if is_odd.any():
            before = before - np.repeat(seen[first[:-1]], np.diff(first))
        is_inside = (before & 1).astype(np.bool_)
        outside = np.zeros(len(positions) + 1, np.int32)
        np.cumsum(~(is_inside | is_quote), out=outside[1:])

        is_border = np.zeros(256, np.bool_)
        is_border[[self._delimiter, self._quote or 0, LF, CR]] = True
        at = positions[is_quote]
        closes = is_inside[is_quote]
        beside = np.where(closes, np.minimum(at + 1, len(codes) - 1), np.maximum(at - 1, 0))
        stray = at[~is_border[codes[beside]]]
        is_sound = ~is_odd
        is_sound[np.searchsorted(lines.starts, stray, side="right") - 1] = False
        return np.diff(outside[first]), is_sound, per_line == 0

    def write(self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> bytes:
        """Copy the records as they are."""
        return join_records(data, starts, ends)


class LineByLine:
    """Looks at one line after the other, for shapes that bytes alone do not show.

    Some 100,000 lines a second; a line without quotes and escapes is only split.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._blank = b" \t" + grammar.delimiter
        self._fields: dict[int, Sequence[bytes]] = {}

    def marks(self, data: bytes, lines: Lines, width: int, max_bytes: int) -> Marks:
        """Mark lines by reading them; their fields are kept until they are written."""
        self._fields = {}
        good = np.zeros(lines.number, np.bool_)
        blank = np.zeros(lines.number, np.bool_)
        spans = zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)
        for i, (start, end) in enumerate(spans):
            text = data[start:end]
            if not text.strip(self._blank):
                blank[i] = True
            elif end - start <= max_bytes and (fields := self._read(text, width)) is not None:
                good[i] = True
                self._fields[start] = fields
        return Marks(good, blank)

    def _read(self, text: bytes, width: int) -> Sequence[bytes] | None:
        grammar = self._grammar
        is_simple = not (grammar.quote and grammar.quote in text) and not (
            grammar.escape and grammar.escape in text
        )
        if is_simple:
            if grammar.white_space:
                fields = grammar.stops.split(text.strip(b" \t"))
            else:
                fields = text.split(grammar.delimiter)
            return fields if len(fields) == width else None
        found = read_record(
            text, (len(text),), 0, grammar=grammar, expected=width, max_bytes=len(text)
        )
        return found.fields if found.rule is None else None

    def write(self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> bytes:
        """Write the fields of the records as RFC 4180 has them."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            fields = self._fields.get(start)
            if fields is None:  # a record over several lines
                fields = self._over_lines(data[start:end])
            writer.writerow([value.decode("utf-8") for value in fields])
        self._fields = {}
        return text.getvalue().encode("utf-8")

    def _over_lines(self, text: bytes) -> Sequence[bytes]:
        ends = [i for i, code in enumerate(text) if code in (LF, CR)] + [len(text)]
        return read_record(
            text, ends, 0, grammar=self._grammar, expected=0, max_bytes=len(text)
        ).fields
