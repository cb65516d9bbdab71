"""Ecorse: sales exports in, a published night of marts, segments and recommendations out.

In a notebook: ``project = ecorse.open()``, ``night = project.night``, ``night["orders"]``;
``ecorse.clean(file, source)`` needs no database (docs/how-to/notebook.md). Nothing heavy is
imported before one of these names is used: DAG files import this package at every parse.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from ecorse.memory import fit_in

fit_in()  # before any library of threads is imported

__version__ = "0.1.0"
__all__ = ["Night", "Project", "__version__", "clean", "open"]

# name → module and name there; their types are in __init__.pyi
_NAMES = {
    "Night": ("ecorse.night", "Night"),
    "Project": ("ecorse.notebook", "Project"),
    "open": ("ecorse.notebook", "open_project"),
}


def __getattr__(name: str) -> Any:
    if name == "clean":
        return import_module("ecorse.clean")
    if name not in _NAMES:
        raise AttributeError(f"module 'ecorse' has no attribute {name!r}")
    module, attribute = _NAMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Clean(ModuleType):
    """The room ``clean``, which is a verb too."""

    def __call__(self, file: Any, source: str, **whose: Any) -> Any:
        """Clean a file without a database: ``ecorse.ingest.one_file.clean_file``."""
        return import_module("ecorse.ingest.one_file").clean_file(file, source, **whose)


class _Ecorse(ModuleType):
    """This package; a submodule becomes its attribute, so the room is made a verb right then."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "clean":
            value.__class__ = _Clean
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Ecorse
