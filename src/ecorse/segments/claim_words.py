"""The words of claims: figures, times and values as people say them, and shares as "7 of 10".

What belongs here: how a thing is written. What does not: whether it is true (``claims``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ecorse.clock import DAYPARTS
from ecorse.models.segmentation_file import Feature

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
UP_TO_TWELVE = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip
PARTS_OF_DAY = {"Night": "at night", "Morning": "in the morning", "Afternoon": "in the afternoon",
                "Evening": "in the evening"}  # fmt: skip
DAYS_OF_MONTH, DAYS_OF_YEAR = 30, 365
_OF_A_FIGURE = ("than ", "of ", "or ", "below ")  # what comes before is no verb
_ONE_TIME = re.compile(r"\b(the last) one (year|month|week|day)\b")
_BETWEEN = re.compile(r"((between|from) )?\{\}.*\{\}")
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)


def figure_text(figure: float, unit: str) -> str:
    """How a figure is written: ``1,500``, ``25 %``, ``ten months`` (of 30 days)."""
    if unit == "days":
        return _duration(round(figure))
    if unit == "share":
        return f"{figure * 100:.10g} %"
    return f"{figure:,.0f}" if figure == round(figure) else f"{figure:,.10g}"


def _duration(days: int) -> str:
    for size, word in ((DAYS_OF_YEAR, "year"), (DAYS_OF_MONTH, "month"), (7, "week"), (1, "day")):
        count, rest = divmod(days, size)
        if count and not rest:
            number = UP_TO_TWELVE[count] if count < len(UP_TO_TWELVE) else str(count)
            return f"{number} {word}{'s' if count > 1 else ''}"
    return "no time"


def number_words(feature: Feature, low: float | None, high: float | None) -> str:
    """``spent 500 or more``: a number at least ``low``, below ``high``, or both."""
    name = feature.name
    if low is not None and high is not None:
        words = feature.between or f"{name} of {{}} to {{}}"
        # of counts the last one that is within is said: 2 up to, not including, 5 is 2 to 4
        last = high - 1 if feature.unit == "count" else high
        said = [figure_text(figure, feature.unit) for figure in (low, last)]
        if said[0] == said[1]:
            words = _BETWEEN.sub("{}", words)
        for text in said:
            words = words.replace("{}", text, 1)
        return words
    if low is not None:
        words = feature.high or f"{name} of {{}} or more"
        return words.replace("{}", figure_text(low, feature.unit))
    if feature.unit == "count" and high == 1 and not feature.low:
        return f"{name} of 0"
    words = feature.low or f"{name} below {{}}"
    return _ONE_TIME.sub(r"\1 \2", words.replace("{}", figure_text(high or 0, feature.unit)))


def window_words(feature: Feature, first: int, size: int) -> str:
    """``in the evening``, ``from Friday to Sunday``, ``in May``: cells of a cycle, from 0."""
    return (feature.words or "{}").replace("{}", _window(feature.part, first, size))


def _window(part: str, first: int, size: int) -> str:
    if part == "hour":
        for number, name in enumerate(DAYPARTS.names):
            ends = (0, *DAYPARTS.bounds, 24)
            if (first, first + size) == (ends[number], ends[number + 1]):
                return PARTS_OF_DAY[name]
        return f"between {first:02d}:00 and {(first + size) % 24:02d}:00"
    names = WEEKDAYS if part == "weekday" else MONTHS
    if size == 1:
        return f"on {names[first]}s" if part == "weekday" else f"in {names[first]}"
    if part == "weekday" and (first, size) == (5, 2):
        return "at weekends"
    return f"from {names[first]} to {names[(first + size - 1) % len(names)]}"


def value_words(feature: Feature, value: str) -> str:
    """``buy mostly phones``; an id alone would say nothing: ``category 1573``."""
    said = f"{feature.name} {value}" if is_id(value) else value
    return (feature.words or "{}").replace("{}", said)


def joined(claims: Iterable[tuple[str, bool]]) -> str:
    """Claims as one name: those of one verb stand together, and say it once.

    ``order mostly in the evening and mostly in May, pay less than 25 a piece``. Beside each claim
    stands whether it is bare: without a verb.
    """
    parts: list[list[str]] = []
    for phrase, is_bare in claims:
        verb, _, rest = phrase.partition(" ")
        same = None
        if not is_bare and not rest.startswith(_OF_A_FIGURE):
            same = next((part for part in parts if part[0].split(" ")[0] == verb), None)
        if same is None:
            parts.append([phrase])
        else:
            same.append(rest)
    return ", ".join(" and ".join(part) for part in parts)


def of_ten(share: float) -> str:
    """A share in words: ``7 of 10``, ``nearly all``, ``none``."""
    if share <= 0.0 or share >= 1.0:
        return "none" if share <= 0.0 else "all"
    if share < 0.05 or share >= 0.95:
        return "hardly any" if share < 0.5 else "nearly all"
    return f"{int(share * 10 + 0.5)} of 10"


def about_share(share: float) -> str:
    """How large a part is: ``nearly all``, ``about 4 of 10``, ``about 1 of 30``."""
    if share >= 0.95:
        return "all" if share >= 1.0 else "nearly all"
    if share >= 0.05:
        return f"about {int(share * 10 + 0.5)} of 10"
    if share <= 0.0:
        return "none"
    one_of = 1.0 / share
    step = 10 ** max(len(str(int(one_of))) - 1, 0)
    return f"about 1 of {round(one_of / step) * step:,}"


def is_id(value: str) -> bool:
    """Whether a text is a number, a hash or a code rather than a name.

    At least as many digits as letters, or nothing but hexadecimal digits, some of them numbers:
    ``2053013555631882655``, ``CAT-00123``, ``9f86d081-884c``; but ``USB``, ``iPhone 12 Pro``.
    """
    digits = sum(c.isdigit() for c in value)
    letters = sum(c.isalpha() for c in value)
    if digits >= letters:
        return True
    return digits > 0 and _HEX.fullmatch(re.sub(r"[\s_-]", "", value)) is not None
