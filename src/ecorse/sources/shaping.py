"""What a mapping, a lookup or a shop may declare about how a file is written.

What belongs here: the keys, and which of them contradict each other. What does not: what they do
(``ecorse.schema.shape``, ``ecorse.clean``).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ecorse.declared import Table
from ecorse.schema.shape import PLAIN, Shape


def _at_most_one_character(text: str) -> str:
    if len(text) > 1 or text in ("\n", "\r"):
        raise ValueError('expected one character, or "" for none')
    return text


def _delimiter(text: str) -> str:
    if not text or "\n" in text or "\r" in text:
        raise ValueError("expected one or more characters, and no line end")
    return text


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError("expected an encoding such as 'utf-8', 'latin-1' or 'cp1252'") from None
    return name


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    return text


def _several(value: Any) -> Any:
    """One value where several may stand."""
    return (
        (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
    )


Encoding = Annotated[str, AfterValidator(_known_encoding)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
AtMostOneCharacter = Annotated[str, AfterValidator(_at_most_one_character)]
Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
Names = Annotated[tuple[str, ...], BeforeValidator(_several)]
Groups = Annotated[str, Field(pattern=r"^[.,' ]*$")]


class ShapeTable(Table):
    """The keys of a shape; what is not given is as it is without it (``schema.shape.Shape``)."""

    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    quote: AtMostOneCharacter | None = None
    escape: AtMostOneCharacter | None = None
    bare_quotes: bool | None = None
    white_space: bool | None = None
    header_rows: Annotated[int, Field(ge=0, le=3)] | None = None
    names: tuple[str, ...] | None = None
    skip_rows: Annotated[int, Field(ge=0)] | None = None
    skip_until: Pattern | None = None
    stop_at: Pattern | None = None
    skip_matching: tuple[Pattern, ...] | None = None
    sheet: Names | None = None

    def shape(self, otherwise: Shape) -> Shape:
        """What this one says, and the other where it says nothing."""
        keys = {name: getattr(self, name) for name in ShapeTable.model_fields}
        return replace(otherwise, **{k: value for k, value in keys.items() if value is not None})


def contradictions(shape: Shape) -> Iterator[str]:
    """What each key may say and all of them together may not, one sentence each."""
    if not shape.header_rows and not shape.names:
        yield "header_rows = 0: a file without a header needs names = [...], one for each column"
    if len(set(shape.names)) < len(shape.names):
        yield "names: expected every name once"
    if shape.skip_rows and shape.skip_until:
        yield "skip_rows and skip_until: expected one of them, for each says where the header is"
    if shape.skip_until and not shape.header_rows:
        yield "skip_until: it matches the header, and header_rows = 0 says that there is none"
    if shape.white_space and shape.delimiter not in (PLAIN.delimiter, " ", "  "):
        yield f"white_space and delimiter = {shape.delimiter!r}: expected one of them"
    parts = " " if shape.white_space else shape.delimiter
    for name, sign in (("quote", shape.quote), ("escape", shape.escape)):
        if sign and sign in parts:
            yield f"{name} = {sign!r} is part of the delimiter"
    if shape.quote and shape.quote == shape.escape:
        yield 'escape: quotes that are doubled need none (leave it out); expected such as "\\\\"'
    if shape.bare_quotes and not shape.quote:
        yield "bare_quotes: nothing is quoted, for quote is empty"
