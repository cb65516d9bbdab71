"""Keys of the API: making them, taking them back, and whose one is.

What belongs here: the form of a key and its hash. What does not: what a scope opens (``access``).

A key is 32 random bytes, so that its plain SHA-256 cannot be turned round: no salt and no slow hash
are needed, as they are for passwords that people think of (OWASP, Password Storage Cheat Sheet,
https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final, Literal

import polars as pl

from ecorse.errors import ConfigError
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

Scope = Literal["read", "customers", "events"]
SCOPES: Final[dict[Scope, str]] = {
    "read": "shops, products, lists of products, segments, models",
    "customers": "what is known of and recommended to single customers",
    "events": "to send events",
}
PREFIX = "ecorse_"


def hash_of(key: str) -> bytes:
    """What is kept of a key, 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def make_key(name: str, scopes: Sequence[str]) -> str:
    """Make a key; it is told this once.

    Raises
    ------
    ConfigError
        A scope that there is not, or none; a key of the name that still opens.
    """
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise ConfigError(
            f"There is no scope {', '.join(unknown)}; there are "
            f"{'; '.join(f'{scope} ({what})' for scope, what in SCOPES.items())}."
        )
    if not scopes or not name.strip():
        raise ConfigError("A key needs a name and at least one scope.")
    key = PREFIX + secrets.token_urlsafe(32)
    with connect(application_name="ecorse api key") as conn:
        taken = conn.execute(
            "select from api.key where key_name = %s and revoked_at is null", (name,)
        ).fetchone()
        if taken is not None:
            raise ConfigError(
                f"There is a key {name!r}, and what it is cannot be told again. Take it back with "
                f"`ecorse api revoke {name}`, or choose another name."
            )
        conn.execute(
            "insert into api.key (key_name, sha256, scopes) values (%s, %s, %s)",
            (name, hash_of(key), sorted(set(scopes))),
        )
    return key


def revoke_key(name: str) -> None:
    """Take a key back: from now on it opens nothing.

    Raises
    ------
    ConfigError
        There is no key of this name that opens anything.
    """
    with connect(application_name="ecorse api key") as conn:
        done = conn.execute(
            "update api.key set revoked_at = clock_timestamp() "
            "where key_name = %s and revoked_at is null",
            (name,),
        )
        if not done.rowcount:
            raise ConfigError(f"There is no key {name!r}; `ecorse api keys` lists them.")


def list_keys() -> pl.DataFrame:
    """``key_name, scopes, created_at, revoked_at`` of every key, the newest first."""
    query = (
        "select key_name, array_to_string(scopes, ', ') as scopes, created_at, revoked_at "
        "from api.key order by key_id desc"
    )
    with connect(application_name="ecorse api key") as conn:
        return read_frame(conn, query)
