"""Files that a mapping looks columns up in: how they are written, what is missing, how many."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from ecorse.errors import ConfigError, ContractError
from ecorse.ingest.check import check_file
from ecorse.ingest.one_file import clean_file
from ecorse.ingest.shops import Shop
from ecorse.schema.source import Sought
from ecorse.sources.mappings.lookups import join

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
LINES = """
about = "Lines with prices from another file"
table = "order_lines"
columns = [
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "n", target = "quantity", type = "integer" },
]
[constants]
ordered_local = "2020-01-05"
[[lookups]]
file = "prices.csv"
on = { sku = "sku" }
columns = [{ name = "price", target = "unit_price", type = "decimal" }]
"""


def cleaned(path):
    return clean_file(path, "orders", time_zone="Europe/Berlin", currency="EUR")


def test_a_missing_key_is_counted_told_and_above_its_share_stops_the_load(mapping, tmp_path):
    mapping(LINES + "most_missing = 0.25\n")
    path = tmp_path / "lines.csv"
    (tmp_path / "prices.csv").write_text("sku,price\na,3.50\nb,1\n")
    path.write_text("order,sku,n\n1,a,2\n2,a,1\n3,b,1\n4,zz,1\n5,,1\n")  # an empty key misses none
    found = cleaned(path)
    assert found.rows["order_id"].to_list() == ["1", "2", "3"]
    assert found.rows["unit_price"].to_list() == [Decimal("3.5"), Decimal("3.5"), Decimal("1")]
    told = "1 of 4 rows have a key that prices.csv lacks, such as sku 'zz'."
    assert told in found.warnings
    checked = check_file(path, "orders", SHOP)
    assert told in checked.warnings
    assert [p.line for p in checked.problems] == [5, 6]
    path.write_text("order,sku,n\n1,a,2\n2,b,1\n4,zz,1\n5,yy,1\n6,zz,1\n")
    refusal = check_file(path, "orders", SHOP).refusal
    assert "3 of 5 rows have a key that prices.csv lacks, such as sku 'zz', sku 'yy'" in refusal
    assert "most_missing = 0.25. Nothing was loaded" in refusal
    with pytest.raises(ContractError, match="most_missing"):
        cleaned(path)


def test_guests_of_a_lookup_are_no_customers(mapping, tmp_path):
    more = '{ name = "who", target = "customer_id" }, { name = "state", target = "status" }'
    mapping(LINES.replace("columns = [{ name", f"columns = [{more}, {{ name"))
    (tmp_path / "prices.csv").write_text(
        "sku,price,who,state\na,3.50,guest,\nb,1,0,sold\nc,1,17,sold\n"
    )
    path = tmp_path / "lines.csv"
    path.write_text("order,sku,n\n1,a,2\n2,b,1\n3,c,1\n")
    found = cleaned(path)
    assert found.rows["customer_id"].dropna().to_list() == ["17"]
    assert any(note.startswith("2 rows are of guests") for note in found.warnings)
    assert any(note.startswith("1 rows have an empty status") for note in found.warnings)


def test_a_changed_lookup_is_another_contract(mapping, tmp_path):
    source = mapping(LINES)
    (tmp_path / "prices.csv").write_text("sku,price\na,3.50\n")
    before = source.bind(tmp_path).contract.contract_sha256
    assert source.bind(tmp_path).contract.contract_sha256 == before
    (tmp_path / "prices.csv").write_text("sku,price\na,3.60\n")
    assert source.bind(tmp_path).contract.contract_sha256 != before


def test_a_lookup_that_is_missing_or_not_unique_is_refused(mapping, tmp_path):
    source = mapping(LINES)
    with pytest.raises(ContractError, match=r"prices\.csv.*not in"):
        source.bind(tmp_path)
    (tmp_path / "prices.csv").write_text("sku,price\na,3.50\na,3.50\n")
    source.bind(tmp_path)  # the same twice says nothing new
    (tmp_path / "prices.csv").write_text("sku,price\na,3.50\na,4\n,1\n,2\n")
    with pytest.raises(ContractError, match="sku 'a' stands there with different values"):
        source.bind(tmp_path)
    (tmp_path / "prices.csv").write_text("sku,price\na,3.50\nb\n")
    with pytest.raises(ContractError, match="must be whole"):
        source.bind(tmp_path)


def test_a_lookup_is_written_in_its_own_way(mapping, tmp_path):
    """Lines with commas in UTF-8; prices with semicolons, decimal commas, a title, in cp1252."""
    mapping(
        LINES.replace("[[lookups]]", "[[lookups]]\nskip_rows = 1\ndelimiter = ';'\ndecimal = ','")
        .replace('{ name = "price"', '{ name = "größe", target = "category", required = false },'
                 '{ name = "farbe", target = "brand", required = false }, { name = "price"')
        .replace("[[lookups]]", "[[lookups]]\nencoding = 'cp1252'")
    )  # fmt: skip
    (tmp_path / "prices.csv").write_bytes(
        "Preisliste\nsku;Größe;price\na;übergroß;1.234,50\n".encode("cp1252")
    )
    path = tmp_path / "lines.csv"
    path.write_text("order,sku,n\n1,a,2\n")
    (row,) = cleaned(path).rows.to_dict("records")
    assert (row["category"], row["unit_price"]) == ("übergroß", Decimal("1234.5"))
    assert row["brand"] != row["brand"]  # NaN: not required, and not there


def test_headers_with_lines(mapping, tmp_path):
    """Orders, their lines, products and customers in four files, as a shop's database has them."""
    mapping(
        """
        about = "Items of orders"
        table = "order_lines"
        columns = [
          { name = "order_id", target = "order_id" },
          { name = "item" },
          { name = "product_id", target = "product_id" },
          { name = "price", target = "unit_price", type = "decimal" },
        ]
        [constants]
        quantity = 1
        [[lookups]]
        file = "orders.csv"
        on = { order_id = "id" }
        columns = [
          { name = "customer" },
          { name = "bought", target = "ordered_local", type = "timestamp", formats = ["%F %T"] },
        ]
        [[lookups]]
        file = "customers.csv"
        on = { customer = "id" }
        columns = [{ name = "person", target = "customer_id" }, { name = "city", target = "city" }]
        [[lookups]]
        file = "products.csv"
        on = { product_id = "id" }
        columns = [{ name = "name", target = "product_name" }]
        """
    )
    (tmp_path / "orders.csv").write_text("id,customer,bought\no1,c1,2024-05-01 10:00:00\n"
                                         "o2,c2,2024-05-02 11:00:00\n")  # fmt: skip
    (tmp_path / "customers.csv").write_text("id,person,city\nc1,ada,Bonn\nc2,ada,Köln\n")
    (tmp_path / "products.csv").write_text("id,name\np,Pen\nq,Ink\n")
    path = tmp_path / "items.csv"
    path.write_text("order_id,item,product_id,price\no1,1,p,2.50\no1,2,p,2.50\no2,1,q,4\n")
    rows = cleaned(path).rows
    assert rows[["order_id", "product_name", "customer_id", "city"]].to_numpy().tolist() == [
        ["o1", "Pen", "ada", "Bonn"], ["o1", "Pen", "ada", "Bonn"], ["o2", "Ink", "ada", "Köln"],
    ]  # fmt: skip
    assert sum(rows["unit_price"]) == Decimal("9")


