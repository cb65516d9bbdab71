"""What a density or tree clustering keeps, and its files: arrays as npz and facts as JSON.

What belongs here: the fitted model, its bytes and back, how damaged ones are refused. What does
not: where the bytes are kept.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ecorse.errors import ModelRejected
from ecorse.segments.anchors import Anchors
from ecorse.segments.axes import Axes, axes_from
from ecorse.segments.kmeans_file import ARRAYS, AXES, FACTS, NEXT_STEP

FORMAT = 1
ANCHORS = ("points", "labels", "reach")
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Learnt:
    """What ``learn`` found on a sample: anchors, rows of its own tables, figures of the choice.

    ``why_degenerate`` is empty where there was something to choose from.
    """

    anchors: Anchors
    tables: Mapping[str, Rows]
    figures: Mapping[str, Any] = field(default_factory=dict)
    why_degenerate: str = ""


@dataclass(frozen=True)
class AnchoredModel:
    """A fitted model, as it is kept: ``noise_share`` and ``rows_selected`` of its first night."""

    axes: Axes
    learnt: Learnt
    rows_selected: int
    noise_share: float


def dump_model(model: AnchoredModel) -> dict[str, bytes]:
    """Write a model as arrays, which hold no code, and JSON; the same model, the same bytes."""
    learnt, projection = model.learnt, model.axes.projection
    buffer = io.BytesIO()
    np.savez(
        buffer,
        **{name: getattr(projection, name) for name in AXES},
        **{name: getattr(learnt.anchors, name) for name in ANCHORS},
    )
    facts = {
        "format": FORMAT,
        **model.axes.facts(),
        "rows_selected": model.rows_selected,
        "noise_share": model.noise_share,
        "tables": learnt.tables,
        "figures": learnt.figures,
        "why_degenerate": learnt.why_degenerate,
    }
    return {ARRAYS: buffer.getvalue(), FACTS: json.dumps(facts, sort_keys=True).encode()}


def load_model(files: Mapping[str, bytes]) -> AnchoredModel:
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
            arrays = {name: archive[name] for name in (*AXES, *ANCHORS)}
        _check_shapes(arrays, len(facts["columns"]))
        anchors = Anchors(*(arrays.pop(name) for name in ANCHORS))
        axes = axes_from(facts, arrays)
        own = {name: facts.pop(name) for name in ("tables", "figures", "why_degenerate")}
        return AnchoredModel(axes, Learnt(anchors, **own), **facts)
    except ModelRejected:
        raise
    except Exception as error:  # any bytes may come here; zipfile, json and numpy raise many kinds
        raise ModelRejected(
            f"Model file refused: it cannot be read ({error!r}). {NEXT_STEP}"
        ) from None


def _check_shapes(arrays: Mapping[str, Any], columns: int) -> None:
    axes, m = len(arrays["components"]), len(arrays["points"])
    expected = {
        "means": (columns,),
        "factors": (columns,),
        "components": (axes, columns),
        "variance_shares": (axes,),
        "points": (m, axes),
        "labels": (m,),
        "reach": (m,),
    }
    for name, shape in expected.items():
        array = arrays[name]
        kind = np.int64 if name == "labels" else np.float64
        is_number = name == "reach" or np.isfinite(array).all()  # a reach may have no end
        if array.shape != shape or array.dtype != kind or not is_number:
            raise ModelRejected(
                f"Model file refused: {name} is {array.dtype} {array.shape}; expected finite "
                f"{np.dtype(kind).name} {shape}. {NEXT_STEP}"
            )
