"""Airflow under the supervisor, with two tiny DAGs: runs, kills, silence, refusals, the end."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from ecorse.errors import ConfigError
from ecorse.postgres import EmbeddedPostgres
from ecorse.stack import sessions, supervisor
from ecorse.stack.airflow import airflow_environment, login_file, migrate_metadata
from ecorse.stack.client import FINAL_STATES, AirflowClient
from ecorse.stack.supervisor import AIRFLOW, API, Supervisor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TINY = '''
"""An airflow dag that says hello and one that fails."""
from airflow.sdk import DAG, Asset, task

HELLO = Asset(name="hello", uri="x-test://hello")
with DAG("first", schedule=None, params={"word": None}):
    @task
    def words():
        return ["a", "b"]

    @task(outlets=[HELLO])
    def say(word, params=None):
        return params["word"] + word

    say.expand(word=words())
with DAG("second", schedule=[HELLO]):
    @task
    def fail():
        from ecorse.errors import DataError
        raise DataError("seven is not eight")

    fail()
'''


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """A Postgres and an Airflow of this module's own."""

    def __init__(self, folder) -> None:
        self.home, self.project = folder / "home", folder / "project"
        self.port, self.api_port = free_port(), free_port()
        for name in ("dags", "plugins"):
            (self.project / name).mkdir(parents=True)
        (self.project / "dags" / "tiny.py").write_text(TINY)
        self.postgres = EmbeddedPostgres(self.home)
        self.postgres.start()
        self.environment = airflow_environment(self.home, self.project, self.port, self.postgres)
        assert migrate_metadata(self.home, self.environment, self.postgres)
        assert not migrate_metadata(self.home, self.environment, self.postgres)
        self.supervisor = self.new_supervisor()

    def new_supervisor(self) -> Supervisor:
        return Supervisor(self.home, self.environment, self.port, self.postgres, self.api_port)

    def pids(self) -> dict[str, int]:
        components = self.supervisor.components.values()
        return {c.name: c.process.pid for c in components if c.process is not None}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    patch = pytest.MonkeyPatch()  # silence is noticed sooner than in real life
    patch.setattr(supervisor, "GRACE_SECONDS", 30.0)
    patch.setattr(supervisor, "SILENT_SECONDS", 15.0)
    stack = Stack(tmp_path_factory.mktemp("airflow"))
    stack.supervisor.start()
    try:
        stack.supervisor.wait_ready()
        yield stack
    finally:
        stack.supervisor.stop()
        stack.postgres.remove()
        patch.undo()


@pytest.fixture
def client(stack):
    with AirflowClient(stack.home, stack.port) as client:
        for dag_id in ("first", "second"):
            client.wait_for_dag(dag_id)
        yield client


