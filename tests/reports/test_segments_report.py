"""The report on segments: each figure beside SQL of its own, hostile text, figures that follow."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from typer.testing import CliRunner

from claims_in_sql import claims_that_differ
from ecorse import flow
from ecorse.cli import app
from ecorse.errors import DataError
from ecorse.reports.nights import read_nights
from ecorse.reports.segments import places, plots, write
from ecorse.reports.segments.blocks import Page, Plot
from ecorse.reports.segments.page import make_page
from ecorse.reports.segments.read import Facts, read_facts
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame
from ecorse.warehouse.snapshot import BUILD, TABLES, Build, Snapshot
from sentences_in_sql import check_sentences

SHOP_NAME = "A | <b>shop</b> *x* \\u202e $5$"
SHOP = f"""
[[shops]]
shop_id = "main"
shop_name = "{SHOP_NAME}"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "online_retail"
origin = "simulate"
options = {{ seed = 4, customers = 160, format = "online_retail" }}
[[shops.sources]]
source = "customer_personality"
origin = "simulate"
options = {{ seed = 4, customers = 160, format = "customer_personality" }}
"""
OF_SHOP = "shop_id = 'main-simulated'"


class Tables(HTMLParser):
    """Tables of a page: (anchor of the section, caption) to rows of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[tuple[str, str], list[list[str]]] = {}
        self.anchor, self.caption, self.into = "", "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("h2", "h3"):
            self.anchor = dict(attrs)["id"]
        elif tag == "caption":
            self.caption, self.into = "", "caption"
        elif tag == "tr":
            self.row = []
        elif tag in ("td", "th"):
            self.row.append("")
            self.into = "cell"

    def handle_endtag(self, tag):
        if tag in ("td", "th", "caption"):
            self.into = None
        elif tag == "tr":
            self.found.setdefault((self.anchor, self.caption), []).append(self.row)

    def handle_data(self, data):
        if self.into == "caption":
            self.caption += data
        elif self.into == "cell":
            self.row[-1] += data


