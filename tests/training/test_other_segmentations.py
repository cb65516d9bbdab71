"""Nights of a segmentation other than k-means: noise, names of its own, labels new tonight."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ecorse.errors import ModelRejected
from ecorse.models.base import Champion, NoParameters, Segmentation
from ecorse.models.declaration import Declaration
from ecorse.training.run import run_model


def orders_at(prices) -> pl.DataFrame:
    """One order of one line at each price; all else is alike but the hour."""
    n = len(prices)
    return pl.DataFrame(
        {
            "shop_id": ["main"] * n,
            "order_id": [f"{i:08d}" for i in range(n)],
            "category": ["Pens"] * n,
            "city": ["Austin"] * n,
            "quantity": [1.0] * n,
            "unit_price": pl.Series(prices, dtype=pl.Float64),
            "ordered_local": [datetime(2019, 1, 1) + timedelta(hours=i) for i in range(n)],
            "clock_local": [datetime(2019, 1, 1) + timedelta(hours=i) for i in range(n)],
        }
    )


def published(result) -> Champion:
    return Champion(1, result.artifact, json.loads(json.dumps(result.metrics)))


def labels(result) -> pl.DataFrame:
    return result.frame("order_segments")


class ByPrice(Segmentation):
    """Below 10, below 100, and the rest; ``labels`` are theirs, ``given`` their names."""

    config_class = NoParameters
    labels = (0, 1, 2)
    given: dict[int, str] | None = None

    def assign(self, space):
        return np.array(self.labels)[np.digitize(space.mean("unit_price"), [10.0, 100.0])]

    def names(self):
        return self.given


@pytest.fixture
def by_price(declare, monkeypatch):
    """One night of ``ByPrice``: ``by_price(prices, champion, labels=..., given=...)``."""
    shipped = declare("segment_orders", model={"diagnostics": []}, gate={"least_reference": 1000})
    file = shipped.file.model_copy(update={"parameters": {}})
    declaration = Declaration(shipped.name, shipped.task, shipped.path, file)
    monkeypatch.setattr(Declaration, "model_class", lambda self: ByPrice)

    def night(prices, champion=None, labels=(0, 1, 2), given=None):
        monkeypatch.setattr(ByPrice, "labels", labels)
        monkeypatch.setattr(ByPrice, "given", given)
        return run_model(declaration, "main", {"lines": orders_at(prices)}, champion)

    return night


def ids(result) -> list[int]:
    return labels(result).sort("order_id")["segment_id"].to_list()


def test_labels_of_an_unnamed_segmentation_are_numbered_from_one(by_price):
    result = by_price([5, 5, 50, 500])
    assert ids(result) == [1, 1, 2, 3]
    assert result.frame("segments")["members"].to_list() == [2, 1, 1]


def test_what_is_noise_is_in_segment_0_and_shares_still_add_up(by_price):
    result = by_price([5, 5, 50, 500], labels=(0, 1, -1))
    assert ids(result) == [1, 1, 2, 0]
    segments = result.frame("segments")
    assert segments.filter(segment_id=0)["segment_name"].to_list() == ["In no segment"]
    assert segments["share"].sum() == pytest.approx(1.0)
    again = by_price([5, 5, 50, 500], published(result), labels=(0, 1, -1))
    assert (again.decision.outcome, ids(again)) == ("promoted", [1, 1, 2, 0])


def test_a_segment_that_is_new_tonight_is_born_where_the_others_stay(by_price):
    first = by_price([5, 5, 50, 50])
    born = by_price([5, 5, 50, 500], published(first))
    assert born.decision.outcome == "promoted"
    assert "3 segments after 2" in born.decision.reason
    assert ids(born) == [1, 1, 2, 3]


GIVEN = {0: "Bargains", 1: "Middle", 2: "Luxury"}


def test_names_of_its_own_stand_and_their_ids_are_fixed(by_price):
    first = by_price([5, 5, 500, 500], given=GIVEN)
    assert ids(first) == [1, 1, 3, 3]
    segments = first.frame("segments").select("segment_id", "segment_name", "members")
    assert segments.rows() == [(1, "Bargains", 2), (2, "Middle", 0), (3, "Luxury", 2)]
    again = by_price([50, 5, 500, 500], published(first), given=GIVEN)
    assert ids(again) == [2, 1, 3, 3]  # held or not: the rule and its names are the same


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"labels": (0, 1, -2)}, "from -2 to 1"),
        ({"labels": (0, 1, 10_000_000)}, "from 0 to 10000000; expected -1 (noise) to 999"),
        ({"labels": (0.5, 1.0, 2.0)}, "expected whole numbers of shape (4,), got float64"),
        ({"labels": ((0, 1), (1, 1), (2, 2))}, "expected whole numbers of shape (4,)"),
        ({"given": {0: "A", 1: "A", 2: "C"}}, "names must be different texts"),
        ({"given": {0: "A", 1: " ", 2: "C"}}, "names must be different texts"),
        ({"given": {0: "A", 2: "C"}}, "names are given to [0, 2]"),
        ({"given": {-1: "Odd", 0: "A", 1: "B"}}, "names are given to [-1, 0, 1]"),
    ],
)
def test_labels_and_names_that_break_the_contract_are_refused(by_price, broken, told):
    with pytest.raises(ModelRejected) as refusal:
        by_price([5, 5, 50, 500], **broken)
    assert told in str(refusal.value)
