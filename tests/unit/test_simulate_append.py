"""Appending exactly n valid rows to an existing sales file (FEATURES A38).

What belongs here: what ``append_sales`` does to one file. What does not: loading it again.
"""

from __future__ import annotations

import csv
import io
import threading
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ecorse.errors import ConfigError, ContractError
from ecorse.simulate import append_sales, simulate_year

HEADER = b"Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
ROW = b'1001,Lamp,2,4.5,04/07/19 22:30,"1 Main St, Boston, MA 02215"'


def parse(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("rows", [0, 1, 5, 997])
def test_exactly_n_rows_are_added_and_nothing_else_changes(tmp_path, rows):
    path = simulate_year(tmp_path, seed=1, orders=600).paths[3]
    before = path.read_bytes()
    summary = append_sales(path, rows=rows, seed=5)
    after = path.read_bytes()
    assert after.startswith(before)
    added = parse(after[len(before) :])
    assert len(added) == summary.rows == rows
    assert len({row[0] for row in added}) == summary.orders
    known = {row[0] for row in parse(before)}
    for row in added:
        assert len(row) == 6
        assert row[0].startswith("SIM-")
        assert row[0] not in known
        assert int(row[2]) > 0
        assert Decimal(row[3]) > 0
        moment = datetime.strptime(row[4], "%m/%d/%y %H:%M")
        assert (moment.year, moment.month) == (2019, 4)
    assert len({tuple(row) for row in added}) == rows
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_ids_are_new_again_with_the_same_seed(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(HEADER + b"\n" + ROW + b"\n")
    for _ in range(4):
        append_sales(path, rows=20, seed=9)
    rows = parse(path.read_bytes())[1:]
    assert len(rows) == 81
    assert len({tuple(row) for row in rows}) == 81


def test_same_file_and_seed_give_the_same_rows(tmp_path):
    texts = []
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(HEADER + b"\n" + ROW + b"\n")
        append_sales(tmp_path / name, rows=30, seed=2)
        texts.append((tmp_path / name).read_bytes())
    append_sales(tmp_path / "a.csv", rows=3)  # without a seed: drawn anew
    assert texts[0] == texts[1] != (tmp_path / "a.csv").read_bytes()


def test_orders_of_two_files_never_meet(tmp_path):
    summary = simulate_year(tmp_path, seed=1, orders=600)
    before = [{r[0] for r in parse(p.read_bytes())} for p in summary.paths]
    for path in summary.paths[:2]:
        append_sales(path, rows=50, seed=1)
    new = [
        {r[0] for r in parse(p.read_bytes())} - known
        for p, known in zip(summary.paths[:2], before, strict=False)
    ]
    assert not new[0] & new[1]
    assert not (new[0] | new[1]) & set().union(*before)


def test_a_missing_final_line_end_is_added(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(HEADER + b"\n" + ROW)
    append_sales(path, rows=2, seed=1)
    assert path.read_bytes().startswith(HEADER + b"\n" + ROW + b"\nSIM-")
    assert len(parse(path.read_bytes())) == 4


def test_bom_and_windows_line_ends_stay(tmp_path):
    path = tmp_path / "sales.csv"
    before = b"\xef\xbb\xbf" + HEADER + b"\r\n" + ROW + b"\r\n"
    path.write_bytes(before)
    path.chmod(0o640)
    append_sales(path, rows=3, seed=1)
    after = path.read_bytes()
    assert after.startswith(before)
    assert after.count(b"\r\n") == after.count(b"\n") == 5
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_header_alone_can_grow(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(HEADER)
    append_sales(path, rows=3, seed=1)
    assert len(parse(path.read_bytes())) == 4


def test_dates_follow_the_month_most_rows_have(tmp_path):
    path = tmp_path / "sales.csv"
    june = ROW.replace(b"04/07/19", b"06/30/21")
    july = ROW.replace(b"04/07/19", b"07/01/21")
    # more than one chunk of copying, and junk that is no date
    path.write_bytes(
        b"\n".join([HEADER, *[july] * 9_000, *[june] * 11_000, b"x,y,1,2,99/99/99 00:00,z", b""])
    )
    size = path.stat().st_size
    append_sales(path, rows=10, seed=1)
    added = parse(path.read_bytes()[size:])
    assert {row[4][:2] + row[4][6:8] for row in added} == {"0621"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b,c\n1,2,3\n",
        HEADER + b",More\n",
        ROW + b"\n",
        b"\x1f\x8b\x08\x00compressed",
        b"x" * 9000,
    ],
)
def test_a_file_of_another_shape_is_refused_unchanged(tmp_path, content):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(ContractError, match=r"other\.csv, line 1: expected the header"):
        append_sales(path, rows=1)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


def test_a_missing_file_or_a_negative_number_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.csv"):
        append_sales(tmp_path / "none.csv", rows=1)
    with pytest.raises(ConfigError, match="rows must be 0 or more"):
        append_sales(tmp_path / "none.csv", rows=-1)


def test_a_killed_append_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "sales.csv"
    path.write_bytes(HEADER + b"\n" + ROW + b"\n")
    before = path.read_bytes()

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        append_sales(path, rows=5, seed=1)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["sales.csv"]


def test_two_appends_at_once_lose_nothing(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(HEADER + b"\n" + ROW + b"\n")
    threads = [
        threading.Thread(target=append_sales, args=(path,), kwargs={"rows": 25}) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parse(path.read_bytes())) == 2 + 4 * 25
