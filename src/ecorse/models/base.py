"""What a model is: the base of every recommender and segmentation, and what training gives.

What belongs here: the contract between the nightly flow and every model. What does not: any model,
any database access. ``training/run.py`` does once for all what no model should do itself: inputs,
split, leaderboard, gate, fallback, result tables, model file, decision.

The bases hold defaults, so that a simple recommender or segmentation is some twenty lines
(docs/how-to).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, final

from ecorse.declared import Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from ecorse.models.interactions import Interactions, Shape
    from ecorse.models.ranked import Csr, Ids, Ranked
    from ecorse.models.relation import Relation
    from ecorse.models.space import FeatureSpace

    Labels = npt.NDArray[np.int64]

Answer = Literal["items", "users", "baskets"]


class SharedFits(Protocol):
    """Keeps what was fitted for whoever needs the same next, see ``models.fits``."""

    def of(
        self, unfitted: Mapping[str, Recommender], data: Interactions, task: Task
    ) -> dict[str, Recommender]:
        """Each of ``unfitted`` fitted on the data, by the same name."""
        ...


@dataclass(frozen=True)
class Task:
    """One training: of which declared model, for which shop, with which seed.

    ``fits``: what a blend of several keeps of its parts from one fit to the next.
    """

    model: str
    shop_id: str
    seed: int = 0
    fits: SharedFits | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Champion:
    """The model version behind the published build, its file already verified by sha256."""

    model_version_id: int
    artifact: bytes
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """Whether the candidate replaces the champion, by which written rule, on which numbers.

    ``failed``: it could not be trained; the champion's tables, if there are any, stand in.
    """

    outcome: Literal["promoted", "held", "refused", "failed"]
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Blocks:
    """Rows of a table, made block by block when they are asked for: they are never all held.

    Parameters
    ----------
    make
        Gives the blocks from the first on, each time it is called.
    """

    def __init__(self, make: Callable[[], Iterator[pl.DataFrame]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return self._make()


@dataclass(frozen=True)
class ModelResult:
    """What one training gives for one shop: rows for each table, and the model behind them.

    Frames (or ``Blocks`` of them) hold the columns of their ``Relation`` without ``build_id``;
    JSON columns are strings. ``artifact`` is the file to keep; the champion's own bytes when the
    candidate was held. ``params`` and ``metrics`` are JSON-ready.
    """

    tables: Mapping[str, pl.DataFrame | Blocks]
    decision: Decision
    artifact: bytes = b""
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data_hash: str = ""
    seed: int | None = None

    def blocks(self, table: str) -> Iterator[pl.DataFrame]:
        """The rows of a table, block by block; at least one block."""
        rows = self.tables[table]
        return iter(rows) if isinstance(rows, Blocks) else iter((rows,))

    def frame(self, table: str) -> pl.DataFrame:
        """All rows of a table."""
        import polars as pl

        return pl.concat(self.blocks(table))


class NoParameters(Table):
    """The configuration of a model that has nothing to configure."""


class Recommender(ABC):
    """Gives products to products, customers or baskets. Everything is numbers and rows.

    ``config_class`` checks the ``[parameters]`` of the declaration; ``answers`` says which of
    ``similar`` (items), ``recommend`` (users) and ``answer`` (baskets) are there. A fitted
    recommender is a pure function of data, configuration, seed and champion.
    """

    config_class: ClassVar[type[Table]] = NoParameters
    answers: ClassVar[frozenset[Answer]]
    names_only_own: ClassVar[bool] = False  # it names nothing but what a customer had before

    config: Any

    def __init__(self, config: Any) -> None:
        self.config = config

    def memory_needed(self, shape: Shape) -> int:
        """Bytes that fitting takes beside the data; asked before fitting."""
        return 0

    @abstractmethod
    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Learn from one shop's interactions; gives itself.

        ``champion`` is the published model, for a warm start.
        """

    def similar(self, items: Ids, k: int) -> Ranked:
        """The ``k`` nearest other items of each of ``items`` ``(n,)``: ``(n, k)``."""
        raise NotImplementedError("this recommender does not answer for items")

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """``k`` items for each of ``users`` ``(n,)``: ``(n, k)``.

        ``seen`` ``(n, n_items)``: items stored there are left out. ``among``: only these items.
        """
        raise NotImplementedError("this recommender does not answer for users")

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """``k`` items beside what each basket ``(n, n_items)`` holds, for people never seen.

        What a basket holds is not given. No retraining.
        """
        raise NotImplementedError("this recommender does not answer for baskets")

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame | None:
        """Evidence as data for an answer of ``similar`` or ``recommend``; ``None`` if it has none.

        Parameters
        ----------
        rows
            The items or users that were asked for, ``(n,)``.
        answer
            Which of the two, for whoever answers both.

        Returns
        -------
        Frame
            One row per item that is there, by row and rank; figures, and a column ``sentence``
            (plain words). For ``similar`` also ``relation``. For ``recommend`` the sentence may be
            null or left out; it is then made of these, as far as they are there:

            - ``because`` and ``shares``, both arrays of equal width: numbers of the customer's own
              products that the score rests on, -1 behind the last, and each one's share of it;
            - ``words``, a list of texts that the first of these has in common with the item;
            - ``sells``: whether it is there because it sells.

            ``source`` says which part of a blend gave the item.
        """
        return None

    def members(self) -> Mapping[str, Recommender]:
        """The fitted recommenders that this one is made of, by name; each is judged alone too."""
        return {}

    def recommend_beside(
        self, users: Ids, k: int, *, seen: Csr | None = None
    ) -> tuple[Ranked, Mapping[str, Ranked]]:
        """``recommend``, and beside it the ``k`` items of each of ``members`` alone."""
        members = self.members().items()
        alone = {name: each.recommend(users, k, seen=seen) for name, each in members}
        return self.recommend(users, k, seen=seen), alone

    def lacks(self) -> str:
        """What must be installed before it can be fitted, in a sentence; empty if nothing.

        It is told when a night begins; the model fails, and the night goes on.
        """
        return next(filter(None, (part.lacks() for part in self.members().values())), "")

    def params(self) -> Mapping[str, Any]:
        """What of the fit is worth keeping beside the configuration, JSON-ready."""
        return {}

    @abstractmethod
    def dump(self) -> Mapping[str, bytes]:
        """The fitted model as named files that hold data and no code."""

    @classmethod
    @abstractmethod
    def load(cls, files: Mapping[str, bytes], config: Any) -> Self:
        """The fitted model again, from its files."""


