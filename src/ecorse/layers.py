"""Where a project's files are, and those that ship with Ecorse below them.

What belongs here: which folder is the project, and the rule by which its files lie over the shipped
ones. What does not: reading any file; only the standard library is imported.

A project is a folder with ``include/shops.toml``: a checkout is one, ``ecorse init`` makes others.
Everything else of ``include``, ``dags`` and ``plugins`` ships with the code: a project's file takes
the place of the shipped one of that name, a new name is added (docs/adr/0009).
"""

from __future__ import annotations

import os
from pathlib import Path

from ecorse.errors import ConfigError

MARKER = Path("include", "shops.toml")
_PACKAGE = Path(__file__).resolve().parent
# a wheel carries the files within the package; a checkout has them beside src
IS_CHECKOUT = not (_PACKAGE / "_project").is_dir()
SHIPPED_DIR = _PACKAGE.parents[1] if IS_CHECKOUT else _PACKAGE / "_project"


def is_project(folder: Path) -> bool:
    """Whether ``folder`` holds a project."""
    return (folder / MARKER).is_file()


def find_project(start: Path | None = None) -> Path | None:
    """Find the project that is meant in a folder: the nearest upwards, or the code's checkout.

    Parameters
    ----------
    start
        Where to begin; the working directory if it is not given.

    Returns
    -------
    Path or None
        The project's absolute folder; None if there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if is_project(folder):
            return folder
    return SHIPPED_DIR if IS_CHECKOUT else None


def default_project() -> Path:
    """Give the folder that ``ECORSE_PROJECT_DIR`` names, else the one that is found.

    Where there is none it is the working directory, so that reports can name it;
    ``require_project`` refuses to work there.
    """
    named = os.environ.get("ECORSE_PROJECT_DIR")
    return Path(named).resolve() if named else find_project() or Path.cwd()


def require_project(folder: Path) -> Path:
    """Give ``folder`` back if it is a project; for whatever would write into it.

    Raises
    ------
    ConfigError
        It is none: nothing has been made, and the message says how to make one.
    """
    if is_project(folder):
        return folder
    raise ConfigError(
        f"{folder} is no project: neither it nor a folder above it has {MARKER}. `ecorse init DIR` "
        "makes a project; inside one, or with ECORSE_PROJECT_DIR naming it, this will work."
    )


def layered(project: Path, pattern: str) -> list[Path]:
    """List the files of a pattern, the project's over the shipped ones, sorted by name.

    Parameters
    ----------
    project
        The project's folder.
    pattern
        Glob from the project's folder on, e.g. ``include/sql/marts/**/*.sql``. A shipped file is
        left out if the project has one of that name, in whichever folder of the pattern.
    """
    own = list(project.glob(pattern))
    if project != SHIPPED_DIR:
        names = {path.name for path in own}
        own += [path for path in SHIPPED_DIR.glob(pattern) if path.name not in names]
    return sorted(own, key=lambda path: (path.name, path))


def stacked(project: Path, file: str) -> list[Path]:
    """List one file in both layers, the shipped one first, where its entries are merged.

    ``file`` is a path from the project's folder on; a layer without it is left out.
    """
    layers = dict.fromkeys((SHIPPED_DIR, project))
    return [path for folder in layers if (path := folder / file).is_file()]


def missing_files(project: Path) -> list[str]:
    """List the DAGs and plugins that ship with Ecorse and have no file in the project.

    Airflow reads the project's folders alone, so these are files there too (``ecorse init``).
    """
    shipped = sorted((*SHIPPED_DIR.glob("dags/*.py"), *SHIPPED_DIR.glob("plugins/*.py")))
    files = [path.relative_to(SHIPPED_DIR) for path in shipped]
    return [str(file) for file in files if not (project / file).exists()]