@pytest.fixture(scope="module")
def two_nights(snapshot, tmp_path_factory):
    """A simulated shop with customers: a night of the first ten months, then of the year.

    With it the page of the second night, written by its own function.
    """
    folder = tmp_path_factory.mktemp("report")
    path = folder / "shops.toml"
    path.write_text(SHOP)

    def fill() -> tuple[int, Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_SHOPS_FILE", str(path))
            get_settings.cache_clear()
            flow.ingest_all(holder="test")
            flow.refresh(as_of=datetime(2019, 11, 1, tzinfo=UTC), holder="test")
            made = flow.refresh(holder="test").build_id
            (page,) = write.write_reports(folder=folder / "written")
            return made, page

    return snapshot(fill)


@pytest.fixture
def build_id(two_nights, restore) -> int:
    """A warehouse of its own with the two nights; gives the second one's id."""
    return restore(two_nights)[0]


@pytest.fixture
def page(two_nights, snapshot_of) -> Iterator[Path]:
    """The page of the second night, its warehouse around it to be read only."""
    with snapshot_of(two_nights):
        yield two_nights.result[1]


def facts() -> Facts:
    snapshot = Snapshot()
    try:
        known = snapshot.tables()
        return read_facts(snapshot.read, known, snapshot.build, "main-simulated")
    finally:
        snapshot.close()


def rows(query: str) -> list[tuple]:
    with connect() as conn:
        conn.execute("set search_path = marts")
        return conn.execute(query).fetchall()


class Pictures(dict):
    """Where a figure would be: nowhere."""

    def __missing__(self, name: str) -> str:
        return "data:image/png;base64,"


def text_of(page: Page) -> str:
    """The page in Markdown, its figures left out."""
    return write.render(page, "markdown", Pictures())


def pct(alias: str) -> str:
    """A share as the page writes it, by Postgres."""
    return f"coalesce(to_char(100 * {alias}::numeric, 'FM999990.0') || ' %', '–')"


def num(alias: str, digits: str) -> str:
    return f"coalesce(to_char({alias}::numeric, 'FM999,999,990{digits}'), '–')"


EXPECTED = {
    ("results", "The segments"): f"""
        select s.segment_name, s.meaning, {num("s.members", "")}, {pct("s.share")},
            {num("p.orders", "")},
            coalesce(to_char(p.revenue, 'FM999,999,990.00') || ' USD', '–'),
            {pct("p.revenue_share")},
            coalesce(to_char(p.average_order_value, 'FM999,999,990.00') || ' USD', '–')
        from segments as s left join segment_profiles as p using
            (shop_id, segmentation, segment_id)
        where s.{OF_SHOP} and segmentation = '{{0}}'""",
    ("results", "What is true of most members and untrue of most others"): f"""
        select s.segment_name, t.claim, {pct("t.inside_share")}, {pct("t.outside_share")}
        from segment_traits as t inner join segments as s using
            (shop_id, segmentation, segment_id)
        where t.{OF_SHOP} and segmentation = '{{0}}' and t.claim is not null""",
    ("choices", "Every number of segments that was tried"): f"""
        select k::text, {num("silhouette", ".000")}, {num("calinski_harabasz", ".0")},
            {num("stability", ".000")}, {pct("smallest_share")},
            case when is_elbow then 'yes' else '' end, case when is_chosen then 'yes' else '' end,
            reason
        from segmentation_k where {OF_SHOP} and segmentation = '{{0}}'""",
    ("choices", "Every density that was tried"): f"""
        select setting::text, min_samples::text, {num("eps", ".000")}, segments::text,
            {pct("noise_share")}, {num("density_validity", ".000")},
            case when is_chosen then 'yes' else '' end, reason
        from segmentation_density_grid where {OF_SHOP} and segmentation = '{{0}}'""",
    ("approach", "Left out"): f"""
        select replace(feature, '_', ' '), {pct("known_share")}, reason
        from segmentation_features
        where {OF_SHOP} and segmentation = '{{0}}' and not is_used""",
    ("what", "Largest moves"): f"""
        select from_segment_name, to_segment_name, {num("members", "")}, {pct("share_of_from")}
        from segment_migrations where {OF_SHOP} and segmentation = '{{0}}' and is_move
        order by members desc, from_segment_id, to_segment_id limit 10""",
}  # fmt: skip
ACTIONS = f"""
    select what_to_do, replace(segmentation, '_', ' '), concat_ws(', ',
            to_char(from_hour, 'FM00') || ':00 to ' || to_char(to_hour + 1, 'FM00') || ':00',
            'within ' || within_days || case within_days when 1 then ' day' else ' days' end
                || ' of the last purchase'),
        {num("addressed", "")},
        {num("effect_size", ".00")} || ' ×', {num("effect_low", ".00")} || ' ×',
        coalesce(to_char(effect_high::numeric, 'FM999,999,990.00') || ' ×', 'no limit'),
        coalesce(to_char(expected_value, 'FM999,999,990.00') || ' USD', '–'), expires_on::text
    from segment_actions where {OF_SHOP} order by action_rank limit 20"""  # fmt: skip


def in_order(table: list) -> list[tuple[str, ...]]:
    return sorted(tuple(map(str, row)) for row in table)


def test_every_figure_of_every_table_is_that_of_sql(page):
    found = Tables(page.read_text()).found
    unseen = set(EXPECTED)
    methods = [m for (m,) in rows(f"select method from model_status where {OF_SHOP} "
                                  "and task = 'segment'")]  # fmt: skip
    assert len(methods) >= 10
    seen = set()
    for method in methods:
        for (part, caption), query in EXPECTED.items():
            expected = rows(query.format(method))
            here = [
                (key, table)
                for key, table in found.items()
                if key[0] == f"of-{method}-{part}" and key[1].startswith(caption)
            ]
            assert len(here) == (1 if expected else 0), (method, caption)
            if expected:
                if caption == "The segments" and {row[4] for row in expected} <= {"0", "–"}:
                    expected = [row[:4] for row in expected]
                elif caption == "The segments" and method == "orders":
                    expected = [(*row[:4], *row[5:]) for row in expected]
                assert in_order(here[0][1][1:]) == in_order(expected), (method, caption)
                seen.add(here[0][0])
                unseen.discard((part, caption))
    assert unseen == set(), "each kind of table was compared at least once"
    assert [*found[("actions", "Actions")][0]][4:7] == ["Effect", "at least", "at most"]
    assert in_order(found[("actions", "Actions")][1:]) == in_order(rows(ACTIONS))
    overview = found[("overview", "The segmentations of this shop")][1:]
    assert [int(row[1].replace(",", "")) for row in overview] == [
        int(n)
        for (n,) in rows(
            "select sum(members) from segments as s inner join model_status as m "
            "on m.shop_id = s.shop_id and m.method = s.segmentation and m.task = 'segment' "
            f"where s.{OF_SHOP} group by entity, method "
            "order by case entity when 'customer' then 1 when 'order' then 2 else 3 end, method"
        )
    ]
    known = {("actions", "Actions"), ("overview", "The segmentations of this shop")}
    assert set(found) == seen | known, "no table is left out of the comparison"


def test_markdown_says_the_same_as_the_page(page):
    cells = [cell for table in Tables(page.read_text()).found.values() for r in table for cell in r]
    lines = page.with_suffix(".md").read_text().splitlines()
    told = [line for line in lines if line.startswith("| ") and not line.startswith("| ---")]
    plain = [
        re.sub(r"\\(.)", r"\1", cell).strip()
        for line in told
        for cell in re.split(r"(?<!\\)\|", line)[1:-1]
    ]
    assert [unescape(cell) for cell in plain] == [cell.strip() for cell in cells]
    pictures = re.findall(r"!\[.*\]\((.*)\)", page.with_suffix(".md").read_text())
    assert len(pictures) > 20
    assert all((page.parent / picture).is_file() for picture in pictures)


def test_sentences_state_the_tables_figures(page):
    told = text_of(make_page(facts()))
    moves = rows(
        "select previous_date, sum(members) filter (where from_segment_id = to_segment_id), "
        "coalesce(sum(members) filter (where is_move), 0), "
        "coalesce(sum(members) filter (where from_segment_id < 0), 0), "
        "coalesce(sum(members) filter (where to_segment_id < 0), 0) from segment_migrations "
        f"where {OF_SHOP} and segmentation = 'rfm' group by previous_date"
    )
    ((before, stayed, moved, new, gone),) = moves
    assert moved > 0
    assert (
        f"Since {before}: {stayed} customers stayed in their segment, {moved} moved to another, "
        f"{new} are new and {gone} are gone." in told
    )
    ((k, reason),) = rows(
        f"select k, reason from segmentation_k where {OF_SHOP} and segmentation = 'customers' "
        "and is_chosen"
    )
    assert f"{k} segments were chosen: {reason.removeprefix('chosen: ')}." in told
    for (reason,) in rows(f"select reason from model_status where {OF_SHOP} and task = 'segment'"):
        assert str(write.markdown(reason))[10:] in told
    for (finding,) in rows(f"select finding from segments where {OF_SHOP} and finding is not null"):
        assert str(write.markdown(finding)) in told


def test_every_sentence_is_counted_again_in_sql(page):
    """Also those in cells of tables; one that no rule knows fails, as does one that is wrong."""
    told = page.with_suffix(".md").read_text()
    with connect() as conn:
        found = check_sentences(conn, told, "main-simulated")
        assert (found.unknown, found.wrong) == ([], [])
        assert found.sentences > 250
        assert len(found.used) > 20
        methods = conn.execute(
            f"select distinct segmentation from marts.segment_traits where {OF_SHOP} "
            "and segmentation <> 'attributes'"
        ).fetchall()
        for (method,) in methods:
            _, wrong = claims_that_differ(conn, method)
            assert wrong == [], method


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (r"It parts (\d)", r"It parts 9\1"),
        (r"About (\d) of 10 customers", "About 0 of 10 customers"),
        (r"(\d) of 10 (spent [^,|]*), of all others (\d)", r"\1 of 10 \2, of all others 1\3"),
        (r"spent (\d+) or more in all", r"spent 1\1 or more in all"),
        (r"silhouette 0\.(\d\d)", r"silhouette 1.\1"),
        (r"elbow at (\d)", r"elbow at 1\1"),
        (r"Calinski-Harabasz prefers? it", "elbow prefers it"),
        (r"agreement with the others 0", "agreement with the others 1"),
        (r"(\d+) are new and", r"1\1 are new and"),
        (r"largest PSI 0", "largest PSI 1"),
        (r"Features used \((\d+)\)", r"Features used (1\1)"),
        (r"if (\d\.\d) % of those", r"if 1\1 % of those"),
        (r"kept by the principal components: \d", "kept by the principal components: 1"),
    ],
)  # fmt: skip
def test_a_sentence_that_is_wrong_is_noticed(page, pattern, instead):
    told = page.with_suffix(".md").read_text()
    changed = re.sub(pattern, instead, told)
    assert changed != told
    with connect() as conn:
        found = check_sentences(conn, changed, "main-simulated")
    assert found.wrong or found.unknown


