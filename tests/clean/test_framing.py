"""Framing: each kind of broken record, by hand; and that no cut into blocks changes anything."""

from __future__ import annotations

import base64
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecorse.clean.framing import Framer
from ecorse.errors import ContractError
from ecorse.schema.shape import Shape


def frame(data: bytes, block_bytes: int = 1 << 20, **limits):
    """Everything the framer finds in ``data``, read in blocks of a given size."""
    blocks = (data[i : i + block_bytes] for i in range(0, len(data), block_bytes))
    framer = Framer(blocks, file_name="f.csv", **limits)
    good, broken, blank, header = [], [], 0, 0
    for block in framer:
        records = block.data.decode("utf-8")
        raws = [block.raw(i) for i in range(len(block.lines))]
        assert records == "".join(raw + "\n" for raw in raws)
        good += list(zip(block.lines.tolist(), raws, strict=True))
        broken += [(b.line, b.rule) for b in block.broken]
        blank += block.blank
        header += block.repeated_header
    return framer.header, good, broken, blank, header


H = b"a,b,c\n"
CASES = {
    "plain": (b"1,2,3\n4,5,6\n", [(2, "1,2,3"), (3, "4,5,6")], [], 0, 0),
    "no line end at the end": (b"1,2,3", [(2, "1,2,3")], [], 0, 0),
    "crlf": (b"1,2,3\r\n4,5,6\r\n", [(2, "1,2,3"), (3, "4,5,6")], [], 0, 0),
    "lone cr": (b"1,2,3\r4,5,6\r", [(2, "1,2,3"), (3, "4,5,6")], [], 0, 0),
    "mixed ends": (
        b"1,2,3\r\n4,5,6\r7,8,9\n0,0,0",
        [(2, "1,2,3"), (3, "4,5,6"), (4, "7,8,9"), (5, "0,0,0")],
        [],
        0,
        0,
    ),
    "blank rows": (b",,\n\n1,2,3\n , ,\n,\n", [(4, "1,2,3"), (5, " , ,")], [], 3, 0),
    "repeated header": (b"1,2,3\na,b,c\n4,5,6\n", [(2, "1,2,3"), (4, "4,5,6")], [], 0, 1),
    "short row": (b"1,2\n4,5,6\n", [(3, "4,5,6")], [(2, "field_count")], 0, 0),
    "long row": (b"1,2,3,4\n4,5,6\n", [(3, "4,5,6")], [(2, "field_count")], 0, 0),
    "delimiter in quotes": (b'1,"2,2",3\n', [(2, '1,"2,2",3')], [], 0, 0),
    "doubled quotes": (b'1,"a ""b"" c",""\n', [(2, '1,"a ""b"" c",""')], [], 0, 0),
    "quoted over lines": (b'1,"x\ny",3\n4,5,6\n', [(2, '1,"x\ny",3'), (4, "4,5,6")], [], 0, 0),
    "quoted over crlf": (b'1,"x\r\ny",3\r\n', [(2, '1,"x\r\ny",3')], [], 0, 0),
    "open quote": (
        b'1,"2,3\n4,5,6\n7,"8",9\n',
        [(3, "4,5,6"), (4, '7,"8",9')],
        [(2, "quote_not_closed")],
        0,
        0,
    ),
    "open quote in the last field": (
        b'1,2,"3\n4,5,6\n',
        [(3, "4,5,6")],
        [(2, "quote_not_closed")],
        0,
        0,
    ),
    "open quote in the last row": (
        b'1,2,3\n4,"5,6',
        [(2, "1,2,3")],
        [(3, "quote_not_closed")],
        0,
        0,
    ),
    # read by the letter, lines 2 to 4 would be one record of three fields: a row would vanish
    "open quote that a later row closes": (
        b'1,"2,3\n4,5,6\n7",8\n',
        [(3, "4,5,6")],
        [(2, "quote_not_closed"), (4, "quote_misplaced")],
        0,
        0,
    ),
    "two open quotes": (
        b'1,"2,3\n4,"5,6\n7,8,9\n',
        [(4, "7,8,9")],
        [(2, "quote_not_closed"), (3, "quote_not_closed")],
        0,
        0,
    ),
    "quote inside a field": (b'1,2" x,3\n4,5,6\n', [(3, "4,5,6")], [(2, "quote_misplaced")], 0, 0),
    "text behind a quote": (b'1,"2"x,3\n', [], [(2, "quote_misplaced")], 0, 0),
    "nul": (b"1,\x002,3\n4,5,6\n", [(3, "4,5,6")], [(2, "nul_byte")], 0, 0),
    "invalid utf-8": (b"1,\xff,3\n4,\xc3\xa9,6\n", [(3, "4,é,6")], [(2, "invalid_utf8")], 0, 0),
    "cut utf-8": (b"1,2,\xc3\n4,5,6\n", [(3, "4,5,6")], [(2, "invalid_utf8")], 0, 0),
    "too long": (
        b"1,2," + b"x" * 60 + b"\n4,5,6\n",
        [(3, "4,5,6")],
        [(2, "record_too_long")],
        0,
        0,
    ),
    "as long as allowed, then crlf": (
        b"1,2," + b"x" * 46 + b"\r\n4,5,6\n",
        [(2, "1,2," + "x" * 46), (3, "4,5,6")],
        [],
        0,
        0,
    ),
    "header only": (b"", [], [], 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("case", CASES)
def test_each_fault_costs_only_its_own_record(case, block_bytes):
    data, *expected = CASES[case]
    header, *found = frame(H + data, block_bytes, max_record_bytes=50)
    assert header == ["a", "b", "c"]
    assert found == expected


# what the quick look gives for plain shapes, the exact reading gives too: shapes that only it can
# read say the same of the same text
ODD = [
    pytest.param(Shape(delimiter="||"), b"||", id="two characters"),
    pytest.param(Shape(delimiter="¦"), "¦".encode(), id="beyond ascii"),
]


@pytest.mark.parametrize(("shape", "delimiter"), ODD)
@pytest.mark.parametrize("block_bytes", [1, 3, 1 << 20])
# a longer delimiter makes longer lines: what is too long is told apart by other tests
@pytest.mark.parametrize("case", [case for case in CASES if "long" not in case])
def test_the_slow_reading_finds_what_the_quick_one_finds(case, shape, delimiter, block_bytes):
    data, good, broken, blank, header = CASES[case]
    if case == "blank rows":  # blanks between delimiters are a row to the quick look alone
        good, blank = good[:1], blank + 1
    found = records(H.replace(b",", delimiter) + data.replace(b",", delimiter), block_bytes, shape)
    expected = [
        (line, [v.replace(",", delimiter.decode()) for v in next(csv.reader(io.StringIO(raw, "")))])
        for line, raw in good
    ]
    assert found == (expected, broken, blank, header)


def records(data, block_bytes, shape):
    """Lines and values of good records, lines and rules of broken ones, and the other counts."""
    blocks = (data[i : i + block_bytes] for i in range(0, len(data), block_bytes))
    good, broken, blank, header = [], [], 0, 0
    for block in Framer(blocks, file_name="f.csv", shape=shape):
        rows = csv.reader(io.StringIO(block.data.decode(), newline=""))
        good += list(zip(block.lines.tolist(), rows, strict=True))
        broken += [(b.line, b.rule) for b in block.broken]
        blank += block.blank
        header += block.repeated_header
    return good, broken, blank, header


def test_a_record_over_too_many_lines_is_refused_alone():
    data = H + b'1,"' + b"x\n" * 5 + b'y",3\n4,5,6\n'
    _, good, broken, _, _ = frame(data, max_record_lines=5)
    assert (7, 'y",3') not in good
    assert broken[0] == (2, "quote_not_closed")
    assert good == [(8, "4,5,6")]
    _, good, broken, _, _ = frame(data, max_record_lines=6)
    assert good == [(2, '1,"x\nx\nx\nx\nx\ny",3'), (8, "4,5,6")]
    assert broken == []


def test_rejects_keep_the_raw_text_and_say_what_was_expected():
    framer = Framer(iter([H + b"1,2\n3,\xff,4\n5,\x00,6\n"]), file_name="f.csv")
    [block] = list(framer)
    short, invalid, nul = block.broken
    assert (short.raw, short.is_base64) == ("1,2", False)
    assert short.sentence == "Line 2 has 2 fields where the header has 3."
    assert base64.b64decode(invalid.raw) == b"3,\xff,4"
    assert invalid.is_base64
    assert invalid.sentence == "Line 3 byte 3 of the record is not valid UTF-8."
    assert base64.b64decode(nul.raw) == b"5,\x00,6"
    assert framer.utf8.first_invalid_at == len(H) + 4 + 2


def test_a_line_without_end_takes_no_memory():
    """256 MB in one line: refused, and never held."""
    import tracemalloc

    block = b"x" * (1 << 20)

    def endless():
        yield H + b"1,2,3\n"
        for _ in range(256):
            yield block
        yield b"\n4,5,6\n"

    tracemalloc.start()
    framer = Framer(endless(), file_name="f.csv")
    found = [(b.lines.tolist(), [x.rule for x in b.broken]) for b in framer]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [([2], []), ([], ["record_too_long"]), ([4], [])]
    assert peak < 32 << 20


def test_a_header_without_end_is_an_error():
    with pytest.raises(ContractError, match="header line is longer than 1024 bytes"):
        Framer(iter([b"x" * 4096]), file_name="f.csv", max_record_bytes=1024)


@pytest.mark.parametrize("data", [b"\n\n", b",,,\n", b"  \r\n"])
def test_only_blank_lines_is_an_error(data):
    with pytest.raises(ContractError, match=r"f\.csv: holds no text but blank lines"):
        Framer(iter([data]), file_name="f.csv")


PIECES = st.sampled_from(
    [b"1,2,3", b",,", b"", b"a,b,c", b"1,2", b'1,"2', b'"', b'""', b'1,"2,2",3', b"x", b",",
     b"\x00", b"\xff", b"\xc3\xa9", b"\n", b"\r", b"\r\n", b"1,2,3\n", b'",3\n']
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=30).map(b"".join), st.integers(1, 40))
def test_no_cut_into_blocks_changes_what_is_found(data, block_bytes):
    whole = frame(H + data, max_record_bytes=30)
    assert frame(H + data, block_bytes, max_record_bytes=30) == whole
    _, good, broken, blank, header = whole
    # an independent count of physical lines
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = text.count(b"\n") + (not text.endswith(b"\n") and text != b"")
    joined = sum(raw.replace("\r\n", "\n").replace("\r", "\n").count("\n") for _, raw in good)
    assert len(good) + len(broken) + blank + header + joined == lines


WRITTEN = [
    Shape(),
    Shape(delimiter=";", quote="'"),
    Shape(delimiter="||"),
    Shape(delimiter=", "),
    Shape(delimiter="\t", escape="\\"),
    Shape(quote="'", escape="\\"),
]
VALUES = st.text(
    st.sampled_from("ab1 ,;|'\"\\\t\n\u00fc"), max_size=4
)  # too short for a line inside of one that is a record by itself


def breaks_once(row: tuple[str, str, str]) -> bool:
    """Whether no line lies between two values that both break: it could be a record, too."""
    return sum("\n" in value for value in row) <= 1


def written(value: str, shape: Shape) -> str:
    """A value as a program would write it, always quoted."""
    quote, escape = shape.quote, shape.escape
    if escape:
        value = value.replace(escape, escape * 2).replace(quote, escape + quote)
    else:
        value = value.replace(quote, quote * 2)
    return f"{quote}{value}{quote}"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(VALUES, VALUES, VALUES).filter(breaks_once), max_size=6),
    st.sampled_from(WRITTEN),
    st.integers(1, 50),
)
def test_what_a_program_writes_is_read_back(rows, shape, block_bytes):
    """Whatever stands in values: delimiters, quotes, escapes, line ends."""
    lines = [shape.delimiter.join(written(value, shape) for value in row) for row in rows]
    data = "\n".join((shape.delimiter.join("xyz"), *lines)).encode()
    good, broken, blank, _ = (
        read_back(data, block_bytes, shape) if shape.is_plain else records(data, block_bytes, shape)
    )
    # values that are blank and nothing else make a blank line
    expected = [list(row) for row in rows]
    assert not broken
    assert [values for _, values in good] == expected
    assert not blank


