"""Connections to the warehouse.

What belongs here: opening a connection as a role. What does not: starting a server
(``ecorse.stack``), and any statement.
"""

from __future__ import annotations

import logging

import psycopg

from ecorse.errors import StoreBusy

log = logging.getLogger(__name__)


def connect(
    role: str = "ecorse_etl", *, autocommit: bool = False, application_name: str = "ecorse"
) -> psycopg.Connection:
    """Open a connection to the warehouse as ``role``; the embedded Postgres is started if down.

    The session's time zone is UTC, so that no result depends on where a process runs.

    Raises
    ------
    StoreBusy
        The server does not answer or refuses the log-in; the message names host and role only.
    """
    from ecorse.stack import database_url

    url = database_url(role)
    try:
        return psycopg.connect(
            url,
            autocommit=autocommit,
            application_name=application_name,
            connect_timeout=10,
            options="-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres",
        )
    except psycopg.OperationalError as error:
        info = psycopg.conninfo.conninfo_to_dict(url)
        # libpq's text names host, port and role, never the password
        raise StoreBusy(
            f"Cannot connect to the warehouse at {info.get('host')}:{info.get('port')} as {role}: "
            f"{str(error).strip()}. Is the server up, and are ECORSE_DATABASE_URL and the "
            "password right? `ecorse doctor` looks at each part."
        ) from None
