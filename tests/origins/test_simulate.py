"""The origin ``simulate``: made once, kept, and growing only by appending.

What belongs here: where and when the files are made. What does not: what is in them.
"""

from __future__ import annotations

import json

import pytest

from ecorse.errors import ConfigError
from ecorse.origins import fetch_files
from ecorse.origins.simulate import simulated_folder
from ecorse.settings import Settings
from ecorse.simulate import append_rows

OPTIONS = {"seed": 5, "customers": 200, "orders": 240, "events": 0, "year": 2020}


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_twelve_marked_files_that_stay_the_same(settings):
    first = fetch_files("simulate", settings, OPTIONS)
    assert len(first) == 12
    assert [f.file_name for f in first] == sorted(f.file_name for f in first)
    assert all(f.file_name.startswith("Simulated_Sales_") for f in first)
    assert all(f.provenance["is_simulated"] is True for f in first)
    before = {f.path: (f.path.read_bytes(), f.path.stat().st_mtime_ns) for f in first}
    second = fetch_files("simulate", settings, OPTIONS)
    assert {f.path: (f.path.read_bytes(), f.path.stat().st_mtime_ns) for f in second} == before


def test_the_folder_is_named_by_the_seed(settings):
    [path, *_] = [f.path for f in fetch_files("simulate", settings, OPTIONS)]
    assert path.parent == settings.home / "simulated" / (
        "5-customers-200-orders-240-events-0-year-2020"
    )
    assert simulated_folder(settings, {"seed": "7"}) == settings.home / "simulated" / "7"


def test_a_format_has_its_own_store_unless_another_is_named(settings):
    stores = {}
    for name, options in {
        "sales": {"format": "sales_csv"},
        "goods": {"format": "products"},
        "named": {"format": "products", "store": "electronics"},
    }.items():
        folder = fetch_files("simulate", settings, SHOP | options)[0].path.parent
        stores[name] = json.loads((folder / "truth.json").read_text())["plan"]["store"]
    assert stores == {"sales": "electronics", "goods": "department", "named": "electronics"}


def test_what_was_appended_stays(settings):
    [april, *_] = fetch_files("simulate", settings, OPTIONS)
    lines = april.path.read_bytes().count(b"\n")
    append_rows(april.path, rows=3)
    [again, *_] = fetch_files("simulate", settings, OPTIONS)
    assert again.path.read_bytes().count(b"\n") == lines + 3


def test_an_unfinished_year_is_made_again(settings):
    files = fetch_files("simulate", settings, OPTIONS)
    whole = [f.path.read_bytes() for f in files]
    files[3].path.unlink()
    (files[0].path.parent / "truth.json").unlink()
    assert [f.path.read_bytes() for f in fetch_files("simulate", settings, OPTIONS)] == whole


@pytest.mark.parametrize(
    "wrong",
    [{"seed": "x"}, {"orders": 1.5}, {"year": None}, {"year": 99}, {"year": 1999}],
)
def test_what_is_no_number_in_range(settings, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        fetch_files("simulate", settings, wrong)


SHOP = {"seed": 5, "customers": 40, "orders": 200, "events": 900}


def test_formats_of_one_shop_have_a_folder_each(settings):
    names = {}
    for form in ("rees46_events", "online_retail", "products"):
        files = fetch_files("simulate", settings, SHOP | {"format": form})
        names[form] = files[0].path.parent.name
        assert all(f.file_name.startswith(f"simulated_{form}") for f in files)
        assert all(f.provenance["is_simulated"] is True for f in files)
        assert all(f.provenance["customers"] == 40 for f in files)
    assert names["products"] == "5-format-products-customers-40-orders-200-events-900"
    assert len(set(names.values())) == 3


def test_two_years_of_compressed_files_and_pictures(settings):
    options = SHOP | {"format": "ratings", "years": 2, "suffix": ".csv.gz"}
    files = fetch_files("simulate", settings, options)
    assert len(files) == 24
    assert files[0].file_name == "simulated_ratings_2019-01.csv.gz"
    [catalogue] = fetch_files(
        "simulate", settings, SHOP | {"format": "products", "images": True, "products": 20}
    )
    assert len(list((catalogue.path.parent / "images").glob("SIM-P*.png"))) == 20


def test_a_shop_in_which_nothing_happens_is_refused(settings):
    with pytest.raises(ConfigError, match=r"nothing happens .*'orders': 0"):
        fetch_files("simulate", settings, {"orders": 0, "events": 0})


@pytest.mark.parametrize(
    "wrong",
    [
        {"customers": "many"},
        {"customers": 0},
        {"format": "xml"},
        {"store": "kiosk"},
        {"years": 0},
        {"suffix": ".doc"},
        {"time_zone": "Europe/Nowhere"},
        {"events": -1},
    ],
)
def test_a_wrong_option_of_the_shop_is_named(settings, wrong):
    with pytest.raises(
        ConfigError, match=next(iter(wrong)) + "|" + str(next(iter(wrong.values())))
    ):
        fetch_files("simulate", settings, SHOP | wrong)
