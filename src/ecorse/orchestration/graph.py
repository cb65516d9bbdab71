"""The graph of a night as the UI draws it: only the edges that say something.

What belongs here: which steps a step waits for directly. What does not: the order itself, which
the catalogue derives from the SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecorse.warehouse.catalog import Catalog


def direct_upstream(catalog: Catalog) -> dict[str, list[str]]:
    """For each step, in order, the steps it waits for and that no other of them waits for.

    A mart that reads ``orders`` and ``order_lines`` waits for ``orders`` alone, for that waits for
    ``order_lines`` already (transitive reduction): the order is the same, the graph readable.
    """
    ancestors: dict[str, set[str]] = {}
    direct: dict[str, list[str]] = {}
    for step in catalog.steps():
        upstream = {catalog.writer_of(table).name for table in step.reads}
        implied = set().union(*(ancestors[name] for name in upstream))
        ancestors[step.name] = upstream | implied
        direct[step.name] = sorted(upstream - implied)
    return direct
