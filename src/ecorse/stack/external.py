"""Roles and databases on a Postgres of one's own: what compose's init job calls.

What belongs here: reading the passwords and calling ``roles.py``. What does not: schemas and
tables (``ecorse.warehouse.migrate``).
"""

import os
from urllib.parse import unquote, urlsplit

import psycopg

from ecorse.errors import ConfigError, StoreBusy
from ecorse.settings import get_settings
from ecorse.stack import roles

ADMIN_URL = "ECORSE_ADMIN_URL"
AIRFLOW_PASSWORD = "ECORSE_AIRFLOW_PASSWORD"  # noqa: S105 - the name of a variable


def initialise_server() -> None:
    """Make roles and databases on the server that ``ECORSE_ADMIN_URL`` names; safe to repeat.

    The warehouse's database and ecorse_etl's password come from ``ECORSE_DATABASE_URL``, the other
    passwords from ``ECORSE_BI_READER_PASSWORD``, ``ECORSE_APP_READER_PASSWORD`` and
    ``ECORSE_AIRFLOW_PASSWORD``.

    Raises
    ------
    ConfigError
        A variable is missing, or the names in ``ECORSE_DATABASE_URL`` are not Ecorse's.
    StoreBusy
        The server does not answer, or refuses the log-in.
    """
    admin_url = os.environ.get(ADMIN_URL, "")
    settings = get_settings()
    warehouse = urlsplit(settings.database_url.get_secret_value())
    passwords = {
        roles.ETL: unquote(warehouse.password or ""),
        "bi_reader": settings.bi_reader_password.get_secret_value(),
        "app_reader": settings.app_reader_password.get_secret_value(),
        roles.AIRFLOW: os.environ.get(AIRFLOW_PASSWORD, ""),
    }
    variables = {
        ADMIN_URL: admin_url,
        "ECORSE_DATABASE_URL": passwords[roles.ETL],
        "ECORSE_BI_READER_PASSWORD": passwords["bi_reader"],
        "ECORSE_APP_READER_PASSWORD": passwords["app_reader"],
        AIRFLOW_PASSWORD: passwords[roles.AIRFLOW],
    }
    missing = [name for name, value in variables.items() if not value]
    if missing:
        raise ConfigError(f"`ecorse db init` needs {', '.join(missing)}; see .env.example.")
    if (warehouse.username, warehouse.path) != (roles.ETL, f"/{roles.WAREHOUSE}"):
        raise ConfigError(
            f"ECORSE_DATABASE_URL must name the role {roles.ETL} and the database "
            f"{roles.WAREHOUSE}, which `ecorse db init` makes."
        )
    scheme, rest = admin_url.split("://", 1) if "://" in admin_url else ("", "")
    if not scheme.startswith("postgresql"):
        raise ConfigError(
            f"{ADMIN_URL} is not of the form postgresql://user:password@host:port/db."
        )
    try:
        with psycopg.connect(
            f"postgresql://{rest}", autocommit=True, connect_timeout=30
        ) as connection:
            roles.create_roles(connection, passwords)
    except psycopg.OperationalError as error:
        raise StoreBusy(f"Cannot set up the server of {ADMIN_URL}: {str(error).strip()}") from None
