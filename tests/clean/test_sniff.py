"""Finding how a file is written: each kind by hand, with what is proven and what is asked.

What belongs here: files in, shapes and questions out. What does not: reading by a shape
(``test_shapes``); the benchmark of 94 files (``benchmarks/bench_pollock.py``).
"""

from __future__ import annotations

import gzip
import io
import random
import tempfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecorse.clean.opening import open_shape
from ecorse.clean.sniff import sniff
from ecorse.errors import ContractError
from ecorse.schema.shape import PLAIN, Shape

HEADER = ["Order ID", "Item", "Qty", "Price", "Ordered"]
ROWS = [
    ["1001", "Mug, blue", "2", "3.50", "2024-01-31 10:15"],
    ["1002", "Tray", "1", "12.00", "2024-02-01 09:00"],
    ["1003", "Big hat", "3", "7.25", "2024-02-02 18:30"],
    ["1004", "Cup", "1", "4.00", "2024-02-03 08:45"],
    ["1005", "Mug, red", "2", "3.50", "2024-02-04 10:15"],
]


def text(delimiter=",", quote='"', rows=ROWS, header=HEADER):
    """The rows as a program writes them: quoted where the delimiter or a comma is inside."""
    lines = []
    for row in [header, *rows] if header else rows:
        quoted = [
            f"{quote}{v.replace(quote, quote * 2)}{quote}" if "," in v or delimiter in v else v
            for v in row
        ]
        lines.append(delimiter.join(quoted))
    return "\n".join(lines) + "\n"


@pytest.fixture
def find(tmp_path):
    """Sniff some bytes; gives what was found."""

    def find(data, name="export.csv"):
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return sniff(path)

    return find