def wait_for(condition, seconds: float = 90.0) -> float:
    """Wait until the condition holds; gives how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.2)
    return time.monotonic() - began


def finish(client: AirflowClient, dag_id: str, run_id: str) -> str:
    wait_for(lambda: client.run_state(dag_id, run_id) in FINAL_STATES)
    return client.run_state(dag_id, run_id)


def test_a_run_its_tasks_the_run_it_causes_and_its_error(client):
    first = client.trigger("first", {"word": "x"})
    assert finish(client, "first", first) == "success"
    states = {(task.task_id, task.map_index): task.state for task in client.tasks("first", first)}
    assert states == {("words", -1): "success", ("say", 0): "success", ("say", 1): "success"}
    wait_for(lambda: client.caused_run("first", first, "second") is not None)
    assert client.caused_run("first", first, "elsewhere") is None
    second = client.caused_run("first", first, "second")
    assert finish(client, "second", second) == "failed"
    [task] = client.tasks("second", second)
    assert client.error_of("second", second, task) == "DataError: seven is not eight"


def test_a_form_that_airflow_refuses_is_told(client):
    with pytest.raises(ConfigError, match="404"):
        client.trigger("no_such_dag", {})


def test_everything_listens_on_loopback_only_and_wants_a_login(stack):
    processes = sessions.members(stack.pids().values())
    listening = {
        connection.laddr
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert ("127.0.0.1", stack.port) in listening
    assert {address[0] for address in listening} == {"127.0.0.1"}
    answer = httpx.get(f"http://127.0.0.1:{stack.port}/api/v2/dags", trust_env=False)
    assert answer.status_code == 401


def test_secret_files_are_private_and_in_no_log(stack):
    assert stat.S_IMODE(login_file(stack.home).stat().st_mode) == 0o600
    files = list((stack.home / "secrets").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    values = [f.read_text().strip() for f in files if f.suffix != ".json"]
    values.append(login_file(stack.home).read_text().split('"')[3])
    for log in (stack.home / "airflow").rglob("*.log"):
        text = log.read_text("utf-8", "replace")
        assert not any(value in text for value in values), log


@pytest.mark.parametrize("name", sorted([*AIRFLOW, API]))
def test_a_killed_component_comes_back(stack, name):
    before = stack.pids()[name]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: stack.pids().get(name, before) != before, seconds=30)
    stack.supervisor.wait_ready()
    assert sessions.members([before]) == []


def test_a_silent_scheduler_is_replaced(stack, client):
    before = stack.pids()["scheduler"]
    time.sleep(max(0.0, stack.supervisor.components["scheduler"].started + 30 - time.time()))
    os.kill(before, signal.SIGSTOP)  # it has its pid, but no heartbeat
    wait_for(lambda: stack.pids().get("scheduler", before) != before, seconds=60)
    stack.supervisor.wait_ready()
    assert finish(client, "first", client.trigger("first", {"word": "y"})) == "success"


def test_a_killed_database_comes_back_and_runs_go_on(stack, client):
    pid = int((stack.postgres.data_dir / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(pid) or stack.postgres.is_ready(), seconds=30)
    wait_for(stack.postgres.is_ready, seconds=30)
    assert finish(client, "first", client.trigger("first", {"word": "z"})) == "success"


def test_a_second_one_of_the_same_home_is_refused(stack):
    with pytest.raises(ConfigError, match="already runs with the home"):
        stack.new_supervisor().start()


def test_the_end_leaves_nothing_and_a_used_port_is_refused(stack):
    pids = stack.pids().values()
    assert len(sessions.members(pids)) > len(AIRFLOW) + 1
    began = time.monotonic()
    stack.supervisor.stop()
    assert time.monotonic() - began < 10
    assert sessions.members(pids) == []
    for port, setting in ((stack.port, "AIRFLOW"), (stack.api_port, "API")):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            refused = stack.new_supervisor()
            with pytest.raises(ConfigError, match=rf"Port {port} .*ECORSE_{setting}_PORT"):
                refused.start()
            refused.stop()


@pytest.mark.parametrize("moment", ["Starting Airflow", "Airflow is up", "load_source"])
def test_make_run_ends_everything_on_sigterm(tmp_path, moment):
    """While the metadata database is made, when Airflow runs, and while a file is loaded."""
    environment = {
        **os.environ,
        "ECORSE_HOME": str(tmp_path / "home"),
        "ECORSE_AIRFLOW_PORT": str(free_port()),
        "ECORSE_API_PORT": str(free_port()),
    }
    environment.pop("ECORSE_DATABASE_URL", None)
    code = "from ecorse.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "up", "--origin", "simulate"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert any(moment in line for line in process.stdout)
        time.sleep(2)
        seen = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
        assert seen
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 15  # Airflow within 10, then Postgres
        left = [pid for pid in seen if psutil.pid_exists(pid) and not is_zombie(pid)]
        assert left == []
        assert not EmbeddedPostgres(tmp_path / "home").is_running()
    finally:
        process.kill()
        process.communicate()
        EmbeddedPostgres(tmp_path / "home").remove()


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
