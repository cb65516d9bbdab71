"""Airflow for the DAG tests: a home of its own, so that no test touches another Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
