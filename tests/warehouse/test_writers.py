"""One writer: two runs at once, and a run that was given up on but still runs."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import AlreadyRunning, Fenced, StoreBusy
from ecorse.refresh import builds, steps
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer


def test_a_second_holder_is_refused_at_once(warehouse):
    with (
        writer("ingest:main:sales_csv", "cli:one"),
        pytest.raises(StoreBusy, match="already being written by cli:one"),
        writer("ingest:main:sales_csv", "cli:two"),
    ):
        pass


def test_another_scope_is_free(warehouse):
    with writer("ingest:main:sales_csv", "one"), writer("ingest:other:sales_csv", "two"):
        pass


def test_a_retry_takes_over_and_the_first_try_cannot_commit(warehouse):
    with (
        writer("ingest:main:sales_csv", "airflow:run1") as first,
        writer("ingest:main:sales_csv", "airflow:run1") as second,
        connect() as conn,
        conn.cursor() as cursor,
    ):
        assert second.token > first.token
        second.check(cursor)
        with pytest.raises(Fenced, match="lost the right to write"):
            first.check(cursor)


def test_a_hundred_double_starts_give_one_writer_each(warehouse):
    refused = 0
    for _ in range(100):
        with writer("ingest:main:sales_csv", "one"):
            try:
                with writer("ingest:main:sales_csv", "two"):
                    pass
            except StoreBusy:
                refused += 1
    assert refused == 100


def test_a_step_that_was_retried_cannot_commit(warehouse):
    build_id = flow.open_build(holder="airflow:run1")
    with (
        pytest.raises(Fenced, match="was taken over"),
        steps.at_work(build_id, "core") as work,
        steps.step(work, "orders") as zombie,
    ):
        zombie.conn.execute('create table builds."zombie" (a int)')
        zombie.conn.commit()  # even a zombie that slept through a commit
        zombie.conn.execute('insert into builds."zombie" values (1)')
        with steps.at_work(build_id, "core") as again, steps.step(again, "orders") as retry:
            retry.rows = 7
    with connect() as conn:
        assert conn.execute('select count(*) from builds."zombie"').fetchone() == (0,)
        assert conn.execute(
            "select status, rows from ops.build_step where build_id = %s", (build_id,)
        ).fetchone() == ("succeeded", 7)


def test_a_step_of_a_build_that_ended_does_not_begin(warehouse):
    build_id = flow.open_build(holder="one")
    flow.fail_build(build_id, "test")
    with (
        steps.at_work(build_id, "core") as work,
        pytest.raises(Fenced, match="not being built any more"),
        steps.step(work, "orders"),
    ):
        pass


def test_a_refresh_beside_one_at_work_is_refused(warehouse):
    build_id = flow.open_build(holder="airflow:refresh:a")
    with connect() as conn:  # even if it has said nothing for long
        conn.execute("update ops.build set heartbeat_at = now() - interval '1 hour'")
    with (
        steps.at_work(build_id, "core"),
        pytest.raises(AlreadyRunning, match=f"already running since .*: build {build_id}"),
    ):
        flow.open_build(holder="airflow:refresh:b")
    with (
        steps.at_work(build_id, "core"),
        pytest.raises(AlreadyRunning, match="by airflow:refresh:a"),
    ):
        flow.open_build(holder="cli:two")


def test_a_dead_refresh_is_put_aside_at_once(warehouse):
    dead = flow.open_build(holder="cli:one")
    alive = flow.open_build(holder="cli:two")
    with connect() as conn:
        assert builds.build_status(conn, dead) == "orphaned"
        assert builds.build_status(conn, alive) == "building"


def test_an_airflow_refresh_between_two_tasks_keeps_its_lease(warehouse):
    running = flow.open_build(holder="airflow:refresh:a")
    with pytest.raises(StoreBusy, match="already running"):
        flow.open_build(holder="cli:one")
    with connect() as conn:
        conn.execute("update ops.build set heartbeat_at = now() - interval '1 hour'")
    flow.open_build(holder="cli:one")
    with connect() as conn:
        assert builds.build_status(conn, running) == "orphaned"


def test_an_audited_build_that_somebody_holds_is_alive_and_else_stays(warehouse):
    with builds.opened(as_of=None, known_by=None, holder="notebook:one") as build_id:
        with connect() as conn:
            conn.execute("update ops.build set status = 'audited'")
        for holder in ("cli:two", "notebook:one"):  # a second night of the same process, too
            with pytest.raises(AlreadyRunning, match="by notebook:one"):
                flow.open_build(holder=holder)
    flow.open_build(holder="cli:two")
    with connect() as conn:
        assert builds.build_status(conn, build_id) == "audited"
