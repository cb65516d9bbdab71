"""The model's files: they come back whole, or are refused before anything is run."""

from __future__ import annotations

import copy
import json
import os
import pickle
from dataclasses import fields

import numpy as np
import pytest
import skops.io

from ecorse.errors import ModelRejected
from ecorse.features.orders import Block
from ecorse.models.declaration import Feature
from ecorse.segments.fit import KMeansModel
from ecorse.segments.kmeans_file import FACTS, PIPELINE, dump_model, load_model
from ecorse.segments.projection import fit_kmeans, fit_projection, join_pipeline, project


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(200, 1))


@pytest.fixture(scope="module")
def model(rows):
    feature = Feature(name="price", kind="log_mean", column="unit_price", weight=1.0)
    projection = fit_projection([Block(feature, ("price_log",), rows)], rows, 0.9)
    kmeans = fit_kmeans(project(projection, rows), 3, 0, 2)
    return KMeansModel(
        pipeline=join_pipeline(projection, kmeans),
        features=(feature,),
        spec_hash="spec",
        vocabulary={"city": ["Zürich", "São Paulo", "東京"]},
        columns=["price_log"],
        curve=[{"k": 3, "is_chosen": True, "silhouette": None}],
        rows_selected=200,
        is_degenerate=False,
    )


@pytest.fixture(scope="module")
def files(model):
    return dump_model(model)


def test_a_model_comes_back_whole(model, files, rows):
    back = load_model(files)
    assert back.pipeline.predict(rows).tolist() == model.pipeline.predict(rows).tolist()
    for field in fields(KMeansModel):
        if field.name != "pipeline":
            assert getattr(back, field.name) == getattr(model, field.name)
    assert back.k == 3


def test_the_same_model_has_the_same_bytes(model, files):
    assert dump_model(copy.deepcopy(model)) == files
    assert dump_model(load_model(files)) == files


def test_the_file_holds_no_foreign_type(files):
    assert skops.io.get_untrusted_types(data=files[PIPELINE]) == []


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (self.target,))


def test_a_pickle_is_refused_and_not_run(files, tmp_path):
    target = str(tmp_path / "was-run")
    evil = pickle.dumps(Malicious(target))
    with pytest.raises(ModelRejected):
        load_model({**files, PIPELINE: evil})
    assert not os.path.exists(target)
    pickle.loads(evil)  # the pickle does what it says where it is loaded
    assert os.path.exists(target)


def test_a_foreign_type_is_refused(files):
    foreign = skops.io.dumps({"pipeline": Malicious("x")})
    with pytest.raises(ModelRejected, match=r"foreign types.*Malicious"):
        load_model({**files, PIPELINE: foreign})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sklearn_version": "0.24.2"}, "written by scikit-learn 0.24.2"),
        ({"format": 99}, "format 99"),
    ],
)
def test_another_version_is_refused_before_the_pipeline_is_read(files, monkeypatch, change, words):
    facts = json.dumps(json.loads(files[FACTS]) | change).encode()
    for name in ("loads", "get_untrusted_types"):
        monkeypatch.setattr(skops.io, name, None)
    with pytest.raises(ModelRejected, match=words):
        load_model({**files, FACTS: facts})


@pytest.mark.parametrize(
    "damage",
    [
        lambda files: {},
        lambda files: {**files, FACTS: b"{}"},
        lambda files: {**files, FACTS: b"no json"},
        lambda files: {**files, PIPELINE: files[PIPELINE][:-50]},
    ],
)
def test_a_refusal_says_what_to_do_next(files, damage):
    with pytest.raises(ModelRejected, match="raise generation in the model's declaration"):
        load_model(damage(files))
