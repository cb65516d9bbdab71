"""What files of orders and customers say of whom the shop may write to, up to what counts."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from ecorse.clean import opening, stream
from ecorse.errors import ConfigError
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.relations import resolver, staging_at
from ecorse.refresh.render import render
from ecorse.sources.mappings.source import read_mapping
from ecorse.warehouse.connect import connect
from keyed_shop import load, open_build

ORDERS = """
about = "Orders with the customer's consent on each row."
table = "order_lines"
LINE_KEY
columns = [
  { name = "order", target = "order_id" },
  { name = "customer", target = "customer_id" },
  { name = "sku", target = "product_id" },
  { name = "at", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d %H:%M"] },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal", decimal = "." },
  { name = "may write", target = "marketing_consent", type = "boolean" },
]
"""
HEADER = "order,customer,sku,at,qty,price,may write\n"
CUSTOMERS = """
about = "Customers."
table = "customers"
columns = [
  { name = "id", target = "customer_id" },
  { name = "Werbung", target = "attributes.marketing_consent", type = "boolean" },
]
[values."attributes.marketing_consent"]
ja = true
nein = false
"""


@pytest.fixture
def source(tmp_path):
    """Give a function that reads a mapping of a name."""

    def read(name: str, text: str, line_key: str = ""):
        path = tmp_path / f"{name}.toml"
        path.write_text(text.replace("LINE_KEY", line_key))
        return read_mapping(path)

    return read


@pytest.fixture
def loaded(warehouse, tmp_path):
    """Give a function that loads rows as a file of a source."""

    def put(source, name: str, text: str):
        path = tmp_path / name
        path.write_text(text)
        return load(path, source)

    return put


def consents(statement: str = "marketing_consent") -> dict[str, bool | None]:
    """What the mart says of each customer, by its own SQL on the newest build's rows."""
    query = render(
        load_catalog().marts["customer_consents"].sql, resolver(open_build()), "consents"
    )
    with connect() as conn:
        rows = conn.execute(
            f"select customer_id, is_so from ({query}) as m where statement = %s", [statement]
        )
        return dict(rows.fetchall())


def test_the_latest_order_counts_and_nothing_said_is_no_consent(source, loaded):
    orders = source("shop", ORDERS)
    summary = loaded(orders, "a.csv", HEADER
        + "1,ada,mug,2024-01-01 10:00,1,5,yes\n2,ada,mug,2024-03-01 10:00,1,5,no\n"
        + "3,bo,mug,2024-01-01 10:00,1,5,no\n4,bo,mug,2024-03-01 10:00,1,5,1\n"
        + "5,cy,mug,2024-01-01 10:00,1,5,yes\n6,cy,mug,2024-03-01 10:00,1,5,\n"
        + "7,,mug,2024-01-01 10:00,1,5,yes\n8,di,mug,2024-01-01 10:00,1,5,maybe\n")  # fmt: skip
    assert summary.rows_rejected == 1  # 'maybe' is no word for yes or no: the row is asked about
    assert summary.rows_by_table == {"order_lines": 7, "consents": 6}
    assert consents() == {"ada": False, "bo": True, "cy": None}


@pytest.mark.parametrize("line_key", ["", 'line_key = ["order", "sku"]'])
def test_another_word_in_a_later_file_is_the_same_line_and_counts(source, loaded, line_key):
    """Yes, then no, then yes and no again: each time the last word holds, and money stays."""
    orders = source("shop", ORDERS, line_key)
    for n, (word, said) in enumerate([("yes", True), ("no", False), ("yes", True), ("no", False)]):
        row = "mug,2024-01-01 10:00,2,5"
        loaded(orders, f"{n}.csv", f"{HEADER}1,ada,{row},{word}\ng{n},guest,{row},yes\n")
        assert consents() == {"ada": said}
        with connect() as conn:
            ((lines, money),) = conn.execute(
                "select count(*), sum(quantity * unit_price) from "
                f"{staging_at('order_lines', str(open_build()))} as s"
            ).fetchall()
        assert (lines, money) == (n + 2, Decimal(10) * (n + 2))


def test_a_row_that_repeats_another_and_forbids_is_heard(source, loaded):
    orders = source("shop", ORDERS)
    row = "1,ada,mug,2024-01-01 10:00,1,5"
    summary = loaded(orders, "a.csv", f"{HEADER}{row},yes\n{row},no\n")
    assert summary.rows_duplicate == 1
    assert consents() == {"ada": False}


@pytest.mark.parametrize("line_key", ["", 'line_key = ["order", "sku"]'])
def test_a_row_that_repeats_one_of_an_earlier_block_and_forbids_is_heard(
    source, loaded, monkeypatch, line_key
):
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=8_000))
    row, rest = "1,ada,mug,2024-01-01 10:00,1,5", "mug,2024-01-01 10:00,1,5,yes\n"
    others = "".join(f"g{n},guest,{rest}" for n in range(2_000))
    summary = loaded(
        source("shop", ORDERS, line_key), "a.csv", f"{HEADER}{row},yes\n{others}{row},no\n"
    )
    assert summary.rows_duplicate == 1
    assert summary.rows_by_table == {"order_lines": 2_001, "consents": 2}
    assert consents() == {"ada": False}


