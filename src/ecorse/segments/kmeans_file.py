"""The files of PCA + k-means: a skops pipeline and facts as JSON; how they are refused.

What belongs here: bytes to model and back. What does not: where the bytes are kept.
"""

from __future__ import annotations

import importlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import sklearn

from ecorse.errors import ModelRejected
from ecorse.models.declaration import Feature
from ecorse.segments.fit import KMeansModel

FORMAT = 2
PIPELINE, FACTS = "pipeline.skops", "facts.json"
SCHEMA = "schema.json"  # where skops describes the objects
NEXT_STEP = (
    "The last published night stays; restore the file from a backup, or raise generation in the "
    "model's declaration to train anew."
)


def dump_model(model: KMeansModel) -> dict[str, bytes]:
    """Write a model as skops bytes (scikit-learn objects and arrays, no code) and JSON.

    The same model gives the same bytes.
    """
    facts = {f.name: getattr(model, f.name) for f in fields(model) if f.name != "pipeline"}
    facts["features"] = [feature.model_dump() for feature in model.features]
    facts |= {"format": FORMAT, "sklearn_version": sklearn.__version__}
    members = _name_by_order(_quiet(lambda skops: skops.dumps(model.pipeline)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            # ZipInfo's own date is 1980: the same model has the same bytes, whenever it is written
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return {PIPELINE: buffer.getvalue(), FACTS: json.dumps(facts, sort_keys=True).encode()}


def _quiet(use: Callable[[Any], Any]) -> Any:
    """Use ``skops.io`` without what it wakes up.

    It looks for names through every module that is imported, when it is imported itself and when
    it writes; in an Airflow task the old ones among them warn.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return use(importlib.import_module("skops.io"))


def _name_by_order(data: bytes) -> dict[str, bytes]:
    """The members of a skops file with objects and arrays numbered in order of appearance.

    skops names both by memory address, so that two files of one model would differ.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        schema = json.loads(source.read(SCHEMA))
        numbers: dict[int, int] = {}
        names: dict[str, str] = {}

        def rename(node: Any) -> None:
            if isinstance(node, dict):
                if "__id__" in node:
                    node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
                if str(node.get("file", "")).endswith(".npy"):
                    node["file"] = names.setdefault(node["file"], f"{len(names) + 1}.npy")
            for child in node.values() if isinstance(node, dict) else node:
                if isinstance(child, dict | list):
                    rename(child)

        rename(schema)
        members = {SCHEMA: json.dumps(schema).encode()}
        members |= {new: source.read(old) for old, new in names.items()}
    return members


def load_model(files: Mapping[str, bytes]) -> KMeansModel:
    """Read files whose sha256 was checked; only types that skops trusts by itself are allowed.

    Format and scikit-learn version are compared before anything is deserialised.

    Raises
    ------
    ModelRejected
        Not such files, of another format or scikit-learn version, or with foreign types.
    """
    try:
        facts = json.loads(files[FACTS])
        _check_versions(facts)
        untrusted = _quiet(lambda skops: skops.get_untrusted_types(data=files[PIPELINE]))
        if untrusted:
            raise ModelRejected(
                f"Model file refused: it holds foreign types {untrusted}. {NEXT_STEP}"
            )
        pipeline = _quiet(lambda skops: skops.loads(files[PIPELINE], trusted=[]))
        features = tuple(Feature(**feature) for feature in facts.pop("features"))
        return KMeansModel(pipeline=pipeline, features=features, **facts)
    except ModelRejected:
        raise
    except Exception as error:  # any bytes may come here; zipfile, json and skops raise many kinds
        raise ModelRejected(
            f"Model file refused: it cannot be read ({error!r}). {NEXT_STEP}"
        ) from None


def _check_versions(facts: dict[str, Any]) -> None:
    written, version = facts.pop("format"), facts.pop("sklearn_version")
    if written != FORMAT:
        raise ModelRejected(
            f"Model file refused: format {written}, this reads {FORMAT}. {NEXT_STEP}"
        )
    if version != sklearn.__version__:
        raise ModelRejected(
            f"Model file refused: written by scikit-learn {version}, this is "
            f"{sklearn.__version__}. {NEXT_STEP}"
        )
