"""What every file of ``include/models`` says: which class, its inputs, its parameters.

What belongs here: what both kinds of declarations share. What does not: what one kind says
(``recommender_file``, ``declaration``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ecorse.declared import Table

Text = Annotated[str, Field(min_length=1)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class ModelHead(Table):
    """Which class a declaration is for.

    ``class`` is a name that ``registry`` finds (a module of the room, a file of the project, an
    entry point), or ``package.module:Class``. ``answers`` (of
    recommenders) says which lists are written; ``diagnostics`` (of segmentations) the tables that
    the class fills beside the common ones. Of several methods for one list, applications are
    served the best; where the figures do not tell them apart, the one of the lowest ``priority``.
    Raising ``generation`` sets the published model aside: the next night starts anew.
    """

    class_: Text = Field(alias="class")
    answers: tuple[Literal["items", "users"], ...] = ()
    diagnostics: tuple[Identifier, ...] = ()
    priority: int = Field(1, ge=1)
    generation: int = Field(1, ge=1)


class ModelFile(Table):
    """``[model]``, ``[inputs]`` and ``[parameters]``."""

    model: ModelHead
    inputs: dict[str, Text] = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
