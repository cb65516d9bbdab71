"""What a ``recommend_<name>.toml`` says: its lists, what it is judged on, when it is held.

What belongs here: the file's tables; it imports no model and no data library, since DAG files read
declarations. What does not: what segmentations say (``declaration``), training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ecorse.declared import Table
from ecorse.models.model_file import Identifier, ModelFile, Share
from ecorse.models.promotion import PromotionLimits
from ecorse.models.search import Range

ListKind = Literal["for_you", "explore", "buy_again"]
LISTS: Final[tuple[ListKind, ...]] = ("for_you", "explore", "buy_again")


class Holdout(Table):
    """The part of the interactions, the latest, that lists of products are judged on."""

    share: float = Field(0.2, gt=0, lt=1)
    hits_at: int = Field(10, ge=1)
    max_cases: int = Field(5000, ge=1)
    max_basket_products: int = Field(50, ge=2)


class Windows(Table):
    """What lists for customers are judged on: what they bought in the last windows of ``days``.

    For each of ``origins`` windows, one before the other, the model is fitted on what came before
    it. ``at``: so many places of a list count. ``max_cases``: customers of one window at most.
    ``segmentations``: by whose segments figures are told apart, as they were before each window.
    """

    days: float = Field(28, gt=0)
    origins: int = Field(3, ge=1)
    at: int = Field(10, ge=1)
    max_cases: int = Field(2000, ge=1)
    segmentations: tuple[Identifier, ...] = ("rfm",)


class RecommenderGate(Table):
    """When a candidate is held: its first metric fell by more than this share and than noise.

    ``approval``: a candidate of other parameters than the published model's waits until somebody
    lets it through, however good its figures are.
    """

    max_drop: Share = 0.1
    min_cases: int = Field(500, ge=1)
    approval: bool = False


class Diversity(Table):
    """Lists whose products are not all alike, by maximal marginal relevance.

    ``lambda`` is what a product's score weighs; the rest goes to how little it is described like
    those listed before it. Each list is chosen out of ``candidates``.
    """

    relevance: float = Field(alias="lambda", gt=0, lt=1)
    candidates: int = Field(30, ge=1)


class RecommenderSearch(Table):
    """Parameters that are searched: which, how often, how long, and after how many days again.

    Each trial is fitted and judged on the window before the judged ones, by nDCG of the first
    declared list; the declared parameters are the first trial. With ``trials`` reached the result
    is the same every time; ``seconds`` only ends the search sooner. What was found stays until
    ``again_days`` of data later, or until the declaration changes.
    """

    trials: int = Field(20, ge=2, le=1000)
    seconds: float = Field(600, gt=0)
    seed: int = 0
    again_days: float = Field(28, gt=0)
    parameters: dict[str, Range] = Field(min_length=1)

    @property
    def direction(self) -> Literal["maximize"]:
        """A larger nDCG is better."""
        return "maximize"


class Variant(Table):
    """Parameters in place of the declared ones, where those would need too much memory."""

    parameters: dict[str, Any] = Field(min_length=1)


class Making(Table):
    """What beside parameters and inputs makes a customer's list.

    It is kept with the published model: another seed, other weights or another diversity are a
    challenge, as other parameters are. ``weights`` says what an interaction of each kind counts
    (view, cart, purchase ...); a negative one is a refusal, and without the table all count alike.
    ``diversity`` is part of the method: it is judged with it.
    """

    seed: int = 0
    weights: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    diversity: Diversity | None = None


class RecommenderFile(ModelFile, Making):
    """A whole ``recommend_*.toml``.

    ``lists`` are those made for customers. ``variants`` are tried in turn where memory is short.
    """

    top_n: int = Field(20, ge=1, le=1000)
    lists: tuple[ListKind, ...] = Field(("explore",), min_length=1)
    holdout: Holdout = Holdout()
    windows: Windows = Windows()
    gate: RecommenderGate = RecommenderGate()
    promotion: PromotionLimits = PromotionLimits()
    search: RecommenderSearch | None = None
    variants: tuple[Variant, ...] = ()

    @property
    def making(self) -> dict[str, Any]:
        """What of it is ``Making``, JSON-ready."""
        return self.model_dump(mode="json", by_alias=True, include=set(Making.model_fields))

    def made_as(self, making: Mapping[str, Any]) -> RecommenderFile:
        """The same declaration with another ``making``, such as the published model's.

        Raises
        ------
        ValueError
            It says what no declaration can say.
        """
        other = Making.model_validate(self.making | dict(making))
        return self.model_copy(update={name: getattr(other, name) for name in Making.model_fields})

    def mistakes(self) -> Iterable[str]:
        """A recommender without any list, or without the inputs every recommender has."""
        if not self.model.answers:
            yield "model.answers is missing; expected ['items'], ['users'] or both"
        if self.model.diagnostics:
            yield "model.diagnostics: only segmentations have them"
        if self.diversity and self.diversity.candidates < max(self.top_n, self.windows.at):
            yield (
                f"diversity.candidates = {self.diversity.candidates}: expected at least top_n and "
                f"windows.at, {max(self.top_n, self.windows.at)}"
            )
        if len(set(self.lists)) < len(self.lists):
            yield f"lists = {list(self.lists)}: each once"
        if self.search is not None and "users" not in self.model.answers:
            yield "search: parameters are searched for lists of customers; answers has no 'users'"
        for name in ("products", "interactions"):
            if name not in self.inputs:
                yield f"inputs.{name} is missing; expected a select of marts.*"