class Segmentation(ABC):
    """Gives each order or customer of a shop a label.

    ``diagnostics`` are tables of its own (why so many segments, loadings), each with a column
    ``segmentation``. Ids that survive the night, names by traits, the gate and the result tables
    are made by ``training``.
    """

    config_class: ClassVar[type[Table]] = NoParameters
    diagnostics: ClassVar[tuple[Relation, ...]] = ()

    config: Any

    def __init__(self, config: Any) -> None:
        self.config = config

    def fit(self, space: FeatureSpace, task: Task, champion: Self | None = None) -> Self:
        """Learn from one shop's entities; gives itself. A set of rules has nothing to learn."""
        return self

    @abstractmethod
    def assign(self, space: FeatureSpace) -> Labels:
        """The label of each entity, ``(n,)`` int64 from 0; -1 for noise."""

    def names(self) -> Mapping[int, str] | None:
        """The name of each label; ``None``: segments are named by what sets them apart.

        A label with a name means the same every night: its segment id is the label plus 1.
        """
        return None

    def size(self) -> int | None:
        """How many labels it can give; ``None``: as many as it gave."""
        return None

    def why_changed(self) -> str:
        """Why labels may move from the champion's on purpose tonight; empty if they may not."""
        return ""

    def vocabulary(self) -> Mapping[str, list[str]] | None:
        """The values that have a column, per share feature; ``None``: those of the night."""
        return None

    def points(self, space: FeatureSpace, rows: Labels) -> npt.NDArray[np.float64] | None:
        """Coordinates for plots of the entities ``rows``, ``(len(rows), 2)``; ``None``: no plot."""
        return None

    def distances(self, space: FeatureSpace, rows: Labels) -> npt.NDArray[np.float64] | None:
        """How far the entities ``rows`` are from each segment, ``(len(rows), size)``.

        ``None``: labels go by a rule, and who meets it is not near to anything else.
        """
        return None

    def metrics(self, space: FeatureSpace, labels: Labels, seed: int) -> Mapping[str, Any]:
        """Figures of the fit, by name; those that are one number stand on the leaderboard."""
        return {}

    def params(self) -> Mapping[str, Any]:
        """What of the fit is worth keeping beside the configuration, JSON-ready."""
        return {}

    def diagnose(self) -> Mapping[str, list[dict[str, Any]] | pl.DataFrame]:
        """Rows of each of ``diagnostics``, without shop and segmentation; many are a frame."""
        return {}

    def why_degenerate(self) -> str:
        """Why the segments say little: too little to choose from, or no structure; empty if not.

        A clause without a full stop, for the segments' finding.
        """
        return ""

    @final
    def is_degenerate(self) -> bool:
        """Whether there is a reason (``why_degenerate``) for which the segments say little."""
        return bool(self.why_degenerate())

    def dump(self) -> Mapping[str, bytes]:
        """The fitted model as named files that hold data and no code."""
        return {}

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: Any) -> Self:
        """The fitted model again, from its files."""
        return cls(config)
