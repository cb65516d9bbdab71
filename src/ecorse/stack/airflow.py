"""Airflow's settings, keys and metadata database, as this home needs them.

What belongs here: the environment that Airflow's processes get, and what must exist before they
start. What does not: running them (``supervisor.py``), talking to them (``client.py``).
"""

import base64
import json
import os
import secrets
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg

from ecorse.errors import ConfigError, StoreBusy
from ecorse.postgres.cluster import HOST
from ecorse.postgres.roles import AIRFLOW
from ecorse.postgres.secrets import read_or_make, secrets_dir
from ecorse.postgres.server import EmbeddedPostgres

LOGIN_USER = "admin"
MIGRATE_SECONDS = 600


def airflow_home(home: Path) -> Path:
    """Give Airflow's own folder, made with mode 0700 if it is missing.

    Raises
    ------
    ConfigError
        The folder cannot be made.
    """
    folder = home.absolute() / "airflow"
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            f"Cannot use {folder} for Airflow: {error.strerror}. "
            "Set ECORSE_HOME to a folder that this user may write to."
        ) from None
    return folder


def login_file(home: Path) -> Path:
    """Give the file with the login of Airflow's UI and API, generated once, mode 0600.

    Airflow would generate it with mode 0644; it keeps a file that is already there.
    """
    path = secrets_dir(home) / "airflow_login.json"
    read_or_make(path, json.dumps({LOGIN_USER: secrets.token_urlsafe(16)}))
    return path


def login_password(home: Path) -> str:
    """Give the password of the user ``admin``."""
    return str(json.loads(login_file(home).read_text("utf-8"))[LOGIN_USER])


def airflow_environment(
    home: Path, project_dir: Path, port: int, postgres: EmbeddedPostgres
) -> dict[str, str]:
    """Give the whole environment of Airflow's processes; nothing is read from an airflow.cfg.

    Parameters
    ----------
    home, project_dir : Path
        Ecorse's home, and where ``dags`` and ``plugins`` are.
    port : int
        Port of the UI and API on 127.0.0.1.
    postgres : EmbeddedPostgres
        The server of the metadata database; it runs, so that its port is known.
    """
    keys = secrets_dir(home)
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    url = f"http://{HOST}:{port}"
    settings = {
        "CORE__EXECUTOR": "ecorse.orchestration.executor.WarmLocalExecutor",
        "CORE__PARALLELISM": "4",
        # 30 s by default: on a busy machine tasks died at import and used up their tries
        "CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "600",
        "CORE__DAGS_FOLDER": str(project_dir / "dags"),
        "CORE__PLUGINS_FOLDER": str(project_dir / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__FERNET_KEY": read_or_make(keys / "airflow_fernet.key", fernet),
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # no slow name look-up without network
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager."
        "SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN_USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(login_file(home)),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": postgres.url(AIRFLOW, driver="postgresql+psycopg"),
        "API__HOST": HOST,
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": read_or_make(keys / "airflow_session.key"),
        "API_AUTH__JWT_SECRET": read_or_make(keys / "airflow_jwt.key"),
        # a killed worker is noticed after 45 s instead of 307 s (AIRFLOW.md, trap 18)
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    inherited = {name: value for name, value in os.environ.items() if name[:9] != "AIRFLOW__"}
    return {
        **inherited,
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        "AIRFLOW_HOME": str(airflow_home(home)),
        "ECORSE_HOME": str(home.absolute()),
        "ECORSE_PROJECT_DIR": str(project_dir.absolute()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
    }


def airflow_command(*arguments: str) -> list[str]:
    """Give the command line that runs a part of Airflow with this Python."""
    return [sys.executable, "-m", "airflow", *arguments]


def migrate_metadata(home: Path, environment: dict[str, str], postgres: EmbeddedPostgres) -> bool:
    """Bring the metadata database to this Airflow's version; tells whether there was work to do.

    Costs a query when the version is the one that migrated it last (`airflow db migrate` costs
    about ten seconds even then).

    Raises
    ------
    StoreBusy
        The migration failed; the message holds its last lines.
    """
    marker = airflow_home(home) / "migrated"
    wanted = version("apache-airflow")
    with psycopg.connect(postgres.url(AIRFLOW)) as connection:
        row = connection.execute("select to_regclass('alembic_version') is not null").fetchone()
    if row == (True,) and marker.exists() and marker.read_text() == wanted:
        return False
    try:
        done = subprocess.run(
            airflow_command("db", "migrate"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MIGRATE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreBusy(f"`airflow db migrate` took over {MIGRATE_SECONDS} s; try again.") from None
    (airflow_home(home) / "logs" / "migrate.log").write_text(done.stdout)
    if done.returncode != 0:
        tail = " | ".join(done.stdout.strip().splitlines()[-3:])
        raise StoreBusy(f"Airflow's database could not be migrated: {tail}")
    marker.write_text(wanted)
    return True
