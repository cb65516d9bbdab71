"""Looking at each part that a night needs, before the night does.

What belongs here: quick looks that change nothing lasting. What does not: mending.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ecorse import __version__
from ecorse.errors import ConfigError, EcorseError
from ecorse.layers import SHIPPED_DIR, missing_files, require_project
from ecorse.postgres import embedded_postgres
from ecorse.settings import get_settings

ENOUGH_DISK = 2 << 30


@dataclass(frozen=True)
class Finding:
    """What was found about one part."""

    part: str
    is_ok: bool
    sentence: str


def examine() -> list[Finding]:
    """Look at every part; one that cannot be looked at is a finding, not an error.

    Nothing is made, and a server that was down is down afterwards. Where a setting is wrong, or
    there is no project, that is the only finding: every other part belongs to one.
    """
    settings = _look("settings", LOOKS["settings"])
    if not settings.is_ok:
        return [settings]
    project = _look("project", LOOKS["project"])
    if not project.is_ok:
        return [project]
    return [project, *(_look(part, look) for part, look in LOOKS.items() if part != "project")]


def _look(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, look())
    except (EcorseError, OSError) as error:
        return Finding(part, False, str(error))


def _project() -> str:
    return f"{require_project(get_settings().project_dir)}, Ecorse {__version__}"


def _settings() -> str:
    settings = get_settings()
    where = "your own server" if settings.database_url.get_secret_value() else "embedded"
    return f"home {settings.home}, Postgres {where}, shops in {settings.shops_file}"


def _home() -> str:
    home = get_settings().home
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f"{place} cannot be written. Give this user the right, or set ECORSE_HOME."
        )
    free = shutil.disk_usage(place).free
    if free < ENOUGH_DISK:
        raise OSError(
            f"{place} has {free >> 20:,} MiB free, and {ENOUGH_DISK >> 20:,} MiB are advised. "
            "Free some space, lower ECORSE_KEEP_BUILDS, or set ECORSE_HOME to another disk."
        )
    made = "is writable" if place == home else "is not there yet: the first run makes it"
    return f"{home} {made}, {free >> 30:,} GiB free"


def _shops() -> str:
    from ecorse.ingest.shops import load_shops

    shops = load_shops(get_settings())
    return f"{len(shops)} configured: {', '.join(shop.shop_id for shop in shops)}"


def _sources() -> str:
    from ecorse.sources import get_source, source_names

    return _some([get_source(name).name for name in source_names()], "sources", "include/sources")


def _marts() -> str:
    from ecorse.refresh.catalog import load_catalog

    return _some(load_catalog().marts, "marts", "include/sql/marts")


def _models() -> str:
    from ecorse.refresh.catalog import load_catalog
    from ecorse.training.run import check_models

    catalog = load_catalog()
    check_models(catalog)
    return _some(catalog.models, "models", "include/models")


def _some(found: Collection[str], what: str, folder: str) -> str:
    """Count them; none at all is a broken installation, whatever else is well."""
    if not found:
        raise ConfigError(
            f"There are no {what}: neither the project's {folder} nor the installed Ecorse "
            f"({SHIPPED_DIR}) has any. Install Ecorse again."
        )
    return f"{len(found)} {what} in order"


def _dags() -> str:
    project = get_settings().project_dir
    found = sorted(path.stem for path in project.glob("dags/*.py"))
    if not found:
        raise ConfigError(
            f"{project / 'dags'} has no DAG, so Airflow would do nothing. "
            "`ecorse init . --upgrade` in the project adds those that Ecorse ships."
        )
    missing = missing_files(project)
    note = f"; not here: {', '.join(missing)} (`ecorse init . --upgrade`)" if missing else ""
    return f"{len(found)} files: {', '.join(found)}{note}"


def _database() -> str:
    if get_settings().database_url.get_secret_value():
        return _warehouse()
    server = embedded_postgres()
    if not server.data_dir.exists():
        return "embedded Postgres, not made yet: the first run makes it"
    if server.is_running():
        return _warehouse()
    try:
        return f"{_warehouse()} (was stopped, and is again)"
    finally:
        server.stop()


def _warehouse() -> str:
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
    "project": _project,
    "settings": _settings,
    "home": _home,
    "shops": _shops,
    "sources": _sources,
    "marts": _marts,
    "models": _models,
    "DAGs": _dags,
    "database": _database,
    "Airflow port": _airflow_port,
}
