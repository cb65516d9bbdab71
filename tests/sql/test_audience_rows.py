"""The customers of a segment, whatever it is a segment of, from marts in a real database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from ecorse.errors import DataError
from ecorse.models.action import read_actions
from ecorse.models.segmentation_file import ENTITIES
from ecorse.segments.audience import Audience, in_holdout
from ecorse.segments.audience_rows import members_of, read_audience
from ecorse.warehouse.frames import read_frame

OF_A = {"shop_id": "a"}
SEGMENTATION = {"customer": "customers", "order": "orders", "profile": "attributes"}


@pytest.fixture
def labelled(marts):
    """Two buyers, a customer of the file who never bought, and a buyer in another segment."""
    last = date(2019, 5, 1)
    marts.insert(
        "marts.customers",
        [
            {**OF_A, "customer_id": c, "purchases": 2, "last_purchase_date": last}
            for c in ("buyer-1", "buyer-2", "buyer-3")
        ],
    )
    marts.insert(
        "marts.orders",
        [
            {**OF_A, "order_id": order, "customer_id": customer, "is_purchase": True}
            for order, customer in (
                ("1", "buyer-1"), ("2", "buyer-1"), ("3", "buyer-2"), ("4", None), ("5", "buyer-3"),
            )
        ],
    )  # fmt: skip
    for entity, labels in {
        "customer": {"buyer-1": 1, "buyer-2": 1, "buyer-3": 2},
        "order": {"1": 1, "2": 1, "3": 2, "4": 1, "5": 2},
        "profile": {"buyer-1": 1, "looker": 1, "buyer-3": 2},
    }.items():
        name = SEGMENTATION[entity]
        marts.insert(
            f"marts.{ENTITIES[entity].labels}",
            [
                {**OF_A, ENTITIES[entity].id: i, "segmentation": name, "segment_id": number}
                for i, number in labels.items()
            ],
        )
        marts.insert("marts.segments", [
            {**OF_A, "segmentation": name, "segment_id": n, "segment_name": f"No {n}"}
            for n in (1, 2)
        ])  # fmt: skip
        status = {"task": "segment", "method": name, "entity": entity}
        marts.insert("marts.model_status", [{**OF_A, **status}])
    return marts


def audience(marts, segmentation: str, segment: str, action: str | None = None) -> Audience:
    def read(query: str, parameters: Sequence[Any]) -> pl.DataFrame:
        return read_frame(marts.conn, query, parameters)

    return read_audience(read, "a", segmentation, segment, action)


@pytest.mark.parametrize(
    ("segmentation", "members"),
    [
        ("customers", ["buyer-1", "buyer-2"]),
        ("orders", ["buyer-1"]),
        ("attributes", ["buyer-1", "looker"]),
    ],
)
def test_a_segment_of_anything_has_its_customers(labelled, segmentation, members) -> None:
    found = audience(labelled, segmentation, "1")
    assert found.frame["customer_id"].to_list() == members
    assert found.orders_of_nobody == (1 if segmentation == "orders" else 0)


@pytest.mark.parametrize(("segmentation", "others"), [("customers", 1), ("orders", 0)])
def test_consent_counts_in_a_segment_of_orders_as_in_one_of_customers(
    labelled, segmentation, others
) -> None:
    labelled.insert("marts.customer_attributes", [
        {**OF_A, "customer_id": customer, "attribute": "marketing_consent", "value_text": told}
        for customer, told in (("buyer-1", "false"), ("buyer-2", "true"), ("buyer-3", "false"))
    ])  # fmt: skip
    refused = audience(labelled, segmentation, "1")
    assert refused.frame["customer_id"].to_list() == ["buyer-2"] * others
    assert refused.left_out == {"who gave no consent": 1}
    allowed = audience(labelled, segmentation, "2")
    assert allowed.frame["customer_id"].to_list() == ["buyer-2"] * (1 - others)


def test_what_orders_say_counts_beside_what_a_customer_file_says(labelled) -> None:
    """The one that forbids does; who is named by one alone is told by that one."""
    labelled.insert("marts.customer_attributes", [
        {**OF_A, "customer_id": c, "attribute": "marketing_consent", "value_text": told}
        for c, told in (("buyer-1", "true"), ("buyer-2", "false"), ("looker", "true"))
    ])  # fmt: skip
    labelled.insert("marts.customer_consents", [
        {**OF_A, "customer_id": c, "statement": "marketing_consent", "is_so": is_so}
        for c, is_so in (("buyer-1", None), ("buyer-2", True), ("buyer-3", True))
    ])  # fmt: skip
    refused = audience(labelled, "customers", "1")
    assert refused.frame["customer_id"].to_list() == []
    assert refused.left_out == {"who gave no consent": 1, "whose consent is not stated": 1}
    assert audience(labelled, "customers", "2").frame["customer_id"].to_list() == ["buyer-3"]
    assert audience(labelled, "attributes", "1").frame["customer_id"].to_list() == ["looker"]


def test_a_column_of_orders_that_nothing_declares_is_asked_about(labelled) -> None:
    labelled.insert("marts.customer_consents", [
        {**OF_A, "customer_id": "buyer-1", "statement": "Newsletter", "is_so": None}
    ])  # fmt: skip
    with pytest.raises(DataError, match=r"Newsletter.*of orders marketing_consent.*ignore = true"):
        audience(labelled, "customers", "1")


def test_a_customer_of_the_file_who_never_bought_has_no_purchase(labelled) -> None:
    rows = audience(labelled, "attributes", "No 1").frame
    told = rows.select("customer_id", "purchases", "last_purchase_date").rows()
    assert told == [("buyer-1", 2, date(2019, 5, 1)), ("looker", 0, None)]


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_members_are_read_without_a_query_per_customer(labelled, entity) -> None:
    query = f"explain {members_of(entity)}"
    plan = "\n".join(line for (line,) in labelled.conn.execute(query, ("a", "x", 1)))
    assert "SubPlan" not in plan
    assert entity.labels in plan


def test_the_holdout_is_that_of_the_night_and_not_of_todays_rule(labelled) -> None:
    labelled.insert("marts.customer_segments", [
        {**OF_A, "customer_id": f"c{n}", "segmentation": "customers", "segment_id": 2}
        for n in range(400)
    ])  # fmt: skip
    labelled.insert("marts.segment_actions", [
        {
            **OF_A, "action": "next_category", "segmentation": "customers", "segment_id": 2,
            "holdout_share": 0.5,
        }
    ])  # fmt: skip
    rule = read_actions()["next_category"]
    assert rule.file.holdout.share == 0.1
    found = audience(labelled, "customers", "2", "next_category")
    # 401 draws at 0.5: five standard deviations are 50
    assert abs(found.holdout - 200) < 51
    drawn = dict(found.frame.select("customer_id", "is_holdout").rows())
    assert all(drawn[c] for c in drawn if in_holdout(rule, "a", c))  # a tenth is within the half
