"""Which lines of a block are text, and what their bytes prove of the file's encoding.

What belongs here: UTF-8 and NUL, line by line. What does not: other encodings, which are decoded
before (``stream``).
"""

from __future__ import annotations

import codecs
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecorse.clean.lines import Lines


class Texts(NamedTuple):
    """Which lines of a block are text; ``has_beyond``: there are bytes beyond ASCII.

    ``invalid_at`` has for each line the place of its first byte that is not UTF-8, or -1; it is
    nothing where there is no such line.
    """

    is_text: NDArray[np.bool_]
    has_beyond: bool = False
    invalid_at: NDArray[np.int64] | None = None


def find_text(data: bytes, lines: Lines) -> Texts:
    """Lines that are valid UTF-8 without NUL."""
    codes = np.frombuffer(data, np.uint8)[: lines.nexts[-1]]
    is_text = np.ones(lines.number, np.bool_)
    if 0 in data:
        at = np.flatnonzero(codes == 0)
        is_text[np.searchsorted(lines.starts, at, side="right") - 1] = False
    if codes.max() < 128:
        return Texts(is_text)
    position, end, view = 0, len(codes), memoryview(data)
    invalid_at: NDArray[np.int64] | None = None
    while position < end:
        try:
            codecs.utf_8_decode(view[position:end], "strict", True)
            break
        except UnicodeDecodeError as error:
            if invalid_at is None:
                invalid_at = np.full(lines.number, -1, np.int64)
            at_byte = position + error.start
            line = int(np.searchsorted(lines.starts, at_byte, side="right")) - 1
            is_text[line], invalid_at[line] = False, at_byte
            position = int(lines.nexts[line])
    return Texts(is_text, True, invalid_at)


class Utf8:
    """What the lines of a file have proven so far; lines that are no records prove nothing.

    ``invalid_lines`` are not UTF-8, the first by the byte at ``first_invalid_at`` of the file;
    ``invalid_bytes`` of theirs are beyond ASCII (2: two or more). ``is_proven``: one line beyond
    ASCII is UTF-8.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.invalid_lines = self.invalid_bytes = 0
        self.first_invalid_at: int | None = None
        self.is_proven = False

    def see(self, data: bytes, lines: Lines, texts: Texts, count: int, offset: int) -> None:
        """Take the first ``count`` lines of a block that begins at ``offset`` of the file."""
        if not texts.has_beyond or not count:
            return
        is_short = (lines.ends - lines.starts)[:count] <= self._max_bytes
        invalid = np.zeros(count, np.bool_)
        if texts.invalid_at is not None:
            invalid = (texts.invalid_at[:count] >= 0) & is_short
            self.invalid_lines += int(np.count_nonzero(invalid))
            for i in np.flatnonzero(invalid).tolist() if self.invalid_bytes < 2 else ():
                line = np.frombuffer(data[lines.starts[i] : lines.ends[i]], np.uint8)
                odd = int(np.count_nonzero(line > 127))
                self.invalid_bytes = min(self.invalid_bytes + odd, 2)
            if self.first_invalid_at is None and invalid.any():
                self.first_invalid_at = offset + int(texts.invalid_at[:count][invalid][0])
        if not self.is_proven:
            codes = np.frombuffer(data, np.uint8)[: lines.nexts[count - 1]]
            beyond = np.zeros(count, np.bool_)
            at = np.flatnonzero(codes > 127)
            beyond[np.searchsorted(lines.starts, at, side="right") - 1] = True
            self.is_proven = bool((beyond & is_short & ~invalid).any())
