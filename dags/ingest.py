"""The DAG `ingest`: new and changed files of every configured source into staging. Wiring only."""

from airflow.sdk import DAG, Param

from ecorse.orchestration import tasks
from ecorse.orchestration.defaults import DAG_DEFAULTS, TASK_DEFAULTS, nightly
from ecorse.orchestration.docs import Trouble, dag_doc
from ecorse.settings import get_settings

ABOUT = """
Loads what is new or changed of every shop and source in `include/shops.toml`, one task each, then
emits one `staging` event with the row counts, so that exactly one `refresh` follows. A run by hand
that brought nothing new leaves the published night as it is; a nightly run always announces. A
source that fails leaves the others alone: they are loaded, `announce` runs, `refresh` builds the
night from what is there, and **this run is shown as failed** by `confirm`. The same as
`ecorse ingest`.
"""
TROUBLES = (
    Trouble(
        "`load_source` failed at once, with ContractError",
        "a file was refused, by its shape or for too many rejected rows: nothing of it is in the "
        "warehouse, the other files are, and what the shop had before stays",
        "read the message (file, row, column); mend the file or its contract, then start this DAG "
        "with the form narrowed to that shop and source",
    ),
    Trouble(
        "`load_source` retries with SourceUnavailable or StoreBusy",
        "the source, the network or the database is down, or another load of this source runs",
        "nothing while it retries (about 8 minutes); then look at `ecorse doctor`",
    ),
    Trouble(
        "`load_source` failed at once with Defect",
        "a fault of the program or of a plug-in, met by one file or source; all else is in",
        "see the traceback in the task's log above the sentence",
    ),
    Trouble(
        "`list_sources` failed with ConfigError",
        "`include/shops.toml` is wrong, or the form has a field that this DAG has not, or names a "
        "shop or source that is not there; the message names field and value",
        "mend the file or the form",
    ),
    Trouble(
        "`announce` is skipped",
        "nothing new came: the published night is of these files, marts and models",
        "nothing; start `refresh` if a night is wanted all the same",
    ),
    Trouble(
        "`confirm` is upstream_failed",
        "at least one source failed; the night was built without it",
        "mend what failed (take a refused file away), then clear the failed tasks: what comes in "
        "then is announced by `load_source` itself, and another `refresh` follows",
    ),
)


def text(title: str, description: str) -> Param:
    """An optional text field of the form."""
    return Param(None, description, type=["null", "string"], title=title)


settings = get_settings()

with DAG(
    "ingest",
    description="New and changed files into staging",
    doc_md=dag_doc(ABOUT, TROUBLES),
    schedule=nightly(settings.schedule, settings.schedule_zone),
    default_args=TASK_DEFAULTS,
    params={
        "shop": text("Shop", "Only this shop; empty means every configured one"),
        "source": text("Source", "Only this source; empty means every configured one"),
        "origin": text("Origin", "Where from: folder, http, kaggle ...; empty: as configured"),
        "data": text(
            "Data",
            "What the origin is to read: a folder or file, an address, Kaggle's owner/name; empty: "
            "as configured",
        ),
    },
    **DAG_DEFAULTS,
):
    loads = tasks.load_source.expand_kwargs(tasks.list_sources())
    tasks.announce(loads) >> tasks.confirm(loads)
