"""zstd, Parquet and xlsx become the text that a CSV file of the same rows would have.

What belongs here: bytes in, text out. What does not: records and types.
"""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import polars as pl
import pytest
import zstandard

from ecorse.clean.opening import wanted_by
from ecorse.clean.stream import open_text
from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Contract, Form
from ecorse.schema.shape import Shape

UTF8 = Shape(encoding="utf-8")
TEXT = "id,name\n1,Müller £ 東京\n".encode()


def read(data: bytes, block_bytes: int = 1 << 20, **more) -> bytes:
    return b"".join(open_text(io.BytesIO(data), UTF8, "f", block_bytes, **more).blocks)


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, row_group_size=2)
    return file.getvalue()


def workbook(**sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("block_bytes", [4, 7, 1 << 20])
def test_zstd_of_one_and_more_frames(block_bytes):
    pack = zstandard.ZstdCompressor().compress
    assert read(pack(TEXT), block_bytes) == TEXT
    assert read(pack(TEXT[:9]) + pack(TEXT[9:]), block_bytes) == TEXT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-3], "truncated: the zstd data ends in the middle, at byte"),
        (lambda data: data + b"junk", "at byte .* is not zstd"),
        (lambda data: data + b"\x28\xb5", "truncated"),
        (lambda data: data[:4] + b"\xff" * 40, "damaged zstd"),
    ],
)
def test_zstd_that_is_cut_or_damaged(change, message):
    packed = zstandard.ZstdCompressor().compress(TEXT)
    with pytest.raises(ContractError, match=f"f: .*{message}.*Nothing was loaded"):
        read(change(packed))


def test_parquet_values_as_text():
    frame = pl.DataFrame(
        {
            "whole": [1, None, -3],
            "price": [Decimal("1.50"), Decimal("0.10"), None],
            "float": [0.1, 17850.0, 1.5e-9],
            "small": pl.Series([0.1, 2.0, None], dtype=pl.Float32),
            "at": [datetime(2020, 1, 31, 13), datetime(2020, 1, 31, 13, 0, 0, 500), None],
            "instant": [datetime(2019, 10, 1, tzinfo=UTC)] * 3,
            "day": [date(2020, 2, 29)] * 3,
            "is_new": [True, False, None],
            "a\nname": ['say "hi", twice', "two\nlines", ""],
            "bytes": [b"x", None, "é".encode()],
        }
    )
    instant, day = "2019-10-01 00:00:00 UTC", "2020-02-29"
    assert read(parquet(frame)).decode() == (
        "whole,price,float,small,at,instant,day,is_new,a name,bytes\n"
        f'1,1.50,0.1,0.1,2020-01-31 13:00:00,{instant},{day},true,"say ""hi"", twice",x\n'
        f',0.10,17850,2,2020-01-31 13:00:00.000500,{instant},{day},false,"two\nlines",\n'
        f"-3,,0.0000000015,,,{instant},{day},,,é\n"
    )


def test_numbers_have_the_decimal_sign_that_their_column_declares_and_one_reading():
    """12.345 could be thousands as text; 12.3450 could not."""
    contract = Contract(
        "c",
        (
            Form(
                "f",
                (
                    Column("de", "unit_price", "decimal", decimal=",", group="."),
                    Column("open", "line_total", "decimal"),
                    Column("en", "tax_amount", "decimal", decimal="."),
                    Column("id", "order_id"),
                ),
            ),
        ),
        (),
        (),
    )
    rows = [{"de": 1.5, "open": 12.345, "en": 12.345, "id": 12.345},
            {"de": 12.345, "open": 7.25, "en": 7.0, "id": 7.0}]  # fmt: skip
    expected = 'de,open,en,id\n"1,5",12.3450,{en},12.345\n"12,3450",7.25,7,7\n'
    wanted = wanted_by(contract)
    lines = "".join(json.dumps(row) + "\n" for row in rows).replace("7.0", "7").encode()
    sheet = workbook(s=[list(rows[0]), *(list(row.values()) for row in rows)])
    assert read(parquet(pl.DataFrame(rows)), wanted=wanted).decode() == expected.format(en="12.345")
    for data in (lines, sheet):
        assert read(data, wanted=wanted).decode() == expected.format(en="12.3450")


def test_a_share_in_a_cell_may_be_one_or_the_other():
    """A cell that shows 10 % holds 0.1, as one that shows 0.1 does; 10 and texts are plain."""
    columns = (Column("off", "discount_share", "percent", decimal=","),)
    wanted = wanted_by(Contract("c", (Form("f", columns),), (), ()))
    data = workbook(s=[["off"], [0.1], [10], ["10,5 %"], [2.5], [0]])
    expected = 'off\n0.1 or 10 %\n10\n"10,5 %"\n"2,5"\n0\n'
    assert read(data, wanted=wanted).decode() == expected


def test_a_cut_parquet_file_and_a_column_without_text():
    data = parquet(pl.DataFrame({"a": [1, 2]}))
    with pytest.raises(ContractError, match="f: damaged or cut-off Parquet"):
        read(data[:-5])
    with pytest.raises(ContractError, match="f: column 'a' holds List"):
        read(parquet(pl.DataFrame({"a": [[1], [2]]})))


def test_sheets_of_one_header_follow_each_other():
    header = ["Invoice", "Customer ID", "Price", "InvoiceDate"]
    data = workbook(
        first=[header, ["C489434", 13085, 6.95, datetime(2009, 12, 1, 7, 45)]],
        empty=[],
        second=[header, [489435, None, 0.1, date(2010, 12, 1)], ["a,b", 1, 2, None]],
    )
    assert read(data).decode() == (
        "Invoice,Customer ID,Price,InvoiceDate\n"
        "C489434,13085,6.95,2009-12-01 07:45:00\n"
        "Invoice,Customer ID,Price,InvoiceDate\n"
        "489435,,0.1,2010-12-01\n"
        '"a,b",1,2,\n'
    )


def test_a_sheet_of_another_kind_is_named():
    with pytest.raises(
        ContractError, match=r"f: sheet 'b' has the header 'z', where .*'a' has 'x'"
    ):
        read(workbook(a=[["x"], [1]], b=[["z"], [1]]))


def test_workbooks_that_are_none():
    with pytest.raises(ContractError, match="f: no sheet of the workbook holds a row"):
        read(workbook(a=[], b=[]))
    with pytest.raises(ContractError, match="f: damaged, cut off"):
        read(workbook(a=[["x"], [1]])[:-30])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("sales.csv", "a,b\n")
    with pytest.raises(ContractError, match=r"f: .* a zip archive and no workbook .*named \*\.zip"):
        read(file.getvalue())
