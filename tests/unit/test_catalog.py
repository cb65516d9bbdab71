"""The catalogue: what it reads from SQL files and declarations, its order, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecorse.errors import ConfigError
from ecorse.refresh.catalog import Catalog, load_catalog
from ecorse.settings import Settings

HEADER = 'about = "A mart."\ngrain = ["shop_id"]\nmaterialized = "table"\n'
COMMENTS = 'shop_id = "The shop"\nlines = "Lines"\n'
MODEL = '[model]\nclass = "package.module:Class"\nwrites = ["{writes}"]\n[inputs]\nrows = "{sql}"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder with comments for shop_id and lines, and nothing shipped below it."""
    monkeypatch.setattr("ecorse.layers.SHIPPED_DIR", tmp_path / "shipped")
    (tmp_path / "include/sql/marts").mkdir(parents=True)
    (tmp_path / "include/models").mkdir()
    (tmp_path / "include/sql/marts/_columns.toml").write_text(COMMENTS)
    return tmp_path


def _write(
    project: Path,
    name: str,
    sql: str = "select shop_id from staging.order_lines",
    header: str = HEADER,
) -> Path:
    path = project / "include/sql/marts" / f"{name}.sql"
    path.write_text(f"/*\n{header}*/\n{sql}\n")
    return path


def _load(project: Path) -> Catalog:
    return load_catalog(Settings(project_dir=project))


def test_mart_has_what_header_and_select_say(project: Path) -> None:
    sql = (
        "with o as (select shop_id, count(*) as n from staging.order_lines group by shop_id)\n"
        "select o.shop_id, cast(o.n as bigint) as lines from o "
        "inner join marts.shops as s on o.shop_id = s.shop_id;"
    )
    header = HEADER + '[columns]\nlines = "Lines of the shop"\n'
    header += '[[checks]]\nname = "some"\nlevel = "warn"\nsentence = "No lines"\n'
    header += 'sql = "select shop_id from marts.line_counts where lines = 0"\n'
    path = _write(project, "line_counts", sql, header)
    _write(project, "shops")
    mart = _load(project).marts["line_counts"]
    assert (mart.name, mart.path, mart.about) == ("line_counts", path, "A mart.")
    assert (mart.grain, mart.materialized, mart.is_unique) == (("shop_id",), "table", True)
    # its own comment wins over the shared one; order of the select
    assert list(mart.columns.items()) == [("shop_id", "The shop"), ("lines", "Lines of the shop")]
    assert (mart.reads, mart.reads_staging) == (("shops",), ("order_lines",))
    assert [(check.name, check.level) for check in mart.checks] == [
        ("grain_is_not_null", "fail"),
        ("grain_is_unique", "fail"),
        ("some", "warn"),
    ]
    # behind blank lines, so that a syntax error names the line of the file
    assert mart.sql.lstrip("\n").startswith("with o")
    assert not mart.sql.endswith(";")


def test_grain_that_is_not_unique_is_checked_for_nulls_only(project: Path) -> None:
    _write(project, "some", header=HEADER + "is_unique = false\n")
    assert [check.name for check in _load(project).marts["some"].checks] == ["grain_is_not_null"]


def test_steps_come_after_what_they_read_and_by_name(project: Path) -> None:
    # z reads staging; b and model c read z; a reads what the model writes
    _write(project, "z")
    _write(project, "b", "select shop_id from marts.z")
    _write(project, "a", "select shop_id from marts.groups")
    declaration = MODEL.format(writes="groups", sql="select shop_id from marts.z")
    (project / "include/models/c_model.toml").write_text(declaration)
    catalog = _load(project)
    assert [[step.name for step in level] for level in catalog.levels()] == [
        ["z"],
        ["b", "c_model"],
        ["a"],
    ]
    assert [step.name for step in catalog.steps()] == ["z", "b", "c_model", "a"]
    model = catalog.step("c_model")
    assert (model.kind, model.reads, model.writes) == ("model", frozenset({"z"}), ("groups",))
    assert catalog.writers_of("groups") == [model]


def test_changed_file_is_read_again(project: Path) -> None:
    _write(project, "some")
    assert _load(project).marts["some"].about == "A mart."
    _write(project, "some", header=HEADER.replace("A mart.", "Another."))
    assert _load(project).marts["some"].about == "Another."


