"""The wheel in an environment of its own: a project is made in it, and publishes a night there.

No network: the wheel is built by the installed hatchling, and the dependencies are those of the
environment that runs the tests, seen through a .pth file.
"""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import venv
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ecorse import __version__
from ecorse.postgres import EmbeddedPostgres
from ecorse.refresh.catalog import load_catalog
from ecorse.settings import PROJECT_DIR

SHOPS = """
[[shops]]
shop_id = "main"
shop_name = "Small store"
time_zone = "America/New_York"
currency = "USD"

[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = { path = "data" }
"""
MART = """\
/*
about = "How many orders a shop has"
grain = ["shop_id"]
materialized = "table"
[columns]
orders_counted = "Orders of the shop"
*/
select
    o.shop_id,
    count(*) as orders_counted
from marts.orders as o
group by o.shop_id
"""
COUNT = """
import json
import ecorse
night = ecorse.open().night
own = int(night["order_counts"]["orders_counted"].sum())
others = [len(night[name]) for name in ("orders", "segments", "item_similarity")]
print(json.dumps([ecorse.__file__, own, *others]))
"""
DAGS = """
import json, os, runpy, tempfile
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
print(json.dumps({
    "dags": sorted(bag.dags),
    "errors": list(bag.import_errors.values()),
    "file": bag.dags["ingest"].fileloc,
    "plugin": runpy.run_path("plugins/ecorse_plugin.py")["EcorsePlugin"].name,
}))
"""


def sales() -> str:
    """Sales of 300 orders in four months; every third is a phone, which brings a cable."""
    products = [("Phone", 600), ("Monitor", 150), ("Batteries", 3)]
    lines = ["Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"]
    for number in range(300):
        at = datetime(2019, 1, 1, 9 + number % 3 * 5) + timedelta(days=number * 7 % 120)
        for name, price in (products[number % 3], ("Cable", 12))[: 2 if number % 3 == 0 else 1]:
            where = '"1 Main St, Dallas, TX 75001"'
            lines.append(f"{number},{name},1,{price},{at:%m/%d/%y %H:%M},{where}")
    return "\n".join(lines) + "\n"


class Installed:
    """An environment that holds the built wheel, and the command `ecorse` in it."""

    def __init__(self, folder: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        (wheel,) = folder.glob("*.whl")
        venv.create(folder / "venv", symlinks=True)
        self.python = folder / "venv" / "bin" / "python"
        self.ecorse = folder / "venv" / "bin" / "ecorse"
        (packages,) = (folder / "venv").glob("lib/*/site-packages")
        (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
        self.package = packages / "ecorse"
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        subprocess.run(
            [*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel],
            check=True,
        )

    def __call__(
        self, *arguments: str, cwd: Path, program: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `ecorse` (or Python) as a person would who has set nothing."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ECORSE_", "AIRFLOW", "PYTHON", "VIRTUAL_ENV"))
        }
        return subprocess.run(
            [program or self.ecorse, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def project(installed, tmp_path_factory) -> Iterator[Path]:
    """A project that `ecorse init` made."""
    folder = tmp_path_factory.mktemp("work")
    done = installed("init", "shop", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cd shop && ecorse run" in done.stdout
    yield folder / "shop"
    EmbeddedPostgres(folder / "shop" / "var").remove()


def test_the_version_is_the_installed_packages(installed, tmp_path):
    assert installed("--version", cwd=tmp_path).stdout == f"ecorse {__version__}\n"
    module = installed("-m", "ecorse.cli", "--version", cwd=tmp_path, program=installed.python)
    assert module.stdout == f"ecorse {__version__}\n"


def test_where_there_is_no_project_every_command_says_so_and_makes_nothing(installed, tmp_path):
    doctor = installed("doctor", cwd=tmp_path)
    assert doctor.returncode == 1
    assert doctor.stdout.startswith("FAIL project")
    assert doctor.stdout.count("\n") == 1, "no other part is called ok"
    for command in (
        ("run",), ("ingest",), ("status",), ("up", "--once"), ("db", "url"), ("db", "stop"),
    ):  # fmt: skip
        done = installed(*command, cwd=tmp_path)
        assert done.returncode == 78, command
        assert re.search(r"is no project.*ecorse init DIR", done.stderr), command
    assert list(tmp_path.iterdir()) == []


def test_init_refuses_a_folder_that_has_something_in_it(installed, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = installed("init", ".", cwd=tmp_path)
    assert done.returncode == 78
    assert "not empty: it holds notes.txt" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_airflow_finds_the_shipped_dags_and_page_in_a_project(installed, project):
    """Through the thin files; a DAG that a newer Ecorse brings is added by --upgrade alone."""
    (project / "dags" / "rollback.py").unlink()
    doctor = installed("doctor", cwd=project)
    assert doctor.returncode == 0
    assert "not here: dags/rollback.py" in doctor.stdout
    (project / "dags" / "simulate.py").write_text("# the shop's own")
    assert installed("init", ".", "--upgrade", cwd=project).stdout == "Added dags/rollback.py.\n"
    assert (project / "dags" / "simulate.py").read_text() == "# the shop's own"
    done = installed("-c", DAGS, cwd=project, program=installed.python)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "dags": ["ingest", "refresh", "rollback"],
        "errors": [],
        "file": "dags/ingest.py",
        "plugin": "ecorse",
    }


def test_a_night_is_published_in_a_new_project(installed, project):
    """The shipped marts and models, and one of the project's own."""
    before = installed("doctor", cwd=project)
    assert before.returncode == 0, before.stdout
    assert "not made yet" in before.stdout
    assert not (project / "var").exists(), "looking makes nothing"

    (project / "include" / "shops.toml").write_text(SHOPS)
    (project / "data").mkdir()
    (project / "data" / "sales.csv").write_text(sales())
    own = project / "include" / "sql" / "marts" / "mine" / "order_counts.sql"
    own.parent.mkdir()
    own.write_text(MART)
    marts = installed("mart", "list", cwd=project).stdout.splitlines()
    listed = {line.split()[0] for line in marts}
    assert listed == {"order_counts", *(step.name for step in load_catalog().steps())}

    night = installed("run", "--json", cwd=project)
    assert night.returncode == 0, night.stderr
    done = installed("-c", COUNT, cwd=project, program=installed.python)
    code, counted, orders, segments, similar = json.loads(done.stdout)
    assert Path(code).parent == installed.package, "the code is the wheel's, not the checkout's"
    assert orders == counted == 300
    assert segments > 0
    assert similar > 0

    assert installed("db", "stop", cwd=project).returncode == 0
    after = installed("doctor", cwd=project)
    assert after.returncode == 0, after.stdout
    assert "published build 1 (was stopped, and is again)" in after.stdout
    assert not EmbeddedPostgres(project / "var").is_running()


@pytest.mark.slow
def test_a_new_project_publishes_the_shop_it_comes_with(installed, tmp_path):
    """`ecorse init shop && cd shop && ecorse run`, and nothing else."""
    assert installed("init", "shop", cwd=tmp_path).returncode == 0
    shop = tmp_path / "shop"
    try:
        night = installed("run", cwd=shop)
        assert night.returncode == 0, night.stderr
        assert "Published: build 1" in night.stdout
    finally:
        EmbeddedPostgres(shop / "var").remove()
