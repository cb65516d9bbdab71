"""Finding a file's shape in a sample: what its bytes prove, and what a person has to say.

What belongs here: the order of the findings and their sentences. What does not: how each is found
(``dialect``, ``layout``), and reading by a shape (``framing``). A shape that was found is proposed,
never read by without being looked at: ``ecorse source draft`` writes it down with its questions.

Published work that this was measured beside: G. Vitagliano and others, Pollock: a data loading
benchmark (https://www.vldb.org/pvldb/vol16/p1870-vitagliano.pdf).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from ecorse.clean.dialect import LIKELY, Candidate, called, find_dialect, of_blanks
from ecorse.clean.finding import Finding, Sniffed, laid_out, of_layout
from ecorse.clean.formats import table_format
from ecorse.clean.layout import find_layout
from ecorse.clean.sniff_sheets import sniff_workbook
from ecorse.clean.stream import BLOCK_BYTES, open_text, raw_blocks
from ecorse.errors import ContractError
from ecorse.schema.shape import PLAIN, Shape

SAMPLE_BYTES = 1 << 20
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def sniff(path: Path) -> Sniffed:
    """Find how a file is written.

    Encoding is looked at in the whole file, the rest in its first megabyte.

    Raises
    ------
    ContractError
        The file is empty, holds blank lines alone, or is damaged.
    """
    with path.open("rb") as file:
        packed = iter(lambda: file.read(BLOCK_BYTES), b"")
        start = next(packed, b"")
        blocks = raw_blocks(start, packed, path.name)
        first = start if table_format(start, path.name) else next(blocks, b"")
        if not first:
            raise ContractError(
                f"{path.name}: the file is empty (0 bytes). There is nothing to find."
            )
        if kind := table_format(first, path.name):
            return sniff_workbook(path) if kind == "xlsx" else Sniffed(PLAIN, kind=kind)
        encoding, about_encoding = find_encoding(chain((first,), blocks))
    data, is_whole = _sample(path, encoding)
    if not data.strip():
        raise ContractError(
            f"{path.name}: holds no text but blank lines. There is nothing to find."
        )
    candidates = find_dialect(data, is_whole=is_whole)
    best = candidates[0]
    layout = find_layout(best.records, best.width)
    shape = laid_out(replace(best.shape, encoding=encoding), best.records, layout)
    findings = (
        about_encoding,
        *_of_dialect(candidates),
        *of_layout(best.records, layout, shape),
    )
    return Sniffed(shape, findings, best.width)


def _sample(path: Path, encoding: str) -> tuple[bytes, bool]:
    """The first megabyte as UTF-8, and whether that is all."""
    with path.open("rb") as file:
        data = b""
        for block in open_text(file, Shape(encoding=encoding), path.name).blocks:
            data += block
            if len(data) > SAMPLE_BYTES:
                return data[:SAMPLE_BYTES], False
    return data, True


def find_encoding(blocks: Iterable[bytes]) -> tuple[str, Finding]:
    """What to declare as a text's encoding, empty for UTF-8, and why.

    Parameters
    ----------
    blocks
        All bytes of the file.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    is_ascii, offset, block = True, 0, b""
    for block in blocks:
        if not offset:
            for mark, name in MARKS:
                if block.startswith(mark):
                    return name, Finding("encoding", True, f"{name}, by its byte order mark.")
            zeros = block[:4096].count(0)
            if zeros > len(block[:4096]) // 3:
                name = "utf-16-be" if block[0] == 0 else "utf-16-le"
                sentence = f"{name}, by its zero bytes. If words look wrong, it is another."
                return name, Finding("encoding", False, sentence)
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return _other_encoding(block, offset + max(error.start, 0))
        is_ascii = is_ascii and block.isascii()
        offset += len(block)
    try:
        decoder.decode(b"", final=True)  # the last letter may want bytes that do not come
    except UnicodeDecodeError:
        return _other_encoding(block, offset - len(decoder.getstate()[0]))
    what = "plain ASCII, which is UTF-8 too" if is_ascii else "valid UTF-8"
    return "", Finding("encoding", True, f"{what}.")


def _other_encoding(block: bytes, offset: int) -> tuple[str, Finding]:
    text = block.decode("utf-8", "replace")
    beyond = sum(ord(letter) > 127 for letter in text)
    if text.count("\ufffd") * 10 < beyond:
        sentence = f"UTF-8 but for a few bytes (the first at {offset}): these rows are rejected."
        return "", Finding("encoding", False, sentence)
    try:
        block.decode("cp1252")
        name = "cp1252"
    except UnicodeDecodeError:
        name = "latin-1"
    word = re.search(rb"\S*[\x80-\xff]\S*", block)
    example = word.group()[:40].decode(name) if word else ""
    sentence = (
        f"not UTF-8 (byte {offset}). Read as {name} there is {example!r}: is that right? Else it "
        "is another one, such as latin-1, cp1250, cp437 or mac-roman."
    )
    return name, Finding("encoding", False, sentence)


def _of_dialect(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    best, *others = candidates
    shape = best.shape
    sound = sum(r.is_sound and len(r.fields) == best.width for r in best.records)
    what = f"{called(shape)} makes {best.width} fields of {sound} of {len(best.records)} records"
    made = [record.fields for record in best.records]
    rivals = [
        c for c in others
        if c.score > LIKELY * best.score
        and [r.fields for r in c.records] != made
        and (of_blanks(shape) or not of_blanks(c.shape))
    ]  # fmt: skip
    if best.width == 1:
        yield Finding("delimiter", False, "nothing parts the lines alike: is there one column?")
    elif rivals:
        named = " or ".join(called(rival.shape) for rival in rivals)
        yield Finding("delimiter", False, f"{what}; {named} would do nearly as well.")
    else:
        yield Finding("delimiter", True, f"{what}.")
    if shape.quote != PLAIN.quote:
        yield Finding("quote", False, f"values are quoted by {shape.quote!r}.")
    if shape.escape:
        sentence = f"{shape.escape!r} stands before quotes: it is taken for an escape."
        yield Finding("escape", False, sentence)
    if shape.bare_quotes:
        sentence = "quotes stand inside of quoted values, and none is doubled: taken for text."
        yield Finding("bare_quotes", False, sentence)
    if best.broken and not shape.bare_quotes:
        sentence = f"{best.broken} records have quotes that do not fit: they are rejected."
        yield Finding("quote", False, sentence)
