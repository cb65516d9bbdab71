"""What a published night answers: customers, words, sessions, segments, saved models."""

from __future__ import annotations

import time

import pytest

from ecorse.answering.question import Question
from ecorse.errors import DataError, ModelRejected
from ecorse.night import Night
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

TEA = {"Green Tea", "Black Tea", "Tea Pot", "Tea Strainer", "Honey"}
TOOLS = {"Claw Hammer", "Box of Nails", "Hand Saw", "Work Gloves", "Wood Glue"}


@pytest.fixture
def night(asked):
    with Night() as night:
        yield night


def names(answer) -> list[str]:
    return answer.frame["product_name"].to_list()


def served(list_: str, customer: str) -> list[str]:
    with connect("app_reader") as conn:
        rows = conn.execute(
            "select product_id from marts.recommendations_served where customer_id = %s "
            "and list = %s order by rank",
            (customer, list_),
        ).fetchall()
    return [product for (product,) in rows]


@pytest.mark.parametrize("kind", ["for_you", "explore", "buy_again"])
def test_a_customers_list_is_the_served_one(night, kind):
    answer = night.answer(customer="c01", list=kind, n=4)
    assert answer.frame["product_id"].to_list() == served(kind, "c01")[:4]
    assert answer.frame["rank"].to_list() == list(range(1, answer.frame.height + 1))
    assert answer.frame["reason"].str.len_chars().min() > 0
    assert answer.said == ()


def test_a_stranger_gets_best_sellers_and_is_told_so(night):
    answer = night.answer(customer="nobody", n=11)
    assert answer.said == (
        "Customer 'nobody' has no list for_you in this night: these are best sellers.",
    )
    assert answer.frame.height == 11
    assert set(answer.frame["source"]) == {"popular"}
    assert "A best seller: in" in answer.frame["reason"][0]


def test_a_category_that_is_short_in_the_list_is_asked_of_the_saved_model(night):
    answer = night.answer(customer="c01", list="explore", n=5, category="Tools")
    assert set(names(answer)) == TOOLS - {"Work Gloves"}  # four of them
    assert set(answer.frame["category"]) == {"Tools"}
    had = night.sql("select product_id from basket_products where customer_id = 'c01'")
    assert not set(answer.frame["product_id"]) & set(had["product_id"])


def test_a_customer_by_the_saved_model_is_what_the_night_listed(night):
    """The lists were made by the same model from the same rows."""
    with connect("app_reader") as conn:
        rows = conn.execute(
            "select product_id from marts.user_recommendations where customer_id = 'c01' "
            "and method = 'for_customers' and list = 'explore' and level = 0 order by rank"
        ).fetchall()
    own = [product for (product,) in rows]
    answer = night.answer(customer="c01", list="explore", n=len(own), method="for_customers")
    assert answer.frame["product_id"].to_list() == own


def test_months_and_dayparts_weigh_a_customers_list(night):
    plain = night.answer(customer="c01", n=3).frame
    may = night.answer(customer="c01", n=3, month=5).frame
    assert may["score"].to_list() != plain["score"].to_list()
    with pytest.raises(DataError, match="Its months are 1, 2, 3"):
        night.answer(customer="c01", month=12)


def test_a_basket_is_answered_from_similar_products_as_before(night):
    answer = night.answer(["green tea"], n=3)
    assert set(names(answer)) <= TEA | {"Night Lamp"}  # guests buy it with green tea
    first = answer.frame.row(0, named=True)
    assert (first["source"], first["because_of"]) == ("similar", "Green Tea")
    assert first["reason"] == "Goes with Green Tea"


def test_what_stands_in_a_products_place_does_not_go_with_it(night):
    with connect("app_reader") as conn:
        rows = conn.execute(
            "select product_id, similar_product_id, relation from marts.item_similarity_served "
            "where relation <> 'popular'"
        ).fetchall()
    known = {(one, other): relation for one, other, relation in rows}
    told = set()
    for product in ("T1", "T2", "C1", "C2", "N1"):
        frame = night.answer([product], n=11).frame.filter(source="similar")
        for row in frame.iter_rows(named=True):
            relation = known[product, row["product_id"]]
            words = "Goes with" if relation == "complement" else "Similar to"
            assert row["reason"] == f"{words} {row['because_of']}"
            told.add(words)
    assert told == {"Goes with", "Similar to"}


def test_a_saved_models_own_sentence_is_the_reason(night):
    frame = night.answer(customer="c01", list="buy_again", method="buy_again", n=3).frame
    assert frame.height
    assert all(reason.startswith("Bought ") for reason in frame["reason"])
    night_rows = night.sql(
        "select product_id, reason from user_recommendations where customer_id = 'c01' "
        "and list = 'buy_again' and method = 'buy_again'"
    )
    reasons = dict(zip(night_rows.product_id, night_rows.reason, strict=True))
    assert dict(frame.select("product_id", "reason").rows()).items() <= reasons.items()


def test_best_sellers_stand_once_on_the_leaderboard(night):
    board = night.leaderboard("recommend")
    popular = board[board.method == "popular"]
    assert not popular.duplicated(["shop_id", "list", "slice", "metric"]).any()
    every = night.sql("select method, list, slice, metric from model_scores where is_baseline")
    assert len(every[every.method == "popular"]) > len(popular)
    assert set(popular.list) == {"item_similarity", "for_you", "explore", "buy_again"}
    others = night.sql(
        "select 1 from model_scores where task = 'recommend' and method <> 'popular'"
    )
    assert len(board[board.method != "popular"]) == len(others)


