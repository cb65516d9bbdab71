"""The verbs of `ecorse db`: url, stop, init.

What belongs here: options and printing of these. What does not: the work (``ecorse.postgres``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from ecorse.cli.common import out, ready

commands = typer.Typer(no_args_is_help=True, help="The warehouse's database.")


@commands.command("url")
def db_url(role: Annotated[str, typer.Option(help="Log in as this role.")] = "ecorse_etl") -> None:
    """Print a libpq URL; the embedded Postgres is started if it is down."""
    from ecorse.postgres import database_url

    out(database_url(role))


@commands.command("stop")
def db_stop() -> None:
    """Stop the embedded Postgres."""
    from ecorse.postgres import embedded_postgres

    embedded_postgres().stop()


@commands.command("init")
def db_init() -> None:
    """Roles, database and schema on a Postgres of your own (compose's init job).

    Reads ECORSE_ADMIN_URL (a superuser, used here only), ECORSE_DATABASE_URL and the passwords
    ECORSE_BI_READER_PASSWORD, ECORSE_APP_READER_PASSWORD, ECORSE_AIRFLOW_PASSWORD.
    """
    from ecorse.postgres.external import initialise_server

    initialise_server()
    ready()
    out("The database is ready.")
