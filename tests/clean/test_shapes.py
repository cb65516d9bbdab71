"""Files as programs write them, each read through a mapping that says how: right, or refused.

What belongs here: one file and its mapping per kind, and what must come out. What does not: the
look at bytes (``test_framing``), and finding a shape (``test_sniff``).
"""

# ruff: noqa: E501
from __future__ import annotations

import gzip
import io
import json
from decimal import Decimal
from functools import partial

import openpyxl
import pytest

from ecorse.clean import opening, stream
from ecorse.errors import ConfigError, ContractError
from ecorse.ingest.check import check_file
from ecorse.ingest.one_file import clean_file
from ecorse.ingest.shops import Shop
from ecorse.schema.shape import Shape
from ecorse.settings import get_settings
from ecorse.sources import get_source
from ecorse.sources.mappings.source import read_mapping
from ecorse.sources.reading import Reading

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
MAPPING = """
about = "Order lines of a test."
table = "order_lines"
{keys}
columns = [
  {{ name = "order", target = "order_id" }},
  {{ name = "item", target = "product_name" }},
  {{ name = "qty", target = "quantity", type = "integer" }},
  {{ name = "price", target = "unit_price", type = "decimal"{more} }},
  {{ name = "day", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d"] }},
]
"""
H = "order,item,qty,price,day\n"
NAMES = 'names = ["order", "item", "qty", "price", "day"]\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read a file through a mapping, whole and in small blocks; gives rows and rejects.

    Rows are ``(order, item, qty, price)``, rejects ``(line, rule)``, both in file order.
    """
    folder = tmp_path / "project" / "include" / "sources"
    folder.mkdir(parents=True)
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path / "project"))
    get_settings.cache_clear()

    def read(keys, data, name="orders.csv", more="", blocks=(1, 7, 1 << 20)):
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        (folder / "lines.toml").write_text(MAPPING.format(keys=keys, more=more))
        outcomes = []
        for block_bytes in blocks:
            opened = partial(stream.open_text, block_bytes=block_bytes)
            monkeypatch.setattr(opening, "open_text", opened)
            outcomes.append(outcome(path))
        assert all(other == outcomes[0] for other in outcomes), "a cut into blocks changed it"
        checked = check_file(path, "lines", SHOP)
        if isinstance(outcomes[0], str):
            assert checked.refusal == outcomes[0]
            raise ContractError(outcomes[0])
        rows, rejects, account = outcomes[0]
        assert [(p.line, p.rule) for p in checked.problems] == rejects
        assert checked.rows_read == account["read"]
        assert checked.rows_good == len(rows)
        return rows, rejects, {k: n for k, n in checked.ignored.items() if n}

    yield read
    get_settings.cache_clear()


def outcome(path):
    """Rows, rejects and account of a file, or the sentence that refuses it."""
    try:
        cleaned = clean_file(path, "lines", time_zone="Europe/Berlin", currency="EUR")
    except ContractError as error:
        return str(error)
    rows = []
    if len(cleaned.rows):
        frame = cleaned.rows.sort_values("source_line")
        columns = ("order_id", "product_name", "quantity", "unit_price")
        rows = list(zip(*(frame[name] for name in columns), strict=True))
    rejects = []
    if len(cleaned.rejects):
        frame = cleaned.rejects.sort_values("source_line")
        rejects = list(zip(frame["source_line"], frame["rule"], strict=True))
    account = dict(cleaned.account)
    assert account["read"] == sum(n for name, n in account.items() if name != "read")
    return rows, rejects, account


def D(text):
    return Decimal(text)


A = ("1", "Mug", 2, D("3.50"))
B = ("2", 'Tray 14"', 1, D("12.00"))
C = ("3", "Cup, blue", 1, D("4.00"))
CASES = {
    "two characters": (
        "delimiter = '||'",
        "order||item||qty||price||day\n1||Mug||2||3.50||2024-01-01\n"
        '2||"Tray 14"""||1||12.00||2024-01-02\n3||Cup, blue||1||4.00||2024-01-03\n',
        [A, B, C], [], {},
    ),
    "two characters, a row with one of them too few": (
        "delimiter = '::'",
        "order::item::qty::price::day\n1::Mug::2:3.50::2024-01-01\n3::Cup, blue::1::4.00::2024-01-03\n",
        [C], [(2, "field_count")], {},
    ),
    "comma and blank": (
        "delimiter = ', '",
        'order, item, qty, price, day\n1, Mug, 2, 3.50, 2024-01-01\n3, "Cup, blue", 1, 4.00, 2024-01-03\n',
        [A, C], [], {},
    ),
    "a delimiter beyond ASCII": (
        "delimiter = '¦'",
        "order¦item¦qty¦price¦day\n1¦Mug¦2¦3.50¦2024-01-01\n",
        [A], [], {},
    ),
    "backslash before quotes": (
        "escape = '\\'",
        H + '1,Mug,2,3.50,2024-01-01\n2,"Tray 14\\"",1,12.00,2024-01-02\n'
        "3,Cup\\, blue,1,4.00,2024-01-03\n4,C:\\dir,1,1.00,2024-01-01\n",
        [A, B, C, ("4", "C:\\dir", 1, D("1.00"))], [], {},
    ),
    "backslash before itself and at a line's end": (
        "escape = '\\'",
        H + '1,"a\\\\",1,1.00,2024-01-01\n2,x,1,1.00,2024-01-01\\\n3,"Cup, blue",1,4.00,2024-01-03\n',
        [("1", "a\\", 1, D("1.00")), C], [(3, "escape_at_end")], {},
    ),
    "single quotes": (
        "quote = \"'\"",
        H + "1,'Mug',2,3.50,2024-01-01\n2,'Tray 14\"',1,12.00,2024-01-02\n3,'Cup, blue',1,4.00,2024-01-03\n"
        "4,'Men''s hat',1,1.00,2024-01-01\n5,Men's hat,1,1.00,2024-01-01\n",
        [A, B, C, ("4", "Men's hat", 1, D("1.00"))], [(6, "quote_misplaced")], {},
    ),
    "single quotes among apostrophes": (
        "quote = \"'\"\nbare_quotes = true",
        H + "1,Men's hat,1,1.00,2024-01-01\n2,'Kids' hat, it's blue',1,1.00,2024-01-01\n"
        "3,'Cup, blue,1,4.00,2024-01-03\n",
        [("1", "Men's hat", 1, D("1.00")), ("2", "Kids' hat, it's blue", 1, D("1.00"))],
        [(4, "quote_not_closed")], {},
    ),
    "inches in quotes": (
        "bare_quotes = true",
        H + '2,"Tray 14"",1,12.00,2024-01-02\n3,"Cup, blue",1,4.00,2024-01-03\n'
        '4,"a "b" c",1,1.00,2024-01-01\n',
        [B, C, ("4", 'a "b" c', 1, D("1.00"))], [], {},
    ),
    "nothing quoted": (
        "delimiter = ';'\nquote = ''",
        'order;item;qty;price;day\n2;Tray 14";1;12.00;2024-01-02\n3;Cup, blue;1;4.00;2024-01-03\n',
        [B, C], [], {},
    ),
    "nothing quoted, tabs": (
        "delimiter = \"\\t\"\nquote = ''",
        'order\titem\tqty\tprice\tday\n4\t"Hat\t1\t1.00\t2024-01-01\n3\tCup, blue\t1\t4.00\t2024-01-03\n',
        [("4", '"Hat', 1, D("1.00")), C], [], {},
    ),
    "white space": (
        "white_space = true",
        "order  item   qty price  day\n  1    Mug    2   3.50   2024-01-01\n"
        '3\t"Cup, blue" 1   4.00   2024-01-03  \n4    Big hat  1  1.00 2024-01-01\n',
        [A, C], [(4, "field_count")], {},
    ),
    "white space of two": (
        "white_space = true\ndelimiter = '  '",
        " order  item      qty  price  day\n 1      Big  hat  2    3.50   2024-01-01\n"
        "4\tBig hat \t1  1.00  2024-01-01\n",
        [("4", "Big hat", 1, D("1.00"))], [(2, "field_count")], {},
    ),
    "rows above": (
        "skip_rows = 3",
        "Report of January\n\nmade by,us\n" + H + "1,Mug,2,3.50,2024-01-01\n2,x\n",
        [A], [(6, "field_count")], {},
    ),
    "rows above, by pattern": (
        "skip_until = '^order,'",
        'Report,"of\n1,Mug,2,3.50,2024-01-01\nJanuary"\n' + H + "3,\"Cup, blue\",1,4.00,2024-01-03\n",
        [C], [], {},
    ),
    "totals": (
        "stop_at = '^(Total|Summe)'",
        H + "1,Mug,2,3.50,2024-01-01\nTotal,,2,7.00,\n9,Mug,2,3.50,2024-01-01\n\n",
        [A], [], {"behind_end": 3},
    ),
    "totals between": (
        "skip_matching = ['^Subtotal', '^,,,\\d']",
        H + "1,Mug,2,3.50,2024-01-01\nSubtotal,,2,7.00,\n3,\"Cup, blue\",1,4.00,2024-01-03\n,,,4.00,\n",
        [A, C], [], {"skipped_line": 2},
    ),
    "a total's word inside a text is none": (
        "stop_at = '^Total'\nskip_matching = ['^Sub']",
        H + '1,"Mug\nTotal control\nSubtle",2,3.50,2024-01-01\n3,"Cup, blue",1,4.00,2024-01-03\nTotal\n',
        [("1", "Mug\nTotal control\nSubtle", 2, D("3.50")), C], [], {"behind_end": 1},
    ),
    "sums that nothing declares": (
        "", H + "1,Mug,2,3.50,2024-01-01\nSumme:,,,,\n,,Total,7.00,\n",
        [A], [(3, "row_of_sums"), (4, "row_of_sums")], {},
    ),
    "ends at the first blank line": (
        "stop_at = '^$'",
        H + "1,Mug,2,3.50,2024-01-01\n\nanother,table\n1,2\n",
        [A], [], {"behind_end": 3},
    ),
    "no header": (
        NAMES + "header_rows = 0",
        '1,Mug,2,3.50,2024-01-01\n2,"Tray 14""",1,12.00,2024-01-02\n7,x\n',
        [A, B], [(3, "field_count")], {},
    ),
    "no header, rows above": (
        NAMES + "header_rows = 0\nskip_rows = 1",
        "# made by us\n1,Mug,2,3.50,2024-01-01\n",
        [A], [], {},
    ),
    "a broken header": (
        NAMES,
        'order,"it"em,qty,price\n1,Mug,2,3.50,2024-01-01\n2,x,1,1.00\n',
        [A], [(3, "field_count")], {},
    ),
    "two header rows": (
        "header_rows = 2",
        ",,,,\norder,,,,\n,item,qty,price,day\n1,Mug,2,3.50,2024-01-01\norder,,,,\n",
        [A], [], {"repeated_header": 1},
    ),
    "header alone": ("", H, [], [], {}),
    "lone carriage returns": ("", (H + "1,Mug,2,3.50,2024-01-01\n").replace("\n", "\r"), [A], [], {}),
    "names twice where nobody asks": (
        "",
        "order,item,qty,price,day,note,Note\n1,Mug,2,3.50,2024-01-01,a,b\n",
        [A], [], {},
    ),
    "utf-16 by its mark": ("delimiter = \"\\t\"", (H + "1,Müg,2,3.50,2024-01-01\n").replace(",", "\t").encode("utf-16"),
        [("1", "Müg", 2, D("3.50"))], [], {}),
    "utf-8 beyond ascii": ("", (H + "1,Müg €,2,3.50,2024-01-01\n").encode("utf-8-sig"),
        [("1", "Müg €", 2, D("3.50"))], [], {}),
    "cp1252 as declared": ("encoding = 'cp1252'", (H + "1,Müg €,2,3.50,2024-01-01\n").encode("cp1252"),
        [("1", "Müg €", 2, D("3.50"))], [], {}),
    "one bad byte in a utf-8 file": (
        "", H.encode() + "1,Müg,2,3.50,2024-01-01\n".encode() + b"2,x\xff,1,1.00,2024-01-01\n",
        [("1", "Müg", 2, D("3.50"))], [(3, "invalid_utf8")], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_shape_is_read_as_declared(read, case):
    keys, data, rows, rejects, ignored = CASES[case]
    assert read(keys, data) == (rows, rejects, ignored)


REFUSED = {
    "nothing": ("", "", "the file is empty"),
    "blank lines": ("", "\n\n", "holds no text but blank lines"),
    "a title above": (
        "", "Report,of,January,2024,x\n\n" + H + "1,Mug,2,3.50,2024-01-01\n",
        r"Line 3 has the header of this source: declare skip_rows = 2",
    ),
    "semicolons": ("", H.replace(",", ";"), r"declare delimiter = ';'"),
    "tabs below a title": ("", "Report\n" + H.replace(",", "\t"), r"declare delimiter = '\\t'"),
    "no header": ("", "1,Mug,2,3.50,2024-01-01\n", r"declare header_rows = 0 and names"),
    "cp1252": (
        "", (H + "1,Müg,2,3.50,2024-01-01\n2,Tüte,1,1.00,2024-01-01\n").encode("cp1252"),
        r"2 of its lines are not valid UTF-8, the first at byte offset \d+, and none beyond ASCII "
        r"is\. .*encoding = 'cp1252'",
    ),
    "utf-16 without a mark": ("", H.encode("utf-16-le"), "Declare encoding = 'utf-16-le'"),
    "pattern of no line": ("skip_until = '^nr'", H, r"none of its first 1000 lines matches skip_until = '\^nr'"),
    "fewer lines than skipped": ("skip_rows = 5", H, r"has 1 lines, where skip_rows = 5"),
    "a name twice that is asked for": (
        "", "order,item,qty,price,day,Item\n", r"columns 2 and 6 of the header are both named 'Item'",
    ),
    "names for a file without header": (
        NAMES, "1,Mug,2,3.50,2024-01-01\n2,Hat,1,1.00,2024-01-02\n",
        r"line 1: '1', 'Mug', .* looks like a row .*declare header_rows = 0",
    ),
    "utf-8 declared as another": (
        "encoding = 'cp1252'", (H + "1,Müg €,2,3.50,2024-01-01\n2,Tüte,1,1.00,2024-01-01\n").encode(),
        r"all its 3 letters beyond ASCII are valid UTF-8",
    ),
    "a second table, narrower": (
        "", H + "1,Mug,2,3.50,2024-01-01\nref,item,qty\n7,Mug,1\n8,Mug,2\n",
        r"line 3: 3 other names stand here where the header has 5: 'ref', 'item', 'qty'.*stop_at",
    ),
    "a second table, wider, behind a blank line": (
        "", H + "1,Mug,2,3.50,2024-01-01\n,,,,\na,b,c,d,e,f\n7,x,1,2,3,4\n\n8,x,1,2,3,4\n",
        r"line 4: 6 other names stand here",
    ),
    "a second table of the same width": (
        "", H + "1,Mug,2,3.50,2024-01-01\nref,thing,count,cost,when\n7,Mug,1,1.00,2024-01-01\n",
        r"line 3: names stand here where the rows have numbers and times: 'ref', 'thing'",
    ),
    "the header again in another order": (
        "", H + "1,Mug,2,3.50,2024-01-01\nitem,order,price,qty,day\nMug,7,1,1,2024-01-01\n",
        r"line 3: names stand here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_declared_is_refused_with_what_to_declare(read, case):
    keys, data, sentence = REFUSED[case]
    with pytest.raises(ContractError, match=rf"(?s)^orders\.csv.*{sentence}"):
        read(keys, data, blocks=(1, 11, 1 << 20) if data else (1,))


def test_broken_rows_are_no_second_table(read):
    """Several rows with a comma too many, in texts and numbers, cost themselves alone."""
    broken = "".join(f"{i},Cup, blue,1,4.00,2024-01-03\n" for i in range(2, 9))
    more = "Hat,Scarf,Glove\n1,Mug,2,3.50,2024-01-01\nHat,Scarf,Glove\nHat,Scarf,Glove\n"
    rows, rejects, _ = read("", H + "1,Mug,2,3.50,2024-01-01\n" + broken + more)
    assert rows == [A]  # the second A repeats it
    assert [line for line, _ in rejects] == [*range(3, 10), 10, 12, 13]


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


HEAD = H.strip().split(",")
ROW_A = [1, "Mug", 2, 3.5, "2024-01-01"]
ROW_C = [3, "Cup, blue", 1, 4, "2024-01-03"]


def test_sheets_that_hold_no_rows_are_asked_about(read):
    """Two sheets of rows and one of words; the mapping names the two."""
    data = workbook(About=[["Our shop"], ["2024"]], Jan=[HEAD, ROW_A], Feb=[HEAD, ROW_C])
    sentence = (
        r"sheet 'About' has no header of lines; sheet 'Jan' has one; sheet 'Feb' has one\. "
        r".*sheet = \['Jan', 'Feb'\]"
    )
    with pytest.raises(ContractError, match=sentence):
        read("", data, "b.xlsx", blocks=(1 << 20,))
    assert read("sheet = ['Jan', 'Feb']", data, "b.xlsx")[0] == [A, C]
    assert read("sheet = 'Feb'", data, "b.xlsx")[0] == [C]
    with pytest.raises(ContractError, match=r"has no sheet 'Mar'; it has 'About', 'Jan', 'Feb'"):
        read("sheet = 'Mar'", data, "b.xlsx")


def test_rows_above_the_header_of_a_sheet(read):
    data = workbook(Jan=[["January"], [], HEAD, ROW_A, [2, "x"], ["Total", None, 2, 7.0]])
    sentence = r"sheet 'Jan' has one in row 3\. .*skip_rows = 2"
    with pytest.raises(ContractError, match=sentence):
        read("", data, "b.xlsx", blocks=(1 << 20,))
    for keys in ("skip_rows = 2", "skip_until = '^order,item'"):
        rows, rejects, _ = read(keys, data, "b.xlsx")
        assert rows == [A]
        assert {line for line, _ in rejects} == {5, 6}  # the rows' numbers in the sheet
    assert read("skip_rows = 2\nstop_at = '^Total'", data, "b.xlsx")[2] == {"behind_end": 1}


def test_typed_numbers_are_read_whatever_sign_texts_have(read):
    """A cell 12.345 is 12.345, and a text "1,50" of the same column is 1.50."""
    rows = [["1", "Mug", 2, 12.345, "2024-01-01"], ["2", "Hat", 1, "1.001,50", "2024-01-01"]]
    decimals = ', decimal = ","'
    lines, _, _ = read("", workbook(s=[HEAD, *rows]), "b.xlsx", more=decimals)
    assert [row[3] for row in lines] == [D("12.345"), D("1001.50")]
    lines, rejects, _ = read("", workbook(s=[HEAD, *rows]), "b.xlsx")
    assert [row[3] for row in lines] == [D("12.345")]
    assert rejects == [(3, "unit_price_invalid")]


ORDERS = [
    {"order": "1", "item": "Mug", "qty": 2, "price": 3.5, "day": "2024-01-01"},
    {"order": "3", "item": "Cup, blue", "qty": 1, "price": 4, "day": "2024-01-03", "more": {"a": [1]}},
]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        "\n".join(map(json.dumps, ORDERS)),
        "\n\n".join(map(json.dumps, ORDERS)) + "\n",
        json.dumps(ORDERS),
        json.dumps(ORDERS, indent=2) + "\n",
        "\ufeff" + json.dumps(ORDERS),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_json_lines_and_lists(read, data, pack):
    assert read("", pack(data.encode()), "orders.json", blocks=(1 << 20,)) == ([A, C], [], {})


def test_objects_inside_have_dotted_names(read):
    data = json.dumps([{"order": {"id": 7, "at": {"day": "2024-01-01"}}, "item": "Hat", "qty": 1,
                        "price": 1e2}])  # fmt: skip
    keys = 'names = ["order", "day", "item", "qty", "price"]'
    assert read(keys, data, "o.json", blocks=(1 << 20,))[1] == []
    assert read(keys, data, "o.json", blocks=(1 << 20,))[0][0][0::3] == ("7", D(100))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("[]", "holds no object"),
        ('{"a": 1}\n{"a": ', "not valid JSON behind value 1"),
        ('[{"a": 1}, {"a": 2}', "the list does not end"),
        ('{"a": 1, "a": 2}', "one key twice"),
        ('{"a": 1}\n[2]', "value 2 is no object"),
        ('{"a.b": 1, "a": {"b": 2}}', "'a.b' is both a key and a key inside"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": ' * 30 + "1" + "}" * 30, "20 deep"),
        ('{"a": ' * 90_000 + "1" + "}" * 90_000, "not valid JSON behind value 0"),
        ("".join(f'{{"k{i}": 1}}' for i in range(5001)), "more than 5000 different keys"),
    ],
)
def test_json_that_is_none(read, data, sentence):
    with pytest.raises(ContractError, match=sentence):
        read("", data, "o.json", blocks=(1 << 20,))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("header_rows = 0", "needs names"),
        ("skip_rows = 1\nskip_until = 'x'", "expected one of them"),
        ("skip_matching = ['(']", "expected a regular expression"),
        ("delimiter = ''", "expected one or more characters"),
        ("quote = ','", "is part of the delimiter"),
        ("escape = '\"'", "quotes that are doubled need none"),
        ("quote = ''\nbare_quotes = true", "nothing is quoted"),
        ("encoding = 'utf-99'", "expected an encoding"),
        ('names = ["a", "a"]', "expected every name once"),
        ("white_space = true\ndelimiter = ';'", "expected one of them"),
        ("header_rows = 4", "header_rows"),
    ],
)
def test_what_makes_no_sense_is_told_where_it_is_declared(tmp_path, keys, sentence):
    path = tmp_path / "lines.toml"
    path.write_text(MAPPING.format(keys=keys, more=""))
    with pytest.raises(ConfigError, match=sentence):
        read_mapping(path)


def test_a_shop_may_say_otherwise(read, tmp_path):
    """The same mapping; one shop's files have semicolons, commas for decimals, and a title."""
    data = (
        "January\norder;item;qty;price;day\n1;Mug;2;3,50;2024-01-01\n9;Hat;1;1.234,50;2024-01-02\n"
    )
    with pytest.raises(ContractError, match="declare delimiter = ';'"):
        read("", data)
    reading = Reading(delimiter=";", decimal=",", skip_rows=1)
    checked = check_file(tmp_path / "orders.csv", "lines", SHOP, reading=reading)
    assert (checked.rows_good, checked.problems, checked.refusal) == (2, [], "")
    shape = reading.apply(get_source("lines")).contract.shape
    assert shape == Shape(delimiter=";", skip_rows=1)
    with pytest.raises(ConfigError, match="reading of lines: skip_rows and skip_until"):
        Reading(skip_rows=1, skip_until="x").apply(get_source("lines"))
