"""Each fault of a CSV file, through the real load into a real Postgres.

Expected counts are worked out by hand from the small file of each case: staged, duplicate,
ignored, and rejected by rule.
"""

from __future__ import annotations

import base64
import gzip
from decimal import Decimal

import pytest

import ecorse.ingest.archive
from ecorse.errors import ContractError, SourceUnavailable
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(
    shop_id="main",
    shop_name="Electronics store",
    time_zone="America/New_York",
    currency="USD",
    sources=(),
)
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
ADDRESS = '"917 1st St, Dallas, TX 75001"'
A = f"1,iPhone,1,700,04/19/19 08:46,{ADDRESS}"
B = f"2,USB-C Charging Cable,2,11.95,04/20/19 09:00,{ADDRESS}"
C = f"3,Wired Headphones,1,11.99,04/21/19 10:00,{ADDRESS}"


def load(path, **options):
    with writer("ingest:main:sales_csv", "test") as fence:
        return load_file(path, shop=SHOP, source=get_source("sales_csv"), fence=fence, **options)


def load_bytes(tmp_path, data: bytes, name: str = "f.csv"):
    path = tmp_path / name
    path.write_bytes(data)
    return load(path)


def load_lines(tmp_path, *lines: str, header: str = HEADER, end: str = "\n"):
    return load_bytes(tmp_path, end.join((header, *lines, "")).encode())


def query(statement: str, *values):
    with connect() as conn:
        return conn.execute(statement, values).fetchall()


def account(found) -> tuple[int, int, int, dict[str, int]]:
    assert found.rows_read == (
        found.rows_staged + found.rows_duplicate + found.rows_ignored + found.rows_rejected
    )
    return found.rows_staged, found.rows_duplicate, found.rows_ignored, found.counts["rejected"]


def row(**values: str) -> str:
    fields = {"id": "9", "product": "iPhone", "quantity": "1", "price": "700",
              "at": "04/19/19 08:46", "address": ADDRESS}  # fmt: skip
    return ",".join((fields | values).values())


ROW_FAULTS = {
    "1 repeated header": ([A, HEADER, B], (2, 0, 1, {})),
    "2 blank row": ([A, ",,,,,", B], (2, 0, 1, {})),
    "3 empty line": ([A, "", B], (2, 0, 1, {})),
    "4 short row": ([A, "2,iPhone,1", B], (2, 0, 0, {"field_count": 1})),
    "5 long row": ([A, B + ",x", C], (2, 0, 0, {"field_count": 1})),
    "6 open quote": ([A, row(id='"2', address="x"), B], (2, 0, 0, {"quote_not_closed": 1})),
    "7 decimal comma": ([A, row(price='"12,50"')], (1, 0, 0, {"unit_price_invalid": 1})),
    "7 dollar and thousands": ([row(price="$12"), row(price='"1,234.50"')], (2, 0, 0, {})),
    "8 NaN price": ([A, row(price="NaN")], (1, 0, 0, {"unit_price_invalid": 1})),
    "8 infinite price": ([A, row(price="inf")], (1, 0, 0, {"unit_price_invalid": 1})),
    "8 product NA": ([row(product="NA"), row(product="NULL")], (2, 0, 0, {})),
    "9 31 April": ([A, row(at="04/31/19 10:00")], (1, 0, 0, {"ordered_local_invalid": 1})),
    "9 29 February": (
        [row(at="02/29/19 10:00"), row(at="02/29/20 10:00")],
        (1, 0, 0, {"ordered_local_invalid": 1}),
    ),
    "14 NUL": ([A, row(product="i\0Phone")], (1, 0, 0, {"nul_byte": 1})),
    "34 order id as text": ([row(id="1e5"), row(id="007"), row(id="7")], (3, 0, 0, {})),
    "35 negative quantity": ([A, row(quantity="-1")], (1, 0, 0, {"quantity_not_positive": 1})),
    "36 quantity 0": ([A, row(quantity="0")], (1, 0, 0, {"quantity_not_positive": 1})),
    "36 price 0": ([A, row(price="0")], (2, 0, 0, {})),
    "37 duplicates": ([A, B, A, A, C, B], (3, 3, 0, {})),
    "37 same order, other line": ([A, B.replace("2,", "1,", 1)], (2, 0, 0, {})),
    "37 600 and 600.0": ([row(price="600"), row(price="600.0")], (1, 1, 0, {})),
    "37 differs only in the address": ([A, A.replace("Dallas", "Austin")], (2, 0, 0, {})),
    "37 differs only in the quantity": ([row(quantity="1"), row(quantity="2")], (2, 0, 0, {})),
    "37 differs only in an address or none": ([A, A.replace(ADDRESS, "")], (2, 0, 0, {})),
    "37 no address twice": ([row(address=""), row(address="")], (1, 1, 0, {})),
    "39 spelling of the product": (
        [row(product="iPhone"), row(product=" IPHONE "), row(product="iphone")],
        (1, 2, 0, {}),
    ),
    "41 quantity out of range": (
        [A, row(quantity="1000000000"), row(quantity="99999999999999999999")],
        (1, 0, 0, {"quantity_too_large": 1, "quantity_invalid": 1}),
    ),
    "41 price overflow": ([A, row(price="99999999999")], (1, 0, 0, {"unit_price_invalid": 1})),
    "42 gap and fold": (
        [row(at="03/10/19 02:30"), row(at="11/03/19 01:30"), row(at="11/03/19 02:30")],
        (3, 0, 0, {}),
    ),
    "43 leap day and new year": (
        [row(at="02/29/20 00:00"), row(at="12/31/19 23:59"), row(at="01/01/20 00:00")],
        (3, 0, 0, {}),
    ),
    "every row bad": (["x", "y,z"], (0, 0, 0, {"field_count": 2})),
}  # fmt: skip


