"""Airflow for the DAG tests: a home of its own, so that no test touches another Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecorse.settings import PROJECT_DIR

AIRFLOW_ENVIRONMENT = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_DIR / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_DIR / "plugins"),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
}


@pytest.fixture(scope="session", autouse=True)
def airflow_home(tmp_path_factory) -> Iterator[str]:
    """Set Airflow's environment before anything imports it; gives ``AIRFLOW_HOME``."""
    home = str(tmp_path_factory.mktemp("airflow"))
    wanted = {"AIRFLOW_HOME": home, **AIRFLOW_ENVIRONMENT}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    yield home
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def dagbag(airflow_home):
    """Every DAG of ``dags/``; needs no database."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(PROJECT_DIR / "dags")


@pytest.fixture(scope="session")
def airflow_database(postgres, airflow_home) -> dict[str, str]:
    """The environment of an Airflow whose metadata are in the embedded Postgres, migrated once."""
    environment = {
        **os.environ,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("airflow", driver="postgresql+psycopg"),
    }
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=environment,
        check=True,
        capture_output=True,
    )
    return environment


@pytest.fixture
def play(airflow_database, warehouse) -> Callable[..., list[dict[str, Any]]]:
    """Run DAGs on this test's warehouse: ``play(("ingest", {"shop": "main"}), ...)``.

    Gives for each run its state, its tasks' states and its asset events; all with the same log.
    """

    def run(*runs: tuple[str, dict[str, object]]) -> list[dict[str, Any]]:
        ecorse = {name: value for name, value in os.environ.items() if name.startswith("ECORSE_")}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parent / "play.py"), json.dumps(runs)],
            env={**airflow_database, **ecorse},
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        return [{**one, "log": done.stdout + done.stderr} for one in found]

    return run
