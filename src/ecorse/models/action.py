"""What a file of ``include/actions`` declares: one rule from which actions for segments are made.

What belongs here: reading the rules; imports no data library, since DAG files read them. What does
not: the table that they fill (``ecorse.refresh.action_rules``, ``segments/segment_actions``); who
is written to (``ecorse.segments.audience``).

A rule is one file, ``<action>.toml``; the project's own take the place of shipped ones of that name
or are added (docs/how-to/add-an-action.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Annotated, Any, Final, Literal

from pydantic import Field, FiniteFloat

from ecorse import declared
from ecorse.declared import Table
from ecorse.errors import ConfigError
from ecorse.settings import Settings, get_settings

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
COMMON: Final = ("min_members", "min_effect", "confidence", "response_share", "valid_days")
"""The parameters that every rule has."""
WHOLE: Final = ("min_members", "valid_days")
"""Those of them that count: SQL adds days to a date, and compares counts."""
PLACES: Final = ("segment_name", "category")
"""What a sentence may name; figures stand in columns of their own."""
KEYS: Final = ("shop_id", "segmentation", "segment_id", "category")
"""What the SQL of a figure is asked for: ``:shop_id`` and so on."""
_PLACE = re.compile(r"\{(\w*)\}")


class Parameter(Table):
    """A threshold or a word that the rule's SQL uses, and why it is what it is."""

    value: int | FiniteFloat | str
    because: Text = Field(description="a sentence: why this value")


class Effect(Table):
    """What is compared: cases of the segment with those of all others of the segmentation.

    ``share``: how many of the cases do something, 0 to 1; ``mean``: an amount above 0 per case.
    """

    of: Literal["share", "mean"]
    direction: Literal["more", "less"]
    is_: Text = Field(alias="is", description="a sentence: of what the effect size is the ratio")


class Holdout(Table):
    """The share of the members who are left alone, so that the effect can be measured later."""

    share: float = Field(gt=0, lt=1)
    seed: int
    because: Text


class ActionFile(Table):
    """A whole file of ``include/actions``."""

    about: Text
    what_to_do: Text = Field(description="a sentence, with {segment_name} in it")
    expected_value: Text = Field(description="a sentence: what one response brings")
    effect: Effect
    holdout: Holdout
    parameters: dict[Name, Parameter]
    select: Text
    evidence: dict[Name, Text] = Field(min_length=1)

    def mistakes(self) -> Iterable[str]:
        """Parameters that are missing or out of range, places that a sentence cannot name."""
        for name in COMMON:
            if name not in self.parameters:
                yield f"parameters.{name} is missing; every rule has {', '.join(COMMON)}"
        for name, low, high in (
            ("min_members", 2, None),
            ("min_effect", 1, None),
            ("confidence", 0.5, 0.9999),
            ("response_share", 0, 1),
            ("valid_days", 1, 3660),
        ):
            value = self.parameters[name].value if name in self.parameters else low
            wrong = isinstance(value, str) or value < low or (high is not None and value > high)
            if wrong or (name in WHOLE and not isinstance(value, int)):
                kind = "a whole number" if name in WHOLE else "a number"
                most = f" to {high}" if high is not None else " or more"
                yield f"parameters.{name}.value = {value!r}: expected {kind}, {low}{most}"
        for name in _PLACE.findall(self.what_to_do):
            if name not in PLACES:
                yield (
                    f"what_to_do names {{{name}}}; it may name {', '.join(PLACES)}: figures stand "
                    "in columns of their own"
                )
        for key, text in {"select": self.select, **self.evidence}.items():
            try:
                self._put(text)
            except (KeyError, ValueError) as error:
                yield f"{key} names a parameter that is not there ({error})"

    def rendered(self) -> str:
        """The select with the parameters put in."""
        return self._put(self.select)

    def figures(self) -> dict[str, str]:
        """The SQL of each figure on one line, with the parameters put in."""
        return {name: " ".join(self._put(text).split()) for name, text in self.evidence.items()}

    def _put(self, text: str) -> str:
        values = {name: literal(parameter.value) for name, parameter in self.parameters.items()}
        return Template(text).substitute(values)


@dataclass(frozen=True)
class Action:
    """One rule: its name, which is the file's, and what the file says."""

    name: str
    path: Path
    file: ActionFile

    def figure(self, name: str) -> str:
        """The SQL of a figure of the evidence, for psycopg: ``%(shop_id)s`` for ``:shop_id``."""
        text = self.file.figures()[name].replace("%", "%%")
        return re.sub(rf"(?<!:):({'|'.join(KEYS)})\b", r"%(\1)s", text)

    def number(self, name: str) -> float:
        """The value of one of the common parameters."""
        return float(self.file.parameters[name].value)


def literal(value: float | str) -> str:
    """A value as SQL writes it."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def read_actions(settings: Settings | None = None) -> Mapping[str, Action]:
    """Every rule by name; only changed files are read again.

    Raises
    ------
    ConfigError
        A file is wrong: the message names it and every mistake.
    """
    files = (settings or get_settings()).files("actions/*.toml")
    return {path.stem: _read(path, path.stat().st_mtime_ns) for path in files}


@lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> Action:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", path.stem):
        raise ConfigError(
            f"{path}: rename it; an action's name is lower-case letters, digits and _, up to 40."
        )
    return Action(path.stem, path, declared.read(path, ActionFile))


def unknown(wanted: str, known: Mapping[str, Any]) -> str:
    """The sentence for an action that there is not."""
    return (
        f"There is no action {wanted!r}; there are {', '.join(known) or 'none'}. "
        "A new one is a file include/actions/<action>.toml."
    )
