"""Readers in a process of their own: limits, crashes, and what they are told.

What belongs here: the process, with readers of this file. What does not: real readers
(``tests/clean/test_hostile_files.py``).
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ecorse.arms_length.limits import Limits
from ecorse.arms_length.reading import Task, read_apart
from ecorse.errors import ContractError, DiskFull, Unreadable

SMALL = Limits(memory_bytes=256 << 20, cpu_seconds=1, wait_seconds=20)


def read(reader: str, limits: Limits = SMALL, fed: Iterable[bytes] | None = None, **arguments):
    task = Task(f"{__name__}:{reader}", arguments, "f", "thing", limits)
    return b"".join(read_apart(task, fed))


@pytest.fixture(autouse=True)
def reachable(monkeypatch):
    """Children find this module, under the name that pytest gives it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(sys.modules[__name__], "__name__", Path(__file__).stem)


# the readers: they run in the child


def echo(blocks: Iterator[bytes]) -> Iterator[bytes]:
    return blocks


def fill_memory() -> Iterator[bytes]:
    yield bytes(1 << 30)


def loop() -> Iterator[bytes]:
    while True:
        pass


def sleep() -> Iterator[bytes]:
    time.sleep(60)
    yield b""


def die(number: int) -> Iterator[bytes]:
    yield b"something\n"
    os.kill(os.getpid(), number)


def refuse() -> Iterator[bytes]:
    yield b"something\n"
    raise DiskFull("f: the reader says why.")


def stumble() -> Iterator[bytes]:
    raise KeyError("x\ny")


def tell() -> Iterator[bytes]:
    limits = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE)
    said = [resource.getrlimit(limit) for limit in limits]
    yield f"{said} {sorted(os.environ)} {len(os.listdir('/dev/fd')) - 1}".encode()


def write_much(path: str) -> Iterator[bytes]:
    with open(path, "wb") as file:
        file.write(bytes(4 << 20))
    yield b""


def test_what_is_fed_comes_back_however_much_it_is():
    blocks = [os.urandom(3 << 20) for _ in range(7)]
    got = read("echo", Limits(ratio=1), iter(blocks), takes_blocks=True)
    assert got == b"".join(blocks)


@pytest.mark.parametrize(
    ("reader", "limits", "says"),
    [
        ("fill_memory", SMALL, "takes more than 256 MiB of memory.*ECORSE_READER_MEMORY_MB"),
        ("loop", SMALL, "takes more than 1 CPU seconds.*ECORSE_READER_CPU_SECONDS"),
        ("sleep", Limits(wait_seconds=1), "gave nothing for 1 seconds.*ECORSE_READER_WAIT_SECONDS"),
        ("stumble", SMALL, r"failed \(KeyError: 'x.*y'\)"),
    ],
)
def test_a_limit_or_a_mistake_is_one_sentence(reader, limits, says):
    with pytest.raises(Unreadable, match=rf"^f: .*{says}.*$") as refused:
        read(reader, limits)
    assert "Nothing was loaded." in str(refused.value)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (signal.SIGSEGV, r"crashed \(SIGSEGV\)"),
        (signal.SIGABRT, r"crashed \(SIGABRT\)"),
        (signal.SIGKILL, "ended from outside"),
    ],
)
def test_a_crash_is_told_though_rows_came_before(number, says):
    with pytest.raises(Unreadable, match=f"f: the reader of this thing .*{says}"):
        read("die", number=int(number))


def test_the_readers_own_errors_keep_their_class_and_sentence():
    with pytest.raises(DiskFull, match=r"^f: the reader says why\.$"):
        read("refuse")


def test_a_child_is_limited_and_knows_no_secret(monkeypatch):
    monkeypatch.setenv("ECORSE_DATABASE_URL", "postgresql://secret")
    said = read("tell").decode()
    most = 256 << 20
    assert said.startswith(f"[({most}, {most}), (1, 6), (0, 0)]")
    assert "ECORSE" not in said
    assert said.endswith(" 3")  # input, output, errors; none of the parent's files


def test_a_reader_writes_no_file(tmp_path):
    with pytest.raises(Unreadable, match="File too large"):
        read("write_much", path=str(tmp_path / "x"))


def test_a_lower_limit_of_the_parent_holds_for_the_child():
    code = (
        "import sys, resource; sys.path[:0] = sys.argv[1:]\n"
        "resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))\n"
        "from ecorse.arms_length.reading import *\n"
        "task = Task('test_arms_length:tell', {}, 'f', 'thing', Limits(memory_bytes=1 << 40))\n"
        "print(b''.join(read_apart(task)).decode())"
    )
    places = [str(Path(__file__).parent)]
    done = subprocess.run(
        [sys.executable, "-c", code, *places], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"[({200 << 20}, {200 << 20})")


def test_whoever_has_enough_ends_the_process():
    task = Task(f"{__name__}:echo", {"takes_blocks": True}, "f", "thing", Limits(ratio=1))
    blocks = read_apart(task, iter(lambda: bytes(1 << 20), b""))  # without an end
    assert next(blocks)
    blocks.close()
    with pytest.raises(ContractError, match="gives more than 8 MiB"):
        read("echo", Limits(output_bytes=8 << 20), iter(lambda: bytes(1 << 20), b""),
             takes_blocks=True)  # fmt: skip


KILLED = """
import sys
sys.path.insert(0, {folder!r})
from ecorse.arms_length.limits import Limits
from ecorse.arms_length.reading import Task, read_apart
limits = Limits(memory_bytes=256 << 20, cpu_seconds=60, wait_seconds=60)
list(read_apart(Task("test_arms_length:loop", {{}}, "f", "thing", limits)))
"""


def test_a_killed_process_leaves_no_file_and_no_reader_behind(tmp_path):
    script = KILLED.format(folder=str(Path(__file__).parent))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    wait_for(lambda: children.read_text().strip())
    (child,) = children.read_text().split()
    # it reads, and takes no notice of anybody
    wait_for(lambda: "arms_length" in Path(f"/proc/{child}/cmdline").read_text())
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_alive(child))
    assert list(tmp_path.iterdir()) == []


def is_alive(process: str) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
