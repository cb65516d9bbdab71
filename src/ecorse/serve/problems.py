"""What goes wrong with a request, as ``application/problem+json``.

What belongs here: the form of an error answer, and what the kinds of error are in HTTP. What does
not: finding the mistake.

Source: RFC 9457, Problem Details for HTTP APIs, https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ecorse.errors import DataError, EcorseError, StoreBusy

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2  # what a client is told to wait where the warehouse does not answer


class Problem(Exception):
    """A request that cannot be answered as it was meant, with what to do.

    Attributes
    ----------
    status
        The HTTP status.
    detail
        What is wrong, where, what was expected.
    more
        Further members of the answer, such as ``errors``.
    headers
        Headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, more
        self.headers = dict(headers or {})


def not_found(what: str, name: str, known: Iterable[str] = ()) -> Problem:
    """A thing that the night does not have; ``known`` are those it has, if they are few."""
    listed = list(known)
    has = f" It has {', '.join(listed)}." if listed else ""
    return Problem(404, f"The night has no {what} {name!r}.{has}")


def wrong(where: str, got: object, expected: str) -> Problem:
    """A parameter whose value cannot be; said as a wrong type is."""
    error = {"where": where, "got": got, "expected": expected}
    return Problem(422, f"{where}: expected {expected}, got {got!r}.", errors=[error])


def respond(problem: Problem, request: Request) -> Response:
    """The answer to a request with a problem."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": getattr(request.state, "request_id", None),
        **problem.more,
    }
    text = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return Response(text, problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every kind of error of a request in this form; defects are told by ``around``."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return respond(error, request)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [_told(one) for one in error.errors()]
        first = errors[0]
        detail = f"{first['where']}: {first['expected']}"
        return respond(Problem(422, detail, errors=errors), request)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return respond(
            Problem(error.status_code, str(error.detail), headers=error.headers), request
        )

    @app.exception_handler(StoreBusy)
    @app.exception_handler(PoolTimeout)
    @app.exception_handler(psycopg.OperationalError)
    async def _busy(request: Request, error: Exception) -> Response:
        told = "The warehouse does not answer just now; ask again."
        return respond(Problem(503, told, headers={"Retry-After": str(RETRY_SECONDS)}), request)

    @app.exception_handler(EcorseError)
    async def _refused(request: Request, error: EcorseError) -> Response:
        status = 422 if isinstance(error, DataError) else 500
        return respond(Problem(status, str(error)), request)


def _told(error: Mapping[str, Any]) -> dict[str, Any]:
    """A pydantic error, in our words: where, what was given, what was expected."""
    kind, context = error["type"], error.get("ctx", {})
    place = ".".join(str(part) for part in error["loc"])
    expected = str(error["msg"])
    if kind == "extra_forbidden":
        expected = "There is no such parameter; /docs lists those that there are."
    elif kind in ("literal_error", "enum"):
        expected = f"Expected {context.get('expected')}."
    got = error.get("input")
    if isinstance(got, float) and not math.isfinite(got):
        got = str(got)  # JSON has no word for it
    return {"where": place, "got": got if isinstance(got, str | int | float) else None,
            "expected": expected}  # fmt: skip
