"""The DAGs and the plugin that the installed Ecorse ships, for the thin files of a project.

What belongs here: running one shipped file. What does not: what is in it (``dags``, ``plugins``).
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from ecorse.errors import ConfigError
from ecorse.layers import SHIPPED_DIR


def shipped_names(file: str) -> dict[str, Any]:
    """Run a shipped file and give its names, so that Airflow finds them in the file that asked.

    Parameters
    ----------
    file
        From the project's folder on, e.g. ``dags/ingest.py``.

    Raises
    ------
    ConfigError
        The installed Ecorse ships no such file (any more).
    """
    path = SHIPPED_DIR / file
    name = "ecorse_shipped_" + file.removesuffix(".py").replace("/", "_")
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(
            f"The installed Ecorse ships no {file}. Delete that file of the project, or write in "
            "it what it should do."
        )
    module = module_from_spec(spec)
    sys.modules[name] = module  # where annotations are looked up
    spec.loader.exec_module(module)
    return {key: value for key, value in vars(module).items() if not key.startswith("__")}
