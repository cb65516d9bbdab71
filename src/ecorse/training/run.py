"""Training: every declared model of every shop, once a night.

What belongs here: the story of a model's night: its inputs, its training, its rows, what is
written down, and what happens when it cannot be trained. What does not: any model; what all
segmentations or all recommenders share (``segmentation``, ``recommendation``).

No transaction is open while a model trains, and one shop's trouble is that shop's: where a model
fails, the rows that it published before stand in, and ``marts.model_status`` says so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import polars as pl
import psycopg

from ecorse.errors import ConfigError, DiskFull, EcorseError, Fenced, StoreBusy
from ecorse.failpoints import failpoint
from ecorse.models.base import Champion, Decision, ModelResult
from ecorse.models.declaration import Declaration
from ecorse.models.relation import Relation
from ecorse.refresh.catalog import Catalog
from ecorse.refresh.measures import every_measure, with_measures
from ecorse.refresh.relations import qualified
from ecorse.refresh.steps import RunningStep
from ecorse.refresh.tables import (
    carry_over_rows,
    ensure_model_table,
    replace_model_rows,
    spool_model_rows,
)
from ecorse.segments.history import FIRST_NIGHT, Night
from ecorse.settings import get_settings
from ecorse.training import recommendation, segmentation
from ecorse.training.artifacts import find_champion, store_artifact
from ecorse.training.before import read_night
from ecorse.training.inputs import known_shops, read_inputs
from ecorse.training.record import record_decision, record_version
from ecorse.training.results import MODEL_SCORES, MODEL_STATUS
from ecorse.training.shop_rules import NO_SHOP_RULES, ShopRules, read_shop_rules
from ecorse.training.stand_in import fit_to_tonight
from ecorse.training.typed import make_frame
from ecorse.warehouse.connect import connect
from ecorse.warehouse.spool import Spool

log = logging.getLogger(__name__)
KINDS = {"segment": segmentation, "recommend": recommendation}
# a value that Postgres does not take (``psycopg.DataError``) is the model's, a server is not
NOT_THE_MODELS = (
    ConfigError,
    DiskFull,
    Fenced,
    StoreBusy,
    psycopg.InterfaceError,
    psycopg.OperationalError,
    psycopg.ProgrammingError,
    psycopg.InternalError,
)


def relations_of(declaration: Declaration) -> tuple[Relation, ...]:
    """Every table that a declared model fills (imports the model).

    Raises
    ------
    ConfigError
        The class has other tables than the declaration says.
    """
    relations = (*KINDS[declaration.task].relations_of(declaration), MODEL_SCORES, MODEL_STATUS)
    names = [relation.name for relation in relations]
    if sorted(names) != sorted(declaration.writes):
        told = declaration.file.model.diagnostics
        filled = set(names) - (set(declaration.writes) - set(told))
        raise ConfigError(
            f"{declaration.path}: model.diagnostics = {list(told)}: expected "
            f"{sorted(filled)}, the tables that its class fills (what [search] fills is not named)."
        )
    return relations


def model_relations(catalog: Catalog) -> list[Relation]:
    """The tables of all declared models, each once.

    Raises
    ------
    ConfigError
        Two models declare one table differently, or a table has a column that is called like a
        measure and not bound to it.
    """
    found: dict[str, Relation] = {}
    for declaration in catalog.models.values():
        for relation in relations_of(declaration):
            if found.setdefault(relation.name, relation) != relation:
                raise ConfigError(
                    f"{declaration.path}: its class declares marts.{relation.name} otherwise than "
                    "another model's class does. Give one of the two tables another name."
                )
    measures = every_measure(get_settings())
    return [
        with_measures(relation, measures, f"marts.{relation.name}, a table of a model")
        for relation in found.values()
    ]


def check_models(catalog: Catalog) -> None:
    """Look at every declared model as training will, before a night is begun.

    What a model needs and is not installed is told: it will fail, and the night goes on.

    Raises
    ------
    ConfigError
        A class cannot be imported, a parameter is wrong, it does not answer what its declaration
        says, tables differ from those declared, a segmentation is named that there is not, or a
        rule is for lists that nobody makes.
    """
    model_relations(catalog)
    for declaration in catalog.models.values():
        model = declaration.create()
        if declaration.task == "recommend" and (lacks := model.lacks()):
            log.warning("%s will fail tonight: %s", declaration.path, lacks)
        if declaration.has_customer_lists:
            recommendation.check_segmentations(declaration, catalog.models.values())
    catalog.rules.refuse_impossible(
        [
            (model.name, kind, model.file.top_n)
            for model in catalog.models.values()
            if model.has_customer_lists
            for kind in model.file.lists
        ]
    )


@dataclass(frozen=True)
class Trained:
    """What became of one model for one shop: its decision and the rows written, by table."""

    shop_id: str
    outcome: str
    rows: Mapping[str, int]


def train(declaration: Declaration, step: RunningStep) -> list[Trained]:
    """Run one model for every shop of a build; each shop's rows are committed on their own.

    Raises
    ------
    Fenced
        A later try took the step over.
    StoreBusy, ConfigError
        The trouble is not one shop's.
    """
    # by name: models that share tables and train at once take their locks in one order
    relations = sorted(relations_of(declaration), key=lambda relation: relation.name)
    with connect(application_name=f"ecorse {declaration.name} tables") as conn:
        for relation in relations:
            ensure_model_table(conn, relation, step.build_id)
    every = (train_shop(declaration, step, shop_id) for shop_id in known_shops())
    trained = [found for found in every if found is not None]
    # what reads these tables next is planned by what is in them: without this a check of 150,000
    # pairs took minutes for a second
    for relation in relations:
        step.conn.execute(f"analyze {qualified(relation.name, step.build_id)}")
    failpoint("refresh.mid_model")
    return trained


def train_shop(declaration: Declaration, step: RunningStep, shop_id: str) -> Trained | None:
    """Run one model for one shop: read, train and make its rows, then write them in one go.

    No transaction is open before the last row is made, and what fails until then is the model's;
    so is a ``SystemExit`` of its code, which is no reason to end the night. ``None`` for a shop
    that none of the inputs has a row of.
    """
    champion: Champion | None = None
    try:
        inputs = read_inputs(declaration, step.build_id, shop_id)
        if not any(frame.height for frame in inputs.values()):
            return None
        champion = _champion(declaration, shop_id, step.build_id)
        night = read_night(declaration, step.build_id, shop_id)
        rules = NO_SHOP_RULES
        if declaration.has_customer_lists:
            rules = read_shop_rules(step.build_id, shop_id)
        result = run_model(declaration, shop_id, inputs, champion, night, rules)
        result = replace(result, decision=_compared(result.decision, night))
        with _spooled(declaration, step.build_id, shop_id, result) as spools:
            rows = _write(declaration, step, shop_id, result, spools, champion)
    except NOT_THE_MODELS:
        raise
    except (Exception, SystemExit) as error:
        log.exception("%s for %s could not be trained", declaration.name, shop_id)
        return _stand_in(declaration, step, shop_id, champion, error)
    log.info("%s for %s: %s", declaration.name, shop_id, result.decision.outcome)
    return Trained(shop_id, result.decision.outcome, rows)


def run_model(
    declaration: Declaration,
    shop_id: str,
    inputs: dict[str, pl.DataFrame],
    champion: Champion | None,
    night: Night = FIRST_NIGHT,
    rules: ShopRules = NO_SHOP_RULES,
) -> ModelResult:
    """Train on one shop's inputs, which are used up: without database and files."""
    if declaration.task == "segment":
        return segmentation.run_segmentation(declaration, shop_id, inputs, champion, night)
    return recommendation.run_recommender(declaration, shop_id, inputs, champion, night, rules)


