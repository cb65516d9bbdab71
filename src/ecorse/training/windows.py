"""Lists for customers on the last windows: fitted on what came before, asked, and compared.

What belongs here: the order of fits, and lists as customers would have seen them. What does not:
where windows lie and what counts as right (``ecorse.evaluate``), lists of products (``judging``).

Windows are judged from the oldest on: a blend learns its weights with parts that were fitted on
what came before the window before, which are those that it had there (``models.fits``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ecorse.evaluate.cases import Cases, Labels, Questions, joined, questions
from ecorse.evaluate.cases import judge as judge_cases
from ecorse.evaluate.leaderboard import overall, scores
from ecorse.evaluate.origins import Origin, check_no_leak, origins
from ecorse.evaluate.quality import Quality, list_quality
from ecorse.evaluate.ranking import Score
from ecorse.models.base import Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Ids, Ranked, first_of, rows_of
from ecorse.models.ranked import joined as joined_lists
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.recommenders.choosing import Variety, choose, wanted_width
from ecorse.recommenders.content import ContentConfig
from ecorse.recommenders.content import described as words_of_products
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.segments.label_history import NO_LABELS, UNKNOWN, LabelHistory
from ecorse.training.contender import Contender
from ecorse.training.customer_lists import BLOCK_USERS
from ecorse.training.filling import Filler, filled
from ecorse.training.judged import Judged, Span
from ecorse.training.scores import Timed

OWN = ""  # the method itself, among its parts


def judge_customers(
    contender: Contender,
    data: Interactions,
    task: Task,
    timed: Timed,
    labels: LabelHistory = NO_LABELS,
) -> Judged:
    """Each kind of list on each window, with the best sellers of the same days beside it."""
    file = contender.file
    windows = origins(data, file.windows.days, file.windows.origins)
    if not windows:
        nothing = [_no_score(kind, file.windows.at) for kind in file.lists]
        return Judged(nothing, nothing)
    spans = tuple((origin.begins, origin.ends) for origin in windows)
    segments = _segments(windows, labels)
    words, variety = described(data), Variety.of(file.diversity, data.items)
    found: list[dict[ListKind, _Compared]] = []
    while windows:
        origin, number = windows.pop(), len(windows)
        check_no_leak(origin)
        with timed:
            model = contender.fit_before(origin, data, task)
        window = _Window(origin, number, file, variety, segments[number])
        found.insert(0, {kind: window.compared(model, kind, words) for kind in file.lists})
        del model  # or it would be held while the next is fitted
    return _told(found, spans, task.seed)


def _segments(windows: Sequence[Origin], labels: LabelHistory) -> list[dict[str, Labels]]:
    """Of each window, by segmentation, the segment of every customer before it began."""
    if not labels.nights:
        return [{} for _ in windows]
    found = []
    for origin in windows:
        had, wants = (np.diff(part.matrix.indptr) > 0 for part in (origin.earlier, origin.later))
        customers = origin.earlier.users["customer_id"]
        found.append(labels.before(origin.begins.date(), customers, had & wants))
    names = sorted({name for known in found for name in known})
    nobody = np.full(len(customers), UNKNOWN)
    return [{name: known.get(name, nobody) for name in names} for known in found]


@dataclass(frozen=True)
class _Compared:
    """One kind of list after one origin: the cases of the method, of the best sellers and of the
    method's parts; and what its lists are like, where somebody asked.
    """

    own: Cases
    usual: Cases
    parts: Mapping[str, Cases]
    quality: Quality | None


@dataclass(frozen=True)
class _Window:
    """What lists of one window are compared with."""

    origin: Origin
    number: int
    file: RecommenderFile
    variety: Variety | None
    segments: Mapping[str, Labels]

    @cached_property
    def popular(self) -> Recommender:
        """Best sellers of all times."""
        return Popular(PopularConfig()).fit(self.origin.earlier, Task("", ""))

    @cached_property
    def filler(self) -> Filler:
        """Best sellers of late."""
        return Filler.of(self.origin.earlier)

    def compared(self, model: Recommender, kind: ListKind, words: Csr | None) -> _Compared:
        """The cases of the model, of its parts and of the best sellers."""
        at, earlier = self.file.windows.at, self.origin.earlier
        asked = questions(
            self.origin,
            self.number,
            kind,
            max_cases=self.file.windows.max_cases,
            segments=self.segments,
        )
        usual = _lists(self.popular, asked, at, self.filler)[OWN]
        lists = _lists(model, asked, at, self.filler, self.variety)
        own, quality = lists.pop(OWN), None
        for name, part in model.members().items():
            if part.names_only_own and kind == "explore":
                del lists[name]
        if not self.number:
            quality = list_quality(
                own,
                at,
                popularity=earlier.popularity,
                buyers=earlier.n_baskets or earlier.rows.height,
                possible=asked.possible(),
                content=words,
            )
        return _Compared(
            judge_cases(asked, own, at, usual),
            judge_cases(asked, usual, at, usual),
            {name: judge_cases(asked, ranked, at, usual) for name, ranked in lists.items()},
            quality,
        )


def _told(
    found: Sequence[Mapping[ListKind, _Compared]], spans: tuple[Span, ...], seed: int
) -> Judged:
    """The figures of all windows, newest first, together."""
    own = {kind: joined([each[kind].own for each in found]) for kind in found[0]}
    usual = [joined([each[kind].usual for each in found]) for kind in found[0]]
    quality = {kind: one.quality for kind, one in found[0].items() if one.quality is not None}
    parts: dict[str, list[Score]] = {}
    for kind, newest in found[0].items():
        for name in newest.parts:
            cases = joined([each[kind].parts[name] for each in found])
            parts.setdefault(name, []).extend(overall(cases, seed))
    return Judged(
        scores=[s for kind, cases in own.items() for s in scores(cases, seed, quality[kind])],
        baselines=[score for cases in usual for score in overall(cases, seed)],
        cases=own,
        quality=quality,
        windows=spans,
        parts=parts,
    )


def described(data: Interactions) -> Csr | None:
    """What products are described by, ``(n_items, n_words)``; ``None``: by nothing."""
    _, vectors = words_of_products(data.items, ContentConfig())
    return vectors if vectors.nnz else None


def mean_ndcg(model: Recommender, file: RecommenderFile, origin: Origin) -> float:
    """The mean nDCG of the first declared list on one window; 0 where nobody bought anything."""
    asked = questions(origin, 0, file.lists[0], max_cases=file.windows.max_cases)
    variety = Variety.of(file.diversity, origin.earlier.items)
    listed = _lists(model, asked, file.windows.at, Filler.of(origin.earlier), variety)[OWN]
    cases = judge_cases(asked, listed, file.windows.at)
    gains = cases.gains[cases.primary]
    return float(gains.mean()) if gains.size else 0.0


def _no_score(kind: ListKind, at: int) -> Score:
    """Of a history too short for a window."""
    return Score("all", f"ndcg_at_{at}", None, is_primary=True, list=kind)


def _lists(
    model: Recommender, asked: Questions, k: int, filler: Filler, variety: Variety | None = None
) -> dict[str, Ranked]:
    """The model's lists, and those of each of its parts, as customers would have seen them: full.

    The shop's rules are not the method's.
    """
    found: dict[str, list[Ranked]] = {}
    for start in range(0, max(1, asked.users.size), BLOCK_USERS):
        rows = slice(start, start + BLOCK_USERS)
        had, refused = asked.had[rows], asked.refused[rows]
        seen = had if asked.kind == "explore" else None
        width = wanted_width(k, variety)
        wide, alone = model.recommend_beside(asked.users[rows], width, seen=seen)

        def of_rows(some: Ids, _: int, wide: Ranked = wide) -> Ranked:
            return rows_of(wide, some)

        own = choose(of_rows, len(wide.items), k, variety=variety).shown
        lists = {OWN: own, **{name: first_of(each, k) for name, each in alone.items()}}
        for name, ranked in lists.items():
            full, _ = filled(ranked, asked.kind, had, refused, filler)
            found.setdefault(name, []).append(full)
    return {name: joined_lists(blocks) for name, blocks in found.items()}
