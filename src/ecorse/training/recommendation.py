"""One night of one recommender for one shop: judge, decide, fit on everything, make its lists.

What belongs here: what every recommender needs and none should do itself, as a story. What does
not: any recommender; what is made of an outcome (``recommender_results``); database and files
(``run``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ecorse.errors import ConfigError
from ecorse.evaluate.gate import judge_figure
from ecorse.models.base import Champion, Decision, ModelResult, Recommender, Task
from ecorse.models.declaration import BASELINE, Declaration
from ecorse.models.fits import Fits
from ecorse.models.interactions import Interactions
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.models.relation import Relation
from ecorse.recommenders.results import OF_ANSWER, RECOMMENDER_TRIALS
from ecorse.refresh.accept import how_to_accept
from ecorse.segments.history import FIRST_NIGHT, Night
from ecorse.training.challenge import Challenge, challenged, published_contender
from ecorse.training.contender import Contender, read_rows
from ecorse.training.customer_lists import broken_lists
from ecorse.training.day_rules import Ruled
from ecorse.training.fitted import Fitted
from ecorse.training.judged import Judged, Tried
from ecorse.training.judging import judge
from ecorse.training.lists import broken_neighbours
from ecorse.training.planning import planned
from ecorse.training.recommender_results import Results, figure_of
from ecorse.training.scores import Timed
from ecorse.training.shop_rules import NO_SHOP_RULES, ShopRules
from ecorse.training.tuning import tuned

log = logging.getLogger(__name__)


def relations_of(declaration: Declaration) -> tuple[Relation, ...]:
    """The tables that a declared recommender fills, beside those that every model fills.

    Raises
    ------
    ConfigError
        The class does not answer for what the declaration has lists of.
    """
    answers = declaration.model_class().answers
    if wrong := [a for a in declaration.file.model.answers if a not in answers]:
        raise ConfigError(
            f"{declaration.path}: model.answers: {declaration.file.model.class_} does not answer "
            f"for {', '.join(wrong)}; it answers for {', '.join(sorted(answers))}."
        )
    file: RecommenderFile = declaration.file
    own_only = declaration.model_class().names_only_own
    if "users" in file.model.answers and (wrong_lists := _impossible(file.lists, own_only)):
        raise ConfigError(
            f"{declaration.path}: lists = {list(file.lists)}: {file.model.class_} names "
            f"{'nothing but' if own_only else 'more than'} what a customer had before; take out "
            f"{', '.join(wrong_lists)}."
        )
    lists = tuple(table for answer in file.model.answers for table in OF_ANSWER[answer])
    return (*lists, RECOMMENDER_TRIALS) if file.search else lists


def _impossible(lists: Sequence[ListKind], names_only_own: bool) -> list[str]:
    """The kinds of list that a model cannot make."""
    return [k for k in lists if k == ("explore" if names_only_own else "buy_again")]


def check_segmentations(declaration: Declaration, every: Iterable[Declaration]) -> None:
    """Look whether the segmentations by which figures are told apart are declared.

    Raises
    ------
    ConfigError
        One that the file names is none of customers; the shipped one may be missing.
    """
    windows = declaration.file.windows
    known = [
        one.method
        for one in every
        if one.task == "segment" and one.file.segmentation.entity == "customer"
    ]
    unknown = [name for name in windows.segmentations if name not in known]
    if unknown and "segmentations" in windows.model_fields_set:
        raise ConfigError(
            f"{declaration.path}: windows.segmentations = {list(windows.segmentations)}: no file "
            f"of include/models labels customers under the name {', '.join(unknown)}; there are "
            f"{', '.join(sorted(known)) or 'none'}."
        )


@dataclass(frozen=True)
class _Before:
    """What was published of a recommender: the version, its model, tonight's rows as it counts
    them, and what else the nights before say."""

    champion: Champion | None
    fitted: Fitted | None
    rows: Interactions
    night: Night

    @property
    def model(self) -> Recommender | None:
        """The published model, for a warm start."""
        return self.fitted.model if self.fitted else None


def run_recommender(
    declaration: Declaration,
    shop_id: str,
    inputs: dict[str, pl.DataFrame],
    champion: Champion | None,
    night: Night = FIRST_NIGHT,
    shop_rules: ShopRules = NO_SHOP_RULES,
) -> ModelResult:
    """Judge a candidate on the latest rows, then fit it on all, or keep the champion.

    Parameters
    ----------
    inputs
        ``products``, ``interactions`` and, if declared, ``customers``; see
        ``Interactions.from_frames``. Any may be empty. They are taken out: the text of a million
        lines need not stay beside their numbers.
    night
        Whether a fall of the first figure is let through, which lists were served of it, and in
        which segments customers were.
    shop_rules
        What the shop's rules name. They change lists for customers and no figure: they are the
        shop's business and not the method's merit.

    Raises
    ------
    ModelRejected
        The champion's file cannot be read.
    DataError
        An input has not the needed columns, or a rule names what the shop has not, or rules leave
        no product.
    """
    file: RecommenderFile = declaration.file
    published = Fitted.from_file(champion, declaration) if champion is not None else None
    data, theirs = read_rows(inputs, declaration, published)
    kinds = file.lists if "users" in file.model.answers else ()
    if not data.items.height or not data.rows.height:
        return Results.of_nothing(declaration, champion)
    ruled = Ruled.of(shop_rules, kinds, data.items["product_id"])
    task = Task(declaration.name, shop_id, file.seed, Fits())
    found = tuned(declaration, planned(declaration, data.shape), data, task, champion)
    before = _Before(champion, published, theirs, night)
    mine = Contender(lambda: declaration.create(found.parameters), file, data)
    tried = _try(mine, before, task)
    results = Results(declaration, shop_id, data, ruled, found, night.served)
    return _settled(results, tried, before, task)


def _try(contender: Contender, before: _Before, task: Task) -> Tried:
    """Judge what is declared, and fit it on everything."""
    timed = Timed()
    judged = judge(contender, contender.data, task, timed, before.night.labels)
    with timed:
        model = contender.fit(task, before.model)
    return Tried(contender, model, judged, timed)


def _settled(results: Results, tried: Tried, before: _Before, task: Task) -> ModelResult:
    """Decide between what is declared and what is published, and make the lists of one."""
    sound = _decide(results.declaration, tried, before, task)
    is_sound = sound.outcome == "promoted"
    challenge = None
    if before.fitted is not None:
        data = tried.contender.data
        challenge = challenged(tried, before.fitted, before.rows, data, task, before.night)
    decision = _one_of(sound, challenge)
    decision = replace(decision, reason=" ".join([decision.reason, *results.ruled.told]))
    log.info("%s %s: %s", task.model, task.shop_id, decision.reason)
    if decision.outcome == "refused":
        return results.of_refused(decision, tried)
    stays = challenge.champion if challenge else None  # the published parameters, where judged
    if decision.outcome == "promoted":
        return results.of_new(decision, tried)
    if is_sound and stays:
        # the published parameters make tonight's lists, from tonight's rows
        with stays.timed:
            model = stays.contender.fit(task, before.model)
        return results.of_new(decision, replace(stays, model=model))
    if before.champion and before.fitted:
        judged = tried.judged if challenge is None else stays.judged if stays else Judged()
        theirs = published_contender(before.fitted, tried.contender.file, before.rows)
        return results.of_published(decision, tried, before.champion, before.fitted, theirs, judged)
    return results.of_new(decision, tried)


def _one_of(sound: Decision, challenge: Challenge | None) -> Decision:
    """What the challenge decided, where tonight's lists are sound."""
    if sound.outcome != "promoted" or challenge is None:
        return sound
    numbers = {**sound.numbers, **challenge.decision.numbers}
    return replace(challenge.decision, numbers=numbers)


def _decide(declaration: Declaration, tried: Tried, before: _Before, task: Task) -> Decision:
    """Whether tonight's lists are sound, and their first figure is not far below the champion's."""
    file, champion = tried.contender.file, before.champion
    broken = _broken(tried.model, file, tried.contender.data)
    usual = next((score for score in tried.judged.baselines if score.is_primary), None)
    decision = judge_figure(
        file.gate,
        figure=figure_of(tried.judged.primary),
        champion=champion.metrics.get("figure", {}) if champion else None,
        baselines={} if usual is None or usual.value is None else {BASELINE: usual.value},
        broken=broken,
        is_accepted=before.night.is_accepted,
    )
    if decision.outcome == "held" and not broken:
        told = how_to_accept(declaration.name, task.shop_id)
        return replace(decision, reason=f"{decision.reason} {told}")
    return decision


def _broken(model: Recommender, file: RecommenderFile, data: Interactions) -> list[str]:
    """The rules that a fitted recommender's lists break, in words."""
    broken = []
    if "items" in file.model.answers:
        broken += broken_neighbours(model, file.top_n, data)
    if "users" in file.model.answers:
        broken += broken_lists(model, file.lists, file.top_n, data)
    return broken
