"""Rules for actions: every shipped one keeps the contract, and a wrong one says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecorse import declared
from ecorse.errors import ConfigError
from ecorse.models.action import Action, ActionFile, read_actions
from ecorse.refresh.action_rules import rule_of
from ecorse.refresh.marts import read_marts
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.testing import ActionContract

SHIPPED = sorted((PROJECT_DIR / "include" / "actions").glob("*.toml"))


@pytest.fixture(scope="class", params=SHIPPED, ids=lambda path: path.stem)
def shipped(request) -> Path:
    return request.param


class TestShipped(ActionContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _each(cls, shipped: Path) -> None:
        cls.file = shipped

    @pytest.fixture(scope="class")
    @classmethod
    def action(cls, shipped: Path) -> Action:
        return Action(shipped.stem, shipped, declared.read(shipped, ActionFile))


def wrong(**changes: object) -> list[str]:
    """The mistakes of a right rule with other values."""
    document = declared.parse_file(SHIPPED[0])
    for key, value in changes.items():
        table = document.get(key)
        document[key] = table | value if isinstance(table, dict) else value
    try:
        declared.check(document, ActionFile, "rule.toml")
    except ConfigError as error:
        return str(error).splitlines()
    return []


def test_a_right_rule_has_no_mistake() -> None:
    assert wrong() == []


def test_every_mistake_is_told_at_once() -> None:
    told = wrong(
        what_to_do="Give {segment_name} {addressed} coupons",
        parameters={
            "min_members": {"value": 0, "because": "none"},
            "response_share": {"value": 2, "because": "two"},
            "valid_days": {"value": "a month", "because": "long"},
        },
    )
    text = "\n".join(told)
    assert "{addressed}" in text
    assert "parameters.min_members.value = 0: expected a whole number, 2 or more" in text
    assert "parameters.response_share.value = 2: expected a number, 0 to 1" in text
    assert "parameters.valid_days.value = 'a month'" in text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("valid_days", 28.5, "a whole number, 1 to 3660"),
        ("valid_days", 28.0, "a whole number, 1 to 3660"),  # SQL adds no 28.0 days to a date
        ("min_members", 30.5, "a whole number, 2 or more"),
    ],
)
def test_what_counts_days_or_members_is_whole(name: str, value: float, expected: str) -> None:
    text = "\n".join(wrong(parameters={name: {"value": value, "because": "so"}}))
    assert f"parameters.{name}.value = {value!r}: expected {expected}" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["min_effect", "confidence", "response_share"])
def test_a_threshold_is_a_finite_number(name: str, value: float) -> None:
    told = wrong(parameters={name: {"value": value, "because": "so"}})
    assert f"parameters.{name}.value" in "\n".join(told)


def test_a_parameter_that_is_missing_or_that_nothing_has_is_told() -> None:
    document = declared.parse_file(SHIPPED[0])
    del document["parameters"]["confidence"]
    with pytest.raises(ConfigError, match=r"parameters\.confidence is missing"):
        declared.check(document, ActionFile, "rule.toml")
    assert "most" in "\n".join(wrong(select="select $most"))


def test_a_select_without_a_column_or_with_a_foreign_one_names_it(tmp_path) -> None:
    file = declared.read(SHIPPED[0], ActionFile)
    lacks = file.model_copy(update={"select": "select shop_id from marts.segments"})
    with pytest.raises(ConfigError, match=r"mine\.toml.*has no column segmentation, segment_id"):
        rule_of(Action("mine", tmp_path / "mine.toml", lacks))
    more = file.select.replace("as addressed,", "as addressed, 1 as extra,")
    with pytest.raises(ConfigError, match="gives extra, which is no column"):
        rule_of(Action("mine", tmp_path / "mine.toml", file.model_copy(update={"select": more})))


def test_a_projects_own_file_is_a_rule_more(tmp_path, monkeypatch) -> None:
    """Nothing else is registered: the mart has another branch."""
    (tmp_path / "include" / "actions").mkdir(parents=True)
    (tmp_path / "include" / "shops.toml").write_text(
        (PROJECT_DIR / "include/shops.toml").read_text()
    )
    text = SHIPPED[0].read_text("utf-8")
    (tmp_path / "include" / "actions" / "thank_them.toml").write_text(text)
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path))
    get_settings.cache_clear()
    try:
        assert set(read_actions()) == {path.stem for path in SHIPPED} | {"thank_them"}
        mart = next(m for m in read_marts(get_settings()) if m.name == "segment_actions")
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert "'thank_them'" in mart.sql


def test_figures_are_bound_as_parameters() -> None:
    actions = read_actions()
    text = actions["win_back_cannot_lose_them"].figure("late_members")
    assert "%(shop_id)s" in text
    assert ":shop_id" not in text
