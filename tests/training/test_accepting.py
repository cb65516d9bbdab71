"""Nights in a warehouse: who was where before, a model held for a jump, and letting it through."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ecorse import flow
from ecorse.errors import ConfigError, DataError
from ecorse.refresh.accept import read_accepted
from ecorse.refresh.history_checks import history_checks
from ecorse.warehouse.connect import connect

EARLY, LATER = datetime(2019, 4, 20, tzinfo=UTC), datetime(2019, 4, 25, tzinfo=UTC)
MODEL = "segment_orders"


def rows(query: str, *parameters: object) -> list[tuple]:
    with connect("bi_reader") as conn:
        return conn.execute(query.encode(), parameters).fetchall()


def owned(query: str, *parameters: object) -> list[tuple]:
    with connect() as conn:
        return conn.execute(query.encode(), parameters).fetchall()


def labels(shop: str) -> dict[str, tuple]:
    found = rows(
        "select order_id, segment_id, segment_name, previous_segment_id, since_date "
        "from marts.order_segments where shop_id = %s and segmentation = 'orders'",
        shop,
    )
    return {order: tuple(rest) for order, *rest in found}


def outcomes(shop: str) -> tuple[str, str]:
    ((outcome, reason),) = rows(
        "select outcome, reason from marts.model_status where shop_id = %s and model = %s",
        shop, MODEL,
    )  # fmt: skip
    return outcome, reason


def times_100(shop: str) -> None:
    with connect() as conn:
        conn.execute(
            "update staging.order_lines set unit_price = unit_price * 100 where shop_id = %s",
            (shop,),
        )
        conn.execute(
            "update ops.load set money_staged = money_staged * 100 where shop_id = %s", (shop,)
        )


def test_a_held_shop_keeps_its_segments_until_somebody_accepts_and_no_other_waits(shops):
    flow.refresh(holder="test", as_of=EARLY)
    before = labels("north")
    last = rows("select max(order_date) from marts.orders where shop_id = 'north'")[0][0]
    assert {since for *_, since in before.values()} == {last}
    assert {previous for _, _, previous, _ in before.values()} == {None}

    times_100("north")
    second = flow.refresh(holder="test", as_of=LATER)
    assert second.is_published
    assert "segment_drift.nothing_drifted" in second.audit.warned
    outcome, reason = outcomes("north")
    assert outcome == "held"
    assert f"`ecorse refresh --accept {MODEL}:north`" in reason
    assert outcomes("south")[0] == "promoted"
    held = labels("north")
    assert len(held) > len(before)
    assert {order: held[order] for order in before} == before
    told = rows(
        "select distinct feature from marts.segment_drift "
        "where shop_id = 'north' and segmentation = 'orders' and is_drifted"
    )
    assert ("price",) in told

    # the same night again, let through for the one shop: compared with the night before that day
    flow.refresh(holder="test", as_of=LATER, accept=[f"{MODEL}:north"])
    outcome, reason = outcomes("north")
    assert (outcome, "for the jump was accepted" in reason) == ("promoted", True)
    ((previous, night),) = rows(
        "select distinct previous_date, night_date from marts.segment_migrations "
        "where shop_id = 'north' and segmentation = 'orders'"
    )
    assert (previous, night) == (
        last,
        rows("select max(order_date) from marts.orders where shop_id = 'north'")[0][0],
    )
    assert previous < night
    # who went where is told by both nights' labels
    now = labels("north")
    moved = {order for order in before if now[order][0] != before[order][0]}
    assert all(now[o][2:] == (before[o][0], night) for o in moved)
    assert all(now[o][2:] == before[o][2:] for o in before.keys() - moved)
    counted = rows(
        "select coalesce(sum(members), 0) from marts.segment_migrations "
        "where shop_id = 'north' and segmentation = 'orders' and is_move"
    )
    assert counted == [(len(moved),)]


def test_what_contradicts_the_published_night_is_caught(shops):
    flow.refresh(holder="test", as_of=EARLY)
    build_id = flow.refresh(holder="test", as_of=LATER, publish=False).build_id
    with connect() as conn:
        checks = {check.name: check.sql for check in history_checks(conn, build_id)}

        def failing() -> set[str]:
            return {name for name, query in checks.items() if conn.execute(query).fetchall()}

        assert set(checks) == {
            "previous_segments_are_those_published",
            "migrations_come_from_published_members",
        }
        assert failing() == set()
        for change in ("previous_segment_id = 77", "since_date = since_date - 1"):
            conn.execute(
                f'update builds."order_segments${build_id}" set {change} '
                "where shop_id = 'north' and order_id = '1-7'"
            )
            assert failing() == {"previous_segments_are_those_published"}
            conn.rollback()
        conn.execute(
            f'update builds."segment_migrations${build_id}" set members = members + 1 '
            "where from_segment_id > 0 and shop_id = 'south'"
        )
        assert failing() == {"migrations_come_from_published_members"}
        conn.rollback()


def test_raising_the_generation_keeps_the_ids_of_who_was_there(shops, project):
    flow.refresh(holder="test", as_of=EARLY)
    before = labels("north")
    from ecorse.settings import PROJECT_DIR

    text = (PROJECT_DIR / "include" / "models" / f"{MODEL}.toml").read_text()
    assert "generation = " in text
    raised = text.replace("generation = ", "generation = 9", 1)
    (project / "include" / "models" / f"{MODEL}.toml").write_text(raised)
    flow.refresh(holder="test", as_of=LATER)
    assert "no published model" in outcomes("north")[1]
    now = labels("north")
    same = sum(now[order][0] == before[order][0] for order in before)
    assert same > 0.9 * len(before)
    assert rows(
        "select count(*) from marts.segment_events where shop_id = 'north' "
        "and segmentation = 'orders' and event = 'death'"
    ) == [(0,)]


def test_carried_rows_say_who_is_new_and_gone(shops, monkeypatch):
    from ecorse.training import run

    flow.refresh(holder="test", as_of=EARLY)
    before = labels("north")
    real = run.run_model

    def broken(declaration, shop_id, *more):
        if (declaration.name, shop_id) == (MODEL, "north"):
            raise DataError("not in the mood")
        return real(declaration, shop_id, *more)

    monkeypatch.setattr(run, "run_model", broken)
    assert flow.refresh(holder="test", as_of=LATER).is_published
    now = labels("north")
    assert {order: now[order] for order in before} == before
    new = now.keys() - before.keys()
    assert new
    assert {now[order][1] for order in new} == {"In no segment"}
    assert rows(
        "select from_segment_name, to_segment_name, members from marts.segment_migrations "
        "where shop_id = 'north' and segmentation = 'orders' and from_segment_id = -1"
    ) == [("(new)", "In no segment", len(new))]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["segment_ordres"], "there is no such shop and no such model"),
        (
            ["segment_orders:nord"],
            "there is no shop 'nord'; expected MODEL:SHOP. Shops: north, south",
        ),
        (["segment_orders:"], "there is no shop ''"),
    ],
)
def test_what_is_accepted_must_be_there(texts, told):
    with pytest.raises(ConfigError, match="Nothing was built") as refusal:
        read_accepted(texts, ["segment_orders"], ["north", "south"])
    assert told in str(refusal.value)


def test_several_are_accepted_in_one_text_or_many():
    models, shops = ["segment_a", "segment_b"], ["north", "south"]
    found = read_accepted(["segment_b:north, segment_a", "", "south"], models, shops)
    assert found.texts == ("segment_a", "segment_b:north", "south")
    assert found.shops == ("south",)  # the model's shop may not lose its rows by it


def test_a_name_of_a_shop_and_a_model_does_not_stand_alone():
    with pytest.raises(ConfigError, match="a model and a shop of that name; expected MODEL:SHOP"):
        read_accepted(["segment_a"], ["segment_a"], ["segment_a"])
    found = read_accepted(["segment_a:segment_a"], ["segment_a"], ["segment_a"])
    assert (found.texts, found.shops) == (("segment_a:segment_a",), ())


def test_an_unknown_model_opens_no_build(shops):
    with pytest.raises(ConfigError, match="no such shop and no such model"):
        flow.refresh(holder="test", accept=["segment_nobody"])
    assert owned("select count(*) from ops.build") == [(0,)]
