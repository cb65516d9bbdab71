"""A small client of Airflow's REST API: what ``make run`` and the tests need of it.

What belongs here: requests and what their answers mean. What does not: showing them (``up.py``).
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ecorse.errors import ConfigError, StoreBusy, TerminalError
from ecorse.postgres.cluster import HOST
from ecorse.stack.airflow import LOGIN_USER, login_password

PATIENCE_SECONDS = 120.0  # as long as a restart of the API server or the database may take
FINAL_STATES = frozenset({"success", "failed"})


@dataclass(frozen=True)
class TaskState:
    """One task instance of a run; ``map_index`` is -1 unless the task is mapped."""

    task_id: str
    map_index: int
    state: str
    try_number: int
    seconds: float | None
    label: str

    @property
    def name(self) -> str:
        """The task, with what it was mapped over."""
        return f"{self.task_id} [{self.label}]" if self.label else self.task_id


class AirflowClient:
    """Talks to the Airflow of one home, as its user ``admin``.

    Parameters
    ----------
    home : Path
        Ecorse's home, where the password is.
    port : int
        Port of the API on 127.0.0.1.
    """

    def __init__(self, home: Path, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._home = home
        self._http = httpx.Client(base_url=self.url, timeout=30.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def health(self) -> dict[str, Any]:
        """Give the state of metadata database, scheduler, dag-processor and triggerer."""
        return self._request("GET", "/api/v2/monitor/health")

    def wait_for_dag(self, dag_id: str, seconds: float = 120.0) -> None:
        """Wait until the dag-processor has read a DAG.

        Raises
        ------
        ConfigError
            A DAG file cannot be imported; the message holds the end of its traceback.
        StoreBusy
            The DAG does not appear.
        """
        deadline = time.monotonic() + seconds
        while self._send("GET", f"/api/v2/dags/{dag_id}").status_code == 404:
            for broken in self._request("GET", "/api/v2/importErrors")["import_errors"]:
                tail = " | ".join(broken["stack_trace"].strip().splitlines()[-3:])
                raise ConfigError(f"The DAG file {broken['filename']} cannot be imported: {tail}")
            if time.monotonic() > deadline:
                raise StoreBusy(f"Airflow has not read the DAG {dag_id!r} after {seconds:.0f} s.")
            time.sleep(0.5)

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run with the form filled in; gives its run id.

        The id is chosen here, so that a request whose answer was lost can be sent again.

        Raises
        ------
        ConfigError
            Airflow refuses the form.
        """
        run_id = f"ecorse__{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}_{uuid.uuid4().hex[:6]}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        answer = self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        if answer.status_code != 409:  # 409: the first try had arrived
            self._check(answer)
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Give a run's state: queued, running, success or failed."""
        return str(self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """List the task instances of a run, in the order in which they began."""
        answer = self._request(
            "GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 1000}
        )
        found = sorted(answer["task_instances"], key=lambda task: task["start_date"] or "9")
        return [
            TaskState(
                task_id=task["task_id"],
                map_index=task["map_index"],
                state=task["state"] or "waiting",
                try_number=task["try_number"],
                seconds=task["duration"],
                label=task["rendered_map_index"] or "",
            )
            for task in found
        ]

    def caused_run(self, dag_id: str, run_id: str, caused_dag_id: str) -> str | None:
        """Find the run of another DAG that an asset event of this run made, or None so far."""
        answer = self._request(
            "GET",
            "/api/v2/assets/events",
            params={"source_dag_id": dag_id, "source_run_id": run_id, "limit": 100},
        )
        for event in answer["asset_events"]:
            for run in event["created_dagruns"]:
                if run["dag_id"] == caused_dag_id:
                    return str(run["run_id"])
        return None

    def error_of(self, dag_id: str, run_id: str, task: TaskState) -> str:
        """Give the error that ended a task's last try, from its log."""
        answer = self._send(
            "GET",
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/"
            f"{task.try_number}",
            params={"map_index": task.map_index, "full_content": "true"},
            headers={"Accept": "application/json"},
        )
        if answer.status_code != 200:
            return "its log cannot be read"
        said = "its log holds no error; the process was probably killed"
        for line in answer.json()["content"]:
            if isinstance(line, dict) and line.get("error_detail"):
                raised = line["error_detail"][0]  # its causes come behind it
                said = f"{raised['exc_type']}: {raised['exc_value']}"
        return said

    def _log_in(self) -> None:
        login = {"username": LOGIN_USER, "password": login_password(self._home)}
        answer = self._http.post("/auth/token", json=login)
        if answer.status_code == 401:
            raise ConfigError(
                "Airflow refuses the password in secrets/airflow_login.json. "
                "Was the file changed while Airflow ran? Start Ecorse again."
            )
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _send(self, method: str, path: str, **details: Any) -> httpx.Response:
        """Send a request; while the API is down or restarting, again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if "Authorization" not in self._http.headers:
                    self._log_in()
                answer = self._http.request(method, path, **details)
                if answer.status_code == 401:  # the token has run out
                    del self._http.headers["Authorization"]
                    self._log_in()
                    answer = self._http.request(method, path, **details)
                if answer.status_code < 500:
                    return answer
                problem = f"it answers {answer.status_code}"
            except httpx.HTTPError as error:
                problem = str(error) or type(error).__name__
            if time.monotonic() > deadline:
                raise StoreBusy(
                    f"Airflow's API at {self.url} fails for {PATIENCE_SECONDS:.0f} s: {problem}. "
                    "See airflow/logs/api-server.log in Ecorse's home."
                )
            time.sleep(1.0)

    def _request(self, method: str, path: str, **details: Any) -> dict[str, Any]:
        answer = self._send(method, path, **details)
        self._check(answer)
        result: dict[str, Any] = answer.json()
        return result

    @staticmethod
    def _check(answer: httpx.Response) -> None:
        if answer.is_success:
            return
        kind = ConfigError if answer.status_code in (400, 404, 422) else TerminalError
        raise kind(
            f"Airflow answers {answer.status_code} to {answer.request.method} "
            f"{answer.request.url.path}: {answer.text[:500]}"
        )
