"""Run DAGs one after the other with ``dag.test()`` and print how each went as JSON.

Airflow reads its settings when it is first imported, so the tests start this file with the
environment of their databases: ``python play.py '[["ingest", {"shop": "main"}], ...]'``.
``["clear", {"dag": ..., "run": ..., "tasks": ...}]`` clears tasks of a run as the UI does, with
what follows them, and goes on with the run.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG


def play(dag: DAG, form: dict[str, object]) -> dict[str, object]:
    """Run one DAG; its state, its tasks' states, and the asset events it emitted."""
    return _told(dag.test(run_conf=form))


def clear(dag: DAG, run_id: str, tasks: list[str] | None) -> dict[str, object]:
    """Clear tasks of a run with what follows them, or without names all that failed; run them.

    The loop is that of ``DAG.test``, which knows new runs only.
    """
    from airflow.models.dagrun import DagRun
    from airflow.sdk.definitions.dag import _run_task
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from sqlalchemy import select

    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    cleared = stored.partial_subset(tasks, include_downstream=True) if tasks else stored
    with create_session() as session:
        cleared.clear(run_id=run_id, only_failed=not tasks, session=session)
        run = session.scalar(select(DagRun).where(DagRun.run_id == run_id))
        run.dag, run.state = stored, DagRunState.RUNNING
        session.commit()
        while run.state == DagRunState.RUNNING:
            session.expire_all()
            ready, _ = run.update_state(session=session)
            for instance in ready:
                instance.try_number += 1
                instance.state = TaskInstanceState.SCHEDULED
            session.commit()
            for instance in ready:
                task = dag.task_dict[instance.task_id]
                _run_task(ti=instance, task=task, run_triggerer=True)
        return _told(run)


def _told(run: Any) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "tasks": {
            f"{ti.task_id}[{ti.map_index}]" if ti.map_index >= 0 else ti.task_id: str(ti.state)
            for ti in run.get_task_instances()
        },
        "tries": {ti.task_id: ti.try_number for ti in run.get_task_instances()},
        "labels": sorted(
            ti.rendered_map_index for ti in run.get_task_instances() if ti.rendered_map_index
        ),
        "events": _asset_events(run),
    }


def _asset_events(run: object) -> dict[str, list[object]]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)
        events: dict[str, list[object]] = {}
        for event in session.scalars(query):
            events.setdefault(event.asset.name, []).append(event.extra)
        return events


if __name__ == "__main__":
    # A bag for each run: a run leaves its form's values in the DAG it was run with.
    found = [
        clear(DagBag().dags[form["dag"]], form["run"], form.get("tasks"))
        if name == "clear"
        else play(DagBag().dags[name], form)
        for name, form in json.loads(sys.argv[1])
    ]
    print("\n" + json.dumps(found))
