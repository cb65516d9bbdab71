"""Next items of sessions against the formulas written out in plain Python."""

import time
from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.recommenders.session import Session, SessionConfig

TASK = Task("recommend_tested", "main")
START = datetime(2024, 1, 1)


def shop(sessions: list[list[int]], n_items: int, users: list[str] | None = None) -> Interactions:
    """Sessions a day apart, a minute between clicks; their names come in another order."""
    rows = [
        (f"s{9999 - number:04}", f"p{item:03}", START + timedelta(days=number, minutes=minute),
         users[number] if users else None)
        for number, session in enumerate(sessions)
        for minute, item in enumerate(session)
    ]  # fmt: skip
    schema = {
        "basket_id": pl.String,
        "product_id": pl.String,
        "at": pl.Datetime("us"),
        "customer_id": pl.String,
    }
    return Interactions.from_frames(
        pl.DataFrame({"product_id": [f"p{item:03}" for item in range(n_items)]}),
        pl.DataFrame(rows, schema=schema, orient="row"),
    )


def expected(past: list[list[int]], session: list[int], config: SessionConfig, n: int):
    """Scores by Ludewig and Jannach's formulas; ties of neighbours go to the later session."""
    follows = defaultdict(float)
    for other in past:
        for a, here in enumerate(other):
            for b in range(a + 1, min(len(other), a + config.steps + 1)):
                if other[b] != here:
                    follows[here, other[b]] += 1 / (b - a)
    r = np.array([follows[session[-1], item] for item in range(n)])
    place = {item: number for number, item in enumerate(session, start=1)}
    sharing = [s for s in range(len(past)) if set(past[s]) & set(session)][-config.recent :]
    alike = {s: sum(place.get(i, 0) for i in set(past[s])) for s in sharing}
    near = sorted(sharing, key=lambda s: (-alike[s], -s))[: config.neighbours]
    likeness = np.array([sum(alike[s] for s in near if item in past[s]) for item in range(n)])
    scores = np.zeros(n)
    for share, part in ((config.rules, r), (1 - config.rules, likeness)):
        if part.max() > 0:
            scores += share * part / part.max()
    scores[session] = 0
    return scores


@pytest.mark.parametrize("rules", [0.0, 0.7, 1.0])
@pytest.mark.parametrize(("recent", "neighbours", "steps"), [(1000, 100, 10), (15, 4, 1)])
def test_next_items_are_by_the_formulas(rules, recent, neighbours, steps):
    random, n = np.random.default_rng(3), 30
    past = [
        np.floor(n * random.random(random.integers(1, 8)) ** 2).astype(int).tolist()
        for _ in range(120)
    ]
    config = SessionConfig(rules=rules, recent=recent, neighbours=neighbours, steps=steps)
    model = Session(config).fit(shop(past, n), TASK)
    asked = [random.permutation(n)[: random.integers(1, 6)].tolist() for _ in range(40)]
    ranked = model.answer_session([np.array(session) for session in asked], n)
    found = ranked.as_matrix(n).toarray()
    for row, session in enumerate(asked):
        np.testing.assert_allclose(found[row], expected(past, session, config, n), atol=1e-9)


def test_the_order_of_a_session_matters_and_that_of_a_basket_is_not_known():
    past = [[0, 1, 2], [0, 1, 2], [1, 0, 3], [1, 0, 3], [1, 0, 3]]
    model = Session(SessionConfig(rules=1.0, steps=1)).fit(shop(past, 4), TASK)
    first, second = model.answer_session([np.array([0, 1]), np.array([1, 0])], 1).items
    assert (first[0], second[0]) == (2, 3)
    basket = shop([[0, 1]], 4).baskets
    # the mean over both: 3 follows 0 three times, 2 follows 1 twice
    ranked = model.answer(basket, 2)
    assert ranked.items.tolist() == [[3, 2]]


def test_rows_of_one_instant_are_beside_each_other():
    rows = pl.DataFrame(
        {"basket_id": "a", "product_id": ["p000", "p001"], "at": START, "customer_id": "ann"}
    )
    data = Interactions.from_frames(rows.select("product_id"), rows)
    model = Session(SessionConfig()).fit(data, TASK)
    assert model.following.toarray().tolist() == [[0, 1], [1, 0]]


def test_a_customer_is_answered_by_the_last_session():
    past = [[0, 1], [2, 3], [0, 1], [2, 3], [0], [2]]
    users = ["x", "y", "x", "y", "ann", "ann"]
    data = shop(past, 4, users)
    model = Session(SessionConfig()).fit(data, TASK)
    ann = data.users["customer_id"].index_of("ann")
    ranked = model.recommend(np.array([ann]), 2)
    assert ranked.items.tolist() == [[3, 2]]
    told = model.explain(np.array([ann]), ranked)
    # of the sessions with 2 (its own is one of them) two have 3
    assert told["like_sessions_with"].to_list() == [2, 3]
    assert told["like_sessions"].to_list() == [3, 3]
    assert told["sentence"][0] == "In 2 of the 3 sessions most like the last one"


def test_a_session_of_a_robot_teaches_nothing():
    past = [[0, 1], list(range(20))]
    model = Session(SessionConfig(max_basket_products=10)).fit(shop(past, 20), TASK)
    assert model.following.nnz == 1
    assert model.sessions.shape[0] == 1


@pytest.mark.slow
def test_a_million_rows_are_answered_in_milliseconds():
    random, n = np.random.default_rng(2), 20_000
    items = np.floor(n * random.random(1_000_000) ** 3).astype(int)
    number = np.sort(random.integers(0, 200_000, items.size))
    rows = pl.DataFrame(
        {
            "basket_id": pl.Series(number).cast(pl.String),
            "product_id": pl.Series(items).cast(pl.String),
            "at": pl.Series(np.arange(items.size)).cast(pl.Datetime("us")),
        }
    )
    data = Interactions.from_frames(rows.select("product_id").unique(), rows)
    model = Session(SessionConfig()).fit(data, TASK)
    model.answer_session([np.array([1])], 10)
    taken = []
    for _ in range(200):
        session = random.choice(data.rows["item"].to_numpy(), 5)
        begun = time.process_time()
        model.answer_session([session.astype(int)], 10)
        taken.append(time.process_time() - begun)
    print("p50, p99 in ms:", np.quantile(taken, [0.5, 0.99]) * 1000)
    assert np.quantile(taken, 0.99) < 0.01
