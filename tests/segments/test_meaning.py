"""Effect sizes against second methods, words by rule, names that stay."""

from __future__ import annotations

import numpy as np
import pytest
from ecorse.segments.phrases import is_id
from scipy.stats.contingency import association

from ecorse.features.blocks import Block
from ecorse.models.declaration import Feature, Naming
from ecorse.segments.meaning import describe_segments
from ecorse.segments.traits import Explained, describe_trait, standardized_difference

NAMING = Naming(min_effect=0.15, max_traits=2)


def hour_block(hours):
    angle = 2 * np.pi * np.asarray(hours, float) / 24
    return Block(
        Feature(name="hour", kind="cycle", column="t", weight=1.0, part="hour"),
        ("hour_sin", "hour_cos"),
        np.column_stack([np.sin(angle), np.cos(angle)]),
    )


def price_block(prices):
    return Block(
        Feature(name="price", kind="log_mean", column="p", weight=1.0),
        ("price_log",),
        np.log(np.asarray(prices, float))[:, None],
    )


def share_block(values, name="category"):
    values = np.asarray(values)
    known = sorted(set(values.tolist()))
    return Block(
        Feature(name=name, kind="share", column=name, weight=1.0),
        tuple(f"{name}={value}" for value in known),
        np.column_stack([values == value for value in known]).astype(float),
    )


def explained(inside, values):
    """Membership, as segment 1 of 2, explained by all columns of ``values`` as one block."""
    feature = Feature(name="all", kind="share", column="c", weight=1.0)
    block = Block(feature, tuple(map(str, range(values.shape[1]))), values)
    return Explained([block], inside.astype(int), 2)


def explained_share(inside, values):
    """How much of membership all columns of ``values`` explain."""
    return explained(inside, values).of(1).share(range(values.shape[1]))


def trait_of(block, inside, noun="orders"):
    """The trait, with the effect size that the block has."""
    return describe_trait(block, inside, noun, np.sqrt(explained_share(inside, block.values)))


def test_effect_of_a_number_is_the_point_biserial_correlation():
    rng = np.random.default_rng(0)
    inside, values = rng.random(300) < 0.3, rng.normal(size=(300, 1))
    values[inside] += 1
    r = np.corrcoef(inside, values[:, 0])[0, 1]
    assert explained_share(inside, values) == pytest.approx(r**2)


def test_effect_of_categories_is_cramers_v():
    rng = np.random.default_rng(1)
    inside, values = rng.random(500) < 0.4, rng.choice(["a", "b", "c"], 500)
    values[inside & (rng.random(500) < 0.5)] = "a"
    table = [[np.sum((values == v) & (inside == side)) for v in "abc"] for side in (True, False)]
    effect = np.sqrt(explained_share(inside, share_block(values).values))
    assert effect == pytest.approx(association(np.array(table), method="cramer"))


def test_effect_of_a_cycle_is_the_circular_linear_correlation():
    rng = np.random.default_rng(2)
    hours, inside = rng.uniform(0, 24, 400), rng.random(400) < 0.5
    block = hour_block(hours)
    s, c = block.values.T
    rxc, rxs, rcs = (np.corrcoef(*pair)[0, 1] for pair in ((inside, c), (inside, s), (c, s)))
    mardia = (rxc**2 + rxs**2 - 2 * rxc * rxs * rcs) / (1 - rcs**2)
    assert explained_share(inside, block.values) == pytest.approx(mardia)


def test_any_choice_of_columns_explains_what_a_least_squares_fit_explains():
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)) + 5
    columns[:, 4] = 2 * columns[:, 0] - columns[:, 1]  # a column that others make up
    columns[:, 5] = 7.0  # and one without spread
    for inside in (rng.random(200) < 0.3, columns[:, 0] > columns[:, 2]):
        membership = explained(inside, columns).of(1)
        for chosen in ([0], [3], [0, 1], [0, 1, 4], [2, 0, 5], [5], list(range(6))):
            design = np.column_stack([np.ones(200), columns[:, chosen]])
            fitted = design @ np.linalg.lstsq(design, inside.astype(float), rcond=None)[0]
            expected = 1 - np.sum((inside - fitted) ** 2) / np.sum((inside - inside.mean()) ** 2)
            assert membership.share(chosen) == pytest.approx(expected, abs=1e-9)


