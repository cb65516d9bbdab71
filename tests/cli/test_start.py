"""What a command costs before its work: which heavy modules a quick one must not import.

Not a timed test: each of these modules takes from 0.03 to 1 second of CPU.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

BULK = {"numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn"}
SERVICES = {"airflow", "fastapi", "httpx", "jinja2", "requests", "sqlalchemy", "sqlglot"}
SETTINGS = {"pydantic", "pydantic_settings", "psycopg", "psutil", "asyncio"}
MODELS = {"ecorse.models", "ecorse.training", "ecorse.refresh", "ecorse.flow"}
START = """
import sys
from ecorse.cli import main
sys.argv = ["ecorse", *sys.argv[1:]]
try:
    main()
finally:
    print("\\n" + " ".join(sys.modules))
"""


def run(*arguments: str) -> tuple[str, set[str]]:
    """What a command prints, and the modules that a fresh process has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", START, *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, _, modules = done.stdout.rstrip("\n").rpartition("\n")
    return said, set(modules.split())


@pytest.mark.parametrize(
    ("option", "told"), [("--help", "Usage: ecorse"), ("--version", "ecorse 0.")]
)
def test_help_imports_nothing_heavy(option, told, monkeypatch):
    monkeypatch.setenv("ECORSE_KEEP_BUILDS", "not a number")  # nor does it read the settings
    said, modules = run(option)
    assert told in said
    assert not modules & (BULK | SERVICES | SETTINGS | MODELS)


def test_status_imports_no_bulk_and_no_models(warehouse):
    said, modules = run("status")
    assert "Builds" in said
    assert "psycopg" in modules
    assert not modules & (BULK | SERVICES | MODELS)
