"""What every DAG and task of Ecorse has in common.

What belongs here: owner, retries, time limits. What does not: anything that one DAG alone needs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, ExceptionRetryPolicy, RetryAction, RetryRule

OWNER = "ecorse"

RETRY_BY_ERROR = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="ecorse.errors.TransientError",
            action=RetryAction.RETRY,
            reason="Trying again later may help",
        ),
        RetryRule(
            # a wrong file or setting; SQL that is wrong or meets wrong values; a bug
            exception=[
                "ecorse.errors.TerminalError",
                "psycopg.ProgrammingError",
                "psycopg.DataError",
                "psycopg.IntegrityError",
                "psycopg.NotSupportedError",
                ArithmeticError,
                AssertionError,
                AttributeError,
                ImportError,
                LookupError,
                NameError,
                TypeError,
                ValueError,
            ],
            action=RetryAction.FAIL,
            reason="Trying again without changing something cannot help",
        ),
    ],
    # Anything else (a cut connection, a full disk, no memory) is tried again, `retries` times.
    default=RetryAction.DEFAULT,
)

# Tries after about 15 s, 30 s, 1, 2 and 4 minutes: a restart of the database is outlasted.
TASK_DEFAULTS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 5,
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": RETRY_BY_ERROR,
    "execution_timeout": timedelta(hours=3),
}

# A paused consumer collects no asset events, so nothing starts paused; one run at a time.
DAG_DEFAULTS: dict[str, Any] = {
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": False,
    "tags": ["ecorse"],
}


def nightly(cron: str, zone: str) -> CronTriggerTimetable | None:
    """Give the timetable of a nightly DAG in a time zone, or None for an empty expression.

    The first night is the next one: a start date in the past, or `run_immediately` as it is by
    default, would start last night's run on a fresh machine, beside the one of `make run`.
    """
    if not cron:
        return None
    return CronTriggerTimetable(cron, timezone=zone, run_immediately=timedelta(0))
