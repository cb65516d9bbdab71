"""The warehouse's address: the configured one, or the embedded server's.

What belongs here: URLs, and which server is the project's. What does not: connections
(``ecorse.warehouse.connect``).
"""

from urllib.parse import quote, urlsplit, urlunsplit

from ecorse.errors import ConfigError
from ecorse.layers import require_project
from ecorse.postgres import roles
from ecorse.postgres.server import EmbeddedPostgres
from ecorse.settings import get_settings


def embedded_postgres() -> EmbeddedPostgres:
    """Give the embedded server of this project, running or not.

    Raises
    ------
    ConfigError
        The working directory is in no project, so there is no place for a server.
    """
    settings = get_settings()
    require_project(settings.project_dir)
    return EmbeddedPostgres(settings.home, settings.postgres_port)


def database_url(role: str = roles.ETL, driver: str = "postgresql") -> str:
    """Give the warehouse's URL for a role: the configured one, or the embedded server's.

    The embedded server is started if it is down.

    Parameters
    ----------
    role : str
        ``ecorse_etl``, ``bi_reader`` or ``app_reader``.
    driver : str
        The URL's scheme: ``postgresql`` for libpq, ``postgresql+psycopg`` for SQLAlchemy.

    Raises
    ------
    ConfigError
        There is no such role, or no project; ``ECORSE_DATABASE_URL`` is no URL, or the reader's
        password is not set beside it.
    """
    if role not in (roles.ETL, *roles.READERS):
        raise ConfigError(
            f"There is no role {role!r}; there are {', '.join((roles.ETL, *roles.READERS))}."
        )
    settings = get_settings()
    require_project(settings.project_dir)
    configured = settings.database_url.get_secret_value()
    if not configured:
        server = embedded_postgres()
        server.start()
        return server.url(role, driver=driver)
    parts = urlsplit(configured)
    if not parts.scheme.startswith("postgresql") or not parts.hostname:
        raise ConfigError(
            "ECORSE_DATABASE_URL is not of the form postgresql+psycopg://user:password@host:port/db."
        )
    login = parts.netloc
    if role != roles.ETL:
        password = {
            "bi_reader": settings.bi_reader_password,
            "app_reader": settings.app_reader_password,
        }[role].get_secret_value()
        if not password:
            raise ConfigError(
                f"ECORSE_DATABASE_URL is set, so the password of {role} must be in "
                f"ECORSE_{role.upper()}_PASSWORD."
            )
        login = f"{role}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit((driver, login, parts.path, parts.query, ""))
