"""What a declaration may say, and how it is told what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecorse import declared
from ecorse.errors import ConfigError
from ecorse.models.declaration import KINDS, load_declarations, read_declarations

FEATURE = {"name": "f", "kind": "log_sum", "column": "c", "weight": 1.0}
SEGMENT = {
    "model": {"class": "kmeans"},
    "inputs": {"lines": "select shop_id from marts.order_lines"},
    "segmentation": {"name": "mine", "entity": "order", "seed": 1},
    "features": [FEATURE],
    "gate": {
        "min_ari": 0.9, "min_jaccard": 0.75, "max_psi": 0.25, "least_added": 5, "least_reference": 5
    },
}  # fmt: skip
RECOMMEND = {
    "model": {"class": "popular", "answers": ["items"]},
    "inputs": dict.fromkeys(("products", "interactions"), "select shop_id from marts.products"),
}


def refused(kind: str, document: dict) -> str:
    with pytest.raises(ConfigError) as refusal:
        declared.check(document, KINDS[kind], "here.toml")
    return str(refusal.value)


def test_the_shortest_declarations_do():
    segmentation = declared.check(SEGMENT, KINDS["segment"], "here.toml")
    assert segmentation.entity.id == "order_id"
    assert (segmentation.naming.max_traits, segmentation.model.generation) == (2, 1)
    assert declared.check(RECOMMEND, KINDS["recommend"], "here.toml").top_n == 20


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"kind": "median"}, ["features[0].kind", "'median'"]),
        ({"kind": "cycle", "part": "year"}, ["features[0].part", "'year'"]),
        ({"kind": "cycle"}, ["features[0].part", "a cycle, and only that, has one"]),
        ({"part": "hour"}, ["features[0].part = 'hour'", "a cycle, and only that, has one"]),
        ({"weight": 0}, ["features[0].weight", "more than 0"]),
        ({"colour": "red"}, ["features[0].colour", "no such key"]),
    ],
)
def test_a_wrong_feature_is_refused_by_its_place(entry, words):
    told = refused("segment", SEGMENT | {"features": [FEATURE | entry]})
    assert "here.toml" in told
    for word in words:
        assert word in told


def test_a_feature_declared_twice_is_refused():
    told = refused("segment", SEGMENT | {"features": [FEATURE, FEATURE]})
    assert "features: 'f' is declared twice" in told


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("segment", {"inputs": {"rows": "select 1"}}, "inputs.lines is missing"),
        ("segment", {"features": []}, "features"),
        ("segment", {"model": {"class": "k", "answers": ["items"]}}, "only recommenders"),
        ("segment", {"segmentation": {"name": "x", "entity": "city", "seed": 1}}, "'city'"),
        ("segment", {"segmentation": {"name": "x; drop", "entity": "order", "seed": 1}}, "x; drop"),
        ("recommend", {"model": {"class": "popular"}}, "model.answers is missing"),
        ("recommend", {"model": {"class": "p", "answers": ["songs"]}}, "'songs'"),
        ("recommend", {"inputs": {"products": "select 1"}}, "inputs.interactions is missing"),
        ("recommend", {"holdout": {"share": 1.5}}, "holdout.share"),
        ("recommend", {"top_n": 0}, "top_n"),
        (
            "recommend",
            {"model": {"class": "p", "answers": ["items"], "diagnostics": ["x"]}},
            "only segmentations",
        ),
    ],
)
def test_what_a_declaration_cannot_say_is_refused(kind, change, words):
    document = {"segment": SEGMENT, "recommend": RECOMMEND}[kind]
    assert words in refused(kind, document | change)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("segment_orders", {"variance_share": 1.5}, "variance_share"),
        ("segment_orders", {"selection": {"k_min": 9}}, "k_min = 9 is above k_max = 8"),
        ("segment_orders", {"selection": {"k_best": 9}}, "selection.k_best"),
        ("recommend_co_purchase", {"min_co_purchases": 0}, "min_co_purchases"),
    ],
)
def test_wrong_parameters_are_refused_by_the_class(declare, name, parameters, words):
    declaration = declare(name, parameters=parameters)
    with pytest.raises(ConfigError) as refusal:
        declaration.create()
    assert words in str(refusal.value)
    assert f"{name}.toml [parameters]" in str(refusal.value)


@pytest.mark.parametrize(
    "named", ["no_such_model", "ecorse.recommenders.popular:Unknown", "no.such.package:Model"]
)
def test_a_class_that_is_not_there_is_named_with_the_file(declare, named):
    declaration = declare("recommend_co_purchase", model={"class": named})
    with pytest.raises(ConfigError) as refusal:
        declaration.create()
    assert f"recommend_co_purchase.toml: model.class = '{named}'" in str(refusal.value)


@pytest.mark.parametrize(
    "named", ["ecorse.segments.kmeans:np", "ecorse.errors:ConfigError", ":Popular"]
)
def test_what_is_no_recommender_is_named_with_the_file(declare, named):
    declaration = declare("recommend_co_purchase", model={"class": named})
    with pytest.raises(ConfigError, match=f"recommend_co_purchase.toml: model.class = '{named}'"):
        declaration.create()


def test_the_baselines_name_is_no_method(tmp_path):
    shipped = next(d.path for d in load_declarations() if d.name == "recommend_co_purchase")
    path = tmp_path / "recommend_popular.toml"
    path.write_text(shipped.read_text())
    with pytest.raises(ConfigError, match=r"recommend_popular.toml: 'popular' is the name"):
        read_declarations([path])


def test_a_class_may_be_named_by_its_package(declare):
    declaration = declare(
        "recommend_co_purchase", model={"class": "ecorse.recommenders.popular:Popular"}
    )
    assert declaration.model_class().__name__ == "Popular"


def test_shipped_declarations_say_what_they_fill():
    found = {declaration.name: declaration for declaration in load_declarations()}
    for method in ("co_purchase", "item_similarity"):
        declaration = found[f"recommend_{method}"]
        assert declaration.method == method
        assert set(declaration.writes) == {"item_similarity", "model_scores", "model_status"}
    assert found["segment_orders"].method == "orders"
    for name, entity in (("segment_orders", "order"), ("segment_customers", "customer")):
        own = {f"{entity}_segments", f"{entity}_segment_points", "segments", "segment_traits"}
        assert own | {"segmentation_features"} < set(found[name].writes)


MINIMAL = """
[model]
class = "kmeans"
[inputs]
lines = "select shop_id from marts.order_lines"
[segmentation]
name = "mine"
entity = "order"
seed = 1
[[features]]
name = "f"
kind = "log_sum"
column = "c"
weight = 1.0
[gate]
min_ari = 0.9
min_jaccard = 0.75
max_psi = 0.25
least_added = 5
least_reference = 5
"""


def write(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_text(MINIMAL, encoding="utf-8")
    return [folder / name for name in names]


def test_two_that_would_fill_the_same_rows_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"segment_b.toml: segmentation.name = 'mine': .*ment_a"):
        read_declarations(write(tmp_path, "segment_a.toml", "segment_b.toml"))


def test_a_file_of_another_name_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"begins with 'cluster'; expected segment_<name>\.toml"):
        read_declarations(write(tmp_path, "cluster_a.toml"))


def test_a_changed_file_is_read_again(tmp_path):
    paths = write(tmp_path, "segment_a.toml")
    assert read_declarations(paths)[0].method == "mine"
    paths[0].write_text(MINIMAL.replace('"mine"', '"yours"'), encoding="utf-8")
    assert read_declarations(paths)[0].method == "yours"
