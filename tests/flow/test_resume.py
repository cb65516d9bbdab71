"""A failed night goes on where it stopped; what changed, and what reads it, is made again."""

from __future__ import annotations

import shutil

import pytest

from ecorse import flow
from ecorse.errors import ConfigError, Fenced, TimeLimit
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.steps import at_work
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect

HOLDER = "airflow:refresh:one"
BROKEN = """/*
about = "Orders by shop."
grain = ["shop_id"]
materialized = "table"
[columns]
shop_id = "Shop"
many = "Orders"
*/
select shop_id, count(*) {0} as many from marts.orders group by shop_id
"""


@pytest.fixture
def project(tmp_path, monkeypatch, night):
    """A project with a mart that divides by zero, over a warehouse with staged orders."""
    shutil.copytree(PROJECT_DIR / "include", tmp_path / "include")
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path))
    get_settings.cache_clear()
    mart = tmp_path / "include" / "sql" / "marts" / "core" / "broken.sql"
    mart.write_text(BROKEN.format("/ 0"))
    yield mart
    get_settings.cache_clear()


def made(build_id: int) -> dict[str, tuple[int, str]]:
    """Tries and status of each step."""
    with connect() as conn:
        return {
            step: (token, status)
            for step, token, status in conn.execute(
                "select step, token, status from ops.build_step where build_id = %s", (build_id,)
            ).fetchall()
        }


def status(build_id: int) -> tuple[str, str | None]:
    with connect() as conn:
        return conn.execute(
            "select status, error from ops.build where build_id = %s", (build_id,)
        ).fetchone()


def test_only_what_is_missing_is_made(project, night):
    build_id = flow.open_build(holder=HOLDER)
    with pytest.raises(ConfigError, match=r"broken\.sql: Postgres refuses this mart"):
        flow.build_area(build_id, "core")
    before = made(build_id)
    assert before["broken"] == (1, "failed")
    assert before["orders"] == (1, "succeeded")
    flow.fail_build_of(HOLDER, "the run failed")
    state, error = status(build_id)
    assert state == "failed"
    assert error.startswith("broken: ConfigError: ")
    assert "division by zero" in error
    with pytest.raises(Fenced, match="not being built any more"):
        flow.build_area(build_id, "core")

    project.write_text(BROKEN.format("+ 0"))
    flow.resume(build_id)
    for area in load_catalog().areas():
        rows = flow.build_area(build_id, area.name)
        if area.name == "core":
            assert (rows["orders"], rows["broken"]) == (300, 1), "rows of what was made before too"
    after = made(build_id)
    assert after["broken"] == (2, "succeeded")
    assert {name: after[name] for name in before if name != "broken"} == {
        name: tries for name, tries in before.items() if name != "broken"
    }
    assert flow.audit(build_id).failed == []
    flow.publish(build_id, holder=HOLDER)
    assert status(build_id) == ("published", None)


def test_a_changed_mart_and_what_reads_it_are_made_again(project, night):
    project.unlink()
    build_id = flow.open_build(holder=HOLDER)
    flow.build_area(build_id, "core")
    once = made(build_id)
    assert all(tries == (1, "succeeded") for tries in once.values())
    orders = project.with_name("orders.sql")
    orders.write_text(orders.read_text() + "\n-- said otherwise")
    flow.build_area(build_id, "core")
    twice = {name for name, (token, _) in made(build_id).items() if token == 2}
    catalog = load_catalog()
    reads = {step.name: step.reads for step in catalog.area("core").steps}
    assert "orders" in twice
    assert "order_lines" not in twice
    assert twice == {"orders"} | {name for name in reads if reads[name] & twice}
    assert len(twice) > 1


def test_a_failed_build_is_not_gone_on_with_once_another_began(project, night, left_of):
    build_id = flow.open_build(holder=HOLDER)
    with pytest.raises(ConfigError):
        flow.build_area(build_id, "core")
    flow.fail_build_of(HOLDER, "the run failed")
    flow.fail_build(flow.open_build(holder="cli:two"), "test")
    flow.resume(build_id)
    with pytest.raises(Fenced):
        flow.build_area(build_id, "core")
    assert left_of(build_id) == [], "failed nights do not pile up on the disk"


