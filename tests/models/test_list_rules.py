"""What ``include/rules.toml`` may say: mistakes are told with file and key."""

from __future__ import annotations

import pytest

from ecorse import declared
from ecorse.errors import ConfigError
from ecorse.models.list_rules import NO_RULES, RulesFile, load_rules
from ecorse.settings import PROJECT_DIR, get_settings

WHERE = "include/rules.toml"


def rules(text: str) -> RulesFile:
    return declared.check(declared.parse(text, WHERE), RulesFile, WHERE)


def test_no_file_is_no_rule(tmp_path, monkeypatch):
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path))
    get_settings.cache_clear()
    try:
        assert load_rules() is NO_RULES
        (tmp_path / "include").mkdir()
        (tmp_path / "include" / "rules.toml").write_text(
            '[[rules]]\nrule = "exclude"\nproducts = ["A"]\n'
        )
        (rule,) = load_rules().rules
        assert rule.products == ("A",)
    finally:
        get_settings.cache_clear()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('rule = "exlude"\nproducts = ["A"]', "rules[0].rule = 'exlude': expected boost"),
        ('rule = "exclude"', "rules[0]: names no product; expected one or more of products"),
        ('rule = "boost"\nfactor = 0\nproducts = ["A"]', "rules[0].factor = 0: expected more than"),
        ('rule = "boost"\nproducts = ["A"]', "rules[0].factor is missing"),
        ('rule = "pin"\nproduct = "A"\nplace = 0', "rules[0].place = 0: expected at least 1"),
        ('rule = "category_cap"\nat_most = 0', "rules[0].at_most = 0: expected at least 1"),
        ('rule = "price_band"\nat_most = "cheap"', "rules[0]: no price band 'cheap'; there are"),
        ('rule = "price_band"', "rules[0]: expected either only or at_most"),
        ('rule = "category_cap"\nat_most = 2\ncategories = []', "leave the key out for every"),
        ('rule = "exclude"\nproduct = ["A"]', "rules[0].product: no such key"),
        (
            'rule = "exclude"\nproducts = ["A"]\nfrom = 2020-02-01\nto = 2020-01-01',
            "rules[0]: to = 2020-01-01: before from = 2020-02-01",
        ),
        ('rule = "exclude"\nproducts = ["A"]\nlists = ["all"]', "rules[0].lists[0] = 'all'"),
    ],
)
def test_a_mistake_is_told_with_file_and_key(text, told):
    with pytest.raises(ConfigError) as error:
        rules(f"[[rules]]\n{text}\n")
    assert str(error.value).startswith(f"{WHERE}: ")
    assert told in str(error.value)


PINS = """
[[rules]]
rule = "pin"
product = "A"
place = 1
{first}
[[rules]]
rule = "pin"
product = "B"
place = 1
{second}
"""


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        ("", "", True),
        ('shop_id = "north"', "", True),
        ('shop_id = "north"', 'shop_id = "south"', False),
        ('lists = ["explore"]', 'lists = ["for_you"]', False),
        ("to = 2020-01-31", "from = 2020-02-01", False),
        ("to = 2020-01-31", "from = 2020-01-31", True),
    ],
)
def test_two_pins_want_one_place_only_if_both_may_hold_at_once(first, second, is_refused):
    text = PINS.format(first=first, second=second)
    if is_refused:
        with pytest.raises(ConfigError, match=r"rules\[1\].place = 1: rules\[0\] pins the same"):
            rules(text)
    else:
        assert len(rules(text).rules) == 2


def test_one_product_at_two_places_is_refused():
    text = PINS.format(first="", second="").replace('"B"\nplace = 1', '"A"\nplace = 2')
    with pytest.raises(ConfigError, match=r"rules\[1\].product = 'A': rules\[0\] pins the same"):
        rules(text)


def test_a_shop_a_place_and_a_list_that_there_are_not():
    found = rules(
        '[[rules]]\nrule = "pin"\nshop_id = "nroth"\nproduct = "A"\nplace = 11\n'
        'lists = ["explore", "buy_again"]\n'
    )
    with pytest.raises(ConfigError, match=r"rules\[0\].shop_id = 'nroth': expected '\*' or one of"):
        found.refuse_unknown_shops(["north"])
    with pytest.raises(ConfigError) as error:
        found.refuse_impossible([("recommend_mine", "explore", 10)])
    assert "no recommender of include/models makes buy_again" in str(error.value)
    assert "rules[0].place = 11: lists explore of recommend_mine have 10 places" in str(error.value)


def test_the_example_of_the_documentation_is_one():
    text = (PROJECT_DIR / "docs" / "examples" / "rules.toml").read_text()
    assert {rule.rule for rule in rules(text).rules} == {
        "exclude", "only", "category_cap", "pin", "boost", "price_band",
    }  # fmt: skip


def test_the_bands_up_to_one():
    (rule,) = rules('[[rules]]\nrule = "price_band"\nat_most = "10 to 50"\n').rules
    assert rule.bands == ("under 10", "10 to 50")
