"""Finding delimiter, quote and escape in a sample of text.

What belongs here: the candidates, reading the sample by each, and their scores. What does not: the
table's header and end (``layout``), and encodings (``sniff``).

A candidate is good if most lines become records of one width (consistency) whose values look like
something (types) and show no trace of a mistaken border. The idea of weighing row patterns by types
is that of G. van den Burg, A. Nazábal, C. Sutton: Wrangling messy CSV files by detecting row and
type patterns (https://arxiv.org/abs/1811.11242), and DuckDB's sniffer
(https://duckdb.org/2023/10/27/csv-sniffer) chooses in the same order; measure and code are our own.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

from ecorse.clean.cells import plausible
from ecorse.clean.exact import Found, Grammar, read_record
from ecorse.clean.lines import Lines, find_lines
from ecorse.schema.shape import PLAIN, Shape

SCORED_LINES = 400
SPANNED_LINES = 50
DELIMITERS = (",", ";", "\t", "|", ", ", "; ", " | ", "||", "::", "~", "^", "\x01", "¦", " ")
NAMES = {"\t": "tab", " ": "blank", ", ": "comma and blank", "; ": "semicolon and blank"}
BLANKS = 0.85  # what blanks as delimiters count beside other characters
LIKELY = 0.93  # of the best score: an alternative that is worth a question


class Record(NamedTuple):
    """A record of the sample: its first line and that line's number, its values, its soundness."""

    line: int
    text: str
    fields: tuple[str, ...]
    is_sound: bool


@dataclass(frozen=True)
class Candidate:
    """A shape, the records that it makes of the sample, and how good these are (0 to 1)."""

    shape: Shape
    records: list[Record]
    width: int
    score: float
    broken: int
    doubled: int


def find_dialect(data: bytes, *, is_whole: bool) -> list[Candidate]:
    """The shapes by which a sample could be read, the best first; never none.

    Parameters
    ----------
    data
        The beginning of a file, in UTF-8.
    is_whole
        Whether it is all of the file; else its last line is left out.
    """
    lines = find_lines(data, is_whole)
    if not lines.number:
        lines = find_lines(data, True)
    head = data[: int(lines.nexts[min(SCORED_LINES, lines.number) - 1])]
    quotes = _quotes(head)
    shapes = [Shape(delimiter=delimiter) for delimiter in _delimiters(head)]
    if b" " in head or b"\t" in head:
        shapes += [Shape(white_space=True), Shape(white_space=True, delimiter="  ")]
    found = [
        _candidate(data, lines, replace(shape, quote=quote, bare_quotes=is_bare))
        for shape in shapes
        for quote in quotes
        for is_bare in ((False, True) if quote == "'" else (False,))  # it is an apostrophe, too
    ]
    found = found or [_candidate(data, lines, PLAIN)]
    found.sort(key=lambda c: -c.score)
    best = _best_escape(data, lines, found[0])
    return [best, *(c for c in found[1:] if called(c.shape) != called(best.shape))]


def _quotes(head: bytes) -> tuple[str, ...]:
    """The quotes that stand beside a border somewhere; the usual one where none does."""
    beside = [q for q in ('"', "'") if any(
        line.startswith(q.encode()) or d + q.encode() in line
        for line in head.splitlines() for d in (b",", b";", b"\t", b"|", b" ", b"~", b"^", b":")
    )]  # fmt: skip
    return tuple(dict.fromkeys((*beside, '"')))


def _delimiters(head: bytes) -> list[str]:
    """The delimiters that stand in at least a third of the lines."""
    lines = [line for line in head.splitlines() if line.strip()]
    return [d for d in DELIMITERS if sum(d.encode() in line for line in lines) * 3 >= len(lines)]


def _candidate(data: bytes, lines: Lines, shape: Shape) -> Candidate:
    records, doubled = _read(data, lines, shape)
    scored = [r for r in records[:SCORED_LINES] if any(text.strip() for text in r.fields)]
    widths = Counter(len(r.fields) for r in scored if r.is_sound)
    width = max(widths, key=lambda w: (widths[w], w), default=1)
    fitting = [r for r in scored if r.is_sound and len(r.fields) == width]
    # a column without a value, not even a name, is half of a longer delimiter
    columns = [c for c in zip(*(r.fields for r in fitting), strict=True) if any(map(str.strip, c))]
    cells = [text for column in columns for text in column]
    looks = sum(map(plausible, cells))
    fit = len(fitting) / max(len(scored), 1)
    score = fit * fit * looks / max(len(fitting) * width, 1) * (1 - 1 / width)
    if of_blanks(shape):
        score *= BLANKS  # they stand in texts, too
    broken = sum(not r.is_sound for r in records)
    return Candidate(shape, records, width, score, broken, doubled)


def _read(data: bytes, lines: Lines, shape: Shape) -> tuple[list[Record], int]:
    """The records of the sample, and how many of their values have doubled quotes."""
    grammar = Grammar.of(shape)
    records: list[Record] = []
    pair = grammar.quote * 2
    i = doubled = width = 0
    while i < lines.number:
        found = _read_one(data, lines, i, grammar, width)
        text = data[lines.starts[i] : lines.ends[i + found.lines - 1]]
        line = data[lines.starts[i] : lines.ends[i]].decode("utf-8", "replace")
        if found.rule is None:
            fields = tuple(value.decode("utf-8", "replace") for value in found.fields)
            width = width or len(fields)
            if pair and pair in text:
                doubled += sum(shape.quote in value for value in fields)
        else:
            fields = (line,)
        records.append(Record(i + 1, line, fields, found.rule is None))
        i += found.lines
    return records, doubled


def _read_one(data: bytes, lines: Lines, i: int, grammar: Grammar, width: int) -> Found:
    """The record that begins with a line; over several lines only if it has the usual width."""
    start = int(lines.starts[i])
    ends = lines.ends[i : i + SPANNED_LINES].tolist()
    most = max(ends[-1] - start, 1)
    found = read_record(data, ends[:1], start, grammar=grammar, expected=0, max_bytes=most)
    if found.rule != "quote_not_closed" or len(ends) == 1:
        return found
    spanning = read_record(data, ends, start, grammar=grammar, expected=width, max_bytes=most)
    return spanning if spanning.rule is None else found


def _best_escape(data: bytes, lines: Lines, plain: Candidate) -> Candidate:
    """The same delimiter and quote with the escape that breaks fewest records.

    Doubled quotes are kept where any are seen: other readings would give them another value.
    """
    shape = plain.shape
    if (
        shape.quote == "'"
        and (runs := re.findall(rb'"+', data))
        and not any(len(r) % 2 for r in runs)
    ):
        escaped = _candidate(data, lines, replace(shape, escape='"'))
        return escaped if escaped.broken <= plain.broken else plain
    if not plain.broken or plain.doubled or not shape.quote:
        return plain
    tried = [replace(shape, bare_quotes=True)]
    if b"\\" + shape.quote.encode() in data:
        tried.insert(0, replace(shape, escape="\\"))
    made = [_candidate(data, lines, other) for other in tried]
    best = min(made, key=lambda c: c.broken)
    is_better = best.broken * 2 < plain.broken and (plain.broken > 1 or best.shape.escape)
    return best if is_better else plain


def of_blanks(shape: Shape) -> bool:
    """Whether nothing but blanks part the fields."""
    return shape.white_space or not shape.delimiter.strip(" ")


def called(shape: Shape) -> str:
    """A delimiter in words."""
    if shape.white_space:
        return "white space" if shape.delimiter != "  " else "two blanks or more"
    return NAMES.get(shape.delimiter, repr(shape.delimiter))
