"""The shop's rules on customers' lists: each alone, two that contradict, and any at all."""

from __future__ import annotations

import json
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from ecorse import declared
from ecorse.errors import DataError
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.recommender_file import RecommenderFile
from ecorse.recommenders.buy_again import BuyAgain, BuyAgainConfig
from ecorse.recommenders.hybrid import Hybrid, HybridConfig
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.training.customer_lists import customer_lists
from ecorse.training.day_rules import Ruled
from ecorse.training.fitted import Fitted
from ruled_marts import reading

NOON = datetime(2019, 1, 1, 12)
TASK = Task("recommend_tested", "main")
# zed bought a 8 times, b 7 ... g twice; amy bought h. So best sellers are a, b, c, d, e, f, g, h
ZED = "aaaaaaaabbbbbbbccccccdddddeeeefffgg"
ABOUT = pl.DataFrame(
    {
        "product_id": list("abcdefgh"),
        "category": ["Cables", "Cables", "Cables", "Phones", "Phones", "Cables", None, "Phones"],
        "price_band": ["under 10", "10 to 50", "50 to 200", *["under 10"] * 3, None, "under 10"],
        "brand": ["Acme", None, None, None, "Acme", None, None, None],
    }
)


def shop(products: str, orders: dict[str, str]) -> Interactions:
    rows = [
        (f"{customer}{number}", customer, item, NOON)
        for customer, items in orders.items()
        for number, item in enumerate(items)
    ]
    schema = ["basket_id", "customer_id", "product_id", "at"]
    return Interactions.from_frames(
        pl.DataFrame({"product_id": list(products)}), pl.DataFrame(rows, schema, orient="row")
    )


DATA = shop("abcdefgh", {"amy": "h", "zed": ZED})


def a_file(*lists: str, top_n: int = 3, **more) -> RecommenderFile:
    document = {
        "model": {"class": "popular", "answers": ["users"]},
        "inputs": {"products": "select", "interactions": "select"},
        "lists": list(lists),
        "top_n": top_n,
        **more,
    }
    return declared.check(document, RecommenderFile, "recommend_popular.toml")


@pytest.fixture(scope="module")
def read(postgres):
    with reading(postgres) as found:
        yield found


def ruled(read, text: str, *kinds: str, data=DATA, about=ABOUT) -> Ruled:
    return Ruled.of(read(text, about), kinds, data.items["product_id"])


def rows_under(read, text: str, kind="explore", *, model=None, data=DATA, top_n=3, **more):
    model = model or Popular(PopularConfig()).fit(data, TASK)
    rules = ruled(read, text, kind, data=data, **more).kinds
    blocks = customer_lists(
        Fitted.on(model, data), data, "main", "popular", a_file(kind, top_n=top_n), rules
    )
    return pl.concat(list(blocks))


def amy(read, text: str, kind="explore", **more) -> str:
    return "".join(rows_under(read, text, kind, **more).filter(customer_id="amy")["product_id"])