def test_a_segment_of_everything_has_no_effect():
    assert explained_share(np.ones(5, bool), np.arange(5.0)[:, None]) == 0.0


def test_standardized_difference_by_hand():
    # means 4 and 1; squared deviations 2 + 2, over 2 + 2 - 2 rows: pooled sd sqrt(2)
    values, inside = np.array([3.0, 5.0, 0.0, 2.0]), np.array([True, True, False, False])
    assert standardized_difference(values, inside) == pytest.approx(3 / np.sqrt(2))
    assert standardized_difference(values, np.ones(4, bool)) == 0.0


@pytest.mark.parametrize(
    ("hour", "word"),
    [(3, "Night"), (6, "Morning"), (11.9, "Morning"), (12, "Afternoon"), (17.9, "Afternoon"),
     (18, "Evening"), (23, "Evening")],
)  # fmt: skip
def test_hours_have_words(hour, word):
    inside = np.array([True, True, False, False])
    trait = trait_of(hour_block([hour, hour, (hour + 8) % 24, (hour + 14) % 24]), inside)
    assert trait.phrase == word
    assert trait.value == pytest.approx(hour)


def test_the_centre_of_23_and_1_is_midnight():
    inside = np.array([True, True, False])
    trait = trait_of(hour_block([23, 1, 12]), inside)
    assert min(trait.value, 24 - trait.value) == pytest.approx(0, abs=1e-9)
    assert trait.contrast == pytest.approx(np.cos(np.pi / 12))
    assert "centred on 00:00: 100% fall between 21:00 and 03:00, where 67%" in trait.sentence


def test_a_number_says_its_geometric_mean():
    trait = trait_of(price_block([1, 4, 25, 100]), np.array([1, 1, 0, 0], bool))
    # sqrt(1 * 4) = 2; fourth root of 10000 = 10
    assert (trait.phrase, trait.value, trait.overall_value) == (
        "low price",
        pytest.approx(2.0),
        pytest.approx(10.0),
    )
    assert trait.contrast < 0


def test_a_number_may_have_its_own_words():
    days = Feature(
        name="days", kind="log_mean", column="days", weight=1.0, low="recent", high="lapsed"
    )
    block = Block(days, ("days_log",), np.log([[2.0], [2.0], [90.0], [90.0]]))
    inside = np.array([1, 1, 0, 0], bool)
    assert trait_of(block, inside, "customers").phrase == "recent"
    assert trait_of(block, ~inside, "customers").phrase == "lapsed"


def test_a_category_says_what_is_overrepresented():
    block = share_block(["tv", "tv", "tv", "pen", "pen", "pen", "pen", "tv"])
    trait = trait_of(block, np.array([1, 1, 1, 1, 0, 0, 0, 0], bool))
    assert (trait.phrase, trait.value, trait.overall_value, trait.contrast) == (
        "tv",
        0.75,
        0.5,
        1.5,
    )


@pytest.fixture(scope="module")
def quarters():
    """Four equal groups: afternoon or evening, cheap pens or costly phones; one city for all."""
    rng = np.random.default_rng(4)
    ids = np.repeat([1, 2, 3, 4], 250)
    evening, costly = ids % 2 == 0, ids >= 3
    blocks = [
        hour_block(np.where(evening, 20, 14) + rng.normal(0, 1, 1000)),
        price_block(np.where(costly, 500, 5) * np.exp(rng.normal(0, 0.3, 1000))),
        share_block(np.where(costly, "phone", "pen")),
        share_block(rng.choice(["Austin", "Boston"], 1000), "city"),
    ]
    return blocks, ids


def named(blocks, ids, previous=None, segment_ids=(1, 2, 3, 4), naming=NAMING, **more):
    return describe_segments(blocks, ids, segment_ids, "orders", naming, previous or {}, **more)


def test_planted_traits_name_the_segments(quarters):
    names = [s.name for s in named(*quarters)]
    assert all(name.startswith(("Afternoon, ", "Evening, ")) for name in names)
    assert len(set(names)) == 4


def test_what_repeats_another_trait_does_not_name(quarters):
    for segment in named(*quarters):
        # category and price tell the same; only one of them adds to the hour
        assert len({"price", "category"} & {t.feature for t in segment.named_by}) == 1
        assert "city" not in {t.feature for t in segment.named_by}


