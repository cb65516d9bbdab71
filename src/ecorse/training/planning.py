"""Which variant of a recommender fits into memory: asked before anything is fitted.

What belongs here: the limit, and the choice. What does not: what a recommender needs, which it
says itself (``Recommender.memory_needed``).
"""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecorse.errors import DataError
from ecorse.models.base import Recommender
from ecorse.models.declaration import Declaration
from ecorse.models.interactions import Shape
from ecorse.models.recommender_file import RecommenderFile
from ecorse.settings import get_settings

MB = 1 << 20
OF_CONTAINER = (  # control groups, version 2 and 1
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_limit() -> int:
    """Bytes that a model may take: the setting, else what the process, its container or the
    machine has."""
    if declared := get_settings().memory_limit:
        return declared * MB
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    own = resource.getrlimit(resource.RLIMIT_AS)[0]
    if own != resource.RLIM_INFINITY:
        found.append(own)
    # no such file: another system, or no container; "max": no limit
    told = (path.read_text().strip() for path in OF_CONTAINER if path.is_file())
    return min([*found, *(int(text) for text in told if text.isdecimal())])


def planned(declaration: Declaration, shape: Shape) -> Mapping[str, Any]:
    """The first parameters, the declared or a variant's, whose model fits into what is allowed.

    Raises
    ------
    DataError
        None fits.
    """
    file: RecommenderFile = declaration.file
    told = []
    for number, parameters in enumerate(variants(file)):
        model: Recommender = declaration.create(parameters)
        if not (need := beyond_limit(model, shape)):
            return parameters
        told.append(f"{'[parameters]' if not number else f'variant {number}'} {need}")
    raise DataError(
        f"{declaration.name}: fitting {shape.items:,} products of {shape.users:,} customers needs "
        f"{', '.join(told)}; {allowed() // MB:,} MB are allowed, half of ECORSE_MEMORY_LIMIT. "
        f"Raise it, or declare [[variants]] that need less in {declaration.path}."
    )


def allowed() -> int:
    """Bytes that one fit may take: half of the limit, the other half is for data and lists."""
    return memory_limit() // 2


def beyond_limit(model: Recommender, shape: Shape) -> str:
    """What a fit needs where that is more than allowed, in words; empty where it fits."""
    need = model.memory_needed(shape)
    return "" if need <= allowed() else f"{need // MB:,} MB"


def variants(file: RecommenderFile) -> list[Mapping[str, Any]]:
    """The declared parameters, then those of each variant laid over them."""
    return [file.parameters, *(_laid_over(file.parameters, v.parameters) for v in file.variants)]


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _laid_over(old, value) if both else value  # type: ignore[arg-type]
    return merged
