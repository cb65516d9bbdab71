"""Finds the records of a file before anything parses them, and refuses those that are broken.

What belongs here: which lines make a record, which are none, and what is broken. What does not:
what a field means (``cast``). A block of some megabytes is classified at once (``classify``); only
lines that are not plainly good are looked at one by one (``exact``). A CSV reader cannot do this
part: pandas pads short rows, and every one of them swallows the rows behind an open quote.

A record is, as a rule, one physical line. Only a quoted field that closes again, with the right
number of fields, may span lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecorse.clean.blocks import KEPT_BYTES, BrokenRecord, FramedBlock, broken_record
from ecorse.clean.classify import classifier_of
from ecorse.clean.exact import Found, Grammar, read_record
from ecorse.clean.head import read_head
from ecorse.clean.lines import Intake, Lines, find_lines
from ecorse.clean.second_table import Watch
from ecorse.clean.texts import Texts, Utf8, find_text
from ecorse.schema.shape import PLAIN, Shape


@dataclass
class _Sorted:
    """What each line of a block is, while it is found out."""

    good: NDArray[np.bool_]
    blank: NDArray[np.bool_]
    header: NDArray[np.bool_]
    texts: Texts
    skipped: NDArray[np.bool_]
    stops: NDArray[np.bool_]

    def clear(self, lines: slice) -> None:
        """Make lines parts of another's record, or of none."""
        self.good[lines] = self.blank[lines] = self.header[lines] = self.skipped[lines] = False


