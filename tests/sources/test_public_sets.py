"""Public data sets through their mappings: small invented samples in the published layouts.

What belongs here: a few rows of each set and what must become of them, worked out by hand. What
does not: sets that the simulator writes (``test_ready_made.py``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from ecorse.clean.cleaner import Cleaner
from ecorse.ingest.check import check_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source, source_names

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD",
            sources=())  # fmt: skip


@pytest.fixture
def read(tmp_path):
    """Write files, read the first one as a source, and give its rows by the file's own lines."""

    def read(source, files, shop=SHOP):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        path = tmp_path / next(iter(files))
        checked = check_file(path, source, shop)
        assert checked.is_pass, (checked.refusal, checked.problems)
        bound = get_source(source).bind(tmp_path)
        with path.open("rb") as file:
            cleaner = Cleaner(
                file, 100, source=bound, shop=shop, file_name=path.name,
                max_record_bytes=1 << 20, reject_limit_share=0.05,
            )  # fmt: skip
            blocks = list(cleaner)
        frames = [block.lines for block in blocks] + [
            frame for block in blocks for frame in block.companions.values()
        ]
        return pl.concat([f for f in frames if f.height], how="diagonal_relaxed").rows(named=True)

    return read


def picked(rows, *names):
    return sorted((tuple(row[name] for name in names) for row in rows), key=str)


def test_superstore(read):
    head = (
        "Row ID,Order ID,Order Date,Ship Date,Ship Mode,Customer ID,Customer Name,Segment,Country,"
        "City,State,Postal Code,Region,Product ID,Category,Sub-Category,Product Name,Sales,"
        "Quantity,Discount,Profit\n"
    )
    where = "Consumer,United States,Henderson,Kentucky,42420,South"
    rows = read("superstore", {"Superstore.csv": head +
        f'1,CA-1,11/8/2016,11/11/2016,Second,C-1,A B,{where},FUR-1,Furniture,Chairs,'
        '"Chair, high",731.94,3,0,219.58\n'
        f'2,CA-1,11/8/2016,11/11/2016,Second,C-1,A B,{where},OFF-1,Office,Paper,'
        'Paper,22.368,2,0.2,2.5164\n'})  # fmt: skip
    assert picked(rows, "product_id", "quantity", "unit_price", "is_date_only") == [
        ("FUR-1", 3, Decimal("243.9800"), True), ("OFF-1", 2, Decimal("11.1840"), True),
    ]  # fmt: skip
    assert {row["ordered_local"] for row in rows} == {datetime(2016, 11, 8)}


def test_adventure_works_has_price_and_cost_of_its_catalogue(read):
    rows = read("adventure_works", {
        "AdventureWorks_Sales_2015.csv":
            "OrderDate,StockDate,OrderNumber,ProductKey,CustomerKey,TerritoryKey,OrderLineItem,"
            "OrderQuantity\n1/1/2015,9/21/2001,SO45080,332,14657,1,1,2\n",
        "AdventureWorks_Products.csv":
            "ProductKey,ProductSubcategoryKey,ProductSKU,ProductName,ModelName,ProductDescription,"
            "ProductColor,ProductSize,ProductStyle,ProductCost,ProductPrice\n"
            '332,2,BK-R,"Road, Red",Road,Fast,Red,58,U,413.1463,699.0982\n',
        "AdventureWorks_Product_Subcategories.csv":
            "ProductSubcategoryKey,SubcategoryName,ProductCategoryKey\n2,Road Bikes,1\n",
        "AdventureWorks_Product_Categories.csv": "ProductCategoryKey,CategoryName\n1,Bikes\n",
        "AdventureWorks_Territories.csv":
            "SalesTerritoryKey,Region,Country,Continent\n1,Northwest,United States,North America\n",
    })  # fmt: skip
    assert picked(rows, "quantity", "unit_price", "unit_cost", "category", "country") == [
        (2, Decimal("699.0982"), Decimal("413.1463"), "Bikes", "United States")
    ]


