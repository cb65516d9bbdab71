"""What ``make run`` does: everything up, one night, a summary, the ways in, and everything down.

What belongs here: the order of these steps. What does not: the steps.
"""

import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.text import Text

from ecorse.errors import StoreBusy
from ecorse.origins import data_options, fetch_files, from_here, get_origin
from ecorse.postgres.address import database_url, embedded_postgres
from ecorse.postgres.binaries import bin_dir
from ecorse.settings import Settings, get_settings
from ecorse.show import escaped
from ecorse.stack.airflow import (
    LOGIN_USER,
    airflow_environment,
    login_file,
    login_password,
    migrate_metadata,
)
from ecorse.stack.client import AirflowClient, TaskState
from ecorse.stack.progress import follow, holder
from ecorse.stack.supervisor import Supervisor

INGEST, REFRESH = "ingest", "refresh"
CAUSED_SECONDS = 120.0  # how long the scheduler may take from an asset's event to its run
PLAIN_WIDTH = 140  # of tables in a log; 80 would cut off the file names
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal asks this process to end; like KeyboardInterrupt no error, and not to be caught."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def up(*, origin: str, data: str, once: bool) -> int:
    """Start Postgres and Airflow, run a night, say what came of it, and stay or stop.

    Parameters
    ----------
    origin : str
        Where the files come from: the name of an origin.
    data : str
        What the origin is to read; empty means as configured.
    once : bool
        Stop after the night; otherwise stay until Ctrl-C.

    Returns
    -------
    int
        The exit code: 0 if the night was published, or if it was ended by Ctrl-C while staying.

    Raises
    ------
    EcorseError
        Something did not start; everything that had started is ended.
    """
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    is_staying = False
    with _signals_end_it(), ExitStack() as things:
        try:
            if data:
                data = from_here(origin, data)  # tasks do not run in this working directory
            _refuse_mistakes(origin, data)
            chosen = {"ECORSE_ORIGIN": origin, "ECORSE_DATA": data}
            client = _start(things, console, get_settings(), chosen, once)
            problem = _run_night(client, console, origin, data)
            _tell(console, problem)
            if once:
                return 1 if problem else 0
            _print_access(console, get_settings())
            is_staying = True
            threading.Event().wait()
        except Ended as ended:
            console.print("Stopping ...")
            return 0 if is_staying else 128 + ended.number
        finally:
            for number in SIGNALS:  # nothing may interrupt the end
                signal.signal(number, signal.SIG_IGN)
    raise AssertionError("unreachable: waiting ends by a signal only")


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into an exception that ends everything."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse_mistakes(origin: str, data: str) -> None:
    """Say now what a night would only find out after Airflow is up: a wrong origin or folder."""
    options = data_options(origin, data)
    if get_origin(origin).is_local:
        fetch_files(origin, get_settings(), options)


def _start(
    things: ExitStack,
    console: Console,
    settings: Settings,
    chosen: Mapping[str, str],
    once: bool,
) -> AirflowClient:
    """Start everything; whatever is started here ends when ``things`` is closed.

    ``chosen`` goes into the environment of every task, so that the scheduled nights read what was
    asked for, and not what the shops file says.
    """
    from ecorse.warehouse.migrate import migrate

    began = time.monotonic()
    postgres = embedded_postgres()
    if not postgres.is_running():
        things.callback(postgres.stop)
    postgres.start()
    migrate()
    console.print(f"Postgres is up ({time.monotonic() - began:.1f} s). Starting Airflow ...")
    environment = airflow_environment(
        settings.home, settings.project_dir, settings.airflow_port, postgres
    )
    environment |= chosen
    if once:  # no night but this one
        environment["ECORSE_SCHEDULE"] = ""
    migrate_metadata(settings.home, environment, postgres)
    api_port = None if once else settings.api_port  # nobody would be there to ask
    supervisor = Supervisor(settings.home, environment, settings.airflow_port, postgres, api_port)
    things.callback(supervisor.stop)
    supervisor.start()
    supervisor.wait_ready()
    client = things.enter_context(AirflowClient(settings.home, settings.airflow_port))
    for dag_id in (INGEST, REFRESH):
        client.wait_for_dag(dag_id)
    console.print(f"Airflow is up ({time.monotonic() - began:.1f} s): {client.url}")
    return client


