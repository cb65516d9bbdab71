"""The bodies of the tasks: each calls one function of the flow and returns names and counts.

What belongs here: reading the form, naming the holder, announcing assets. What does not: work
(``ecorse.flow``) and wiring (``dags/``). Imports of Ecorse stand inside the functions: what is
imported at the top is paid at every parse and every task start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from airflow.sdk import Context, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from ecorse.orchestration.assets import LATE, MARTS, STAGING


def holder(context: Context) -> str:
    """Who writes: the same for every try of a task, so that a retry is recognised as one."""
    run = context["dag_run"]
    return f"airflow:{run.dag_id}:{run.run_id}"


def read_form(context: Context, *, done: str) -> Mapping[str, Any]:
    """The form's values; ``done`` says what was not done for it where it is wrong.

    Raises
    ------
    ConfigError
        The run was started with a field that its DAG's form has not.
    """
    from ecorse.errors import ConfigError

    run = context["dag_run"]
    fields = FORMS[run.dag_id]
    given = dict(run.conf or {})
    if unknown := sorted(given.keys() - set(fields)):
        told = ", ".join(f"{name!r} ({given[name]!r})" for name in unknown)
        raise ConfigError(
            f"The form of the DAG {run.dag_id} has no field {told}; it has {', '.join(fields)}. "
            f"{done}"
        )
    form: Mapping[str, Any] = context["params"]
    return form


def instant(field: str, text: str | None) -> datetime | None:
    """A date or instant from a form's field; without a zone it is UTC, empty is ``None``.

    Raises
    ------
    ConfigError
        The text is no date.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        from ecorse.errors import ConfigError

        raise ConfigError(
            f"{field} = {text!r} is no date or time. Expected is one such as 2024-05-31 or "
            "2024-05-31T22:00:00+02:00; nothing was built."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


FORMS = {
    "ingest": ("shop", "source", "origin", "data"),
    "refresh": ("as_of", "accept", "publish"),
    "rollback": ("build_id",),
    "simulate": ("path", "rows", "augment", "seed"),
}
"""The fields of each DAG's form. Airflow takes others without a word."""


def _build_id(context: Context) -> int:
    return int(context["ti"].xcom_pull(task_ids="open_build"))


# --- ingest ------------------------------------------------------------------------------------


@task
def list_sources() -> list[dict[str, str]]:
    """The shops and sources of this run; the form narrows them."""
    from ecorse.errors import ConfigError
    from ecorse.ingest.selection import select

    form = read_form(get_current_context(), done="Nothing was loaded.")
    try:
        chosen = select(form["shop"], form["source"], origin=form["origin"], data=form["data"])
    except ConfigError as error:
        filled = {name: form[name] for name in FORMS["ingest"] if form[name]}
        if not filled:
            raise
        told = ", ".join(f"{name} = {value!r}" for name, value in filled.items())
        raise ConfigError(f"The form says {told}. {error} Nothing was loaded.") from error
    return [{"shop_id": shop_id, "source": source} for shop_id, source in chosen]


@task(
    outlets=[LATE],
    map_index_template="{{ task.op_kwargs['shop_id'] }} {{ task.op_kwargs['source'] }}",
    doc_md="Load what is new or changed of one source of one shop; one task per source.",
)
def load_source(shop_id: str, source: str) -> dict[str, Any]:
    """Load what is new or changed of one source of one shop.

    A run announces once, when every source was tried. What comes after that, because the failed
    tasks were cleared when the trouble was mended, is announced here.
    """
    from ecorse import flow

    context = get_current_context()
    form = context["params"]
    scope: Literal["shop", "all"] = "shop" if form["shop"] else "all"
    summary = flow.ingest(
        shop_id,
        source,
        origin=form["origin"],
        data=form["data"],
        for_every_source=None if form["source"] else scope,
        holder=holder(context),
    )
    load = {"shop_id": shop_id, "source": source, **summary.counts()}
    if _has_announced(context) and flow.is_due():
        extra: dict[str, Any] = {"run_id": context["dag_run"].run_id, "loads": [load]}
        context["outlet_events"][LATE].add(STAGING, extra=extra)
    return load


def _has_announced(context: Context) -> bool:
    """Whether this run's announcement was made, or not needed, and is not to be made again."""
    run = context["dag_run"]
    states = context["ti"].get_task_states(
        dag_id=run.dag_id, task_ids=["announce"], run_ids=[run.run_id]
    )
    return states.get(run.run_id, {}).get("announce") in ("success", "skipped")


@task(outlets=[STAGING], trigger_rule="all_done")
def announce(loads: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Emit the one asset event of this run, with what each source loaded; `refresh` follows.

    A run by hand after which the published night is still of today's files, marts and models
    announces nothing and is skipped; a nightly run always announces.
    """
    from ecorse import flow

    context = get_current_context()
    if context["dag_run"].run_type != "scheduled" and not flow.is_due():
        raise AirflowSkipException(
            "Nothing new: the published night is of these files, marts and models."
        )
    extra: dict[str, Any] = {
        "run_id": context["dag_run"].run_id,
        "loads": [load for load in loads if load],
    }
    context["outlet_events"][STAGING].extra = extra
    return extra


@task(trigger_rule="none_failed")  # also after an announcement that was not needed
def confirm(loads: Iterable[dict[str, Any]]) -> int:
    """Succeed only if every source loaded: a refused file leaves the run red."""
    return len(list(loads))


# --- refresh -----------------------------------------------------------------------------------


@task
def open_build() -> int:
    """Open a new build at today's watermark, or as of the form's date; with what is accepted."""
    from ecorse import flow

    context = get_current_context()
    form = read_form(context, done="Nothing was built.")
    return flow.open_build(
        as_of=instant("as_of", form["as_of"]),
        accept=[form["accept"]] if form["accept"] else (),
        publish=form["publish"],
        holder=holder(context),
    )


@task
def build_area(name: str) -> dict[str, int | None]:
    """Make what this run's build lacks of an area of marts, or of a model; gives rows by table."""
    from ecorse import flow

    build_id = _build_id(get_current_context())
    flow.resume(build_id)
    return flow.build_area(build_id, name)


@task
def audit() -> dict[str, int]:
    """Reconcile rows and money and run every check; a failed one refuses the build."""
    from ecorse import flow

    build_id = _build_id(get_current_context())
    flow.resume(build_id)
    return flow.audit(build_id).counts()


@task(outlets=[MARTS])
def publish() -> dict[str, Any]:
    """Make this run's build the published one; skipped when the form says no."""
    from ecorse import flow

    context = get_current_context()
    if not context["params"]["publish"]:
        raise AirflowSkipException("The form says: build and audit only.")
    build_id = _build_id(context)
    flow.publish(build_id, holder=holder(context))
    return _announce_marts(context, build_id, "publish")


@task
def report() -> list[str]:
    """Write the published night's report on segments, after the night was announced."""
    from ecorse.reports.segments.write import write_after_night

    return [str(path) for path in write_after_night()]


# --- by hand -----------------------------------------------------------------------------------


@task(outlets=[MARTS])
def rollback() -> dict[str, Any]:
    """Make an earlier build the published one."""
    from ecorse import flow

    context = get_current_context()
    form = read_form(context, done="Nothing was rolled back.")
    build_id = flow.rollback(form["build_id"], holder=holder(context))
    return _announce_marts(context, build_id, "rollback")


def _announce_marts(context: Context, build_id: int, action: str) -> dict[str, Any]:
    from ecorse.reports.nights import step_rows

    extra: dict[str, Any] = {"build_id": build_id, "action": action, "rows": step_rows(build_id)}
    context["outlet_events"][MARTS].extra = extra
    return extra


@task(retries=0)  # a try that was killed after its rename would be appended twice
def simulate() -> dict[str, Any]:
    """Append simulated, marked sales to a file."""
    from ecorse.simulate import append_rows, augment_rows

    form = read_form(get_current_context(), done="Nothing was appended.")
    path = Path(form["path"]) if form["path"] else _simulated_file()
    grow = augment_rows if form["augment"] else append_rows
    growth = grow(path, rows=form["rows"], seed=form["seed"])
    return {"path": str(growth.path), "rows": growth.rows, "format": growth.format}


def _simulated_file() -> Path:
    """Give the last file of the simulated shop, which is made first if it is not there yet."""
    from ecorse.ingest.shops import load_shops
    from ecorse.origins import fetch_files
    from ecorse.settings import get_settings

    settings = get_settings()
    sources = [source for shop in load_shops(settings) for source in shop.sources]
    options = next((s.options for s in sources if s.origin == "simulate"), {})
    return fetch_files("simulate", settings, options)[-1].path
