"""Effect sizes against second methods, names made of claims, names that stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats.contingency import association

from ecorse.features.blocks import Block
from ecorse.features.orders import blocks_of, feature_space
from ecorse.models.segmentation_file import Feature, Naming
from ecorse.segments.meaning import describe_segments
from ecorse.segments.traits import Explained, describe_trait, standardized_difference

NAMING = Naming()
FEATURES = (
    Feature(name="hour", kind="cycle", column="hour", part="hour", weight=1.0, words="placed {}"),
    Feature(name="price", kind="log_mean", column="price", weight=1.0),
    Feature(name="category", kind="share", column="category", weight=1.0, words="mostly {}"),
    Feature(name="city", kind="share", column="city", weight=1.0, words="to {}"),
)


def space_of(**columns):
    """Orders of one line each; ``hour`` is a number of hours of one day."""
    if "hour" in columns:
        columns["hour"] = [
            datetime(2019, 1, 1) + timedelta(minutes=round(60 * (h % 24))) for h in columns["hour"]
        ]
    n = len(next(iter(columns.values())))
    frame = pl.DataFrame({"order_id": [f"{i:05}" for i in range(n)], **columns}, strict=False)
    return feature_space(frame, [f for f in FEATURES if f.name in columns], "order_id")


def named(space, ids, previous=None, segment_ids=None, naming=NAMING, **more):
    ids = np.asarray(ids)
    segment_ids = sorted(set(ids.tolist())) if segment_ids is None else segment_ids
    return describe_segments(
        space, blocks_of(space), ids, segment_ids, "orders", naming, previous or {}, **more
    )


def hour_block(hours):
    return blocks_of(space_of(hour=list(hours)))[0]


def price_block(prices):
    return blocks_of(space_of(price=[float(price) for price in prices]))[0]


def share_block(values):
    return blocks_of(space_of(category=list(values)))[0]


def explained(inside, values):
    """Membership, as segment 1 of 2, explained by all columns of ``values`` as one block."""
    feature = Feature(name="all", kind="share", column="c", weight=1.0)
    block = Block(feature, tuple(map(str, range(values.shape[1]))), values)
    return Explained([block], inside.astype(int), 2)


def explained_share(inside, values):
    """How much of membership all columns of ``values`` explain."""
    return explained(inside, values).of(1).share(range(values.shape[1]))


def trait_of(block, inside):
    """The trait, with the effect size that the block has."""
    inside = np.asarray(inside, dtype=bool)
    return describe_trait(block, inside, np.sqrt(explained_share(inside, block.values)), None)


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
    effect = np.sqrt(explained_share(inside, share_block(values.tolist()).values))
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


def test_the_centre_of_23_and_1_is_midnight():
    trait = trait_of(hour_block([23, 1, 12]), [1, 1, 0])
    assert min(trait.value, 24 - trait.value) == pytest.approx(0, abs=1e-9)
    assert trait.contrast == pytest.approx(np.cos(np.pi / 12))


def test_a_number_says_its_geometric_mean():
    trait = trait_of(price_block([1, 4, 25, 100]), [1, 1, 0, 0])
    # sqrt(1 * 4) = 2; fourth root of 10000 = 10
    assert (trait.value, trait.overall_value) == (pytest.approx(2.0), pytest.approx(10.0))
    assert trait.contrast < 0


def test_a_category_says_what_is_overrepresented():
    trait = trait_of(
        share_block(["tv", "tv", "tv", "pen", "pen", "pen", "pen", "tv"]), [1] * 4 + [0] * 4
    )
    assert (trait.value, trait.overall_value, trait.contrast) == (0.75, 0.5, 1.5)


@pytest.fixture(scope="module")
def quarters():
    """Four equal groups: afternoon or evening, cheap pens or costly phones; one city for all."""
    rng = np.random.default_rng(4)
    ids = np.repeat([1, 2, 3, 4], 250)
    evening, costly = ids % 2 == 0, ids >= 3
    space = space_of(
        hour=np.where(evening, 20, 14) + rng.normal(0, 1, 1000),
        price=np.where(costly, 500, 5) * np.exp(rng.normal(0, 0.3, 1000)),
        category=np.where(costly, "phone", "pen"),
        city=rng.choice(["Austin", "Boston"], 1000),
    )
    return space, ids


def test_planted_traits_name_the_segments(quarters):
    names = [s.name for s in named(*quarters)]
    assert [name.split(", ")[0] for name in names] == [
        "Placed in the afternoon",
        "Placed in the evening",
    ] * 2
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


def test_a_sentence_says_both_shares_in_words():
    # of the first ten nine are pens, of the others two
    space = space_of(category=["pen"] * 9 + ["tv"] + ["pen"] * 2 + ["tv"] * 8)
    first, second = named(space, np.repeat([1, 2], 10))
    assert (first.name, second.name) == ("Mostly pen", "Mostly tv")
    assert first.meaning == "About 5 of 10 orders. 9 of 10 mostly pen, of all others 2 of 10."
    trait = first.traits[0].to_row()
    assert (trait["claim"], trait["test"], trait["value_text"]) == ("mostly pen", "value", "pen")
    assert (trait["inside_share"], trait["outside_share"]) == (0.9, 0.2)


def test_a_clash_is_lengthened_by_the_next_claim(quarters):
    one_word = named(*quarters, naming=Naming(max_traits=1))
    assert len({s.name for s in one_word}) == 4
    assert not any("(segment" in s.name for s in one_word)


def test_segments_that_differ_in_nothing_say_so_and_are_numbered():
    segments = named(space_of(category=["a", "a", "b", "b"] * 2), np.array([1, 2] * 4))
    assert [s.name for s in segments] == ["No clear difference", "No clear difference (segment 2)"]
    assert all(
        s.meaning == "About 5 of 10 orders. Nothing is true of most of them and untrue of most "
        "others."
        for s in segments
    )


@pytest.mark.parametrize(
    "constant",
    [{"hour": [15.0] * 20}, {"price": [9.0] * 20}, {"city": ["Kent"] * 20}],
    ids=["hour", "price", "city"],
)
def test_a_constant_is_no_trait(constant):
    space = space_of(category=["x"] * 10 + ["y"] * 10, **constant)
    segments = named(space, np.repeat([1, 2], 10))
    assert [[t.feature for t in s.traits] for s in segments] == [["category"], ["category"]]
    assert [s.name for s in segments] == ["Mostly x", "Mostly y"]


def test_one_segment_of_all_is_named_so():
    (segment,) = named(space_of(category=["a", "b"]), np.array([1, 1]))
    assert (segment.name, segment.meaning) == ("All orders", "All orders are in one segment.")


def test_where_all_are_in_no_segment_that_is_said():
    """Of a shop with one customer DBSCAN said "In no segment: All customers are in one segment"."""
    (segment,) = named(space_of(category=["a", "b"]), np.array([0, 0]))
    assert segment.meaning == "All orders are in no segment."


def test_what_most_others_have_is_in_no_name():
    """13 of 20 go to Kent: 10 of 10 here, 3 of 10 there; that is a claim. 7 of 10 there are not.

    With 5 of 10 others in Kent it is none.
    """
    first, _ = named(space_of(city=["Kent"] * 13 + ["Wales"] * 7), np.repeat([1, 2], 10))
    assert first.name == "To Kent"
    first, second = named(space_of(city=["Kent"] * 15 + ["Wales"] * 5), np.repeat([1, 2], 10))
    assert (first.name, second.name) == ("No clear difference", "No clear difference (segment 2)")


def test_nine_of_ten_are_not_dear_beside_one_at_a_cent():
    prices = [5.0, 6.0, 7.0] * 12 + [0.01] * 4
    segments = named(space_of(price=prices), np.array([1, 1, 2] * 12 + [3] * 4))
    # no figure parts those at 5 and 6 from the one at a cent and those at 7 but both ends do
    assert [s.name for s in segments] == [
        "Price of 0.2 to 7",
        "Price of 7 or more",
        "Price below 0.2",
    ]


def test_a_claim_without_a_verb_follows_a_colon():
    first, second = named(space_of(price=[2.0] * 6 + [9.0] * 4), np.repeat([1, 2], [6, 4]))
    assert "All: price below 5, of all others none" in first.meaning
    assert "All: price of 5 or more, of all others none" in second.meaning
    space = space_of(price=[2.0] * 6 + [9.0] * 4)
    (priced,) = space.features
    dear = priced.model_copy(update={"low": "less than {}", "high": "{} or more"})
    first, second = named(replace(space, features=(dear,), blocks={}), np.repeat([1, 2], [6, 4]))
    assert "All: 5 or more, of all others none" in second.meaning
    assert "All less than 5, of all others none" in first.meaning


def test_an_id_is_no_name_and_is_told_as_one():
    segments = named(space_of(category=["1573"] * 5 + ["1490"] * 5), np.repeat([1, 2], 5))
    assert [s.name for s in segments] == ["No clear difference", "No clear difference (segment 2)"]
    assert "All mostly category 1573, of all others none" in segments[0].meaning


def kept(space, ids):
    """What a night keeps of its segments, by segment id."""
    return {segment.segment_id: segment.kept() for segment in named(space, ids)}


def test_a_name_stays_while_its_claims_hold(quarters):
    space, ids = quarters
    before = kept(space, ids)
    before[1] = before[1] | {"name": "Old name"}
    assert named(space, ids, before)[0].name == "Old name"


def test_a_kept_claim_stays_though_another_figure_would_now_be_better():
    ids = np.repeat([1, 2], 50)
    cheap, dear = np.linspace(1, 30, 50), np.linspace(100, 400, 50)
    first = named(space_of(price=[*cheap, *dear]), ids)[0]
    assert first.traits[0].claim.high == 50  # the plainest that parts them
    # tonight two thirds of the cheap ones cost 60
    moved = space_of(price=[*np.where(cheap > 20, 60.0, cheap), *dear])
    again = named(moved, ids, {1: first.kept()})[0]
    assert (again.name, again.traits[0].claim.high) == (first.name, 50)
    assert again.traits[0].claim.inside_share == pytest.approx(np.mean(cheap <= 20))


def test_a_name_of_which_a_claim_fails_is_given_anew(quarters):
    space, ids = quarters
    before = kept(space, ids)
    wrong = [{**claim, "low": 0.0, "high": 6.0} if claim["test"] == "window" else claim
             for claim in before[1]["claims"]]  # fmt: skip
    before[1] = before[1] | {"name": "Old name", "claims": wrong}
    assert named(space, ids, before)[0].name == named(space, ids)[0].name


def test_a_name_of_before_names_were_made_of_claims_is_given_anew(quarters):
    """A model's file of then says a leading trait, and neither claims nor names."""
    space, ids = quarters
    before = {1: {"segment_id": 1, "name": "Old name", "leading": "hour"},
              7: {"segment_id": 7, "name": "Gone", "leading": "hour"}}  # fmt: skip
    first, *_, gone = named(space, ids, before, segment_ids=(1, 2, 3, 4, 7))
    assert first.name == named(space, ids)[0].name
    assert gone.name == "Gone"  # nobody is in it, so nothing speaks against it
    held, *_ = named(space, ids, before, segment_ids=(1, 2, 3, 4, 7), keep_names=True)
    assert (held.name, held.names, held.is_old_name) == ("Old name", (), True)


def test_a_held_model_keeps_every_name_and_says_when_it_is_not_true(quarters):
    space, ids = quarters
    before = kept(space, ids)
    before[1] = before[1] | {"name": "Old name", "claims": []}
    first, second, *_ = named(space, ids, before, keep_names=True)
    assert (first.name, first.is_old_name) == ("Old name", True)
    assert not second.is_old_name


def test_a_segment_without_rows_keeps_its_name_and_says_so(quarters):
    space, ids = quarters
    previous = {5: {"segment_id": 5, "name": "Gone", "names": ["hour"], "claims": []}}
    segment = named(space, ids, previous, segment_ids=(1, 2, 3, 4, 5))[4]
    assert (segment.members, segment.share, segment.name) == (0, 0.0, "Gone")
    assert segment.meaning == "No orders today."


def test_names_that_a_model_gives_stand_over_those_of_claims(quarters):
    space, ids = quarters
    given = {1: "Bargain hunters", 2: "Night owls"}
    segments = named(space, ids, kept(space, ids), given=given)
    assert [s.name for s in segments[:2]] == ["Bargain hunters", "Night owls"]
    assert len({s.name for s in segments}) == 4
