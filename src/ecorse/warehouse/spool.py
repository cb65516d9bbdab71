"""Rows that wait to be copied: made without a transaction, written in a short one.

What belongs here: keeping them meanwhile, in memory while they are few, else in a file without a
name. What does not: which table they go to, and when that counts.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import polars as pl
import psycopg

from ecorse.errors import DiskFull
from ecorse.settings import get_settings
from ecorse.warehouse.copy import copy_statement, copy_text

HELD_BYTES = 4 << 20
READ_BYTES = 1 << 20


class Spool:
    """Rows of one table as COPY will send them; the file is gone when it is closed or killed.

    Parameters
    ----------
    columns
        The columns that every frame is written with, in this order.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.rows = 0
        home = get_settings().home
        home.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.SpooledTemporaryFile(HELD_BYTES, dir=str(home))  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the rows go."""
        self._file.close()

    def add(self, frame: pl.DataFrame) -> None:
        """Keep the rows of a frame.

        Raises
        ------
        DiskFull
            There is no space left for them.
        """
        if not frame.height:
            return
        try:
            self._file.write(copy_text(frame.select(self.columns)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(
                    f"No space left in {get_settings().home} for the rows that wait to be "
                    f"copied ({self.rows} so far). Free some space and run this again."
                ) from error
            raise
        self.rows += frame.height

    def copy_into(self, conn: psycopg.Connection, table: tuple[str, ...]) -> int:
        """Append the rows to a table (qualified name) in the caller's transaction; how many."""
        self._file.seek(0)
        with conn.cursor() as cursor, cursor.copy(copy_statement(table, self.columns)) as copy:
            while data := self._file.read(READ_BYTES):
                copy.write(data)
        return self.rows
