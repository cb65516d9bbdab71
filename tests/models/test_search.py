"""The ``[search]`` of a segmentation: what may be declared, and what comes of it."""

from __future__ import annotations

import json
from types import FunctionType

import numpy as np
import polars as pl
import pytest
from pydantic import Field

from ecorse import declared
from ecorse.declared import Table
from ecorse.errors import ConfigError, ModelRejected, StoreBusy
from ecorse.models.base import Segmentation, Task
from ecorse.models.search import TRIALS, Limit, Range, Search, check_search, with_values
from ecorse.models.searched import FILE, searched
from ecorse.segments.hierarchical import Hierarchical
from ecorse.segments.selection import KRule
from ecorse.testing import SegmentationContract
from ecorse.testing.shop import tiny_space

TASK = Task("segment_tested", "main", seed=1)


class Inner(Table):
    cut: float = Field(10.0, ge=0, le=1000)
    words: tuple[str, ...] = ("a",)


class Config(Table):
    inner: Inner = Inner()
    least: float = Field(0.0, ge=0)


class ByPrice(Segmentation):
    """Below and above a price; its one figure falls with the distance from 137."""

    config_class = Config
    fits = 0
    told = ""

    def fit(self, space, task, champion=None):
        type(self).fits += 1
        return self

    def assign(self, space):
        return (space.mean("unit_price") >= self.config.inner.cut).astype(np.int64)

    def metrics(self, space, labels, seed):
        return {
            "nearness": -abs(self.config.inner.cut - 137.0),
            "words": len(self.config.inner.words),
        }

    def size(self):
        return 2

    def why_changed(self):
        return self.told


def search(**changes):
    base = {
        "objective": "nearness",
        "trials": 40,
        "seconds": 600,
        "seed": 3,
        "parameters": {"inner.cut": {"low": 0.0, "high": 1000.0}},
    }
    return declared.check(base | changes, Search, "search")


@pytest.fixture
def space():
    return tiny_space()


def rows(fitted):
    return fitted.diagnose()[TRIALS.name]


def test_the_best_of_the_trials_is_kept_and_all_are_told(space):
    fitted = searched(ByPrice, search())(Config()).fit(space, TASK)
    found = rows(fitted)
    assert len(found) == 40
    best = max(found, key=lambda row: row["value"])
    assert best["is_chosen"]
    assert sum(row["is_chosen"] for row in found) == 1
    cut = json.loads(best["parameters"])["inner.cut"]
    assert best["value"] == -abs(cut - 137.0) >= -50
    expected = (space.mean("unit_price") >= cut).astype(int)
    assert fitted.assign(space).tolist() == expected.tolist()
    assert [row["trial"] for row in found] == list(range(1, 41))
    assert found[0]["parameters"] == "{}"  # as declared
    assert found[0]["value"] == -127.0


def test_the_same_seed_gives_the_same_trials_and_another_others(space):
    once, again = (searched(ByPrice, search())(Config()).fit(space, TASK) for _ in range(2))
    assert rows(once) == rows(again)
    assert dict(once.dump()) == dict(again.dump())
    other = searched(ByPrice, search(seed=4))(Config()).fit(space, TASK)
    assert rows(other) != rows(once)


def test_the_declared_parameters_win_where_nothing_is_better(space):
    fitted = searched(ByPrice, search())(Config(inner=Inner(cut=137.0))).fit(space, TASK)
    assert rows(fitted)[0]["is_chosen"]


def test_a_figure_may_be_made_small(space):
    declared_search = search(
        direction="minimize",
        objective="words",
        trials=4,
        parameters={"inner.words": {"choices": [["a", "b"], ["a", "b", "c"]]}},
    )
    fitted = searched(ByPrice, declared_search)(Config()).fit(space, TASK)
    assert rows(fitted)[0]["is_chosen"]  # one word, as declared
    assert {len(json.loads(r["parameters"]).get("inner.words", "a")) for r in rows(fitted)} <= {
        1,
        2,
        3,
    }


def test_a_trial_beyond_a_limit_cannot_win(space):
    fitted = searched(ByPrice, search(limits={"smallest_share": {"at_least": 0.4}}))(Config())
    fitted.fit(space, TASK)
    for row in rows(fitted):
        cut = json.loads(row["parameters"]).get("inner.cut", 10.0)
        above = float((space.mean("unit_price") >= cut).mean())
        assert row["is_admissible"] == (min(above, 1 - above) >= 0.4)
        if not row["is_admissible"]:
            assert "needed 0.4" in row["reason"]
            assert not row["is_chosen"]