def test_consent_in_a_files_own_words_and_a_word_that_is_none_of_them(source, loaded):
    crm = source("crm", CUSTOMERS)
    summary = loaded(crm, "a.csv", "id,Werbung\nada,ja\nbo,nein\ncy,vielleicht\ndi,\n")
    assert summary.rows_rejected == 1
    with connect() as conn:
        told = conn.execute("select sentence from ops.reject").fetchall()
        attributes = conn.execute(
            "select customer_id, attributes ->> 'marketing_consent' from staging.customers"
        ).fetchall()
    assert told == [("Line 4: Werbung is 'vielleicht': expected one of ja, nein.",)]
    assert dict(attributes) == {"ada": "true", "bo": "false", "di": None}
    assert consents() == {"ada": True, "bo": False, "di": None}


def test_who_opts_out_again_is_out_though_an_earlier_file_said_the_same(source, loaded):
    """No, yes, no: the third file's row is one that the first had too."""
    crm = source("crm", CUSTOMERS)
    for n, word in enumerate(["nein", "ja", "nein"]):
        loaded(crm, f"{n}.csv", f"id,Werbung\nada,{word}\nno {n},ja\n")
    assert consents()["ada"] is False
    with connect() as conn:
        latest = conn.execute(
            "select attributes ->> 'marketing_consent' from "
            f"{staging_at('customers', str(open_build()))} as s where customer_id = 'ada' "
            "order by load_id desc limit 1"
        ).fetchone()
    assert latest == ("false",)


def test_a_price_that_goes_back_to_an_earlier_one_is_the_latest(source, loaded):
    """Of a catalogue, too, the latest row counts, though the first file had the same."""
    text = """about = "A catalogue."
table = "products"
columns = [
  { name = "id", target = "product_id" },
  { name = "price", target = "price", type = "decimal", decimal = "." },
]
"""
    shelf = source("shelf", text)
    for n, price in enumerate(["10.00", "12.00", "10.00"]):
        loaded(shelf, f"{n}.csv", f"id,price\nmug,{price}\nno {n},1.00\n")
    with connect() as conn:
        rows = conn.execute(
            f"select price from {staging_at('products', str(open_build()))} as s "
            "where product_id = 'mug' order by load_id desc"
        ).fetchall()
    assert [price for (price,) in rows] == [Decimal(10), Decimal(12), Decimal(10)]


def test_a_second_source_that_says_nothing_hides_no_refusal(source, loaded):
    loaded(source("crm", CUSTOMERS), "a.csv", "id,Werbung\nada,nein\n")
    club = CUSTOMERS.partition("[values")[0].replace("attributes.marketing_consent", "attributes.x")
    loaded(source("club", club), "b.csv", "id,Werbung\nada,yes\n")
    assert consents() == {"ada": False}


def test_an_attribute_that_looks_like_consent_is_asked_about_whatever_comes_later(source, loaded):
    """A later file of the same customers without it: their latest rows no longer have it."""
    text = CUSTOMERS.partition("[values")[0].replace("marketing_consent", "no_mail")
    loaded(source("crm", text), "a.csv", "id,Werbung\nada,yes\n")
    plain = text.replace("no_mail", "city").replace(', type = "boolean"', "")
    loaded(source("club", plain.replace("Werbung", "city")), "b.csv", "id,city\nada,Bonn\n")
    assert consents("no_mail") == {"ada": None}


def test_a_list_of_refusals_needs_no_column(source, loaded):
    text = CUSTOMERS.partition("[values")[0].replace(
        '  { name = "Werbung", target = "attributes.marketing_consent", type = "boolean" },\n', ""
    )
    robinson = source("robinson", text + '[constants]\n"attributes.is_suppressed" = true\n')
    loaded(robinson, "a.csv", "id\nada\n")
    assert consents("is_suppressed") == {"ada": True}


def test_a_column_of_orders_that_looks_like_consent_is_asked_about(source, loaded):
    text = ORDERS.replace('target = "marketing_consent", type = "boolean"', "")
    loaded(source("shop", text.replace('{ name = "may write",  },', "")), "a.csv",
           HEADER.replace("may write", "Newsletter")
           + "1,ada,mug,2024-01-01 10:00,1,5,yes\n")  # fmt: skip
    assert consents("Newsletter") == {"ada": None}
    ignored = text.replace('{ name = "may write",  }', '{ name = "Opt-In", ignore = true }')
    loaded(source("other", ignored), "b.csv", HEADER.replace("may write", "Opt-In")
           + "1,bo,mug,2024-01-01 10:00,1,5,yes\n")  # fmt: skip
    assert consents("Opt-In") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ORDERS.replace(', type = "boolean"', ""), "marketing_consent.*needs type = \"boolean\""),
        (CUSTOMERS.replace("ja = true", 'ja = "true"'), "'ja' = 'true': expected true or false"),
        (CUSTOMERS.partition("[values")[0].replace("Werbung\", target = \"attributes.marketing_"
         "consent\"", "W\", target = \"attributes.w\"")
         + '[constants]\n"attributes.marketing_consent" = "yes"\n',
         "constants.attributes.marketing_consent: expected true or false"),
    ],
)  # fmt: skip
def test_a_mapping_that_says_consent_otherwise_is_refused(source, text, told):
    with pytest.raises(ConfigError, match=told):
        source("shop", text)
