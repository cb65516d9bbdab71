"""Which origin one run takes a source's files from, and what it is told: decided here alone.

What belongs here: the order of who says so: the run (``--origin``, ``--data``, the form), the
settings (``ECORSE_ORIGIN``, ``ECORSE_DATA``), ``shops.toml``. What does not: what an origin makes
of it (``ecorse.origins``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecorse.ingest.shops import ShopSource
from ecorse.origins import data_options
from ecorse.settings import Settings

ORIGIN_OF_DATA = "folder"  # what --data names where no origin is named with it


@dataclass(frozen=True)
class Choice:
    """An origin with its options; ``is_named``: the run or the settings said where files are."""

    origin: str
    options: Mapping[str, Any]
    is_named: bool


def choose(
    configured: ShopSource,
    settings: Settings,
    *,
    origin: str | None = None,
    data: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Choice:
    """Decide where a source's files come from in one run.

    Parameters
    ----------
    origin, data, options
        What the run says; ``data`` alone is a folder or file.

    Raises
    ------
    ConfigError
        There is no such origin, or it takes no ``data``.
    """
    chosen, kept = configured.origin, dict(configured.options)
    is_named = bool(data or options)
    if settings.origin or settings.data:
        meant = settings.origin or ORIGIN_OF_DATA
        told = data_options(meant, settings.data)
        if told or meant != chosen:
            chosen, kept = meant, told
        is_named |= bool(told)
    if data and not origin:
        origin = ORIGIN_OF_DATA
    if origin and origin != chosen:
        chosen, kept, is_named = origin, {}, bool(data or options)
    said = {**(options or {}), **data_options(chosen, data or "")}
    return Choice(chosen, {**kept, **said}, is_named)