def _compared(decision: Decision, night: Night) -> Decision:
    return replace(decision, numbers={**decision.numbers, **night.numbers()})


def _champion(declaration: Declaration, shop_id: str, build_id: int) -> Champion | None:
    generation = declaration.file.model.generation
    with connect(application_name=f"ecorse {declaration.name} champion") as conn:
        return find_champion(conn, shop_id, declaration.name, generation, build_id)


@contextmanager
def _spooled(
    declaration: Declaration, build_id: int, shop_id: str, result: ModelResult
) -> Iterator[dict[str, Spool]]:
    """All rows of a result, by table, as they will be copied: lists are made here."""
    status = _status(declaration, shop_id, result.decision, is_of_this_night=True)
    tables = {MODEL_SCORES.name: make_frame(MODEL_SCORES, []), **result.tables}
    result = replace(result, tables={**tables, MODEL_STATUS.name: status})
    with ExitStack() as stack:
        yield {
            relation.name: stack.enter_context(
                spool_model_rows(
                    relation,
                    build_id,
                    _writer(declaration, relation),
                    shop_id,
                    result.blocks(relation.name),
                )
            )
            for relation in relations_of(declaration)
        }


def _write(
    declaration: Declaration,
    step: RunningStep,
    shop_id: str,
    result: ModelResult,
    spools: Mapping[str, Spool],
    champion: Champion | None,
) -> dict[str, int]:
    sha256 = store_artifact(result.artifact) if result.artifact else None
    rows = {}
    with connect(application_name=f"ecorse {declaration.name} {shop_id} write") as conn:
        for relation in relations_of(declaration):
            rows[relation.name] = replace_model_rows(
                conn,
                relation,
                step.build_id,
                _writer(declaration, relation),
                shop_id,
                spools[relation.name],
            )
        record_version(conn, declaration, step.build_id, shop_id, result, sha256)
        record_decision(conn, declaration, step.build_id, shop_id, result.decision, champion)
        step.check(conn)
    return rows


