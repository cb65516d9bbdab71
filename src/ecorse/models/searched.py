"""A segmentation within a search: its parameters are searched before it is fitted anew.

What belongs here: the wrapper. What does not: what may be declared (``search``), how parameters are
proposed and judged (``trials``). Any segmentation can be searched, and the flow sees one like any
other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from ecorse import declared
from ecorse.declared import Table
from ecorse.errors import ConfigError, ModelRejected
from ecorse.models.base import Segmentation, Task
from ecorse.models.search import TRIALS, Search
from ecorse.models.trials import run_search

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from ecorse.models.base import Labels
    from ecorse.models.space import FeatureSpace

FILE: Final = "search.json"


def searched(model_class: type[Segmentation], search: Search) -> type[Segmentation]:
    """The class of a segmentation whose parameters are searched before it is fitted anew."""

    class Searched(_Searched):
        inner_class = model_class
        config_class = model_class.config_class
        diagnostics = (*model_class.diagnostics, TRIALS)

    Searched.search = search
    Searched.__name__ = Searched.__qualname__ = f"Searched{model_class.__name__}"
    return Searched


class _Searched(Segmentation):
    """A segmentation within a search: everything but ``fit`` is the inner one's."""

    inner_class: ClassVar[type[Segmentation]]
    search: ClassVar[Search]

    inner: Segmentation
    trials: list[dict[str, Any]]
    key: str = ""
    reason: str = ""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.inner, self.trials = self.inner_class(config), []

    def fit(self, space: FeatureSpace, task: Task, champion: Self | None = None) -> Self:
        """Fit with the champion's parameters, or search for better ones where that is due."""
        self.key = _key(self.search, self.config)
        if champion is not None and champion.key == self.key:
            self.inner = self.inner_class(champion.inner.config)
            self.inner.fit(space, task, champion.inner)
            self.trials, self.reason = champion.trials, self.inner.why_changed()
            if not self.reason:
                return self
        elif champion is not None:
            self.reason = "the declared search changed"
        self.inner, self.trials = run_search(
            self.inner_class, self.config, self.search, space, task
        )
        return self

    def assign(self, space: FeatureSpace) -> Labels:
        """Labels of the segmentation with the best parameters."""
        return self.inner.assign(space)

    def names(self) -> Mapping[int, str] | None:
        return self.inner.names()

    def size(self) -> int | None:
        return self.inner.size()

    def why_changed(self) -> str:
        return self.reason

    def vocabulary(self) -> Mapping[str, list[str]] | None:
        return self.inner.vocabulary()

    def points(self, space: FeatureSpace, rows: Labels) -> npt.NDArray[np.float64] | None:
        return self.inner.points(space, rows)

    def distances(self, space: FeatureSpace, rows: Labels) -> npt.NDArray[np.float64] | None:
        return self.inner.distances(space, rows)

    def metrics(self, space: FeatureSpace, labels: Labels, seed: int) -> Mapping[str, Any]:
        return self.inner.metrics(space, labels, seed)

    def params(self) -> Mapping[str, Any]:
        """Those of the fit, and what was found."""
        chosen = next((t for t in self.trials if t["is_chosen"]), None)
        found = json.loads(chosen["parameters"]) if chosen else {}
        return {**self.inner.params(), "searched": found, "search_trials": len(self.trials)}

    def diagnose(self) -> Mapping[str, list[dict[str, Any]] | pl.DataFrame]:
        return {**self.inner.diagnose(), TRIALS.name: self.trials}

    def why_degenerate(self) -> str:
        return self.inner.why_degenerate()

    def dump(self) -> Mapping[str, bytes]:
        """The inner model's files, and what the search found."""
        facts = {
            "config": self.inner.config.model_dump(mode="json"),
            "trials": self.trials,
            "key": self.key,
        }
        return {**self.inner.dump(), FILE: json.dumps(facts, sort_keys=True).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: Any) -> Self:
        """The fitted model again; one from before there was a search has no trials.

        Raises
        ------
        ModelRejected
            The search's file is damaged, or what it found is no longer allowed.
        """
        made = cls(config)
        own = config
        if FILE in files:
            try:
                facts = json.loads(files[FILE])
                own = declared.check(facts["config"], cls.config_class, FILE)
                made.trials, made.key = facts["trials"], facts["key"]
            except (ConfigError, KeyError, TypeError, ValueError) as error:
                raise ModelRejected(
                    f"Model file refused: {FILE} cannot be read ({error!r}). Restore the file from "
                    "a backup, or raise generation in the model's declaration to train anew."
                ) from None
        rest = {name: content for name, content in files.items() if name != FILE}
        made.inner = cls.inner_class.load(rest, own)
        return made


def _key(search: Search, config: Table) -> str:
    """sha256 of what was declared: a champion of another search is no warm start."""
    spec = [search.model_dump(mode="json"), config.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