def test_a_failed_refresh_of_the_command_line_leaves_nothing(project, night, left_of):
    with pytest.raises(ConfigError, match=r"broken\.sql"):
        flow.refresh(holder="cli:one")
    with connect() as conn:
        ((failed,),) = conn.execute("select build_id from ops.build where status = 'failed'")
    assert left_of(failed) == []


def test_a_step_has_a_time_limit_and_says_which(project, night, monkeypatch):
    project.write_text(BROKEN.format("+ count(pg_sleep(60))"))
    monkeypatch.setenv("ECORSE_STEP_MINUTES", "1")
    monkeypatch.setattr("ecorse.refresh.steps.MINUTE_MS", 3000)
    get_settings.cache_clear()
    build_id = flow.open_build(holder=HOLDER)
    with pytest.raises(TimeLimit, match=r"^broken took longer than 1 minutes and was ended"):
        flow.build_area(build_id, "core")


def test_work_tables_are_gone_after_the_audit_and_their_views_stay(night):
    with connect() as conn:
        left = conn.execute(
            "select relname from pg_class where relnamespace = 'builds'::regnamespace "
            "and (relname like 'order\\_lines%' or relname like 'events%')"
        ).fetchall()
        lines = conn.execute("select count(*) from marts.order_lines").fetchone()
    assert left == []
    assert lines[0] > 0


def test_a_mart_of_another_kind_is_made_again(project, night):
    """A table that became a view, and a work table that is none any more, between two tries."""
    project.unlink()
    build_id = flow.open_build(holder=HOLDER)
    flow.build_area(build_id, "core")
    orders, lines = project.with_name("orders.sql"), project.with_name("order_lines.sql")
    orders.write_text(orders.read_text().replace('"table"', '"view"', 1))
    lines.write_text(lines.read_text().replace("work_table = true\n", ""))
    rows = flow.build_area(build_id, "core")
    assert (rows["orders"], rows["order_lines"]) == (None, None)


def test_a_late_callback_leaves_a_build_alone_that_is_being_made(project, night):
    build_id = flow.open_build(holder=HOLDER)
    with at_work(build_id, "core"):
        flow.fail_build_of(HOLDER, "the run failed")
        assert status(build_id) == ("building", None)
    flow.fail_build_of(HOLDER, "the run failed")
    assert status(build_id)[0] == "failed"


def test_a_night_is_due_after_other_files_or_declarations_only(project, night):
    project.unlink()
    assert not flow.is_due()
    orders = project.with_name("orders.sql")
    before = orders.read_text()
    orders.write_text(before + "\n-- said otherwise")
    assert flow.is_due()
    orders.write_text(before)
    assert not flow.is_due()
    with connect() as conn:
        conn.execute("update ops.load set superseded_at = now()")
    assert flow.is_due()


@pytest.mark.parametrize("name", ["audit", "publish", "open_build", "recommend_co_purchase"])
def test_two_tasks_of_one_name_are_refused(project, night, name):
    project.unlink()
    area = project.parents[1] / name
    area.mkdir()
    (area / "mine.sql").write_text(BROKEN.format("+ 0"))
    with pytest.raises(ConfigError, match=f"Two tasks of a night would be called '{name}'"):
        flow.open_build(holder=HOLDER)


@pytest.mark.parametrize(
    ("cores", "at_once", "url", "workers"),
    [
        (2, 2, "", "0"),
        (8, 2, "", "2"),
        (4, 2, "postgresql://u:p@127.0.0.1/w", "1"),
        (2, 2, "postgresql://u:p@db.example.com/w", None),
    ],
)
def test_areas_beside_each_other_share_the_cores(monkeypatch, cores, at_once, url, workers):
    from ecorse.refresh import steps

    monkeypatch.setenv("ECORSE_AREAS_AT_ONCE", str(at_once))
    monkeypatch.setenv("ECORSE_DATABASE_URL", url)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    get_settings.cache_clear()
    found = steps._workers_beside()
    get_settings.cache_clear()
    assert (None if found is None else str(found)) == workers
