"""Killed at any named point, and run again: the end is that of a night that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ecorse.failpoints import NAMES
from ecorse.reports.status import read_checksums
from ecorse.settings import get_settings
from ecorse.simulate import Plan, simulate_shop
from ecorse.simulate.stores import get_store
from ecorse.warehouse.connect import connect

# one of each kind in every run of the tests; all of them in `make test-all`
QUICK = ("ingest.between_stream_commits", "refresh.mid_model", "publish.before_commit")


def ecorse(*arguments: str, failpoint: str = "") -> subprocess.CompletedProcess:
    """Run a command of Ecorse in a process of its own, which a failpoint may kill."""
    return subprocess.run(
        [sys.executable, "-m", "ecorse.cli", *arguments],
        env={**os.environ, "ECORSE_FAILPOINT": failpoint},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def sales(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sales")
    plan = Plan.of(get_store("electronics"), seed=7, customers=300, orders=400, events=0)
    simulate_shop(folder, plan, "sales_csv")
    return folder


def counts() -> dict[str, int]:
    with connect() as conn:
        return {
            what: conn.execute(query).fetchone()[0]
            for what, query in {
                "loads": "select count(*) from ops.load",
                "lines": "select count(*) from staging.order_lines",
                "repeated": "select count(*) from staging.repeated_order_lines",
                "rejects": "select count(*) from ops.reject",
                "published": "select count(*) from ops.publication",
            }.items()
        }


@pytest.fixture(scope="module")
def loaded(snapshot, sales):
    """A warehouse into which the files were loaded, and nothing else."""

    def fill() -> None:
        assert ecorse("ingest", "--data", str(sales)).returncode == 0

    return snapshot(fill)


@pytest.fixture(scope="module")
def undisturbed(snapshot, sales):
    """Checksums and counts of a night that nobody disturbed."""

    def fill() -> tuple[dict, dict[str, int]]:
        assert ecorse("ingest", "--data", str(sales)).returncode == 0
        assert ecorse("refresh").returncode == 0
        return read_checksums(), counts()

    return snapshot(fill).result


@pytest.fixture
def before(request, restore, loaded) -> str:
    """The failpoint's name, in a warehouse that is as the killed command finds it."""
    if request.param.startswith("ingest"):
        request.getfixturevalue("warehouse")
    else:
        restore(loaded)
    return request.param


@pytest.mark.parametrize(
    "before",
    [
        n if n in QUICK else pytest.param(n, marks=pytest.mark.slow)
        for n in NAMES
        if not n.startswith("migrate.")  # only an old home passes it: warehouse/test_staging_form
    ],
    indirect=True,
)
def test_killed_at_a_named_point_and_run_again(before, sales, undisturbed):
    name = before
    command = ["ingest", "--data", str(sales)] if name.startswith("ingest") else ["refresh"]
    killed = ecorse(*command, failpoint=name)
    assert killed.returncode == -signal.SIGKILL, f"nothing was killed at {name}: {killed.stderr}"
    with connect() as conn:
        visible = conn.execute("select count(*) from ops.current_build").fetchone()[0]
    assert visible == (1 if name == "publish.after_commit" else 0)
    assert ecorse("ingest", "--data", str(sales)).returncode == 0
    if name != "publish.after_commit":
        assert ecorse("refresh").returncode == 0
    checksums, expected = undisturbed
    assert read_checksums() == checksums
    assert counts() == expected


@pytest.mark.slow
def test_postgres_killed_during_a_load_and_the_next_command_completes(
    sales, undisturbed, monkeypatch, tmp_path
):
    """The embedded Postgres dies under a load; the next commands start it and finish the night."""
    from ecorse.postgres import EmbeddedPostgres
    from ecorse.postgres.cluster import postmaster

    monkeypatch.delenv("ECORSE_DATABASE_URL", raising=False)
    monkeypatch.setenv("ECORSE_HOME", str(tmp_path))
    get_settings.cache_clear()
    server = EmbeddedPostgres(tmp_path)
    server.start()
    try:
        assert ecorse("status").returncode == 0  # the schema is there
        loading = subprocess.Popen(
            [sys.executable, "-m", "ecorse.cli", "ingest", "--data", str(sales)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "Simulated_Sales" in loading.stderr.readline()  # the first file is in
        process = postmaster(server.data_dir)
        assert process is not None
        process.kill()
        error = loading.stderr.read()
        assert loading.wait(60) not in (0, -signal.SIGKILL), error
        assert "Traceback" not in error
        assert ecorse("ingest", "--data", str(sales)).returncode == 0
        assert ecorse("refresh").returncode == 0
        checksums, expected = undisturbed
        assert read_checksums() == checksums
        assert counts() == expected
    finally:
        get_settings.cache_clear()
        server.remove()
