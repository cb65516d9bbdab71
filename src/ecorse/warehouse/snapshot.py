"""A snapshot of the published night: many reads, one build.

What belongs here: the connection that holds it, and what a refused read means to a person. What
does not: which reads are worth having (``ecorse.night``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import polars as pl
import psycopg
from psycopg import IsolationLevel

from ecorse.errors import DataError, StoreBusy
from ecorse.show import html_table
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

# who reads nothing for so long holds no snapshot, and no lock that a later publish may need
IDLE_SECONDS = 60
BUILD = "select build_id, as_of, built_at, ecorse_version, git_sha from marts.build_info"
TABLES = """
select c.relname, coalesce(obj_description(c.oid), '') as about
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'marts' and c.relkind = 'v' and has_table_privilege(c.oid, 'select')
order by c.relname
"""


@dataclass(frozen=True)
class Build:
    """Which night it is: its number, up to when its rows are, when and by what it was made."""

    build_id: int
    as_of: datetime
    built_at: datetime
    ecorse_version: str
    git_sha: str

    def _repr_html_(self) -> str:
        return html_table(vars(self))


class Snapshot:
    """The night that is published now, read as the role app_reader.

    Reads share one transaction (repeatable read). The server ends it when nothing was read for
    ``IDLE_SECONDS``; a read after that goes on if the night is still the published one, and is
    refused if another took its place. So two nights are never mixed.

    Raises
    ------
    DataError
        No night is published yet.
    """

    def __init__(self) -> None:
        self._conn: psycopg.Connection | None = None
        self._build: Build | None = None
        self._connection()

    @property
    def build(self) -> Build:
        """Which night it is."""
        assert self._build is not None
        return self._build

    def tables(self) -> dict[str, str]:
        """Give every table of the night, with what its rows are."""
        return dict(self.read(TABLES).iter_rows())

    def read(self, query: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """The rows of a select, types as ``warehouse.frames`` has them.

        A connection that was cut, or let go, is made anew once.

        Raises
        ------
        DataError
            Postgres refuses the query, there is no such table (the message has the close ones),
            or another night has been published meanwhile.
        StoreBusy
            The warehouse does not answer.
        """
        for is_last in (False, True):
            conn = self._connection()
            try:
                with conn.transaction():  # a savepoint: a refused query costs not the snapshot
                    return read_frame(conn, query, parameters)
            except psycopg.errors.UndefinedTable as error:
                missing = re.search(r'"(?:marts\.)?([^"]+)"', str(error))
                raise no_table(missing[1] if missing else "?", self.tables()) from None
            except psycopg.Error as error:
                if not conn.closed or is_last:
                    raise _refused(error) from None
        raise AssertionError("unreachable: the second try returns or raises")

    def close(self) -> None:
        """Let the snapshot go now; another read takes a new one of the same night."""
        if self._conn is not None:
            self._conn.close()
        self._conn = None

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be ending
            self.close()

    def _connection(self) -> psycopg.Connection:
        """The connection that holds the snapshot, opened if there is none or it was cut."""
        if self._conn is not None and not self._conn.closed:
            return self._conn
        conn = connect("app_reader", application_name="ecorse night")
        try:
            conn.execute(f"set idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
            conn.execute("set statement_timeout = 0")  # whole tables may be asked for
            conn.execute("set search_path = marts")
            conn.commit()
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            published = _published(conn)
            if self._build is not None and published != self._build:
                raise DataError(
                    f"Night {published.build_id} has been published in place of night "
                    f"{self._build.build_id}, which can no longer be read. Take the new one: "
                    "night = project.night."
                )
        except BaseException:
            conn.close()
            raise
        self._conn, self._build = conn, published
        return conn


def no_table(name: str, known: Mapping[str, str]) -> DataError:
    """The error for a table that the night does not have, with those of a similar name."""
    close = get_close_matches(name, known, n=4, cutoff=0.5)
    close += [table for table in known if name in table and table not in close][:3]
    meant = f" Did you mean {', '.join(close)}?" if close else ""
    return DataError(
        f"There is no table {name!r} in the night.{meant} `night.tables` lists all {len(known)}."
    )


def _published(conn: psycopg.Connection) -> Build:
    try:
        row = conn.execute(BUILD).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        row = None  # a database that no run has touched yet
    if row is None:
        raise DataError(
            "No night is published yet. `ecorse run` makes one, or project.ingest() and "
            "project.refresh() in a notebook."
        )
    return Build(*row)


def _refused(error: psycopg.Error) -> DataError | StoreBusy:
    said = str(error).strip()
    is_ending = (error.sqlstate or "57P").startswith("57P")  # the server stops, or was cut off
    if isinstance(error, psycopg.OperationalError) and is_ending:
        return StoreBusy(f"The warehouse stopped answering: {said}")
    return DataError(f"Postgres refuses the query: {said}")
