"""The model file: it comes back whole, or it is refused before anything is read."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import skops.io
from ecorse.segments.artifact import (
    HEADER,
    SegmentModel,
    dump_artifact,
    features_to_json,
    load_artifact,
    read_artifact,
)

from ecorse.errors import ModelRejected
from ecorse.features.orders import Block, Feature
from ecorse.segments import artifact
from ecorse.segments.projection import fit_kmeans, fit_projection, join_pipeline, project


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(200, 1))


@pytest.fixture(scope="module")
def model(rows):
    feature = Feature("price", "log_mean", "unit_price", 1.0)
    projection = fit_projection([Block(feature, ("price_log",), rows)], rows, 0.9)
    kmeans = fit_kmeans(project(projection, rows), 3, 0, 2)
    return SegmentModel(
        pipeline=join_pipeline(projection, kmeans),
        features=features_to_json((feature,)),
        spec_hash="spec",
        vocabulary={"city": ["Zürich", "São Paulo", "東京"]},
        columns=["price_log"],
        references={"price": {"edges": [0.5], "counts": [100.0, 100.0]}},
        segments=[{"segment_id": i, "name": f"Name {i}", "leading": "x"} for i in (1, 2, 5)],
        next_segment_id=6,
        curve=[],
        rows_selected=200,
        is_degenerate=False,
        data_hash="data",
    )


@pytest.fixture(scope="module")
def data(model):
    return dump_artifact(model)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def nothing_is_deserialised(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("bytes were read before they were refused")

    for name in ("loads", "load", "get_untrusted_types"):
        monkeypatch.setattr(skops.io, name, fail)
    monkeypatch.setattr(zipfile, "ZipFile", fail)


def test_a_model_comes_back_whole(model, data, rows):
    back = load_artifact(data, sha256(data))
    assert back.pipeline.predict(rows).tolist() == model.pipeline.predict(rows).tolist()
    for name in ("features", "vocabulary", "references", "segments", "next_segment_id"):
        assert getattr(back, name) == getattr(model, name)
    assert back.segment_ids == [1, 2, 5]
    assert back.feature_list == (Feature("price", "log_mean", "unit_price", 1.0),)


def test_the_same_model_has_the_same_bytes(model, data):
    assert dump_artifact(copy.deepcopy(model)) == data
    assert dump_artifact(load_artifact(data, sha256(data))) == data


def test_the_file_holds_no_foreign_type(data):
    assert skops.io.get_untrusted_types(data=data) == []


@pytest.mark.usefixtures("nothing_is_deserialised")
def test_a_thousand_flipped_bits_are_refused_before_reading(data):
    recorded = sha256(data)
    for bit in np.random.default_rng(14).choice(len(data) * 8, 1000, replace=False):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(ModelRejected, match="before loading"):
            load_artifact(bytes(flipped), recorded)


@pytest.mark.usefixtures("nothing_is_deserialised")
def test_every_kind_of_truncation_is_refused_before_reading(data):
    for length in (0, 1, 22, len(data) // 2, len(data) - 1):
        with pytest.raises(ModelRejected, match="before loading"):
            load_artifact(data[:length], sha256(data))


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (self.target,))


def test_a_pickle_is_refused_and_not_run_even_with_a_matching_hash(tmp_path):
    target = str(tmp_path / "was-run")
    evil = pickle.dumps(Malicious(target))
    with pytest.raises(ModelRejected):
        load_artifact(evil, sha256(evil))
    assert not os.path.exists(target)
    pickle.loads(evil)  # the pickle does what it says where it is loaded
    assert os.path.exists(target)


def test_a_skops_file_with_a_foreign_type_is_refused(data):
    buffer = io.BytesIO(skops.io.dumps({"pipeline": Malicious("x"), "facts": "{}"}))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(HEADER, zipfile.ZipFile(io.BytesIO(data)).read(HEADER))
    with pytest.raises(ModelRejected, match=r"foreign types.*Malicious"):
        read_artifact(buffer.getvalue())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sklearn_version": "0.24.2"}, "written by scikit-learn 0.24.2"),
        ({"format": 99}, "format 99"),
    ],
)
def test_another_version_is_refused_before_reading(data, monkeypatch, change, words):
    source = zipfile.ZipFile(io.BytesIO(data))
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name == HEADER:
                content = json.dumps(json.loads(content) | change).encode()
            archive.writestr(name, content)
    monkeypatch.setattr(skops.io, "loads", None)
    with pytest.raises(ModelRejected, match=words):
        read_artifact(changed.getvalue())


def test_a_refusal_says_what_to_do_next(data):
    with pytest.raises(ModelRejected, match="raise \\[segmentation\\] generation"):
        read_artifact(b"not a model")
    assert "generation" in artifact.NEXT_STEP
