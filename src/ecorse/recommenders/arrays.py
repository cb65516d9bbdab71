"""Fitted numbers as files of a model: npy, which holds data and no code.

What belongs here: arrays and sparse matrices to bytes and back. What does not: which ones a model
keeps.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.models.ranked import Csr

Array = npt.NDArray[Any]


def to_files(**kept: Array | Csr) -> dict[str, bytes]:
    """``<name>.npy`` per array; three of them, and the shape, per sparse matrix."""
    files = {}
    for name, value in kept.items():
        if not sparse.issparse(value):
            files[f"{name}.npy"] = _bytes(np.asarray(value))
            continue
        matrix = sparse.csr_matrix(value)
        parts = {
            "data": matrix.data,
            "indices": matrix.indices.astype(np.int64),
            "indptr": matrix.indptr.astype(np.int64),
            "shape": np.array(matrix.shape, dtype=np.int64),
        }
        files |= {f"{name}.{part}.npy": _bytes(array) for part, array in parts.items()}
    return files


def array(files: Mapping[str, bytes], name: str) -> Array:
    """An array again."""
    found: Array = np.load(io.BytesIO(files[f"{name}.npy"]), allow_pickle=False)
    return found


def matrix(files: Mapping[str, bytes], name: str) -> Csr:
    """A sparse matrix again."""
    data, indices, indptr, shape = (
        array(files, f"{name}.{part}") for part in ("data", "indices", "indptr", "shape")
    )
    return sparse.csr_matrix((data, indices, indptr), shape=tuple(shape.tolist()))


def _bytes(values: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
