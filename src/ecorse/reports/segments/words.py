"""What the report says of one segmentation: approach, choice, results, changes, limits.

What belongs here: rows to sentences and tables; every figure is taken from a row. What does not:
the selects (``read``), plots (``plots``), the page (``page``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.reports.segments.blocks import (
    Block,
    Items,
    Table,
    Text,
    count,
    figure,
    money,
    percent,
    several,
    yes,
)
from ecorse.reports.segments.read import One, Row

IN_NONE = 0  # the segment of what is in none
FEW = 100  # members; below it one more or less changes a share by more than a hundredth
APPROACH = {
    "kmeans": "Features are scaled and weighted, reduced to principal components, and grouped "
    "around centres (k-means). The number of segments is chosen by several measures together.",
    "dbscan": "Groups are where many are alike (DBSCAN): dense places with thinner ground between "
    "them. Who lives on thin ground is in no segment.",
    "hdbscan": "Groups are where many are alike, each at its own density (HDBSCAN). Who lives on "
    "thin ground is in no segment.",
    "hierarchical": "The two nearest groups are joined again and again (Ward's method, on a "
    "sample); the tree is cut where it gives the best segments, and everybody else goes to the "
    "nearest one.",
    "rfm": "Each customer has scores from 1 to 5 for how recently, how often and for how much they "
    "bought. A declared table says which scores make which group.",
    "by_column": "Each value of a declared column is a segment; nothing is learned.",
    "value_tiers": "A purchase model (BG/NBD with Gamma-Gamma) expects what each customer will "
    "spend in the next days; tiers are cut by that value.",
}
FIGURES = {
    "silhouette": "silhouette (how much nearer to its own segment than to the next; 1 is best)",
    "calinski_harabasz": "Calinski–Harabasz (variance between by variance within; more is better)",
    "stability": "stability (agreement of refits on resampled rows; 1 is best)",
    "smallest_share": "share of the smallest segment",
    "noise_share": "share in no segment",
    "variance_share": "variance kept by the principal components",
    "density_validity": "density validity (−1 to 1; above 0 groups are denser than between)",
    "expected_by_actual": "expected by actual purchases in the test period (1 is best)",
    "interval_hits": "share of next orders that fell into their interval",
}


def approach(one: One) -> Iterator[Block]:
    """How the segments were made, of which features, and which were left out and why."""
    segments = real_segments(one)
    members = sum(row["members"] for row in one.rows("segments"))
    known = APPROACH.get(one.model_class)
    if known is None:
        known = (
            f"The segments are made by the model class {one.model_class or 'of a former night'}."
        )
    yield Text(known)
    if members:
        told = f"It parts {count(members)} {one.noun} into {several(len(segments), 'segment')}"
        apart = sum(r["members"] for r in one.rows("segments") if r["segment_id"] == IN_NONE)
        yield Text(told + (f"; {count(apart)} are in none." if apart else "."))
    features = one.rows("segmentation_features")
    used = [row["feature"] for row in features if row["is_used"]]
    left = [row for row in features if not row["is_used"]]
    if used:
        yield Text(f"Features used ({len(used)}): {', '.join(words(name) for name in used)}.")
    some = [row for row in features if row["is_used"] and row["known_share"] < 1]
    if some:
        which = [f"{words(row['feature'])} ({percent(row['known_share'])})" for row in some]
        yield Text(f"Known of not all: {', '.join(which)}. Who has no value stands at the mean.")
    if left:
        yield Table(
            f"Left out ({len(left)}), and why",
            ("Feature", "Has a value", "Why"),
            [
                (words(row["feature"]), percent(row["known_share"]), row["reason"])
                for row in left
            ],
            frozenset({"Has a value"}),
        )  # fmt: skip


def choice(one: One) -> Iterator[Block]:
    """Which settings were tried, which was taken, and why."""
    for row in chosen(one.rows("segmentation_k")):
        yield Text(f"{several(row['k'], 'segment')}: {row['reason']}.".replace("..", "."))
    if curve := one.rows("segmentation_k"):
        yield Table(
            "Every number of segments that was tried",
            ("Segments", "Silhouette", "Calinski–Harabasz", "Stability", "Smallest share",
             "Elbow", "Chosen", "Why"),
            [
                (count(r["k"]), figure(r["silhouette"], 3), figure(r["calinski_harabasz"], 1),
                 figure(r["stability"], 3), percent(r["smallest_share"]), yes(r["is_elbow"]),
                 yes(r["is_chosen"]), r["reason"])
                for r in curve
            ],
            frozenset({"Segments", "Silhouette", "Calinski–Harabasz", "Stability",
                       "Smallest share"}),
        )  # fmt: skip
    for row in chosen(one.rows("segmentation_density_grid")):
        at_least = f"at least {several(row['min_samples'], 'neighbour')}"
        near = "" if row["eps"] is None else f" within a distance of {figure(row['eps'], 3)}"
        yield Text(f"Dense is {at_least}{near}: {row['reason']}.".replace("..", "."))
    if grid := one.rows("segmentation_density_grid"):
        yield Table(
            "Every density that was tried",
            ("Setting", "Neighbours", "Distance", "Segments", "In none", "Density validity",
             "Chosen", "Why"),
            [
                (count(r["setting"]), count(r["min_samples"]), figure(r["eps"], 3),
                 count(r["segments"]), percent(r["noise_share"]),
                 figure(r["density_validity"], 3), yes(r["is_chosen"]), r["reason"])
                for r in grid
            ],
            frozenset({"Setting", "Neighbours", "Distance", "Segments", "In none",
                       "Density validity"}),
        )  # fmt: skip
    if trials := one.rows("segmentation_trials"):
        won = next(iter(chosen(trials)), None)
        yield Text(
            f"{several(len(trials), 'setting')} searched by {words(trials[0]['objective'])}; "
            + (f"number {won['trial']} was taken: {won['reason']}." if won else "none was better.")
        )
    yield from _judged(one)


def _judged(one: One) -> Iterator[Block]:
    """The figures that the model is judged by."""
    told = [
        f"{FIGURES[row['metric']]}: "
        + (percent if row["metric"].endswith("_share") else lambda v: figure(v, 3))(row["value"])
        for row in one.rows("scores")
        if row["metric"] in FIGURES
    ]
    if told:
        yield Items(told)


def results(one: One) -> Iterator[Block]:
    """The segments, what they are worth, and every claim with its shares."""
    segments = one.rows("segments")
    if not segments:
        yield Text(f"There are no segments. {one.status['reason']}", "warn")
        return
    profiles = {row["segment_id"]: row for row in one.rows("segment_profiles")}
    currency = one.facts.shop["currency"]
    has_orders = any(row["orders"] for row in profiles.values())
    worth = ("Orders", "Revenue", "Revenue share", "Average order") if has_orders else ()
    yield Table(
        "The segments",
        ("Segment", "What it means", one.noun.capitalize(), "Share", *worth),
        [
            (
                row["segment_name"], row["meaning"], count(row["members"]), percent(row["share"]),
                *(_worth(profiles.get(row["segment_id"]), currency) if has_orders else ()),
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
    without = [n for i, n in names.items() if i not in {r["segment_id"] for r in claims}]
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
        yield Text(f"Model of tonight: {reason}")
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
    told = {
        "birth": f"New segment: {name} ({members}).",
        "death": f"Gone: {name} (it had {members}).",
        "split": f"{name} was split: {shared} of its {members} are now in {other}.",
        "merge": f"{name} went into {other}, with {shared} of its {members}.",
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
    told = [f"{row['segment_name']}: {row['finding']}" for row in segments if row["finding"]]
    told += [
        f"{row['segment_name']}: smaller than the declaration allows ({percent(row['share'])})."
        for row in segments
        if row["is_small"] and row["segment_id"] != IN_NONE
    ]
    members = sum(row["members"] for row in segments)
    if 0 < members < FEW:
        told.append(f"There are only {count(members)} {one.noun}: take every share as a hint.")
    if any(row["is_degenerate"] for row in segments):
        told.append("There were too few different rows to choose the number of segments.")
    if told:
        yield Items(told)
    elif segments:
        yield Text("No guard found anything to object to.", "soft")


def real_segments(one: One) -> list[Row]:
    """Its segments, without those who are in none."""
    return [row for row in one.rows("segments") if row["segment_id"] != IN_NONE]


def chosen(rows: list[Row]) -> list[Row]:
    """The rows that were taken."""
    return [row for row in rows if row["is_chosen"]]


def words(name: str) -> str:
    """A name of the declaration as words."""
    return name.replace("_", " ")
