"""What was found about a file's shape, and the shape that a layout makes.

What belongs here: findings with their sentences, and patterns for lines that are no rows. What does
not: finding (``dialect``, ``layout``, ``sniff``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ecorse.clean.dialect import Record
from ecorse.clean.layout import Layout
from ecorse.clean.totals import BEGINS
from ecorse.schema.shape import Shape


@dataclass(frozen=True)
class Finding:
    """One part of a shape: proven by the file, or a guess that a person confirms.

    ``part`` is the key of the mapping that it is about, ``sentence`` says what and why, and for a
    guess what else it could be.
    """

    part: str
    is_proven: bool
    sentence: str


@dataclass(frozen=True)
class Sniffed:
    """A file's shape and how sure each part is; ``width`` columns, ``kind`` text or a format."""

    shape: Shape
    findings: tuple[Finding, ...] = ()
    width: int = 0
    kind: str = "text"

    @property
    def questions(self) -> tuple[Finding, ...]:
        """What a person has to confirm."""
        return tuple(finding for finding in self.findings if not finding.is_proven)


def laid_out(shape: Shape, records: Sequence[Record], layout: Layout) -> Shape:
    """The shape with header, names, and what is no row."""
    above = [r for r in records[: layout.above] if any(text.strip() for text in r.fields)]
    skip = records[layout.above].line - 1 if above else 0
    made = replace(shape, skip_rows=skip, header_rows=len(layout.header))
    if not layout.header or layout.is_broken_header:
        made = replace(made, names=tuple(f"column_{i + 1}" for i in range(layout.width)))
    if layout.end is not None:
        made = replace(made, stop_at=_pattern(records[layout.end], bool(layout.second)))
    patterns = dict.fromkeys(_pattern(records[place], False) for place in layout.totals)
    return replace(made, skip_matching=tuple(patterns))


def _pattern(record: Record, is_names: bool) -> str:
    """A pattern for a record's first line: all of it for names, up to the word for sums."""
    text = record.text
    if is_names:
        return f"^{_escaped(text)}$"
    word = next(value for value in record.fields if value.strip())
    found = BEGINS.match(word)
    assert found is not None
    return f"^{_escaped(text[: text.index(word) + found.end()])}"


def _escaped(text: str) -> str:
    """A text as a regular expression, with no more backslashes than it needs."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def of_layout(records: Sequence[Record], layout: Layout, shape: Shape) -> Iterator[Finding]:
    """The findings of a layout."""
    if shape.skip_rows:
        sentence = f"the table begins in line {shape.skip_rows + 1}, below other lines."
        yield Finding("skip_rows", False, sentence)
    header = [records[place] for place in layout.header]
    if not header:
        sentence = "the first row looks like all others: there is no header. Name the columns."
        yield Finding("names", False, sentence)
    elif layout.is_broken_header:
        sentence = (
            f"the header has {len(header[0].fields)} names and the rows have {layout.width} "
            f"values: {header[0].text!r}. Name the columns."
        )
        yield Finding("names", False, sentence)
    elif len(header) > 1:
        sentence = f"{len(header)} rows have words where the columns have values: all are names."
        yield Finding("header_rows", False, sentence)
    elif layout.is_sure:
        yield Finding("header_rows", True, f"line {header[0].line} has words above values.")
    else:
        sentence = f"line {header[0].line} is taken for the header: all columns are texts."
        yield Finding("header_rows", False, sentence)
    if layout.second:
        sentence = (
            f"line {records[layout.end or 0].line} has other names: a second table, which is left "
            "out with all that follows."
        )
        yield Finding("stop_at", False, sentence)
    elif layout.end is not None:
        sentence = f"the table ends in line {records[layout.end].line}, with sums."
        yield Finding("stop_at", False, sentence)
    if layout.totals:
        lines = ", ".join(str(records[place].line) for place in layout.totals[:5])
        yield Finding("skip_matching", False, f"rows of sums stand among the rows (line {lines}).")


def sheet_finding(chosen: Sequence[str], others: Sequence[str]) -> Finding:
    """Which sheets have rows."""
    named = ", ".join(map(repr, chosen))
    if not others:
        return Finding("sheet", True, f"every sheet has the table ({named}).")
    left = ", ".join(map(repr, others))
    return Finding("sheet", False, f"{named} has the table; {left} has none of its kind.")
