"""What a file of ``include/models`` declares: the model, its inputs, and how it is judged.

What belongs here: reading declarations; it imports no model and no data library, since DAG files
read them. What does not: what the two kinds say (``segmentation_file``, ``recommender_file``),
training.

``segment_<name>.toml`` and ``recommend_<name>.toml`` share ``[model]`` and ``[inputs]``; the
model's own settings stand in ``[parameters]`` and are checked by its ``config_class``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ecorse import declared, registry
from ecorse.errors import ConfigError
from ecorse.models.model_file import ModelFile, ModelHead
from ecorse.models.recommender_file import RecommenderFile
from ecorse.models.search import TRIALS, check_search
from ecorse.models.segmentation_file import SegmentationFile
from ecorse.settings import Settings, get_settings

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
