"""Which parameters make tonight's lists: a challenger has to prove itself on the same customers.

Planted shops, in which one set of parameters is better than another by construction.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import polars as pl
import pytest

from ecorse.errors import DataError, ModelRejected
from ecorse.evaluate.origins import latest
from ecorse.models.base import Champion
from ecorse.models.interactions import Interactions
from ecorse.segments.history import FIRST_NIGHT, Night
from ecorse.segments.label_history import LabelHistory, PublishedLabels
from ecorse.training import planning
from ecorse.training.envelope import pack, unpack
from ecorse.training.run import run_model

START = datetime(2019, 1, 1)
CUSTOMERS, DAYS = 150, 140
PRODUCTS = pl.DataFrame(
    {
        "product_id": [f"p{n:02}" for n in range(40)],
        "product_name": [f"Thing {n}" for n in range(40)],
        "category": ["things"] * 40,
    }
)
ACCEPTED = Night(is_accepted=True)


def orders(first_of_day) -> pl.DataFrame:
    """Every customer buys one product every ten days: ``first_of_day(customer, day)``."""
    rows = [
        (f"c{customer:03}", f"{customer}-{day}", f"p{first_of_day(customer, day):02}",
         START + timedelta(days=day, minutes=customer))
        for customer in range(CUSTOMERS)
        for day in range(customer % 10, DAYS, 10)
    ]  # fmt: skip
    names = ["customer_id", "basket_id", "product_id", "at"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(kind=pl.lit("purchase"))


# what sells changes every four weeks: best sellers of late know it, those of all times do not
FASHION = orders(lambda customer, day: 8 * (day // 28) + customer % 8)


@pytest.fixture(scope="module")
def night(declare):
    """One night of best sellers: ``night(half_life, champion, ...)``."""

    def one(
        half_life, champion=None, lines=FASHION, before=FIRST_NIGHT, products=PRODUCTS, **changes
    ):
        changes = {
            "search": None,
            "lists": ["for_you"],
            "top_n": 5,
            "windows": {"days": 14, "at": 5},
        } | changes
        declaration = declare(
            "recommend_best_sellers_lately", parameters={"half_life_days": half_life}, **changes
        )
        inputs = {"products": products, "interactions": lines}
        return run_model(declaration, "s", inputs, champion, before)

    return one


def published(result) -> Champion:
    return Champion(7, result.artifact, json.loads(json.dumps(result.metrics)))


def lists(result) -> list[tuple]:
    columns = ("list", "customer_id", "rank", "product_id", "score")
    return result.frame("user_recommendations").select(columns).rows()


LATELY, EVER = 5, 0  # half-lives: a good one in a shop of fashions, and none


@pytest.fixture(scope="module")
def lately(night):
    return night(LATELY)


@pytest.fixture(scope="module")
def ever(night):
    return night(EVER)


def test_a_worse_challenger_is_held_and_the_published_parameters_make_tonights_lists(
    night, lately, ever
):
    held = night(EVER, published(lately))
    assert held.decision.outcome == "held"
    assert held.decision.numbers["for_you"]["difference"]["high"] < 0
    assert "--accept recommend_best_sellers_lately:s" in held.decision.reason
    assert lists(held) == lists(lately) != lists(ever)
    # what is written down of tonight is of these parameters
    assert held.params["half_life_days"] == LATELY
    assert held.artifact == lately.artifact
    assert held.metrics == lately.metrics
    assert held.frame("recommendation_cases").equals(lately.frame("recommendation_cases"))


def test_the_published_parameters_are_fitted_on_tonights_rows(night, lately):
    since = FASHION.filter(pl.col("at") < START + timedelta(days=DAYS - 20))
    before = night(LATELY, lines=since)
    held = night(EVER, published(before))
    assert held.decision.outcome == "held"
    assert lists(held) == lists(lately) != lists(before)


def test_a_better_challenger_is_promoted(night, ever, lately):
    result = night(LATELY, published(ever))
    assert result.decision.outcome == "promoted"
    assert result.decision.numbers["for_you"]["difference"]["low"] > 0
    assert result.params["half_life_days"] == LATELY
    assert lists(result) == lists(lately)


def test_a_tie_keeps_the_published_parameters(night, lately):
    # a millionth of a day changes no order of best sellers
    held = night(LATELY + 1e-6, published(lately))
    assert held.decision.outcome == "held"
    assert "no better" in held.decision.reason
    assert held.decision.numbers["for_you"]["difference"]["value"] == 0
    assert held.params["half_life_days"] == LATELY


def test_the_same_parameters_are_no_challenge(night, lately):
    again = night(LATELY, published(lately))
    assert again.decision.outcome == "promoted"
    assert "for_you" not in again.decision.numbers
    assert again.artifact == lately.artifact


def test_approval_waits_however_good_it_is_until_somebody_lets_it_through(night, ever, lately):
    asked = {"gate": {"approval": True}}
    waits = night(LATELY, published(ever), **asked)
    assert waits.decision.outcome == "held"
    assert waits.decision.reason.startswith(
        "Waits for approval. for_you: Promoted: the declared model"
    )
    assert lists(waits) == lists(ever)
    through = night(LATELY, published(ever), before=ACCEPTED, **asked)
    assert through.decision.outcome == "promoted"
    assert lists(through) == lists(lately)


def test_what_was_held_is_let_through_if_accepted(night, lately, ever):
    through = night(EVER, published(lately), before=ACCEPTED)
    assert through.decision.outcome == "promoted"
    assert through.decision.reason.startswith("Let through. for_you: Held")
    assert lists(through) == lists(ever)
    assert through.params["half_life_days"] == EVER


def test_a_slice_that_falls_holds_what_is_better_on_the_whole(night):
    # those with a long history keep to old products, and most others follow the fashion
    def buys(customer: int, day: int) -> int:
        is_loyal = customer % 3 == 0
        if is_loyal:
            return customer % 5
        return 8 + (customer + day // 10) % 4 + 4 * (day // 28)

    lines = orders(buys).with_columns(number=pl.col("customer_id").str.slice(1).cast(pl.Int64))
    # the loyal are those who bought before 2019, too: twenty products each
    loyal = pl.DataFrame(
        [
            (f"c{customer:03}", f"old {customer}-{n}", f"p{n:02}", START - timedelta(days=40 - n))
            for customer in range(0, CUSTOMERS, 3)
            for n in (*range(5), *range(25, 40))
        ],
        schema=["customer_id", "basket_id", "product_id", "at"],
        orient="row",
    ).with_columns(kind=pl.lit("purchase"))
    lines = pl.concat([lines.drop("number"), loyal])
    limits = {"promotion": {"min_cases": 20, "max_best_seller_rise": 1.0}}
    ever = night(EVER, lines=lines, **limits)
    result = night(LATELY, published(ever), lines=lines, **limits)
    numbers = result.decision.numbers["for_you"]
    assert numbers["difference"]["low"] > 0  # better on the whole
    assert "history 20+" in numbers["fallen_slices"]
    assert result.decision.outcome == "held"
    assert "history 20+ fell by more than 0.01" in result.decision.reason
    # and with a limit that allows it, it is promoted
    allowed = {"promotion": {**limits["promotion"], "max_slice_drop": 1.0}}
    assert night(LATELY, published(ever), lines=lines, **allowed).decision.outcome == "promoted"


def keep_or_follow(customer: int, day: int) -> int:
    """A third goes round five old products; the others follow the fashion of four weeks."""
    if customer % 3 == 0:
        return (customer + day // 10) % 5
    return 8 + (customer + day // 10) % 4 + 4 * (day // 28)


LIMITS = {"promotion": {"min_cases": 20, "max_best_seller_rise": 1.0}}


def labelled(day: int, since: int = 0) -> Night:
    """A night of data up to ``day`` that parted those who keep from those who follow."""
    names = ["Keeps" if customer % 3 == 0 else "Follows" for customer in range(CUSTOMERS)]
    frame = pl.DataFrame(
        {
            "customer_id": [f"c{customer:03}" for customer in range(CUSTOMERS)],
            "segment_name": names,
            "since_date": [(START + timedelta(days=since)).date()] * CUSTOMERS,
        }
    )
    told = PublishedLabels((START + timedelta(days=day)).date(), lambda: frame)
    return Night(labels=LabelHistory({"rfm": [told]}))


def segments_of(result) -> set[str]:
    slices = result.frame("model_scores")["slice"].unique().to_list()
    return {name for name in slices if name.startswith("rfm: ")}


def test_a_segment_that_falls_holds_what_is_better_on_the_whole(night):
    # the oldest window begins on day 97, and both kinds have as many products before it
    known, lines = labelled(day=90), orders(keep_or_follow)
    ever = night(EVER, lines=lines, before=known, **LIMITS)
    assert segments_of(ever) == {"rfm: Keeps", "rfm: Follows"}
    result = night(LATELY, published(ever), lines=lines, before=known, **LIMITS)
    numbers = result.decision.numbers["for_you"]
    assert numbers["difference"]["low"] > 0  # better on the whole
    assert list(numbers["fallen_slices"]) == ["rfm: Keeps"]
    assert result.decision.outcome == "held"
    assert "rfm: Keeps fell for certain" in result.decision.reason
    assert result.params["half_life_days"] == EVER
    allowed = {"promotion": {**LIMITS["promotion"], "max_segment_drop": 1.0}}
    through = night(LATELY, published(ever), lines=lines, before=known, **allowed)
    assert through.decision.outcome == "promoted"


@pytest.mark.parametrize(
    ("day", "since", "is_known"),
    [(135, 90, True), (135, 135, False), (98, 98, False)],
    ids=["there since before", "came in the window", "on its first day"],
)
def test_a_label_that_was_made_in_the_windows_is_not_used(night, day, since, is_known):
    lines = orders(keep_or_follow)
    told = labelled(day, since)
    # of three windows, from day 97 on; of the last two a night of day 98 is known before
    result = night(EVER, lines=lines, before=told, windows={"days": 14, "at": 5, "origins": 1})
    oldest = night(EVER, lines=lines, before=told, windows={"days": 42, "at": 5, "origins": 1})
    assert bool(segments_of(oldest)) == is_known
    assert bool(segments_of(result)) == (is_known or day < 126)


def test_a_changed_diversity_alone_has_to_prove_itself(night):
    # products of five names that differ in nothing else: lists of one name are nothing but alike
    names = ["red cup", "blue pen", "green tea", "old map", "wool hat"]
    products = PRODUCTS.with_columns(
        product_name=pl.Series([f"{names[n // 8]} {n % 8}" for n in range(40)])
    )
    plain = night(LATELY, products=products)
    varied = {"diversity": {"lambda": 0.05, "candidates": 40}}
    held = night(LATELY, published(plain), products=products, **varied)
    assert held.decision.outcome == "held"
    assert held.decision.numbers["for_you"]["difference"]["high"] < 0
    assert lists(held) == lists(plain)
    # and its file says so on: tomorrow it is the same challenge
    again = night(LATELY, published(held), products=products, **varied)
    assert again.decision.outcome == "held"
    back = night(LATELY, published(held), products=products)
    assert "for_you" not in back.decision.numbers
    taken = night(LATELY, published(plain), products=products, before=ACCEPTED, **varied)
    assert lists(taken) != lists(plain)


def test_changed_weights_alone_have_to_prove_themselves(night):
    # everybody looks at what nobody ever buys, ten times as often as anybody buys
    looks = pl.concat([FASHION] * 10).with_columns(
        product_id=pl.lit("p39"),
        kind=pl.lit("view"),
        basket_id=pl.format("look {}", pl.int_range(pl.len())),
    )
    lines = pl.concat([FASHION.filter(pl.col("product_id") != "p39"), looks])
    looked = night(LATELY, lines=lines, weights={"purchase": 1.0, "view": 0.5})
    assert all(row[3] == "p39" for row in lists(looked) if row[2] == 1)
    # what is right is what counts by tonight's declaration: purchases alone
    bought = {"purchase": 1.0, "view": 0.0}
    better = night(LATELY, published(looked), lines=lines, weights=bought)
    assert better.decision.outcome == "promoted"
    assert better.decision.numbers["for_you"]["difference"]["low"] > 0
    assert unpack(better.artifact)[0]["making"]["weights"] == bought
    # best sellers are counted by orders: twice the weight changes no list
    tie = night(LATELY, published(better), lines=lines, weights={"purchase": 2.0, "view": 0.0})
    assert tie.decision.outcome == "held"
    assert tie.decision.numbers["for_you"]["difference"]["value"] == 0
    assert unpack(tie.artifact)[0]["making"]["weights"] == bought


def test_a_kind_that_the_published_weights_do_not_know_is_not_counted_by_them(night):
    looks = FASHION.with_columns(
        product_id=pl.lit("p39"), kind=pl.lit("view"), basket_id="look " + pl.col("basket_id")
    )
    before = night(LATELY, weights={"purchase": 1.0})
    result = night(
        LATELY, published(before), lines=pl.concat([FASHION, looks]),
        weights={"purchase": 1.0, "view": 1.0},
    )  # fmt: skip
    # who looks at it every time is foreseen only by whoever counts looks
    assert result.decision.numbers["for_you"]["difference"]["low"] > 0
    assert result.decision.outcome == "promoted"


def test_another_seed_alone_is_a_challenge_that_ends_in_a_tie(night, lately):
    held = night(LATELY, published(lately), seed=99)
    assert held.decision.outcome == "held"
    assert "no better" in held.decision.reason


def test_a_file_of_an_earlier_version_says_nothing_of_diversity_or_weights(night, lately):
    facts, files = unpack(lately.artifact)
    del facts["making"]
    again = night(LATELY, Champion(7, pack(facts, files), lately.metrics))
    assert again.decision.outcome == "promoted"
    assert "for_you" not in again.decision.numbers


def test_settings_that_no_declaration_can_say_refuse_the_file(night, lately):
    facts, files = unpack(lately.artifact)
    facts["making"]["diversity"] = {"lambda": 7}
    with pytest.raises(ModelRejected, match=r"settings are not known any more"):
        night(LATELY, Champion(7, pack(facts, files), lately.metrics))


def test_another_list_that_gets_worse_holds_all(night):
    # every fortnight all buy the same five staples, and five days later something new and what
    # others found new a fortnight ago: that is what explore is after, for_you after the staples
    rows = [
        (f"c{customer:03}", f"{customer}-{day}", f"p{item:02}",
         START + timedelta(days=day, minutes=customer))
        for customer in range(CUSTOMERS)
        for fortnight in range(10)
        for day, items in (
            (14 * fortnight + 8, range(5)),
            (14 * fortnight + 13, {8 + 3 * fortnight + customer % 3,
                                   8 + 3 * max(0, fortnight - 1) + (customer + 1) % 3}),
        )
        for item in items
    ]  # fmt: skip
    names = ["customer_id", "basket_id", "product_id", "at"]
    lines = pl.DataFrame(rows, schema=names, orient="row").with_columns(kind=pl.lit("purchase"))
    changes = {"lists": ["explore", "for_you"], "promotion": {"max_best_seller_rise": 1.0}}
    ever = night(EVER, lines=lines, **changes)
    result = night(1, published(ever), lines=lines, **changes)
    assert result.decision.numbers["explore"]["difference"]["low"] > 0
    assert result.decision.numbers["for_you"]["difference"]["high"] < 0
    assert result.decision.outcome == "held"
    assert result.decision.reason.startswith("for_you: Held")
    assert "explore: Promoted" in result.decision.reason
    alone = night(1, published(ever), lines=lines, **changes | {"lists": ["explore"]})
    assert alone.decision.outcome == "promoted"


# ---------------------------------------------------------------------------- nothing to compare


def test_a_history_too_short_to_compare_on_keeps_the_published_parameters(night):
    one_day = FASHION.head(1)
    first = night(LATELY, lines=one_day)
    assert first.decision.outcome == "promoted"
    held = night(EVER, published(first), lines=one_day)
    assert held.decision.outcome == "held"
    assert "no customer of the shop has a history long enough" in held.decision.reason
    assert held.params["half_life_days"] == LATELY
    assert (
        night(EVER, published(first), lines=one_day, before=ACCEPTED).params["half_life_days"]
        == EVER
    )


def test_too_few_customers_keep_the_published_parameters(night):
    few = FASHION.filter(pl.col("customer_id") < "c020")
    held = night(LATELY, published(night(EVER, lines=few)), lines=few)
    assert held.decision.outcome == "held"
    assert "are too few to compare on, 100 are needed" in held.decision.reason


def test_one_customer_has_lists(night):
    one = FASHION.filter(customer_id="c003")
    result = night(LATELY, lines=one, lists=["for_you", "explore"])
    assert result.decision.outcome == "promoted"
    assert {row[1] for row in lists(result)} == {"c003"}
    json.dumps([result.params, result.metrics, result.decision.numbers], allow_nan=False)


def test_lists_of_products_wait_for_approval_too(declare):
    lines = FASHION.drop("customer_id").with_columns(
        basket_id=pl.format("b{}", pl.int_range(pl.len()) // 3)
    )

    def night(approval: bool, champion=None, **parameters):
        gate = {"approval": approval}
        declaration = declare("recommend_co_purchase", gate=gate, parameters=parameters)
        inputs = {"products": PRODUCTS, "interactions": lines}
        return run_model(declaration, "s", inputs, champion)

    first = night(True)
    waits = night(True, published(first), min_lift=0.5)
    assert waits.decision.outcome == "held"
    assert waits.decision.reason.startswith("Waits for approval.")
    assert waits.params["min_lift"] == 1.0
    assert waits.artifact == first.artifact
    assert night(False, published(first), min_lift=0.5).decision.outcome == "promoted"


# ---------------------------------------------------------------------------- limits, damage, leaks


def test_published_parameters_that_no_longer_fit_into_memory_make_way(declare, monkeypatch):
    declaration = declare(
        "recommend_for_customers", parameters={"most_cases": 50}, windows={"origins": 1}
    )

    def night(champion=None):
        inputs = {"products": PRODUCTS, "interactions": FASHION}
        return run_model(declaration, "s", inputs, champion)

    first = night()
    assert first.params["leave_out"] == ()
    shape = Interactions.from_frames(PRODUCTS, FASHION).shape
    too_little = 2 * declaration.create().memory_needed(shape) - 2  # half of it is allowed
    monkeypatch.setattr(planning, "memory_limit", lambda: too_little)
    result = night(published(first))
    assert result.decision.outcome == "promoted"
    assert "to fit the published parameters takes" in result.decision.reason
    assert result.params["leave_out"] == ("linear",)


@pytest.mark.parametrize("where", ["own", "part"])
def test_parameters_that_their_class_does_not_know_any_more_refuse_the_file(declare, where):
    declaration = declare(
        "recommend_for_customers",
        parameters={"parts": {"lately": {"class": "popular"}}, "most_cases": 50},
        windows={"origins": 1},
    )
    inputs = {"products": PRODUCTS, "interactions": FASHION.head(300)}
    first = run_model(declaration, "s", dict(inputs), None)
    facts, files = unpack(first.artifact)
    if where == "own":
        facts["parameters"]["gone"] = 1
    else:
        facts["parameters"]["parts"]["lately"]["parameters"]["gone"] = 1
    damaged = Champion(7, pack(facts, files), first.metrics)
    with pytest.raises(ModelRejected, match=r"(?s)gone.*raise generation"):
        run_model(declaration, "s", dict(inputs), damaged)


def test_a_class_that_cannot_read_the_file_refuses_it(declare, night, lately):
    _, files = unpack(lately.artifact)
    facts = unpack(lately.artifact)[0] | {"parameters": {}}
    other = Champion(7, pack(facts, files), lately.metrics)
    declaration = declare("recommend_buy_again", parameters={})
    inputs = {"products": PRODUCTS, "interactions": FASHION}
    with pytest.raises(ModelRejected, match=r"(?s)buy_again cannot read it.*raise generation"):
        run_model(declaration, "s", inputs, other)


def test_a_column_of_products_that_knows_the_window_is_told(night):
    last = FASHION.group_by("product_id").agg(last_sold=pl.col("at").max())
    with pytest.raises(DataError, match=r"'last_sold' of the products"):
        night(LATELY, products=PRODUCTS.join(last, on="product_id", how="left"))


@pytest.mark.parametrize("leak", ["last_sold", "sold"])
def test_lists_of_products_may_not_know_of_their_baskets_either(declare, leak):
    declaration = declare("recommend_co_purchase")
    lines = FASHION.drop("customer_id").with_columns(
        basket_id=pl.format("b{}", pl.int_range(pl.len()) // 3)
    )
    inputs = {"products": PRODUCTS, "interactions": lines}
    assert run_model(declaration, "s", dict(inputs), None).decision.outcome == "promoted"
    judged = latest(Interactions.from_frames(PRODUCTS, lines), declaration.file.holdout.share)
    known = {
        "last_sold": lines.group_by("product_id").agg(last_sold=pl.col("at").max()),
        "sold": judged.later.items[judged.later.rows["item"]]
        .group_by("product_id")
        .agg(sold=pl.len()),
    }[leak]
    inputs["products"] = PRODUCTS.join(known, on="product_id", how="left").fill_null(0)
    with pytest.raises(DataError, match=rf"'{leak}' of the products"):
        run_model(declaration, "s", dict(inputs), None)


def test_a_column_of_customers_that_knows_the_window_is_told(declare):
    declaration = declare(
        "recommend_best_sellers_lately", search=None, windows={"days": 14, "at": 5}
    )
    customers = FASHION.group_by("customer_id").agg(last_order_at=pl.col("at").max())
    inputs = {"products": PRODUCTS, "interactions": FASHION, "customers": customers}
    with pytest.raises(DataError, match=r"'last_order_at' of the customers"):
        run_model(declaration, "s", inputs, None)
