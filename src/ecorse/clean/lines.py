"""Physical lines of a file, ended by LF, CRLF or a lone CR, mixed as they come.

What belongs here: where lines begin and end, and holding what is yet unread. What does not: whether
they are text (``texts``), fields and quotes (``classify``, ``exact``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecorse.errors import ContractError

LF, CR = 10, 13


class Lines(NamedTuple):
    """Physical lines of a block: where each starts, ends (without its end mark), and the next."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    nexts: NDArray[np.int64]

    @property
    def number(self) -> int:
        """How many lines."""
        return len(self.starts)


class Intake:
    """The unread part of a file: ``rest`` is text from line ``line`` and byte ``offset`` on."""

    def __init__(self, blocks: Iterator[bytes], file_name: str, max_bytes: int) -> None:
        self._blocks = blocks
        self._file_name, self._max_bytes = file_name, max_bytes
        self.rest = b""
        self.at_end = False
        self.line = 1
        self.offset = 0

    def more(self) -> bool:
        """Append the next block to the rest; false at the end of the file."""
        block = next(self._blocks, None)
        if block is None:
            self.at_end = True
            return False
        self.rest = self.rest + block if self.rest else block
        return True

    def drop(self, used: int, lines: int) -> None:
        """Be done with the first bytes of the rest, which are so many lines."""
        self.rest = self.rest[used:]
        self.offset += used
        self.line += lines

    def skip_blank(self, blank: bytes) -> None:
        """Be done with whole lines of nothing but these characters, all at once.

        One by one each would copy the rest: a block of line ends would take hours.
        """
        while True:
            behind = self.rest.lstrip(blank + b"\r\n")
            lines = self.rest[: len(self.rest) - len(behind)]
            if not behind:  # the last may go on in the next block, and a CR may have its LF there
                lines = lines[:-1].removesuffix(b"\r")
            end = max(lines.rfind(b"\n"), lines.rfind(b"\r")) + 1
            lines = lines[:end]
            number = lines.count(b"\n") + lines.count(b"\r") - lines.count(b"\r\n")
            self.drop(end, number)
            if behind or len(self.rest) > self._max_bytes or not self.more():
                break

    def take_line(self, what: str = "header line") -> bytes | None:
        """The next line without its end, or nothing at the end of the file.

        Raises
        ------
        ContractError
            The line is longer than a record may be.
        """
        end = self._line_end()
        while end < 0 and len(self.rest) <= self._max_bytes + 1 and self.more():
            end = self._line_end()
        if not self.rest and self.at_end:
            return None
        if end < 0:  # the last line, or too long a one
            end = self.rest.find(b"\r")
            end = len(self.rest) if end < 0 else end
        if end > self._max_bytes:
            raise ContractError(
                f"{self._file_name}, line {self.line}: the {what} is longer than "
                f"{self._max_bytes} bytes. Nothing was loaded. Is this a CSV file? A larger "
                "limit can be set with ECORSE_MAX_RECORD_BYTES."
            )
        text = self.rest[:end]
        self.drop(end + (2 if self.rest[end : end + 2] == b"\r\n" else 1), 1)
        return text

    def _line_end(self) -> int:
        """Where the first line of the rest ends, or -1 where that is not known yet."""
        ends = [p for p in (self.rest.find(b"\n"), self.rest.find(b"\r")) if p >= 0]
        end = min(ends, default=-1)
        # the LF of a CR at the end may be the first byte of the next block
        return end if end + 1 < len(self.rest) or self.rest[end : end + 1] == b"\n" else -1

    def ahead(self, number: int) -> list[str]:
        """The next lines as text, as far as they stand in what was read or the next block."""
        if not self.rest:
            self.more()
        lines = find_lines(self.rest, self.at_end) if self.rest else None
        if lines is None:
            return []
        return [
            self.rest[start:end].decode("utf-8", "replace")
            for start, end in zip(lines.starts[:number], lines.ends[:number], strict=True)
        ]


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