@pytest.mark.parametrize("figure", [float("nan"), np.float64("nan"), float("inf"), -np.inf])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_figure_that_is_no_finite_number_is_undefined(space, monkeypatch, figure, direction):
    """Of the declared parameters nearness is not finite: any other trial is better."""
    metrics = ByPrice.metrics

    def undefined_as_declared(self, space, labels, seed):
        own = metrics(self, space, labels, seed)
        return own | ({"nearness": figure} if self.config.inner.cut == 10.0 else {})

    monkeypatch.setattr(ByPrice, "metrics", undefined_as_declared)
    fitted = searched(ByPrice, search(trials=4, direction=direction))(Config()).fit(space, TASK)
    first, *others = rows(fitted)
    assert (first["value"], first["is_admissible"], first["is_chosen"]) == (None, False, False)
    assert first["reason"] == "nearness is undefined"
    best = (max if direction == "maximize" else min)(row["value"] for row in others)
    assert next(row["value"] for row in rows(fitted) if row["is_chosen"]) == best


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), float("-inf"), None])
def test_a_limit_of_a_figure_that_is_no_finite_number_is_not_kept(space, monkeypatch, figure):
    monkeypatch.setattr(
        ByPrice, "metrics", lambda *_: {"nearness": 1.0, "gap": figure, "words": float("nan")}
    )
    for limit in ({"at_least": -1e9}, {"at_most": 1e9}):
        fitted = searched(ByPrice, search(trials=2, limits={"gap": limit}))(Config())
        assert [row["is_admissible"] for row in rows(fitted.fit(space, TASK))] == [False, False]
        assert Limit(**limit).objection("gap", figure) == "gap is undefined"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_limits_and_ranges_are_finite(number):
    with pytest.raises(ConfigError, match="finite"):
        search(limits={"nearness": {"at_least": number}})
    with pytest.raises(ConfigError):
        search(parameters={"inner.cut": {"low": 0.0, "high": number}})


@pytest.mark.parametrize("method", ["fit", "assign", "metrics"])
@pytest.mark.parametrize("error", [ValueError("k > n"), ModelRejected("one cluster"), KeyError(3)])
def test_a_setting_that_fails_is_told_and_the_others_are_tried(space, monkeypatch, method, error):
    """Above 137 nothing works; the best of the others wins."""
    works = getattr(ByPrice, method)

    def fails(self, *given):
        if self.config.inner.cut > 137.0:
            raise error
        return works(self, *given)

    monkeypatch.setattr(ByPrice, method, fails)
    fitted = searched(ByPrice, search())(Config()).fit(space, TASK)
    found = rows(fitted)
    cuts = [json.loads(row["parameters"]).get("inner.cut", 10.0) for row in found]
    assert len(found) == 40
    assert {cut > 137.0 for cut in cuts} == {True, False}
    for cut, row in zip(cuts, found, strict=True):
        assert row["is_admissible"] == (cut <= 137.0)
        if cut > 137.0:
            assert (row["value"], row["is_chosen"]) == (None, False)
            assert row["reason"] == f"it failed with {type(error).__name__}: {error}"
    assert fitted.inner.config.inner.cut == max(cut for cut in cuts if cut <= 137.0)


@pytest.mark.parametrize("method", ["fit", "assign", "metrics"])
def test_declared_parameters_that_fail_end_it_with_their_own_error(space, monkeypatch, method):
    def fails(self, *given):
        raise ValueError("k > n")

    monkeypatch.setattr(ByPrice, method, fails)
    with pytest.raises(ValueError, match="k > n"):
        searched(ByPrice, search())(Config()).fit(space, TASK)


def test_what_may_work_at_the_next_try_is_no_objection(space, monkeypatch):
    def busy(self, *given):
        if self.config.inner.cut != 10.0:
            raise StoreBusy("the store is busy")
        return self

    monkeypatch.setattr(ByPrice, "fit", busy)
    with pytest.raises(StoreBusy):
        searched(ByPrice, search())(Config()).fit(space, TASK)


def test_where_no_trial_counts_the_declared_parameters_stand(space):
    fitted = searched(ByPrice, search(trials=3, objective="no such figure"))(Config())
    fitted.fit(space, TASK)
    chosen = next(row for row in rows(fitted) if row["is_chosen"])
    assert (chosen["trial"], chosen["parameters"]) == (1, "{}")
    assert "no trial counts (no such figure is undefined)" in chosen["reason"]
    assert fitted.inner.config == Config()


def test_time_only_ends_a_search_sooner(space):
    fitted = searched(ByPrice, search(seconds=1e-9))(Config()).fit(space, TASK)
    long = searched(ByPrice, search())(Config()).fit(space, TASK)
    few = len(rows(fitted))
    assert few < 40
    for short_row, long_row in zip(rows(fitted), rows(long), strict=False):
        assert short_row["parameters"] == long_row["parameters"]


