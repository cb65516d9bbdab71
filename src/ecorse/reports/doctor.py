"""Looking at each part that a night needs, before the night does.

What belongs here: quick looks that change nothing lasting. What does not: mending.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass

from ecorse.errors import EcorseError
from ecorse.settings import get_settings

ENOUGH_DISK = 2 << 30


@dataclass(frozen=True)
class Finding:
    """What was found about one part."""

    part: str
    is_ok: bool
    sentence: str


def examine() -> list[Finding]:
    """Look at every part; one that cannot be looked at is a finding, not an error."""
    return [_look(part, look) for part, look in LOOKS.items()]


def _look(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, look())
    except (EcorseError, OSError) as error:
        return Finding(part, False, str(error))


def _settings() -> str:
    settings = get_settings()
    where = "your own server" if settings.database_url.get_secret_value() else "embedded"
    return f"project {settings.project_dir}, home {settings.home}, Postgres {where}"


def _home() -> str:
    home = get_settings().home
    home.mkdir(parents=True, exist_ok=True)
    if not os.access(home, os.W_OK):
        raise PermissionError(
            f"{home} cannot be written. Give this user the right, or set ECORSE_HOME."
        )
    free = shutil.disk_usage(home).free
    if free < ENOUGH_DISK:
        raise OSError(
            f"{home} has {free >> 20:,} MiB free, and {ENOUGH_DISK >> 20:,} MiB are advised. "
            "Free some space, lower ECORSE_KEEP_BUILDS, or set ECORSE_HOME to another disk."
        )
    return f"{home} is writable, {free >> 30:,} GiB free"


def _shops() -> str:
    from ecorse.ingest.shops import load_shops

    shops = load_shops(get_settings())
    return f"{len(shops)} configured: {', '.join(shop.shop_id for shop in shops)}"


def _catalog() -> str:
    from ecorse.refresh.catalog import load_catalog

    catalog = load_catalog()
    return f"{len(catalog.marts)} marts and {len(catalog.models)} models, no cycle"


def _database() -> str:
    from ecorse.warehouse.connect import connect

    with connect(application_name="ecorse doctor") as conn:
        row = conn.execute(
            "select current_setting('server_version'), rolsuper, "
            "(select count(*) from ops.load where superseded_at is null), "
            "(select build_id from ops.current_build) from pg_roles where rolname = current_user"
            if _has_schema(conn)
            else "select current_setting('server_version'), rolsuper, null, null "
            "from pg_roles where rolname = current_user"
        ).fetchone()
    assert row is not None
    version, is_superuser, loads, build_id = row
    if is_superuser:
        raise PermissionError(
            "ECORSE_DATABASE_URL logs in as a superuser; use the role ecorse_etl "
            "(`ecorse db init` makes it)."
        )
    if loads is None:
        return f"Postgres {version}, no schema yet: the first run makes it"
    return f"Postgres {version}, {loads} loads, published build {build_id or 'none'}"


def _has_schema(conn: object) -> bool:
    import psycopg

    assert isinstance(conn, psycopg.Connection)
    return conn.execute("select to_regclass('ops.current_build')").fetchone() != (None,)


def _airflow_port() -> str:
    port = get_settings().airflow_port
    with socket.socket() as probe:
        probe.settimeout(1)
        in_use = probe.connect_ex(("127.0.0.1", port)) == 0
    state = "answering (Airflow is up, or another program)" if in_use else "free"
    return f"127.0.0.1:{port} is {state}"


LOOKS: dict[str, Callable[[], str]] = {
    "settings": _settings,
    "home": _home,
    "shops": _shops,
    "marts and models": _catalog,
    "database": _database,
    "Airflow port": _airflow_port,
}
