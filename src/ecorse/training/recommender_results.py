"""What a recommender's night gives, by its outcome: lists, figures, model file, what is told.

What belongs here: whose lists, whose figures and whose file go with which outcome. What does not:
deciding (``recommendation``), the rows of lists themselves (``lists``, ``customer_lists``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from ecorse.evaluate.ranking import Score
from ecorse.models.base import Blocks, Champion, Decision, ModelResult, Recommender
from ecorse.models.declaration import BASELINE, Declaration
from ecorse.models.interactions import Interactions
from ecorse.models.recommender_file import RecommenderFile
from ecorse.recommenders.results import (
    ITEM_SIMILARITY,
    OF_ANSWER,
    RECOMMENDATION_CASES,
    RECOMMENDER_TRIALS,
    USER_RECOMMENDATIONS,
)
from ecorse.training.contender import Contender
from ecorse.training.customer_lists import customer_lists
from ecorse.training.day_rules import Ruled
from ecorse.training.fitted import Fitted
from ecorse.training.judged import Judged, Tried, case_rows
from ecorse.training.lists import item_lists
from ecorse.training.results import MODEL_SCORES
from ecorse.training.scores import score_frame
from ecorse.training.tuning import FACTS, Tuned
from ecorse.training.typed import make_frame

Tables = dict[str, pl.DataFrame | Blocks]


@dataclass(frozen=True)
class Results:
    """What all outcomes of one recommender's night for one shop share.

    ``data`` are tonight's rows, ``ruled`` the shop's rules, ``found`` the searched parameters,
    ``served`` the lists that were read of the method until now.
    """

    declaration: Declaration
    shop_id: str
    data: Interactions
    ruled: Ruled
    found: Tuned
    served: frozenset[str]

    @classmethod
    def of_nothing(cls, declaration: Declaration, champion: Champion | None) -> ModelResult:
        """Nothing to learn from: empty tables, and the champion stays what it is."""
        why = "the shop has no purchase, and no event that names a product"
        if "items" not in declaration.file.model.answers:
            why = "no purchase of the shop, and none of its visits, names a customer"
        return ModelResult(
            tables=_no_lists(declaration),
            decision=Decision(
                "held" if champion else "refused",
                f"There is nothing to learn from: {why}.",
                {"rows": 0},
            ),
            artifact=champion.artifact if champion else b"",
            metrics={"generation": declaration.file.model.generation, "products": 0},
            seed=declaration.file.seed,
        )

    def of_refused(self, decision: Decision, tried: Tried) -> ModelResult:
        """Figures alone: nothing else of it is kept, or it would be the next night's champion."""
        scores = self._scores(tried, is_champion=False)
        tables: Tables = {**_no_lists(self.declaration), MODEL_SCORES.name: scores}
        return self._result(tables, decision, tried.model, metrics=self._metrics(tried))

    def of_published(
        self,
        decision: Decision,
        tried: Tried,
        champion: Champion,
        published: Fitted,
        theirs: Contender,
        judged: Judged,
    ) -> ModelResult:
        """The published model's lists, and the cases ``judged`` of its parameters.

        ``theirs`` is the same before it is fitted. Whose lists are served is whose figures are
        compared; the candidate's are in the decision.
        """
        shown = self._own(tried, is_champion=False)
        if "judged" in champion.metrics:
            own = [Score(**score) for score in champion.metrics["judged"]]
            shown = self._frame(self.declaration.method, own, is_champion=True, timed=tried.timed)
        tables = self._lists(published, theirs, judged)
        tables[MODEL_SCORES.name] = pl.concat([shown, self._beside(tried)])
        metrics = {**champion.metrics, FACTS: self.found.facts}
        return self._result(tables, decision, published.model, champion.artifact, metrics)

    def of_new(self, decision: Decision, tried: Tried) -> ModelResult:
        """The lists of a model that was fitted tonight."""
        fitted = Fitted.on(tried.model, self.data, tried.contender.file.making)
        tables = self._lists(fitted, tried.contender, tried.judged)
        tables[MODEL_SCORES.name] = self._scores(tried, is_champion=True)
        metrics = {**self._metrics(tried), FACTS: self.found.facts}
        return self._result(tables, decision, tried.model, fitted.to_file(), metrics)

    def _result(
        self,
        tables: Mapping[str, pl.DataFrame | Blocks],
        decision: Decision,
        model: Recommender,
        artifact: bytes = b"",
        metrics: Mapping[str, Any] | None = None,
    ) -> ModelResult:
        file: RecommenderFile = self.declaration.file
        params = {
            "generation": file.model.generation,
            **model.config.model_dump(exclude={"threads"}),
        }
        return ModelResult(
            tables=tables,
            decision=decision,
            artifact=artifact,
            params=params,
            metrics=metrics or {},
            data_hash=self._data_hash,
            seed=file.seed,
        )

    def _lists(self, fitted: Fitted, contender: Contender, judged: Judged) -> Tables:
        """The lists of a fitted recommender, on tonight's products and customers; what it was
        judged by, and what was searched."""
        file = contender.file
        asked = (fitted, contender.data, self.shop_id, self.declaration.method, file)
        tables: Tables = {}
        if "items" in file.model.answers:
            tables[ITEM_SIMILARITY.name] = item_lists(*asked)
        if "users" in file.model.answers:
            tables[USER_RECOMMENDATIONS.name] = customer_lists(*asked, self.ruled.kinds)
            rows = case_rows(judged, self.data, self.shop_id, self.declaration.method)
            tables[RECOMMENDATION_CASES.name] = rows
        if file.search is not None:
            trials = self.found.rows(self.shop_id, self.declaration.method)
            tables[RECOMMENDER_TRIALS.name] = trials
        return tables

    def _scores(self, tried: Tried, *, is_champion: bool) -> pl.DataFrame:
        return pl.concat([self._own(tried, is_champion=is_champion), self._beside(tried)])

    def _own(self, tried: Tried, *, is_champion: bool) -> pl.DataFrame:
        own, method = tried.judged.scores, self.declaration.method
        return self._frame(method, own, is_champion=is_champion, timed=tried.timed)

    def _frame(self, method: str, scores: list[Score], **more: Any) -> pl.DataFrame:
        return score_frame(
            self.declaration, self.shop_id, method, scores, **{"served": self.served, **more}
        )

    def _beside(self, tried: Tried) -> pl.DataFrame:
        """The best sellers' figures, and those of each part of a blend alone."""
        told = {BASELINE: tried.judged.baselines}
        for name, scores in tried.judged.parts.items():
            told[f"{self.declaration.method}/{name}"] = scores
        frames = [self._frame(n, scores, is_baseline=True, served=()) for n, scores in told.items()]
        return pl.concat(frames)

    def _metrics(self, tried: Tried) -> dict[str, Any]:
        judged = tried.judged
        return {
            **tried.model.params(),
            "generation": self.declaration.file.model.generation,
            "products": self.data.items.height,
            "figure": figure_of(judged.primary),
            "judged": [asdict(score) for score in judged.scores],
            "baselines": {f"{s.list} {s.slice} {s.metric}": s.value for s in judged.baselines},
        }

    @cached_property
    def _data_hash(self) -> str:
        """sha256 of all that a recommender is made from, whatever the order of the rows."""
        digest = hashlib.sha256()
        for frame in (self.data.items, self.data.users):
            digest.update(str(sorted(frame.columns)).encode())
            hashes = frame.select(sorted(frame.columns)).hash_rows(seed=0)
            digest.update(np.ascontiguousarray(hashes.to_numpy()).tobytes())
        rows = self.data.rows
        hashes = rows.select(sorted(rows.columns)).hash_rows(seed=0)
        digest.update(np.sort(hashes.to_numpy()).tobytes())
        return digest.hexdigest()


def figure_of(score: Score | None) -> dict[str, float]:
    """A figure as the gate compares it, JSON-ready; 0 of no case where there is none."""
    if score is None or score.value is None:
        return {"value": 0.0, "cases": 0, "standard_error": 0.0}
    error = score.standard_error
    return {"value": score.value, "cases": score.cases, "standard_error": error}


def _no_lists(declaration: Declaration) -> Tables:
    file: RecommenderFile = declaration.file
    relations = [table for answer in file.model.answers for table in OF_ANSWER[answer]]
    if file.search is not None:
        relations.append(RECOMMENDER_TRIALS)
    return {spec.name: make_frame(spec, []) for spec in relations}
