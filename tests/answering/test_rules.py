"""The shop's rules in answers of every kind: planted beside a night that was made without any."""

from __future__ import annotations

import pytest

from ecorse.night import Night
from ecorse.warehouse.connect import connect

LISTS = ("for_you", "explore", "buy_again", "segment", "popular", "basket", "query")
CATEGORY = {"T1": "Tea", "T2": "Tea", "T3": "Kitchen", "T4": "Kitchen", "N1": "Lamps"}
QUESTIONS = {
    "for_you": {"customer": "c01"},
    "explore": {"customer": "c01", "list": "explore"},
    "buy_again": {"customer": "c01", "list": "buy_again"},
    "by the model": {"customer": "c01", "method": "for_customers"},
    "customer and words": {"customer": "c01", "query": ["tea"]},
    "stranger": {"customer": "nobody"},
    "stranger and words": {"customer": "nobody", "query": ["tea"]},
    "basket": {"products": ["T1"]},
    "basket by the model": {"products": ["T1"], "method": "for_customers"},
    "session": {"session": ["C1", "T1"], "method": "for_customers"},
    "query": {"query": ["tea"]},
    "segment": {"segmentation": "rfm", "segment": "1"},
}
LIST_OF = {
    "by the model": "for_you",
    "customer and words": "for_you",
    "stranger": "popular",
    "stranger and words": "for_you",
    "basket by the model": "basket",
    "session": "basket",
}


@pytest.fixture
def plant(asked):
    """Give a function that puts a row into ``ruled_products`` of the published night."""

    def put(product: str, *lists: str, **values) -> None:
        row = {"is_allowed": True, "factor": 1.0, **values}
        if "factor" in values:
            row["boosted"] = f"boosted {values['factor']:g}: product {product}"
        names = ", ".join(row)
        with connect() as conn:
            for name in lists or LISTS:
                conn.execute(
                    f"insert into builds.ruled_products (build_id, shop_id, list, product_id, "
                    f"category, {names}) values (%s, 'main', %s, %s, %s, "
                    f"{', '.join(['%s'] * len(row))})".encode(),
                    (asked, name, product, CATEGORY.get(product, "Tools"), *row.values()),
                )

    return put


def shown(question: str, n: int = 11, **more) -> list[str]:
    with Night() as night:
        wanted = {**QUESTIONS[question], **more}
        if question == "segment":
            first = night.sql(
                "select segmentation, segment_id from segment_recommendations limit 1"
            )
            wanted |= {
                "segmentation": first["segmentation"][0],
                "segment": str(first["segment_id"][0]),
            }
        return night.answer(wanted.pop("products", ()), n=n, **wanted).frame["product_id"].to_list()


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_excluded_is_in_no_answer(plant, question):
    before = shown(question)
    gone = next(p for p in before if p not in ("T1", "C1"))
    plant(gone, is_allowed=False)
    after = shown(question)
    assert gone not in after
    assert set(after) <= {*before, *(f"{kind}{n}" for kind in "TC" for n in range(1, 6)), "N1"}
    assert len(after) >= len(before) - 1


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_rule_of_another_list_changes_nothing(plant, question):
    before = shown(question)
    # best sellers fill up every list, and stand in for the one that was asked for
    own = {LIST_OF.get(question, question), "popular", "for_you" if "stranger" in question else ""}
    others = [name for name in LISTS if name not in own]
    plant(before[1 % len(before)], *others, is_allowed=False)
    if len(before) > 2:
        plant(before[-1], *others, pin_place=1)
    assert shown(question) == before


@pytest.mark.parametrize("question", ["by the model", "stranger", "basket", "session", "segment"])
def test_a_boosted_product_comes_first_and_says_so(plant, question):
    second = shown(question)[1]
    plant(second, factor=1e6)
    assert shown(question)[0] == second


def test_boosted_words(plant):
    assert shown("query", n=3) == shown("query")[:3]
    third = shown("query")[2]
    plant(third, "query", factor=50.0)
    with Night() as night:
        first = night.answer(query=["tea"], n=1).frame.row(0, named=True)
    assert first["product_id"] == third
    assert first["reason"] == f"Matches tea (boosted 50: product {third})"


@pytest.mark.parametrize("question", ["by the model", "stranger", "basket", "session", "segment"])
def test_a_pin_is_at_its_place(plant, question):
    plant("N1", pin_place=2)
    assert shown(question)[1] == "N1"
    assert shown(question).count("N1") == 1


def test_a_pin_goes_against_no_kind_of_answer(plant):
    plant("N1", pin_place=1)
    assert shown("query")[0] != "N1"  # it does not match the words
    assert shown("basket", products=["N1"], n=11).count("N1") == 0  # it is at hand
    assert "N1" not in shown("basket", category="Tea")
    assert "N1" not in shown("buy_again")  # never had
    plant("T2", pin_place=2)
    assert shown("query")[1] == "T2"


def test_a_cap_holds_in_mixed_answers_and_not_in_one_of_a_category(plant):
    for product in ("C1", "C2", "C3", "C5"):
        plant(product, at_most=1)
    tools = {"C1", "C2", "C3", "C5"}
    for question in ("basket", "stranger", "by the model"):
        assert len(tools & set(shown(question))) == 1, question
    assert set(shown("basket", category="Tools")) == tools


def test_rules_that_leave_little_are_said(plant):
    for product in ("T2", "T3", "T4", "T5", "C1", "C2", "C3", "C4", "C5"):
        plant(product, "basket", is_allowed=False)
    with Night() as night:
        answer = night.answer(["T1"], n=3)
    assert answer.frame["product_id"].to_list() == ["N1"]
    assert answer.said == (
        "The shop's rules (marts.rules_in_force) leave no more for the list basket.",
    )


def test_what_is_off_the_best_sellers_fills_no_list(plant):
    plant("T2", "popular", is_allowed=False)
    assert "T2" not in shown("stranger")
    with Night() as night:
        answer = night.answer(["C1"], n=11).frame
    assert "T2" not in answer.filter(source="popular")["product_id"]
