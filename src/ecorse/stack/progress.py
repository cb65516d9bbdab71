"""Following a run: live on a terminal, plain lines elsewhere.

What belongs here: what is shown while a night runs. What does not: what it means (``up.py``).
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass, field

import psycopg
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ecorse.errors import StoreBusy
from ecorse.show import escaped
from ecorse.stack.client import FINAL_STATES, AirflowClient, TaskState
from ecorse.warehouse.connect import connect

POLL_SECONDS = 2.0
QUEUED_SECONDS = 10.0  # a run that is queued for longer waits for another
SHOWN_TASKS = 20
COLOURS = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "yellow"}
IDLE_STATES = frozenset({"waiting", "scheduled", "queued", "removed"})

AREAS = """
select s.area, count(*) filter (where s.status = 'succeeded'),
    coalesce(sum(s.rows), 0)::bigint, max(s.step) filter (where s.status = 'running')
from ops.build_step as s inner join ops.build as b on b.build_id = s.build_id
where b.holder = %s and s.step <> 'audit' group by s.area
"""


@dataclass
class Counts:
    """What the warehouse knows of a run so far: files and rows loaded, steps and rows per area."""

    files: int = 0
    rows: int = 0
    areas: dict[str, str] = field(default_factory=dict)

    @property
    def loaded(self) -> str:
        """The loaded files and rows in words, or nothing."""
        return f"{self.files:,} files, {self.rows:,} rows staged" if self.files else ""


def holder(dag_id: str, run_id: str) -> str:
    """Give the name under which a run's tasks write, as in ``ops.run`` and ``ops.build``."""
    return f"airflow:{dag_id}:{run_id}"


def read_counts(dag_id: str, run_id: str) -> Counts:
    """Read from ``ops`` what a run has loaded and built so far; nothing while Postgres is away."""
    try:
        with connect(application_name="ecorse up") as connection:
            loads = connection.execute(
                "select count(*), coalesce(sum(l.rows_staged), 0)::bigint from ops.load l "
                "join ops.run r using (run_id) where r.holder = %s",
                [holder(dag_id, run_id)],
            ).fetchone()
            areas = connection.execute(AREAS, [holder(dag_id, run_id)]).fetchall()
    except (StoreBusy, psycopg.OperationalError):
        return Counts()
    files, rows = loads or (0, 0)
    told = {area: _area(made, rows, now) for area, made, rows, now in areas}
    return Counts(files, rows, told)


def _area(made: int, rows: int, now: str | None) -> str:
    """An area in words: how many tables it made so far, their rows, and what it is at."""
    tables = f"{made} tables, " if made > 1 else ""
    return f"{tables}{rows:,} rows" + (f", at {now}" if now and made else "")


def follow(client: AirflowClient, dag_id: str, run_id: str, console: Console) -> str:
    """Show a run until it ends; gives its final state, ``success`` or ``failed``."""
    live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
    lines = _Lines(console, dag_id)
    told: set[str] = set()
    began = time.monotonic()
    with live or nullcontext():
        while True:
            state = client.run_state(dag_id, run_id)
            tasks, counts = client.tasks(dag_id, run_id), read_counts(dag_id, run_id)
            if state == "queued" and time.monotonic() - began > QUEUED_SECONDS:
                _tell_once(console, told, f"{dag_id} waits: an earlier run of it has not ended.")
            for task in tasks:
                if task.state == "up_for_retry" and f"{task.name} {task.try_number}" not in told:
                    told.add(f"{task.name} {task.try_number}")
                    why = client.error_of(dag_id, run_id, task)
                    _tell_once(console, told, f"{task.name} will be tried again: {why}")
            if live:
                live.update(_table(dag_id, state, tasks, counts))
            else:
                lines.tell(tasks, counts)
            if state in FINAL_STATES:
                return state
            time.sleep(POLL_SECONDS)


def _tell_once(console: Console, told: set[str], sentence: str) -> None:
    if sentence not in told:
        told.add(sentence)
        console.print(Text(escaped(sentence)), soft_wrap=True)


def _table(dag_id: str, state: str, tasks: list[TaskState], counts: Counts) -> Table:
    """Lay out the tasks that began, the latest ones when there are many."""
    begun = [task for task in tasks if task.state not in IDLE_STATES]
    done = sum(task.state == "success" for task in tasks)
    caption = " ".join(filter(None, [f"{done} of {len(tasks)} tasks done.", counts.loaded]))
    table = Table(title=f"{dag_id}: {state}", title_justify="left", caption=caption, box=None)
    for heading in ("task", "state"):
        table.add_column(heading)
    table.add_column("made")
    table.add_column("seconds", justify="right")
    for task in begun[-SHOWN_TASKS:]:
        colour = COLOURS.get(task.state, "white")
        seconds = f"{task.seconds:.1f}" if task.seconds else ""
        shown = f"[{colour}]{task.state}[/{colour}]"
        made = Text(escaped(counts.areas.get(task.task_id, "")))
        table.add_row(Text(escaped(task.name)), shown, made, seconds)
    return table


class _Lines:
    """Prints a line whenever a task's state or the loaded rows changed."""

    def __init__(self, console: Console, dag_id: str) -> None:
        self._console = console
        self._dag_id = dag_id
        self._told: dict[tuple[str, int], str] = {}
        self._loaded = ""

    def tell(self, tasks: list[TaskState], counts: Counts) -> None:
        """Print what is new."""
        if counts.loaded and counts.loaded != self._loaded:
            self._loaded = counts.loaded
            self._print("", counts.loaded)
        for task in tasks:
            key = (task.task_id, task.map_index)
            if task.state in IDLE_STATES or self._told.get(key) == task.state:
                continue
            self._told[key] = task.state
            seconds = f"{task.seconds:.1f} s" if task.seconds and task.state != "running" else ""
            self._print(
                task.name,
                " ".join(filter(None, [task.state, seconds, counts.areas.get(task.task_id, "")])),
            )

    def _print(self, name: str, text: str) -> None:
        line = f"{self._dag_id:8} {name:40} {text}"
        self._console.print(Text(escaped(line)), soft_wrap=True)
