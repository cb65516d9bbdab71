"""The model's files: they come back whole, or are refused before anything is made of them."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import fields

import numpy as np
import pytest

from ecorse.errors import ModelRejected
from ecorse.features.blocks import Block
from ecorse.models.segmentation_file import Feature
from ecorse.segments.axes import Axes
from ecorse.segments.fit import KMeansModel
from ecorse.segments.kmeans_file import dump_model, load_model
from ecorse.segments.model_files import ARRAYS, AXES, FACTS
from ecorse.segments.projection import fit_projection


@pytest.fixture(scope="module")
def model():
    feature = Feature(name="price", kind="log_mean", column="unit_price", weight=1.0)
    rows = np.random.default_rng(0).normal(size=(200, 1))
    return KMeansModel(
        axes=Axes(
            projection=fit_projection([Block(feature, ("price_log",), rows)], 0.9),
            features=(feature,),
            spec_hash="spec",
            vocabulary={"city": ["Zürich", "São Paulo", "東京"]},
            columns=["price_log"],
        ),
        centroids=np.array([[-1.0], [0.0], [1.0]]),
        curve=[{"k": 3, "is_chosen": True, "silhouette": None}],
        rows_selected=200,
        is_degenerate=False,
    )


@pytest.fixture(scope="module")
def files(model):
    return dump_model(model)


def with_arrays(files, **changed):
    """The files with other arrays; ``None`` leaves one out."""
    with np.load(io.BytesIO(files[ARRAYS])) as archive:
        arrays = {name: archive[name] for name in archive.files} | changed
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return {**files, ARRAYS: buffer.getvalue()}


def test_a_model_comes_back_whole(model, files):
    back = load_model(files)
    assert np.array_equal(back.centroids, model.centroids)
    for name in AXES:
        there, here = back.axes.projection, model.axes.projection
        assert np.array_equal(getattr(there, name), getattr(here, name))
    assert back.axes.facts() == model.axes.facts()
    for field in fields(KMeansModel):
        if field.name not in ("axes", "centroids"):
            assert getattr(back, field.name) == getattr(model, field.name)
    assert back.k == 3


def test_the_same_model_has_the_same_bytes(model, files):
    assert dump_model(copy.deepcopy(model)) == files
    assert dump_model(load_model(files)) == files


def test_objects_are_refused_and_not_made(files):
    objects = np.array([{"a": 1}], dtype=object)  # numpy pickles them
    with pytest.raises(ModelRejected, match="allow_pickle=False"):
        load_model(with_arrays(files, centroids=objects))


def test_another_format_is_refused_before_the_arrays_are_read(files):
    facts = json.dumps(json.loads(files[FACTS]) | {"format": 2}).encode()
    with pytest.raises(ModelRejected, match="format 2, this reads 3"):
        load_model({ARRAYS: b"never read", FACTS: facts})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"centroids": np.zeros((3, 2))}, r"centroids is float64 \(3, 2\); expected .* \(3, 1\)"),
        ({"means": np.zeros(4)}, r"means is float64 \(4,\)"),
        ({"factors": np.array([np.nan])}, "factors"),
        ({"components": np.array([[1]])}, "components is int64"),
        ({"centroids": None}, "cannot be read"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(files, changed, words):
    with pytest.raises(ModelRejected, match=words):
        load_model(with_arrays(files, **changed))


@pytest.mark.parametrize(
    "damage",
    [
        lambda files: {},
        lambda files: {**files, FACTS: b"{}"},
        lambda files: {**files, FACTS: b"no json"},
        lambda files: {**files, ARRAYS: files[ARRAYS][:-50]},
    ],
)
def test_a_refusal_says_what_to_do_next(files, damage):
    with pytest.raises(ModelRejected, match="raise generation in the model's declaration"):
        load_model(damage(files))