def test_traits_are_ranked_and_sizes_add_up(quarters):
    segments = named(*quarters)
    for segment in segments:
        effects = [t.effect_size for t in segment.traits]
        assert effects == sorted(effects, reverse=True)
        assert segment.traits[-1].feature == "city"
    assert sum(s.members for s in segments) == 1000
    assert sum(s.share for s in segments) == pytest.approx(1)


def test_a_clash_is_lengthened_by_the_next_trait(quarters):
    one_word = named(*quarters, naming=Naming(min_effect=0.15, max_traits=1))
    assert len({s.name for s in one_word}) == 4


def test_segments_that_differ_in_nothing_are_numbered():
    blocks = [share_block(["a", "a", "b", "b"] * 2)]
    segments = named(blocks, np.array([1, 2] * 4), segment_ids=(1, 2))
    assert len({s.name for s in segments}) == 2
    assert all(s.meaning == "50% of all orders. Nothing sets it apart." for s in segments)


def test_a_weak_trait_is_told_and_names_nothing():
    blocks = [share_block(["a"] * 5 + ["b"] * 5 + ["a"] * 4 + ["b"] * 6)]
    segments = named(blocks, np.repeat([1, 2], 10), segment_ids=(1, 2))
    # weak traits part two names that would clash
    assert [s.name for s in segments] == ["Mixed orders", "Mixed orders, b"]
    # phi of the table 5 5, 4 6: (5 * 6 - 5 * 4) / sqrt(10 * 10 * 9 * 11) = 0.1005
    told = "No trait sets it clearly apart; the strongest: a makes up 50%, of all orders 45%"
    assert segments[0].meaning == f"50% of all orders. {told} (effect 0.10)."


@pytest.mark.parametrize(
    "constant",
    [hour_block([15.0] * 20), price_block([9.0] * 20), share_block(["shoes"] * 20)],
    ids=["hour", "price", "category"],
)
def test_a_constant_is_no_trait(constant):
    telling = share_block(["x"] * 10 + ["y"] * 10, "kind")
    segments = named([constant, telling], np.repeat([1, 2], 10), segment_ids=(1, 2))
    assert [[t.feature for t in s.traits] for s in segments] == [["kind"], ["kind"]]
    assert [s.name for s in segments] == ["X", "Y"]


def test_one_segment_of_all_is_named_so():
    (segment,) = named([share_block(["a", "b"])], np.array([1, 1]), segment_ids=(1,))
    assert (segment.name, segment.meaning) == (
        "All orders",
        "100% of all orders. Nothing sets it apart.",
    )


def test_what_most_of_the_shop_has_is_in_no_name():
    """13 of 20 orders are from Kent: 10 of 10 here, 3 of 10 there. Kent sets apart, as a name not.

    The others are 7 of 10 from Wales, of all 7 of 20: they may be called so.
    """
    cities = share_block(["Kent"] * 13 + ["Wales"] * 7, "city")
    segments = named([cities], np.repeat([1, 2], 10), segment_ids=(1, 2))
    assert [s.name for s in segments] == ["Mixed orders", "Wales"]
    assert "Kent makes up 100%, of all orders 65%" in segments[0].meaning


def test_where_most_of_the_shop_has_a_daypart_the_hour_names():
    hours = hour_block([13.0] * 10 + [17.0] * 8 + [9.0] * 2)
    segments = named([hours], np.repeat([1, 2], 10), segment_ids=(1, 2))
    assert segments[0].name == "Around 13:00"
    # 19 orders on one weekday, one on another
    days = Block(
        Feature(name="weekday", kind="cycle", column="t", weight=1.0, part="weekday"),
        ("weekday_sin", "weekday_cos"),
        np.array([[0.0, 1.0]] * 19 + [[1.0, 0.0]]),
    )
    assert all("round" not in s.name for s in named([days], np.repeat([1, 2], 10), None, (1, 2)))


def test_an_hour_between_two_parts_of_the_day_names():
    """11:00 to 13:00 lies in morning and afternoon; six of ten are in neither."""
    hours = hour_block([11.0, 13.0] * 5 + [20.0] * 15)
    segments = named([hours], np.repeat([1, 2], [10, 15]), segment_ids=(1, 2))
    assert [s.name for s in segments] == ["Around 12:00", "Evening"]


