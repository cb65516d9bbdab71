"""The doctor calls nothing ok that is not there, and changes nothing by looking."""

from __future__ import annotations

import shutil

from ecorse.reports.doctor import examine
from ecorse.settings import PROJECT_DIR, get_settings


def findings() -> dict[str, tuple[bool, str]]:
    get_settings.cache_clear()
    return {finding.part: (finding.is_ok, finding.sentence) for finding in examine()}


def test_the_checkout_is_well(warehouse, tmp_path):
    found = findings()
    assert [part for part, (is_ok, _) in found.items() if not is_ok] == []
    files = list(PROJECT_DIR.glob("include/sql/marts/**/*.sql"))
    assert int(found["marts"][1].split()[0]) >= len(files) > 50
    assert found["project"][1].startswith(str(PROJECT_DIR))
    assert "published build none" in found["database"][1]
    assert not (tmp_path / "home").exists(), "the home is made by the first run, not by looking"


def test_no_marts_models_or_dags_is_a_failure_that_says_what_to_do(
    warehouse, tmp_path, monkeypatch
):
    (tmp_path / "shop" / "include").mkdir(parents=True)
    shutil.copy(PROJECT_DIR / "include" / "shops.toml", tmp_path / "shop" / "include")
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path / "shop"))
    monkeypatch.setattr("ecorse.layers.SHIPPED_DIR", tmp_path / "a broken installation")
    found = findings()
    for part, what in (("marts", "Install Ecorse again"), ("models", "Install Ecorse again"),
                       ("DAGs", "ecorse init . --upgrade")):  # fmt: skip
        is_ok, sentence = found[part]
        assert not is_ok, part
        assert what in sentence


def test_a_broken_file_is_found_and_the_other_parts_are_looked_at(warehouse, tmp_path, monkeypatch):
    include = tmp_path / "shop" / "include"
    (include / "sources").mkdir(parents=True)
    (include / "models").mkdir()
    shutil.copy(PROJECT_DIR / "include" / "shops.toml", include)
    (include / "sources" / "mine.toml").write_text("about = ")
    (include / "models" / "segment_orders.toml").write_text("[model]\n")
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path / "shop"))
    found = findings()
    assert "mine.toml" in found["sources"][1]
    assert "segment_orders.toml" in found["models"][1], "the project's file replaces the shipped"
    assert not found["sources"][0]
    assert not found["models"][0]
    assert found["database"][0]

    # a file that reads well and cannot be trained as it says
    shipped = (PROJECT_DIR / "include" / "models" / "segment_orders.toml").read_text()
    (include / "models" / "segment_orders.toml").write_text(
        shipped.replace('class = "kmeans"', 'class = "kmeens"')
    )
    is_ok, told = findings()["models"]
    assert not is_ok
    assert "There is no segmentation 'kmeens'" in told
