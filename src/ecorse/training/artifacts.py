"""Model files: kept by the hash of their bytes, verified before anyone reads them.

What belongs here: storing and fetching bytes. What does not: what is inside (the model's own
reader); never pickle.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import psycopg

from ecorse.atomic import replace_atomically
from ecorse.errors import ModelRejected
from ecorse.models.base import Champion
from ecorse.settings import get_settings


def artifact_path(sha256: str) -> Path:
    """Where the model file of a hash is kept."""
    return get_settings().home / "models" / f"{sha256}.model"


def store_artifact(data: bytes) -> str:
    """Keep a model file (mode 0600, renamed into place) and give its sha256.

    Raises
    ------
    DiskFull
        There is no space for it.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    path = artifact_path(sha256)
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return sha256
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replace_atomically(path) as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
    return sha256


def fetch_artifact(sha256: str) -> bytes:
    """The bytes of a model file.

    Raises
    ------
    ModelRejected
        The file is missing, or its bytes are not the ones that were stored.
    """
    path = artifact_path(sha256)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelRejected(
            f"Model file {sha256[:12]}... of ECORSE_HOME/models cannot be read "
            f"({error.strerror}). Restore it from a copy, or raise generation "
            "in the model's declaration to train anew."
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelRejected(
            f"Model file {sha256[:12]}... of ECORSE_HOME/models was changed: its sha256 is now "
            f"{found[:12]}.... It was not loaded. Restore it from a copy, or raise "
            "generation in the model's declaration to train anew."
        )
    return data


def find_champion(
    conn: psycopg.Connection, shop_id: str, model: str, generation: int, build_id: int
) -> Champion | None:
    """The latest published model version of a generation, up to the published build.

    ``None`` on the first night, and where the declaration has raised its generation since. A build
    of an earlier day (``as_of``) has a champion only if that knew nothing later.

    Raises
    ------
    ModelRejected
        Its file is lost or was changed. That is told, and is no reason to promote another.
    """
    row = conn.execute(
        """
        select v.model_version_id, v.artifact_sha256, v.metrics
        from ops.model_version as v
        join ops.build as b using (build_id)
        join ops.build as this on this.build_id = %s
        where v.shop_id = %s and v.model = %s and b.status = 'published'
            and (this.as_of is null or b.as_of <= this.as_of)
            and v.artifact_sha256 is not null
            and v.metrics ->> 'generation' = %s
            and v.build_id <= (select build_id from ops.current_build)
        order by v.build_id desc
        limit 1
        """,
        (build_id, shop_id, model, str(generation)),
    ).fetchone()
    if row is None:
        return None
    version_id, sha256, metrics = row
    return Champion(version_id, fetch_artifact(sha256), metrics)