def test_cdnow_has_no_header_and_blanks_between(read):
    rows = read(
        "cdnow",
        {
            "CDNOW_master.txt": " 00001 19970101  1   11.77\n 00002 19970112  1   12.00\n"
            " 00002 19970112  5   77.00\n"
        },
    )
    assert picked(rows, "order_id", "customer_id", "quantity", "unit_price") == [
        ("00001-19970101", "00001", 1, Decimal("11.7700")),
        ("00002-19970112", "00002", 1, Decimal("12.0000")),
        ("00002-19970112", "00002", 5, Decimal("15.4000")),
    ]  # fmt: skip


def test_cdnow_money_is_the_dollars_of_the_row(read):
    [row] = read("cdnow", {"CDNOW_master.txt": " 00004 19970101  3   29.33\n"})
    assert (row["unit_price"], row["line_amount"]) == (Decimal("9.7767"), Decimal("29.3300"))


def test_dunnhumby(read):
    rows = read("dunnhumby", {
        "transactions.csv":
            "household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,"
            "coupon_disc,coupon_match_disc,week,transaction_timestamp\n"
            "900,330,31198570044,1095275,1,0.50,0.10,0,0,1,2017-01-01 11:53:26\n"
            "900,330,31198570044,9878513,2,3.00,0.00,1.00,0,1,2017-01-01 11:53:26\n",
        "products.csv":
            "product_id,manufacturer_id,department,brand,product_category,product_type,"
            "package_size\n1095275,2,GROCERY,National,BREAD,ROLLS,12 CT\n"
            "9878513,3,PRODUCE,Private,FRUIT,NA,NA\n",
    })  # fmt: skip
    assert picked(rows, "line_kind", "product_id", "quantity", "unit_price") == [
        ("product", "1095275", 1, Decimal("0.5000")),
        ("product", "9878513", 2, Decimal("1.5000")),
    ]
    assert {row["product_name"] for row in rows} == {"ROLLS", "9878513"}


def test_retailrocket(read):
    rows = read(
        "retailrocket",
        {
            "events.csv": "timestamp,visitorid,event,itemid,transactionid\n"
            "1433221332117,257597,view,355908,\n1433224644259,1,transaction,248676,4000\n"
            "1433224644260,1,addtocart,248676,\n"
        },
    )
    assert picked(rows, "event_type", "product_id", "customer_id", "event_at") == [
        ("cart", "248676", "1", datetime(2015, 6, 2, 5, 57, 24, 260000, tzinfo=UTC)),
        ("purchase", "248676", "1", datetime(2015, 6, 2, 5, 57, 24, 259000, tzinfo=UTC)),
        ("view", "355908", "257597", datetime(2015, 6, 2, 5, 2, 12, 117000, tzinfo=UTC)),
    ]  # fmt: skip


def test_instacart(read):
    more = {
        "orders.csv":
            "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,"
            "days_since_prior_order\n2,202279,prior,3,5,09,8.0\n",
        "products.csv":
            'product_id,product_name,aisle_id,department_id\n33120,"Eggs, organic",86,16\n',
        "aisles.csv": "aisle_id,aisle\n86,eggs\n",
        "departments.csv": "department_id,department\n16,dairy eggs\n",
    }  # fmt: skip
    rows = read("instacart", {
        "order_products__prior.csv":
            "order_id,product_id,add_to_cart_order,reordered\n2,33120,1,1\n", **more
    })  # fmt: skip
    assert picked(rows, "event_type", "session_id", "customer_id", "product_id") == [
        ("purchase", "2", "202279", "33120")
    ]
    [product] = read("instacart_products", {"products.csv": more["products.csv"], **more})
    assert (product["product_name"], product["category"]) == ("Eggs, organic", "dairy eggs")


def test_every_set_of_the_list_is_there():
    assert {
        "olist", "superstore", "instacart", "retailrocket", "northwind", "adventure_works", "cdnow",
        "dunnhumby",
    } <= set(source_names())  # fmt: skip
