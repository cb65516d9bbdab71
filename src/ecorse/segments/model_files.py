"""The files of a fitted segmentation: arrays as npz and facts as JSON; how they are refused.

What belongs here: what all of them share. What does not: which arrays and facts a model has
(``kmeans_file``, ``anchored_file``), where the bytes are kept.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ecorse.errors import ModelRejected
from ecorse.segments.projection import Projection

Array = npt.NDArray[Any]
Model = TypeVar("Model")
ARRAYS, FACTS = "arrays.npz", "facts.json"
AXES = tuple(field.name for field in fields(Projection))
NEXT_STEP = (
    "The last published night stays; restore the file from a backup, or raise generation in the "
    "model's declaration to train anew."
)


def write_files(
    arrays: Mapping[str, Array], facts: Mapping[str, Any], written: int
) -> dict[str, bytes]:
    """Arrays, which hold no code, and JSON; the same model gives the same bytes.

    No library's version is in it: a file outlives an upgrade of any of them. ``written`` is the
    number of the format.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **dict[str, Any](arrays))
    text = json.dumps({**facts, "format": written}, sort_keys=True)
    return {ARRAYS: buffer.getvalue(), FACTS: text.encode()}


def read_files(
    files: Mapping[str, bytes],
    written: int,
    names: Collection[str],
    make: Callable[[dict[str, Any], dict[str, Array]], Model],
) -> Model:
    """Read files whose sha256 was checked; the format is compared before arrays are read.

    Parameters
    ----------
    names
        The arrays to read.
    make
        The model of facts and arrays, which it checks (``check_arrays``).

    Raises
    ------
    ModelRejected
        Not such files, of another format, or with arrays that do not fit each other.
    """
    try:
        facts = json.loads(files[FACTS])
        if (found := facts.pop("format")) != written:
            raise ModelRejected(
                f"Model file refused: format {found}, this reads {written}. {NEXT_STEP}"
            )
        with np.load(io.BytesIO(files[ARRAYS]), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names}
        return make(facts, arrays)
    except ModelRejected:
        raise
    except Exception as error:  # any bytes may come here; zipfile, json and numpy raise many kinds
        raise ModelRejected(
            f"Model file refused: it cannot be read ({error!r}). {NEXT_STEP}"
        ) from None


def shapes_of_axes(columns: int, axes: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a projection's arrays."""
    return {
        "means": (columns,),
        "factors": (columns,),
        "components": (axes, columns),
        "variance_shares": (axes,),
    }


def check_arrays(
    arrays: Mapping[str, Array],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    whole: Collection[str] = (),
    endless: Collection[str] = (),
) -> None:
    """Refuse arrays of another shape or type: finite numbers, whole ones where it is said.

    ``endless`` may hold what has no end.

    Raises
    ------
    ModelRejected
        One is otherwise.
    """
    for name, shape in shapes.items():
        array = arrays[name]
        kind = np.dtype(np.int64 if name in whole else np.float64)
        is_number = name in endless or bool(np.isfinite(array).all())
        if array.shape != shape or array.dtype != kind or not is_number:
            raise ModelRejected(
                f"Model file refused: {name} is {array.dtype} {array.shape}; expected finite "
                f"{kind.name} {shape}. {NEXT_STEP}"
            )
