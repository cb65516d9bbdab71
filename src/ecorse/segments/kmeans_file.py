"""What PCA + k-means keeps in its files: the axes, the centroids and the facts of the selection.

What belongs here: model to files and back. What does not: the files themselves (``model_files``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ecorse.segments.axes import axes_from
from ecorse.segments.fit import KMeansModel
from ecorse.segments.model_files import (
    AXES,
    Array,
    check_arrays,
    read_files,
    shapes_of_axes,
    write_files,
)

FORMAT = 3


def dump_model(model: KMeansModel) -> dict[str, bytes]:
    """Write a model; the same model gives the same bytes."""
    projection = model.axes.projection
    arrays = {"centroids": model.centroids} | {name: getattr(projection, name) for name in AXES}
    facts: dict[str, Any] = {
        f.name: getattr(model, f.name) for f in fields(model) if f.name not in ("axes", "centroids")
    }
    return write_files(arrays, facts | model.axes.facts(), FORMAT)


def load_model(files: Mapping[str, bytes]) -> KMeansModel:
    """Read the files of a model.

    Raises
    ------
    ModelRejected
        Not such files, of another format, or with arrays that do not fit each other.
    """
    return read_files(files, FORMAT, (*AXES, "centroids"), _model)


def _model(facts: dict[str, Any], arrays: dict[str, Array]) -> KMeansModel:
    axes, k = len(arrays["components"]), len(arrays["centroids"])
    check_arrays(arrays, shapes_of_axes(len(facts["columns"]), axes) | {"centroids": (k, axes)})
    centroids = arrays.pop("centroids")
    return KMeansModel(axes_from(facts, arrays), centroids, **facts)
