"""Ending whole sessions: children, orphans, other process groups, and nobody else."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import psutil
import pytest

from ecorse.stack import sessions

# A leader that ignores SIGTERM, with a child in a group of its own that has a child itself.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def leader():
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 5
    while len(sessions.members([process.pid])) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    yield process
    sessions.end([process.pid], politely=False)
    process.wait()
    process.stdout.close()


def test_the_whole_session_is_found_and_ended_in_time(leader):
    processes = sessions.members([leader.pid])
    assert len(processes) == 3
    began = time.monotonic()
    sessions.end([leader.pid])
    assert time.monotonic() - began < 10
    leader.wait()
    assert sessions.members([leader.pid]) == []


def test_orphans_are_ended_when_their_leader_is_dead(leader):
    leader.kill()
    leader.wait()
    assert len(sessions.members([leader.pid])) == 2
    sessions.end([leader.pid], politely=False)
    assert sessions.members([leader.pid]) == []


def test_what_a_killed_supervisor_left_is_ended(leader, tmp_path):
    path = tmp_path / "sessions.json"
    sessions.remember(path, [leader.pid])
    assert path.stat().st_mode & 0o777 == 0o600
    leader.kill()
    leader.wait()
    assert sessions.end_remembered(path) == 2
    assert sessions.members([leader.pid]) == []
    assert not path.exists()


def test_a_process_that_got_an_old_pid_is_left_alone(leader, tmp_path):
    path = tmp_path / "sessions.json"
    started = psutil.Process(leader.pid).create_time()
    path.write_text(json.dumps({str(leader.pid): started - 3600}))
    assert sessions.end_remembered(path) == 0
    assert len(sessions.members([leader.pid])) == 3


@pytest.mark.parametrize("content", ["", "{", "[]x"])
def test_a_damaged_list_is_no_obstacle(tmp_path, content):
    path = tmp_path / "sessions.json"
    path.write_text(content)
    assert sessions.end_remembered(path) == 0
