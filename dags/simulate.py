"""The DAG `simulate`: appends simulated, marked sales to a source file. Wiring only."""

from airflow.sdk import DAG, Param

from ecorse.orchestration import tasks
from ecorse.orchestration.defaults import DAG_DEFAULTS, TASK_DEFAULTS
from ecorse.orchestration.docs import Trouble, dag_doc

ABOUT = """
Appends simulated rows to a file in any of the simulator's formats, which its header tells. Their
ids start with `SIM-`, so they are staged under a shop of their own and change no figure of the real
one. The same file, rows and seed give the same rows. Start `ingest` to load them. The same as
`ecorse simulate`.
"""
TROUBLES = (
    Trouble(
        "`simulate` failed with ConfigError",
        "the path cannot be written to, or the file's header is of no known format",
        "name a file in a folder that Airflow's user may write to",
    ),
    Trouble(
        "`simulate` retries with DiskFull",
        "the disk that holds the file has no space left",
        "free space; the file is unchanged",
    ),
)

with DAG(
    "simulate",
    description="Append simulated sales to a source file",
    doc_md=dag_doc(ABOUT, TROUBLES),
    schedule=None,
    default_args=TASK_DEFAULTS,
    params={
        "path": Param(
            None,
            "The file to append to; empty means the last one of the simulated shop",
            type=["null", "string"],
            title="File",
        ),
        "rows": Param(1000, "How many rows", type="integer", minimum=1, maximum=10_000_000),
        "augment": Param(
            False,
            "More rows like those of the rarest products, instead of new sales",
            type="boolean",
        ),
        "seed": Param(0, "The same seed gives the same rows", type="integer", minimum=0),
    },
    **DAG_DEFAULTS,
):
    tasks.simulate()
