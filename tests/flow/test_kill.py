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


def leftovers() -> dict[str, list]:
    """What a killed process left behind, by where it lies."""
    with connect() as conn:
        found = {
            what: [row[0] for row in conn.execute(query)]
            for what, query in {
                "runs": "select kind from ops.run where status = 'running'",
                "attempts": "select file_name from ops.load_attempt",
                "builds": "select build_id from ops.build where status in ('building', 'audited')",
                "tables": """
                    select c.relname from ops.build as b
                    inner join pg_class as c on c.relname like '%$' || b.build_id
                    where b.status <> 'published' and c.relkind = 'r'
                """,
            }.items()
        }
    home = get_settings().home
    found["copies"] = list((home / "raw").glob("incoming-*"))
    found["files"] = [path for path in home.rglob("*.tmp") if path.is_file()]
    return found


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
    assert not any(leftovers().values()), leftovers()


def test_what_a_killed_load_left_is_cleared_by_a_load_of_another_source(warehouse, sales, tmp_path):
    killed = ecorse("ingest", "--data", str(sales), failpoint="ingest.mid_copy")
    assert killed.returncode == -signal.SIGKILL
    left = leftovers()
    assert (left["runs"], len(left["copies"]), len(left["attempts"])) == (["ingest"], 1, 1)
    (tmp_path / "users.csv").write_text("user_id,item_id,rating,timestamp\n1,2,3,1556662154\n")
    ecorse("ingest", "--data", str(tmp_path / "users.csv"), "--source", "online_retail")
    left = leftovers()
    assert (left["runs"], left["copies"]) == ([], [])
    with connect() as conn:
        rows = conn.execute("select status, error from ops.run order by run_id").fetchall()
    assert rows[0] == ("failed", "did not finish: its process was killed")


def test_a_copy_of_a_load_at_work_is_no_leftover(tmp_path):
    from ecorse.ingest.archive import Incoming, clear_killed

    file = tmp_path / "x.csv"
    file.write_text("x")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "incoming-1-00000000").write_text("left")
    with Incoming(file, tmp_path, "x.csv") as incoming:
        assert clear_killed(tmp_path) == 1
        assert incoming.finish().path.read_text() == "x"


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
