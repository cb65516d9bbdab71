"""What a ``segment_<name>.toml`` says: whom it labels, by which features, when it is held.

What belongs here: the file's tables; it imports no model and no data library, since DAG files read
declarations. What does not: what recommenders say (``recommender_file``), training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, LiteralString

from pydantic import Field

from ecorse.declared import Table
from ecorse.models.model_file import Identifier, ModelFile, Share, Text
from ecorse.models.search import Search

PERIODS = {"hour": 24.0, "weekday": 7.0, "month": 12.0}


@dataclass(frozen=True)
class Entity:
    """What a segmentation labels: its id column, its noun in sentences, the mart that lists all.

    ``labelled`` is a condition on that mart's row ``c``: what it is false for gets no label. Orders
    that are no purchase, and customers without one, tell of no shopping habit.
    """

    name: str
    id: str
    noun: str
    covers: str
    labelled: LiteralString

    @property
    def labels(self) -> str:
        """The table of labels."""
        return f"{self.name}_segments"

    @property
    def points(self) -> str:
        """The table of points to plot."""
        return f"{self.name}_segment_points"


ENTITIES: Final = {
    entity.name: entity
    for entity in (
        Entity("order", "order_id", "orders", "orders", "c.is_purchase"),
        Entity("customer", "customer_id", "customers", "customers", "c.purchases > 0"),
        Entity("profile", "customer_id", "customers", "customer_profiles", "c.attributes > 0"),
    )
}


NUMBERS: Final = ("log_mean", "log_sum", "log_distinct", "mean")
WORDINGS: Final = {"low", "high", "between", "words", "unit"}  # of a feature: they change no label


class Feature(Table):
    """One declared feature: a kind of computation on one column of the lines.

    The words of claims stand here too, with ``{}`` for the figure: ``low``, ``high`` and
    ``between`` of a number (``spent less than {}``), ``words`` of a time or a value
    (``buy mostly {}``). ``unit`` is how a number's figure is written. ``plus`` is added before a
    logarithm: 1 for days, which may be 0. ``attributes`` is as many features as a customer file has
    columns (``features.wide``).
    """

    name: Text
    kind: Literal["cycle", "share", "log_mean", "log_sum", "log_distinct", "mean", "attributes"]
    column: Text
    weight: float = Field(gt=0)
    plus: float = Field(0.0, ge=0)
    unit: Literal["", "count", "days", "share"] = ""
    part: Literal["", "hour", "weekday", "month"] = ""
    weigh_by: str = ""
    top: int = Field(50, ge=1)
    watch_drift: bool = True
    low: str = ""
    high: str = ""
    between: str = ""
    words: str = ""

    @property
    def is_number(self) -> bool:
        """Whether an entity has one number of it."""
        return self.kind in NUMBERS

    def mistakes(self) -> Iterable[str]:
        """A cycle without a part, and words or figures of another kind of feature."""
        if (self.kind == "cycle") != bool(self.part):
            yield f"part = {self.part!r}: a cycle, and only that, has one"
        if self.is_number and self.words:
            yield "words: a number has low, high and between"
        if not self.is_number and (self.low or self.high or self.between or self.unit):
            yield "low, high, between and unit are of numbers; a time or a value has words"
        if self.plus and not self.kind.startswith("log_"):
            yield f"plus = {self.plus}: only what is put on a logarithm has one"
        for name, figures in (("low", 1), ("high", 1), ("between", 2), ("words", 1)):
            text = getattr(self, name)
            if text and text.count("{}") not in (0, figures):
                yield f"{name} = {text!r}: expected {figures} of {{}}, or none"


class SegmentationGate(Table):
    """What a candidate must reach to replace the champion.

    ``max_moved`` is the share of those who were there before that a newly selected model may put
    in another segment. The shares of segments (``max_share_psi``) are judged against a night at
    most ``share_days`` before: over longer, customers change by themselves.
    """

    min_ari: Share
    min_jaccard: Share
    max_psi: float = Field(gt=0)
    least_added: int = Field(ge=0)
    least_reference: int = Field(ge=0)
    max_share_psi: float = Field(0.25, gt=0)
    share_days: int = Field(31, ge=1)
    max_moved: Share = 0.25


class Naming(Table):
    """What a claim must reach: true of most members, untrue of most others, and a difference.

    ``min_effect`` is the least of a trait's effect size and of the difference between the two
    shares; ``max_traits`` how many claims a name has.
    """

    min_inside: Share = 0.6
    max_outside: Share = 0.4
    min_effect: Share = 0.15
    max_traits: int = Field(2, ge=1)


class SegmentationHead(Table):
    """What is labelled, under which name, and from which seed.

    A segment below ``smallest_share`` or above ``largest_share``, and a shop of fewer rows than
    ``least_rows``, are flagged (``segments.finding``). Who is in a segment leaves it for one that
    is nearer by the share ``keep_margin`` or more, or those on a border would go to and fro from
    night to night.
    """

    name: Identifier
    entity: Literal["order", "customer", "profile"]
    seed: int
    smallest_share: Share = 0.05
    largest_share: Share = 0.8
    least_rows: int = Field(50, ge=0)
    points: int = Field(5000, ge=0)
    keep_margin: Share = 0.1


class SegmentationFile(ModelFile):
    """A whole ``segment_*.toml``."""

    segmentation: SegmentationHead
    features: tuple[Feature, ...]
    naming: Naming = Naming()
    gate: SegmentationGate
    search: Search | None = None

    def mistakes(self) -> Iterable[str]:
        """Features of one name, cycles without a part, missing input."""
        if self.model.answers:
            yield "model.answers: only recommenders have them"
        if not self.features:
            yield "features = []: expected at least one [[features]] table"
        if "lines" not in self.inputs:
            yield "inputs.lines is missing; expected a select of marts.*, a row per order line"
        names = [feature.name for feature in self.features]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"features: {name!r} is declared twice"
        for number, feature in enumerate(self.features):
            yield from (f"features[{number}].{mistake}" for mistake in feature.mistakes())

    @property
    def entity(self) -> Entity:
        """What is labelled."""
        return ENTITIES[self.segmentation.entity]
