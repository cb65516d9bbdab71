"""Two living refreshes: one makes its build undisturbed, the other leaves saying so, or waits."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from ecorse import flow
from ecorse.errors import AlreadyRunning
from ecorse.warehouse.connect import connect

TEMPORARY_FAILURE = 75  # EX_TEMPFAIL of sysexits.h
HOLD = """
import sys
from ecorse.errors import AlreadyRunning
from ecorse.refresh import builds
sys.stdin.readline()
try:
    with builds.opened(as_of=None, known_by=None, holder=f"cli:{sys.argv[1]}") as build_id:
        print(build_id, flush=True)
        sys.stdin.readline()
        with builds.connect() as conn:
            print(builds.finish_build(conn, build_id, "failed", "test"))
except AlreadyRunning as error:
    print("running" if "already running since" in str(error) else error)
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ecorse.cli", "refresh", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ,
    )


def ended_before_the_second_began(first: int) -> bool:
    with connect() as conn:
        (one, _), (_, two) = conn.execute(
            "select first_published_at, started_at from ops.build where build_id > %s "
            "order by build_id",
            (first,),
        ).fetchall()
    return one < two


def builds_since(first: int) -> list[tuple[int, str]]:
    with connect() as conn:
        return conn.execute(
            "select build_id, status from ops.build where build_id > %s order by build_id", (first,)
        ).fetchall()


def meet(offset: float, *arguments: str) -> tuple[list[int], list[str], list[tuple[int, str]]]:
    """Start two, the second so much later; exit codes and outputs in order, and what was built."""
    with connect() as conn:
        first = conn.execute("select max(build_id) from ops.build").fetchone()[0]
    one = start()
    time.sleep(offset)
    two = start(*arguments)
    said = [run.communicate(timeout=300)[0] for run in (one, two)]
    return [one.returncode, two.returncode], said, builds_since(first)


def check_one_build(offset: float, night: int) -> None:
    codes, said, built = meet(offset)
    if built[1:]:  # the first had ended: both are whole
        assert codes == [0, 0], said
        assert [status for _, status in built] == ["published", "published"]
        assert ended_before_the_second_began(night)
        return
    assert [status for _, status in built] == ["published"], (offset, said)
    assert sorted(codes) == [0, TEMPORARY_FAILURE], (offset, said)
    refused = said[codes.index(TEMPORARY_FAILURE)]
    assert re.search(
        r"already running since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, by cli:\S+: build "
        rf"{built[0][0]}\. Nothing was begun\.",
        refused,
    ), refused
    assert "Traceback" not in refused


@pytest.mark.parametrize("offset", [0.0, 1.5])
def test_the_second_leaves_and_the_first_is_published(night, offset):
    check_one_build(offset, night)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [round(0.25 * n, 2) for n in range(20)])
def test_at_twenty_offsets_one_build_each_and_none_lost(night, offset):
    check_one_build(offset, night)


def test_the_second_waits_and_then_makes_its_own(night):
    codes, said, built = meet(1.5, "--wait")
    assert codes == [0, 0], said
    assert [status for _, status in built] == ["published", "published"]
    assert len(re.findall("Waiting: A refresh is already running", said[1])) == 1
    assert ended_before_the_second_began(night)


def double_starts(times: int) -> None:
    for number in range(times):
        runs = [
            subprocess.Popen(
                [sys.executable, "-c", HOLD, f"{number}-{side}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ,
            )
            for side in ("a", "b")
        ]
        for run in runs:
            run.stdin.write("go\n")
            run.stdin.flush()
        said = sorted(run.stdout.readline().strip() for run in runs)  # none ends before both spoke
        build_id = int(said[0])
        ended = [run.communicate("end\n", timeout=60)[0].strip() for run in runs]
        assert (said[1], sorted(ended)) == ("running", ["", "True"]), (said, ended)
        with connect() as conn:
            assert conn.execute(
                "select count(*) from ops.build where build_id >= %s", (build_id,)
            ).fetchone() == (1,)


def test_of_two_starts_at_once_one_opens_a_build(warehouse):
    double_starts(5)


@pytest.mark.slow
def test_of_two_starts_at_once_a_hundred_times_one_opens_a_build(warehouse):
    double_starts(100)


def test_a_killed_refresh_is_put_aside_at_once(night):
    run = start()
    try:
        while not builds_since(night):
            time.sleep(0.05)
            assert run.poll() is None
        ((dead, status),) = builds_since(night)
        assert status == "building"
        with pytest.raises(AlreadyRunning):
            flow.open_build(holder="cli:two")
    finally:
        run.kill()
        run.wait()
    deadline = time.monotonic() + 20
    while True:  # the server notices within moments that the process is gone
        try:
            alive = flow.open_build(holder="cli:two")
            break
        except AlreadyRunning:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert builds_since(night) == [(dead, "orphaned"), (alive, "building")]


def test_ctrl_c_ends_a_refresh_at_once_and_leaves_nothing(night, left_of):
    run = start()
    while not [1 for _, status in builds_since(night) if status == "building"]:
        time.sleep(0.05)
        assert run.poll() is None
    time.sleep(0.5)  # in the midst of its first area
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=30)[0]
    assert run.returncode == 130, said
    assert "Traceback" not in said
    assert [status for _, status in builds_since(night)] == ["failed"]
    ((build_id, _),) = builds_since(night)
    assert left_of(build_id) == []
