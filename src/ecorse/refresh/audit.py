"""Judging a build before anyone sees it: every declared check, and the accounts of the night.

What belongs here: running checks and writing down what they found. What does not: the rules of a
mart (its SQL file) or of a model's table (its ``Relation``); the accounts (``night_checks``).
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ecorse.errors import ConfigError
from ecorse.models.relation import BoundCheck, Relation
from ecorse.refresh.catalog import Catalog
from ecorse.refresh.history_checks import history_checks
from ecorse.refresh.night_checks import night_checks
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.refresh.shared import SQL_REFUSED, Resolve, SharedTotals, placed

SAMPLE_ROWS = 5
NIGHT = "night"


@dataclass(frozen=True)
class CheckResult:
    """What one check found: ``failing_rows`` rows break the rule (0 when it passed).

    ``seconds`` is its part of the statements that it shares with other checks (each in equal
    parts), and its own.
    """

    mart: str
    name: str
    level: str
    sentence: str
    failing_rows: int
    sample: list[dict[str, Any]]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether no row breaks the rule."""
        return self.failing_rows == 0


def all_checks(catalog: Catalog, tables: Sequence[Relation]) -> list[tuple[str, BoundCheck]]:
    """Every check with the mart it stands at: SQL files first, then models' tables."""
    found = [(m.name, check) for m in catalog.marts.values() for check in m.bound_checks()]
    return found + [(table.name, check) for table in tables for check in table.bound_checks()]


def run_checks(
    conn: psycopg.Connection, build_id: int, checks: Sequence[tuple[str, BoundCheck]]
) -> list[CheckResult]:
    """Run declared checks and the accounts of the night on a build; results in the same order.

    Raises
    ------
    ConfigError
        Postgres refuses a check's SQL; the message names mart and check.
    """
    of_night = [*night_checks(build_id), *history_checks(conn, build_id)]
    every = [*checks, *((NIGHT, check) for check in of_night)]
    return judge(conn, every, resolver(build_id))


def judge(
    conn: psycopg.Connection, checks: Sequence[tuple[str, BoundCheck]], resolve: Resolve
) -> list[CheckResult]:
    """Run checks, each given with its mart, on the relations that ``resolve`` says.

    Checks that read the same rows do so together: the rules about single rows of a table are
    counted in one scan, and totals that several rules compare are computed once. What a check finds
    does not depend on that; only one that found something runs its own statement, for a sample.

    Raises
    ------
    ConfigError
        Postgres refuses a check's SQL; the message names mart and check.
    """
    return _Audit(conn, checks, resolve).run()


class _Audit:
    """One audit: the checks by number, how many rows break each, and the seconds that took."""

    def __init__(
        self, conn: psycopg.Connection, checks: Sequence[tuple[str, BoundCheck]], resolve: Resolve
    ) -> None:
        self.conn, self.checks, self.resolve = conn, checks, resolve
        self.failing: dict[int, int] = {}
        self.seconds: dict[int, float] = {}

    def run(self) -> list[CheckResult]:
        # to join 400,000 pairs of products with themselves took 2.7 s of three processes by
        # sorting texts, 0.35 s by hashing: Postgres thinks that sorting them is cheaper
        self.conn.execute("select set_config('enable_mergejoin', 'off', true)")
        of_rows = defaultdict(list)
        for number, (mart, check) in enumerate(self.checks):
            if check.broken_row:
                of_rows[mart].append(number)
        for mart, numbers in of_rows.items():
            self._count_rows(mart, numbers)
        shared = SharedTotals(self.conn, self.resolve, [check for _, check in self.checks])
        for number, (_, check) in enumerate(self.checks):
            if number not in self.failing:
                self._count_alone(number, check.on_totals and check.on_totals(shared.at))
                self.seconds[number] += shared.seconds(number)
        shared.drop()
        return [self._result(number) for number in range(len(self.checks))]

    def _count_rows(self, mart: str, numbers: Sequence[int]) -> None:
        """Count the broken rows of several rules about the rows of one table in one scan."""
        counts = ", ".join(
            f"count(*) filter (where {self.checks[number][1].broken_row})" for number in numbers
        )
        started = time.perf_counter()
        try:
            with self.conn.transaction():
                query = placed(f"select {counts} from marts.{mart}", self.resolve)
                row = self.conn.execute(query).fetchone()
        except SQL_REFUSED:
            return  # each then runs alone, and the one that is wrong says so
        assert row is not None
        self.failing |= zip(numbers, row, strict=True)
        self.seconds |= dict.fromkeys(numbers, (time.perf_counter() - started) / len(numbers))

    def _count_alone(self, number: int, on_totals: str | None) -> None:
        started = time.perf_counter()
        query = placed(on_totals, self.resolve) if on_totals else self._own_select(number)
        (self.failing[number],) = self._execute(number, f"select count(*) from ({query}) as broken")
        self.seconds[number] = time.perf_counter() - started

    def _result(self, number: int) -> CheckResult:
        (mart, check), failing = self.checks[number], self.failing[number]
        started, sample = time.perf_counter(), []
        if failing:
            (sample,) = self._execute(
                number,
                "select coalesce(jsonb_agg(to_jsonb(broken)), '[]') "
                f"from (select * from ({self._own_select(number)}) as q limit {SAMPLE_ROWS}) "
                "as broken",
            )
        seconds = self.seconds[number] + time.perf_counter() - started
        return CheckResult(mart, check.name, check.level, check.sentence, failing, sample, seconds)

    def _own_select(self, number: int) -> str:
        """The check's own statement, on the relations of the build."""
        mart, check = self.checks[number]
        if mart == NIGHT:
            return check.sql
        if check.broken_row or check.on_totals:
            return placed(check.sql, self.resolve)
        return render(check.sql, self.resolve, f"marts.{mart} check {check.name}")

    def _execute(self, number: int, query: str) -> tuple[Any, ...]:
        mart, check = self.checks[number]
        try:
            row = self.conn.execute(query).fetchone()
        except SQL_REFUSED as error:
            raise ConfigError(
                f"Check {check.name!r} of marts.{mart}: Postgres refuses its SQL: "
                f"{error.diag.message_primary}. Mend the check."
            ) from error
        assert row is not None
        return row


def save_results(conn: psycopg.Connection, build_id: int, results: Sequence[CheckResult]) -> None:
    """Write what the checks found, replacing an earlier audit of the same build."""
    conn.execute("delete from ops.check_result where build_id = %s", (build_id,))
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.check_result (build_id, mart, check_name, level, passed,
                failing_rows, sentence, sample, seconds)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    build_id, r.mart, r.name, r.level, r.passed, r.failing_rows, r.sentence,
                    json.dumps(r.sample, default=str), r.seconds,
                )
                for r in results
            ],
        )  # fmt: skip
