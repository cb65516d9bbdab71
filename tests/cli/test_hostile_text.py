"""Names of files and values of cells cannot move the cursor, hide, turn round or colour."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import unicodedata
from contextlib import suppress

import pytest
from rich.console import Console

from ecorse import cli
from ecorse.reports.status import print_status, print_summary
from ecorse.settings import get_settings
from ecorse.show import BLANKS, escaped, escaped_json
from ecorse.warehouse.connect import connect

HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
ESCAPES = "\x1b[31m\x1b]0;title\x07"
TURNED, HIDDEN = "\u202efdp", "\u200b\u2066\ufeff\u3164"
NAMES = (
    f"a{ESCAPES}.csv",
    f"b{TURNED}.csv",
    f"c{HIDDEN}.csv",
    "d\nFAKE LINE\r.csv",
    "e[red]:smile:[b].csv",
    "f\x85\x9b31m.csv",
)
SHOP = """
[[shops]]
shop_id = "main"
shop_name = "Main"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = {{ path = "{}" }}
"""


def raw_controls(text: str) -> set[str]:
    """What a terminal would obey, or nobody would see; line ends are ours."""
    kinds = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return {c for c in text if c != "\n" and (unicodedata.category(c) in kinds or c in BLANKS)}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢字 £ \u00a0x", "plain é 漢字 £ \u00a0x"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x1b[31m\x00\x7f\x9b", r"\x1b[31m\x00\x7f\x9b"),
        ("\u202e\u200b\ufeff\u2028\u3164\ue000", r"\u202e\u200b\ufeff\u2028\u3164\ue000"),
        ("\U000e0041", r"\U000e0041"),
        (os.fsdecode(b"x\xff\xfe.csv"), r"x\xff\xfe.csv"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text, shown):
    assert escaped(text) == shown
    assert not raw_controls(escaped(text))


def test_json_says_the_same_with_escapes_of_its_own():
    value = {"name": "".join(NAMES), "astral": "\U000e0041", "good": "é漢"}
    document = escaped_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(document) == value
    assert not raw_controls(document)
    assert "é漢" in document


@pytest.fixture
def ecorse(warehouse, tmp_path, monkeypatch, capfd):
    """Run a command; gives all it said. Its folder has files with hostile names and values."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        cell = f"Cable {ESCAPES}{TURNED}{HIDDEN}[red]:smile:"
        good = [
            f'{number}{n},{cell},1,5,04/{n:02}/19 08:46,"1 Elm St, Boston, MA 02215"'
            for n in range(1, 9)
        ]
        bad = f'{number}9,{cell},{ESCAPES}{TURNED},5,{ESCAPES},"1 Elm St, Boston, MA 02215"'
        (folder / name).write_text("\n".join((HEADER, *good, bad, "")), encoding="utf-8")
    raw = os.fsencode(folder) + b"/g\xff.csv"
    with open(raw, "w") as file:
        file.write(f"{HEADER}\n")
    (folder / ("h" * 120)).mkdir()
    (folder / f"i{ESCAPES}.csv").write_text("nobody,reads,this\n1,2,3\n")
    shops = tmp_path / "shops.toml"
    shops.write_text(SHOP.format(folder))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(shops))
    monkeypatch.setattr(logging.getLogger("ecorse"), "handlers", [])
    get_settings.cache_clear()

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["ecorse", *arguments])
        with suppress(SystemExit):
            cli.main()
        told = capfd.readouterr()
        return told.out + told.err

    run.folder = folder
    return run


def test_no_command_prints_what_a_terminal_obeys(ecorse):
    said = {"run": ecorse("run")}
    for command in (
        ["ingest"],
        ["ingest", "--data", str(ecorse.folder)],
        ["ingest", "--json"],
        ["status"],
        ["status", "--json"],
        ["report", "1"],
        ["recommend", f"Cable {ESCAPES}"],
        ["ingest", "--shop", f"x{ESCAPES}{TURNED}[red]"],
        ["refresh", f"--{ESCAPES}"],
        ["source", "check", str(ecorse.folder / NAMES[0]), "--source", "sales_csv"],
        ["source", "draft", str(ecorse.folder / NAMES[1])],
        ["source", "draft", str(ecorse.folder / f"i{ESCAPES}.csv")],
        ["source", "check", str(ecorse.folder / f"no{ESCAPES}.csv"), "--source", "sales_csv"],
    ):
        said[" ".join(command)] = ecorse(*command)
    for command, told in said.items():
        assert raw_controls(told) == set(), command
        assert "Traceback" not in told, command
        assert not [line for line in told.splitlines() if line.startswith("FAKE LINE")], command
    assert r"g\xff.csv: the file's name is not UTF-8" in said["run"]
    assert r"d\nFAKE LINE\r.csv" in said["run"]
    assert "e[red]:smile:[b].csv" in said["run"]
    with connect() as conn:
        names = conn.execute("select file_name from ops.load").fetchall()
        messages = conn.execute("select file_name, message from ops.refused_file").fetchall()
        sentences = conn.execute("select sentence from ops.reject").fetchall()
    assert len(names) == len(NAMES)
    assert not raw_controls("".join(map(str, (*names, *messages, *sentences))).replace("\\", ""))
    for show in (print_status, print_summary):
        console = Console(file=io.StringIO(), width=200, emoji=True)
        show(console)
        assert raw_controls(console.file.getvalue()) == set()
    assert "e[red]:smile:[b].csv" in console.file.getvalue()


def test_two_files_whose_names_look_alike_are_told_apart(warehouse, tmp_path):
    from ecorse.ingest.admit import admit
    from ecorse.origins import SourceFile

    for name in ("a\n.csv", "a\\n.csv"):
        (tmp_path / name).write_text("x")
    admitted = admit([SourceFile(tmp_path / n, n) for n in ("a\n.csv", "a\\n.csv")])
    assert [file.file_name for file in admitted.files] == ["a\\n.csv"]
    assert [file.path.name for file, _ in admitted.refused] == ["a\\n.csv"]


def test_a_name_longer_than_can_be_shown_is_refused(tmp_path):
    from ecorse.ingest.admit import MOST_NAME, admit
    from ecorse.origins import SourceFile

    path = tmp_path / "x.csv"
    path.write_text("x")
    long = "/".join(["n" * 150] * 3)
    admitted = admit([SourceFile(path, long), SourceFile(path, "n" * MOST_NAME)])
    assert [len(file.file_name) for file in admitted.files] == [MOST_NAME]
    ((_, error),) = admitted.refused
    assert f"has 452 characters; at most {MOST_NAME} may be" in str(error)
