"""Finds the records of a file before anything parses them, and refuses those that are broken.

What belongs here: physical lines, quotes, field counts. What does not: what a field means
(``cast``). A block of some megabytes is classified at once on its bytes with numpy; only lines
that are not plainly good are looked at one by one (``exact``). A CSV reader cannot do this part:
pandas pads short rows, and every one of them swallows the rows behind an open quote.

A record is, as a rule, one physical line, ended by LF, CRLF or a lone CR, mixed as they come.
Only a quoted field that closes again, with the right number of fields, may span lines.
"""

from __future__ import annotations

import base64
import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecorse.clean.exact import Found, read_record
from ecorse.errors import ContractError

LF, CR = 10, 13
KEPT_BYTES = 1 << 16
SENTENCES = {
    "field_count": "has {found} fields where the header has {expected}",
    "quote_not_closed": "a quoted field is opened and not closed in this record",
    "quote_misplaced": "a quote stands inside a field that does not begin and end with quotes",
    "nul_byte": "holds a NUL byte, which no text may hold",
    "invalid_utf8": "byte {found} of the record is not valid UTF-8",
    "record_too_long": "is longer than {expected} bytes, the most a record may have; "
    "only its beginning is kept",
}


@dataclass(frozen=True)
class BrokenRecord:
    """A record that was refused before parsing, with its text as it stood in the file."""

    line: int
    rule: str
    sentence: str
    raw: str
    is_base64: bool = False


@dataclass
class FramedBlock:
    """The well-formed records of one block of a file, ready for a CSV parser.

    ``data`` holds exactly ``len(lines)`` records, each ended by one LF; ``lines`` (int64) are the
    numbers of their first physical lines; record *i* stood in ``source[starts[i]:ends[i]]``.
    """

    data: bytes
    lines: NDArray[np.int64]
    source: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    blank: int = 0
    repeated_header: int = 0
    broken: list[BrokenRecord] = field(default_factory=list)

    def raw(self, index: int) -> str:
        """The text of one good record as it stood in the file."""
        return self.source[self.starts[index] : self.ends[index]].decode("utf-8")


