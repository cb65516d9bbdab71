"""What a sample's rows say about each other: rules that nearly all keep, keys, repeated lines.

What belongs here: proposals over several columns and rows. What does not: one column
(``draft_values``), which column is which (``draft_roles``). A proposed rule is tried with the
language that a load holds rows to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ecorse.clean.expressions import Compiled, Name, compile
from ecorse.clean.operands import ExpressionError
from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_words import meaning_of, says

NEARLY_ALL = 0.99
LEAST_ROWS = 20  # fewer rows keep a rule by chance
# what a line's key never is: money, amounts, times, texts
NO_KEY = {
    "total",
    "price",
    "cost",
    "discount",
    "tax",
    "shipping",
    "fee",
    "tip",
    "refund",
    "profit",
    "percent",
    "rate",
    "gift_card",
    "insurance",
    "duty",
    "wrap",
    "money",
    "net",
    "gross",
    "quantity",
    "measure",
    "date",
    "time",
    "month",
    "year",
    "hour",
    "weekday",
    "name",
    "description",
    "status",
    "later",
    "category",
    "brand",
    "rating",
    "query",
    "email",
}
PARTS = {"month": "month", "year": "year", "hour": "hour", "weekday": "weekday"}


@dataclass(frozen=True)
class Proposal:
    """A rule that nearly all sampled rows keep; ``broken`` says how many do not, and the first."""

    id: str
    expr: str
    level: str
    sentence: str
    kept: int
    judged: int
    broken: str = ""


def propose(
    looks: Sequence[Look], targets: Mapping[str, str], frame: pl.DataFrame
) -> Iterator[Proposal]:
    """Rules that at least 99 % of the sampled rows keep.

    Parameters
    ----------
    frame
        The sampled rows, typed, by target or name.
    """
    if frame.height < LEAST_ROWS:
        return
    names = {name: Name(name, dtype) for name, dtype in frame.schema.items() if name}
    for proposal in (
        *_parts_of_dates(looks, targets, frame),
        *_totals(looks, targets, frame),
        *_growing(targets, frame),
    ):
        found = _tried(proposal, names, frame)
        if found is not None:
            yield found


def _tried(proposal: Proposal, names: Mapping[str, Name], frame: pl.DataFrame) -> Proposal | None:
    try:
        compiled = compile(proposal.expr, names, is_condition=True, of_other_rows=True)
    except ExpressionError:
        return None
    for name, of_row in compiled.previous:
        frame = frame.with_columns(of_row.alias(name)).with_columns(pl.col(name).shift(1))
    holds = frame.select(pl.first(), compiled.expr.alias("_holds"))["_holds"].drop_nulls()
    judged, kept = len(holds), int(holds.sum())
    if judged < LEAST_ROWS or kept < NEARLY_ALL * judged:
        return None
    broken = _first_broken(compiled, frame) if kept < judged else ""
    return Proposal(proposal.id, proposal.expr, proposal.level, proposal.sentence, kept, judged,
                    broken)  # fmt: skip


def _first_broken(compiled: Compiled, frame: pl.DataFrame) -> str:
    rows = frame.filter(~compiled.expr.fill_null(True)).head(1)
    shown = rows.select(v.expr.cast(pl.String).alias(str(i)) for i, v in enumerate(compiled.shown))
    return ", ".join(
        f"{v.text} is {value}" for v, value in zip(compiled.shown, shown.row(0), strict=True)
    )


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name.islower() else '"' + name.replace('"', '""') + '"'


def _parts_of_dates(
    looks: Sequence[Look], targets: Mapping[str, str], frame: pl.DataFrame
) -> Iterator[Proposal]:
    """``month = month(ordered_local)``: a number that says a part of the order's date."""
    at = next((t for t in ("ordered_local", "event_at") if t in frame.columns), None)
    if at is None or frame[at].dtype != pl.Datetime("us"):
        return
    for one in looks:
        for word, part in PARTS.items():
            if one.kind == "integer" and one.name not in targets and says(one.name, word):
                name = _quoted(one.name)
                yield Proposal(
                    f"{part}_agrees", f"{name} = {part}({at})", "flag",
                    f"the file's own {part} is another than the date's", 0, 0,
                )  # fmt: skip


def _totals(
    looks: Sequence[Look], targets: Mapping[str, str], frame: pl.DataFrame
) -> Iterator[Proposal]:
    """``total = quantity * unit_price``: money that the line's other columns give."""
    if not {"quantity", "unit_price"} <= set(frame.columns):
        return
    for one in looks:
        if one.name not in targets and one.is_number and says(one.name, "total"):
            name = _quoted(one.name)
            yield Proposal(
                "total_agrees", f"{name} = round(quantity * unit_price, 2)", "flag",
                "the file's own total is another than quantity times price", 0, 0,
            )  # fmt: skip


