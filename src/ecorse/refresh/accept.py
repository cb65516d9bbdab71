"""Letting through what is held: what somebody accepts when a build is opened.

What belongs here: reading ``SHOP``, ``MODEL`` and ``MODEL:SHOP``, and who is meant. What does not:
when a shop is held back (``held``), when a model is (``ecorse.evaluate.gate``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import psycopg

from ecorse.errors import ConfigError


@dataclass(frozen=True)
class Accepted:
    """What was accepted, as given, and the shops that may have lost rows."""

    texts: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()


NOTHING = Accepted()


def read_accepted(
    texts: Iterable[str], models: Collection[str], shops: Collection[str]
) -> Accepted:
    """``SHOP``, ``MODEL`` or ``MODEL:SHOP`` as given, several in one text with commas between.

    Parameters
    ----------
    models, shops
        The names that there are: of declarations (``segment_customers``), and shops.

    Raises
    ------
    ConfigError
        There is no such shop or model, or a name that is both stands alone.
    """
    given = sorted({part.strip() for text in texts for part in text.split(",") if part.strip()})
    for one in given:
        first, colon, shop = one.partition(":")
        if colon and first in models and shop in shops:
            continue
        if not colon and (first in models) != (first in shops):
            continue
        if not colon and first in models:
            what = "there are a model and a shop of that name; expected MODEL:SHOP"
        elif colon and first in models:
            what = f"there is no shop {shop!r}; expected MODEL:SHOP"
        elif colon:
            what = f"there is no model {first!r}; expected MODEL:SHOP"
        else:
            what = "there is no such shop and no such model; expected SHOP, MODEL or MODEL:SHOP"
        raise ConfigError(
            f"accept = {one!r}: {what}. Shops: {', '.join(sorted(shops)) or 'none yet'}. Models: "
            f"{', '.join(sorted(models)) or 'none'}. Nothing was built."
        )
    return Accepted(tuple(given), tuple(one for one in given if one in shops))


def is_accepted(conn: psycopg.Connection, build_id: int, model: str, shop_id: str) -> bool:
    """Whether a build lets a jump of a model of a shop through."""
    row = conn.execute(
        "select accepted && %s from ops.build where build_id = %s",
        ([model, f"{model}:{shop_id}"], build_id),
    ).fetchone()
    return bool(row and row[0])


def how_to_accept(model: str, shop_id: str) -> str:
    """What lets a held model of a shop through."""
    return (
        "Mend the data; if the change is real, let it through with "
        f"`ecorse refresh --accept {model}:{shop_id}`."
    )
