"""What happens when a run has failed for good.

What belongs here: functions for ``on_failure_callback``. What does not: retrying, which
``defaults`` decides by the class of the error.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Context

log = logging.getLogger(__name__)


def mark_build_failed(context: Context | dict[str, Any]) -> None:
    """Mark the build of this ``refresh`` run failed; the published night stays what it was.

    The DAG processor calls it when the run has ended. What was built is kept until another build
    begins: clearing the failed task goes on from there. A run that failed before it opened a build
    has nothing to mark.
    """
    from ecorse import flow

    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    reason = context.get("reason") or "the run failed"
    flow.fail_build_of(f"airflow:{dag_id}:{run_id}", f"{reason}; see the run {run_id} in Airflow")
