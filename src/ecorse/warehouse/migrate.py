"""Bringing a database to the schema in ``include/sql/schema``.

What belongs here: running the numbered files in order; each is idempotent. What does not: roles
and databases, which need more rights than ``ecorse_etl`` has (``ecorse.stack``).
"""

from __future__ import annotations

import hashlib
import logging

import psycopg

from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

log = logging.getLogger(__name__)
MIGRATION_LOCK = 6032001


def migrate() -> int:
    """Run every file of ``include/sql/schema`` in one transaction, if any has changed.

    Most commands begin with this; so a database that is up to date is left alone, for even
    repeating a definition would wait for whoever is reading.

    Returns
    -------
    int
        How many files were run; 0 if the database is up to date.
    """
    files = get_settings().files("sql/schema/*.sql")
    statements = [path.read_bytes() for path in files]
    fingerprint = hashlib.sha256(b"\0".join(statements)).hexdigest()
    with connect(application_name="ecorse migrate") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        if _fingerprint(conn) == fingerprint:
            return 0
        for path, statement in zip(files, statements, strict=True):
            conn.execute(statement)
            log.debug("ran %s", path.name)
        conn.execute("delete from ops.schema_version")
        conn.execute("insert into ops.schema_version (fingerprint) values (%s)", (fingerprint,))
    return len(files)


def _fingerprint(conn: psycopg.Connection) -> str | None:
    """What the database's schema was made from; none where there is no schema yet."""
    if conn.execute("select to_regclass('ops.schema_version')").fetchone() == (None,):
        return None
    row = conn.execute("select fingerprint from ops.schema_version").fetchone()
    return row[0] if row else None
