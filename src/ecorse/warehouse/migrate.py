"""Bringing a database to today's schema: ``include/sql/schema`` and the tables of staging.

What belongs here: the order of the steps; each is repeatable. What does not: the tables of staging
(``warehouse.rebuild``); roles and databases, which need more rights than ``ecorse_etl`` has
(``ecorse.postgres``).
"""

from __future__ import annotations

import hashlib
import logging

import psycopg

from ecorse.schema import ddl
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from ecorse.warehouse.rebuild import copy_outdated, put_in_place

log = logging.getLogger(__name__)
MIGRATION_LOCK = 6032001


def migrate() -> int:
    """Run every file of ``include/sql/schema`` and bring staging to its form, in one transaction.

    Most commands begin with this; so a database that is up to date is left alone, for even
    repeating a definition would wait for whoever is reading. What takes long comes first: from
    the files on, readers may have to wait.

    Returns
    -------
    int
        How many files were run; 0 if the database is up to date.

    Raises
    ------
    ConfigError
        A table of staging cannot be brought to its form.
    StoreBusy
        Somebody is loading or reading; trying again later helps.
    """
    files = get_settings().files("sql/schema/*.sql")
    statements = [path.read_bytes() for path in files]
    text = (*statements, ddl.as_text().encode())
    fingerprint = hashlib.sha256(b"\0".join(text)).hexdigest()
    with connect(application_name="ecorse migrate") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        if _fingerprint(conn) == fingerprint:
            return 0
        made = copy_outdated(conn)
        for path, statement in zip(files, statements, strict=True):
            conn.execute(statement)
            log.debug("ran %s", path.name)
        put_in_place(conn, made)
        conn.execute("delete from ops.schema_version")
        conn.execute("insert into ops.schema_version (fingerprint) values (%s)", (fingerprint,))
    return len(files)


def _fingerprint(conn: psycopg.Connection) -> str | None:
    """What the database's schema was made from; none where there is no schema yet."""
    if conn.execute("select to_regclass('ops.schema_version')").fetchone() == (None,):
        return None
    row = conn.execute("select fingerprint from ops.schema_version").fetchone()
    return row[0] if row else None
