"""What became of whole segments since the night before: births, deaths, splits, merges, names.

What belongs here: the rules, on counts of who went where. What does not: moves of single entities
(``history``).

Source: Spiliopoulou, Ntoutsi, Theodoridis & Schult, MONIC: modeling and monitoring cluster
transitions, KDD (2006), https://doi.org/10.1145/1150402.1150491
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from ecorse.segments.history import NOBODY, Moves, Night

PART = 0.25
"""A split leaves at least so much of a segment in each of two parts."""
HEIR = 0.5
"""A segment that is no more was merged into the one that took at least so much of it."""
EVENTS: Mapping[str, Any] = {
    "event_date": pl.Date,
    "event": pl.String,
    "segment_id": pl.Int64,
    "segment_name": pl.String,
    "other_segment_id": pl.Int64,
    "other_segment_name": pl.String,
    "members": pl.Int64,
    "shared_members": pl.Int64,
}


def events_of(
    moves: Moves, names: Mapping[int, str], night: Night, noise: int
) -> list[dict[str, Any]]:
    """The events of a night, without shop and segmentation, after those of the nights before.

    - birth: a segment that was none the night before;
    - death: a segment of the night before that is none any more;
    - split: of a segment's members (who are still there), a quarter or more are in a segment that
      is born, and a quarter or more in another one; ``other`` is the born one;
    - merge: half or more of the members of a segment that is no more are in ``other``;
    - renamed: a segment that stays has another name; ``other_segment_name`` is the one before.

    A night that is made again replaces its own events.
    """
    before = night.before
    then = {i: name for i, name in (before.names if before else {}).items() if i != noise}
    now = {i: name for i, name in names.items() if i != noise}
    shared = moves.between(noise)
    born, dead = sorted(now.keys() - then.keys()), sorted(then.keys() - now.keys())
    found = [_event("birth", i, now[i], _to(moves, i)) for i in born]
    found += [_event("death", i, then[i], _of(moves, i)) for i in dead]
    for old in sorted(then):
        parts = {new: n for (source, new), n in shared.items() if source == old}
        size = sum(parts.values())
        large = [new for new, n in parts.items() if n >= PART * size]
        told = now.get(old, then[old])
        if len(large) > 1:
            found += [
                _event("split", old, told, size, new, now[new], parts[new])
                for new in large
                if new in born
            ]
        if old in dead:
            found += [
                _event("merge", old, told, size, new, now[new], n)
                for new, n in parts.items()
                if n >= HEIR * size
            ]
    found += [
        _event("renamed", i, now[i], _to(moves, i), i, then[i], _to(moves, i))
        for i in sorted(now.keys() & then.keys())
        if now[i] != then[i]
    ]
    tonight = [{"event_date": night.day, **row} for row in found]
    return [*_earlier(night, tonight), *tonight]


def _event(
    event: str,
    segment_id: int,
    name: str,
    members: int,
    other: int = NOBODY,
    other_name: str | None = None,
    shared: int | None = None,
) -> dict[str, Any]:
    return {
        "event": event,
        "segment_id": segment_id,
        "segment_name": name,
        "other_segment_id": other,
        "other_segment_name": other_name,
        "members": members,
        "shared_members": shared,
    }


def _to(moves: Moves, segment_id: int) -> int:
    return sum(n for (_, target), n in moves.counts.items() if target == segment_id)


def _of(moves: Moves, segment_id: int) -> int:
    return sum(n for (source, _), n in moves.counts.items() if source == segment_id)


def _earlier(night: Night, tonight: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events up to the night before; what was found of tonight's day before is found again.

    Only where no night of an earlier day is kept, tonight is compared with one of the same day, and
    goes on from its events.
    """
    if night.before is None:
        return []
    is_again = night.before.day == night.day
    known = {_key(row) for row in tonight}
    return [
        row
        for row in night.before.events.to_dicts()
        if (is_again or night.day is None or row["event_date"] < night.day)
        and _key(row) not in known
    ]


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("event_date", "event", "segment_id", "other_segment_id"))