def test_keys_of_several_columns_match_in_all_of_them(mapping, tmp_path):
    text = LINES.replace('on = { sku = "sku" }', 'on = { sku = "sku", n = "from" }')
    source = mapping(text)
    (tmp_path / "prices.csv").write_text("sku,from,price\na,1,5\na,2,4\n,1,9\nb,,8\n")
    bound = source.bind(tmp_path)
    raw = pl.DataFrame(
        {"_text_0": ["1"] * 5, "_text_1": ["a", " a ", "a", None, "b"],
         "_text_2": ["1", "2", "3", "1", None]}
    )  # fmt: skip
    from ecorse.schema.recognise import recognise

    header = bound.extend(recognise(bound.contract, ["order", "sku", "n"], "f.csv"))
    sought: dict[str, Sought] = {}
    found = join(raw, header, bound.lookups, sought)
    assert found["_text_3"].to_list() == ["5", "4", None, None, None]
    assert (sought["prices.csv"].rows, sought["prices.csv"].missed) == (3, 1)
    assert sought["prices.csv"].examples == ["sku 'a', n '3'"]


def test_a_million_rows_are_found_again(mapping, tmp_path):
    """Every key of a large file gives its own value, and no other key gives any."""
    source = mapping(LINES)
    many = 1_000_000
    keys = pl.int_range(many, eager=True).cast(pl.String)
    pl.DataFrame({"sku": "sku-" + keys, "price": keys}).write_csv(tmp_path / "prices.csv")
    (lookup,) = source.bind(tmp_path).lookups
    asked = pl.DataFrame(
        {"_key_0": "sku-" + pl.int_range(0, many + 50, 7, eager=True).cast(pl.String)}
    )
    rows = lookup.find(asked)
    assert rows.null_count() == len([i for i in range(0, many + 50, 7) if i >= many])
    found = lookup.values["_value_0"].gather(rows)
    assert ("sku-" + found.drop_nulls()).equals(asked["_key_0"].filter(rows.is_not_null()))


def test_what_a_lookup_cannot_say(mapping, tmp_path):
    with pytest.raises(ConfigError, match="most_missing"):
        mapping(LINES + "most_missing = 2\n")
    with pytest.raises(ConfigError, match=r"prices\.csv: a column of a lookup is one column"):
        mapping(LINES.replace('{ name = "price"', '{ from = ["price", "tax"]'))
    mapping(LINES.replace("on = { sku", "on = { colour"))
    (tmp_path / "prices.csv").write_text("sku,price\na,3.50\n")
    (tmp_path / "lines.csv").write_text("order,sku,n\n1,a,2\n")
    refusal = check_file(tmp_path / "lines.csv", "orders", SHOP).refusal
    assert "prices.csv is looked up by 'colour', which neither the file nor a lookup" in refusal
