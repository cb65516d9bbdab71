"""What a file of ``include/models`` declares: the model, its inputs, and how it is judged.

What belongs here: reading declarations; it imports no model and no data library, since DAG files
read them. What does not: training.

``segment_<name>.toml`` and ``recommend_<name>.toml`` share ``[model]`` and ``[inputs]``; the
model's own settings stand in ``[parameters]`` and are checked by its ``config_class``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, LiteralString

from pydantic import Field

from ecorse import declared, registry
from ecorse.declared import Table
from ecorse.errors import ConfigError
from ecorse.models.model_file import Identifier, ModelFile, ModelHead, Share, Text
from ecorse.models.recommender_file import RecommenderFile
from ecorse.models.search import TRIALS, Search, check_search
from ecorse.settings import Settings, get_settings

PERIODS = {"hour": 24.0, "weekday": 7.0, "month": 12.0}
BASELINE: Final = "popular"  # whom every recommender is shown beside on the leaderboard
RECOMMENDABLE: Final = "recommendable_products"  # the mart of everything that lists may hold
RECOMMENDER_TRIALS: Final = "recommender_trials"
SEARCHED: Final = "ecorse.models.searched"
COMMON_TABLES = ("model_scores", "model_status")
SEGMENT_TABLES = (
    "segments", "segment_traits", "segmentation_features", "segment_events", "segment_migrations",
    "segment_drift",
)  # fmt: skip
FEW_WORDS = ("kind", "source", "city", "daypart")  # of a recommender's interactions
TABLES_OF_ANSWER = {
    "items": ("item_similarity",),
    "users": ("user_recommendations", "recommendation_cases"),
}


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


KINDS: Final[Mapping[str, type[ModelFile]]] = {
    "segment": SegmentationFile,
    "recommend": RecommenderFile,
}
# the base (``models.base``), and what only its subclasses have
BASE_OF_TASK: Final = {
    "segment": ("Segmentation", "assign"),
    "recommend": ("Recommender", "answers"),
}
KIND_OF_TASK: Final = {"segment": "segmentation", "recommend": "recommender"}


@dataclass(frozen=True)
class Declaration:
    """One file of ``include/models``: ``<task>_<name>.toml``."""

    name: str
    task: str
    path: Path
    file: Any  # SegmentationFile or RecommenderFile, by task

    @property
    def inputs(self) -> Mapping[str, str]:
        """The declared selects, by frame."""
        inputs: Mapping[str, str] = self.file.inputs
        return inputs

    @property
    def method(self) -> str:
        """What tells this model's rows from those of others in a shared table."""
        if self.task == "segment":
            name: str = self.file.segmentation.name
            return name
        return self.name.removeprefix("recommend_")

    @property
    def words(self) -> tuple[str, ...]:
        """Columns of the inputs that hold few different texts, whatever the number of rows."""
        if self.task == "segment":
            return tuple(f.column for f in self.file.features if f.kind == "share")
        return FEW_WORDS

    @property
    def writes(self) -> tuple[str, ...]:
        """The tables of ``marts`` that the model fills."""
        head: ModelHead = self.file.model
        if self.task == "segment":
            entity = self.file.entity
            own = (entity.labels, entity.points, *SEGMENT_TABLES)
            trials = (TRIALS.name,) if self.file.search else ()
            return (*own, *head.diagnostics, *trials, *COMMON_TABLES)
        lists = (table for answer in head.answers for table in TABLES_OF_ANSWER[answer])
        trials = (RECOMMENDER_TRIALS,) if self.file.search else ()
        return (*lists, *trials, *COMMON_TABLES)

    @property
    def listed_in(self) -> str:
        """The mart that lists everything the model labels or recommends; it is made before."""
        return str(self.file.entity.covers) if self.task == "segment" else RECOMMENDABLE

    @property
    def has_customer_lists(self) -> bool:
        """Whether it makes lists for customers, which the shop's rules are for."""
        return self.task == "recommend" and "users" in self.file.model.answers

    def model_class(self) -> Any:
        """Import the class (with its heavy libraries).

        Raises
        ------
        ConfigError
            It cannot be imported, or is no class of the kind.
        """
        named: str = self.file.model.class_
        module_name, _, class_name = named.partition(":")
        try:
            if class_name:
                found = getattr(importlib.import_module(module_name), class_name)
            else:
                found = registry.load(KIND_OF_TASK[self.task], named)
        except (ConfigError, ImportError, AttributeError, ValueError) as error:
            raise ConfigError(f"{self.path}: model.class = {named!r}: {error}") from error
        base, own = BASE_OF_TASK[self.task]
        if not (isinstance(found, type) and hasattr(found, "config_class") and hasattr(found, own)):
            raise ConfigError(
                f"{self.path}: model.class = {named!r}: expected a subclass of "
                f"ecorse.models.base.{base}, found {found!r}."
            )
        if self.task == "segment" and self.file.search is not None:
            # by name, as the class itself: it needs what the models need
            found = importlib.import_module(SEARCHED).searched(found, self.file.search)
        return found

    def create(self, parameters: Mapping[str, Any] | None = None) -> Any:
        """Make the model with its checked parameters (imports the heavy libraries).

        ``parameters`` are others than the declared ones, such as those of a variant.

        Raises
        ------
        ConfigError
            The class cannot be imported, or a parameter is not what the class allows.
        """
        model_class = self.model_class()
        return model_class(self.configure(model_class, parameters))

    def configure(self, model_class: Any, parameters: Mapping[str, Any] | None = None) -> Any:
        """The ``[parameters]``, or others, as the class's own configuration.

        Raises
        ------
        ConfigError
            Every mistake, with file and key.
        """
        where = f"{self.path} [parameters]"
        given = self.file.parameters if parameters is None else parameters
        config = declared.check(given, model_class.config_class, where)
        if self.file.search is not None and parameters is None:
            check_search(self.file.search, config, f"{self.path} [search]")
        return config


def load_declarations(settings: Settings | None = None) -> list[Declaration]:
    """Read every declaration of ``include/models``, sorted by name; imports no model.

    Raises
    ------
    ConfigError
        A file is not TOML or says something it cannot say, or two would fill the same rows.
    """
    return read_declarations((settings or get_settings()).files("models/*.toml"))


def read_declarations(paths: Iterable[Path]) -> list[Declaration]:
    """Read these declarations; see ``load_declarations``."""
    declarations = [_read(path, path.stat().st_mtime_ns) for path in paths]
    _refuse_conflicts(declarations)
    return declarations


@lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> Declaration:
    task = path.stem.partition("_")[0]
    if task not in KINDS:
        raise ConfigError(
            f"{path}: the file's name begins with {task!r}; expected segment_<name>.toml or "
            "recommend_<name>.toml."
        )
    return Declaration(path.stem, task, path, declared.read(path, KINDS[task]))


def _refuse_conflicts(declarations: list[Declaration]) -> None:
    """No two declarations may fill the same rows: a method has one name per task."""
    taken: dict[tuple[str, str], Declaration] = {}
    for declaration in declarations:
        if (declaration.task, declaration.method) == ("recommend", BASELINE):
            raise ConfigError(
                f"{declaration.path}: {BASELINE!r} is the name of the best sellers beside which "
                "every recommender is judged. Give the file another name."
            )
        other = taken.setdefault((declaration.task, declaration.method), declaration)
        if other is not declaration:
            raise ConfigError(
                f"{declaration.path}: segmentation.name = {declaration.method!r}: "
                f"{other.path} has the same; its rows would be taken for these. Rename one."
            )