def rule(kind: str, *keys: str) -> str:
    return "\n".join(["[[rules]]", f'rule = "{kind}"', *keys, ""])


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        (rule("exclude", 'products = ["a"]'), "explore", "bcd"),
        (rule("exclude", 'products = ["a"]', 'lists = ["for_you"]'), "explore", "abc"),
        (rule("exclude", 'categories = ["Cables"]'), "explore", "deg"),  # she had h
        (rule("exclude", 'brands = ["Acme"]'), "explore", "bcd"),
        (rule("price_band", 'at_most = "10 to 50"'), "explore", "abd"),
        (rule("price_band", 'only = ["10 to 50", "50 to 200"]'), "explore", "bc"),
        # d 10, a 8, e 8: of equal ones the first by id
        (rule("boost", "factor = 2", 'categories = ["Phones"]'), "explore", "dae"),
        # a 4, b 3.5, c 3, d 5, e 4
        (rule("boost", "factor = 0.5", 'categories = ["Cables"]'), "explore", "dae"),
        (rule("pin", 'product = "g"', "place = 2"), "explore", "agb"),
        (rule("pin", 'product = "a"', "place = 3"), "explore", "bca"),
        (rule("pin", 'product = "h"', "place = 1"), "explore", "abc"),  # she had it
        (rule("pin", 'product = "h"', "place = 1"), "for_you", "hab"),
        (rule("category_cap", "at_most = 1"), "explore", "adg"),  # g has no category
        (rule("category_cap", "at_most = 1", 'categories = ["Cables"]'), "explore", "ade"),
        # out of date on the last day of the data, 2019-01-01
        (rule("exclude", 'products = ["a"]', "to = 2018-12-31"), "explore", "abc"),
        (rule("exclude", 'products = ["a"]', "from = 2019-01-01"), "explore", "bcd"),
        (rule("exclude", 'products = ["a"]', 'shop_id = "south"'), "explore", "abc"),
        # two that contradict
        (
            rule("exclude", 'products = ["a"]') + rule("pin", 'product = "a"', "place = 1"),
            "explore",
            "bcd",
        ),
        (
            rule("category_cap", "at_most = 1")
            + rule("boost", "factor = 9", 'categories = ["Cables"]'),
            "explore",
            "adg",
        ),
        # a pin counts for the cap
        (
            rule("category_cap", "at_most = 1") + rule("pin", 'product = "c"', "place = 2"),
            "explore",
            "dcg",
        ),
        (
            rule("boost", "factor = 2", 'products = ["g"]')
            + rule("boost", "factor = 3", 'products = ["g"]'),
            "explore",
            "gab",  # 12, 8, 7
        ),
    ],
)
def test_each_rule_does_what_it_says(read, text, kind, expected):
    assert amy(read, text, kind) == expected


def test_only_what_a_select_gives_is_listed(read):
    stock = (
        "select shop_id, product_id from marts.catalogue where product_id in ('c', 'g', 'h') "
        "union all select 'main', 'not in the catalogue' union all select 'south', 'a'"
    )
    text = rule("only", f'select = "select * from ({stock}) as stock"')
    assert amy(read, text) == "cg"
    assert amy(read, text, "for_you") == "cgh"


def test_a_list_of_what_to_buy_again_takes_no_pin_that_the_customer_never_had(read):
    model = BuyAgain(BuyAgainConfig()).fit(DATA, TASK)
    text = rule("pin", 'product = "a"', "place = 1")
    assert amy(read, text, "buy_again", model=model) == "h"
    assert amy(read, rule("pin", 'product = "h"', "place = 2"), "buy_again", model=model) == "h"


def test_rules_may_leave_nothing_of_what_anybody_had(read):
    """Then nobody has anything to buy again, and the recommender fails of nothing."""
    data = shop("abcdefgh", {"amy": "hh", "zed": "aa"})
    model = BuyAgain(BuyAgainConfig()).fit(data, TASK)
    text = rule("exclude", 'products = ["a", "h"]')
    assert rows_under(read, text, "buy_again", model=model, data=data).is_empty()


def test_what_a_customer_refused_is_not_pinned_for_them(read):
    rows = pl.DataFrame(
        {"basket_id": list("123"), "customer_id": ["amy", "amy", "bob"],
         "product_id": list("aba"), "at": [NOON] * 3, "weight": [1.0, -1.0, 1.0]}
    )  # fmt: skip
    data = Interactions.from_frames(pl.DataFrame({"product_id": list("abc")}), rows)
    about = ABOUT.head(3)
    found = rows_under(
        read, rule("pin", 'product = "b"', "place = 1"), data=data, about=about, top_n=1
    )
    assert found.select("customer_id", "product_id").rows() == [("amy", "c"), ("bob", "b")]


def test_a_row_says_what_a_rule_did_to_it(read):
    text = rule("boost", "factor = 2", 'categories = ["Phones"]') + rule(
        "pin", 'product = "g"', "place = 1"
    )
    rows = rows_under(read, text).filter(customer_id="amy")
    assert rows["product_id"].to_list() == ["g", "d", "a"]
    assert rows["level"].to_list() == [3, 0, 0]
    assert rows["source"].to_list() == ["rule", "popular", "popular"]
    evidence = [json.loads(text).get("rule") for text in rows["evidence"]]
    assert evidence == ["pinned to place 1", "boosted 2: category Phones", None]
    assert rows["reason"][0] == "Put here by a rule of the shop (pinned to place 1)"
    assert rows["reason"][1].endswith(" (boosted 2: category Phones)")
    assert json.loads(rows["evidence"][1])["orders"] == 5  # the other figures stay
    assert rows["score"].to_list()[1:] == pytest.approx([10 / 36, 8 / 36])
    assert rows["score"][0] > rows["score"][1]