class Lines(NamedTuple):
    """Physical lines of a block: where each starts, ends (without its end mark), and the next."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    nexts: NDArray[np.int64]

    @property
    def number(self) -> int:
        """How many lines."""
        return len(self.starts)


class Marks(NamedTuple):
    """What each physical line of a block is; a line that is nothing yet is looked at closely."""

    good: NDArray[np.bool_]
    blank: NDArray[np.bool_]
    header: NDArray[np.bool_]
    is_text: NDArray[np.bool_]


class Framer:
    """Splits a file into its header and framed blocks; holds one block and one record at most."""

    def __init__(
        self,
        blocks: Iterator[bytes],
        *,
        file_name: str,
        delimiter: str = ",",
        quote: str = '"',
        max_record_bytes: int = 1 << 20,
        max_record_lines: int = 100,
    ) -> None:
        self._blocks = blocks
        self._file_name = file_name
        self._delimiter, self._quote = ord(delimiter), ord(quote)
        self._max_bytes, self._max_lines = max_record_bytes, max_record_lines
        self._rest = b""
        self._at_end = False
        self._line = 1
        self._offset = 0
        self.first_invalid_at: int | None = None
        self._header = b""
        self.header = self._read_header()

    # --- header ----------------------------------------------------------------------------------

    def _read_header(self) -> list[str]:
        """Take the first line that is not blank as the header."""
        while True:
            end, after = self._first_line()
            text = self._rest[:end]
            self._rest = self._rest[after:]
            self._offset += after
            line, self._line = self._line, self._line + 1
            if text.strip(bytes((self._delimiter, 32, 9))):
                break
            if not self._rest and self._at_end:
                raise ContractError(
                    f"{self._file_name}: holds no text but blank lines. Nothing was loaded. "
                    "Expected a header line with the names of the columns."
                )
        self._header = text
        try:
            if b"\0" in text:
                raise ValueError("it holds a NUL byte")
            rows = csv.reader(
                [text.decode("utf-8")],
                delimiter=chr(self._delimiter),
                quotechar=chr(self._quote),
                strict=True,
            )
            return next(rows)
        except (ValueError, csv.Error) as error:
            raise ContractError(
                f"{self._file_name}, line {line}: the header cannot be read: {error}. Nothing was "
                "loaded. Expected the names of the columns in UTF-8, or the encoding declared in "
                "the source's contract."
            ) from None

    def _first_line(self) -> tuple[int, int]:
        """End of the first line of the rest, and where the next begins."""
        while True:
            found = [p for p in (self._rest.find(b"\n"), self._rest.find(b"\r")) if p >= 0]
            end = min(found, default=-1)
            is_whole = end >= 0 and (end + 1 < len(self._rest) or self._rest[end] == LF)
            if not is_whole and len(self._rest) <= self._max_bytes + 1 and self._more():
                continue
            if end < 0:
                end = len(self._rest)
            if end > self._max_bytes:
                raise ContractError(
                    f"{self._file_name}, line {self._line}: the header line is longer than "
                    f"{self._max_bytes} bytes. Nothing was loaded. Is this a CSV file? A larger "
                    "limit can be set with ECORSE_MAX_RECORD_BYTES."
                )
            return end, end + (2 if self._rest[end : end + 2] == b"\r\n" else 1)

    def _more(self) -> bool:
        """Append the next block to the rest; false at the end of the file."""
        block = next(self._blocks, None)
        if block is None:
            self._at_end = True
            return False
        self._rest = self._rest + block if self._rest else block
        return True

    # --- records ---------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[FramedBlock]:
        """Give the file's records, block by block, in file order."""
        while self._rest or self._more():
            lines = find_lines(self._rest, self._at_end)
            if lines.number:
                block, used, line_count = self._frame(self._rest, lines)
                self._rest = self._rest[used:]
                self._offset += used
                self._line += line_count
                if line_count:
                    yield block
            elif len(self._rest) > self._max_bytes + 1:  # 1: a CR whose LF is yet to come
                yield self._skip_long_line()
                continue
            if self._rest:
                self._more()

    def _skip_long_line(self) -> FramedBlock:
        """Refuse a line that outgrew a record, holding no more of it than its beginning."""
        kept = self._rest[:KEPT_BYTES]
        while True:
            ends = [p for p in (self._rest.find(b"\n"), self._rest.find(b"\r")) if p >= 0]
            if ends or self._at_end:
                break
            self._rest = b""
            self._more()
        end = min(ends, default=len(self._rest))
        self._rest = self._rest[end:]
        if self._rest.startswith(b"\r") and len(self._rest) == 1:
            self._more()
        self._rest = self._rest[2 if self._rest.startswith(b"\r\n") else 1 :]
        broken = self._broken(self._line, "record_too_long", kept, expected=self._max_bytes)
        self._line += 1
        none = np.empty(0, np.int64)
        return FramedBlock(b"", none, b"", none, none, broken=[broken])

    def _frame(self, data: bytes, lines: Lines) -> tuple[FramedBlock, int, int]:
        """Sort the whole lines of a block into good, blank, header and broken ones.

        Gives the block, how many bytes and how many lines of ``data`` are done with.
        """
        marks = self._classify(data, lines)
        last_line = np.arange(lines.number)
        broken: list[BrokenRecord] = []
        count, until = lines.number, 0
        for i in np.flatnonzero(~(marks.good | marks.blank | marks.header)).tolist():
            if i < until:
                continue
            found = self._look_closely(data, lines, marks, i)
            if found.needs_more:
                count = i
                break
            until = i + found.lines
            if found.rule == "blank":
                marks.blank[i] = True
            elif found.rule:
                raw = data[lines.starts[i] : lines.ends[i]]
                broken.append(
                    self._broken(self._line + i, found.rule, raw, found.found, found.expected)
                )
            else:
                marks.good[i:until] = marks.blank[i:until] = marks.header[i:until] = False
                marks.good[i], last_line[i] = True, until - 1
        records = np.flatnonzero(marks.good[:count])
        starts, ends = lines.starts[records], lines.ends[last_line[records]]
        block = FramedBlock(
            data=join_records(data, starts, ends),
            lines=records + self._line,
            source=data,
            starts=starts,
            ends=ends,
            blank=int(np.count_nonzero(marks.blank[:count])),
            repeated_header=int(np.count_nonzero(marks.header[:count])),
            broken=broken,
        )
        return block, int(lines.nexts[count - 1]) if count else 0, count

    def _classify(self, data: bytes, lines: Lines) -> Marks:
        """Mark every line of a block at once; what is not marked good, blank or header is odd."""
        codes = np.frombuffer(data, np.uint8)[: lines.nexts[-1]]
        has_quotes = chr(self._quote).encode() in data
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
        header = self._is_header(data, codes, lines, lengths)
        is_text = self._is_text(data, codes, lines)
        good = is_sound & (delimiters == len(self.header) - 1) & (lengths <= self._max_bytes)
        return Marks(good & is_text & ~blank & ~header, blank, header, is_text)

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
        is_border[[self._delimiter, self._quote, LF, CR]] = True
        at = positions[is_quote]
        closes = is_inside[is_quote]
        beside = np.where(closes, np.minimum(at + 1, len(codes) - 1), np.maximum(at - 1, 0))
        stray = at[~is_border[codes[beside]]]
        is_sound = ~is_odd
        is_sound[np.searchsorted(lines.starts, stray, side="right") - 1] = False
        return np.diff(outside[first]), is_sound, per_line == 0

    def _is_header(
        self, data: bytes, codes: NDArray[np.uint8], lines: Lines, lengths: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Lines that repeat the header byte by byte."""
        header = self._header
        maybe = np.flatnonzero(lengths == len(header))
        maybe = maybe[codes[lines.starts[maybe]] == header[0]]
        same = np.zeros(lines.number, np.bool_)
        for i in maybe.tolist():
            same[i] = data[lines.starts[i] : lines.ends[i]] == header
        return same

    def _is_text(self, data: bytes, codes: NDArray[np.uint8], lines: Lines) -> NDArray[np.bool_]:
        """Lines that are valid UTF-8 without NUL."""
        is_text = np.ones(lines.number, np.bool_)
        if 0 in data:
            at = np.flatnonzero(codes == 0)
            is_text[np.searchsorted(lines.starts, at, side="right") - 1] = False
        if codes.max() < 128:
            return is_text
        position, end, view = 0, len(codes), memoryview(data)
        while position < end:
            try:
                codecs.utf_8_decode(view[position:end], "strict", True)
                break
            except UnicodeDecodeError as error:
                line = int(np.searchsorted(lines.starts, position + error.start, side="right")) - 1
                is_text[line] = False
                if self.first_invalid_at is None:
                    self.first_invalid_at = self._offset + position + error.start
                position = int(lines.nexts[line])
        return is_text

    def _look_closely(self, data: bytes, lines: Lines, marks: Marks, i: int) -> Found:
        """Decide about one odd line by reading it field by field."""
        start, end = int(lines.starts[i]), int(lines.ends[i])
        if end - start > self._max_bytes:
            return Found("record_too_long", expected=self._max_bytes)
        if not marks.is_text[i]:
            return _why_no_text(data[start:end])
        if not data[start:end].strip(bytes((self._delimiter, 32, 9))):
            return Found("blank")
        found = read_record(
            data,
            lines.ends[i : i + self._max_lines].tolist(),
            start,
            delimiter=self._delimiter,
            quote=self._quote,
            expected=len(self.header),
            max_bytes=self._max_bytes,
        )
        if found.needs_more and (self._at_end or i + self._max_lines <= lines.number):
            return Found("quote_not_closed")
        # a line that is a record by itself is never swallowed by an open quote before it
        inner = slice(i + 1, i + found.lines)
        if found.rule is None and (
            marks.good[inner].any() or marks.header[inner].any() or not marks.is_text[inner].all()
        ):
            return Found("quote_not_closed")
        return found

    def _broken(
        self, line: int, rule: str, raw: bytes, found: int = 0, expected: int = 0
    ) -> BrokenRecord:
        raw = raw[:KEPT_BYTES] if rule == "record_too_long" else raw
        sentence = f"Line {line} " + SENTENCES[rule].format(found=found, expected=expected) + "."
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            return BrokenRecord(line, rule, sentence, base64.b64encode(raw).decode("ascii"), True)
        return BrokenRecord(line, rule, sentence, text)


def _why_no_text(raw: bytes) -> Found:
    if 0 in raw:
        return Found("nul_byte")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Found("invalid_utf8", found=error.start + 1)
    raise AssertionError("a line marked as no text is text")


def find_lines(data: bytes, at_end: bool) -> Lines:
    """Find the whole physical lines of a block; at the file's end the last needs no line end."""
    codes = np.frombuffer(data, np.uint8)
    if CR in data:
        is_stop = codes == LF
        carriages = np.flatnonzero(codes == CR)
        if len(carriages) and carriages[-1] == len(data) - 1 and not at_end:
            carriages = carriages[:-1]  # its LF may be the first byte of the next block
        behind = np.minimum(carriages + 1, len(data) - 1)
        is_stop[carriages[(codes[behind] != LF)]] = True
        stops = np.flatnonzero(is_stop)
        ends = stops - ((stops > 0) & (codes[stops] == LF) & (codes[stops - 1] == CR))
    else:
        stops = ends = np.flatnonzero(codes == LF)
    nexts = stops + 1
    if at_end and len(data) and (not len(nexts) or nexts[-1] < len(data)):
        ends, nexts = np.append(ends, len(data)), np.append(nexts, len(data))
    starts = np.concatenate((np.zeros(1, np.int64), nexts[:-1])) if len(nexts) else nexts
    return Lines(starts, ends, nexts)


def join_records(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> bytes:
    """Copy records out of a block, each ended by one LF, in as few slices as possible."""
    if not len(starts):
        return b""
    codes = np.frombuffer(data, np.uint8)
    is_joined = (starts[1:] == ends[:-1] + 1) & (codes[ends[:-1]] == LF)
    breaks = np.flatnonzero(~is_joined)
    run_starts = starts[np.concatenate(([0], breaks + 1))].tolist()
    run_ends = ends[np.append(breaks, len(ends) - 1)].tolist()
    runs = [data[start:end] for start, end in zip(run_starts, run_ends, strict=True)]
    return b"\n".join(runs) + b"\n"
