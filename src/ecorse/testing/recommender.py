"""What every recommender must do.

What belongs here: promises of the kind. What does not: how good its answers are; that is for the
leaderboard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from ecorse import declared
from ecorse.errors import ConfigError
from ecorse.models.base import Answer, Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Ids, Ranked, broken_order, first_of
from ecorse.testing.shop import tiny_customers, tiny_interactions, tiny_lines, tiny_products

K = 7
TASK = Task("recommend_tested", "main", seed=1)


class RecommenderContract:
    """Mix-in for pytest: set ``model``, and ``parameters`` where the defaults do not do.

    ``parameters`` is what ``[parameters]`` of a declaration would say. ``lines``, ``products`` and
    ``customers`` are there to be overridden by whoever reads columns that the small shop lacks.
    """

    model: ClassVar[type[Recommender]]
    parameters: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def make(cls) -> Recommender:
        """A new, unfitted recommender."""
        config = declared.check(cls.parameters, cls.model.config_class, "parameters")
        return cls.model(config)

    @classmethod
    def lines(cls) -> pl.DataFrame:
        """The small shop's order lines; add the columns that your ``interactions`` select."""
        return tiny_lines()

    @classmethod
    def products(cls) -> pl.DataFrame:
        """Its products; add the columns that your ``products`` select beside."""
        return tiny_products()

    @classmethod
    def customers(cls) -> pl.DataFrame:
        """Its customers; add the columns that your ``customers`` select beside."""
        return tiny_customers()

    @classmethod
    def shop(
        cls, lines: pl.DataFrame | None = None, products: pl.DataFrame | None = None
    ) -> Interactions:
        """The small shop as a recommender gets it; with other lines or products where given."""
        return tiny_interactions(
            cls.lines() if lines is None else lines,
            cls.products() if products is None else products,
            cls.customers(),
        )

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls) -> Interactions:
        """The small shop."""
        return cls.shop()

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, data: Interactions) -> Recommender:
        """The recommender, fitted once for all tests that only ask."""
        return cls.make().fit(data, TASK)

    def ask(self, model: Recommender, data: Interactions) -> dict[str, Ranked]:
        """Every declared kind of question, asked for everything the shop has."""
        answers = {}
        if "items" in model.answers:
            answers["items"] = model.similar(np.arange(data.items.height), K)
        if "users" in model.answers:
            users = np.arange(data.users.height)
            seen = None if model.names_only_own else data.matrix
            answers["users"] = model.recommend(users, K, seen=seen)
        if "baskets" in model.answers:
            answers["baskets"] = model.answer(data.baskets, K)
        return answers

    def test_it_answers_something(self) -> None:
        assert self.model.answers
        assert self.model.answers <= {"items", "users", "baskets"}

    def test_parameters_that_it_does_not_know_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="no such key"):
            declared.check({"no_such_thing": 1}, self.model.config_class, "parameters")

    def test_fit_gives_the_recommender_itself(self, data: Interactions) -> None:
        made = self.make()
        assert made.fit(data, TASK) is made

    def test_lists_are_ranked(self, fitted: Recommender, data: Interactions) -> None:
        for kind, ranked in self.ask(fitted, data).items():
            assert ranked.items.shape[1] == K
            own = np.arange(data.items.height) if kind == "items" else None
            rules = broken_order(ranked, own)
            assert [r for r in rules if kind == "items" or "above 1" not in r] == [], kind
            there = ranked.items[ranked.is_there]
            assert there.max(initial=0) < data.items.height
            assert np.isfinite(ranked.scores).all()

    def test_somebody_gets_something(self, fitted: Recommender, data: Interactions) -> None:
        for kind, ranked in self.ask(fitted, data).items():
            assert ranked.is_there.any(), kind

    def test_what_was_seen_is_not_given(self, fitted: Recommender, data: Interactions) -> None:
        asked = self.ask(fitted, data)
        for kind, seen in (("users", data.matrix), ("baskets", data.baskets)):
            if kind in asked and not (kind == "users" and fitted.names_only_own):
                _refuse_overlap(asked[kind], seen)

    def test_what_a_customer_refused_is_not_given(
        self, fitted: Recommender, data: Interactions
    ) -> None:
        if "users" not in fitted.answers:
            pytest.skip("it does not answer for users")
        users: Ids = np.arange(data.users.height)
        first = fitted.recommend(users, 1)
        asked = users[first.is_there[:, 0]]
        refused = pl.DataFrame(
            {
                "customer_id": data.users["customer_id"].gather(asked),
                "product_id": data.items["product_id"].gather(first.items[asked, 0]),
            }
        ).with_columns(
            order_id=pl.format("no {}", pl.int_range(pl.len())),
            ordered_local=datetime(2020, 1, 1),
            weight=-1.0,
        )
        lines = [self.lines().with_columns(weight=1.0), refused]
        said_no = self.shop(pl.concat(lines, how="diagonal"))
        assert said_no.refused.nnz == asked.size > 0
        again = self.make().fit(said_no, TASK)
        for model in (again, self.model.load(again.dump(), again.config)):
            for seen in (None, said_no.matrix):
                ranked = model.recommend(users, K, seen=seen)
                _refuse_overlap(ranked, said_no.refused)

    def test_what_names_only_own_names_nothing_else(
        self, fitted: Recommender, data: Interactions
    ) -> None:
        if not fitted.names_only_own:
            pytest.skip("it names new items too")
        users: Ids = np.arange(data.users.height)
        given = fitted.recommend(users, K).as_matrix(data.items.height) > 0
        assert given.multiply(data.matrix > 0).nnz == given.nnz > 0
        assert not fitted.recommend(users, K, seen=data.matrix).is_there.any()

    def test_only_the_chosen_items_are_given(self, fitted: Recommender, data: Interactions) -> None:
        if "users" not in fitted.answers:
            pytest.skip("it does not answer for users")
        among: Ids = np.arange(0, data.items.height, 3)
        ranked = fitted.recommend(np.arange(data.users.height), K, among=among)
        assert set(ranked.items[ranked.is_there]) <= set(among)

    def test_a_shorter_list_is_the_beginning_of_a_longer_one(
        self, fitted: Recommender, data: Interactions
    ) -> None:
        """Whoever wants ten of a blend's part takes the first ten that the blend was given."""
        if "users" not in fitted.answers:
            return
        users = np.arange(data.users.height)
        for seen in (None, data.matrix):
            long, short = (fitted.recommend(users, k, seen=seen) for k in (K, 2))
            np.testing.assert_array_equal(first_of(long, 2).items, short.items)
            np.testing.assert_array_equal(first_of(long, 2).scores, short.scores)

    def test_what_its_parts_name_alone_stands_beside_its_lists(
        self, fitted: Recommender, data: Interactions
    ) -> None:
        if "users" not in fitted.answers:
            return
        users = np.arange(data.users.height)
        for seen in (None, data.matrix):
            own, alone = fitted.recommend_beside(users, K, seen=seen)
            expected = {"": (fitted, own)} | {n: (m, alone[n]) for n, m in fitted.members().items()}
            assert len(expected) == 1 + len(alone)
            for model, ranked in expected.values():
                asked = model.recommend(users, K, seen=seen)
                np.testing.assert_array_equal(ranked.items, asked.items)
                np.testing.assert_array_equal(ranked.scores, asked.scores)

    def test_what_it_does_not_answer_it_refuses(
        self, fitted: Recommender, data: Interactions
    ) -> None:
        some: Ids = np.arange(1)
        asks: dict[Answer, Callable[[], Ranked]] = {
            "items": lambda: fitted.similar(some, K),
            "users": lambda: fitted.recommend(some, K),
            "baskets": lambda: fitted.answer(data.baskets[:1], K),
        }
        for kind, ask in asks.items():
            if kind not in fitted.answers:
                with pytest.raises(NotImplementedError):
                    ask()

    def test_the_same_rows_in_any_order_give_the_same_answers(
        self, fitted: Recommender, data: Interactions
    ) -> None:
        shuffled = self.shop(
            self.lines().sample(fraction=1.0, shuffle=True, seed=5),
            self.products().sample(fraction=1.0, shuffle=True, seed=5),
        )
        _assert_equal(self.ask(self.make().fit(shuffled, TASK), shuffled), self.ask(fitted, data))

    def test_its_files_bring_it_back(self, fitted: Recommender, data: Interactions) -> None:
        files = fitted.dump()
        assert all(isinstance(content, bytes) for content in files.values())
        for name, content in files.items():
            assert not content.startswith(b"\x80"), f"{name} is a pickle, which can run code"
        # parameters come back from a model file with their keys in another order
        said = fitted.config.model_dump(mode="json", by_alias=True)
        sorted_keys = json.loads(json.dumps(said, sort_keys=True))
        config = declared.check(sorted_keys, self.model.config_class, "parameters")
        for each in (fitted.config, config):
            loaded = self.model.load(files, each)
            _assert_equal(self.ask(loaded, data), self.ask(fitted, data))

    def test_its_files_have_the_same_bytes_each_time(self, data: Interactions) -> None:
        once, again = (self.make().fit(data, TASK).dump() for _ in range(2))
        assert dict(once) == dict(again)

    @pytest.mark.parametrize("threads", [1, 2])
    def test_the_number_of_threads_changes_no_byte(
        self, fitted: Recommender, data: Interactions, threads: int
    ) -> None:
        if "threads" not in self.model.config_class.model_fields:
            pytest.skip("it has no threads to set")
        config = {**self.parameters, "threads": threads}
        made = self.model(declared.check(config, self.model.config_class, "parameters"))
        made.fit(data, TASK)
        assert dict(made.dump()) == dict(fitted.dump())
        _assert_equal(self.ask(made, data), self.ask(fitted, data))

    def test_it_explains_each_item_of_a_list(self, fitted: Recommender, data: Interactions) -> None:
        sizes: dict[Answer, int] = {"items": data.items.height, "users": data.users.height}
        asked = self.ask(fitted, data)
        for kind, size in sizes.items():
            if kind not in asked:
                continue
            ranked = asked[kind]
            evidence = fitted.explain(np.arange(size), ranked, kind)
            if evidence is None:
                continue
            assert evidence.height == ranked.is_there.sum()
            told = evidence["sentence"] if "sentence" in evidence.columns else None
            if kind == "items":
                assert told is not None
            if told is not None and {"because", "sells"}.isdisjoint(evidence.columns):
                assert told.null_count() == 0
                assert told.str.len_chars().min() > 0  # type: ignore[operator]
            if "because" in evidence.columns:
                _refuse_strange_reasons(evidence, ranked, data)

    @pytest.mark.parametrize("orders", [0, 1])
    def test_a_shop_with_next_to_no_orders_is_no_accident(self, orders: int) -> None:
        few = self.shop(self.lines().filter(order_id=f"{0:05}")[: 2 * orders])
        self.ask(self.make().fit(few, TASK), few)

    def test_a_single_product_has_no_neighbours(self) -> None:
        alone = self.shop(
            self.lines().filter(product_id="P00"), self.products().filter(product_id="P00")
        )
        model = self.make().fit(alone, TASK)
        if "items" in model.answers:
            assert not model.similar(np.arange(1), K).is_there.any()

    def test_the_planner_is_told_a_number_of_bytes(self, data: Interactions) -> None:
        assert self.make().memory_needed(data.shape) >= 0

    def test_a_champion_of_its_own_is_a_warm_start(
        self, fitted: Recommender, data: Interactions
    ) -> None:
        again = self.make().fit(data, TASK, fitted)
        for ranked in self.ask(again, data).values():
            assert broken_order(ranked) == []


def _refuse_strange_reasons(told: pl.DataFrame, ranked: Ranked, data: Interactions) -> None:
    """A score rests on products that the customer had, by shares of the whole."""
    because, shares = told["because"].to_numpy(), told["shares"].to_numpy()
    users = np.repeat(np.arange(len(ranked.items)), ranked.is_there.sum(axis=1))
    places = np.nonzero(because >= 0)
    had: npt.NDArray[np.floating] = np.asarray(data.matrix[users[places[0]], because[places]])
    assert (had > 0).all()
    assert ((shares >= 0) & (shares <= 1 + 1e-6)).all()
    assert (shares.sum(axis=1) <= 1 + 1e-6).all()


def _refuse_overlap(ranked: Ranked, seen: Csr) -> None:
    given = ranked.as_matrix(seen.shape[1]) > 0
    assert given.multiply(seen > 0).nnz == 0


def _assert_equal(one: Mapping[str, Ranked], other: Mapping[str, Ranked]) -> None:
    assert one.keys() == other.keys()
    for kind, ranked in one.items():
        np.testing.assert_array_equal(ranked.items, other[kind].items, err_msg=kind)
        np.testing.assert_allclose(ranked.scores, other[kind].scores, rtol=0, atol=1e-12)
