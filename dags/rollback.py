"""The DAG `rollback`: makes an earlier build the published one. Wiring only."""

from airflow.sdk import DAG, Param

from ecorse.orchestration import tasks
from ecorse.orchestration.defaults import DAG_DEFAULTS, TASK_DEFAULTS
from ecorse.orchestration.docs import Trouble, dag_doc

ABOUT = """
Shows readers of `marts` an earlier night again: one UPDATE, under a second, nothing is rebuilt.
Empty form: the night published before the current one. The same as `ecorse rollback`.
"""
TROUBLES = (
    Trouble(
        "`rollback` failed with DataError or ConfigError",
        "that build was never published, was removed, or there is no earlier one",
        "choose a build on the page *Ecorse nights* that was published and is still kept",
    ),
    Trouble(
        "`rollback` retries with StoreBusy",
        "a refresh is publishing at this moment, or the database is down",
        "nothing while it retries",
    ),
)

with DAG(
    "rollback",
    description="Publish an earlier night again",
    doc_md=dag_doc(ABOUT, TROUBLES),
    schedule=None,
    default_args=TASK_DEFAULTS,
    params={
        "build_id": Param(
            None,
            "The build to publish again; empty means the one before the current",
            type=["null", "integer"],
            minimum=1,
            title="Build",
        )
    },
    **DAG_DEFAULTS,
):
    tasks.rollback()
