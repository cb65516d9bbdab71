"""The catalogue: what it reads from SQL files and declarations, its order, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ecorse.errors import ConfigError
from ecorse.refresh.catalog import Catalog, load_catalog
from ecorse.settings import Settings

HEADER = 'about = "A mart."\ngrain = ["shop_id"]\nmaterialized = "table"\n'
CHECK = '[[checks]]\ncheck = "unique"\ncolumns = ["shop_id"]\n'
COMMENTS = 'shop_id = "The shop"\nlines = "Lines"\n'
MODEL = (  # its lists go to item_similarity
    '[model]\nclass = "package.module:Class"\nanswers = ["items"]\n'
    '[inputs]\nproducts = "{sql}"\ninteractions = "{sql}"\n'
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder with comments for shop_id and lines, and nothing shipped below it."""
    monkeypatch.setattr("ecorse.layers.SHIPPED_DIR", tmp_path / "shipped")
    (tmp_path / "include/sql/marts/core").mkdir(parents=True)
    (tmp_path / "include/sql/checks").mkdir()
    (tmp_path / "include/models").mkdir()
    (tmp_path / "include/sql/marts/_columns.toml").write_text(COMMENTS)
    return tmp_path


def _write(
    project: Path,
    name: str,
    sql: str = "select shop_id from staging.order_lines",
    header: str = HEADER,
    area: str = "core",
) -> Path:
    path = project / "include/sql/marts" / area / f"{name}.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"/*\n{header}*/\n{sql}\n")
    return path


def _write_check(
    project: Path, name: str, sql: str, header: str = 'level = "fail"\nsentence = "Odd"\n'
) -> None:
    (project / "include/sql/checks" / f"{name}.sql").write_text(f"/*\n{header}*/\n{sql}\n")


def _load(project: Path) -> Catalog:
    return load_catalog(Settings(project_dir=project))


def test_mart_has_what_header_and_select_say(project: Path) -> None:
    sql = (
        "with o as (select shop_id, count(*) as n from staging.order_lines group by shop_id)\n"
        "select o.shop_id, cast(o.n as bigint) as lines from o "
        "inner join marts.shops as s on o.shop_id = s.shop_id;"
    )
    header = HEADER + '[columns]\nlines = "Lines of the shop"\n'
    header += '[[checks]]\ncheck = "between"\ncolumns = ["lines"]\nat_least = 1\nlevel = "warn"\n'
    path = _write(project, "line_counts", sql, header)
    _write_check(project, "line_counts.odd", "select shop_id from marts.line_counts")
    _write(project, "shops")
    mart = _load(project).marts["line_counts"]
    assert (mart.name, mart.path, mart.about) == ("line_counts", path, "A mart.")
    assert (mart.grain, mart.materialized, mart.is_unique) == (("shop_id",), "table", True)
    # its own comment wins over the shared one; order of the select
    assert list(mart.comments.items()) == [("shop_id", "The shop"), ("lines", "Lines of the shop")]
    assert (mart.area, mart.file) == ("core", "include/sql/marts/core/line_counts.sql")
    assert (mart.reads, mart.reads_staging) == (("shops",), ("order_lines",))
    assert [(check.name, check.level, check.sentence) for check in mart.bound_checks()] == [
        ("grain_is_not_null", "fail", "A column of the grain (shop_id) is null"),
        ("grain_is_unique", "fail", "More than one row per shop_id"),
        ("between_lines", "warn", "lines is below 1"),
        ("odd", "fail", "Odd"),
    ]
    # behind blank lines, so that a syntax error names the line of the file
    assert mart.sql.lstrip("\n").startswith("with o")
    assert not mart.sql.endswith(";")


def test_grain_that_is_not_unique_is_checked_for_nulls_only(project: Path) -> None:
    _write(project, "some", header=HEADER + "is_unique = false\n")
    checks = _load(project).marts["some"].bound_checks()
    assert [check.name for check in checks] == ["grain_is_not_null"]