CHANGES = [
    ("segments", "members = members + 1"),
    ("segments", "share = share / 2"),
    ("segments", "finding = 'Look twice.'"),
    ("segment_profiles", "orders = orders + 1"),
    ("segment_profiles", "revenue_share = revenue_share / 2"),
    ("segment_profiles", "revenue = revenue + 1"),
    ("segment_traits", "inside_share = inside_share - 0.01"),
    ("segment_migrations", "members = members + 1"),
    ("segment_drift", "psi = psi + 1"),
    ("segment_actions", "expected_value = expected_value + 1"),
    ("segment_actions", "effect_low = effect_low / 2"),
    ("segmentation_k", "silhouette = silhouette / 2"),
    ("segmentation_features", "reason = 'nobody knows' where not is_used"),
    ("segmentation_density_grid", "noise_share = noise_share / 2"),
    ("segmentation_trials", "reason = 'a whim'"),
    ("model_status", "reason = 'a whim'"),
    ("model_scores", "value = value + 1"),
]


def test_a_figure_changed_in_a_table_changes_the_report(two_nights, snapshot_of):
    """In a transaction that is rolled back: nothing that the page says is from elsewhere."""
    with snapshot_of(two_nights), connect() as conn:
        conn.execute("set search_path = marts")
        conn.commit()

        def told() -> str:
            row = conn.execute(BUILD).fetchone()
            known = {str(name): "" for (name, *_) in conn.execute(TABLES).fetchall()}

            def read(query, parameters=()):
                return read_frame(conn, query, parameters)

            return text_of(make_page(read_facts(read, known, Build(*row), "main-simulated")))

        before = told()
        assert told() == before
        for table, change in CHANGES:
            conn.rollback()
            assert conn.execute(f"update builds.{table} set {change}").rowcount > 0, table
            assert told() != before, (table, change)
        conn.rollback()