def test_pins_that_need_a_place_keep_the_scores_in_order(read):
    text = rule("pin", 'product = "g"', "place = 1") + rule("pin", 'product = "a"', "place = 3")
    rows = rows_under(read, text).filter(customer_id="amy")
    assert rows["product_id"].to_list() == ["g", "b", "a"]
    assert rows["score"][0] > rows["score"][1] > rows["score"][2] > 0


def test_a_name_that_the_shop_has_not_is_refused_of_its_own_rule_and_told_of_everyones(read):
    text = rule("boost", "factor = 2", 'categories = ["Cabels"]')
    found = ruled(read, text, "explore")
    assert found.told == (
        "include/rules.toml: rules[0].categories: the shop has no category 'Cabels'; "
        "is 'Cables' meant.",
    )
    with pytest.raises(DataError) as error:
        ruled(read, text + 'shop_id = "main"\n', "explore")
    assert str(error.value) == (
        "include/rules.toml (shop main): rules[0].categories: the shop has no category 'Cabels'; "
        "is 'Cables' meant."
    )
    with pytest.raises(DataError, match=r"rules\[0\].product: the shop has no product_id 'x'"):
        ruled(read, rule("pin", 'product = "x"', "place = 1", 'shop_id = "main"'), "explore")
    # a rule that is over may name what is gone
    over = text + 'shop_id = "main"\nto = 2018-01-01\n'
    assert ruled(read, over, "explore").kinds == {}


def test_a_pin_of_what_is_excluded_is_told(read):
    text = rule("exclude", 'products = ["a"]') + rule("pin", 'product = "a"', "place = 1")
    assert ruled(read, text, "explore", "for_you").told == (
        "include/rules.toml: rules[1] pins 'a', which other rules take out.",
    )


def test_rules_that_leave_nothing_are_refused_with_their_numbers(read):
    text = rule("boost", "factor = 2", 'products = ["a"]') + rule(
        "exclude", 'categories = ["Cables", "Phones"]'
    )
    with pytest.raises(DataError) as error:
        ruled(read, text + rule("exclude", 'products = ["g"]'), "explore")
    assert str(error.value) == (
        "include/rules.toml (shop main): rules[1], rules[2] leave none of 8 products for the lists "
        "explore. Take one out, or say lists, from and to."
    )


def test_the_rules_in_force(read):
    text = rule("exclude", 'categories = ["Cables"]', 'lists = ["explore"]') + rule(
        "pin", 'product = "g"', "place = 1", "to = 2019-06-30", 'lists = ["explore", "popular"]'
    )
    rows = read(text, ABOUT).in_force.sort("list", "rule_number")
    assert rows.select("list", "rule_number", "is_own", "is_narrowing").rows() == [
        ("explore", 0, False, True),
        ("explore", 1, False, False),
        ("popular", 1, False, False),
    ]
    assert json.loads(rows["declared"][0])["categories"] == ["Cables"]
    assert read(text, ABOUT, date(2019, 7, 1)).in_force["rule_number"].to_list() == [0]


# ---------------------------------------------------------------------------- any rules


def random_shop(random, names) -> tuple[Interactions, pl.DataFrame]:
    n = 400
    rows = pl.DataFrame(
        {
            "basket_id": [f"o{k}" for k in range(n)],
            "customer_id": [f"c{c:02}" for c in random.integers(0, 12, n)],
            "product_id": [names[i] for i in np.minimum(random.geometric(0.08, n), 50)],
            "at": [NOON] * n,
        }
    )
    data = Interactions.from_frames(pl.DataFrame({"product_id": names}), rows)
    category = random.choice(["A", "B", "C", None], len(names))
    about = pl.DataFrame({"product_id": names, "category": category.tolist()}).with_columns(
        price_band=pl.lit("under 10"), brand=pl.lit(None, pl.String)
    )
    return data, about


