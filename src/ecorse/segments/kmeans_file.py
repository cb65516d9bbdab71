"""The files of PCA + k-means: arrays as npz and facts as JSON; how they are refused.

What belongs here: bytes to model and back. What does not: where the bytes are kept.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ecorse.errors import ModelRejected
from ecorse.features.blocks import Floats
from ecorse.segments.axes import axes_from
from ecorse.segments.fit import KMeansModel
from ecorse.segments.projection import Projection

FORMAT = 3
ARRAYS, FACTS = "arrays.npz", "facts.json"
AXES = tuple(field.name for field in fields(Projection))
NEXT_STEP = (
    "The last published night stays; restore the file from a backup, or raise generation in the "
    "model's declaration to train anew."
)


def dump_model(model: KMeansModel) -> dict[str, bytes]:
    """Write a model as arrays, which hold no code, and JSON; the same model gives the same bytes.

    No library's version is in it: a file outlives an upgrade of any of them.
    """
    arrays = {name: getattr(model.axes.projection, name) for name in AXES}
    buffer = io.BytesIO()
    np.savez(buffer, centroids=model.centroids, **arrays)
    facts: dict[str, Any] = {
        f.name: getattr(model, f.name) for f in fields(model) if f.name not in ("axes", "centroids")
    }
    facts |= model.axes.facts() | {"format": FORMAT}
    return {ARRAYS: buffer.getvalue(), FACTS: json.dumps(facts, sort_keys=True).encode()}


def load_model(files: Mapping[str, bytes]) -> KMeansModel:
    """Read files whose sha256 was checked; the format is compared before arrays are read.

    Raises
    ------
    ModelRejected
        Not such files, of another format, or with arrays that do not fit each other.
    """
    try:
        facts = json.loads(files[FACTS])
        written = facts.pop("format")
        if written != FORMAT:
            raise ModelRejected(
                f"Model file refused: format {written}, this reads {FORMAT}. {NEXT_STEP}"
            )
        with np.load(io.BytesIO(files[ARRAYS]), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in (*AXES, "centroids")}
        _check_shapes(arrays, len(facts["columns"]))
        centroids = arrays.pop("centroids")
        return KMeansModel(axes_from(facts, arrays), centroids, **facts)
    except ModelRejected:
        raise
    except Exception as error:  # any bytes may come here; zipfile, json and numpy raise many kinds
        raise ModelRejected(
            f"Model file refused: it cannot be read ({error!r}). {NEXT_STEP}"
        ) from None


def _check_shapes(arrays: Mapping[str, Floats], columns: int) -> None:
    axes, k = len(arrays["components"]), len(arrays["centroids"])
    expected = {
        "means": (columns,),
        "factors": (columns,),
        "components": (axes, columns),
        "variance_shares": (axes,),
        "centroids": (k, axes),
    }
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ModelRejected(
                f"Model file refused: {name} is {array.dtype} {array.shape}; expected finite "
                f"float64 {shape}. {NEXT_STEP}"
            )