def test_a_window_that_holds_all_rows_is_told_shorter():
    hours = hour_block([2.0] * 10 + [4.0] * 10)
    segments = named([hours], np.repeat([1, 2], 10), segment_ids=(1, 2))
    assert segments[0].meaning.startswith(
        "50% of all orders. Centred on 02:00: 100% fall between 00:30 and 03:30, "
        "where 50% of all orders do"
    )


def test_nine_of_ten_are_not_dear_beside_one_at_a_cent():
    prices = price_block([5.0, 6.0, 7.0] * 12 + [0.01] * 4)
    ids = np.array([1, 1, 2] * 12 + [3] * 4)
    names = {s.segment_id: s for s in named([prices], ids, segment_ids=(1, 2, 3))}
    # of all 40, 36 are above the typical price of 3.14 (by logarithms)
    assert "price typically 5.48, of all orders 3.14" in names[1].meaning.lower()
    assert (names[1].name, names[2].name) == ("Mixed orders", "Mixed orders (segment 2)")
    assert names[3].name == "Low price"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2053013555631882655", True), ("CAT-00123", True), ("9f86d081-884c-7d65", True),
        ("deadbeef01", True), ("12", True), ("---", True),
        ("USB", False), ("TV", False), ("iPhone 12 Pro", False), ("facade", False),
        ("Zubehör", False), ("家電", False), ("electronics.audio", False),
    ],
)  # fmt: skip
def test_ids_are_told_from_names(value, expected):
    assert is_id(value) is expected


def test_an_id_is_no_name_and_is_told_as_one():
    block = share_block(["1573"] * 5 + ["1490"] * 5)
    segments = named([block], np.repeat([1, 2], 5), segment_ids=(1, 2))
    assert [s.name for s in segments] == ["Mixed orders", "Mixed orders (segment 2)"]
    assert "Category 1573 makes up 100%, of all orders 50%" in segments[0].meaning


def test_what_a_segment_has_less_of_is_told_as_less():
    """Half of its rows have no known value, so that it has more of none."""
    cells = np.array([[0.0], [1.0], [1.0], [1.0]])
    block = Block(
        Feature(name="city", kind="share", column="city", weight=1.0), ("city=Kent",), cells
    )
    trait = trait_of(block, np.array([True, True, False, False]))
    assert (trait.phrase, trait.sentence) == ("", "Kent makes up only 50%, of all orders 75%")


def test_yesterdays_name_stays_while_its_leading_trait_holds(quarters):
    today = named(*quarters)
    other = next(t.phrase for t in today[0].named_by if t.phrase != today[0].leading)
    previous = {1: {"segment_id": 1, "name": "Old name", "leading": other}}
    again = named(*quarters, previous=previous)
    assert (again[0].name, again[0].leading) == ("Old name", other)
    assert again[1].name == today[1].name


def test_a_name_whose_leading_trait_is_gone_is_given_anew(quarters):
    previous = {1: {"segment_id": 1, "name": "Old name", "leading": "Morning"}}
    assert named(*quarters, previous=previous)[0].name == named(*quarters)[0].name


def test_a_held_model_keeps_every_name(quarters):
    previous = {1: {"segment_id": 1, "name": "Old name", "leading": "Morning"}}
    assert named(*quarters, previous=previous, keep_names=True)[0].name == "Old name"


def test_a_segment_without_rows_keeps_its_name_and_says_so(quarters):
    blocks, ids = quarters
    previous = {5: {"segment_id": 5, "name": "Gone", "leading": "Night"}}
    segment = named(blocks, ids, previous, segment_ids=(1, 2, 3, 4, 5))[4]
    assert (segment.members, segment.share, segment.name) == (0, 0.0, "Gone")
    assert segment.meaning == "No orders today."


def test_names_that_a_model_gives_stand_over_those_of_traits(quarters):
    blocks, ids = quarters
    given = {1: "Bargain hunters", 2: "Night owls"}
    previous = {1: {"name": "Old name", "leading": "Evening"}}
    segments = named(blocks, ids, previous, given=given)
    assert [s.name for s in segments[:2]] == ["Bargain hunters", "Night owls"]
    assert len({s.name for s in segments}) == 4