def test_steps_come_after_what_they_read_and_by_name(project: Path) -> None:
    # z reads staging; b and model c read z; a reads what the model writes
    _write(project, "z")
    _write(project, "b", "select shop_id from marts.z")
    _write(project, "a", "select shop_id from marts.item_similarity")
    declaration = MODEL.format(sql="select shop_id from marts.z")
    (project / "include/models/recommend_c.toml").write_text(declaration)
    catalog = _load(project)
    assert [[step.name for step in level] for level in catalog.levels()] == [
        ["z"],
        ["b", "recommend_c"],
        ["a"],
    ]
    assert [step.name for step in catalog.steps()] == ["z", "b", "recommend_c", "a"]
    model = catalog.step("recommend_c")
    assert (model.kind, model.reads) == ("model", frozenset({"z"}))
    assert model.writes == ("item_similarity", "model_scores", "model_status")
    assert catalog.writers_of("item_similarity") == [model]


def test_changed_file_is_read_again(project: Path) -> None:
    _write(project, "some")
    assert _load(project).marts["some"].about == "A mart."
    _write(project, "some", header=HEADER.replace("A mart.", "Another."))
    assert _load(project).marts["some"].about == "Another."


STAR = "with final as (select shop_id from staging.order_lines) select * from final"


@pytest.mark.parametrize(
    ("header", "sql", "message"),
    [
        ('about = "x"\ngrain = ["shop_id"]\n', "", "materialized is missing"),
        ("about = x\n", "", "not valid TOML"),
        (HEADER + 'owner = "me"\n', "", "owner: no such key"),
        (
            HEADER.replace("table", "index"),
            "",
            "'index': expected 'table' or 'view'",
        ),
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
        (HEADER + '[[checks]]\nname = "x"\n', "", r"checks\[0\].check is missing: expected acc"),
        (HEADER + CHECK.replace('"unique"', '"best"'), "", r"check = 'best': expected accepted"),
        (HEADER + CHECK + 'level = "stop"\n', "", r"level = 'stop': expected 'fail' or 'warn'"),
        (HEADER + CHECK + 'where = "shop_id ="\n', "", "is not a condition such as"),
        (HEADER + CHECK + CHECK, "", "two checks called 'unique_shop_id'"),
        (HEADER + CHECK + 'name = "grain_is_unique"\n', "", "two checks called 'grain_is_unique'"),
        (
            HEADER + '[[checks]]\ncheck = "covers"\ntable = "marts.gone"\n',
            "",
            "check covers_gone.*marts.gone",
        ),
        (
            HEADER + CHECK + 'where = "shop_id in (select shop_id from marts.gone)"\n',
            "",
            "check unique_shop_id.*marts.gone",
        ),
        (HEADER, "select daypart() as shop_id from staging.order_lines", "takes one argument"),
    ],
)
def test_wrong_file_is_refused_by_name(project: Path, header: str, sql: str, message: str) -> None:
    _write(project, "some", sql or "select shop_id from staging.order_lines", header)
    with pytest.raises(ConfigError, match=message) as caught:
        _load(project)
    assert "some" in str(caught.value)


def test_file_without_header_is_refused(project: Path) -> None:
    (project / "include/sql/marts/core/some.sql").write_text("select 1 as shop_id")
    with pytest.raises(ConfigError, match=r"some\.sql: has no header"):
        _load(project)


def test_all_mistakes_of_a_file_are_told_at_once(project: Path) -> None:
    sql = "select shop_id, order_id, quantity from staging.order_lines"
    _write(project, "some", sql, HEADER.replace('"shop_id"', '"shop_id", "day"'))
    with pytest.raises(ConfigError, match="3 mistakes") as caught:
        _load(project)
    for mistake in ("names 'day'", "'order_id' has no comment", "'quantity' has no comment"):
        assert mistake in str(caught.value)


