"""Bytes of a file: gzip, byte order marks, encodings."""

from __future__ import annotations

import gzip
import io

import pytest

from ecorse.clean.stream import open_text
from ecorse.errors import ContractError
from ecorse.schema.shape import Shape

UTF8 = Shape(encoding="utf-8")
TEXT = "id,name\n1,Müller £ 東京\n"


def read(data: bytes, encoding: str = "utf-8", block_bytes: int = 1 << 20) -> bytes:
    return b"".join(
        open_text(io.BytesIO(data), Shape(encoding=encoding), "f.csv", block_bytes).blocks
    )


@pytest.mark.parametrize("block_bytes", [4, 5, 1 << 20])
@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (gzip.compress(TEXT.encode(), mtime=0), "utf-8"),
        (
            gzip.compress(TEXT[:9].encode(), mtime=0) + gzip.compress(TEXT[9:].encode(), mtime=0),
            "utf-8",
        ),
        (gzip.compress(TEXT.encode(), mtime=0) + b"\0" * 512, "utf-8"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_text_arrives_whole_in_blocks_of_any_size(data, encoding, block_bytes):
    assert read(data, encoding, block_bytes) == TEXT.encode()


def test_the_byte_order_mark_is_taken_off():
    assert read(b"\xef\xbb\xbf" + TEXT.encode()) == TEXT.encode()


def test_a_declared_latin_1_is_decoded():
    assert read("5 £\n".encode("latin-1"), "latin-1") == "5 £\n".encode()


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"", "utf-8", r"f\.csv: the file is empty \(0 bytes\)"),
        (
            gzip.compress(TEXT.encode(), mtime=0)[:-6],
            "utf-8",
            "truncated.*ends in the middle, at byte",
        ),
        (gzip.compress(TEXT.encode(), mtime=0) + b"junk", "utf-8", "at byte .* not gzip"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 40, "utf-8", "damaged gzip"),
        (TEXT.encode("utf-16"), "utf-8", r"looks like utf-16, not UTF-8 \(byte offset 0\)"),
        (TEXT.encode("utf-16-le"), "utf-8", r"looks like utf-16-le.*\(byte offset 1\)"),
        (TEXT.encode("utf-16-be"), "utf-8", r"looks like utf-16-be.*\(byte offset 0\)"),
        (b"abc\xff", "ascii", "byte 3 is not ascii, which the contract declares"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_place(data, encoding, message):
    with pytest.raises(ContractError, match=message) as refused:
        read(data, encoding)
    assert "Nothing was loaded." in str(refused.value)
