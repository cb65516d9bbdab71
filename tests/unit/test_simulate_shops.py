"""Reading ``include/shops.toml``.

What belongs here: the file's shape and its errors. What does not: fetching files.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecorse.errors import ConfigError
from ecorse.ingest.shops import Shop, ShopSource, load_shops
from ecorse.settings import PROJECT_DIR, Settings
from ecorse.sources import source_names

GOOD = """
[[shops]]
shop_id = "main"
shop_name = "Example store"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = { path = "data" }
"""


def load(tmp_path: Path, text: str) -> list[Shop]:
    path = tmp_path / "shops.toml"
    path.write_text(text, encoding="utf-8")
    return load_shops(Settings(shops_file=path))


def test_the_default_file():
    shops = load_shops(Settings(shops_file=PROJECT_DIR / "include" / "shops.toml"))
    options = {"seed": 20190101, "store": "electronics", "format": "sales_csv"}
    simulated = ShopSource("sales_csv", "simulate", options)
    main, demo = shops
    assert main == Shop("main", "Example store", "America/New_York", "USD", (simulated,))
    # one shop in several formats: the same seed and size, and orders that count once
    assert {s.origin for s in demo.sources} == {"simulate"}
    assert {(s.options["seed"], s.options["customers"]) for s in demo.sources} == {(20190101, 1500)}
    assert {s.name: s.options["format"] for s in demo.sources} == {
        name: name
        for name in (
            "online_retail",
            "rees46_events",
            "behaviour_events",
            "products",
            "customer_personality",
        )
    }
    events = next(s for s in demo.sources if s.name == "rees46_events")
    assert events.reading == {"purchases_are_orders": False}


def test_the_examples_in_its_comments_work(tmp_path):
    text = (PROJECT_DIR / "include" / "shops.toml").read_text()
    head = text[: text.index("[[shops.sources]]")]
    examples = text.split("#   [[shops.sources]]")[1:]
    assert len(examples) == 2
    for origin, example in zip(("folder", "kaggle"), examples, strict=True):
        lines = [
            line.removeprefix("#   ") for line in example.splitlines() if line.startswith("#   ")
        ]
        [shop] = load(tmp_path, head + "[[shops.sources]]\n" + "\n".join(lines))
        assert shop.sources[0].origin == origin
        assert shop.sources[0].options


def test_several_shops_in_the_order_of_the_file(tmp_path):
    text = GOOD.replace('"main"', '"zz"') + GOOD.replace("USD", "EUR").replace(
        "America/New_York", "Europe/Berlin"
    )
    shops = load(tmp_path, text)
    assert [(s.shop_id, s.currency, s.time_zone) for s in shops] == [
        ("zz", "USD", "America/New_York"),
        ("main", "EUR", "Europe/Berlin"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "America/New_York",
            "America/Nowhere",
            r"shops\[0\]\.time_zone = 'America/Nowhere': no such zone",
        ),
        ("America/New_York", "../etc", r"time_zone = '\.\./etc': no such zone"),
        ("America/New_York", "America", r"time_zone = 'America': no such zone"),
        ('"USD"', '"UDS"', r"shops\[0\]\.currency = 'UDS': no such currency"),
        ('"USD"', '"usd"', r"currency = 'usd'"),
        ('"USD"', "840", r"currency = 840: expected a text"),
        ('"main"', '"Main Shop"', r"shop_id = 'Main Shop': use lower-case"),
        ('"main"', '"main-simulated"', r"marks simulated rows"),
        ('"main"', '""', r"shop_id = '': expected a text"),
        (
            '"sales_csv"',
            '"sales"',
            r"sources\[0\]\.source = 'sales': no such source; there are .*sales_csv",
        ),
        ('"sales_csv"', '"shops"', r"source = 'shops': no such source"),
        (
            '"folder"',
            '"ftp"',
            r"sources\[0\]\.origin = 'ftp': no such origin; there are folder, http",
        ),
        ('{ path = "data" }', '"data"', r"sources\[0\]\.options: expected a table"),
        ('origin = "folder"', "", r"sources\[0\]: origin is missing"),
        ('shop_name = "Example store"', "", r"shops\[0\]: shop_name is missing"),
        ("shop_name", "shop_nmae", r"unknown key shop_nmae; it can have .*shop_name"),
        (
            'currency = "USD"',
            'currency = "USD"\nurl = "x"',
            r"unknown key url; it can have currency",
        ),
        ("[[shops.sources]]", "[shops.sources]", r"sources: expected at least one"),
        ("[[shops]]", "[[shop]]", r"unknown key shop; it can have shops"),
        ("[[shops]]", "[[shops", r"not valid TOML"),
    ],
)
def test_each_mistake_is_named_with_file_and_key(tmp_path, old, new, sentence):
    assert old in GOOD
    with pytest.raises(ConfigError, match=rf"shops\.toml: .*{sentence}"):
        load(tmp_path, GOOD.replace(old, new))


def test_nothing_may_stand_twice(tmp_path):
    with pytest.raises(ConfigError, match="shop_id = 'main' stands twice"):
        load(tmp_path, GOOD + GOOD)
    source = GOOD[GOOD.index("[[shops.sources]]") :]
    with pytest.raises(
        ConfigError, match=r"shops\[0\]\.sources: source = 'sales_csv' stands twice"
    ):
        load(tmp_path, GOOD + source)


def test_no_shops_and_no_file(tmp_path):
    with pytest.raises(ConfigError, match="at least one"):
        load(tmp_path, "shops = []")
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read .*ECORSE_SHOPS_FILE"):
        load_shops(Settings(shops_file=tmp_path / "none.toml"))


def test_sources_are_the_modules_of_their_folder():
    assert "sales_csv" in source_names()
    assert not {"base", "origins", "shops"} & set(source_names())


def test_it_reads_in_five_milliseconds_and_imports_nothing_heavy():
    settings = Settings(shops_file=PROJECT_DIR / "include" / "shops.toml")
    load_shops(settings)
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        load_shops(settings)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.005
    code = (
        "import sys; from ecorse.ingest.shops import load_shops; load_shops();"
        "import ecorse.origins.kaggle, ecorse.origins.simulate;"
        "heavy = {'polars', 'pandas', 'numpy', 'kagglehub', 'requests', 'psycopg', 'airflow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