NUMBERED = tuple(f"column_{i + 1}" for i in range(5))
FOUND = {
    "comma": (text(), PLAIN, []),
    "semicolon": (text(";"), Shape(delimiter=";"), []),
    "tab": (text("\t"), Shape(delimiter="\t"), []),
    "pipe": (text("|"), Shape(delimiter="|"), []),
    "comma and blank": (text(", "), Shape(delimiter=", "), []),
    "two pipes": (text("||"), Shape(delimiter="||"), []),
    "beyond ASCII": (text("¦"), Shape(delimiter="¦"), []),
    "decimal commas between semicolons": (
        text(";").replace("3.50", "3,50").replace("12.00", "12,00").replace("7.25", "7,25"),
        Shape(delimiter=";"), [],
    ),
    "white space": (
        "".join(f"{row[0]:8}{row[1].split(',')[0].replace(' ', '_'):12}{row[2]:>4}{row[3]:>9}\n"
                for row in [["Order", "Item", "Qty", "Price"], *ROWS]),
        Shape(white_space=True), [],
    ),
    "white space, and single blanks in values": (
        "".join(f"{row[0]:8}{row[1].split(',')[0]:12}{row[2]:>4}{row[3]:>9}\n"
                for row in [["Order", "Item", "Qty", "Price"], *ROWS]),
        Shape(white_space=True, delimiter="  "), [],
    ),
    "single quotes": (text(quote="'"), Shape(quote="'"), ["quote"]),
    "backslashes": (
        text().replace("Mug, blue", 'Mug, \\"blue\\"').replace("Mug, red", 'Mug, 5\\"'),
        Shape(escape="\\"), ["escape"],
    ),
    "inches": (
        text().replace("Mug, blue", 'Mug, 5" blue').replace("Mug, red", 'Mug, 7" red'),
        Shape(bare_quotes=True), ["bare_quotes"],
    ),
    "doubled quotes and one broken row": (
        text().replace("Mug, blue", 'Mug, ""blue""').replace("Mug, red", 'Mug, 7" red'),
        PLAIN, ["quote"],
    ),
    "lines above": ("January\n\nmade by us\n" + text(), Shape(skip_rows=3), ["skip_rows"]),
    "padded lines above": ("Orders,,,,\n,,,,\n" + text(), Shape(skip_rows=2), ["skip_rows"]),
    "blank lines above are none": ("\n\n" + text(), PLAIN, []),
    "no header": (text(header=None), Shape(header_rows=0, names=NUMBERED), ["names"]),
    "a header of two rows": (
        ",item,per piece,EUR,local\n" + text(), Shape(header_rows=2), ["header_rows"],
    ),
    "a header of fewer names": (
        text().replace("Order ID,Item", "Order ID Item", 1), Shape(names=NUMBERED), ["names"],
    ),
    "a sum at the end": (text() + "Total,,9,30.25,\n", Shape(stop_at="^Total"), ["stop_at"]),
    "a sum at the end, in German": (
        text(";") + "\n;Gesamtsumme;9;30.25;\n;;;;\n",
        Shape(delimiter=";", stop_at="^;Gesamtsumme"), ["stop_at"],
    ),
    "sums between": (
        text() + "Subtotal,,9,30.25,\n" + text(header=None, rows=[["1006", *ROWS[1][1:]]]),
        Shape(skip_matching=("^Subtotal",)), ["skip_matching"],
    ),
    "another table below": (
        text() + "\nRef,Name\n7,Anna\n8,Bert\n", Shape(stop_at="^Ref,Name$"), ["stop_at"],
    ),
    "another table of the same width": (
        text() + "Ref,Thing,Count,Cost,Returned\n" + text(header=None),
        Shape(stop_at="^Ref,Thing,Count,Cost,Returned$"), ["stop_at"],
    ),
    "the header repeated": (text() + text(), PLAIN, []),
    "blanks around tabs": (
        text("\t").replace("Item", "Item ").replace("Tray", "Tray  "), Shape(delimiter="\t"), [],
    ),
    "no more than a header": (text(rows=[]), PLAIN, ["header_rows"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_each_shape_is_found_and_what_is_not_proven_is_asked(find, case):
    data, shape, asked = FOUND[case]
    found = find(data)
    assert found.shape == shape
    assert [question.part for question in found.questions] == asked


@pytest.mark.parametrize("case", FOUND)
def test_what_is_found_reads_the_file(find, tmp_path, case):
    """By the shape that was found every row is a record of the table."""
    found = find(FOUND[case][0])
    with (tmp_path / "export.csv").open("rb") as file:
        framer = open_shape(file, found.shape, "export.csv")
        blocks = list(framer)
    rows = sum(len(block.lines) for block in blocks)
    broken = sum(len(block.broken) for block in blocks)
    expected = {
        "sums between": (6, 0),
        "no more than a header": (0, 0),
        "the header repeated": (10, 0),
    }
    expected["doubled quotes and one broken row"] = (4, 1)
    assert (rows, broken) == expected.get(case, (5, 0))
    assert len(framer.header) == found.width


ENCODED = text(rows=[["1001", "Müg €", *ROWS[0][2:]], ["1002", "Tüte", *ROWS[1][2:]]])


@pytest.mark.parametrize(
    ("encoding", "expected", "is_proven"),
    [
        ("ascii", "", True),
        ("utf-8", "", True),
        ("utf-8-sig", "", True),
        ("utf-16", "utf-16", True),
        ("utf-16-le", "utf-16-le", False),
        ("cp1252", "cp1252", False),
    ],
)
def test_encodings_are_proven_or_asked(find, encoding, expected, is_proven):
    data = ENCODED if encoding != "ascii" else text()
    found = find(data.encode(encoding))
    about = next(f for f in found.findings if f.part == "encoding")
    assert (found.shape.encoding, about.is_proven) == (expected, is_proven)
    assert found.width == 5
    if encoding == "cp1252":
        assert "Müg" in about.sentence


def test_the_encoding_is_that_of_the_whole_file(find):
    """Ten megabytes of ASCII, and one letter behind them."""
    rows = [[str(i), "Tray", "1", "12.00", "2024-02-01 09:00"] for i in range(300_000)]
    data = text(rows=rows).encode() + "9,Tüte,1,1.00,2024-01-01 00:00\n".encode("cp1252")
    assert find(data).shape.encoding == "cp1252"


def test_a_letter_that_ends_the_file_is_looked_at_too(find):
    """The first of three bytes of UTF-8, or a letter of cp1252: proven to be neither."""
    data = text().encode().rstrip() + b" caf\xe9"
    found = find(data)
    about = next(f for f in found.findings if f.part == "encoding")
    assert (found.shape.encoding, about.is_proven) == ("cp1252", False)


def test_packed_files_and_tables_are_looked_into(find):
    assert find(gzip.compress(text(";").encode())).shape == Shape(delimiter=";")
    assert find('[{"a": 1}]').kind == "json_rows"


def test_files_without_text_are_told(find):
    with pytest.raises(ContractError, match="the file is empty"):
        find("")
    with pytest.raises(ContractError, match="no text but blank lines"):
        find(" \n\n")


def test_a_date_of_blanks_is_no_reason_to_part_by_them(find):
    """Texts of several words, times with a blank: still commas."""
    words = random.Random(7)
    rows = [
        [str(i), " ".join(words.choices(["blue", "mug", "of", "clay"], k=3)), "1", "2.00",
         f"2024-01-{i % 28 + 1:02} 10:15"]
        for i in range(50)
    ]  # fmt: skip
    assert find(text(rows=rows)).shape == PLAIN


def workbook(**sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_the_sheets_of_a_workbook(find):
    cells = [[int(a), b, int(c), float(d), e] for a, b, c, d, e in ROWS]
    both = workbook(Cover=[["Report"], ["2024"]], Jan=[HEADER, *cells], Feb=[HEADER, *cells])
    found = find(both)
    assert found.shape == Shape(sheet=("Jan", "Feb"))
    assert [q.part for q in found.questions] == ["sheet"]
    titled = workbook(Jan=[["January"], [], HEADER, *cells, ["Total", None, 9, 30.25]])
    assert find(titled).shape == Shape(skip_rows=2, stop_at="^Total")
    assert find(workbook(Jan=[HEADER, *cells])).questions == ()
    with pytest.raises(ContractError, match="no sheet of the workbook holds a header"):
        find(workbook(Cover=[["Report"]]))


PIECES = st.sampled_from(
    [b"a", b"Total", b"1", b"2024-01-01", b",", b";", b"\t", b"|", b" ", b'"', b"'", b"\\", b"\n",
     b"\r", b"\xc3\xa4", b"\xe4", b"\x00", b"[", b"{", b'"a":1', b"}"]
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_whatever_a_file_holds_it_is_found_or_refused(data):
    """No file ends in anything but a shape, by which it can be opened, or a refusal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        path.write_bytes(data)
        try:
            found = sniff(path)
            with path.open("rb") as file:
                list(open_shape(file, found.shape, "f.csv"))
        except ContractError:
            pass
