"""A Postgres of one's own: roles, databases and schemas, as ``ecorse db init`` makes them.

What belongs here: the one command that needs a superuser's URL. What does not: the embedded
server (``postgres``), which does the same at its start.
"""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ecorse.errors import ConfigError, StoreBusy
from ecorse.postgres import roles
from ecorse.postgres.address import database_url
from ecorse.settings import get_settings


def initialise_server() -> None:
    """Make the roles and databases on the server that ``ECORSE_ADMIN_URL`` names; repeatable.

    Raises
    ------
    ConfigError
        A setting is missing; the message names it.
    StoreBusy
        The server does not answer or refuses the log-in.
    """
    settings = get_settings()
    secrets = {
        "ECORSE_ADMIN_URL": settings.admin_url,
        "ECORSE_DATABASE_URL": settings.database_url,
        "ECORSE_BI_READER_PASSWORD": settings.bi_reader_password,
        "ECORSE_APP_READER_PASSWORD": settings.app_reader_password,
        "ECORSE_AIRFLOW_PASSWORD": settings.airflow_password,
    }
    if missing := [name for name, secret in secrets.items() if not secret.get_secret_value()]:
        raise ConfigError(f"`ecorse db init` needs {', '.join(missing)}. See .env.example.")
    etl_password = conninfo_to_dict(database_url(roles.ETL)).get("password")
    if not etl_password:
        raise ConfigError("ECORSE_DATABASE_URL has no password for ecorse_etl.")
    passwords = {
        roles.ETL: str(etl_password),
        "bi_reader": settings.bi_reader_password.get_secret_value(),
        "app_reader": settings.app_reader_password.get_secret_value(),
        roles.AIRFLOW: settings.airflow_password.get_secret_value(),
    }
    try:
        with psycopg.connect(settings.admin_url.get_secret_value(), autocommit=True) as admin:
            roles.create_roles(admin, passwords)
    except psycopg.OperationalError as error:
        raise StoreBusy(
            f"Cannot connect with ECORSE_ADMIN_URL: {str(error).strip()}. "
            "Is the server up, and is its password right?"
        ) from None
