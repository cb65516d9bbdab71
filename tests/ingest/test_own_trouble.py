"""One file's trouble, or one source's, is its own: all else goes on, and it is told by name."""

from __future__ import annotations

import logging
import os
import socket
import sys
from decimal import Decimal

import pytest

from ecorse import cli
from ecorse.errors import ContractError, Defect, SourceUnavailable
from ecorse.ingest import load
from ecorse.log import log_file
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
SHOP = """
[[shops]]
shop_id = "{0}"
shop_name = "{0}"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = {{ path = "{1}" }}
"""


def rows(good: int, bad: int = 0, first: int = 1) -> str:
    """A file of lines worth 5.00 each; the bad ones, which come last, have no date."""
    lines = [HEADER]
    for number in range(first, first + good + bad):
        day = "04/19/19 08:46" if number < first + good else "soon"
        lines.append(f'{number},Cable,1,5,{day},"1 Elm St, Boston, MA 02215"')
    return "\n".join((*lines, ""))


def fetch(query: str) -> list[tuple]:
    with connect() as conn:
        return conn.execute(query).fetchall()


def refused() -> list[tuple]:
    return fetch(
        "select shop_id, file_name, error_class from ops.refused_file where resolved_at is null "
        "order by shop_id, file_name"
    )


@pytest.fixture
def folders(warehouse, tmp_path, monkeypatch):
    """A folder for each of three shops that have a source each."""
    shops = tmp_path / "shops.toml"
    found = {name: tmp_path / name for name in ("east", "north", "west")}
    for folder in found.values():
        folder.mkdir()
        (folder / "good.csv").write_text(rows(3))
    shops.write_text("".join(SHOP.format(*one) for one in found.items()))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(shops))
    monkeypatch.delenv("ECORSE_DEBUG", raising=False)
    get_settings.cache_clear()
    return found


@pytest.fixture
def ecorse(monkeypatch, capsys):
    """Run a command; gives its exit code and what it said on standard error."""

    monkeypatch.setattr(logging.getLogger("ecorse"), "handlers", [])  # a home of its own

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ecorse", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        return code, capsys.readouterr().err

    return run


# --- the reject limit ---------------------------------------------------------------------------


def test_a_load_over_its_reject_limit_is_refused_whole_and_told_with_its_figures(folders, ecorse):
    bad = folders["north"] / "good.csv"
    assert ecorse("ingest")[0] == 0
    bad.write_text(rows(28, 12))
    code, told = ecorse("ingest")
    assert code == ContractError.exit_code
    assert told.count("good.csv: 12 of 40 rows (30%) were rejected, worth 60.00 USD") == 2
    # the shop keeps what it had, line by line; the others are untouched
    live = "select shop_id, rows_staged from ops.load where superseded_at is null order by shop_id"
    assert fetch(live) == [("east", 3), ("north", 3), ("west", 3)]
    assert fetch("select count(*) from staging.order_lines where shop_id = 'north'") == [(3,)]
    assert fetch("select count(*) from ops.reject") == [(0,)]
    assert fetch("select count(*) from ops.load_attempt") == [(0,)]
    ((shop, error_class, message, detail),) = fetch(
        "select shop_id, error_class, message, detail from ops.refused_file"
    )
    assert (shop, error_class) == ("north", "TooManyRejects")
    assert (detail["rows_read"], detail["rows_rejected"], detail["currency"]) == (40, 12, "USD")
    assert Decimal(detail["money_rejected"]) == 60
    assert list(detail["rejected"].values()) == [12]
    assert len(detail["examples"]) == 3
    assert all("'soon'" in sentence and sentence in message for sentence in detail["examples"])
    assert "ECORSE_REJECT_LIMIT_ROWS" in message
    assert "--source sales_csv --shop north" in message
    # mended, it takes its place, and nothing is refused any more
    bad.write_text(rows(40))
    assert ecorse("ingest")[0] == 0
    assert refused() == []
    assert fetch(live) == [("east", 3), ("north", 40), ("west", 3)]


