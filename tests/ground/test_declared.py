"""Declarations: every mistake is told at once, with file, key, what was found and expected."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from ecorse.declared import Table, check, read
from ecorse.errors import ConfigError


class Wheel(Table):
    size: int = Field(ge=1)
    colour: Literal["red", "blue"] = "red"


class Car(Table):
    name: str = Field(description="what people call it")
    wheels: tuple[Wheel, ...] = ()
    weights: dict[str, float] = Field(default_factory=dict)
    notes: dict[str, str | int | bool] = Field(default_factory=dict)
    maker: str = Field(default="x", alias="made_by", min_length=2)

    def mistakes(self):
        if len(self.wheels) == 3:
            yield "wheels: three wheels fall over"


def told(document) -> str:
    with pytest.raises(ConfigError) as caught:
        check(document, Car, "cars.toml")
    return str(caught.value)


def test_a_right_file_is_read(tmp_path):
    path = tmp_path / "car.toml"
    path.write_text('name = "Mini"\n[[wheels]]\nsize = 4\n[weights]\nempty = 1\n')
    assert read(path, Car) == Car(name="Mini", wheels=(Wheel(size=4),), weights={"empty": 1.0})


def test_every_mistake_is_told_with_key_finding_and_expectation():
    message = told({"wheels": [{"size": "two", "colour": "green"}, {"sise": 1}]})
    assert message.splitlines() == [
        "cars.toml: 5 mistakes.",
        "  name is missing; expected what people call it",
        "  wheels[0].size = 'two': expected a whole number",
        "  wheels[0].colour = 'green': expected 'red' or 'blue'",
        "  wheels[1].size is missing",
        "  wheels[1].sise: no such key; there are colour, size",
    ]


def test_a_number_in_quotes_is_no_number():
    assert told({"name": "x", "wheels": [{"size": "4"}]}) == (
        "cars.toml: wheels[0].size = '4': expected a whole number."
    )


def test_kinds_are_told_in_plain_words():
    message = told(
        {
            "name": 5,
            "wheels": {"size": 4},
            "weights": "heavy",
            "notes": {"price": [1], "ok": "yes"},
            "made_by": "",
        }
    )
    assert message.splitlines()[1:] == [
        "  name = 5: expected a text",
        "  wheels = {'size': 4}: expected a list",
        "  weights = 'heavy': expected a table",
        "  notes.price = [1]: expected a text or a whole number or true or false",
        "  made_by = '': expected at least 2 characters",
    ]


def test_a_bound_is_named():
    assert "wheels[0].size = 0: expected at least 1" in told({"name": "x", "wheels": [{"size": 0}]})


def test_nonsense_is_told_too():
    assert told({"name": "x", "wheels": [{"size": 1}] * 3}) == (
        "cars.toml: wheels: three wheels fall over."
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name = ", "not valid TOML"),
        (b"name = '\xff'", "not valid UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path, content, says):
    path = tmp_path / "car.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        read(path, Car)
    assert str(path) in str(caught.value)
