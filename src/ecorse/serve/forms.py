"""What requests may say, and the form of answers.

What belongs here: parameters that several routes share, pages and their cursors, the build beside
every answer. What does not: any route.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from ecorse.serve.problems import Problem, wrong
from ecorse.serve.reader import Night, Reader, Row

MOST = 100  # rows of a page
CURSOR = 4000  # letters of the longest: an id of 500 letters, four bytes each, is in it
NUL = "\0"


def _is_plain(text: str) -> str:
    if NUL in text:
        raise ValueError("expected text without the character NUL")
    return text


Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_is_plain)]
# a cursor: build, which list, and what the last row of the page before had
BY_RANK = TypeAdapter(tuple[int, str, int])
BY_ID = TypeAdapter(tuple[int, str, Annotated[str, AfterValidator(_is_plain)]])


def plain_address(request: Request) -> None:
    """No database has texts with NUL: an address that has it means nothing.

    Raises
    ------
    Problem
        422: path or a parameter has it.
    """
    named = [("path", request.url.path), *request.query_params.multi_items()]
    for name, value in named:
        if NUL in name or NUL in value:
            where = name if name == "path" else f"query.{name}"
            raise wrong(where, value, "text without the character NUL")


class Strict(BaseModel):
    """Nothing but what is named here."""

    model_config = ConfigDict(extra="forbid")


class OfShop(Strict):
    """Which shop."""

    shop: str | None = Field(
        None, max_length=200, description="The shop's id; may be left out where there is one."
    )


class Page(OfShop):
    """Which part of a list."""

    n: int = Field(10, ge=1, le=MOST, description="At most so many rows.")
    cursor: str | None = Field(
        None, max_length=CURSOR, description="`next` of the page before; leave out for the first."
    )


class Listed(Page):
    """Which products of a list."""

    category: str | None = Field(None, max_length=500, description="Only products of it.")
    price_band: str | None = Field(None, max_length=100, description="Only products of it.")
    exclude: list[str] = Field([], max_length=100, description="Leave out these product ids.")


class Product(BaseModel):
    """A product in a list."""

    rank: int
    product_id: str
    product_name: str
    category: str | None
    price: float | None = Field(description="What it mostly sold for, in the shop's currency.")
    price_band: str | None
    score: float | None = Field(description="Falling with rank; comparable within a list.")
    source: str | None = Field(description="What put it there.")
    reason: str | None = Field(description="Why, in a sentence.")
    evidence: Any = Field(None, description="The figures behind the sentence.")
    because_of: str | None = Field(
        None, description="Of an answer to a basket or session: the product that it rests on most."
    )


class Build(BaseModel):
    """Which night an answer is of."""

    build_id: int
    as_of: Any = Field(description="Rows dated up to here are in it (UTC).")


Products = list[Product]
Sentences = list[str]


class Answer(BaseModel):
    """What every list of products has around it."""

    build: Build
    shop: str
    list: str
    method: str | None = Field(description="The method that made the list; null for a fallback.")
    fallback: str | None = Field(None, description="What stands in where there is no own list.")
    items: Products
    next: str | None = Field(None, description="`cursor` of the next page; null for the last.")
    said: Sentences = Field([], description="What to know, in sentences.")


async def _night(request: Request) -> Any:
    reader: Reader = request.app.state.reader
    async with reader.night() as night:
        request.state.build_id = night.build["build_id"]
        yield night


OneNight = Annotated[Night, Depends(_night)]


def build_of(night: Night) -> Build:
    """The build that an answer carries."""
    return Build(build_id=night.build["build_id"], as_of=night.build["as_of"])


class OtherList(Problem):
    """The cursor is of this night, and of another list than the one that is asked for."""

    def __init__(self, cursor: str) -> None:
        error = {"where": "query.cursor", "got": cursor, "expected": "a cursor of this list"}
        told = (
            "query.cursor: it is of another list. Give `next` to the address that it came from, "
            "with the same parameters; only n may change."
        )
        super().__init__(422, told, errors=[error])


def after(night: Night, page: Page, of: Sequence[Any], kind: TypeAdapter[Any]) -> Any:
    """What the last row of the page before had; ``None`` for the first page.

    Parameters
    ----------
    of
        What tells the list from every other one.
    kind
        ``BY_RANK`` or ``BY_ID``.

    Raises
    ------
    Problem
        422: no cursor of ours. 410: its night has been replaced, so that pages would repeat.
    OtherList
        It is of another list.
    """
    if page.cursor is None:
        return None
    try:
        told = base64.urlsafe_b64decode(page.cursor.encode())
        build_id, mark, last = kind.validate_json(told, strict=True)
    except ValueError:
        raise wrong("query.cursor", page.cursor, "`next` of an earlier answer") from None
    if build_id != night.build["build_id"]:
        raise Problem(
            410,
            f"The cursor is of night {build_id}, and night {night.build['build_id']} is published "
            "now: begin with the first page again.",
        )
    if mark != _mark(of):
        raise OtherList(page.cursor)
    return last


def cut(
    night: Night, rows: Sequence[Row], n: int, of: Sequence[Any], last: Callable[[Row], Any]
) -> tuple[list[Row], str | None]:
    """The first ``n`` of ``n + 1`` rows, and the cursor of what follows them; ``of`` as above."""
    if len(rows) <= n:
        return list(rows), None
    kept = list(rows[:n])
    told = [night.build["build_id"], _mark(of), last(kept[-1])]
    text = json.dumps(told, ensure_ascii=False)
    return kept, base64.urlsafe_b64encode(text.encode()).decode()


def _mark(of: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:12]


def tag(response: Response, build_id: int) -> None:
    """Say which night an answer is of, for whoever keeps it; see ``around.Fresh``."""
    response.headers["ETag"] = f'"{build_id}"'
    response.headers["Cache-Control"] = "private, no-cache"


async def _tagged(response: Response, night: OneNight) -> Night:
    tag(response, night.build["build_id"])
    return night


Tagged = Annotated[Night, Depends(_tagged)]
ShopQuery = Annotated[OfShop, Query()]
PageQuery = Annotated[Page, Query()]
ListQuery = Annotated[Listed, Query()]