@pytest.mark.parametrize(
    ("good", "bad", "is_refused"),
    [(2, 1, False), (10, 10, False), (10, 11, True), (208, 11, True), (209, 11, False)],
)
def test_the_limit_is_a_share_and_a_number_of_rows(folders, ecorse, good, bad, is_refused):
    """5 % of 220 rows are 11: not more than the limit; of 219 they are."""
    (folders["north"] / "good.csv").write_text(rows(good, bad))
    code, _ = ecorse("ingest", "--shop", "north")
    assert (code != 0) == is_refused
    expected = [] if is_refused else [(good, bad)]
    assert fetch("select rows_staged, rows_rejected from ops.load") == expected


def test_the_two_limits_are_settings(folders, ecorse, monkeypatch):
    (folders["north"] / "good.csv").write_text(rows(2, 1))
    monkeypatch.setenv("ECORSE_REJECT_LIMIT_ROWS", "0")
    get_settings.cache_clear()
    assert ecorse("ingest", "--shop", "north")[0] != 0
    monkeypatch.setenv("ECORSE_REJECT_LIMIT_SHARE", "0.5")
    get_settings.cache_clear()
    assert ecorse("ingest", "--shop", "north")[0] == 0


def test_a_file_without_a_good_row_takes_no_others_place(folders, ecorse):
    assert ecorse("ingest", "--shop", "north")[0] == 0
    (folders["north"] / "good.csv").write_text(rows(0, 3))
    code, told = ecorse("ingest", "--shop", "north")
    assert code == ContractError.exit_code
    assert "none is left, and the file's earlier content has rows" in told
    assert fetch("select rows_staged from ops.load where superseded_at is null") == [(3,)]


def test_the_other_shops_are_published_and_this_one_keeps_what_it_had(folders, ecorse):
    assert ecorse("run")[0] == 0
    for folder in folders.values():
        (folder / "good.csv").write_text(rows(28, 12 if folder.name == "north" else 1))
    code, _ = ecorse("run")
    assert code == ContractError.exit_code
    assert fetch("select shop_id, orders from marts.shops order by shop_id") == [
        ("east", 28), ("north", 3), ("west", 28)
    ]  # fmt: skip
    assert refused() == [("north", "good.csv", "TooManyRejects")]
    # one of 29 rows is no more than 5 %; two published nights, and no check failed
    assert fetch("select count(*) from ops.publication") == [(2,)]


# --- files --------------------------------------------------------------------------------------


