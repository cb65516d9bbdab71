"""The graph of a night as the UI draws it: its groups, and only the edges that say something.

What belongs here: how steps are grouped and which a step waits for directly. What does not: the
order itself, which the catalogue derives from the SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecorse.refresh.catalog import Catalog


def upstream_steps(catalog: Catalog) -> dict[str, list[str]]:
    """For each step, in order, the steps it waits for and that no other of them waits for.

    A mart that reads ``orders`` and ``order_lines`` waits for ``orders`` alone, for that waits for
    ``order_lines`` already (transitive reduction): the order is the same, the graph readable.
    """
    ancestors: dict[str, set[str]] = {}
    direct: dict[str, list[str]] = {}
    for step in catalog.steps():
        upstream = {w.name for table in step.reads for w in catalog.writers_of(table)}
        implied = set().union(*(ancestors[name] for name in upstream))
        ancestors[step.name] = upstream | implied
        direct[step.name] = sorted(upstream - implied)
    return direct


def step_groups(catalog: Catalog) -> dict[str, str]:
    """For each step, in order, its group: ``marts``, then ``models``, ``marts_2``, ``models_2`` …

    A mart that reads what a model wrote cannot stand in one group with the marts that the model
    reads: the groups would wait for each other, and Airflow's UI answers such a graph with an
    error. So each change from mart to model, or back, along a step's way begins a later group.
    """
    stages: dict[str, int] = {}
    for step in catalog.steps():
        own = 1 if step.kind == "model" else 0  # marts have even stages, models odd ones
        before = [stages[w.name] for table in step.reads for w in catalog.writers_of(table)]
        stages[step.name] = max((s + (s % 2 != own) for s in before), default=own)
    groups = {}
    for name, stage in stages.items():
        kind = "models" if stage % 2 else "marts"
        groups[name] = kind if stage < 2 else f"{kind}_{stage // 2 + 1}"
    return groups
