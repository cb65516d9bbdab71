"""Totals that several checks of an audit read, computed once each.

What belongs here: which totals are wanted more than once, the scan that makes them, and where they
are then. What does not: the rules that compare them (``ecorse.models``); judging (``audit``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import psycopg

from ecorse.models.checks import checked_condition, listed
from ecorse.models.relation import BoundCheck
from ecorse.models.totals import Totals, in_place

Resolve = Callable[[str, str], str]
SQL_REFUSED = (psycopg.ProgrammingError, psycopg.DataError)
_RELATION = re.compile(
    r"""'(?:[^']|'')*'|\bfrom ("?)(marts|staging)\1\.\1([a-z0-9_]+)\1""",
    re.IGNORECASE,
)
_numbers = count(1)


def placed(sql: str, resolve: Resolve) -> str:
    """Put a build's relations into the select of a named check; quicker than to parse it.

    Named checks write ``from marts.x`` or ``from staging.x``, without an alias or a comment, and
    quote texts in single quotes only; any other SQL is for ``render``.
    """

    def replace(found: re.Match[str]) -> str:
        if found[2] is None:  # a text
            return found[0]
        return f'from {resolve(found[2], found[3])} as "{found[3]}"'

    return _RELATION.sub(replace, sql)


@dataclass
class _Scan:
    """One grouped scan of a relation, for all totals of the same columns."""

    relation: str
    by: tuple[str, ...]
    wheres: dict[str, str] = field(default_factory=dict)
    aggregates: dict[tuple[str, str], str] = field(default_factory=dict)
    users: set[int] = field(default_factory=set)
    table: str = ""
    seconds: float = 0.0

    def add(self, totals: Totals, user: int) -> None:
        """Let the scan make these totals too."""
        self.users.add(user)
        self.wheres.setdefault(totals.where, f"rows_{len(self.wheres)}")
        for measure in totals.measures:
            self.aggregates.setdefault(
                (measure.aggregate, totals.where), f"total_{len(self.aggregates)}"
            )

    def select(self) -> str:
        """Each aggregate over its own rows; ``rows_*`` count the rows of each condition."""
        only = next(iter(self.wheres)) if len(self.wheres) == 1 else ""
        counts = {("count(*)", where): name for where, name in self.wheres.items()}
        shown = [
            f"{aggregate}{_filter(where) if where != only else ''} as {name}"
            for (aggregate, where), name in (*counts.items(), *self.aggregates.items())
        ]
        rows = f"{self.relation} where ({checked_condition(only)})" if only else self.relation
        columns = listed(self.by)
        return f"select {columns}, {', '.join(shown)} from {rows} group by {columns}"

    def read(self, totals: Totals) -> str:
        """The totals as a select from the scan's table."""
        shown = [listed(totals.by)] + [
            f'{self.aggregates[measure.aggregate, totals.where]} as "{measure.name}"'
            for measure in totals.measures
        ]
        has_rows = f"{self.wheres[totals.where]} > 0"
        return f"(select {', '.join(shown)} from {self.table} where {has_rows})"


def _filter(where: str) -> str:
    return f" filter (where {checked_condition(where)})" if where else ""


class SharedTotals:
    """The totals that at least two checks want, in temporary tables of the connection.

    Parameters
    ----------
    checks
        Those of an audit; their place in the sequence is what ``seconds`` goes by.
    """

    def __init__(
        self, conn: psycopg.Connection, resolve: Resolve, checks: Iterable[BoundCheck]
    ) -> None:
        self._conn = conn
        self._scans: dict[tuple[str, frozenset[str]], _Scan] = {}
        for number, check in enumerate(checks):
            if check.on_totals:
                check.on_totals(partial(self._want, number))
        for scan in self._scans.values():
            if len(scan.users) > 1:
                self._make(scan, resolve)

    def _want(self, user: int, totals: Totals) -> str:
        key = totals.relation, frozenset(totals.by)
        self._scans.setdefault(key, _Scan(totals.relation, totals.by)).add(totals, user)
        return in_place(totals)

    def _make(self, scan: _Scan, resolve: Resolve) -> None:
        """Fill the scan's table; if Postgres refuses, its checks say so each on its own."""
        started, table = time.perf_counter(), f"pg_temp.shared_{next(_numbers)}"
        try:
            with self._conn.transaction():
                self._conn.execute(
                    f"create temporary table {table} as {placed(scan.select(), resolve)}"
                )
        except SQL_REFUSED:
            return
        scan.table, scan.seconds = table, time.perf_counter() - started

    def at(self, totals: Totals) -> str:
        """Where plain totals are: the shared table that holds them, or they are computed there."""
        scan = self._scans[totals.relation, frozenset(totals.by)]
        return scan.read(totals) if scan.table else in_place(totals)

    def seconds(self, number: int) -> float:
        """A check's part of the time of the scans it shares: each in equal parts."""
        return sum(s.seconds / len(s.users) for s in self._scans.values() if number in s.users)

    def drop(self) -> None:
        """Drop the tables."""
        if tables := [scan.table for scan in self._scans.values() if scan.table]:
            self._conn.execute(f"drop table {', '.join(tables)}")
