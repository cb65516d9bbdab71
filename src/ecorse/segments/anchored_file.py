"""What a density or tree clustering keeps: its axes, its anchors and what it learnt.

What belongs here: the fitted model, to files and back. What does not: the files themselves
(``model_files``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecorse.segments.anchors import Anchors
from ecorse.segments.axes import Axes, axes_from
from ecorse.segments.model_files import (
    AXES,
    Array,
    check_arrays,
    read_files,
    shapes_of_axes,
    write_files,
)

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
    """Write a model; the same model gives the same bytes."""
    learnt, projection = model.learnt, model.axes.projection
    arrays = {name: getattr(projection, name) for name in AXES}
    arrays |= {name: getattr(learnt.anchors, name) for name in ANCHORS}
    facts = {
        **model.axes.facts(),
        "rows_selected": model.rows_selected,
        "noise_share": model.noise_share,
        "tables": learnt.tables,
        "figures": learnt.figures,
        "why_degenerate": learnt.why_degenerate,
    }
    return write_files(arrays, facts, FORMAT)


def load_model(files: Mapping[str, bytes]) -> AnchoredModel:
    """Read the files of a model.

    Raises
    ------
    ModelRejected
        Not such files, of another format, or with arrays that do not fit each other.
    """
    return read_files(files, FORMAT, (*AXES, *ANCHORS), _model)


def _model(facts: dict[str, Any], arrays: dict[str, Array]) -> AnchoredModel:
    axes, m = len(arrays["components"]), len(arrays["points"])
    shapes = shapes_of_axes(len(facts["columns"]), axes)
    shapes |= {"points": (m, axes), "labels": (m,), "reach": (m,)}
    check_arrays(arrays, shapes, whole=("labels",), endless=("reach",))
    anchors = Anchors(*(arrays.pop(name) for name in ANCHORS))
    own = {name: facts.pop(name) for name in ("tables", "figures", "why_degenerate")}
    return AnchoredModel(axes_from(facts, arrays), Learnt(anchors, **own), **facts)
