"""How a file of text is written: encoding, fields, quotes, header, and what is no row.

What belongs here: the declaration, as plain strings and numbers. What does not: recognising it in
a sample (``clean.sniff``) and reading by it (``clean.framing``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """How a file is written; what is not said is not assumed where a file can be read two ways.

    Parameters
    ----------
    encoding
        Empty: recognised where the bytes prove it (UTF-8, or UTF-16 by its byte order mark).
    delimiter, quote, escape
        ``delimiter`` has one or more characters. ``quote`` is empty where nothing is quoted.
        ``escape`` takes away the meaning of a quote, delimiter or escape behind it; before any
        other character it is text. Without it quotes are doubled.
    bare_quotes
        A quote that stands at no border of a field is text, and quotes are not doubled.
    white_space
        Fields are parted by any run of blanks and tabs, instead of by ``delimiter``; where that is
        two blanks, by runs of at least two (or a tab): single ones stand inside of values.
    header_rows, names
        How many rows the header has; names of several are joined by a space. ``names`` are taken
        instead of the file's own, and are needed where it has none (``header_rows = 0``).
    skip_rows, skip_until
        Lines above the header, or a regular expression of which the header is the first match.
    stop_at, skip_matching
        Regular expressions, searched in each record's first line: the first match of ``stop_at``
        and all that follows, and each match of ``skip_matching``, are no rows.
    sheet
        Names of the sheets of a workbook that hold rows; empty: all of them do.
    """

    encoding: str = ""
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    bare_quotes: bool = False
    white_space: bool = False
    header_rows: int = 1
    names: tuple[str, ...] = ()
    skip_rows: int = 0
    skip_until: str = ""
    stop_at: str = ""
    skip_matching: tuple[str, ...] = ()
    sheet: tuple[str, ...] = ()

    @property
    def characters(self) -> Shape:
        """The characters alone, without what is said of one file's header and end."""
        return Shape(
            encoding=self.encoding,
            delimiter=self.delimiter,
            quote=self.quote,
            escape=self.escape,
            bare_quotes=self.bare_quotes,
            white_space=self.white_space,
        )

    @property
    def is_plain(self) -> bool:
        """Whether blocks can be looked at as bytes: one byte parts fields and one quotes them."""
        return (
            len(self.delimiter.encode()) == 1
            and len(self.quote.encode()) <= 1
            and not (self.escape or self.bare_quotes or self.white_space)
        )

    @property
    def parsed(self) -> tuple[str, str]:
        """Delimiter and quote of framed blocks: other shapes are framed as plain CSV."""
        return (self.delimiter, self.quote) if self.is_plain else (",", '"')


PLAIN = Shape()
