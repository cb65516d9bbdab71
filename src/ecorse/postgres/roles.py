"""Roles and databases: who may log in, and to what.

What belongs here: the set-up that needs a superuser, for the embedded Postgres and for any other
(``ecorse db init``). What does not: schemas, tables and their grants, which ecorse_etl owns
(``include/sql/schema``).
"""

from collections.abc import Mapping

from psycopg import Connection, sql

ETL = "ecorse_etl"
READERS = ("bi_reader", "app_reader")
AIRFLOW = "airflow"
ROLES = (ETL, *READERS, AIRFLOW)
WAREHOUSE = "ecorse"
DATABASES = {WAREHOUSE: ETL, AIRFLOW: AIRFLOW}

_PLAIN = "login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit"


def create_roles(admin: Connection, passwords: Mapping[str, str]) -> None:
    """Make the four roles and the two databases, or bring them back to what they should be.

    Safe to repeat. The server gets SCRAM verifiers only: no password can reach its log.

    Parameters
    ----------
    admin : Connection
        A superuser's connection in autocommit mode.
    passwords : mapping of str to str
        The password of each name in ``ROLES``.
    """
    for role in ROLES:
        exists = admin.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
        verifier = admin.pgconn.encrypt_password(
            passwords[role].encode(), role.encode(), b"scram-sha-256"
        ).decode()
        admin.execute(
            sql.SQL("{verb} role {role} with {rights} password {password}").format(
                verb=sql.SQL("alter" if exists else "create"),
                role=sql.Identifier(role),
                rights=sql.SQL(_PLAIN),
                password=sql.Literal(verifier),
            )
        )
    for role in READERS:  # comfort; the boundary is what is granted
        for setting in (
            "default_transaction_read_only = on",
            "statement_timeout = '60s'",
        ):
            admin.execute(
                sql.SQL("alter role {} set {}").format(sql.Identifier(role), sql.SQL(setting))
            )
    for database, owner in DATABASES.items():
        create_database(admin, database, owner)


def create_database(
    admin: Connection, name: str, owner: str = ETL, template: str | None = None
) -> None:
    """Make a database unless it exists, and let in only its owner and, to a warehouse, the readers.

    Parameters
    ----------
    admin : Connection
        A superuser's connection in autocommit mode.
    name, owner : str
        The database and the role that owns it.
    template : str, optional
        A database to copy; nobody may be connected to it.
    """
    database = sql.Identifier(name)
    if not admin.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
        create = sql.SQL("create database {} owner {}").format(database, sql.Identifier(owner))
        if template:
            create += sql.SQL(" template {}").format(sql.Identifier(template))
        else:
            # text sorts alike on every server, so that ties are broken alike; since Postgres 17
            create += sql.SQL(
                " template template0 encoding utf8 locale_provider builtin builtin_locale 'C.UTF-8'"
            )
        admin.execute(create)
    admin.execute(sql.SQL("revoke all on database {} from public").format(database))
    if owner == ETL:
        readers = sql.SQL(", ").join(map(sql.Identifier, READERS))
        admin.execute(sql.SQL("grant connect on database {} to {}").format(database, readers))
