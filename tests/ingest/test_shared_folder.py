"""A folder handed over for all sources: each loads the files that it recognises."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import ContractError
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

SHOPS = """
[[shops]]
shop_id = "us"
shop_name = "A"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "simulate"
reading = { customer_rungs = ["address"] }

[[shops]]
shop_id = "uk"
shop_name = "B"
time_zone = "Europe/London"
currency = "GBP"
[[shops.sources]]
source = "online_retail"
origin = "folder"
options = { path = "nowhere" }
"""
SALES = (
    "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
    '7,iPhone,1,700,04/19/19 08:46,"1 Elm St, Boston, MA 02215"\n'
    '8,iPhone,1,700,04/20/19 08:46,"1 ELM St,  Boston, MA 02215"\n'
)
RETAIL = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    "536365,85123A,HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
)


@pytest.fixture
def folder(warehouse, tmp_path, monkeypatch):
    (tmp_path / "shops.toml").write_text(SHOPS)
    (tmp_path / "project" / "include").mkdir(parents=True)
    (tmp_path / "project" / "include" / "shops.toml").write_text(SHOPS)
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(tmp_path / "shops.toml"))
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path / "project"))
    get_settings.cache_clear()
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.csv").write_text(SALES)
    (folder / "b.csv").write_text(RETAIL)
    return folder


def ingest(shop, source, folder, **how):
    return flow.ingest(shop, source, origin="folder", data=str(folder), holder="test", **how)


def shared(shop, source, folder, among="all"):
    """Names of the files that a source loads of a folder that is meant for every source."""
    summary = ingest(shop, source, folder, for_every_source=among)
    return [load.file_name for load in summary.loads]


def test_each_source_takes_its_own_files(folder):
    assert shared("us", "sales_csv", folder) == ["a.csv"]
    assert shared("uk", "online_retail", folder) == ["b.csv"]
    with connect() as conn:
        assert conn.execute(
            "select shop_id, source, rows_staged from ops.load order by load_id"
        ).fetchall() == [("us", "sales_csv", 2), ("uk", "online_retail", 1)]
        # the shop says that addresses make customers: one key, which does not tell the address
        found = conn.execute(
            "select distinct customer_id, customer_key_kind from staging.order_lines "
            "where shop_id = 'us'"
        ).fetchall()
    assert len(found) == 1
    assert found[0][1] == "address"
    assert found[0][0].startswith("address-")
    assert "elm" not in found[0][0].lower()


def test_a_file_that_none_recognises_is_refused_once(folder):
    (folder / "c.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ContractError, match=r"c\.csv"):
        shared("us", "sales_csv", folder)
    assert shared("uk", "online_retail", folder) == ["b.csv"]


def test_within_a_shop_a_file_that_none_recognises_is_told_there(folder):
    """One that a source reads which the shop has not configured is that source's."""
    (folder / "c.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ContractError, match=r"1 of 2 files refused.*c\.csv.*source draft c\.csv"):
        shared("uk", "online_retail", folder, "shop")


def loads():
    with connect() as conn:
        return conn.execute(
            "select shop_id, source, file_name, rows_staged from ops.load order by 1, 2, 3"
        ).fetchall()


def test_every_source_there_is_takes_part_under_the_first_shop(folder):
    """A mapping of the project and one that ships, which no shop has configured."""
    (folder / "d.csv").write_text("id,name,price\np1,Pen,2.50\n")
    (folder / "e.csv").write_text("Kassenbon,Ware,Stück,Preis,Tag\n1,Pen,2,2.50,2024-05-01\n")
    write_mapping("till", TILL)
    write_mapping("broken", "about = 3")
    write_mapping("empty", "")  # what the shell makes before a draft is written to it
    told = []
    summaries, failure = flow.ingest_all(data=str(folder), holder="test", progress=told.append)
    assert failure is None
    assert {(s.shop_id, s.source) for s in summaries} == {
        ("us", "sales_csv"), ("uk", "online_retail"), ("us", "products"), ("us", "till"),
    }  # fmt: skip
    assert loads() == [
        ("uk", "online_retail", "b.csv", 1), ("us", "products", "d.csv", 1),
        ("us", "sales_csv", "a.csv", 2), ("us", "till", "e.csv", 1),
    ]  # fmt: skip
    assert any("till: configured for no shop, so its files are loaded for us (USD" in t
               for t in told)  # fmt: skip


def test_a_source_that_is_named_need_not_be_configured(folder):
    write_mapping("till", TILL)
    (folder / "e.csv").write_text("Kassenbon,Ware,Stück,Preis,Tag\n1,Pen,2,2.50,2024-05-01\n")
    summaries, failure = flow.ingest_all(
        "uk", "till", data=str(folder / "e.csv"), holder="test", progress=str
    )
    assert failure is None
    assert [(s.shop_id, s.source) for s in summaries] == [("uk", "till")]
    assert loads() == [("uk", "till", "e.csv", 1)]


def test_a_file_that_two_sources_fit_equally_is_asked_about(folder):
    for name in ("till", "zill"):
        write_mapping(name, TILL)
    (folder / "e.csv").write_text("Kassenbon,Ware,Stück,Preis,Tag\n1,Pen,2,2.50,2024-05-01\n")
    _, failure = flow.ingest_all(data=str(folder), holder="test", progress=str)
    assert "sources till and zill fit this file equally" in str(failure)
    assert "--source till or --source zill" in str(failure)
    assert [load[2] for load in loads()] == ["b.csv", "a.csv"]  # the others are in


def test_names_that_a_mapping_gives_prove_nothing(folder):
    """A source of files without a header takes those whose rows it accepts, no others."""
    names = "header_rows = 0\nnames = ['Kassenbon', 'Ware', 'Stück', 'Preis', 'Tag']\n"
    write_mapping("bare", names + TILL)
    (folder / "e.csv").write_text("1,Pen,2,2.50,2024-05-01\n2,Pen,2,2.50,2024-05-02\n")
    (folder / "f.csv").write_text("a,b,c,d,e\n1,2,3,4,5\n")
    _, failure = flow.ingest_all(data=str(folder), holder="test", progress=str)
    assert "f.csv: none of the" in str(failure)
    assert ("us", "bare", "e.csv", 2) in loads()


def test_files_that_rows_are_completed_from_are_no_files_of_rows(folder):
    """In a folder for all sources, and in one for that source alone."""
    looked_up = TILL.replace('  { name = "Preis", target = "unit_price", type = "decimal" },\n', "")
    write_mapping("till", looked_up + PRICES)
    (folder / "e.csv").write_text("Kassenbon,Ware,Stück,Tag\n1,Pen,2,2024-05-01\n")
    (folder / "preise.csv").write_text("Artikel,Betrag\nPen,2.50\n")
    _, failure = flow.ingest_all(data=str(folder), holder="test", progress=str)
    assert failure is None
    assert ("us", "till", "e.csv", 1) in loads()
    for name in ("a.csv", "b.csv"):
        (folder / name).unlink()
    told = []
    _, failure = flow.ingest_all(
        source="till", data=str(folder), holder="test", progress=told.append
    )
    assert failure is None
    assert "preise.csv: no file of rows; till looks rows up in it" in told


def test_a_header_is_read_once_per_file_and_shape(folder, monkeypatch):
    from ecorse.ingest import recognise

    write_mapping("till", TILL)
    write_mapping("zill", "delimiter = ';'\n" + TILL)
    opened = []
    real = recognise.open_shape
    monkeypatch.setattr(
        recognise, "open_shape",
        lambda file, shape, name, limit: opened.append((name, shape)) or real(
            file, shape, name, limit),
    )  # fmt: skip
    flow.ingest_all(data=str(folder), holder="test", progress=str)
    assert len(opened) == len(set(opened))
    assert {name for name, _ in opened} == {"a.csv", "b.csv"}


def test_rules_of_every_level_are_counted_in_the_loads_account(folder):
    """What a load writes down is what a check says."""
    from ecorse.ingest.check import check_file
    from ecorse.ingest.shops import load_shops

    rules = "".join(
        f"""
[[rules]]
id = "{level}"
expr = "{expr}"
level = "{level}"
sentence = "an example"
"""
        for level, expr in (
            ("reject", "quantity < 9"), ("flag", "unit_price < 9"),
            ("warn", "cast(order_id as integer) > previous(cast(order_id as integer))"),
        )
    )  # fmt: skip
    write_mapping("till", TILL + rules)
    (folder / "e.csv").write_text(
        "Kassenbon,Ware,Stück,Preis,Tag\n1,Pen,2,2.50,2024-05-01\n3,Pen,9,2.50,2024-05-01\n"
        "2,Pen,1,9.50,2024-05-01\n"
    )
    _, failure = flow.ingest_all("uk", "till", data=str(folder / "e.csv"), holder="t", progress=str)
    assert failure is None
    with connect() as conn:
        counts, warnings = conn.execute("select counts, warnings from ops.load").fetchone()
        flags = conn.execute(
            "select flags from staging.order_lines order by source_line"
        ).fetchall()
    shop = next(s for s in load_shops() if s.shop_id == "uk")
    checked = check_file(folder / "e.csv", "till", shop)
    for kind, rule in (("rejected", "reject"), ("flagged", "flag"), ("warned", "warn")):
        assert counts[kind] == {rule: 1} == getattr(checked, kind)
    assert flags == [(None,), (["flag"],)]
    assert warnings == checked.warnings
    assert any("line 4: cast(order_id as integer) is 2" in sentence for sentence in warnings)


def write_mapping(name, text):
    folder = get_settings().project_dir / "include" / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text)