@pytest.mark.parametrize("case", ROW_FAULTS)
def test_a_fault_in_a_row_costs_that_row_only(case, warehouse, tmp_path):
    lines, expected = ROW_FAULTS[case]
    found = load_lines(tmp_path, *lines)
    assert account(found) == expected
    assert found.rows_read == len(lines)
    staged, money = query("select count(*), sum(quantity * unit_price) from staging.order_lines")[0]
    assert (staged, money or 0) == (found.rows_staged, found.money_staged)
    [kept] = query("select count(*), count(distinct source_line) from ops.reject")
    assert kept == (found.rows_rejected, found.rows_rejected)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_33_line_ends(end, warehouse, tmp_path):
    assert account(load_lines(tmp_path, A, "", B, end=end)) == (2, 0, 1, {})
    assert query("select source_line from staging.order_lines order by 1") == [(2,), (4,)]


def test_6_the_reject_says_where_what_and_why(warehouse, tmp_path):
    broken = '2,"iPhone,1,700,04/19/19 08:46,x'
    load_lines(tmp_path, A, broken, row(quantity="0", price="x"), B)
    assert query(
        """
        select source_line, raw, rule, column_name, sentence, jsonb_array_length(reasons)
        from ops.reject order by source_line
        """
    ) == [
        (3, broken, "quote_not_closed", None,
         "Line 3 a quoted field is opened and not closed in this record.", 1),
        (4, row(quantity="0", price="x"), "quantity_not_positive", "Quantity Ordered",
         "Line 4: Quantity Ordered is '0': expected a quantity above 0; this source has no "
         "cancellations.", 2),
    ]  # fmt: skip


def test_11_byte_order_mark(warehouse, tmp_path):
    found = load_bytes(tmp_path, b"\xef\xbb\xbf" + f"{HEADER}\n{A}\n{B}\n".encode())
    assert account(found) == (2, 0, 0, {})


def test_13_one_invalid_byte(warehouse, tmp_path):
    bad = row(product="Caf\xe9").encode("latin-1")
    found = load_bytes(tmp_path, b"\n".join([HEADER.encode(), A.encode(), bad, B.encode()]))
    assert account(found) == (2, 0, 0, {"invalid_utf8": 1})
    [(raw, is_base64)] = query("select raw, is_base64 from ops.reject")
    assert is_base64
    assert base64.b64decode(raw) == bad


def test_12_a_whole_file_in_latin_1_is_refused(warehouse, tmp_path):
    rows = [row(id=str(i), product="Caf\xe9") for i in range(30)]
    data = "\n".join([HEADER, *rows]).encode("latin-1")
    offset = data.index(b"\xe9")
    with pytest.raises(ContractError, match=f"the first at byte offset {offset}"):
        load_bytes(tmp_path, data)
    assert nothing_loaded()


HOSTILE = [
    "Robert'); drop table staging.order_lines;--",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x","y")',
    "@SUM(A1)",
    "📱 phone",
    "שלום world",
    "e\u0301tude",
    "𝕏 four bytes",
    "back\\slash \\N \\. \\t",
    "tab\there",
    "two\nlines",
    "{json: 'x'}",
    "%s %(x)s {0}",
    "\\N",
    "NULL",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "100%",
    "a'b''c\"d",
]


def test_15_16_hostile_text_round_trips(warehouse, tmp_path):
    quoted = ['"' + text.replace('"', '""') + '"' for text in HOSTILE]
    rows = [
        row(id=f'"{text.replace(chr(34), chr(34) * 2)}"', product=f"P{i}", address=quoted[i])
        for i, text in enumerate(HOSTILE)
    ]
    assert account(load_lines(tmp_path, *rows)) == (len(HOSTILE), 0, 0, {})
    found = query("select order_id, address from staging.order_lines order by source_line")
    assert found == [(text, text) for text in HOSTILE]


def test_15_16_hostile_product_names_keep_apart(warehouse, tmp_path):
    rows = ['9,"' + t.replace('"', '""') + '",1,1,04/19/19 08:46,' for t in HOSTILE]
    assert account(load_lines(tmp_path, *rows))[0] == len(HOSTILE)
    found = query("select product_name, product_id from staging.order_lines order by source_line")
    assert [name for name, _ in found] == [" ".join(text.split()) for text in HOSTILE]
    assert len({product_id for _, product_id in found}) == len(HOSTILE)


