"""Results of selects as frames, and rows that wait to be copied, on a real Postgres."""

from __future__ import annotations

import errno
from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest

from ecorse.errors import DataError, DiskFull
from ecorse.warehouse import frames, spool
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame
from ecorse.warehouse.spool import Spool


@pytest.fixture
def conn(warehouse):
    with connect() as conn:
        yield conn


def test_every_kind_of_column_keeps_its_kind(conn):
    found = read_frame(
        conn,
        """
        select 1::int as i, 2::bigint as b, 1.5::float8 as f, 2.25::numeric as n, true as t,
            date '2019-05-01' as d, timestamp '2019-05-01 12:30:00' as local,
            timestamptz '2019-05-01 12:30:00+02' as at, 'a,"b"' || chr(10) as s, '' as empty,
            null::text as missing -- and a comment at the end""",
    )
    assert found.rows() == [
        (1, 2, 1.5, 2.25, True, date(2019, 5, 1), datetime(2019, 5, 1, 12, 30),
         datetime(2019, 5, 1, 10, 30, tzinfo=UTC), 'a,"b"\n', "", None)
    ]  # fmt: skip


def test_fractions_of_seconds_are_read_where_there_are_some(conn):
    found = read_frame(
        conn,
        "select timestamp '2019-05-01 12:30:00' + n * interval '0.250001 seconds' as local, "
        "timestamptz '2019-05-01 12:30:00.500003+00' as at, null::timestamp as never "
        "from generate_series(0, 2) as n",
    )
    assert found["local"].dt.microsecond().to_list() == [0, 250_001, 500_002]
    assert found["at"][0] == datetime(2019, 5, 1, 12, 30, 0, 500_003, tzinfo=UTC)
    assert found["never"].null_count() == 3


def test_words_come_as_categories_and_only_text_does(conn):
    query = "select 'w' || n % 3 as word, n as number, 'x' || n as id from generate_series(0, 9) n"
    found = read_frame(conn, query, words=("word", "number", "absent"))
    assert found.dtypes == [pl.Categorical, pl.Int32, pl.String]
    assert found["word"].cast(pl.String).to_list() == [f"w{n % 3}" for n in range(10)]
    assert read_frame(conn, f"{query} where n < 0", words=("word",)).height == 0


def test_rows_of_many_blocks_come_once_and_in_order(conn, monkeypatch):
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1000)
    query = "select n, repeat('x', n % 7) as text from generate_series(1, 20000) as n"
    found = read_frame(conn, query, words=("text",))
    assert found["n"].to_list() == list(range(1, 20_001))
    assert found["text"].cast(pl.String).str.len_chars().to_list() == [
        n % 7 for n in range(1, 20_001)
    ]
    assert conn.execute("select 1").fetchone() == (1,)  # the connection goes on


def test_a_select_that_breaks_off_half_way_is_an_error(conn):
    query = "select 1 / (90000 - n) as n from generate_series(1, 100000) as n"
    with pytest.raises(psycopg.errors.DivisionByZero):
        read_frame(conn, query)
    conn.rollback()
    assert read_frame(conn, "select 7 as n")["n"].to_list() == [7]


FRAME = pl.DataFrame({"b": [1, 2, 3], "a": ["x\ty", None, "back\\slash"]})


def test_two_columns_of_one_name_are_told(conn):
    with pytest.raises(DataError, match="more than one column 'count'"):
        read_frame(conn, "select 1 as n, count(*), count(distinct 1)")


def test_spooled_rows_are_copied_as_they_were(conn, monkeypatch):
    monkeypatch.setattr(spool, "HELD_BYTES", 10)  # so that they go to a file
    conn.execute("create temp table t (a text, b int)")
    with Spool(("a", "b")) as rows:
        rows.add(FRAME)
        rows.add(FRAME.head(0))
        rows.add(FRAME.head(1))
        assert rows.rows == 4
        assert rows.copy_into(conn, ("t",)) == 4
        assert rows.copy_into(conn, ("t",)) == 4  # a second try writes the same
    found = read_frame(conn, "select b, a from t")
    assert sorted(found.rows(), key=str) == sorted([*FRAME.rows(), FRAME.row(0)] * 2, key=str)


def test_no_space_for_spooled_rows_is_told_as_such(warehouse, monkeypatch):
    with Spool(("b",)) as rows:

        def write(data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(rows._file, "write", write)
        with pytest.raises(DiskFull, match="No space left in"):
            rows.add(FRAME)
