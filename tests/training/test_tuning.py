"""Searched parameters of a recommender: the better is found before the judged windows, and kept."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import Field

from ecorse import declared
from ecorse.declared import Table
from ecorse.errors import ConfigError
from ecorse.models.base import Champion, Recommender
from ecorse.models.declaration import Declaration
from ecorse.models.ranked import top_k
from ecorse.models.recommender_file import RecommenderFile
from ecorse.training import planning
from ecorse.training.planning import MB
from ecorse.training.recommendation import relations_of
from ecorse.training.run import run_model

START = datetime(2019, 1, 1)
DAYS, CUSTOMERS = 300, 30
PRODUCTS = pl.DataFrame({"product_id": [f"p{n:02}" for n in range(20)]})


class ShiftConfig(Table):
    """``shift``: everybody is offered product number ``shift`` first, then the next ones."""

    shift: int = Field(0, ge=0, le=19)


class Shift(Recommender):
    """Offers all the same; notes the last instant that it was fitted on."""

    config_class = ShiftConfig
    answers = frozenset({"users"})
    fits: list[tuple[int, datetime]] = []

    def fit(self, data, task, champion=None):
        Shift.fits.append((self.config.shift, data.rows["at"].max()))
        if self.config.shift == 13:
            raise RuntimeError("unlucky")
        self.n = data.items.height
        return self

    def recommend(self, users, k, *, seen=None, among=None):
        one = np.roll(np.arange(self.n, 0, -1.0), self.config.shift)
        return top_k(np.tile(one, (len(users), 1)), k, seen=seen, among=among)

    def dump(self):
        return {"n.json": json.dumps(self.n).encode()}

    @classmethod
    def load(cls, files, config):
        made = cls(config)
        made.n = json.loads(files["n.json"])
        return made


@pytest.fixture
def a_declaration(monkeypatch):
    """Lists of five, searched over ``shift``."""
    monkeypatch.setattr(Shift, "fits", [])
    monkeypatch.setattr(Declaration, "model_class", lambda self: Shift)

    def make(own=None, **search) -> Declaration:
        select = "select shop_id from marts.products"
        document = {
            "model": {"class": "shift", "answers": ["users"]},
            "inputs": {"products": select, "interactions": select},
            "lists": ["for_you"],
            "top_n": 5,
            "windows": {"at": 5, "days": 28},
            "parameters": own or {},
            "search": {"trials": 20, "seed": 3, "parameters": {"shift": {"low": 0, "high": 19}}}
            | search,
        }
        file = declared.check(document, RecommenderFile, "recommend_shift.toml")
        return Declaration("recommend_shift", "recommend", Path("recommend_shift.toml"), file)

    return make


def lines(days: int = DAYS) -> pl.DataFrame:
    """Every customer buys one of the products 8 to 10 each week."""
    rows = [
        (f"o{day}-{customer}", f"c{customer:02}", f"p{8 + (day + customer) % 3:02}",
         START + timedelta(days=day))
        for day in range(days)
        for customer in range(CUSTOMERS)
        if (day + customer) % 7 == 0
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=["basket_id", "customer_id", "product_id", "at"], orient="row")


def a_night(declaration, champion=None, days=DAYS):
    inputs = {"products": PRODUCTS, "interactions": lines(days)}
    return run_model(declaration, "s", inputs, champion)


def published(result) -> Champion:
    return Champion(7, result.artifact, json.loads(json.dumps(result.metrics)))


def test_the_better_parameter_is_found_and_every_trial_is_told(a_declaration):
    result = a_night(a_declaration())
    trials = result.frame("recommender_trials")
    assert trials["trial"].to_list() == list(range(1, 21))
    assert trials["parameters"][0] == "{}"
    best = trials.filter("is_chosen").row(0, named=True)
    assert best["ndcg"] == trials["ndcg"].max()
    assert best["ndcg"] > trials["ndcg"][0]
    shift = json.loads(best["parameters"])["shift"]
    assert 6 <= shift <= 8  # products 8 to 10 are among the first five
    assert result.params["shift"] == shift
    assert best["searched_date"] == (START + timedelta(days=DAYS - 1)).date()
    names = {relation.name for relation in relations_of(a_declaration())}
    assert set(result.tables) == names - {"model_status"} | {"model_scores"}


def test_the_search_reads_nothing_of_the_judged_windows(a_declaration):
    a_night(a_declaration())
    judged_from = START + timedelta(days=DAYS - 1 - 3 * 28)
    searched = Shift.fits[:20]
    assert all(last <= judged_from - timedelta(days=28) for _, last in searched)
    # then the three judged fits, oldest first, and the one of all
    assert [last for _, last in Shift.fits[20:]] == [
        START + timedelta(days=DAYS - 1 - days) for days in (84, 56, 28, 0)
    ]


def test_what_was_found_stays_until_it_is_old_or_declared_otherwise(a_declaration):
    first = a_night(a_declaration())
    champion = published(first)
    Shift.fits.clear()
    again = a_night(a_declaration(), champion, days=DAYS + 7)
    assert len(Shift.fits) == 4
    assert again.params["shift"] == first.params["shift"]
    assert again.frame("recommender_trials").equals(first.frame("recommender_trials"))
    Shift.fits.clear()
    a_night(a_declaration(), champion, days=DAYS + 28)
    assert len(Shift.fits) >= 24
    Shift.fits.clear()
    a_night(a_declaration(seed=4), champion, days=DAYS + 7)
    assert len(Shift.fits) >= 24


def test_the_same_search_says_the_same(a_declaration):
    one, other = (a_night(a_declaration()).frame("recommender_trials") for _ in range(2))
    assert one.equals(other)


def test_a_setting_that_fails_only_loses_and_a_declared_one_is_told(a_declaration):
    low = {"shift": {"low": 12, "high": 13}}
    trials = a_night(a_declaration({"shift": 12}, trials=6, parameters=low)).frame(
        "recommender_trials"
    )
    unlucky = trials.filter(pl.col("parameters") == '{"shift": 13}')
    assert unlucky.height >= 1
    assert unlucky["ndcg"].is_null().all()
    assert unlucky["reason"].unique().to_list() == ["RuntimeError: unlucky"]
    assert not unlucky["is_chosen"].any()
    with pytest.raises(RuntimeError, match="unlucky"):
        a_night(a_declaration({"shift": 13}, trials=6, parameters=low))


def test_a_history_too_short_to_search_on_keeps_the_declared_parameters(a_declaration):
    result = a_night(a_declaration({"shift": 5}), days=1)
    assert result.params["shift"] == 5
    assert result.frame("recommender_trials").is_empty()


def test_a_range_that_the_class_does_not_allow_is_refused(a_declaration):
    declaration = a_declaration(parameters={"shift": {"low": 0, "high": 20}})
    with pytest.raises(ConfigError, match="shift"):
        declaration.create()


def test_a_setting_that_does_not_fit_into_memory_is_not_fitted(a_declaration, monkeypatch):
    monkeypatch.setattr(Shift, "memory_needed", lambda self, shape: self.config.shift * MB)
    monkeypatch.setattr(planning, "memory_limit", lambda: 2 * 5 * MB)  # half of it is allowed
    result = a_night(a_declaration())
    trials = result.frame("recommender_trials")
    assert max(shift for shift, _ in Shift.fits) <= 5
    refused = trials.filter(pl.col("ndcg").is_null())
    assert refused["reason"].str.contains("would need .* MB, 5 MB are allowed").all()
    assert refused.height > 0
    # and what was found when there was more of it is searched again
    champion = published(result)
    champion.metrics["search"]["parameters"] = {"shift": 7}
    again = a_night(a_declaration(), champion, days=DAYS + 7)
    assert again.params["shift"] <= 5


def test_a_containers_memory_is_what_there_is(monkeypatch, tmp_path):
    monkeypatch.setattr(planning, "OF_CONTAINER", (tmp_path / "none",))
    machine = planning.memory_limit()
    limited, unlimited = tmp_path / "limited", tmp_path / "unlimited"
    limited.write_text(f"{64 * MB}\n")
    unlimited.write_text("max\n")
    monkeypatch.setattr(planning, "OF_CONTAINER", (unlimited,))
    assert planning.memory_limit() == machine > 64 * MB
    monkeypatch.setattr(planning, "OF_CONTAINER", (unlimited, limited))
    assert planning.memory_limit() == 64 * MB
