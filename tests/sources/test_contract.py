"""The contract of a source, which every source passes."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from ecorse.clean.cast import cast, parse
from ecorse.ingest.shops import Shop
from ecorse.schema.contract import is_instant
from ecorse.schema.dtypes import dtype_of
from ecorse.schema.recognise import recognise
from ecorse.schema.staging import STAGING_TABLES
from ecorse.sources import get_source, source_names

SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)
FORMS = [(name, form) for name in source_names() for form in get_source(name).contract.forms]
EXAMPLES = {"integer": "1", "decimal": "2.50", "text": "word", "boolean": "1"}
# figures of a row that must agree with its others
AGREEING = {
    ("shopify_orders", "Total"): "7.50",
    ("square_items", "Discounts"): "0.00",
    ("ebay_orders", "Total Price"): "5.00",
    ("northwind", "Discount"): "0.25",
    ("fx_rates", "from"): "EUR",
    ("fx_rates", "to"): "USD",
}


def wrong_dtypes(table, frame) -> dict[str, str]:
    """Columns of a canonical frame that have not the declared type; only nulls have any."""
    return {
        c.name: f"{frame.schema[c.name]}, not {dtype_of(c)}"
        for c in table.columns
        if c.name in frame.columns and frame.schema[c.name] not in (dtype_of(c), pl.Null)
    }


def example(source, column) -> str:
    if column.name in {c.zone_column for form in source.contract.forms for c in form.made}:
        return ""  # the shop's zone
    allowed = [
        r.bound.split("|")[0]
        for r in source.contract.rules
        if r.column == column.target and r.check == "one_of"
    ]
    if allowed:
        return allowed[0]
    if column.type in ("timestamp", "date"):
        if column.formats[0].startswith("epoch"):
            return str(1555677960 * (1000 if column.formats[0] == "epoch_ms" else 1))
        zone = "UTC" if "%z" in column.formats[0] else None
        moment = pl.datetime(2019, 4, 19, 8, 46, time_zone=zone)
        return pl.select(moment.dt.to_string(column.formats[0])).item()
    return AGREEING.get((source.name, column.name), EXAMPLES[column.type])


def typed(name, form, **values):
    source = get_source(name)
    source = source.afresh() if hasattr(source, "afresh") else source
    header = recognise(source.contract, [c.name for c in form.columns], "f.csv")
    fields = [values.get(c.target or "", example(source, c)) for c in form.columns]
    raw = parse(("\t".join(fields) + "\n").encode(), header, "\t", '"')
    # examples agree in no rule on whole rows; which orders these prove is tested elsewhere
    rules = tuple(rule for rule in source.contract.rules if rule.check != "holds")
    return source, header, cast(raw, header, replace(source.contract, rules=rules, leave_out=()))


@pytest.mark.parametrize("name", source_names())
def test_names_agree(name):
    source = get_source(name)
    assert source.name == name == source.contract.name


@pytest.mark.parametrize("name", source_names())
def test_the_contract_holds_together(name):
    contract = get_source(name).contract
    assert contract.table in STAGING_TABLES
    for form in contract.forms:
        targets = [c.target for c in form.columns if c.target]
        assert len(targets) == len(set(targets))
        for column in form.columns:
            assert bool(column.formats) == (column.type in ("timestamp", "date"))
        looked_up = getattr(get_source(name), "declared", None)
        if looked_up is not None:
            targets += [c.target for c in looked_up.every_column if c.target]
        on_one = {rule.column for rule in contract.rules if rule.check != "holds"}
        assert on_one <= set(targets)
    ids = [rule.id for rule in contract.rules]
    assert len(ids) == len(set(ids))
    assert all(rule.sentence for rule in contract.rules)
    assert len(contract.contract_sha256) == 64


@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda x: getattr(x, "name", x))
def test_each_form_is_recognised_by_its_own_header_in_any_order(name, form):
    names = [c.name for c in form.columns]
    for order in (names, names[::-1]):
        assert recognise(get_source(name).contract, order, "f.csv").form == form


@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda x: getattr(x, "name", x))
def test_canonical_rows_have_columns_of_staging_one_for_one(name, form):
    source, header, done = typed(name, form)
    assert done.reasons.is_empty()
    found = source.canonicalise(done.frame, header, SHOP)
    table = STAGING_TABLES[source.contract.table]
    columns = set(found.frame.columns)
    assert columns - {"_row"} <= set(table.column_names) - {"load_id", "source_line", "flags"}
    assert wrong_dtypes(table, found.frame) == {}
    assert {"is_simulated", *table.key, *source.contract.dedup_key} <= columns
    assert table.time is None or table.time in columns
    companions = dict(found.companions)
    if found.beside:
        companions[table.name] = found.beside.make(found.frame["_row"])
    for name, frame in companions.items():
        assert set(frame.columns) - {"_row"} <= set(STAGING_TABLES[name].column_names)
        assert wrong_dtypes(STAGING_TABLES[name], frame) == {}
        assert {"_row", "is_simulated", *STAGING_TABLES[name].key} <= set(frame.columns)
    assert found.frame["_row"].to_list() == [0]
    assert found.frame["shop_id"].to_list() == ["main"]
    assert set(found.warnings) <= set(source.warnings)


@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda x: getattr(x, "name", x))
def test_no_rows_give_the_same_columns(name, form):
    source, header, done = typed(name, form)
    one = source.canonicalise(done.frame, header, SHOP).frame
    none = source.canonicalise(done.frame.clear(), header, SHOP).frame
    assert none.schema == one.schema


def marks(name, form) -> set[str]:
    """The ids of a form that may carry the mark; no rate has one, others are made or looked up."""
    table = STAGING_TABLES[get_source(name).contract.table]
    return (
        set() if table.name == "fx_rates" else {c.target for c in form.columns} & {*table.marked_by}
    )


@pytest.mark.parametrize(
    ("name", "form"), [f for f in FORMS if marks(*f)], ids=lambda x: getattr(x, "name", x)
)
def test_simulated_rows_belong_to_a_shop_of_their_own(name, form):
    marked = STAGING_TABLES[get_source(name).contract.table].marked_by
    source, header, done = typed(name, form, **dict.fromkeys(marked, "SIM-7"))
    frame = source.canonicalise(done.frame, header, SHOP).frame
    assert frame.select("shop_id", "is_simulated").rows() == [("main-simulated", True)]


@pytest.mark.parametrize(("name", "form"), FORMS, ids=lambda x: getattr(x, "name", x))
def test_time_zone_and_currency_are_the_shops(name, form):
    source, header, done = typed(name, form)
    if source.contract.table != "order_lines":
        pytest.skip("only order lines have a currency and a wall clock")
    if "ordered_local" not in {c.target for c in form.columns}:
        pytest.skip("its time is looked up in another file")
    shop = SHOP.model_copy(update={"time_zone": "Asia/Kolkata", "currency": "INR"})
    frame = source.canonicalise(done.frame, header, shop).frame
    row = frame.row(0, named=True)
    declared = getattr(source, "declared", None)
    if declared is None or "currency" not in declared.filled:
        assert row["currency"] == "INR"
    if is_instant(form.column_of("ordered_local")):
        assert str(row["ordered_at"]) == "2019-04-19 08:46:00+00:00"  # as the text says itself
        assert str(row["ordered_local"]) == "2019-04-19 14:16:00"
    elif row.get("is_date_only"):
        assert str(row["ordered_at"]) == "2019-04-18 18:30:00+00:00"  # midnight less 5:30
        assert str(row["ordered_local"]) == "2019-04-19 00:00:00"
    else:
        assert str(row["ordered_at"]) == "2019-04-19 03:16:00+00:00"  # 08:46 less 5:30
        assert str(row["ordered_local"]) == "2019-04-19 08:46:00"