def read_back(data, block_bytes, shape):
    """As ``records``, of a plain shape, whose text stays as it is."""
    blocks = (data[i : i + block_bytes] for i in range(0, len(data), block_bytes))
    good, broken, blank = [], [], 0
    for block in Framer(blocks, file_name="f.csv", shape=shape):
        text = io.StringIO(block.data.decode(), newline="")
        rows = csv.reader(text, delimiter=shape.delimiter, quotechar=shape.quote)
        good += list(zip(block.lines.tolist(), rows, strict=True))
        broken += [(b.line, b.rule) for b in block.broken]
        blank += block.blank
    return good, broken, blank, 0


SHAPES = st.sampled_from(
    [
        Shape(bare_quotes=True),
        Shape(escape="\\"),
        Shape(quote=""),
        Shape(quote="'", bare_quotes=True, escape='"'),
        Shape(delimiter=", "),
        Shape(white_space=True),
        Shape(stop_at="^Total", skip_matching=("^2", "b")),
        Shape(escape="\\", stop_at="^$"),
        Shape(header_rows=0, names=("x", "y", "z"), skip_rows=1),
        Shape(header_rows=2),
    ]
)
PARTS = st.sampled_from(
    [b"1,2,3", b"1, 2, 3", b"1 2 3", b"a,b,c", b",", b" ", b'"', b"'", b'""', b"\\", b'\\"',
     b"Total", b"Total" + b"x" * 60,
     b"\n", b"\r", b"\r\n", b"x", b"\xc3\xa9", b"\xff", b'1,"a\nb",3', b"2,2", b"p,q\n7,8\n9,9\n"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PARTS, max_size=25).map(b"".join), SHAPES, st.integers(1, 30))