class Framer:
    """Splits a file into its header and framed blocks; holds one block and one record at most."""

    def __init__(
        self,
        blocks: Iterator[bytes],
        *,
        file_name: str,
        shape: Shape = PLAIN,
        max_record_bytes: int = 1 << 20,
        max_record_lines: int = 100,
    ) -> None:
        self._max_bytes, self._max_lines = max_record_bytes, max_record_lines
        self._intake = Intake(blocks, file_name, max_record_bytes)
        self._grammar = Grammar.of(shape)
        self._classifier = classifier_of(self._grammar, shape.is_plain)
        self._blank = b" \t" + self._grammar.delimiter
        self._stop = re.compile(shape.stop_at) if shape.stop_at else None
        self._skips = [re.compile(pattern) for pattern in shape.skip_matching]
        self._is_behind_end = False
        self._follows_broken = False
        self.utf8 = Utf8(max_record_bytes)
        self._head = read_head(self._intake, shape, file_name)
        self.header = self._head.names
        self.header_line = self._head.line
        self.shape, self.parsed = shape, shape.parsed
        self._watch = Watch(file_name, len(self.header))

    @property
    def header_text(self) -> str:
        """The header's first line as it stands in the file; empty where there is none."""
        return self._head.lines[0].decode("utf-8", "replace") if self._head.lines else ""

    def ahead(self, number: int) -> list[str]:
        """The next lines of the file as text, for telling what it looks like."""
        return self._intake.ahead(number)

    def __iter__(self) -> Iterator[FramedBlock]:
        """Give the file's records, block by block, in file order.

        Raises
        ------
        ContractError
            The file holds a second table that nothing declares.
        """
        intake = self._intake
        while intake.rest or intake.more():
            lines = find_lines(intake.rest, intake.at_end)
            if lines.number:
                block, used, line_count = self._frame(intake.rest, lines)
                intake.drop(used, line_count)
                if line_count:
                    yield block
            elif len(intake.rest) > self._max_bytes + 1:  # 1: a CR whose LF is yet to come
                yield self._skip_long_line()
                continue
            if intake.rest:
                intake.more()

    def _skip_long_line(self) -> FramedBlock:
        """Refuse a line that outgrew a record, holding no more of it than its beginning."""
        intake = self._intake
        kept = intake.rest[:KEPT_BYTES]
        is_skipped, is_stop = self._match(intake.rest)
        while True:
            ends = [p for p in (intake.rest.find(b"\n"), intake.rest.find(b"\r")) if p >= 0]
            if ends or intake.at_end:
                break
            intake.drop(len(intake.rest), 0)
            intake.more()
        intake.drop(min(ends, default=len(intake.rest)), 0)
        if intake.rest.startswith(b"\r") and len(intake.rest) == 1:
            intake.more()
        line = intake.line
        intake.drop(2 if intake.rest.startswith(b"\r\n") else min(1, len(intake.rest)), 1)
        self._is_behind_end |= is_stop
        if self._is_behind_end:
            return FramedBlock(behind_end=1)
        if is_skipped:
            return FramedBlock(skipped=1)
        too_long = Found("record_too_long", expected=self._max_bytes)
        return FramedBlock(broken=[broken_record(line, too_long, kept)])

    def _frame(self, data: bytes, lines: Lines) -> tuple[FramedBlock, int, int]:
        """Sort the whole lines of a block into good, blank, header and broken ones.

        Gives the block, how many bytes and how many lines of ``data`` are done with.
        """
        if self._is_behind_end:
            return FramedBlock(behind_end=lines.number), int(lines.nexts[-1]), lines.number
        marks = self._sort(data, lines)
        last_line = np.arange(lines.number)
        broken: list[BrokenRecord] = []
        count, until, seen, end = lines.number, 0, 0, 0
        is_known = (marks.good | marks.blank | marks.header) & ~marks.stops & ~marks.skipped
        for i in np.flatnonzero(~is_known).tolist():
            if i < until:
                continue
            if marks.stops[i]:
                self._is_behind_end, end, count = True, lines.number - i, i
                break
            if marks.skipped[i]:
                marks.good[i] = marks.blank[i] = marks.header[i] = False
                continue
            found = self._look_closely(data, lines, marks, i)
            if found.needs_more:
                count = i
                break
            if found.rule == "field_count":
                self._see(found, i, seen, marks)
                seen = i + 1
            until = i + found.lines
            if found.rule == "blank":
                marks.blank[i] = True
            elif found.rule:
                raw = data[lines.starts[i] : lines.ends[i]]
                broken.append(broken_record(self._intake.line + i, found, raw))
            else:
                marks.clear(slice(i, until))
                marks.good[i], last_line[i] = True, until - 1
        self._follows_broken &= not marks.good[seen:count].any()
        self.utf8.see(data, lines, marks.texts, count, self._intake.offset)
        records = np.flatnonzero(marks.good[:count])
        starts, ends = lines.starts[records], lines.ends[last_line[records]]
        block = FramedBlock(
            data=self._classifier.write(data, starts, ends),
            lines=records + self._intake.line,
            source=data,
            starts=starts,
            ends=ends,
            blank=int(np.count_nonzero(marks.blank[:count])),
            repeated_header=int(np.count_nonzero(marks.header[:count])),
            skipped=int(np.count_nonzero(marks.skipped[:count])),
            behind_end=end,
            broken=broken,
        )
        return block, int(lines.nexts[count + end - 1]) if count + end else 0, count + end

    def _see(self, found: Found, i: int, since: int, marks: _Sorted) -> None:
        """Show a record of another width to who watches for second tables."""
        follows = self._follows_broken and not marks.good[since:i].any()
        fields = [value.decode("utf-8") for value in found.fields]
        self._watch.see(self._intake.line + i, fields, follows=follows)
        self._follows_broken = True

    def _sort(self, data: bytes, lines: Lines) -> _Sorted:
        """Mark every line of a block at once; what is not marked is odd."""
        looked = self._classifier.marks(data, lines, len(self.header), self._max_bytes)
        header = self._is_header(data, lines)
        texts = find_text(data, lines)
        good = looked.good & texts.is_text & ~looked.blank & ~header
        skipped, stops = self._matches(data, lines)
        return _Sorted(good, looked.blank, header, texts, skipped, stops)

    def _matches(self, data: bytes, lines: Lines) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Lines that are declared to be no rows, and those where the table is declared to end."""
        skipped, stops = np.zeros((2, lines.number), np.bool_)
        if self._stop or self._skips:
            spans = zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)
            for i, (start, end) in enumerate(spans):
                skipped[i], stops[i] = self._match(data[start:end])
        return skipped, stops

    def _match(self, line: bytes) -> tuple[bool, bool]:
        """Whether a line is declared to be no row, and whether the table ends there."""
        text = line[: self._max_bytes].decode("utf-8", "replace")
        if self._stop is not None and self._stop.search(text):
            return False, True
        return any(pattern.search(text) for pattern in self._skips), False

    def _is_header(self, data: bytes, lines: Lines) -> NDArray[np.bool_]:
        """Lines that repeat a header line byte by byte."""
        same = np.zeros(lines.number, np.bool_)
        codes = np.frombuffer(data, np.uint8)
        lengths = lines.ends - lines.starts
        for header in filter(None, dict.fromkeys(self._head.lines)):
            maybe = np.flatnonzero(lengths == len(header))
            maybe = maybe[codes[lines.starts[maybe]] == header[0]]
            for i in maybe.tolist():
                same[i] |= data[lines.starts[i] : lines.ends[i]] == header
        return same

    def _look_closely(self, data: bytes, lines: Lines, marks: _Sorted, i: int) -> Found:
        """Decide about one odd line by reading it field by field."""
        start, end = int(lines.starts[i]), int(lines.ends[i])
        if end - start > self._max_bytes:
            return Found("record_too_long", expected=self._max_bytes)
        if not marks.texts.is_text[i]:
            return _why_no_text(data[start:end])
        if not data[start:end].strip(self._blank):
            return Found("blank")
        found = read_record(
            data,
            lines.ends[i : i + self._max_lines].tolist(),
            start,
            grammar=self._grammar,
            expected=len(self.header),
            max_bytes=self._max_bytes,
        )
        if found.needs_more and (self._intake.at_end or i + self._max_lines <= lines.number):
            return Found("quote_not_closed")
        # a line that is a record by itself is never swallowed by an open quote before it
        inner = slice(i + 1, i + found.lines)
        is_other = marks.good[inner] | marks.header[inner] | ~marks.texts.is_text[inner]
        if found.rule is None and is_other.any():
            return Found("quote_not_closed")
        return found


def _why_no_text(raw: bytes) -> Found:
    if 0 in raw:
        return Found("nul_byte")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Found("invalid_utf8", found=error.start + 1)
    raise AssertionError("a line marked as no text is text")