STAR = "with final as (select shop_id from staging.order_lines) select * from final"


@pytest.mark.parametrize(
    ("header", "sql", "message"),
    [
        ('about = "x"\ngrain = ["shop_id"]\n', "", "lacks 'materialized'"),
        ("about = x\n", "", "not valid TOML"),
        (HEADER + 'owner = "me"\n', "", "unknown key 'owner'"),
        (HEADER.replace("table", "index"), "", 'write "table" or "view"'),
        (HEADER.replace("shop_id", "lines"), "", "begins with shop_id"),
        (HEADER.replace('"shop_id"', '"shop_id", "day"'), "", "the grain names 'day'"),
        (HEADER + '[columns]\nday = "Day"\n', "", "comments the column 'day'"),
        (HEADER, "select shop_id, order_id from staging.order_lines", "'order_id' has no comment"),
        (HEADER, STAR, "has a star"),
        (HEADER, "select l.* from staging.order_lines as l", "has a star"),
        (HEADER, "select shop_id, 1 + 1 from staging.order_lines", "column 2 .* has no name"),
        (HEADER, "select shop_id, 1 as shop_id from staging.order_lines", "'shop_id' twice"),
        (HEADER, "select shop_id, 1 as build_id from marts.some", "leave out .* 'build_id'"),
        (HEADER, "select shop_id from orders", "'orders', which is no CTE"),
        (HEADER, "select shop_id from ops.load", "staging.* and ops.shop only"),
        (HEADER, "select shop_id from marts.gone", "no mart and no model writes"),
        (HEADER, "select shop_id from marts.some", "cycle: some"),
        (HEADER, "select shop_id from", "cannot be read"),
        (HEADER, "drop table staging.order_lines", "exactly one select"),
        (HEADER, "select shop_id from marts.a; select 1", "exactly one select"),
        (HEADER + '[[checks]]\nname = "x"\n', "", "check 1 has the keys name"),
        (
            HEADER + '[[checks]]\nname = "x"\nlevel = "stop"\nsentence = "s"\nsql = "select 1"\n',
            "",
            'write "fail" or "warn"',
        ),
        (
            HEADER + '[[checks]]\nname = "x"\nlevel = "fail"\nsentence = "s"\n'
            'sql = "select shop_id from marts.gone"\n',
            "",
            "check x.*marts.gone",
        ),
    ],
)
def test_wrong_file_is_refused_by_name(project: Path, header: str, sql: str, message: str) -> None:
    _write(project, "some", sql or "select shop_id from staging.order_lines", header)
    with pytest.raises(ConfigError, match=message) as caught:
        _load(project)
    assert "some" in str(caught.value)


def test_file_without_header_is_refused(project: Path) -> None:
    (project / "include/sql/marts/some.sql").write_text("select 1 as shop_id")
    with pytest.raises(ConfigError, match=r"some\.sql: has no header"):
        _load(project)


def test_cycle_names_who_waits_for_whom(project: Path) -> None:
    _write(project, "first", "select shop_id from marts.second")
    _write(project, "second", "select shop_id from marts.first")
    with pytest.raises(ConfigError, match="cycle: first, second"):
        _load(project)


def test_table_written_twice_and_model_reading_staging_are_refused(project: Path) -> None:
    _write(project, "groups")
    model = project / "include/models/c_model.toml"
    model.write_text(MODEL.format(writes="groups", sql="select shop_id from marts.groups"))
    with pytest.raises(ConfigError, match=r"c_model\.toml: writes marts\.groups"):
        _load(project)
    model.write_text(MODEL.format(writes="x", sql="select shop_id from staging.order_lines"))
    with pytest.raises(ConfigError, match=r"c_model\.toml: the input 'rows' reads staging"):
        _load(project)


def test_the_project_s_own_catalogue_is_quick_and_needs_no_data_library() -> None:
    load_catalog()
    started = time.process_time()
    load_catalog()
    assert time.process_time() - started < 0.2
    code = (
        "import sys, time; from ecorse.refresh.catalog import load_catalog;"
        "t = time.process_time(); load_catalog(); took = time.process_time() - t;"
        "assert took < 1, took;"
        "heavy = {'polars', 'pandas', 'numpy', 'sklearn'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
