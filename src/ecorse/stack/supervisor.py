"""Keeping Airflow's four components and the REST API alive, and ending every process of theirs.

What belongs here: start, watch, restart, stop. What does not: settings (``airflow.py``) and runs
(``client.py``). `airflow standalone` is no supervisor: after a killed scheduler it stays up with
nothing running.
"""

import fcntl
import logging
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx

from ecorse.errors import ConfigError, EcorseError, StoreBusy
from ecorse.postgres.cluster import HOST, is_port_used
from ecorse.postgres.server import EmbeddedPostgres
from ecorse.stack import sessions
from ecorse.stack.airflow import airflow_command, airflow_home

log = logging.getLogger(__name__)

# name: arguments. The logs are files of this machine, so nobody has to serve them by HTTP.
AIRFLOW = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
API = "rest-api"
LOOK_SECONDS = 2.0
GRACE_SECONDS = 90.0  # from a component's start to its first heartbeat, on a busy machine
SILENT_SECONDS = 60.0  # heartbeats come every 5 s
STEADY_SECONDS = 120.0  # after that long without a fault, the back-off begins anew
BACK_OFF_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
START_TRIES = 4
LOG_BYTES = 20 << 20
OPEN_FILES = 1024


@dataclass
class Component:
    """One of the processes, which leads a session of its own."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    faults: int = 0
    not_before: float = 0.0
    last_sign: float = field(default=0.0)  # when it last showed that it works

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def title(self) -> str:
        """What messages call it."""
        return "The REST API" if self.name == API else f"Airflow's {self.name}"


class Supervisor:
    """Starts the components, restarts a dead or silent one, ends them all.

    Parameters
    ----------
    home : Path
        Ecorse's home.
    environment : dict of str to str
        What ``airflow_environment`` gives.
    port : int
        Port of the UI and API on 127.0.0.1.
    postgres : EmbeddedPostgres
        The server of the metadata database, which is kept alive as well.
    api_port : int, optional
        Port of the REST API on 127.0.0.1; without one it is not started.
    """

    def __init__(
        self,
        home: Path,
        environment: dict[str, str],
        port: int,
        postgres: EmbeddedPostgres,
        api_port: int | None = None,
    ) -> None:
        self.folder = airflow_home(home)
        commands = {name: airflow_command(*arguments) for name, arguments in AIRFLOW.items()}
        if api_port is not None:
            serve = ["serve", "--host", HOST, "--port", str(api_port)]
            commands[API] = [sys.executable, "-m", "ecorse.cli", *serve]
        self.components = {name: Component(name, run) for name, run in commands.items()}
        self._api_port = api_port
        self._environment = environment
        self._port = port
        self._postgres = postgres
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._lock_file: IO[str] | None = None
        self._remembered = self.folder / "sessions.json"

    def start(self) -> None:
        """Start the components and begin to watch them; what a killed supervisor left ends first.

        Raises
        ------
        ConfigError
            The port is used, this home's Airflow already runs, or too few files may be open.
        """
        self._lock_home()
        left = sessions.end_remembered(self._remembered)
        if left:
            log.warning("Ended %d processes that an earlier, killed run had left", left)
        if is_port_used(self._port):
            raise ConfigError(
                f"Port {self._port} of {HOST}, which Airflow's UI and API use, is taken by another "
                "program. Stop that program, or set ECORSE_AIRFLOW_PORT to a free port."
            )
        if self._api_port is not None and is_port_used(self._api_port):
            raise ConfigError(
                f"Port {self._api_port} of {HOST}, which the REST API uses, is taken by another "
                "program. Stop that program, or set ECORSE_API_PORT to a free port."
            )
        _allow_open_files()
        for component in self.components.values():
            self._launch(component)
        self._watcher.start()

    def wait_ready(self, seconds: float = 300.0) -> None:
        """Wait until the APIs answer and scheduler, dag-processor and triggerer have a heartbeat.

        Raises
        ------
        StoreBusy
            A component died again and again, or it took too long; the message names its log.
        """
        deadline = time.monotonic() + seconds
        while not all(c.last_sign > c.started for c in self.components.values()):
            late = [c.name for c in self.components.values() if c.last_sign <= c.started]
            broken = [c.name for c in self.components.values() if c.faults >= START_TRIES]
            if broken or time.monotonic() > deadline:
                name = (broken or late)[0]
                raise StoreBusy(
                    f"{self.components[name].title} does not come up: {self._log_tail(name)} "
                    f"The whole log is {self._log_path(name)}."
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """End every process that was started, and their children and orphans, within 10 s."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=1.0)
        started = [c.process for c in self.components.values() if c.process is not None]
        sessions.end(process.pid for process in started)
        for process in started:
            process.wait()
        if self._lock_file is not None:
            self._remembered.unlink(missing_ok=True)
            self._lock_file.close()
            self._lock_file = None

    def _lock_home(self) -> None:
        self._lock_file = open(self.folder / "lock", "a")  # noqa: SIM115 - held until stop()
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            self._lock_file = None
            raise ConfigError(
                f"Ecorse already runs with the home {self.folder.parent}. Use that one, end it, or "
                "set ECORSE_HOME, ECORSE_AIRFLOW_PORT for a second one."
            ) from None

    def _log_path(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _log_tail(self, name: str) -> str:
        text = self._log_path(name).read_text("utf-8", "replace")[-2000:]
        return " | ".join(line.strip() for line in text.splitlines()[-3:]) or "it said nothing."

    def _launch(self, component: Component) -> None:
        path = self._log_path(component.name)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as output:
            component.process = subprocess.Popen(
                component.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        component.started = time.time()
        living = [c.process.pid for c in self.components.values() if c.process is not None]
        sessions.remember(self._remembered, living)

    def _watch(self) -> None:
        """Look at everything every two seconds until told to stop."""
        url = f"http://{HOST}:{self._port}/api/v2/monitor/health"
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while not self._stop.wait(LOOK_SECONDS):
                try:
                    self._postgres.start()  # costs a millisecond when it runs
                    self._read_signs(client, url)
                    for component in self.components.values():
                        self._keep(component)
                except (EcorseError, OSError) as error:
                    log.warning("The supervisor goes on after: %s", error)

    def _read_signs(self, client: httpx.Client, url: str) -> None:
        """Note which components showed life: the APIs by an answer, the others by heartbeat."""
        if API in self.components:
            with suppress(httpx.HTTPError):
                client.get(f"http://{HOST}:{self._api_port}/health/live").raise_for_status()
                self.components[API].last_sign = time.time()
        try:
            answer = client.get(url)
            answer.raise_for_status()
            health: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError):
            return  # nobody's fault but the API's: the others are judged when it answers again
        self.components["api-server"].last_sign = time.time()
        for name, component in self.components.items():
            key = name.replace("-", "_")
            beat = health.get(key, {}).get(f"latest_{key}_heartbeat")
            if beat:
                at = datetime.fromisoformat(beat)
                at = at if at.tzinfo else at.replace(tzinfo=UTC)
                component.last_sign = max(component.last_sign, at.timestamp())

    def _keep(self, component: Component) -> None:
        """Restart the component if it is dead or silent, after a growing pause."""
        now = time.time()
        if component.is_alive:
            # while Airflow's API is silent no heartbeat can be read: then only the APIs are judged
            judged = component.name in ("api-server", API) or (
                now - self.components["api-server"].last_sign < 2 * LOOK_SECONDS + 5
            )
            silent = now - max(component.last_sign, component.started + GRACE_SECONDS)
            if judged and silent > SILENT_SECONDS:
                log.warning("%s is silent for %.0f s", component.title, silent)
                self._end(component, now)
            elif now - component.started > STEADY_SECONDS:
                component.faults = 0
            return
        if component.process is not None:
            log.warning("%s ended (%s)", component.title, component.process.returncode)
            self._end(component, now)
        if now >= component.not_before and not self._stop.is_set():
            self._launch(component)

    def _end(self, component: Component, now: float) -> None:
        """End what is left of a component, and note when it may start again.

        A dead scheduler's tasks end with it: they would be run again beside themselves.
        """
        assert component.process is not None
        sessions.end([component.process.pid], politely=False)
        component.process.wait()
        component.process = None
        pause = BACK_OFF_SECONDS[min(component.faults, len(BACK_OFF_SECONDS) - 1)]
        component.not_before = now + pause
        component.faults += 1


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise ConfigError(
            f"This user may open {hard} files at once; Airflow needs {OPEN_FILES}. "
            "Raise the limit (ulimit -Hn, or nofile in limits.conf)."
        )
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
