"""The graph of a night as the UI draws it: areas of marts and models, and what each waits for.

What belongs here: what a DAG file needs of the catalogue, without parsing SQL each time. What does
not: the order itself, which the catalogue derives from the SQL.

Airflow runs a DAG file again for every parse and every task. The catalogue costs most of a second,
so its graph is kept in ``<home>/cache`` for as long as no file of it has changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ecorse.atomic import replace_atomically
from ecorse.errors import DiskFull
from ecorse.provenance import __version__, git_sha
from ecorse.settings import Settings, get_settings

if TYPE_CHECKING:
    from ecorse.refresh.catalog import Catalog
    from ecorse.refresh.order import Area

log = logging.getLogger(__name__)
DECLARED = ("sql/marts/*/*.sql", "sql/checks/*.sql", "models/*.toml", "rules.toml")
SHARED = ("sql/marts/_columns.toml", "sql/measures.toml")


@dataclass(frozen=True)
class Node:
    """One task of a night: an area of marts or a model, its steps, what it waits for, its doc."""

    name: str
    kind: str
    steps: int
    needs: tuple[str, ...]
    doc: str


def night_graph(settings: Settings | None = None) -> list[Node]:
    """The tasks of a night, each after those it waits for.

    Raises
    ------
    ConfigError
        A mart or model is declared wrongly.
    """
    settings = settings or get_settings()
    state = _state(settings)
    path = settings.home / "cache" / "night_graph.json"
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept["state"] == state:
            return [Node(**{**node, "needs": tuple(node["needs"])}) for node in kept["nodes"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet, or of another version: it is made again
    from ecorse.refresh.catalog import load_catalog

    catalog = load_catalog(settings)
    nodes = [
        Node(area.name, area.kind, len(area.steps), area.needs, area_doc(catalog, area))
        for area in catalog.areas()
    ]
    if not settings.home.is_dir():  # whoever only looks makes nothing
        return nodes
    try:
        path.parent.mkdir(exist_ok=True)
        kept = {"state": state, "nodes": [asdict(node) for node in nodes]}
        with replace_atomically(path) as file:
            file.write(json.dumps(kept).encode())
    except (OSError, DiskFull) as error:
        log.warning("the graph of the night cannot be kept in %s: %s", path, error)
    return nodes


def _state(settings: Settings) -> str:
    """What changes when a file is changed, added or removed, or another Ecorse is installed."""
    files = [path for pattern in DECLARED for path in settings.files(pattern)]
    files += [path for file in SHARED for path in settings.stack(file)]
    stats = [(path, path.stat()) for path in files]
    told = [f"{path} {stat.st_mtime_ns} {stat.st_size}" for path, stat in stats]
    return hashlib.sha256("\n".join([__version__, git_sha(), *told]).encode()).hexdigest()


def area_doc(catalog: Catalog, area: Area) -> str:
    """Markdown for one area: what its steps make, and what one row of each stands for."""
    if area.kind == "model":
        (step,) = area.steps
        tables = ", ".join(f"`marts.{table}`" for table in step.writes)
        return (
            f"Trains `{catalog.models[step.name].file.model.class_}` and writes {tables}.\n\n"
            f"Its declaration: `include/models/{step.name}.toml`"
        )
    lines = [f"Makes {len(area.steps)} marts, one after the other; `ops.build_step` has each.\n"]
    for step in area.steps:
        mart = catalog.marts[step.name]
        lines.append(f"- **{mart.name}**: {mart.about} (`{mart.file}`)")
    return "\n".join(lines)