TILL = """
about = "Receipts of a till"
table = "order_lines"
columns = [
  { name = "Kassenbon", target = "order_id" },
  { name = "Ware", target = "product_name" },
  { name = "Stück", target = "quantity", type = "integer" },
  { name = "Preis", target = "unit_price", type = "decimal" },
  { name = "Tag", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d"] },
]
[constants]
platform = "till"
"""
PRICES = """
[[lookups]]
file = "preise.csv"
on = { Ware = "Artikel" }
columns = [{ name = "Betrag", target = "unit_price", type = "decimal" }]
"""


def test_a_source_that_is_named_gets_every_file(folder):
    with pytest.raises(ContractError, match=r"b\.csv"):
        ingest("us", "sales_csv", folder)


EVENT_SHOP = """
[[shops]]
shop_id = "{0}"
shop_name = "{0}"
time_zone = "Europe/London"
currency = "GBP"
[[shops.sources]]
source = "behaviour_events"
origin = "folder"
options = {{ path = "nowhere" }}
[[shops.sources]]
source = "rees46_events"
origin = "folder"
options = {{ path = "nowhere" }}
"""
# the header has what both sources need; the times are written as only one of them reads them
EVENTS = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    "2019-11-01 00:00:00 UTC,view,1003461,2053013555631882655,electronics,xiaomi,489.07,5200,s-1\n"
    "2019-11-01 00:00:01 UTC,cart,1003461,2053013555631882655,electronics,xiaomi,489.07,5200,s-1\n"
)
OWN_EVENTS = (
    "event_at,event_type,product_id,session_id,query\n2019-11-01 00:00:00,search,,s-1,shoes\n"
)


def test_a_file_that_two_sources_recognise_goes_to_the_best_match_only(folder):
    """One of them would reject every row, and its night would not be published."""
    folder.parent.joinpath("shops.toml").write_text(
        EVENT_SHOP.format("one") + EVENT_SHOP.format("two")
    )
    for name in ("a.csv", "b.csv"):
        (folder / name).unlink()
    (folder / "log.csv").write_text(EVENTS)
    (folder / "own.csv").write_text(OWN_EVENTS)
    for shop in ("one", "two"):  # both shops have the source
        assert shared(shop, "behaviour_events", folder) == ["own.csv"]
        assert shared(shop, "rees46_events", folder) == ["log.csv"]
    with connect() as conn:
        assert conn.execute(
            "select source, sum(rows_staged)::int, sum(rows_rejected)::int from ops.load "
            "group by source order by source"
        ).fetchall() == [("behaviour_events", 2, 0), ("rees46_events", 4, 0)]