def test_a_second_night_keeps_what_was_found_and_does_not_search(space, monkeypatch):
    made = searched(ByPrice, search())
    first = made(Config()).fit(space, TASK)
    champion = made.load(first.dump(), Config())
    assert champion.inner.config == first.inner.config
    before = ByPrice.fits
    second = made(Config()).fit(space, TASK, champion)
    assert ByPrice.fits == before + 1
    assert (second.why_changed(), rows(second)) == ("", rows(first))
    assert second.assign(space).tolist() == first.assign(space).tolist()


def test_another_declaration_or_a_reason_of_the_model_searches_again(space, monkeypatch):
    first = searched(ByPrice, search())(Config()).fit(space, TASK)
    files = first.dump()
    other = searched(ByPrice, search(trials=5))
    second = other(Config()).fit(space, TASK, other.load(files, Config()))
    assert second.why_changed() == "the declared search changed"
    assert len(rows(second)) == 5
    same = searched(ByPrice, search())
    monkeypatch.setattr(ByPrice, "told", "there are many more rows")
    third = same(Config()).fit(space, TASK, same.load(files, Config()))
    assert third.why_changed() == "there are many more rows"


def test_a_model_from_before_the_search_is_a_champion_of_another(space):
    made = searched(ByPrice, search(trials=3))
    champion = made.load(ByPrice(Config()).dump(), Config())
    assert made(Config()).fit(space, TASK, champion).why_changed() == "the declared search changed"


def test_a_damaged_file_is_refused():
    made = searched(ByPrice, search())
    for content in (b"", b"[]", b'{"config": {"least": -1}, "trials": [], "key": ""}'):
        with pytest.raises(ModelRejected, match="raise generation"):
            made.load({FILE: content}, Config())


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"inner.cutt": {"low": 0, "high": 1}}, "no such parameter; there are cut, words"),
        ({"cut": {"low": 0, "high": 1}}, "no such parameter; there are inner, least"),
        ({"least.cut": {"low": 0, "high": 1}}, "no such parameter"),
        ({"inner.cut": {"low": 0.0, "high": 2000.0}}, "at most 1000"),
        ({"inner.words": {"choices": [["a"], "b"]}}, "a list"),
    ],
)  # fmt: skip
def test_a_range_that_the_class_does_not_allow_is_refused_before_a_night(parameters, told):
    with pytest.raises(ConfigError, match=told):
        check_search(search(parameters=parameters), Config(), "a.toml [search]")


@pytest.mark.parametrize(
    "values",
    [
        {}, {"low": 1}, {"low": 2, "high": 1}, {"low": 1, "high": 1}, {"choices": []},
        {"low": 0, "high": 1, "log": True}, {"low": 0.5, "high": 1.5, "step": 1},
        {"choices": [1], "low": 1, "high": 2}, {"low": 1, "high": 2, "hihg": 3},
    ],
)  # fmt: skip
def test_a_range_says_one_thing(values):
    with pytest.raises(ConfigError):
        declared.check(values, Range, "range")


def test_values_at_dotted_paths_change_nothing_else():
    config = Config(inner=Inner(cut=5.0, words=("x", "y")), least=2.0)
    changed = with_values(config, {"inner.cut": 7.0}, "here")
    assert changed == Config(inner=Inner(cut=7.0, words=("x", "y")), least=2.0)
    assert config.inner.cut == 5.0


class TestSearched(SegmentationContract):
    model = searched(
        Hierarchical,
        Search(
            objective="stability",
            trials=3,
            parameters={"variance_share": Range(low=0.6, high=0.95)},
        ),
    )
    parameters = {"fit_rows": 200, "selection": KRule(bootstraps=2, k_max=4).model_dump()}

    def test_it_has_the_distances_of_the_one_that_is_searched(self, fitted, space):
        rows = np.arange(0, space.n, 7)
        found = fitted.distances(space, rows)
        assert found.shape == (len(rows), fitted.size())
        assert found.tolist() == fitted.inner.distances(space, rows).tolist()


def test_every_question_is_passed_on_to_the_one_that_is_searched():
    routines = (FunctionType, classmethod, staticmethod, property)
    asked = {
        name
        for name, value in vars(Segmentation).items()
        if isinstance(value, routines) and not getattr(value, "__final__", False)
    }
    assert {"assign", "distances", "load"} <= asked
    assert asked - vars(searched(ByPrice, search()).__mro__[1]).keys() == set()


def test_trials_are_rows_of_their_table(space):
    fitted = searched(ByPrice, search(trials=3))(Config()).fit(space, TASK)
    frame = pl.DataFrame(rows(fitted))
    assert set(frame.columns) == set(TRIALS.columns) - {"shop_id", "segmentation"}
