"""The DAG `refresh`: one complete new build, audited, then published. Wiring only."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from ecorse.orchestration import tasks
from ecorse.orchestration.assets import STAGING
from ecorse.orchestration.callbacks import mark_build_failed
from ecorse.orchestration.defaults import DAG_DEFAULTS, TASK_DEFAULTS
from ecorse.orchestration.docs import Trouble, dag_doc
from ecorse.orchestration.graph import night_graph
from ecorse.settings import get_settings

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
        "the log of `open_build` warns that a shop is held back",
        "the shop lost most of its rows, or its loads do not fit each other; it stays as it was "
        "published, the others are of today (`open_build` fails if there are no others)",
        "the sentence says what to do; `ecorse status` has it too",
    ),
    Trouble(
        "an area failed with ConfigError or an SQL error",
        "a file in `include/sql/marts` is wrong (the message names it); the others are made, and "
        "the build is marked failed",
        "mend the file and clear the task: only what is missing is made",
    ),
    Trouble(
        "a task failed with TimeLimit",
        "a mart, check or model took longer than `ECORSE_STEP_MINUTES`",
        "see why (its SQL and `explain`), or raise the limit; then clear the task",
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
        "the night is published, and the page *Ecorse nights* says that models are held",
        "its segments or inputs jumped (the reason says which, and by how much); the segments of "
        "the night before stand, the other models and shops are of this night",
        "mend the data; if the change is real, start this DAG with *Let through*: what the reason "
        "says behind `--accept`",
    ),
    Trouble(
        "a wrong night was published",
        "its checks did not know the fault",
        "start `rollback`; then add a check to the mart's file",
    ),
)
DATE_TIME = (
    r"^$|^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?$"
)
settings = get_settings()

with DAG(
    "refresh",
    description="Build, audit and publish a night",
    doc_md=dag_doc(ABOUT, TROUBLES),
    schedule=[STAGING],
    default_args=TASK_DEFAULTS,
    on_failure_callback=mark_build_failed,
    max_active_tasks=settings.areas_at_once,
    params={
        "as_of": Param(
            None,
            "Only sales up to here are in the build; empty means all",
            type=["null", "string"],
            format="date-time",
            pattern=DATE_TIME,  # Airflow checks no format
            title="As of",
        ),
        "publish": Param(True, "No: build and audit only", type="boolean", title="Publish"),
        "accept": Param(
            None,
            "What was held and is real, as the reason on the page Nights says it behind --accept: "
            "MODEL:SHOP (such as segment_customers:main), MODEL for every shop, or a SHOP that "
            "lost most of its rows; several with commas",
            type=["null", "string"],
            title="Let through",
        ),
    },
    **DAG_DEFAULTS,
):
    opened, audited, published = tasks.open_build(), tasks.audit(), tasks.publish()
    built = {}
    for node in night_graph():
        body = tasks.build_area.override(
            task_id=node.name,
            doc_md=node.doc,
            execution_timeout=timedelta(minutes=settings.step_minutes * node.steps),
        )
        built[node.name] = body(node.name)
        ([built[needed] for needed in node.needs] or opened) >> built[node.name]
    [task for task in built.values() if not task.operator.downstream_task_ids] >> audited
    audited >> published >> tasks.report()
