"""The DAG `refresh`: one complete new build, audited, then published. Wiring only."""

from airflow.sdk import DAG, Param, TaskGroup

from ecorse.orchestration import tasks
from ecorse.orchestration.assets import STAGING
from ecorse.orchestration.callbacks import mark_build_failed
from ecorse.orchestration.defaults import DAG_DEFAULTS, TASK_DEFAULTS
from ecorse.orchestration.docs import Trouble, dag_doc, step_doc
from ecorse.orchestration.graph import step_groups, upstream_steps
from ecorse.refresh.catalog import load_catalog

ABOUT = """
Builds every mart and model of a night as a new build, audits it and publishes it whole, or not
at all: readers of `marts` see the earlier night until one UPDATE shows them this one. Starts when
`ingest` has announced what it loaded. The same as `ecorse refresh`.
"""
TROUBLES = (
    Trouble(
        "`audit` failed with DataError",
        "rows or money do not balance, or a check marked *fail* found rows; the build is refused "
        "and yesterday stays published",
        "see the failed checks on the page *Ecorse nights*; mend the cause, start this DAG again",
    ),
    Trouble(
        "a mart failed with ConfigError or an SQL error",
        "its file in `include/sql/marts` is wrong; the build is marked failed",
        "mend the file and start this DAG again; clearing the task does not revive a failed build",
    ),
    Trouble(
        "a task failed with Fenced",
        "a later run took the build over; nothing of this one was published",
        "nothing: the later run does the work",
    ),
    Trouble(
        "a task retries with StoreBusy or DiskFull",
        "the database is down, another refresh runs, or a disk is full (the message says where)",
        "nothing while it retries; free space, or see `ecorse doctor`",
    ),
    Trouble(
        "a wrong night was published",
        "its checks did not know the fault",
        "start `rollback`; then add a check to the mart's file",
    ),
)
BODIES = {"mart": tasks.build_mart, "model": tasks.run_model}

with DAG(
    "refresh",
    description="Build, audit and publish a night",
    doc_md=dag_doc(ABOUT, TROUBLES),
    schedule=[STAGING],
    default_args={**TASK_DEFAULTS, "on_failure_callback": mark_build_failed},
    params={
        "as_of": Param(
            None,
            "Only sales up to here are in the build; empty means all",
            type=["null", "string"],
            format="date-time",
            title="As of",
        ),
        "publish": Param(True, "No: build and audit only", type="boolean", title="Publish"),
    },
    **DAG_DEFAULTS,
):
    opened, audited, published = tasks.open_build(), tasks.audit(), tasks.publish()
    catalog, built = load_catalog(), {}
    group_of = step_groups(catalog)
    groups = {group_id: TaskGroup(group_id) for group_id in dict.fromkeys(group_of.values())}
    for name, upstream in upstream_steps(catalog).items():
        step = catalog.step(name)
        body = BODIES[step.kind].override(
            task_id=name, task_group=groups[group_of[name]], doc_md=step_doc(catalog, step)
        )
        built[name] = body(name)
        ([built[needed] for needed in upstream] or opened) >> built[name]
    [task for task in built.values() if not task.operator.downstream_task_ids] >> audited
    audited >> published
