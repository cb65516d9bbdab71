"""Airflow's LocalExecutor, with what every task of Ecorse needs imported before tasks begin.

What belongs here: which imports are made once. What does not: how tasks are run, which is
LocalExecutor's.

LocalExecutor forks its workers when the scheduler starts, and each worker forks a process per task.
What was imported before the first fork costs a task nothing and is in memory once: 0.8 CPU seconds
for an area of marts, 2.4 for a model. ``AIRFLOW__CORE__EXECUTOR`` names this class; with
``LocalExecutor`` all works the same, only slower. After an upgrade of Ecorse restart the scheduler.
"""

from __future__ import annotations

import importlib
import logging

from airflow.executors.local_executor import LocalExecutor

log = logging.getLogger(__name__)
NEEDED_BY_TASKS = (
    "airflow.sdk.execution_time.task_runner",
    "ecorse.orchestration.tasks",
    "ecorse.flow",
    "ecorse.training.run",
)


class WarmLocalExecutor(LocalExecutor):
    """A LocalExecutor whose workers have imported Ecorse and read its catalogue."""

    def start(self) -> None:
        """Import what tasks need, then start the workers."""
        try:
            for module in NEEDED_BY_TASKS:
                importlib.import_module(module)
            from ecorse.refresh.catalog import load_catalog
            from ecorse.settings import get_settings

            load_catalog()  # files that are changed later are read again
            get_settings.cache_clear()  # as are settings
        except Exception as error:  # the DAG or the task will tell; here nobody looks
            log.warning("tasks will start slower, for an import failed before them: %s", error)
        super().start()