def _stand_in(
    declaration: Declaration,
    step: RunningStep,
    shop_id: str,
    champion: Champion | None,
    error: BaseException,
) -> Trained:
    """Let what the shop published before stand in for a model that could not be trained."""
    told = str(error) if isinstance(error, EcorseError) else type(error).__name__
    night = read_night(declaration, step.build_id, shop_id)
    rows = {}
    with connect(application_name=f"ecorse {declaration.name} {shop_id} stand-in") as conn:
        for relation in relations_of(declaration):
            if relation is not MODEL_STATUS:
                rows[relation.name] = carry_over_rows(
                    conn, relation, step.build_id, _writer(declaration, relation), shop_id
                )
        lacks = fit_to_tonight(conn, declaration, step.build_id, shop_id, night)
        what = (
            "the rows of the published night stand in" if sum(rows.values()) else "it has no rows"
        )
        reason = f"Could not be trained, {what}: {told}"
        if lacks:
            reason = f"{reason.removesuffix('.')}. {lacks}"
        decision = Decision("failed", reason, night.numbers())
        status = _status(declaration, shop_id, decision, is_of_this_night=False)
        writer = (MODEL_STATUS, step.build_id, declaration.name, shop_id)
        with spool_model_rows(*writer, [status]) as spool:
            rows[MODEL_STATUS.name] = replace_model_rows(conn, *writer, spool)
        record_decision(conn, declaration, step.build_id, shop_id, decision, champion)
        step.check(conn)
    return Trained(shop_id, decision.outcome, rows)


def _writer(declaration: Declaration, relation: Relation) -> str:
    return declaration.name if relation.writer_column == "model" else declaration.method


def _status(
    declaration: Declaration, shop_id: str, decision: Decision, *, is_of_this_night: bool
) -> pl.DataFrame:
    row = {
        "shop_id": shop_id,
        "model": declaration.name,
        "task": declaration.task,
        "method": declaration.method,
        "entity": declaration.file.entity.name if declaration.task == "segment" else None,
        "outcome": decision.outcome,
        "is_of_this_night": is_of_this_night,
        "reason": decision.reason,
    }
    return make_frame(MODEL_STATUS, [row])
