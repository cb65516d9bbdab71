"""The words of a trait that may stand in a segment's name, and whether they hold.

A phrase holds where most of the segment has what it says and the shop as a whole has not: what most
of the shop has sets nothing apart. Where none holds the phrase is empty.

What belongs here: the rule, and the words for times, numbers and values. What does not: effect
sizes and sentences (``traits``); choosing among traits (``meaning``).
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from ecorse.clock import DAYPARTS, daypart
from ecorse.features.blocks import Block
from ecorse.models.declaration import PERIODS

Mask = npt.NDArray[np.bool_]
MOST = 0.5
COMMON = 0.6  # not 0.5: of two equal halves each may be named, and chance makes one the larger
WINDOW_SHARE = 1 / 8  # a cycle's window reaches 3 of 24 hours to either side of its centre
NARROW_SHARE = WINDOW_SHARE / 2
NO_TIME = 1e-9  # mean directions shorter than this have none
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)


def holds(has: Mask, inside: Mask) -> bool:
    """Whether most rows ``inside`` have it, and it is not common among all."""
    return float(has[inside].mean()) > MOST and float(has.mean()) <= COMMON


def within(block: Block, turn: float, reach: float) -> Mask:
    """Which rows of a cycle have a time at most ``reach`` of a turn from ``turn`` (0 to 1)."""
    away = np.abs(block.turns - turn)
    return _has_time(block) & ((away <= reach) | (away >= 1.0 - reach))  # a turn ends at its begin


def _has_time(block: Block) -> Mask:
    """Rows whose times point anywhere: without a time, or with times all around, they do not."""
    timed: Mask = np.hypot(block.values[:, 0], block.values[:, 1]) > NO_TIME
    return timed


def time_phrase(block: Block, inside: Mask, centre: float) -> str:
    """The daypart, weekday or month that a segment is centred on; ``centre`` in units of the cycle.

    Where the part of the day does not hold, the full hour may: an office shop has most orders in
    the afternoon, and some around 17:00; a lunch hour lies in two parts of the day.
    """
    part = block.feature.part
    turn = centre / PERIODS[part]
    if part != "hour":
        near = within(block, turn, WINDOW_SHARE)
        return f"around {place_in_cycle(part, centre)}" if holds(near, inside) else ""
    name = daypart(round(centre * 60) % 1440 / 60)
    # 1e-9: the angle of 12:00 comes back as 11.9999999
    places = np.searchsorted(DAYPARTS.bounds, block.turns * 24.0 % 24.0 + 1e-9, side="right")
    if holds(_has_time(block) & (places == DAYPARTS.names.index(name)), inside):
        return name
    reaches = (WINDOW_SHARE, NARROW_SHARE)
    is_near = any(holds(within(block, turn, reach), inside) for reach in reaches)
    return f"around {round(centre) % 24:02d}:00" if is_near else ""


def place_in_cycle(part: str, position: float) -> str:
    """How a place in a cycle is written: 14:30, Sunday, May."""
    if part == "hour":
        minutes = round(position * 60) % 1440
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    names = WEEKDAYS if part == "weekday" else MONTHS
    return names[round(position) % len(names)]


def number_phrase(block: Block, inside: Mask) -> str:
    """``high price`` or ``low price``: on which side of the typical row most of the segment is.

    Nine of ten orders are dear beside one of ten at a cent, and so none of the nine is called so.
    """
    values, feature = block.values[:, 0], block.feature
    typical = float(values.mean())
    is_high = bool(values[inside].mean() > typical)
    if not holds(values > typical if is_high else values < typical, inside):
        return ""
    if is_high:
        return feature.high or f"high {feature.name}"
    return feature.low or f"low {feature.name}"


def share_phrase(value: str, share: float, overall: float) -> str:
    """The value itself, where most of the segment is of it, all rows less, and it is no id."""
    is_telling = share > max(overall, MOST) and overall <= COMMON
    return value if is_telling and not is_id(value) else ""


def spell(feature: str, value: str) -> str:
    """A value as part of a sentence: an id alone would say nothing."""
    return f"{feature} {value}" if is_id(value) else value


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
