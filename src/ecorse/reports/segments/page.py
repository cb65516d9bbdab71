"""One shop's report: which chapters it has, and what each shows.

What belongs here: the order of blocks, the overview, the actions, which figure fits which rows.
What does not: sentences of one segmentation (``words``), how a page looks (the templates).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

from ecorse.models.segmentation_file import ENTITIES
from ecorse.reports.segments import plots
from ecorse.reports.segments.blocks import (
    Block,
    Items,
    Page,
    Plot,
    Section,
    Table,
    Text,
    count,
    figure,
    money,
    percent,
    several,
)
from ecorse.reports.segments.choices import approach, choice
from ecorse.reports.segments.read import INDICES, Facts, One, Row, segmentations
from ecorse.reports.segments.words import changes, limits, real_segments, results, words


def make_page(facts: Facts) -> Page:
    """The whole report of a shop."""
    shop, build = facts.shop, facts.build
    every = segmentations(facts)
    until = f", rows up to {shop['last_order_date']}" if shop.get("last_order_date") else ""
    lead = (
        f"Night {build.build_id}, made {build.built_at:%Y-%m-%d %H:%M} UTC{until}. Every figure is "
        "a row of the schema marts of this night. Segments of customers and orders count purchases "
        "only: orders that sold something and were not wholly taken back."
    )
    return Page(
        title=f"Segments of {shop['shop_name']}",
        lead=lead,
        sections=[
            Section("Overview", "overview", list(overview(every))),
            Section("What to do", "actions", list(actions(facts))),
            *(part for one in every for part in chapter(one)),
        ],
    )


def title_of(one: One) -> str:
    """A segmentation's title: what it parts, and its name."""
    named = words(one.name).replace("hdbscan", "HDBSCAN").replace(" dbscan", " DBSCAN")
    named = named.replace("rfm", "RFM")
    rest = named.removeprefix(one.noun).strip()
    return f"{one.noun.capitalize()}: {rest}" if rest else one.noun.capitalize()


def overview(every: list[One]) -> Iterator[Block]:
    """One row per segmentation: how many segments, the largest, and whether to rely on it."""
    if not every:
        yield Text("No segmentation is declared.", "warn")
        return
    rows = []
    for one in every:
        segments = real_segments(one)
        largest = max(segments, key=lambda row: row["share"], default=None)
        objections = sum(1 for row in segments if row["finding"] or row["is_small"])
        rows.append(
            (
                title_of(one),
                count(sum(row["members"] for row in one.rows("segments"))),
                count(len(segments)),
                f"{largest['segment_name']} ({percent(largest['share'])})" if largest else "–",
                several(objections, "remark") if objections else "",
                one.status["outcome"] if one.status["is_of_this_night"] else "of a night before",
            )
        )
    yield Table(
        "The segmentations of this shop",
        ("Segmentation", "Members", "Segments", "Largest segment", "To know", "Model of tonight"),
        rows,
        frozenset({"Members", "Segments"}),
    )


def actions(facts: Facts) -> Iterator[Block]:
    """What to do for whom, most expected value first."""
    rows = facts.tables.get("segment_actions", ())
    if not rows:
        yield Text("No declared action has an effect that is large and sure enough tonight.")
        return
    currency = facts.shop["currency"]
    yield Text(
        "An action is here only while its effect is: it vanishes when the interval of the effect "
        "holds no difference worth acting on."
    )
    yield Table(
        "Actions",
        (
            "What to do", "Segments of", "When", "For", "Effect", "at least", "at most",
            "Expected value", "Until",
        ),
        [
            (
                row["what_to_do"], words(row["segmentation"]), _when(row), count(row["addressed"]),
                f"{figure(row['effect_size'])} ×", f"{figure(row['effect_low'])} ×",
                "no limit" if row["effect_high"] is None else f"{figure(row['effect_high'])} ×",
                money(row["expected_value"], currency), str(row["expires_on"]),
            )
            for row in rows
        ],
        frozenset({"For", "Effect", "at least", "at most", "Expected value", "Until"}),
    )  # fmt: skip
    measures = {row["action"]: row["effect_measure"] for row in rows}
    yield Text("Of what the effect is how many times as much, with its interval:", "soft")
    yield Items([f"{words(action)}: {measure}" for action, measure in measures.items()])
    shares = sorted({float(row["response_share"]) for row in rows if row["expected_value"]})
    if shares:
        yield Text(
            f"Expected value: if {', '.join(map(percent, shares))} of those addressed respond, "
            "which is declared and no forecast; measure it with the holdout of the audience file.",
            "soft",
        )


