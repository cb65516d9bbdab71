"""The data dictionary is what the catalogue says, and the committed page is current."""

from __future__ import annotations

from ecorse.refresh.catalog import load_catalog
from ecorse.reports.dictionary import DICTIONARY, make_dictionary
from ecorse.schema.staging import STAGING_TABLES
from ecorse.settings import PROJECT_DIR
from ecorse.training.run import model_relations


def test_committed_page_is_current() -> None:
    committed = (PROJECT_DIR / DICTIONARY).read_text(encoding="utf-8")
    assert committed == make_dictionary(load_catalog()), (
        "run python -m ecorse.reports.dictionary and commit docs/data-dictionary.md"
    )


def test_every_relation_and_column_has_its_line() -> None:
    catalog = load_catalog()
    page = make_dictionary(catalog)
    columns = {name: set(mart.columns) for name, mart in catalog.marts.items()}
    columns |= {spec.name: set(spec.columns) for spec in model_relations(catalog)}
    # made by include/sql/schema/04_marts.sql
    columns["build_info"] = {"build_id", "as_of", "built_at", "ecorse_version", "git_sha"}
    columns["served_artifacts"] = {
        "shop_id", "method", "build_id", "artifact_sha256", "artifact_bytes"
    }  # fmt: skip
    page, staging = page.split("\n# Staging\n")
    for table in STAGING_TABLES.values():
        section = staging.split(f"### staging.{table.name}\n")[1].split("\n### ")[0]
        assert [c for c in table.column_names if f"\n| `{c}` |" not in section] == []
    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    assert set(sections) == set(columns)
    for name, text in sections.items():
        assert [c for c in columns[name] if f"\n| `{c}` |" not in text] == []
