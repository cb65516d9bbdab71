"""The head of a file: lines above the header, the header's rows, and the names they give.

What belongs here: finding and reading them by the file's shape. What does not: which columns the
names stand for (``ecorse.schema.contract``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from ecorse.clean.cells import TYPED, look_of
from ecorse.clean.exact import Grammar, read_record
from ecorse.clean.lines import Intake
from ecorse.errors import ContractError
from ecorse.schema.shape import Shape

MOST_ABOVE = 1000  # lines above a header: a large file that has none is not read to its end


@dataclass(frozen=True)
class Head:
    """Names of the columns, the header's lines as they stand, and the number of the first."""

    names: list[str]
    lines: tuple[bytes, ...]
    line: int


def read_head(intake: Intake, shape: Shape, file_name: str) -> Head:
    """Take the head off a file.

    Raises
    ------
    ContractError
        The file has no such head, or its header cannot be read.
    """
    blank = b" \t" + shape.delimiter.encode()
    first = _skip(intake, shape, file_name)
    if not shape.header_rows:
        return Head(list(shape.names), (), intake.line)
    lines: list[bytes] = []
    line = intake.line
    if first is None:
        intake.skip_blank(blank)
    while len(lines) < shape.header_rows:
        text = first if first is not None else intake.take_line()
        first = None
        if text is None:
            raise _no_header(file_name, lines, shape)
        if lines or text.strip(blank):
            if not lines:
                line = intake.line - 1
            lines.append(text)
    grammar = Grammar.of(shape, loose=True)
    if shape.names:
        for i, text in enumerate(lines):
            _refuse_row(text, grammar, file_name, line + i, len(shape.names))
        return Head(list(shape.names), tuple(lines), line)
    rows = [_fields(text, grammar, file_name, line + i) for i, text in enumerate(lines)]
    if len(rows) == 1:
        return Head(rows[0], tuple(lines), line)
    parts = zip_longest(*rows, fillvalue="")
    return Head([" ".join(p.strip() for p in names if p.strip()) for names in parts],
                tuple(lines), line)  # fmt: skip


def _skip(intake: Intake, shape: Shape, file_name: str) -> bytes | None:
    """Drop what stands above the header; gives the header's line where a pattern found it."""
    for done in range(shape.skip_rows):
        if intake.take_line("line above the header") is None:
            raise ContractError(
                f"{file_name}: has {done} lines, where skip_rows = {shape.skip_rows} are to stand "
                "above the header. Nothing was loaded."
            )
    if not shape.skip_until:
        return None
    pattern = re.compile(shape.skip_until)
    for _ in range(MOST_ABOVE):
        text = intake.take_line("line above the header")
        if text is None or pattern.search(text.decode("utf-8", "replace")):
            break
    else:
        text = None
    if text is not None:
        return text
    raise ContractError(
        f"{file_name}: none of its first {MOST_ABOVE} lines matches skip_until = "
        f"{shape.skip_until!r}, so it is not known where the header stands. Nothing was loaded."
    )


def _fields(text: bytes, grammar: Grammar, file_name: str, line: int) -> list[str]:
    why = "it holds a NUL byte" if b"\0" in text else ""
    if not why:
        found = read_record(text, (len(text),), 0, grammar=grammar, expected=0, max_bytes=len(text))
        try:
            if found.rule is None:
                return [value.decode("utf-8") for value in found.fields]
            why = "its quotes do not open and close at the borders of fields"
        except UnicodeDecodeError as error:
            why = str(error)
    raise ContractError(
        f"{file_name}, line {line}: the header cannot be read: {why}. Nothing was loaded. Expected "
        "the names of the columns in UTF-8, or the encoding declared in the source's contract; a "
        "header that is broken can be replaced by names = [...]."
    )


def _refuse_row(text: bytes, grammar: Grammar, file_name: str, line: int, width: int) -> None:
    """Refuse a line that is to be a header and looks like a row, which would be lost."""
    found = read_record(text, (len(text),), 0, grammar=grammar, expected=width, max_bytes=len(text))
    values = [value.decode("utf-8", "replace") for value in found.fields]
    filled = [value for value in values if value.strip()]
    if found.rule is None and sum(look_of(v) in TYPED for v in filled) * 2 > len(filled):
        raise ContractError(
            f"{file_name}, line {line}: {', '.join(map(repr, values))} looks like a row and not "
            "like a header. Nothing was loaded. If the file has no header, declare header_rows = "
            f"0; if this line is none of its rows, header_rows = 0 and skip_rows = {line}."
        )


def _no_header(file_name: str, lines: list[bytes], shape: Shape) -> ContractError:
    if lines:
        return ContractError(
            f"{file_name}: has {len(lines)} lines, where the header alone is to have "
            f"{shape.header_rows}. Nothing was loaded."
        )
    return ContractError(
        f"{file_name}: holds no text but blank lines. Nothing was loaded. "
        "Expected a header line with the names of the columns."
    )
