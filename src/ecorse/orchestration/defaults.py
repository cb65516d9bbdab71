"""What every DAG and task of Ecorse has in common.

What belongs here: owner, retries, time limits. What does not: anything that one DAG alone needs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

OWNER = "ecorse"

# A fixed date: with a moving one every parse would be a new version of the DAG.
START_DATE = datetime(2025, 1, 1, tzinfo=UTC)

RETRY_BY_ERROR = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="ecorse.errors.TerminalError",
            action=RetryAction.FAIL,
            reason="Trying again without changing something cannot help",
        ),
        RetryRule(
            exception="ecorse.errors.TransientError",
            action=RetryAction.RETRY,
            reason="Trying again later may help",
        ),
    ],
    # Anything else (a cut connection, a killed process) is tried again as often as `retries` says.
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
    "start_date": START_DATE,
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": False,
    "tags": ["ecorse"],
}