@pytest.mark.parametrize(
    ("name", "sql", "header", "message"),
    [
        ("gone.odd", "select 1 as x", None, r"gone\.odd\.sql.*'gone' is no mart"),
        ("some", "select 1 as x", None, r"some\.sql: call it <mart>\.<check>\.sql"),
        ("some.Odd", "select 1 as x", None, r"call it <mart>\.<check>\.sql"),
        ("some.odd", "select 1 +", None, r"some\.odd\.sql: the SQL cannot be read"),
        ("some.odd", "select shop_id from marts.gone", None, r"some\.odd\.sql: reads marts\.gone"),
        ("some.odd", "select 1 as x", 'level = "fail"\n', "sentence is missing; expected what is"),
    ],
)
def test_wrong_check_file_is_refused_by_name(
    project: Path, name: str, sql: str, header: str | None, message: str
) -> None:
    _write(project, "some")
    _write_check(project, name, sql, *([header] if header else []))
    with pytest.raises(ConfigError, match=message):
        _load(project)


def test_a_mart_s_name_is_unique_over_all_areas_and_no_mart_is_without(project: Path) -> None:
    _write(project, "some")
    twin = _write(project, "some", area="sales")
    with pytest.raises(ConfigError, match=r"sales.some\.sql: .*core.some\.sql makes 'some' too"):
        _load(project)
    twin.rename(project / "include/sql/marts/other.sql")
    with pytest.raises(ConfigError, match=r"other\.sql: move it into the folder of its area"):
        _load(project)


def test_areas_come_after_what_they_need_and_are_cut_where_a_model_stands_between(
    project: Path,
) -> None:
    # core a <- sales b (reads a) <- core c (reads b): core cannot be one area
    # a <- model m <- sales d, which reads m's table: sales is cut by the model
    _write(project, "a")
    _write(project, "b", "select shop_id from marts.a", area="sales")
    _write(project, "c", "select shop_id from marts.b")
    _write(project, "d", "select shop_id from marts.item_similarity", area="sales")
    _write(project, "e", "select shop_id from marts.d", area="sales")
    _write(project, "f", "select shop_id from marts.a", area="quality")
    declaration = MODEL.format(sql="select shop_id from marts.a")
    (project / "include/models/recommend_m.toml").write_text(declaration)
    areas = _load(project).areas()
    assert [(area.name, area.kind, [s.name for s in area.steps]) for area in areas] == [
        ("core", "marts", ["a"]),
        ("quality", "marts", ["f"]),
        ("recommend_m", "model", ["recommend_m"]),
        ("sales", "marts", ["b", "d", "e"]),
        ("core_2", "marts", ["c"]),
    ]


def test_the_project_s_own_areas_are_whole(project: Path) -> None:
    names = [area.name for area in load_catalog().areas() if area.kind == "marts"]
    assert names == sorted(set(names), key=names.index)
    assert not [name for name in names if name[-1].isdigit()]


def test_cycle_names_who_waits_for_whom(project: Path) -> None:
    _write(project, "first", "select shop_id from marts.second")
    _write(project, "second", "select shop_id from marts.first")
    _write(project, "third", "select shop_id from marts.second")  # only waits for the two
    _write(project, "fourth", "select shop_id from marts.third")
    with pytest.raises(ConfigError, match=r"cycle: first, second\."):
        _load(project)


def test_table_written_twice_and_model_reading_staging_are_refused(project: Path) -> None:
    _write(project, "item_similarity")
    model = project / "include/models/recommend_c.toml"
    model.write_text(MODEL.format(sql="select shop_id from marts.item_similarity"))
    with pytest.raises(ConfigError, match=r"recommend_c\.toml: writes marts\.item_similarity"):
        _load(project)
    model.write_text(MODEL.format(sql="select shop_id from staging.order_lines"))
    with pytest.raises(ConfigError, match=r"recommend_c\.toml: the input 'products' reads staging"):
        _load(project)


def test_the_project_s_own_catalogue_needs_no_data_library() -> None:
    code = (
        "import sys; from ecorse.refresh.catalog import load_catalog; load_catalog();"
        "heavy = {'polars', 'pandas', 'numpy', 'sklearn'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