def _growing(targets: Mapping[str, str], frame: pl.DataFrame) -> Iterator[Proposal]:
    """Order ids, and times, that grow from row to row."""
    if "order_id" in frame.columns:
        read = frame["order_id"].str.contains(r"^\d{1,18}$").fill_null(False)
        if read.all():
            number = "cast(order_id as integer)"
            yield Proposal(
                "ids_grow", f"{number} >= previous({number})", "warn",
                "order ids grow from row to row", 0, 0,
            )  # fmt: skip
    if "ordered_local" in frame.columns:
        yield Proposal(
            "times_grow", "ordered_local >= previous(ordered_local)", "warn",
            "orders stand in the order of their times", 0, 0,
        )  # fmt: skip


@dataclass(frozen=True)
class Key:
    """Columns that may name a line, and what the sample says of it."""

    names: tuple[str, ...]
    is_proven: bool
    evidence: str


def key_of_lines(
    looks: Sequence[Look], targets: Mapping[str, str], texts: pl.DataFrame
) -> Key | None:
    """Columns that tell every sampled line apart and are named like a line's id.

    Proven is one that is unique over the sample, or within every order counts from the same
    number; a number that counts the rows of the file is none in the next export.
    """
    order = next((name for name, target in targets.items() if target == "order_id"), None)
    product = next((n for n, t in targets.items() if t in ("product_id", "product_name")), None)
    found: list[Key] = []
    for one in looks:
        if not one.name or one.name in targets or one.rows < len(texts) or not order:
            continue
        if one.kind not in ("integer", "text", "decimal") or not _is_named_key(one, product, texts):
            continue
        rows = len(texts)
        if one.texts.n_unique() == rows > 1 and not _is_position(one):
            evidence = f"{one.name!r} has another value in each of {rows} rows"
            found.append(Key((one.name,), _is_surely_named(one), evidence))
        elif texts.select(order, one.name).is_unique().all():
            counts = _counts_rows(one, texts[order])
            evidence = (
                "It counts the rows of the sample; a later file may count otherwise."
                if counts
                else f"{order!r} with {one.name!r} differs in each of {rows} rows"
            )
            is_proven = not counts and _is_surely_named(one)
            found.append(Key((order, one.name), is_proven, evidence))
    return min(found, key=lambda key: (not key.is_proven, len(key.names)), default=None)


def _is_surely_named(one: Look) -> bool:
    """Whether every word of the name is known, or one of them says id: else a person is asked."""
    return not meaning_of(one.name).unknown or says(one.name, "id")


def _is_named_key(one: Look, product: str | None, texts: pl.DataFrame) -> bool:
    """Whether a column is named like a line's id, or an id that is proven not to be a product's."""
    if meaning_of(one.name).said & NO_KEY or not _is_written_as_id(one):
        return False
    if says(one.name, "line") or says(one.name, "order", "product", "id"):
        return True
    if not (says(one.name, "product", "id") or says(one.name, "invoice", "id")):
        return False
    if product is None or one.texts.n_unique() < len(texts):
        return False
    return texts[product].n_unique() < len(texts)  # one product in several rows, each with its own


def _is_written_as_id(one: Look) -> bool:
    """Whether values are whole numbers or codes: no amounts, and no text of several words."""
    if one.kind == "decimal":
        return says(one.name, "id")
    return one.kind == "integer" or not one.texts.str.contains(r"\s|^.{65}").any()


def _is_position(one: Look) -> bool:
    """Whether a number may count from 1 within an order, or within the file."""
    return one.kind == "integer" and bool(one.read().max() <= len(one.texts))  # type: ignore[operator]


def _counts_rows(one: Look, orders: pl.Series) -> bool:
    """Whether a number goes on from one order to the next: it counts the file's rows."""
    if one.kind != "integer":
        return False
    frame = pl.DataFrame({"order": orders, "number": one.read()})
    firsts = frame.group_by("order").agg(pl.col("number").min())["number"]
    return len(firsts) > 1 and firsts.n_unique() > 1


def equal_lines(texts: pl.DataFrame) -> int:
    """How many rows repeat an earlier one in every column."""
    return texts.height - texts.n_unique()


def filled_down(
    looks: Sequence[Look], targets: Mapping[str, str], texts: pl.DataFrame
) -> tuple[str, ...]:
    """Columns that have a value on the first line of an order only, and are about the order."""
    order = next((name for name, target in targets.items() if target == "order_id"), None)
    if order is None:
        return ()
    place = pl.int_range(pl.len()).over(order)
    further = texts.with_columns(place.alias("_place")).filter(pl.col("_place") > 0)
    if not further.height:
        return ()
    first = texts.with_columns(place.alias("_place")).filter(pl.col("_place") == 0)
    return tuple(
        one.name
        for one in looks
        if one.name != order
        and one.name in texts.columns
        and further[one.name].null_count() == further.height
        and first[one.name].null_count() < first.height
    )
