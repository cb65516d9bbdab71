"""The bytes of a file, as UTF-8 blocks: format, compression, byte order mark, encoding.

What belongs here: everything before a line is a line. What does not: reading what is no plain text
(``formats``, in a process of its own), lines and fields (``framing``).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, Protocol

from ecorse.clean.formats import packed_format, table_blocks, table_format, unpacked_blocks
from ecorse.clean.formats.base import ANYTHING, Wanted
from ecorse.errors import ContractError
from ecorse.schema.shape import Shape

BLOCK_BYTES = 4 << 20
HEAD_BYTES = 4096
FEW_LETTERS = 3  # beyond ASCII: so many are no accident
UTF8_BOM = codecs.BOM_UTF8
FOREIGN_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Readable(Protocol):
    """What can be read block by block, such as an open binary file."""

    def read(self, size: int, /) -> bytes: ...


class Opened(NamedTuple):
    """A file's text as non-empty blocks of UTF-8, not cut at lines, and how it is written."""

    blocks: Iterator[bytes]
    shape: Shape


def open_text(
    file: Readable,
    shape: Shape,
    file_name: str,
    block_bytes: int = BLOCK_BYTES,
    wanted: Wanted = ANYTHING,
) -> Opened:
    """Open a file's text, without its byte order mark.

    What a file is, is seen in its first bytes and not in its name: text, gzip, zstd, or a table
    (Parquet, xlsx, JSON), which becomes CSV text. A declared encoding other than UTF-8 is decoded
    strictly; UTF-8 is passed on as it is, so that one bad byte costs one row and not the file.
    Where none is declared, a byte order mark proves UTF-16 and UTF-32.

    Raises
    ------
    ContractError
        The file is empty, truncated, damaged, compressed with trailing junk, or in an encoding
        that was not declared; the message names the byte offset. Also while blocks are taken.
    """
    packed = iter(lambda: file.read(block_bytes), b"")
    start = _head(packed)
    if start and (name := table_format(start, file_name)):
        blocks = table_blocks(name, chain((start,), packed), file_name, shape, wanted)
        return Opened(blocks, _of_table(shape, name))
    blocks = raw_blocks(start, packed, file_name)
    first = _head(blocks)
    if not first:
        raise ContractError(
            f"{file_name}: the file is empty (0 bytes). Nothing was loaded. Fetch it again, or "
            "remove it from the folder."
        )
    if name := table_format(first, ""):  # compressed
        blocks = table_blocks(name, chain((first,), blocks), file_name, shape, wanted)
        return Opened(blocks, _of_table(shape, name))
    encoding = codecs.lookup(shape.encoding or _proven(first) or "utf-8").name
    if encoding != "utf-8":
        return Opened(_decoded(first, blocks, encoding, file_name), shape)
    _refuse_foreign(first, file_name)
    first = first.removeprefix(UTF8_BOM)
    return Opened(chain((first,), blocks) if first else blocks, shape)


def _head(blocks: Iterator[bytes]) -> bytes:
    """The first bytes, however small the blocks are: enough to see what a file is."""
    head = b""
    while len(head) < HEAD_BYTES and (block := next(blocks, b"")):
        head += block
    return head


def _proven(first: bytes) -> str:
    """The encoding that a byte order mark proves; empty where there is none."""
    return next((name for bom, name in FOREIGN_BOMS if first.startswith(bom)), "")


def _of_table(shape: Shape, name: str) -> Shape:
    """How the text of a table is written: as CSV, with nothing above the header."""
    rows = shape.header_rows if name == "xlsx" else 1
    return Shape(
        header_rows=rows,
        names=shape.names,
        stop_at=shape.stop_at,
        skip_matching=shape.skip_matching,
    )


def raw_blocks(first: bytes, blocks: Iterator[bytes], file_name: str) -> Iterator[bytes]:
    """The blocks of a file, unpacked where its first bytes say that it is packed."""
    whole = chain((first,), blocks) if first else blocks
    name = packed_format(first)
    return unpacked_blocks(name, whole, file_name) if name else whole


def _decoded(
    first: bytes, blocks: Iterator[bytes], encoding: str, file_name: str
) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    doubt = _Utf8Doubt(encoding)
    offset = 0
    block: bytes | None = first
    while block is not None:
        following = next(blocks, None)
        try:
            text = decoder.decode(block, final=following is None)
        except UnicodeDecodeError as error:
            raise ContractError(
                f"{file_name}: byte {offset + error.start} is not {encoding}, which the contract "
                "declares. Nothing was loaded. Declare the file's real encoding in the contract."
            ) from None
        doubt.see(block)
        if offset == 0:
            text = text.removeprefix("\ufeff")
        offset += len(block)
        if text:
            yield text.encode("utf-8")
        block = following
    if doubt.is_utf8:
        raise ContractError(
            f"{file_name}: is declared as {encoding}, and all its {doubt.letters} letters beyond "
            "ASCII are valid UTF-8, which text in another encoding never is. Nothing was loaded. "
            "Leave encoding out of the contract."
        )


class _Utf8Doubt:
    """Whether text that is declared to be in an encoding of single bytes is UTF-8 throughout."""

    def __init__(self, encoding: str) -> None:
        is_single = len("ä".encode().decode(encoding, "ignore")) == 2
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict") if is_single else None
        self.letters = 0

    def see(self, block: bytes) -> None:
        """Take the next bytes; one that is not UTF-8 ends the doubt."""
        if self._decoder is None or block.isascii():
            return
        try:
            text = self._decoder.decode(block)
        except UnicodeDecodeError:
            self._decoder = None
            return
        self.letters += sum(ord(letter) > 127 for letter in text)

    @property
    def is_utf8(self) -> bool:
        """Whether all of several letters are."""
        return self._decoder is not None and self.letters >= FEW_LETTERS


def _refuse_foreign(first: bytes, file_name: str) -> None:
    """Refuse UTF-16 and UTF-32, by byte order mark or by their zero bytes in the first lines."""
    for bom, name in FOREIGN_BOMS:
        if first.startswith(bom):
            raise _foreign(file_name, name, 0)
    sample = first[:HEAD_BYTES]
    zeros = sample.count(0)
    if len(sample) >= 8 and zeros > len(sample) // 3:
        name = "utf-16-be" if sample[0] == 0 else "utf-16-le"
        raise _foreign(file_name, name, sample.index(0))


def _foreign(file_name: str, name: str, offset: int) -> ContractError:
    return ContractError(
        f"{file_name}: looks like {name}, not UTF-8 (byte offset {offset}). Nothing was loaded. "
        f"Declare encoding = {name!r} in the source's contract, or save the file as UTF-8."
    )
