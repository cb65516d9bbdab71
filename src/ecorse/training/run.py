"""The edge around the trained models: reads their inputs, runs them, writes what they give.

What belongs here: database and files on a model's behalf. What does not: any model.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import replace

import polars as pl
import psycopg

from ecorse.errors import ConfigError
from ecorse.failpoints import failpoint
from ecorse.models.base import Champion, ModelResult
from ecorse.models.declaration import Declaration
from ecorse.models.relation import TableSpec
from ecorse.provenance import __version__, git_sha, library_versions
from ecorse.refresh.builds import Step
from ecorse.refresh.catalog import Catalog
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.refresh.tables import create_model_table
from ecorse.training.artifacts import find_champion, store_artifact
from ecorse.warehouse.frames import read_frame

log = logging.getLogger(__name__)


def model_specs(catalog: Catalog) -> list[TableSpec]:
    """The tables that every declared model writes, each once (imports the models).

    A table that several models fill has the checks of all, named after the model too.

    Raises
    ------
    ConfigError
        Two models write one table that cannot be shared.
    """
    written: dict[str, list[tuple[Declaration, TableSpec]]] = defaultdict(list)
    for declaration in catalog.models.values():
        for spec in declaration.create().writes:
            written[spec.name].append((declaration, spec))
    return [_share(parts) for parts in written.values()]


def _share(parts: list[tuple[Declaration, TableSpec]]) -> TableSpec:
    """One table of the models that write it."""
    (_, first), *others = parts
    if not others:
        return first
    for declaration, spec in parts:
        if spec.writer_column is None or dict(spec.columns) != dict(first.columns):
            raise ConfigError(
                f"{declaration.path}: marts.{spec.name} is written by another model too. They can "
                "share it only with the same columns and a writer_column (TableSpec); otherwise "
                "give one of the tables another name."
            )
    checks = {
        f"{name}_{declaration.name}": check
        for declaration, spec in parts
        for name, check in spec.checks.items()
    }
    return replace(first, checks=checks)


def train(declaration: Declaration, step: Step) -> dict[str, int]:
    """Run one model for every shop of a build and write its tables, version and decision.

    Returns
    -------
    dict
        Rows written, by table.
    """
    conn, build_id = step.conn, step.build_id
    model = declaration.create()
    frames: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for shop_id, inputs in _inputs_by_shop(conn, declaration, build_id).items():
        champion, refused = find_champion(conn, shop_id, declaration.name)
        result = model.run(shop_id, inputs, champion)
        for table, frame in result.tables.items():
            frames[table].append(frame)
        _record(conn, declaration, build_id, shop_id, result, champion, refused)
        log.info("%s for %s: %s", declaration.name, shop_id, result.decision.outcome)
    failpoint("refresh.mid_model")
    return {
        spec.name: create_model_table(conn, spec, build_id, frames[spec.name])
        for spec in model.writes
    }


def _inputs_by_shop(
    conn: psycopg.Connection, declaration: Declaration, build_id: int
) -> dict[str, dict[str, pl.DataFrame]]:
    """The declared selects, run once for all shops and parted by shop."""
    resolve = resolver(build_id)
    parted: dict[str, dict[str, pl.DataFrame]] = defaultdict(dict)
    empty: dict[str, pl.DataFrame] = {}
    for name, query in declaration.inputs.items():
        frame = read_frame(conn, render(query, resolve, f"{declaration.path} input {name}"))
        empty[name] = frame.clear()
        for key, part in frame.partition_by("shop_id", as_dict=True).items():
            parted[str(key[0])][name] = part
    return {shop: {**empty, **parted[shop]} for shop in sorted(parted)}


def _record(
    conn: psycopg.Connection,
    declaration: Declaration,
    build_id: int,
    shop_id: str,
    result: ModelResult,
    champion: Champion | None,
    refused: str,
) -> None:
    sha256 = store_artifact(result.artifact) if result.artifact else None
    reason = f"{result.decision.reason} {refused}".strip()
    conn.execute(
        "delete from ops.model_version where build_id = %s and shop_id = %s and model = %s",
        (build_id, shop_id, declaration.name),
    )
    conn.execute(
        """
        insert into ops.model_version (build_id, shop_id, model, artifact_sha256, artifact_bytes,
            params, metrics, data_hash, seed, library_versions, ecorse_version, git_sha)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            build_id, shop_id, declaration.name, sha256, len(result.artifact),
            _json(result.params), _json(result.metrics), result.data_hash, result.seed,
            _json(library_versions()), __version__, git_sha(),
        ),
    )  # fmt: skip
    conn.execute(
        """
        insert into ops.model_decision (build_id, shop_id, model, outcome, reason, numbers,
            champion_version_id)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (build_id, shop_id, model) do update set
            outcome = excluded.outcome, reason = excluded.reason, numbers = excluded.numbers,
            champion_version_id = excluded.champion_version_id, decided_at = clock_timestamp()
        """,
        (
            build_id, shop_id, declaration.name, result.decision.outcome, reason,
            _json(result.decision.numbers), champion.model_version_id if champion else None,
        ),
    )  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, default=str, sort_keys=True, allow_nan=False)
