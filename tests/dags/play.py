"""Run one DAG with ``dag.test()`` and print how it went as JSON; a process of its own.

Airflow reads its settings when it is first imported, so the tests start this file with the
environment of their databases: ``python play.py <dag_id> <form as JSON>``.
"""

from __future__ import annotations

import json
import sys

from airflow.dag_processing.dagbag import DagBag


def main(dag_id: str, form: dict[str, object]) -> None:
    run = DagBag().dags[dag_id].test(run_conf=form)
    found = {
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
    print("\n" + json.dumps(found))


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
    main(sys.argv[1], json.loads(sys.argv[2]))