def by_hand(data, about, kind, customer, top_n, excluded, factors, pins, cap) -> list[str]:
    """The list as the rules have it: one product after the other out of all of them."""
    ids = about["product_id"].to_list()
    category = dict(about.select("product_id", "category").rows())
    number = data.users["customer_id"].to_list().index(customer)
    had = {ids[i] for i in data.matrix[[number]].indices}
    sold = dict(zip(ids, data.popularity, strict=True))
    pinned = {
        place: item
        for place, item in pins.items()
        if item not in excluded and not (kind == "explore" and item in had)
    }
    free = [
        item
        for item in sorted(
            ids, key=lambda i: (sold[i] == 0, -(sold[i] or 1) * factors.get(i, 1), i)
        )
        if item not in excluded
        and item not in pins.values()
        and not (kind == "explore" and item in had)
    ]
    count: dict[str, int] = {}
    for item in pinned.values():
        count[category[item]] = count.get(category[item], 0) + 1
    listed = []
    for item in free:
        own = category[item]
        if own is not None and count.get(own, 0) >= cap:
            continue
        count[own] = count.get(own, 0) + 1
        listed.append(item)
    listed = listed[: top_n - len(pinned)]
    for place in sorted(pinned):
        listed.insert(place - 1, pinned[place])
    return listed


@pytest.mark.parametrize("seed", range(8))
def test_lists_are_what_a_search_through_the_whole_catalogue_gives(read, seed):
    random = np.random.default_rng(seed)
    names = [f"p{n:02}" for n in range(60)]
    data, about = random_shop(random, names)
    excluded = set(random.choice(names, 12, replace=False).tolist())
    boosted = sorted(random.choice(names, 9, replace=False).tolist())
    pins = {1: names[int(random.integers(0, 8))], 5: names[int(random.integers(40, 60))]}
    cap = int(random.integers(2, 6))
    factor = float(random.choice([0.3, 4.0, 40.0]))
    text = (
        rule("exclude", f"products = {json.dumps(sorted(excluded))}")
        + rule("boost", f"factor = {factor}", f"products = {json.dumps(boosted)}")
        + "".join(rule("pin", f'product = "{p}"', f"place = {n}") for n, p in pins.items())
        + rule("category_cap", f"at_most = {cap}")
    )
    for kind in ("explore", "for_you"):
        rows = rows_under(read, text, kind, data=data, about=about, top_n=10)
        for customer in data.users["customer_id"]:
            own = rows.filter(customer_id=customer)
            factors = dict.fromkeys(boosted, factor)
            expected = by_hand(data, about, kind, customer, 10, excluded, factors, pins, cap)
            assert own["product_id"].to_list() == expected
            assert own["rank"].to_list() == list(range(1, len(expected) + 1))
            scores, ids = own["score"].to_list(), own["product_id"].to_list()
            for (score, one), (later, other) in zip(
                zip(scores, ids, strict=True), list(zip(scores, ids, strict=True))[1:], strict=False
            ):
                assert score > later or (score == later and one < other)
            assert not excluded & set(ids)


@pytest.mark.parametrize("seed", range(3))
def test_lists_of_a_hybrid_are_full_and_explained_within_the_rules(read, seed):
    """Parts of a blend are carried along: what each list is, its reasons are of."""
    random = np.random.default_rng(seed)
    names = [f"p{n:02}" for n in range(60)]
    data, about = random_shop(random, names)
    config = HybridConfig.model_validate(
        {
            "parts": {"own": {"class": "buy_again"}, "popular": {"class": "popular"}},
            "candidates": 20,
        }
    )
    model = Hybrid(config).fit(data, TASK)
    excluded = names[:6]
    text = rule("exclude", f"products = {json.dumps(excluded)}") + rule(
        "category_cap", "at_most = 4"
    )
    rows = rows_under(read, text, "for_you", model=model, data=data, about=about, top_n=8)
    assert not set(excluded) & set(rows["product_id"])
    category = dict(about.select("product_id", "category").rows())
    for customer, own in rows.group_by("customer_id"):
        assert own["rank"].sort().to_list() == list(range(1, 9)), customer
        kinds = [category[item] for item in own["product_id"] if category[item]]
        assert max(kinds.count(kind) for kind in set(kinds)) <= 4
        for row in own.filter(level=0).iter_rows(named=True):
            evidence = json.loads(row["evidence"])
            assert sum(evidence["parts"].values()) == pytest.approx(1, abs=1e-3)