def test_a_basket_asked_of_a_saved_model_stays_in_its_kind(night):
    answer = night.answer(["Claw Hammer", "C2"], n=3, method="for_customers")
    assert set(names(answer)) == TOOLS - {"Claw Hammer", "Box of Nails"}
    assert set(answer.frame["because_of"]) <= {"Claw Hammer", "Box of Nails"}


def test_the_last_product_of_a_session_decides(night):
    tea = night.answer(session=["C1", "T1", "T2"], n=2, method="for_customers")
    tools = night.answer(session=["T1", "C1", "C2"], n=2, method="for_customers")
    assert set(names(tea)) <= TEA
    assert set(names(tools)) <= TOOLS


def test_words_find_names_and_categories_and_the_latest_search_leads(night):
    tea = night.answer(query=["tea"], n=4)
    assert set(names(tea)) == TEA - {"Honey"}
    assert tea.frame["reason"][0] == "Matches tea"
    pot = night.answer(query=["tea", "hammer"], n=3)
    assert names(pot)[0] == "Claw Hammer"
    assert names(pot) != names(tea)[:3]
    lamps = night.answer(query="lamps", n=1)  # the category's word, not the name's
    assert names(lamps) == ["Night Lamp"]


def test_unknown_words_are_said_and_only_unknown_ones_refused(night):
    answer = night.answer(query=["hamer tea"], n=2)
    assert answer.said == ("No product has 'hamer' (near: hammer).",)
    assert set(names(answer)) <= TEA
    with pytest.raises(DataError, match=r"'sofa'"):
        night.answer(query=["sofa"])


def test_words_and_a_customers_list_are_blended(night):
    alone = night.answer(customer="c01", n=5)
    both = night.answer(customer="c01", query=["hammer"], n=5)
    assert names(both)[0] in {"Claw Hammer", names(alone)[0]}
    assert "Claw Hammer" in names(both)
    assert set(names(both)) & set(names(alone)) - {"Claw Hammer"}
    stranger = night.answer(customer="nobody", query=["hammer"], n=1)
    assert names(stranger) == ["Claw Hammer"]
    assert "this is what matches the words" in stranger.said[0]


def test_a_segment_has_its_own_list(night):
    listed = night.sql(
        "select segmentation, segment_name, product_id, bought_by, members "
        "from segment_recommendations order by segmentation, segment_id, rank"
    )
    first = listed.iloc[0]
    answer = night.answer(segmentation=first.segmentation, segment=first.segment_name.upper(), n=1)
    row = answer.frame.row(0, named=True)
    assert row["product_id"] == first.product_id
    assert row["reason"] == (
        f"Bought by {first.bought_by} of the {first.members} customers of {first.segment_name}"
    )
    with pytest.raises(DataError, match="no segment 'no such' with a list; it has"):
        night.answer(segmentation=first.segmentation, segment="no such")
    with pytest.raises(DataError, match="no lists of segmentation 'none'"):
        night.answer(segmentation="none", segment="1")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({}, "Nothing was asked"),
        ({"products": ["T1"], "customer": "c01"}, "cannot be asked at once"),
        ({"customer": "c01", "list": "all"}, "no list 'all'; there are for_you"),
        ({"customer": "c01", "n": 0}, "at least 1"),
        ({"customer": "c01", "category": "Sofas"}, "there are: Clothing, Food"),
        ({"products": ["Tea"]}, r"sells no 'Tea'.*Green Tea"),
        ({"products": ["T1"], "method": "other"}, r"no saved model 'other'; it has .*buy_again"),
        ({"products": ["T1"], "method": "buy_again"}, "does not answer for baskets"),
        ({"customer": "c01", "shop": "nowhere"}, r"no shop 'nowhere'; it has main"),
        ({"customer": "c01", "customers": "c02"}, "^customers: expected some of products"),
        ({"query": ["tea"], "method": "model"}, "answers for products, a customer or a session"),
        ({"query": ["tea"], "customer": "c01", "method": "model"}, "and for no query"),
        ({"products": "Tea"}, "sells no 'Tea'"),
        ({"segment": "1"}, "give both or neither"),
        ({"query": ["?", " "]}, "there is no word to search for"),
    ],
)
def test_what_cannot_be_answered_is_said(night, wanted, told):
    with pytest.raises(DataError, match=told):
        night.answer(**wanted)


def test_a_lost_model_is_told_and_lists_go_on(night):
    for file in (get_settings().home / "models").iterdir():
        file.unlink()
    answer = night.answer(customer="c01", list="explore", n=5, category="Tools")
    assert "cannot be read" in answer.said[0]
    assert answer.frame.height == 4
    with pytest.raises(ModelRejected, match="cannot be read"):
        night.answer(["T1"], method="for_customers")


def test_a_model_is_loaded_once_and_then_quick(night):
    night.answer(["T1"], method="for_customers")
    shop = night._asked["main"]
    model = shop.model("for_customers")
    start = time.process_time()
    for _ in range(20):
        night.answer(["T1", "T3"], method="for_customers")
    assert shop.model("for_customers") is model
    assert (time.process_time() - start) / 20 < 0.2  # CPU: some 0.01 on an idle machine


def test_the_reader_sees_which_files_and_nothing_more(asked):
    with connect("app_reader") as conn:
        rows = conn.execute("select method from marts.served_artifacts order by 1").fetchall()
        assert ("for_customers",) in rows
        with pytest.raises(Exception, match="permission denied"):
            conn.execute("select 1 from ops.model_version")


def test_every_question_has_its_form():
    with pytest.raises(DataError, match="at least 1"):
        Question(products=("x",), n=-1).check()
