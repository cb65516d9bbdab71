"""The real files that mappings load: the toy relational shop, customers, catalogues, ratings."""

from __future__ import annotations

import csv
import statistics
from collections import Counter
from decimal import Decimal

import pytest
import yaml

from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/Los_Angeles", currency="USD", sources=()
)


@pytest.fixture
def load(warehouse, shared_data):
    def load(source, file):
        with writer(f"ingest:main:{source}", "test") as fence:
            return load_file(shared_data / file, shop=SHOP, source=get_source(source), fence=fence)

    return load


def rows(query):
    with connect() as conn:
        return conn.execute(query).fetchall()


def table(path, encoding="utf-8", delimiter="\t"):
    with path.open(newline="", encoding=encoding) as file:
        reader = csv.reader(file, delimiter=delimiter)
        header = [name.strip() for name in next(reader)]
        return [dict(zip(header, (v.strip() for v in row), strict=True)) for row in reader if row]


def test_the_toy_shop_is_loaded_by_mappings_alone(load, shared_data):
    folder = shared_data / "alibaba_toy"
    lines = load("alibaba_order_lines", "alibaba_toy/orders_has_products.txt")
    products = load("alibaba_products", "alibaba_toy/products_has_options.txt")
    carts = load("alibaba_carts", "alibaba_toy/carts_has_products.txt")
    assert (lines.rows_rejected, products.rows_rejected, carts.rows_rejected) == (0, 0, 0)
    # by hand: two and one Macbook Pro at 1299 and 2199, three and two Macbook Air at 999 and 1099
    place = ("2018-10-17 00:00:00", "100", "1325 Candy Rd, San Francisco, CA 96123")
    assert rows(
        "select product_name, category, quantity, unit_price::text, ordered_local::text, "
        "customer_id, address from staging.order_lines where order_id = '1000' order by source_line"
    ) == [
        ("Macbook Pro (2017)", "Laptops", 2, "1299.0000", *place),
        ("Macbook Pro (2017)", "Laptops", 1, "2199.0000", *place),
        ("Macbook Air (2015)", "Laptops", 3, "999.0000", *place),
        ("Macbook Air (2015)", "Laptops", 2, "1099.0000", *place),
    ]
    price = {
        (r["product_id"], r["option_id"]): Decimal(r["price"])
        for r in table(folder / "products_has_options.txt", "cp1252")
    }
    money = sum(
        int(r["quantity"]) * price[r["product_id"], r["option_id"]]
        for r in table(folder / "orders_has_products.txt", "cp1252")
    )
    assert lines.rows_duplicate == 0
    assert lines.money_staged == money
    # cp1252: one byte, one character (the file says it\u00eds), and a semicolon parts nothing
    (text,) = rows("select distinct description from staging.products where product_id = '1300'")[0]
    assert "When it\u00eds time" in text
    assert ";you can work unplugged" in text
    assert rows("select count(*), min(event_type), min(event_at)::text from staging.events") == [
        (len(table(folder / "carts_has_products.txt")), "cart", "2018-10-18 07:00:00+00")
    ]


def test_customers_keep_absurd_values_and_are_marked(load, shared_data):
    summary = load("customer_personality", "customer_personality/marketing_campaign.csv")
    assert (summary.rows_read, summary.rows_staged) == (2240, 2240)
    raw = table(shared_data / "customer_personality/marketing_campaign.csv")
    known = {"Married", "Together", "Single", "Divorced", "Widow"}
    assert summary.counts["flagged"] == {
        "birth_year_implausible": sum(int(r["Year_Birth"]) < 1910 for r in raw),
        "income_implausible": sum(r["Income"] == "666666" for r in raw),
        "marital_status_unknown": sum(r["Marital_Status"] not in known for r in raw),
    }
    found = rows(
        "select attributes ->> 'birth_year', attributes ->> 'marital_status', flags "
        "from staging.customers where flags is not null"
    )
    assert Counter(f for *_, flags in found for f in flags) == summary.counts["flagged"]
    assert "1893" in {year for year, *_ in found}
    assert {status for _, status, _ in found} >= {"YOLO", "Absurd", "Alone"}
    ((empty, income),) = rows(
        "select count(*) filter (where attributes ->> 'income' is null), "
        "sum(cast(attributes ->> 'income' as numeric)) from staging.customers"
    )
    assert empty == 24
    assert income == sum(Decimal(r["Income"]) for r in raw if r["Income"])


def test_catalogues(load, shared_data):
    texts = load("product_texts", "product_texts/sample-data.csv")
    catalogue = load("product_catalogue", "product_catalogue/products.yaml")
    movies = load("movies", "movielens_small/movies.csv")
    assert (texts.rows_staged, catalogue.rows_staged) == (500, 2465)
    assert (movies.rows_staged, movies.rows_rejected) == (9125, 0)
    listed = yaml.safe_load((shared_data / "product_catalogue/products.yaml").read_text())
    first = listed[0]
    assert rows(
        "select product_name, category, price, image_uri, attributes ->> 'stock' "
        f"from staging.products where product_id = '{first['id']}'"
    ) == [
        (first["name"], first["category"], Decimal(str(first["price"])), first["image"],
         str(first["current_stock"]))
    ]  # fmt: skip
    ((total,),) = rows("select sum(price) from staging.products where price is not null")
    assert total == sum(Decimal(str(p["price"])) for p in listed)


def test_ratings(load, shared_data):
    summary = load("ratings", "movielens_small/ratings.csv")
    assert (summary.rows_staged, summary.rows_rejected) == (100_004, 0)
    given = [
        Decimal(r["rating"])
        for r in table(shared_data / "movielens_small/ratings.csv", delimiter=",")
    ]
    ((mean,),) = rows("select avg(rating) from staging.events")
    assert float(mean) == pytest.approx(float(statistics.fmean(given)))
