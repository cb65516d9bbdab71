"""What happens when a task has failed for good.

What belongs here: functions for ``on_failure_callback``. What does not: retrying, which
``defaults`` decides by the class of the error.
"""

from __future__ import annotations

import logging

from airflow.sdk import Context

log = logging.getLogger(__name__)


def mark_build_failed(context: Context) -> None:
    """Mark the build of this ``refresh`` run failed; the published night stays what it was.

    Runs in the task's process, or in the DAG processor when the task's process was killed; there
    is no exception then. A run that failed before it opened a build has nothing to mark.
    """
    from ecorse import flow

    task_instance = context["ti"]
    build_id = task_instance.xcom_pull(task_ids="open_build")
    if build_id is None:
        log.info("no build was opened in this run: nothing to mark")
        return
    error = context.get("exception") or "its process was killed"
    flow.fail_build(int(build_id), f"{task_instance.task_id}: {error}")
