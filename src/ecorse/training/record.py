"""What is written down about a model of a shop: its version, and what was decided about it.

What belongs here: rows of ``ops.model_version`` and ``ops.model_decision``. What does not: rows of
``marts`` (``run``), the model's file (``artifacts``).
"""

from __future__ import annotations

import json

import psycopg

from ecorse.models.base import Champion, Decision, ModelResult
from ecorse.models.declaration import Declaration
from ecorse.provenance import __version__, git_sha, library_versions


def record_version(
    conn: psycopg.Connection,
    declaration: Declaration,
    build_id: int,
    shop_id: str,
    result: ModelResult,
    sha256: str | None,
) -> None:
    """Write down what was trained, in place of an earlier try; ``sha256`` is its file's."""
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


def record_decision(
    conn: psycopg.Connection,
    declaration: Declaration,
    build_id: int,
    shop_id: str,
    decision: Decision,
    champion: Champion | None,
) -> None:
    """Write down what was decided, beside which champion, in place of an earlier try."""
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
            build_id, shop_id, declaration.name, decision.outcome, decision.reason,
            _json(decision.numbers), champion.model_version_id if champion else None,
        ),
    )  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, default=str, sort_keys=True, allow_nan=False)
