"""What every rule for actions must do.

What belongs here: promises of the kind, without a database. What does not: whether its effect is
there; that is for a shop with and one without it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest

from ecorse import declared
from ecorse.models.action import KEYS, Action, ActionFile
from ecorse.refresh.action_rules import NEEDED, rule_of
from ecorse.refresh.render import parse_select, references


class ActionContract:
    """Mix-in for pytest: set ``file``, the rule's TOML file."""

    file: ClassVar[Path]

    @pytest.fixture(scope="class")
    @classmethod
    def action(cls) -> Action:
        """The rule, read and checked."""
        return Action(cls.file.stem, cls.file, declared.read(cls.file, ActionFile))

    def test_select_gives_what_the_effect_is_tested_by(self, action: Action) -> None:
        """Both groups, whom it is for, what a response brings, and its figures."""
        columns = dict(rule_of(action))["columns"]
        assert all(f" as {name}" in columns for name in NEEDED)

    def test_it_reads_marts_alone(self, action: Action) -> None:
        """So that a night is made of what a night holds."""
        texts = [action.file.rendered(), *action.file.figures().values()]
        for text in texts:
            select = parse_select(re.sub(r"(?<!:):(\w+)", r"'\1'", text), str(self.file))
            assert {schema for schema, _ in references(select, str(self.file))} == {"marts"}

    def test_figures_are_asked_for_by_the_keys_of_a_row(self, action: Action) -> None:
        """Each counts for one shop, and nothing that a row does not have."""
        for name, text in action.file.figures().items():
            asked = set(re.findall(r"(?<!:):([a-z]\w*)", text))
            assert asked <= set(KEYS), name
            assert "shop_id" in asked, name

    def test_the_sentence_says_for_whom(self, action: Action) -> None:
        """It names the segment; figures stand in columns of their own."""
        assert "{segment_name}" in action.file.what_to_do
        assert not re.search(r"\d", action.file.what_to_do)

    def test_every_threshold_has_a_reason(self, action: Action) -> None:
        """A sentence, not the number again."""
        for name, parameter in action.file.parameters.items():
            assert len(parameter.because.split()) >= 4, name
            assert re.search(rf"\${{?{name}\b", self.file.read_text("utf-8")) or name in (
                "min_members", "min_effect", "confidence", "response_share", "valid_days",
            ), f"nothing uses the parameter {name}"  # fmt: skip
