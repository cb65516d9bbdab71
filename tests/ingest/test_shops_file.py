"""Reading ``include/shops.toml``.

What belongs here: the file's shape and its errors. What does not: fetching files.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecorse.cli.sources import commands
from ecorse.errors import ConfigError
from ecorse.ingest.shops import Shop, ShopSource, load_shops
from ecorse.settings import PROJECT_DIR, Settings, get_settings
from ecorse.sources import source_names
from ecorse.sources.reading import Reading

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
    simulated = ShopSource(name="sales_csv", origin="simulate", options=options)
    main, demo = shops
    assert main == Shop(
        shop_id="main",
        shop_name="Example store",
        time_zone="America/New_York",
        currency="USD",
        sources=(simulated,),
    )
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
    assert events.reading == Reading(purchases_are_orders=False)


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
        ("America/New_York", "America/Nowhere", r"shops\[0\]\.time_zone = '.*': expected an IANA"),
        ("America/New_York", "../etc", r"time_zone = '\.\./etc': expected an IANA zone"),
        ("America/New_York", "America", r"time_zone = 'America': expected an IANA zone"),
        ('"USD"', '"UDS"', r"shops\[0\]\.currency = 'UDS': expected an ISO 4217 code"),
        ('"USD"', '"usd"', r"currency = 'usd'"),
        ('"USD"', "840", r"currency = 840: expected a text"),
        ('"main"', '"Main Shop"', r"shop_id = 'Main Shop': expected lower-case"),
        ('"main"', '"main-simulated"', r"marks simulated rows"),
        ('"main"', '""', r"shop_id = '': expected lower-case"),
        ('"Example store"', '""', r"shop_name = '': expected a text that is not empty"),
        ('"sales_csv"', '"sales"', r"\.source = 'sales': no such source; there are .*sales_csv"),
        ('"sales_csv"', '"shops"', r"source = 'shops': no such source"),
        ('"folder"', '"ftp"', r"\.origin = 'ftp': no such origin; there are folder, http"),
        ('{ path = "data" }', '"data"', r"sources\[0\]\.options = 'data': expected a table"),
        ('origin = "folder"', "", r"sources\[0\]\.origin is missing; expected where the files"),
        ('source = "sales_csv"', "", r"sources\[0\]\.source is missing; expected the name of a"),
        ('shop_name = "Example store"', "", r"shops\[0\]\.shop_name is missing"),
        (
            'currency = "USD"',
            'currency = "USD"\nurl = "x"',
            r"url: no such key; there are currency",
        ),
        ("[[shops.sources]]", "[shops.sources]", r"sources = .*: expected a list"),
        ("[[shops]]", "[[shop]]", r"shop: no such key; there are shops"),
        ("[[shops]]", "[[shops", r"not valid TOML"),
        (
            'origin = "folder"',
            'origin = "folder"\nreading = { drift = "never" }',
            r"reading\.drift = 'never': expected 'evolve', 'quarantine' or 'freeze'",
        ),
        (
            'origin = "folder"',
            'origin = "folder"\nreading = { encoding = "latin9000" }',
            r"reading\.encoding = 'latin9000': expected an encoding such as",
        ),
        (
            'origin = "folder"',
            'origin = "folder"\nreading = { delimiter = "" }',
            r"reading\.delimiter = '': expected one or more characters",
        ),
    ],
)
def test_each_mistake_is_named_with_file_and_key(tmp_path, old, new, sentence):
    assert old in GOOD
    with pytest.raises(ConfigError, match=rf"(?s)shops\.toml: .*{sentence}"):
        load(tmp_path, GOOD.replace(old, new))


def test_all_mistakes_are_told_at_once(tmp_path):
    wrong = GOOD.replace("USD", "UDS").replace("sales_csv", "sales").replace("shop_name", "name")
    with pytest.raises(ConfigError) as told:
        load(tmp_path, wrong)
    lines = str(told.value).splitlines()
    assert lines[0].endswith("shops.toml: 4 mistakes.")
    assert [line.split(" = ")[0].split(":")[0].strip() for line in lines[1:]] == [
        "shops[0].shop_name is missing; expected how people call the shop",
        "shops[0].currency",
        "shops[0].sources[0].source",
        "shops[0].name",
    ]


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
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such .*ECORSE_SHOPS_FILE"):
        load_shops(Settings(shops_file=tmp_path / "none.toml"))


def test_a_shop_without_sources_can_be_looked_at_and_not_loaded(tmp_path, monkeypatch):
    """Its time zone and its currency are all that a check of a file needs."""
    alone = GOOD.partition("[[shops.sources]]")[0].replace("USD", "EUR")
    with pytest.raises(ConfigError, match=r"shops\[0\].sources: expected at least one"):
        load(tmp_path, alone)
    (shop,) = load_shops(Settings(shops_file=tmp_path / "shops.toml"), need_sources=False)
    assert (shop.currency, shop.sources) == ("EUR", ())
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(tmp_path / "shops.toml"))
    get_settings.cache_clear()
    (tmp_path / "f.csv").write_text("nothing of the kind\n1\n")
    told = CliRunner().invoke(commands, ["check", str(tmp_path / "f.csv"), "--source", "sales_csv"])
    assert "As a file of shop main (America/New_York, EUR)." in told.output


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
