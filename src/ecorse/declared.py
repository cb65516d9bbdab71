"""What people declare in TOML, read by pydantic models: one way in, one form of error.

What belongs here: from text to a checked object, and how a mistake is told. What does not: what any
file may say (each model stands with what it declares).

A mistake names the file, the key, what was found and what is expected; all mistakes of a file are
told at once::

    include/shops.toml: 2 mistakes.
      shops[0].time_zone = 'New York': expected an IANA zone such as 'America/New_York'
      shops[0].curency: no such key; there are currency, shop_id, shop_name, sources, time_zone
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from ecorse.errors import ConfigError

T = TypeVar("T", bound="Table")
LONGEST = 80  # characters of a value that are quoted in a message


class Table(BaseModel):
    """A table of a TOML file: unknown keys are refused, the object never changes.

    Made in code, a table takes a field by its name; in a file the key is the field's alias.
    A field's ``description`` says what is expected where the value is missing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def mistakes(self) -> Iterable[str]:
        """What is well-formed and makes no sense, one sentence each, all of them.

        Called on the table that is read; it asks the tables inside it itself.
        """
        return ()


def read(path: Path, model: type[T], *, context: Any = None) -> T:
    """Read a TOML file as ``model``; its validators get ``context``.

    Raises
    ------
    ConfigError
        The file cannot be read, is no TOML, or says something the model does not allow; every
        mistake is named.
    """
    return check(parse_file(path), model, str(path), context=context)


def parse_file(path: Path) -> dict[str, Any]:
    """Read a TOML file as it is, for callers that take it apart before checking.

    Raises
    ------
    ConfigError
        The file cannot be read or is no TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not valid UTF-8 at byte {error.start}.") from None
    return parse(text, str(path))


def parse(text: str, where: str) -> dict[str, Any]:
    """Parse TOML; ``where`` names the file (and the part of it) in an error.

    Raises
    ------
    ConfigError
        It is no TOML; the message has line and column.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from None


def check(document: Mapping[str, Any], model: type[T], where: str, *, context: Any = None) -> T:
    """Check a parsed document against ``model``; numbers in quotes are no numbers.

    Parameters
    ----------
    where
        The file, as errors name it.
    context
        What the model's validators compare with, such as the names that there are.

    Raises
    ------
    ConfigError
        Every mistake, in one message.
    """
    try:
        # JSON's strict mode takes lists for tuples, and does not take "5" for 5
        declared = model.model_validate_json(
            json.dumps(document, default=str), strict=True, context=context
        )
    except ValidationError as error:
        raise ConfigError(told(where, list(_mistakes(error.errors(), model)))) from None
    refuse(where, list(declared.mistakes()))
    return declared


def refuse(where: str, mistakes: Sequence[str]) -> None:
    """Tell mistakes that were found elsewhere in the same form; nothing where there are none.

    Raises
    ------
    ConfigError
        There are mistakes.
    """
    if mistakes:
        raise ConfigError(told(where, mistakes))


def told(where: str, mistakes: Sequence[str]) -> str:
    """One mistake on one line, several below each other."""
    if len(mistakes) == 1:
        return f"{where}: {mistakes[0]}."
    return "\n  ".join([f"{where}: {len(mistakes)} mistakes.", *mistakes])


def _mistakes(errors: Iterable[Any], model: type[BaseModel]) -> Iterator[str]:
    """One sentence per mistake; what a value of several kinds might have been is told together."""
    by_place: dict[tuple[int | str, ...], list[Any]] = {}
    for error in errors:
        place = tuple(error["loc"])
        if place and place[-1] in PLAIN_KINDS and not _fields(model, place[:-1]):
            place = place[:-1]  # a member of a union such as ``str | int``
        by_place.setdefault(place, []).append(error)
    for place, found in by_place.items():
        yield _mistake(place, found, model)


def _mistake(place: tuple[int | str, ...], errors: Sequence[Any], model: type[BaseModel]) -> str:
    key, error = _key(_follow(model, place)[1]), errors[0]
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kinds = sorted(_tags(_follow(model, place)[2]))
        return f"{key}.{_told_by(error)}: expected {', '.join(kinds)}"
    if error["type"] == "missing":
        expected = _description(model, place)
        return f"{key} is missing" + (f"; expected {expected}" if expected else "")
    if error["type"] == "extra_forbidden":
        known = ", ".join(sorted(_fields(model, place[:-1])))
        return f"{key}: no such key" + (f"; there are {known}" if known else "")
    found = f"{key} = {_short(error['input'])}" if key else "the file"
    first, *others = dict.fromkeys(map(_expectation, errors))
    return " or ".join([f"{found}: {first}", *(o.removeprefix("expected ") for o in others)])


def _told_by(error: Any) -> str:
    """Of a table that is one of several: the key that tells which, and what it says."""
    told_by, found = error["ctx"]["discriminator"].strip("'"), error["ctx"].get("tag")
    return f"{told_by} = {found!r}" if found else f"{told_by} is missing"


# kinds of pydantic's errors, in plain words; ``{...}`` is what the model says of the bound
EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "literal_error": "{expected}",
}
PLAIN_KINDS = ("str", "int", "float", "bool")


def _expectation(error: Any) -> str:
    """What is expected, of one error; a validator's own sentence stays as it is."""
    kind, bounds = error["type"], error.get("ctx", {})
    if kind in EXPECTED:
        return "expected " + EXPECTED[kind].format(**bounds)
    if kind in ("too_short", "string_too_short"):
        if kind == "string_too_short" and bounds["min_length"] == 1:
            return "expected a text that is not empty"
        unit = "characters" if kind == "string_too_short" else "in the list"
        return f"expected at least {bounds['min_length']} {unit}"
    message: str = error["msg"]
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    expected = message.removeprefix("Input should be ")
    return message if expected == message else f"expected {expected}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _key(location: Sequence[int | str]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).lstrip(".")


def _field(model: Any, key: int | str) -> Any:
    """The field that a file's key fills; ``None`` where no field does."""
    fields = getattr(model, "model_fields", {})
    return next((f for name, f in fields.items() if key == (f.alias or name)), None)


def _follow(
    model: Any, location: Sequence[int | str]
) -> tuple[Any, list[int | str], list[type[BaseModel]]]:
    """Follow a place through the models: the model there, the place as the file has it, and all
    models that may stand there.

    Where a table is one of several models, pydantic puts the value that tells which into the place.
    """
    models, place = [model], list[int | str]()
    for part in location:
        if isinstance(part, str) and len(models) > 1 and part in (tagged := _tags(models)):
            models = [tagged[part]]
            continue
        place.append(part)
        if isinstance(part, str):
            field = _field(models[0], part) if models else None
            models = list(_inner(field.annotation)) if field is not None else []
    return models[0] if models else None, place, models


def _inner(annotation: Any) -> Iterator[type[BaseModel]]:
    """The pydantic models within an annotation such as ``tuple[One | Other, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _inner(part)


def _tags(models: Sequence[type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """Models by the values of their literal fields with one value, such as ``check = "unique"``."""
    return {
        get_args(field.annotation)[0]: model
        for model in models
        for field in model.model_fields.values()
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
    }


def _fields(model: Any, location: Sequence[int | str]) -> list[str]:
    at = _follow(model, location)[0]
    return [f.alias or name for name, f in getattr(at, "model_fields", {}).items()]


def _description(model: Any, location: Sequence[int | str]) -> str:
    field = _field(_follow(model, location[:-1])[0], location[-1])
    return (field.description or "") if field is not None else ""
