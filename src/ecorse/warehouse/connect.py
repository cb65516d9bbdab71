"""Connections to the warehouse.

What belongs here: opening a connection as a role, and what a connection's error means to a person.
What does not: starting a server (``ecorse.postgres``), and any statement.
"""

from __future__ import annotations

import logging

import psycopg

from ecorse.errors import DiskFull, EcorseError, StoreBusy

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
    from ecorse.postgres import database_url

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


def explain(error: psycopg.Error) -> EcorseError:
    """Say what a database error means to whoever started the command, in one line.

    A full disk and a server that went away are told from a statement that was refused.
    """
    said = str(error.diag.message_primary or error).strip().partition("\n")[0]
    if isinstance(error, psycopg.errors.DiskFull):
        return DiskFull(
            f"The database's disk is full ({said}). What is published stays as it was. Free some "
            "space and run this again."
        )
    if isinstance(error, psycopg.OperationalError):
        return StoreBusy(
            f"The warehouse stopped answering ({said}). What is published stays as it was; run "
            "this again. `ecorse doctor` looks at each part."
        )
    return EcorseError(
        f"The warehouse refused a statement: {said} ({error.sqlstate}). What is published stays "
        "as it was. ECORSE_DEBUG=1 shows where this came from."
    )
