"""Run DAGs one after the other with ``dag.test()`` and print how each went as JSON.

Airflow reads its settings when it is first imported, so the tests start this file with the
environment of their databases: ``python play.py '[["ingest", {"shop": "main"}], ...]'``.
"""

from __future__ import annotations

import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG


def play(dag: DAG, form: dict[str, object]) -> dict[str, object]:
    """Run one DAG; its state, its tasks' states, and the asset events it emitted."""
    run = dag.test(run_conf=form)
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "tasks": {
            f"{ti.task_id}[{ti.map_index}]" if ti.map_index >= 0 else ti.task_id: str(ti.state)
            for ti in run.get_task_instances()
        },
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
    found = [play(DagBag().dags[dag_id], form) for dag_id, form in json.loads(sys.argv[1])]
    print("\n" + json.dumps(found))