def folder_named_like_a_file(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


def socket_file(path):
    where = os.getcwd()
    os.chdir(path.parent)  # a socket's path has at most 107 characters
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(path.name)
    finally:
        os.chdir(where)


def link_to_a_file_outside(path):
    outside = path.parent.parent / "outside.csv"
    outside.write_text(rows(3, first=70))
    path.symlink_to(outside)


def link_by_another_link(path):
    (path.parent / "step").symlink_to(path.parent.parent / "west")
    path.symlink_to("step/good.csv")


def link_to_nothing(path):
    path.symlink_to(path.parent / "nothing")


def archive_that_is_a_link(path):
    link_to_a_file_outside(path.with_name("bad.csv.zip"))


PLANTED = [
    (folder_named_like_a_file, ContractError, "is a folder, not a file"),
    (pipe, ContractError, "is a pipe, not a file"),
    (socket_file, ContractError, "is a socket, not a file"),
    (link_to_a_file_outside, ContractError, "is a link to something outside of its folder"),
    (link_by_another_link, ContractError, "is a link to something outside of its folder"),
    (link_to_nothing, ContractError, "is a link to something outside of its folder, or to nothing"),
    (archive_that_is_a_link, ContractError, "is a link to something outside of its folder"),
]


@pytest.mark.parametrize(
    ("plant", "kind", "sentence"), PLANTED, ids=lambda x: getattr(x, "__name__", "")
)
@pytest.mark.timeout(120)
def test_what_is_no_file_of_the_folder_is_refused_by_name(folders, ecorse, plant, kind, sentence):
    plant(folders["north"] / "bad.csv")
    code, told = ecorse("ingest")
    assert code == kind.exit_code
    assert sentence in told
    assert "Traceback" not in told
    ((shop, name, _),) = refused()
    assert shop == "north"
    assert name.startswith("bad.csv")
    assert fetch("select shop_id, file_name from ops.load order by 1") == [
        ("east", "good.csv"), ("north", "good.csv"), ("west", "good.csv")
    ]  # fmt: skip
    # taken away, it is no longer told
    bad = next(folders["north"].glob("bad*"), folders["north"] / "bad.csv")
    bad.rmdir() if bad.is_dir() and not bad.is_symlink() else bad.unlink()
    assert ecorse("ingest")[0] == 0
    assert refused() == []


def test_a_link_that_stays_in_the_folder_is_read(folders, ecorse):
    below = folders["north"] / "below"
    below.mkdir()
    (below / "kept.txt").write_text(rows(2, first=50))
    (folders["north"] / "link.csv").symlink_to("below/kept.txt")
    assert ecorse("ingest")[0] == 0
    assert fetch("select file_name, rows_staged from ops.load where file_name = 'link.csv'") == [
        ("link.csv", 2)
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError("total"), Defect),
        (MemoryError(), Defect),
        (RecursionError("maximum recursion depth exceeded"), Defect),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), Defect),
        (AssertionError(), Defect),
        (PermissionError(13, "Permission denied"), SourceUnavailable),
        (FileNotFoundError(2, "No such file or directory"), SourceUnavailable),
        (OSError(5, "Input/output error"), SourceUnavailable),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, Exception) else "",
)
def test_an_error_of_one_file_leaves_all_others_alone(folders, ecorse, monkeypatch, error, kind):
    (folders["north"] / "bad.csv").write_text(rows(2, first=50))
    whole = load.load_file

    def broken(path, **told):
        if path.name == "bad.csv":
            raise error
        return whole(path, **told)

    monkeypatch.setattr(load, "load_file", broken)
    code, told = ecorse("ingest")
    assert code == kind.exit_code
    assert "Traceback" not in told
    assert told.count("bad.csv: ") >= 1
    assert refused() == [("north", "bad.csv", kind.__name__)]
    assert fetch("select shop_id, file_name from ops.load order by 1") == [
        ("east", "good.csv"), ("north", "good.csv"), ("west", "good.csv")
    ]  # fmt: skip
    log = log_file(get_settings().home)
    if kind is Defect:
        assert type(error).__name__ in told
        assert "Traceback" in log.read_text()


def test_a_source_that_breaks_leaves_the_other_shops_alone(folders, ecorse, monkeypatch):
    from ecorse.ingest import run

    whole = run.fetch_admitted

    def broken(origin, settings, options):
        if options["path"].endswith("north"):
            raise KeyError("bucket")
        return whole(origin, settings, options)

    monkeypatch.setattr(run, "fetch_admitted", broken)
    code, told = ecorse("ingest")
    assert code == Defect.exit_code
    assert "Traceback" not in told
    assert "north/sales_csv: could not be loaded: KeyError: 'bucket' (" in told
    assert fetch("select shop_id from ops.load order by 1") == [("east",), ("west",)]
    assert fetch("select status from ops.run order by run_id") == [
        ("succeeded",), ("failed",), ("succeeded",)
    ]  # fmt: skip


def test_debug_shows_where_a_fault_came_from(folders, monkeypatch):
    from ecorse import flow

    def broken(*_, **__):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(flow, "ingest_all", broken)
    monkeypatch.setattr(sys, "argv", ["ecorse", "--debug", "ingest"])
    with pytest.raises(ZeroDivisionError, match="planted"):
        cli.main()
    del os.environ["ECORSE_DEBUG"]
