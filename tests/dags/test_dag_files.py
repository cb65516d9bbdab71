"""Every DAG file: it imports, is documented, retries by error class, and costs little to parse."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ecorse.errors import ConfigError, DataError, Fenced, SourceUnavailable, StoreBusy
from ecorse.refresh.catalog import load_catalog
from ecorse.settings import PROJECT_DIR, get_settings

DAGS = ("ingest", "refresh", "rollback", "simulate")
HEAVY = ("pandas", "polars", "pyarrow", "sklearn", "scipy", "kagglehub", "sparse_dot_topn")


def test_every_file_imports(dagbag):
    assert dagbag.import_errors == {}
    assert set(dagbag.dags) == set(DAGS)


def test_parsing_is_cheap(airflow_home):
    """2 s for all files are promised; processor time counts, for the machine may be busy."""
    program = f"""
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
before = time.process_time()
bag = DagBag({str(PROJECT_DIR / "dags")!r})
print(json.dumps({{"seconds": time.process_time() - before, "errors": bag.import_errors,
                   "modules": [m for m in {HEAVY!r} if m in sys.modules]}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    print(f"all DAG files parsed in {measured['seconds']:.2f} s")
    assert measured["errors"] == {}
    assert measured["modules"] == []
    assert measured["seconds"] < 2


@pytest.mark.parametrize("dag_id", DAGS)
def test_documented_owned_and_one_at_a_time(dagbag, dag_id):
    dag = dagbag.dags[dag_id]
    about, _, notes = dag.doc_md.partition("### Triage notes")
    assert len(about) > 100
    rows = [line for line in notes.splitlines() if line.startswith("| ")]
    assert len(rows) >= 3
    assert all(line.count(" | ") == 2 for line in rows)
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is False
    assert {task.owner for task in dag.tasks} == {"ecorse"}
    assert all(task.doc_md for task in dag.tasks)


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_form_works_left_as_it_is(dagbag, dag_id):
    params = dagbag.dags[dag_id].params
    assert params, "a DAG that can be started by hand has a form"
    params.validate()
    assert all(params.get_param(name).description for name in params)


@pytest.mark.parametrize("dag_id", DAGS)
def test_tasks_know_every_field_of_the_form(dagbag, dag_id):
    from ecorse.orchestration.tasks import FORMS

    assert set(FORMS[dag_id]) == set(dagbag.dags[dag_id].params)


@pytest.mark.parametrize("dag_id", DAGS)
@pytest.mark.parametrize(
    ("error", "action"),
    [
        (ConfigError("x"), "fail"),
        (DataError("x"), "fail"),
        (Fenced("x"), "fail"),
        (SourceUnavailable("x"), "retry"),
        (StoreBusy("x"), "retry"),
        (ConnectionError("x"), "default"),
    ],
)
def test_retries_by_error_class(dagbag, dag_id, error, action):
    for task in dagbag.dags[dag_id].tasks:
        decision = task.retry_policy.evaluate(error, try_number=1, max_tries=5)
        assert decision.action.value == action
        assert decision.retry_delay is None, "the task's own back-off counts"
        if dag_id != "simulate":
            assert task.retries == 5
            assert task.retry_exponential_backoff == 2


def test_an_append_is_never_tried_twice(dagbag):
    assert dagbag.dags["simulate"].get_task("simulate").retries == 0


def test_assets_are_unique():
    from ecorse.orchestration.assets import ALL

    assert len({asset.name for asset in ALL}) == len({asset.uri for asset in ALL}) == len(ALL)


def test_assets_tie_the_dags(dagbag):
    from ecorse.orchestration.assets import LATE, MARTS, STAGING

    outlets = {
        f"{dag.dag_id}.{task.task_id}": list(task.outlets)
        for dag in dagbag.dags.values()
        for task in dag.tasks
        if task.outlets
    }
    assert outlets == {
        "ingest.load_source": [LATE],
        "ingest.announce": [STAGING],
        "refresh.publish": [MARTS],
        "rollback.rollback": [MARTS],
    }
    consumed = {
        dag.dag_id: list(dag.timetable.asset_condition.objects)
        for dag in dagbag.dags.values()
        if getattr(dag.timetable, "asset_condition", None)
    }
    assert consumed == {"refresh": [STAGING]}


def test_ingest_starts_nightly(dagbag):
    assert dagbag.dags["ingest"].timetable.expression == get_settings().schedule


def test_ingest_announces_whatever_came_and_stays_red_for_a_refused_file(dagbag):
    ingest = dagbag.dags["ingest"]
    announce, confirm = ingest.get_task("announce"), ingest.get_task("confirm")
    assert announce.trigger_rule == "all_done"
    assert announce.upstream_task_ids == {"load_source"}
    assert confirm.trigger_rule == "none_failed"
    assert confirm.upstream_task_ids == {"load_source", "announce"}
    assert [task.task_id for task in ingest.leaves] == ["confirm"]


def ancestors(dag, task_id: str) -> set[str]:
    """Everything that is done before a task."""
    return set(dag.get_task(task_id).get_flat_relative_ids(upstream=True))


def writers(catalog, step) -> set[str]:
    """Every step that writes something that this one reads."""
    return {w.name for w in catalog.steps() if set(w.writes) & set(step.reads)}


def test_refresh_makes_every_step_after_what_it_reads(dagbag):
    refresh, catalog = dagbag.dags["refresh"], load_catalog()
    task_of = {step.name: area.name for area in catalog.areas() for step in area.steps}
    assert set(task_of) == {step.name for step in catalog.steps()}
    assert {t.task_id for t in refresh.tasks} == {
        *task_of.values(), "open_build", "audit", "publish", "report"
    }  # fmt: skip
    for area in catalog.areas():
        made = set()
        for step in area.steps:
            for needed in writers(catalog, step) - made:
                assert task_of[needed] in ancestors(refresh, area.name), (step.name, needed)
            made.add(step.name)
        assert "open_build" in ancestors(refresh, area.name)
    assert ancestors(refresh, "audit") == {*task_of.values(), "open_build"}
    assert ancestors(refresh, "publish") == {*task_of.values(), "open_build", "audit"}
    # Airflow emits an asset's event when its task is done: drawing pictures must not hold it up
    assert [a.name for a in refresh.get_task("publish").outlets] == ["marts"]
    assert ancestors(refresh, "report") - ancestors(refresh, "publish") == {"publish"}


def test_a_night_has_about_fifteen_tasks(dagbag):
    """Each costs seconds of its own: 74 of them made of 30 s a night of 91 s."""
    models = len(load_catalog().models)
    assert len(dagbag.dags["refresh"].tasks) <= 3 + 10 + models


def test_the_graph_of_the_night_is_read_without_parsing_sql(airflow_home, tmp_path, monkeypatch):
    """What ``dags/refresh.py`` imports when nothing has changed since the last parse."""
    program = """
import sys
import ecorse.orchestration.graph as graph
nodes = graph.night_graph()
print(sorted(n for n in ("sqlglot", "ecorse.refresh.catalog", "psycopg") if n in sys.modules))
print(hash(tuple(nodes)))
"""
    environment = {**os.environ, "ECORSE_HOME": str(tmp_path), "PYTHONHASHSEED": "0"}
    done = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert done[0][0] != "[]"
    assert done[1] == ["[]", done[0][1]]


def test_a_changed_file_gives_a_new_graph(tmp_path, monkeypatch):
    from ecorse.orchestration.graph import night_graph

    monkeypatch.setenv("ECORSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path))
    get_settings.cache_clear()
    (tmp_path / "home").mkdir()
    shops = tmp_path / "include" / "shops.toml"
    shops.parent.mkdir()
    shops.write_text((PROJECT_DIR / "include" / "shops.toml").read_text())
    before = night_graph()
    assert night_graph() == before
    mine = tmp_path / "include" / "sql" / "marts" / "mine" / "late.sql"
    mine.parent.mkdir(parents=True)
    mine.write_text(
        '/*\nabout = "Late."\ngrain = ["shop_id"]\nmaterialized = "table"\n[columns]\n'
        'shop_id = "Shop"\n*/\nselect shop_id from marts.segment_profiles\n'
    )
    (node,) = [node for node in night_graph() if node.name == "mine"]
    assert node.needs == ("segments",)
    assert "late" in node.doc
    mine.write_text(mine.read_text().replace("segment_profiles", "orders"))
    (node,) = [node for node in night_graph() if node.name == "mine"]
    assert node.needs == ("core",)
    mine.unlink()
    assert night_graph() == before
    get_settings.cache_clear()


@pytest.mark.parametrize("dag_id", DAGS)
def test_the_ui_can_draw_every_dag(dagbag, dag_id):
    """By the UI's own functions: groups that wait for each other were a 500 in graph and grid."""
    from airflow.api_fastapi.core_api.services.ui.task_group import task_group_to_dict
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.from_dict(DagSerialization.to_dict(dagbag.dags[dag_id]))
    stored.task_group.topological_sort()
    assert task_group_to_dict(stored.task_group)["children"]


def test_refresh_draws_no_edge_that_another_path_implies(dagbag):
    refresh = dagbag.dags["refresh"]
    for task in refresh.tasks:
        for upstream in task.upstream_task_ids:
            others = task.upstream_task_ids - {upstream}
            assert not any(
                upstream in refresh.get_task(o).get_flat_relative_ids(upstream=True) for o in others
            ), (task.task_id, upstream)


def test_a_failed_refresh_marks_its_build(dagbag):
    from ecorse.orchestration.callbacks import mark_build_failed

    assert dagbag.dags["refresh"].on_failure_callback == mark_build_failed


def test_dags_have_no_cycle(dagbag):
    for dag in dagbag.dags.values():
        dag.check_cycle()


def test_workers_are_forked_with_what_tasks_need_imported(airflow_home, tmp_path):
    """Also in a project whose SQL is wrong: its DAGs tell, the scheduler starts all the same."""
    wrong = tmp_path / "include" / "sql" / "marts" / "core" / "wrong.sql"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("select")
    (tmp_path / "include" / "shops.toml").write_text(
        (PROJECT_DIR / "include" / "shops.toml").read_text()
    )
    program = """
import multiprocessing, sys
multiprocessing.set_start_method("fork")
from airflow.executors.executor_loader import ExecutorLoader
executor = ExecutorLoader.get_default_executor()
executor.start()
needed = {"ecorse.flow", "ecorse.training.run", "sqlglot", "ecorse.orchestration.tasks"}
workers = [p for p in multiprocessing.active_children()]
print(type(executor).__name__, len(workers), needed <= set(sys.modules))
executor.end()
"""
    environment = {
        **os.environ,
        "AIRFLOW__CORE__EXECUTOR": "ecorse.orchestration.executor.WarmLocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
    }
    for project in (PROJECT_DIR, tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env={**environment, "ECORSE_PROJECT_DIR": str(project)},
            timeout=120,
        )
        assert done.stdout.splitlines()[-1:] == ["WarmLocalExecutor 2 True"], done.stderr
        assert ("wrong.sql" in done.stdout + done.stderr) == (project == tmp_path)


def test_an_area_has_the_time_of_all_its_steps(dagbag):
    from datetime import timedelta

    minutes = get_settings().step_minutes
    for area in load_catalog().areas():
        task = dagbag.dags["refresh"].get_task(area.name)
        assert task.execution_timeout == timedelta(minutes=minutes * len(area.steps))
    assert dagbag.dags["refresh"].max_active_tasks == get_settings().areas_at_once