def test_foreign_text_is_shown_and_never_obeyed(build_id):
    with connect() as conn:
        conn.execute(
            "update builds.segments set segment_name = '<script>alert(1)</script> | $x_1$ "
            "' || segment_id, meaning = '**bold** [a](javascript:x) \u202e'"
        )
    made = make_page(facts())
    plain, page = text_of(made), write.render(made, "html", Pictures())
    assert "<script" not in page
    assert "<b>shop" not in page
    assert "<script" not in plain
    assert "<b>shop" not in plain
    assert "\u202e" not in page + plain
    assert "\\u202e" in page
    assert "A | &lt;b&gt;shop&lt;/b&gt; *x*" in page
    assert r"A \| &lt;b&gt;shop&lt;/b&gt; \*x\*" in plain
    assert "[a](javascript" not in plain
    assert r"\[a\](javascript" in plain
    drawn = [b for s in made.sections for b in s.blocks if isinstance(b, Plot)]
    assert all(block.draw() for block in drawn if block.name.startswith(("rfm-", "orders-")))
    assert not re.findall(r"<(?:link|script|iframe|object)|src=\"(?!data:image/png)|url\(", page)


def test_figures_can_be_read(page):
    """Every kind is drawn, none is empty, and none is so large that a page cannot show it."""
    kinds = set()
    for path in page.parent.glob("*.png"):
        picture = Image.open(BytesIO(path.read_bytes())).convert("L")
        assert picture.width == 800
        assert 200 < picture.height < 1400
        assert picture.getextrema()[0] < 60, "ink"
        kinds.add(path.stem.rsplit("-", 1)[1])
    assert kinds == {
        "sizes", "scatter", "profile", "k", "distance", "dendrogram", "migration", "rfm"
    }  # fmt: skip


