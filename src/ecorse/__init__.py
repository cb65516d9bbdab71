"""Ecorse: sales exports in, a published night of marts, segments and recommendations out.

In a notebook: ``project = ecorse.open()``, ``night = project.night``, ``night["orders"]``;
``ecorse.clean(file, source)`` needs no database (docs/how-to/notebook.md). Nothing heavy is
imported before one of these names is used: DAG files import this package at every parse.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Night", "Project", "__version__", "clean", "open"]

# name → module and name there; their types are in __init__.pyi
_NAMES = {
    "Night": ("ecorse.night", "Night"),
    "Project": ("ecorse.notebook", "Project"),
    "clean": ("ecorse.ingest.one_file", "clean_file"),
    "open": ("ecorse.notebook", "open_project"),
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'ecorse' has no attribute {name!r}")
    module, attribute = _NAMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
