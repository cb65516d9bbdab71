"""Bringing a database to the schema in ``include/sql/schema``.

What belongs here: running the numbered files in order; each is idempotent. What does not: roles
and databases, which need more rights than ``ecorse_etl`` has (``ecorse.stack``).
"""

from __future__ import annotations

import logging

from ecorse.errors import ConfigError
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

log = logging.getLogger(__name__)
MIGRATION_LOCK = 6032001


def migrate() -> int:
    """Run every file of ``include/sql/schema`` in one transaction; safe to repeat.

    Returns
    -------
    int
        How many files were run.

    Raises
    ------
    ConfigError
        The folder holds no schema file.
    """
    sql_dir = get_settings().sql_dir / "schema"
    files = sorted(sql_dir.glob("*.sql"))
    if not files:
        raise ConfigError(
            f"No schema files in {sql_dir}. ECORSE_PROJECT_DIR should name the folder that holds "
            "include/sql/schema."
        )
    with connect(application_name="ecorse migrate") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        for path in files:
            conn.execute(path.read_bytes())
            log.debug("ran %s", path.name)
    return len(files)
