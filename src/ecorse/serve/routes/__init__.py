"""The routes, a file each: every module here with a ``router`` is part of the API.

What belongs here: the selects of each question and the form of its answer. What does not: keys,
snapshots, errors.
"""

from __future__ import annotations

import importlib
import pkgutil

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """The router of every module of this folder, by name."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").router for name in modules]
