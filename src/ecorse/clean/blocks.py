"""What framing gives: blocks of sound records, and the records that it refuses.

What belongs here: the shapes, and a broken record's sentence. What does not: finding records
(``framing``).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecorse.clean.exact import Found

KEPT_BYTES = 1 << 16
SENTENCES = {
    "field_count": "has {found} fields where the header has {expected}",
    "quote_not_closed": "a quoted field is opened and not closed in this record",
    "quote_misplaced": "a quote stands inside a field that does not begin and end with quotes",
    "escape_at_end": "ends in the escape character, with nothing behind it to escape",
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


def _no_lines() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass
class FramedBlock:
    """The well-formed records of one block of a file, ready for a CSV parser.

    ``data`` holds exactly ``len(lines)`` records, each ended by one LF; ``lines`` (int64) are the
    numbers of their first physical lines; record *i* stood in ``source[starts[i]:ends[i]]``.
    ``skipped`` lines match a pattern of lines that are none, ``behind_end`` stand at or behind the
    declared end of the table.
    """

    data: bytes = b""
    lines: NDArray[np.int64] = field(default_factory=_no_lines)
    source: bytes = b""
    starts: NDArray[np.int64] = field(default_factory=_no_lines)
    ends: NDArray[np.int64] = field(default_factory=_no_lines)
    blank: int = 0
    repeated_header: int = 0
    skipped: int = 0
    behind_end: int = 0
    broken: list[BrokenRecord] = field(default_factory=list)

    def raw(self, index: int) -> str:
        """The text of one good record as it stood in the file."""
        return self.source[self.starts[index] : self.ends[index]].decode("utf-8")


def broken_record(line: int, found: Found, raw: bytes) -> BrokenRecord:
    """A refused record with its sentence; what is no text is kept as base64."""
    assert found.rule is not None
    raw = raw[:KEPT_BYTES] if found.rule == "record_too_long" else raw
    sentence = SENTENCES[found.rule].format(found=found.found, expected=found.expected)
    sentence = f"Line {line} {sentence}."
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        as_text = base64.b64encode(raw).decode("ascii")
        return BrokenRecord(line, found.rule, sentence, as_text, True)
    return BrokenRecord(line, found.rule, sentence, text)
