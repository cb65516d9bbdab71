"""Mistakes in declarations of models: told by file and key, before a night where that can be."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import ConfigError
from ecorse.settings import PROJECT_DIR
from ecorse.warehouse.connect import connect

EXAMPLES = PROJECT_DIR / "docs" / "examples"
MODELS = PROJECT_DIR / "include" / "models"

OTHER_CURVE = """
from ecorse.models.base import Segmentation
from ecorse.models.relation import Column, Relation
from ecorse.segments.results import SEGMENTATION_COLUMN, SHOP, WRITER


class Other(Segmentation):
    \"""Has a table of the name of another's.\"""

    diagnostics = (
        Relation(
            name="segmentation_k",
            about="Something else",
            grain=("shop_id", "segmentation", "k"),
            columns={
                "shop_id": SHOP, "segmentation": SEGMENTATION_COLUMN, "k": Column("text", "Other"),
            },
            writer_column=WRITER,
        ),
    )

    def assign(self, space):
        return space.lines.entity * 0


SEGMENTATION = Other
"""


def test_a_column_that_is_not_there_is_told_with_the_file(shops, project):
    text = (MODELS / "segment_orders.toml").read_text()
    path = project / "include" / "models" / "segment_orders.toml"
    path.write_text(text.replace("    city,\n", "    town,\n"))
    with pytest.raises(ConfigError) as caught:
        flow.refresh(holder="test")
    assert str(caught.value).startswith(
        f'{path} [inputs]: Postgres refuses a select: column "town" does not exist (42703).'
    )


def builds() -> int:
    with connect() as conn:
        return conn.execute("select count(*) from ops.build").fetchone()[0]


def test_two_segmentations_of_one_name_are_refused_before_anything_is_built(warehouse, project):
    orders = (MODELS / "segment_orders.toml").read_text()
    (project / "include" / "models" / "segment_again.toml").write_text(orders)
    with pytest.raises(ConfigError, match="has the same; its rows would be taken for these"):
        flow.refresh(holder="test")
    assert builds() == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('class = "kmeans"', 'class = "kmean"'), "There is no segmentation 'kmean'"),
        (("variance_share = 0.9 ", 'variance_share = "most" '), "variance_share = 'most'"),
        (("k_min = 2", "k_min = 9"), "k_min = 9 is above k_max = 8"),
        (('"segmentation_loadings"]', '"loadings"]'), "'loadings']: expected ['segmentation_"),
    ],
)
def test_a_mistake_in_a_declaration_names_file_and_key(warehouse, project, change, told):
    text = (MODELS / "segment_orders.toml").read_text()
    assert change[0] in text
    path = project / "include" / "models" / "segment_orders.toml"
    path.write_text(text.replace(*change))
    with pytest.raises(ConfigError) as caught:
        flow.refresh(holder="test")
    assert str(path) in str(caught.value)
    assert told in str(caught.value)
    assert builds() == 0


def test_lists_that_a_class_does_not_answer_for_are_refused_before_a_build(warehouse, project):
    text = (EXAMPLES / "recommend_best_sellers.toml").read_text().partition("[parameters]")[0]
    text = text.replace('"best_sellers"', '"popular"')
    path = project / "include" / "models" / "recommend_everyone.toml"
    path.write_text(text.replace('answers = ["users"]', 'answers = ["users", "items"]'))
    with pytest.raises(ConfigError) as caught:
        flow.refresh(holder="test")
    assert str(caught.value) == (
        f"{path}: model.answers: popular does not answer for items; it answers for baskets, users."
    )
    assert builds() == 0


def test_two_tables_of_one_name_are_refused_before_a_build(warehouse, project):
    include = project / "include"
    (include / "segments" / "other.py").write_text(OTHER_CURVE)
    text = (EXAMPLES / "segment_spending.toml").read_text().partition("[parameters]")[0]
    named = text.replace('"by_spending"', '"other"\ndiagnostics = ["segmentation_k"]')
    (include / "models" / "segment_spending.toml").write_text(named)
    with pytest.raises(ConfigError, match=r"declares marts\.segmentation_k otherwise"):
        flow.refresh(holder="test")
    assert builds() == 0


def test_a_table_with_a_measures_name_that_does_not_say_how_is_refused(warehouse, project):
    include = project / "include"
    other = OTHER_CURVE.replace('name="segmentation_k"', 'name="other_curve"')
    other = other.replace('Column("text", "Other"),', 'Column("text", "Other"), "orders": SHOP,')
    (include / "segments" / "other.py").write_text(other)
    text = (EXAMPLES / "segment_spending.toml").read_text().partition("[parameters]")[0]
    named = text.replace('"by_spending"', '"other"\ndiagnostics = ["other_curve"]')
    (include / "models" / "segment_spending.toml").write_text(named)
    with pytest.raises(ConfigError) as caught:
        flow.refresh(holder="test")
    assert str(caught.value).startswith("marts.other_curve, a table of a model")
    assert "the column 'orders' is called like a measure of measures.toml" in str(caught.value)
    assert builds() == 0