def test_no_cut_into_blocks_changes_what_any_shape_finds(data, shape, block_bytes):
    """Records, refusals, counts, and whether the file is refused whole."""
    assert everything(H + data, block_bytes, shape) == everything(H + data, 1 << 20, shape)


def everything(data, block_bytes, shape):
    """All that is found in a file, or the sentence that refuses it."""
    blocks = (data[i : i + block_bytes] for i in range(0, len(data), block_bytes))
    found = []
    counts = [0] * 4
    try:
        framer = Framer(blocks, file_name="f", shape=shape, max_record_bytes=40, max_record_lines=4)
        for block in framer:
            texts = block.data.decode().splitlines(keepends=True)
            raws = [block.raw(i) for i in range(len(block.lines))]
            found += [(line, raw) for line, raw in zip(block.lines.tolist(), raws, strict=True)]
            # of what is too long the beginning is kept, as far as it was read
            found += [
                (b.line, b.rule, b.raw if b.rule != "record_too_long" else "") for b in block.broken
            ]
            assert len(texts) >= len(raws)
            more = (block.blank, block.repeated_header, block.skipped, block.behind_end)
            counts = [a + b for a, b in zip(counts, more, strict=True)]
    except ContractError as error:
        return str(error)
    return framer.header, sorted(found), counts, vars(framer.utf8)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
def test_blank_lines_above_the_header_are_counted_however_blocks_are_cut(end, size):
    data = end * 3 + b" ," + end + b"\t" + end * 2 + b" a,b" + end + b"1,2" + end
    blocks = (data[i : i + size] for i in range(0, len(data), size))
    framer = Framer(blocks, file_name="f")
    assert (framer.header_line, framer.header) == (7, [" a", "b"])
    assert [line for block in framer for line in block.lines] == [8]


def test_a_block_of_blank_lines_takes_no_time():
    framer = Framer(iter([b"\n" * (4 << 20), b"a,b\n1,2\n"]), file_name="f")
    assert framer.header_line == (4 << 20) + 1
    with pytest.raises(ContractError, match="longer than"):
        Framer(iter([b" " * (1 << 20)] * 3), file_name="f")
