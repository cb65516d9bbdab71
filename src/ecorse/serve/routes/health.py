"""Whether the server lives, and whether it can answer: for load balancers, without a key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from ecorse.serve.reader import Reader

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/ready")
async def ready(request: Request) -> dict[str, Any]:
    """A night is published and can be read; 503 until then."""
    reader: Reader = request.app.state.reader
    async with reader.night() as night:
        return {"status": "ready", "build_id": night.build["build_id"]}
