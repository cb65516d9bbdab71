"""What the report says of one segmentation's segments: results, changes, limits.

What belongs here: rows to sentences and tables; every figure is taken from a row. What does not:
how they were made (``choices``), the selects (``read``), plots (``plots``), the page (``page``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecorse.reports.segments.blocks import (
    Block,
    Items,
    Table,
    Text,
    count,
    figure,
    money,
    percent,
)
from ecorse.reports.segments.read import One, Row
from ecorse.segments.findings import SMALL

IN_NONE = 0  # the segment of what is in none
FEW = 100  # members; below it one more or less changes a share by more than a hundredth


def results(one: One) -> Iterator[Block]:
    """The segments, what they are worth, and every claim with its shares."""
    segments = one.rows("segments")
    if not segments:
        yield Text(f"There are no segments. {one.status['reason']}", "warn")
        return
    profiles = {row["segment_id"]: row for row in one.rows("segment_profiles")}
    currency = one.facts.shop["currency"]
    has_orders = any(row["orders"] for row in profiles.values())
    # of a segment of orders the members are the orders
    own = slice(1 if one.noun == "orders" else 0, None)
    worth = ("Orders", "Revenue", "Revenue share", "Average order")[own] if has_orders else ()
    yield Table(
        "The segments",
        ("Segment", "What it means", one.noun.capitalize(), "Share", *worth),
        [
            (
                row["segment_name"], row["meaning"], count(row["members"]), percent(row["share"]),
                *(_worth(profiles.get(row["segment_id"]), currency)[own] if has_orders else ()),
            )
            for row in segments
        ],
        frozenset({one.noun.capitalize(), "Share", *worth}),
    )  # fmt: skip
    if not has_orders:
        yield Text(f"The shop's files hold no purchase of these {one.noun}.", "soft")
    names = {row["segment_id"]: row["segment_name"] for row in segments}
    claims = [
        row
        for row in one.rows("segment_traits")
        if row["claim"] is not None and row["segment_id"] in names
    ]
    if claims:
        yield Table(
            "What is true of most members and untrue of most others",
            ("Segment", "Claim", "True of members", "True of others"),
            [
                (names[row["segment_id"]], row["claim"], percent(row["inside_share"]),
                 percent(row["outside_share"]))
                for row in claims
            ],
            frozenset({"True of members", "True of others"}),
        )  # fmt: skip
    claimed = {row["segment_id"] for row in claims}
    without = [
        row["segment_name"]
        for row in real_segments(one)
        if row["members"] and row["segment_id"] not in claimed
    ]
    if without and claims:
        yield Text(f"Of these nothing is true that is untrue of most others: {', '.join(without)}.")


def _worth(profile: Row | None, currency: str) -> tuple[str, ...]:
    if profile is None:
        return (count(None),) * 4
    return (
        count(profile["orders"]),
        money(profile["revenue"], currency),
        percent(profile["revenue_share"]),
        money(profile["average_order_value"], currency),
    )


def changes(one: One) -> Iterator[Block]:
    """What became of the segments since the night before."""
    outcome, reason = one.status["outcome"], one.status["reason"]
    if outcome == "promoted":
        yield Text(f"Published tonight{reason.removeprefix('Promoted')}")
    else:
        carried = "" if one.status["is_of_this_night"] else " The rows are those of a night before."
        told = reason if reason.lower().startswith(outcome) else f"{outcome.capitalize()}: {reason}"
        yield Text(told + carried, "warn")
    moves = one.rows("segment_migrations")
    before = next((row["previous_date"] for row in moves if row["previous_date"]), None)
    if before is None:
        yield Text("No earlier night is published, so nothing can have changed.", "soft")
        return
    stayed = [r for r in moves if r["from_segment_id"] == r["to_segment_id"]]
    moved = [r for r in moves if r["is_move"]]
    new = sum(r["members"] for r in moves if r["from_segment_id"] < 0)
    gone = sum(r["members"] for r in moves if r["to_segment_id"] < 0)
    yield Text(
        f"Since {before}: {count(sum(r['members'] for r in stayed))} {one.noun} stayed in their "
        f"segment, {count(sum(r['members'] for r in moved))} moved to another, {count(new)} are "
        f"new and {count(gone)} are gone."
    )
    events = [_event(row, one.noun) for row in one.rows("events")]
    if events:
        yield Items(events)
    if moved:
        most = sorted(moved, key=lambda r: (-r["members"], r["from_segment_id"]))[:10]
        yield Table(
            "Largest moves",
            ("From", "To", one.noun.capitalize(), "Of those who were there"),
            [
                (r["from_segment_name"], r["to_segment_name"], count(r["members"]),
                 percent(r["share_of_from"]))
                for r in most
            ],
            frozenset({one.noun.capitalize(), "Of those who were there"}),
        )  # fmt: skip
    yield from _drift(one)


def _event(row: Row, noun: str) -> str:
    name, other = row["segment_name"], row["other_segment_name"]
    members, shared = f"{count(row['members'])} {noun}", count(row["shared_members"])
    still = f"{count(row['members'])} who are still in a segment"
    told = {
        "birth": f"New segment: {name} ({members}).",
        "death": f"Gone: {name} (it had {members}).",
        "split": f"{name} was split: of {still}, {shared} are now in {other}.",
        "merge": f"{name} went into {other}: of {still}, {shared} are there.",
        "renamed": f"{name} is the new name of {other} ({members}).",
    }
    return told[row["event"]]


def _drift(one: One) -> Iterator[Block]:
    judged = [row for row in one.rows("segment_drift") if row["limit_psi"] is not None]
    beyond = [row for row in judged if row["is_drifted"]]
    if beyond:
        yield Text("These moved further than the declaration allows (PSI):", "warn")
        yield Items([_moved(row) for row in beyond])
    elif judged:
        most = max(judged, key=lambda row: row["psi"])
        yield Text(f"No input moved beyond its limit (PSI); the most: {_moved(most)}", "soft")


def _moved(row: Row) -> str:
    return (
        f"{words(row['feature'])}, {row['compared']}: {figure(row['psi'], 3)}, "
        f"allowed {figure(row['limit_psi'])}."
    )


def limits(one: One) -> Iterator[Block]:
    """What to know before relying on the segments."""
    segments = one.rows("segments")
    told = _findings(segments)
    told += [
        f"{row['segment_name']}: smaller than the declaration allows ({percent(row['share'])})."
        for row in segments
        if row["is_small"] and row["segment_id"] != IN_NONE and SMALL not in (row["finding"] or "")
    ]
    members = sum(row["members"] for row in segments)
    if 0 < members < FEW:
        told.append(f"There are only {count(members)} {one.noun}: take every share as a hint.")
    if any(row["is_degenerate"] for row in segments) and not any(r["finding"] for r in segments):
        told.append(
            "The model had too little to choose from, or found no structure. Its segments say "
            "little."
        )
    if told:
        yield Items(told)
    elif segments:
        yield Text("No guard found anything to object to.", "soft")


def _findings(segments: Sequence[Row]) -> list[str]:
    """What was found of each segment; what is said of all of them is said once."""
    there = [row for row in segments if row["members"] and row["segment_id"] != IN_NONE]
    same = {row["finding"] for row in there}
    if len(there) > 1 and len(same) == 1 and (finding := there[0]["finding"]):
        return [f"All segments: {finding}"]
    return [f"{row['segment_name']}: {row['finding']}" for row in segments if row["finding"]]


def real_segments(one: One) -> list[Row]:
    """Its segments, without those who are in none."""
    return [row for row in one.rows("segments") if row["segment_id"] != IN_NONE]


def words(name: str) -> str:
    """A name of the declaration as words."""
    return name.replace("_", " ")
