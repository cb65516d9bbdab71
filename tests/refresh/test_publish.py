"""A night is published whole or not at all, once, and can be taken back."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from ecorse import flow
from ecorse.errors import DataError, TerminalError
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.views import ensure_view, relations_of
from ecorse.reports.status import read_checksums
from ecorse.warehouse.connect import connect

HOLDER = "test"
MODEL_MARTS = {"model_scores", "model_status", "segment_drift"}


def published() -> int | None:
    with connect() as conn:
        row = conn.execute("select build_id from ops.current_build").fetchone()
    return row[0] if row else None


def test_a_night_is_seen_by_bi_reader_and_carries_its_build(night):
    with connect("bi_reader") as conn:
        info = conn.execute("select build_id from marts.build_info").fetchall()
        orders = conn.execute("select count(*), min(build_id) from marts.orders").fetchone()
        # 300 orders, and every sixth is a phone with a cable: 350 lines
        lines = conn.execute("select count(*), min(build_id) from marts.order_lines").fetchone()
    assert info == [(night,)]
    assert orders == (300, night)
    assert lines == (350, night)


def test_three_nights_of_the_same_rows_have_the_same_checksums(night):
    """All marts but those that tell of the models: the second night has a champion to compare."""
    nights = [read_checksums()]
    for _ in range(2):
        flow.refresh(holder=HOLDER)
        nights.append(read_checksums())
    first, second, third = nights
    assert first["orders"]["rows"] == 300
    assert second == third
    assert {name for name in first if first[name] != second[name]} <= MODEL_MARTS
    assert first.keys() == second.keys()


def test_every_view_and_column_of_marts_has_a_comment(night):
    with connect() as conn:
        bare = conn.execute(
            """
            select c.relname, a.attname from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'marts'
            left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
            where obj_description(c.oid) is null or col_description(c.oid, a.attnum) is null
            """
        ).fetchall()
    assert bare == []


def test_only_an_audited_build_can_be_published_and_only_once(night):
    build_id = flow.open_build(holder=HOLDER)
    with pytest.raises(DataError, match="only an audited build"):
        flow.publish(build_id, holder=HOLDER)
    flow.fail_build(build_id, "test")
    flow.publish(night, holder="test")  # a retry of the same task: nothing happens
    with pytest.raises(DataError, match="published before"):
        flow.publish(night, holder="another")
    with connect() as conn:
        assert conn.execute("select count(*) from ops.publication").fetchone() == (1,)


def test_rollback_goes_back_and_forth_quickly(night, stage_more):
    stage_more(orders=300, seed=2, file_name="b.csv")
    second = flow.refresh(holder=HOLDER).build_id

    def count(mart: str) -> int:
        with connect("bi_reader") as conn:
            return conn.execute(f"select count(*) from marts.{mart}").fetchone()[0]

    assert (count("orders"), count("order_lines")) == (600, 700)
    started = time.perf_counter()
    assert flow.rollback(holder=HOLDER) == night
    assert time.perf_counter() - started < 1
    assert (count("orders"), count("order_lines")) == (300, 350)
    assert flow.rollback(second, holder=HOLDER) == second
    assert (count("orders"), count("order_lines")) == (600, 700)


def test_a_rollback_without_any_night_is_refused(warehouse):
    with pytest.raises(TerminalError, match="no earlier published build"):
        flow.rollback(holder=HOLDER)


def test_rollback_to_what_was_never_published_is_refused(night):
    with pytest.raises(TerminalError, match="no earlier published build"):
        flow.rollback(holder=HOLDER)
    with pytest.raises(TerminalError, match="Build 4711 cannot be published"):
        flow.rollback(4711, holder=HOLDER)


def test_an_unpublished_build_of_the_past_leaves_readers_alone(night):
    from datetime import UTC, datetime

    past = flow.refresh(as_of=datetime(2019, 2, 1, tzinfo=UTC), publish=False, holder=HOLDER)
    assert published() == night
    with connect() as conn:
        rows, latest = conn.execute(
            f'select count(*), max(ordered_local) from builds."orders${past.build_id}"'
        ).fetchone()
        expected = conn.execute(
            "select count(distinct order_id) from staging.order_lines "
            "where ordered_at <= '2019-02-01 00:00+00'"
        ).fetchone()[0]
    assert rows == expected
    assert latest <= datetime(2019, 2, 1)


def test_old_builds_are_cleared_and_a_long_reader_is_not_disturbed(night, monkeypatch):
    from ecorse.settings import get_settings

    monkeypatch.setenv("ECORSE_KEEP_BUILDS", "2")
    get_settings.cache_clear()
    builds = [night, flow.refresh(holder=HOLDER).build_id]
    with connect("bi_reader") as reader:
        before = reader.execute("select count(*) from marts.orders").fetchone()
        builds.append(flow.refresh(holder=HOLDER).build_id)  # clearing has to wait for the reader
        assert reader.execute("select count(*) from marts.orders").fetchone() == before
    builds.append(flow.refresh(holder=HOLDER).build_id)
    with connect() as conn:
        status = dict(conn.execute("select build_id, status from ops.build").fetchall())
        attached = {
            int(name.rsplit("$", 1)[1])
            for (name,) in conn.execute(
                "select relname from pg_class where relname like 'orders$%%' and relkind = 'r'"
            )
        }
    assert {b for b, s in status.items() if s == "published"} == set(builds[-2:])
    assert attached == set(builds[-2:])


SIDES = (
    "select min(build_id) as build_id, count(*) as n from marts.orders",
    "select min(build_id) as build_id, sum(orders) as n from marts.daily_sales",
)


@pytest.mark.parametrize("prepare", [False, True])
def test_a_transaction_that_stays_open_sees_each_new_night_whole(night, copy_build, prepare):
    latest = night
    seen = []
    with connect("bi_reader") as reader:
        for _ in range(3):
            query = f"select a.build_id, b.build_id, a.n from ({SIDES[0]}) as a, ({SIDES[1]}) as b"
            seen.append(reader.execute(query, prepare=prepare).fetchone())
            latest = copy_build(latest)
            with connect() as conn:
                conn.execute(
                    "update ops.build set status = 'audited' where build_id = %s", (latest,)
                )
            flow.publish(latest, holder=HOLDER)
        seen.append(reader.execute(query, prepare=prepare).fetchone())
        # a plan kept in the transaction may go on with the night it knows, but whole
        first = [build_id for build_id, _, _ in seen]
        assert seen == [(build_id, build_id, 300) for build_id in first]
        assert first == sorted(first)
        if not prepare:
            assert first == list(range(night, night + 4))
        reader.commit()
        assert reader.execute(query, prepare=prepare).fetchone() == (latest, latest, 300)


def test_readers_never_fail_see_nothing_or_mix_nights(night, copy_build):
    """Twenty publishes in a row under readers that join two marts in both orders."""
    latest = night
    stop = threading.Event()
    problems: list[str] = []
    reads = [0, 0]
    queries = [
        f"select a.build_id, b.build_id, a.n, b.n from ({a}) as a, ({b}) as b"
        for a, b in (SIDES, SIDES[::-1])
    ]

    def read(which: int) -> None:
        try:
            with connect("bi_reader", autocommit=True) as conn:
                while not stop.is_set():
                    first, second, rows, same_rows = conn.execute(queries[which]).fetchone()
                    reads[which] += 1
                    if first != second or not rows or rows != same_rows:
                        problems.append(f"mixed or empty: {first} {second} {rows} {same_rows}")
                    stop.wait(0.005)  # the writer is in the same process and needs its turn
        except Exception as error:  # a reader's error is what this test is about
            problems.append(repr(error))

    readers = [threading.Thread(target=read, args=(n % 2,)) for n in range(4)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(20):
            build_id = copy_build(latest)
            with connect() as conn:
                conn.execute(
                    "update ops.build set status = 'audited' where build_id = %s", (build_id,)
                )
            flow.publish(build_id, holder=HOLDER)
            latest = build_id
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert problems == []
    assert min(reads) > 100


def test_a_view_that_another_view_reads_can_lose_a_column(night):
    """basket_products reads order_lines: both are views, and an update may change either."""
    catalog = load_catalog()
    declared = {p.name: p for p in relations_of(catalog, ())}
    names = list(declared)
    assert names.index("order_lines") < names.index("basket_products")
    lines = declared["order_lines"]
    fewer = replace(
        lines,
        columns={name: text for name, text in lines.columns.items() if name != "brand"},
        view_sql=f"select {', '.join(c for c in lines.columns if c != 'brand')} "
        f"from ({lines.view_sql}) as q",
    )
    with connect() as conn:
        before = conn.execute("select count(*) from marts.basket_products").fetchone()
        for relation in (fewer, declared["basket_products"]):
            ensure_view(conn, relation)
        assert conn.execute("select count(*) from marts.basket_products").fetchone() == before


def test_an_audited_build_that_was_to_be_published_and_was_overtaken_is_cleared(night, copy_build):
    """One that was not to be published waits for somebody to look, whatever its run is called."""
    told = {"airflow:refresh:my look at May": False, "airflow:refresh:manual__2026-01-01": True}
    builds = []
    for _ in told:
        builds.append(copy_build(night))
        with connect() as conn:
            conn.execute(
                "update ops.build set status = 'audited' where build_id = %s", (builds[-1],)
            )
    later = copy_build(night)
    with connect() as conn:  # now, for a build of Airflow that lives holds up the next
        for build_id, (holder, publish) in zip(builds, told.items(), strict=True):
            conn.execute(
                "update ops.build set holder = %s, is_to_be_published = %s where build_id = %s",
                (holder, publish, build_id),
            )
    flow.audit(later)
    flow.publish(later, holder="test")
    with connect() as conn:
        found = dict(
            conn.execute(
                "select build_id, status from ops.build where build_id = any(%s)", (builds,)
            ).fetchall()
        )
    assert found == dict(zip(builds, ("audited", "removed"), strict=True))


@pytest.mark.parametrize("publish", [True, False, None])
def test_whether_a_build_is_to_be_published_is_written_down_when_it_is_opened(night, publish):
    build_id = flow.open_build(publish=publish, holder="airflow:refresh:by hand")
    with connect() as conn:
        row = conn.execute(
            "select is_to_be_published from ops.build where build_id = %s", (build_id,)
        ).fetchone()
    assert row == (publish,)
