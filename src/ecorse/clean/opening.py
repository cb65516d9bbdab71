"""Opens a file by its contract: text, header, and what to declare where the header is another.

What belongs here: the way from an open file to a recognised header. What does not: rows
(``cleaner``).
"""

from __future__ import annotations

from collections.abc import Sequence

from ecorse.clean.exact import Grammar, read_record
from ecorse.clean.formats.base import ANYTHING, Expected, Wanted, WantedForm
from ecorse.clean.framing import Framer
from ecorse.clean.second_table import are_names
from ecorse.clean.stream import Readable, open_text
from ecorse.errors import ContractError
from ecorse.schema.contract import Contract, Header, header_key
from ecorse.schema.recognise import has_header, recognise
from ecorse.schema.shape import Shape

LOOKED_AT = 50
DELIMITERS = {",": "','", ";": "';'", "\t": "'\\t'", "|": "'|'"}
MAX_RECORD_BYTES = 1 << 20


def open_frames(
    file: Readable,
    contract: Contract,
    file_name: str,
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Framer:
    """A file's header, read at once, and its framed blocks, as its contract says they are written.

    Raises
    ------
    ContractError
        It is no text of the contract's encoding, or has no header.
    """
    return open_shape(
        file,
        contract.shape,
        file_name,
        max_record_bytes,
        contract.max_record_lines,
        wanted_by(contract),
    )


def open_shape(
    file: Readable,
    shape: Shape,
    file_name: str,
    max_record_bytes: int = MAX_RECORD_BYTES,
    max_record_lines: int = 100,
    wanted: Wanted = ANYTHING,
) -> Framer:
    """As ``open_frames``, of a file of which no more is known than how it is written."""
    opened = open_text(file, shape, file_name, wanted=wanted)
    return Framer(
        opened.blocks,
        file_name=file_name,
        shape=opened.shape,
        max_record_bytes=max_record_bytes,
        max_record_lines=max_record_lines,
    )


def wanted_by(contract: Contract) -> Wanted:
    """What a contract expects of a table."""
    forms = []
    for form in contract.forms:
        places = {header_key(alias): i for i, c in enumerate(form.columns) for alias in c.aliases}
        places |= {header_key(c.name): i for i, c in enumerate(form.columns)}
        forms.append(WantedForm(places, [i for i, c in enumerate(form.columns) if c.required]))
    columns = {
        header_key(name): Expected(column.type, column.decimal)
        for form in contract.forms
        for column in form.columns
        for name in (*column.aliases, column.name)
    }
    return Wanted(forms, columns)


def recognise_header(framer: Framer, contract: Contract, file_name: str) -> Header:
    """The header of an open file; see ``ecorse.schema.contract.recognise``.

    Raises
    ------
    ContractError
        It is none of the contract's. Where another line of the file would be one, or another
        delimiter makes one, the message says what to declare.
    """
    try:
        return recognise(contract, framer.header, file_name)
    except ContractError as error:
        if has_header(contract, framer.header):
            raise
        raise ContractError(f"{error} {_advice(framer, contract)}".rstrip()) from None


def _advice(framer: Framer, contract: Contract) -> str:
    """What to declare so that the file has the contract's header; empty where nothing helps."""
    shape = framer.shape
    texts = [framer.header_text, *framer.ahead(LOOKED_AT)]
    for text in texts[:1] if shape.names else texts:
        for delimiter, written in DELIMITERS.items():
            if delimiter != shape.delimiter and has_header(contract, _split(text, delimiter)):
                return f"Its columns are parted otherwise: declare delimiter = {written}."
    grammar = Grammar.of(shape, loose=True)
    for place, text in enumerate(texts):
        data = text.encode()
        found = read_record(data, (len(data),), 0, grammar=grammar, expected=0, max_bytes=len(data))
        if has_header(contract, [value.decode() for value in found.fields]):
            above = framer.header_line - 1 + place
            return (
                f"Line {above + 1} has the header of this source: declare skip_rows = {above}, or "
                "skip_until, a pattern that it matches."
            )
    if shape.header_rows and not shape.names and not are_names(framer.header):
        return (
            "If the file has no header, declare header_rows = 0 and names = [...]; if its header "
            "is broken, names = [...] alone."
        )
    return ""


def _split(text: str, delimiter: str) -> Sequence[str]:
    data = text.encode()
    grammar = Grammar.of(Shape(delimiter=delimiter), loose=True)
    found = read_record(data, (len(data),), 0, grammar=grammar, expected=0, max_bytes=len(data))
    return [value.decode() for value in found.fields]