def _when(row: Row) -> str:
    """The hours of an action, or the days from the last purchase within which it is of use."""
    told = []
    if row["from_hour"] is not None:
        told.append(f"{row['from_hour']:02d}:00 to {row['to_hour'] + 1:02d}:00")
    if row["within_days"] is not None:
        told.append(f"within {several(row['within_days'], 'day')} of the last purchase")
    return ", ".join(told)


def chapter(one: One) -> Iterator[Section]:
    """The sections of one segmentation."""
    anchor = quote(f"of-{one.name}", safe="")
    figures = dict(drawn(one))

    def with_figures(blocks: Iterator[Block], *names: str) -> list[Block]:
        return [*blocks, *(figures[name] for name in names if name in figures)]

    yield Section(title_of(one), anchor, [])
    parts = (
        ("Approach", approach(one), ()),
        ("Choices and why", choice(one), ("k", "k-distance", "dendrogram")),
        ("Results", results(one), ("sizes", "scatter", "profile", "rfm")),
        ("What changed since the night before", changes(one), ("migration",)),
        ("Limits", limits(one), ()),
    )
    for title, blocks, names in parts:
        if made := with_figures(blocks, *names):
            yield Section(title, f"{anchor}-{title.split()[0].lower()}", made, level=3)


def drawn(one: One) -> Iterator[tuple[str, Plot]]:
    """The figures that its rows allow."""

    def plot(name: str, caption: str, draw: Callable[[], bytes]) -> tuple[str, Plot]:
        return name, Plot(f"{one.name}-{name}", caption, draw)

    if not one.rows("segments"):
        return
    yield plot(
        "sizes", "How large the segments are, and what they bring.", lambda: plots.sizes(one)
    )
    points = one.rows(ENTITIES[one.status["entity"]].points)
    if points:
        yield plot(
            "scatter",
            f"{several(len(points), 'dot')}, each one of the {one.noun}: near each other means "
            "alike. Clouds with gaps between are groups; one cloud cut in pieces is not.",
            lambda: plots.scatter(one, points),
        )
    prefix = "" if one.status["entity"] == "order" else "customer_"
    indices = [row for kind in INDICES for row in one.rows(f"{prefix}segment_by_{kind}")]
    if any(plots.columns_of(indices)):
        told = (
            "What each segment has more or less of than the shop; empty is unknown. In brackets "
            "are the lines behind a category or price, the orders behind a time: few tell little."
        )
        yield plot("profile", told, lambda: plots.profile(one, indices))
    if curve := one.rows("segmentation_k"):
        yield plot("k", "The chosen number is the dashed line.", lambda: plots.k_curves(curve))
    if distances := one.rows("segmentation_k_distance"):
        yield plot(
            "k-distance",
            "How far the neighbours are: flat is dense, steep is thin ground.",
            lambda: plots.k_distance(distances),
        )
    if tree := one.rows("segmentation_dendrogram"):
        yield plot(
            "dendrogram",
            "Which groups join at which distance: long stems are groups that stand apart.",
            lambda: plots.dendrogram(tree),
        )
    moves = one.rows("segment_migrations")
    if any(row["previous_date"] for row in moves):
        yield plot(
            "migration",
            f"{one.noun.capitalize()} by where they were; dark is most of a row.",
            lambda: plots.migration(one, moves),
        )
    if one.model_class == "rfm" and (scores := one.rows("rfm")):
        yield plot(
            "rfm",
            "Customers by their scores; the colour is the segment that most of them are in.",
            lambda: plots.rfm_grid(one, scores),
        )
