"""Several shops in one warehouse: each has the figures that it has when it is loaded alone."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.ingest.shops import load_shops
from ecorse.reports.status import volatile_columns
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

SHOP = """
[[shops]]
shop_id = "{shop}"
shop_name = "{shop}"
time_zone = "{zone}"
currency = "{currency}"
[[shops.sources]]
source = "{source}"
origin = "{origin}"
options = {options}
"""
SIMULATED = [
    ("plain", "America/New_York", "USD", "sales_csv", "simulate",
     "{ seed = 5, customers = 200, orders = 300, events = 0 }"),
    ("retail", "Europe/London", "GBP", "online_retail", "simulate",
     '{ seed = 5, customers = 80, orders = 500, events = 0, format = "online_retail" }'),
    ("clicks", "Asia/Dubai", "AED", "rees46_events", "simulate",
     '{ seed = 5, customers = 80, orders = 300, events = 3000, format = "rees46_events" }'),
]  # fmt: skip


def real(shared_data):
    return [
        ("store", "America/New_York", "USD", "sales_csv", "folder",
         f'{{ path = "{shared_data / "sales_monthly"}" }}'),
        ("retail", "Europe/London", "GBP", "online_retail", "folder",
         f'{{ path = "{shared_data / "online_retail"}" }}'),
        ("clicks", "Asia/Dubai", "AED", "rees46_events", "folder",
         f'{{ path = "{shared_data / "rees46_events"}" }}'),
    ]  # fmt: skip


@pytest.fixture
def night(postgres, warehouse, tmp_path, monkeypatch):
    """A function that loads shops into an empty database and gives their figures, by shop."""
    names = []

    def night(shops):
        name = f"{warehouse}_{len(names)}"
        names.append(name)
        postgres.create_database(name, template="ecorse_template")
        monkeypatch.setenv("ECORSE_DATABASE_URL", postgres.url("ecorse_etl", database=name))
        path = tmp_path / f"{name}.toml"
        keys = ("shop", "zone", "currency", "source", "origin", "options")
        path.write_text("".join(SHOP.format(**dict(zip(keys, s, strict=True))) for s in shops))
        monkeypatch.setenv("ECORSE_SHOPS_FILE", str(path))
        get_settings.cache_clear()
        for shop in load_shops(get_settings()):
            for source in shop.sources:
                flow.ingest(shop.shop_id, source.name, holder="test")
        flow.refresh(holder="test")
        return figures()

    yield night
    get_settings.cache_clear()
    for name in names:
        postgres.drop_database(name)


def figures():
    """Rows and checksum of every mart for every shop, without the build and what was timed."""
    with connect() as conn:
        marts = conn.execute(
            """
            select c.relname, string_agg(quote_ident(a.attname), ', ' order by a.attnum)
            from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
            where c.relnamespace = 'marts'::regnamespace and c.relkind = 'v'
                and a.attname <> 'build_id'
                and c.relname || '.' || a.attname <> all(%s)
            group by c.relname having bool_or(a.attname = 'shop_id')
            """,
            (volatile_columns(),),
        ).fetchall()
        return {
            (mart, shop): (rows, checksum)
            for mart, columns in marts
            for shop, rows, checksum in conn.execute(
                f"select shop_id, count(*), sum(hashtextextended(row({columns})::text, 0)) "
                f"from marts.{mart} group by shop_id"
            ).fetchall()
        }


def compare(night, shops):
    together = night(shops)
    alone = {}
    for shop in shops:
        alone |= night([shop])
    assert {key[1].removesuffix("-simulated") for key in together} == {s[0] for s in shops}
    assert {k for k in together if together[k] != alone.get(k)} == set()
    assert together.keys() == alone.keys()


def test_simulated_shops(night):
    compare(night, SIMULATED)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_real_shops(night, shared_data):
    compare(night, real(shared_data))