def test_the_command_and_the_nights_page(build_id, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "png", lambda _: b"a figure")
    ran = CliRunner().invoke(app, ["report", "segments", "--out", str(tmp_path / "here")])
    assert ran.exit_code == 0, ran.output
    assert (tmp_path / "here" / "segments-main-simulated.html").is_file()
    assert places.shops_of(build_id) == []
    told: list[str] = []
    (path,) = write.write_after_night(told.append)
    assert told == [f"wrote {path}"]
    assert path.parent == places.folder_of(build_id)
    assert read_nights()["reports"] == ["main-simulated"]
    client = application()
    link = re.search(r'href="(segments\?[^"]*)"', client.get("/").text)
    assert link is not None
    page = client.get("/" + link[1].replace("&amp;", "&"))
    assert page.status_code == 200
    assert page.text == path.read_text()
    assert "img-src data:" in page.headers["Content-Security-Policy"]
    for shop in ("other", "../../secrets/x", "..%2f..%2fx"):
        assert client.get("/segments", params={"build": build_id, "shop": shop}).status_code == 404
    (path.parent.parent / "999").mkdir()
    write.write_after_night(told.append)
    assert not (path.parent.parent / "999").exists(), "of a build that is not kept"
    with pytest.raises(DataError, match="no segments of shop 'x'; it has those of main-simulated"):
        write.write_reports("x")


def test_a_report_that_fails_leaves_the_night(build_id, monkeypatch):
    def broken(*_):
        raise ValueError("odd")

    monkeypatch.setattr(write, "read_facts", broken)
    told: list[str] = []
    assert write.write_after_night(told.append) == []
    assert "The night is published, but its report on segments is not written" in told[0]
    assert "ecorse report segments" in told[0]


def application() -> TestClient:
    """The plugin's own application, without Airflow around it."""
    path = PROJECT_DIR / "plugins" / "ecorse_plugin.py"
    spec = importlib.util.spec_from_file_location("ecorse_plugin", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return TestClient(module.app)


@pytest.mark.slow
def test_a_customer_file_alone_is_segmented_and_what_is_left_out_is_said(
    warehouse, tmp_path, shared_data, monkeypatch
):
    """The public file, read a second way: which columns part nobody, and of how many each is."""
    file = shared_data / "customer_personality" / "marketing_campaign.csv"
    raw = pl.read_csv(file, separator="\t", infer_schema=False)
    club = SHOP.partition("[[shops.sources]]")[0].replace('"main"', '"club"')
    path = tmp_path / "shops.toml"
    path.write_text(
        club + '[[shops.sources]]\nsource = "customer_personality"\norigin = "folder"\n'
        f'options = {{ path = "{file.parent}" }}\n'
    )
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(path))
    get_settings.cache_clear()
    flow.ingest_all(holder="test")
    made = flow.refresh(holder="test")
    assert made.is_published
    (page,) = write.write_reports("club", tmp_path)
    found = Tables(page.read_text()).found
    left = {row[0]: row[2] for key, t in found.items() for row in t if key[1].startswith("Left")}
    same = {c for c in raw.columns if raw[c].drop_nulls().n_unique() == 1}
    assert same == {"Z_CostContact", "Z_Revenue"}
    assert {name for name, why in left.items() if "the same everywhere" in why} == {
        "contact cost", "contact revenue"
    }  # fmt: skip
    assert "it is a date" in left["customer since date"]
    known = raw["Income"].is_not_null().mean()
    assert f"income ({100 * known:.1f} %)" in page.read_text()
    segments = found[("of-attributes-results", "The segments")]
    assert segments[0] == ["Segment", "What it means", "Customers", "Share"]
    assert sum(int(row[2].replace(",", "")) for row in segments[1:]) == raw.height
    assert "No declared action has an effect" in page.read_text()


def test_a_shop_without_an_order_has_a_night(warehouse, tmp_path, monkeypatch):
    """Its segments date from the day, on its own clock, on which its last file came."""
    path = tmp_path / "shops.toml"
    parts = SHOP.split("[[shops.sources]]")
    path.write_text(parts[0] + "[[shops.sources]]" + parts[2].replace("160", "60"))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(path))
    get_settings.cache_clear()
    flow.ingest_all(holder="test")
    assert flow.refresh(holder="test").is_published
    came = rows("select (max(known_at) at time zone 'America/New_York')::date from ops.load")
    assert rows("select distinct event_date from segment_events") == came