def nothing_loaded() -> bool:
    counts = query(
        """
        select (select count(*) from staging.order_lines), (select count(*) from ops.load),
            (select count(*) from ops.reject), (select count(*) from ops.load_attempt)
        """
    )
    return counts == [(0, 0, 0, 0)]


PLAIN = f"{HEADER}\n{A}\n{B}\n".encode()
FILE_FAULTS = {
    "12 utf-16 without a mark": (
        PLAIN.decode().encode("utf-16-le"),
        r"f\.csv: looks like utf-16-le.*byte offset 1",
    ),
    "17 empty": (b"", r"f\.csv: the file is empty"),
    "19 truncated gzip": (gzip.compress(PLAIN)[:-9], r"f\.csv: truncated.*at byte"),
    "20 gzip with junk": (gzip.compress(PLAIN) + b"junk", r"f\.csv: behind the end.*not gzip"),
    "27 missing column": (
        PLAIN.replace(b"Price Each,", b""),
        r"f\.csv: column 'Price Each' is missing",
    ),
    "28 renamed column": (
        PLAIN.replace(b"Price Each", b"Preis"),
        r"column 'Price Each' is missing.*found.*'Preis'",
    ),
    "29 repeated column": (
        PLAIN.replace(b"Product", b"Order ID"),
        "columns 1 and 2 of the header are both named 'Order ID'",
    ),
    "31 header without end": (b"x" * (2 << 20), "header line is longer than 1048576 bytes"),
}


@pytest.mark.parametrize("case", FILE_FAULTS)
def test_a_fault_of_the_file_loads_nothing_and_helps(case, warehouse, tmp_path):
    data, message = FILE_FAULTS[case]
    with pytest.raises(ContractError, match=message) as refused:
        load_bytes(tmp_path, data)
    assert "Nothing was loaded." in str(refused.value)
    assert nothing_loaded()


def test_18_header_only(warehouse, tmp_path):
    found = load_lines(tmp_path)
    assert account(found) == (0, 0, 0, {})
    assert found.warnings == ["The file has a header and no rows."]


def test_20_gzip_members(warehouse, tmp_path):
    data = gzip.compress(PLAIN[:70]) + gzip.compress(PLAIN[70:])
    assert account(load_bytes(tmp_path, data, "f.csv.gz")) == (2, 0, 0, {})


def test_25_column_order(warehouse, tmp_path):
    found = load_lines(
        tmp_path,
        "700,04/19/19 08:46,1,iPhone,,2",
        header="Price Each,Order Date,Order ID,Product,Purchase Address,Quantity Ordered",
    )
    assert found.money_staged == Decimal(1400)
    assert query("select order_id, quantity from staging.order_lines") == [("1", 2)]


def test_26_an_extra_column_is_kept(warehouse, tmp_path):
    found = load_lines(tmp_path, A + ',"say ""hi"" \\ there"', B + ",", header=HEADER + ",Note")
    assert account(found) == (2, 0, 0, {})
    assert found.warnings == [
        "Columns 'Note' are not in the contract; they were kept in the column extra."
    ]
    assert query("select extra from staging.order_lines order by source_line") == [
        ({"Note": 'say "hi" \\ there'},),
        ({"Note": None},),
    ]


def test_28_an_alias_is_mapped(warehouse, tmp_path):
    header = HEADER.replace("Quantity Ordered", "quantity").replace("Price Each", "UNIT_PRICE")
    assert account(load_lines(tmp_path, A, header=header)) == (1, 0, 0, {})


@pytest.mark.parametrize("how", ["in place", "by rename"])
def test_30_a_file_that_changes_while_it_is_read(how, warehouse, tmp_path, monkeypatch):
    path = tmp_path / "f.csv"
    path.write_bytes(PLAIN * 10)
    finish = ecorse.ingest.archive.Incoming.finish

    def change_and_finish(self):
        if how == "in place":
            with path.open("r+b") as file:
                file.write(b"X")
        else:
            other = tmp_path / "other"
            other.write_bytes(PLAIN * 10)
            other.replace(path)
        return finish(self)

    monkeypatch.setattr(ecorse.ingest.archive.Incoming, "finish", change_and_finish)
    with pytest.raises(SourceUnavailable, match=r"f\.csv: was changed or replaced"):
        load(path)
    assert nothing_loaded()
    assert not [p for p in (tmp_path / "home" / "raw").rglob("*") if p.is_file()]


def test_31_a_row_without_end(warehouse, tmp_path):
    data = PLAIN + b"x" * (3 << 20) + b"\n" + C.encode()
    assert account(load_bytes(tmp_path, data)) == (3, 0, 0, {"record_too_long": 1})


def test_a_file_that_cannot_be_read(warehouse, tmp_path):
    with pytest.raises(SourceUnavailable, match=r"gone\.csv: cannot be read"):
        load(tmp_path / "gone.csv")
