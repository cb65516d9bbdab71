"""Model files on disk: verified by hash before anybody reads them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from ecorse.errors import ModelRejected
from ecorse.settings import get_settings
from ecorse.training.artifacts import artifact_path, fetch_artifact, store_artifact

DATA = np.random.default_rng(1).bytes(5000)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("ECORSE_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def test_a_file_is_kept_by_its_hash_for_its_owner_only(home):
    sha256 = store_artifact(DATA)
    assert sha256 == hashlib.sha256(DATA).hexdigest()
    assert fetch_artifact(sha256) == DATA
    assert artifact_path(sha256).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (home / "models").iterdir()] == [f"{sha256}.model"]


def test_any_flipped_bit_is_refused():
    sha256 = store_artifact(DATA)
    for bit in np.random.default_rng(14).choice(len(DATA) * 8, 200, replace=False):
        flipped = bytearray(DATA)
        flipped[bit // 8] ^= 1 << (bit % 8)
        artifact_path(sha256).write_bytes(flipped)
        with pytest.raises(ModelRejected, match=r"was changed.*not loaded.*raise generation"):
            fetch_artifact(sha256)


@pytest.mark.parametrize("length", [0, 1, 22, 2500, 4999])
def test_a_file_cut_short_is_refused(length):
    sha256 = store_artifact(DATA)
    artifact_path(sha256).write_bytes(DATA[:length])
    with pytest.raises(ModelRejected, match="was changed"):
        fetch_artifact(sha256)


def test_a_lost_file_is_told_with_the_next_step():
    with pytest.raises(ModelRejected, match=r"cannot be read.*raise generation"):
        fetch_artifact("0" * 64)


def test_storing_again_mends_a_changed_file():
    sha256 = store_artifact(DATA)
    artifact_path(sha256).write_bytes(b"changed")
    assert store_artifact(DATA) == sha256
    assert fetch_artifact(sha256) == DATA
