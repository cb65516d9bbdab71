"""Letting a held model through: what somebody accepts when a build is opened.

What belongs here: reading ``MODEL`` and ``MODEL:SHOP``, and who is meant. What does not: what an
accepted model does (``segmentation``, ``recommendation``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import psycopg

from ecorse.errors import ConfigError


def read_accepted(
    texts: Iterable[str], models: Collection[str], shops: Collection[str]
) -> list[str]:
    """``MODEL`` or ``MODEL:SHOP`` as given, several in one text with commas between; sorted.

    Parameters
    ----------
    models, shops
        The names that there are: of declarations (``segment_customers``), and shops.

    Raises
    ------
    ConfigError
        There is no such model or shop.
    """
    given = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    for one in given:
        model, _, shop = one.partition(":")
        if model not in models:
            raise ConfigError(
                f"accept = {one!r}: there is no model {model!r}; expected MODEL or MODEL:SHOP, and "
                f"the models are {', '.join(sorted(models))}. Nothing was built."
            )
        if ":" in one and shop not in shops:
            raise ConfigError(
                f"accept = {one!r}: there is no shop {shop!r}; the shops are "
                f"{', '.join(sorted(shops)) or 'none yet'}. Nothing was built."
            )
    return sorted(set(given))


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