def _run_night(client: AirflowClient, console: Console, origin: str, data: str) -> str | None:
    """Trigger `ingest`, follow it and the `refresh` it causes; gives why no night was published."""
    conf = {"origin": origin, "data": data or None}
    ingest = client.trigger(INGEST, conf)
    console.print(f"Triggered {INGEST} (origin {origin}).", highlight=False)
    problem = None
    if follow(client, INGEST, ingest, console) != "success":
        problem = _why(client, INGEST, ingest)
    if _announcement(client, ingest) == "skipped":
        if problem is None:
            console.print(
                "Nothing new came: the published night is of these files, marts and models. "
                "`ecorse refresh` makes another all the same."
            )
        return problem
    refresh = _caused(client, ingest)
    if refresh is None:
        return problem or f"{INGEST} succeeded, but no {REFRESH} followed. Is that DAG paused?"
    if follow(client, REFRESH, refresh, console) != "success":
        return " ".join(filter(None, [problem, _why(client, REFRESH, refresh)]))
    return problem or _why_not_current(refresh)


def _announcement(client: AirflowClient, ingest: str) -> str:
    """Give the state of the task that starts a `refresh`."""
    states = {task.task_id: task.state for task in client.tasks(INGEST, ingest)}
    return states.get("announce", "waiting")


def _caused(client: AirflowClient, ingest: str) -> str | None:
    """Wait for the `refresh` that the `ingest` run caused, if it emitted its event."""
    deadline = time.monotonic() + CAUSED_SECONDS
    announced = _announcement(client, ingest) == "success"
    while announced and time.monotonic() < deadline:
        run_id = client.caused_run(INGEST, ingest, REFRESH)
        if run_id:
            return run_id
        time.sleep(1.0)
    return None


def _why(client: AirflowClient, dag_id: str, run_id: str) -> str:
    """Say which tasks failed by themselves, each with its error."""
    tasks: list[TaskState] = client.tasks(dag_id, run_id)
    failed = [
        f"{dag_id}.{task.name} failed: {client.error_of(dag_id, run_id, task)}"
        for task in tasks
        if task.state == "failed"
    ]
    return " ".join(failed) or f"{dag_id} failed without a failed task; see {client.url}."


def _why_not_current(refresh: str) -> str | None:
    """Give None if the published build is the one of this run, else a sentence."""
    from ecorse.warehouse.connect import connect

    with connect(application_name="ecorse up") as connection:
        row = connection.execute(
            "select c.build_id, b.holder from ops.current_build c join ops.build b using (build_id)"
        ).fetchone()
    if row is None:
        return f"{REFRESH} succeeded, but no build is published."
    if row[1] != holder(REFRESH, refresh):
        return f"The published build {row[0]} is not of this night: it was made by {row[1]}."
    return None


def _tell(console: Console, problem: str | None) -> None:
    """Print the summary, then whether the night was published."""
    from ecorse.reports.status import print_summary

    try:
        print_summary()
    except StoreBusy as error:
        problem = problem or str(error)
    if problem:
        console.print("[red]Not everything of this night went well:[/red]")
        console.print(Text(escaped(problem, keep="\n")))


def _print_access(console: Console, settings: Settings) -> None:
    """Print the ways in; passwords on a terminal only, elsewhere the file they stand in."""
    parts = urlsplit(database_url("bi_reader"))
    is_own = bool(settings.database_url.get_secret_value())
    reader_file = settings.home / "secrets" / "bi_reader.password"
    reader_place = "ECORSE_BI_READER_PASSWORD" if is_own else str(reader_file)
    reader, login = reader_place, str(login_file(settings.home))
    if console.is_terminal:
        reader, login = unquote(parts.password or ""), login_password(settings.home)
    psql = shutil.which("psql") or bin_dir(None) / "psql"
    database = parts.path.lstrip("/")
    lines = f"""
Airflow    http://127.0.0.1:{settings.airflow_port}   user {LOGIN_USER}   password {login}
psql       PGPASSWORD=... {psql} -h {parts.hostname} -p {parts.port or 5432} -U bi_reader {database}
           password {reader}
Tableau    connector PostgreSQL   server {parts.hostname}   port {parts.port or 5432}
           database {database}   schema marts   user bi_reader   password {reader}
REST API   http://127.0.0.1:{settings.api_port}/docs   a key: ecorse api key NAME --scope read
Ctrl-C stops everything."""
    console.print(lines, markup=False, highlight=False, soft_wrap=True)
