"""The file of a segmentation: what it holds, how it is written, and how it is refused.

What belongs here: bytes to model and back. What does not: where the bytes are kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields
from typing import Any

import sklearn
import skops.io
from sklearn.pipeline import Pipeline

from ecorse.errors import ModelRejected
from ecorse.features.orders import Feature, parse_features

FORMAT = 1
HEADER = "ecorse.json"  # a member of the same zip file, readable without skops
SCHEMA = "schema.json"  # where skops describes the objects
NEXT_STEP = (
    "The last published night stays; restore the file from a backup, or raise [segmentation] "
    "generation in the model's declaration to train anew."
)


@dataclass
class SegmentModel:
    """A fitted pipeline and all that must outlive the night, as plain JSON.

    Attributes
    ----------
    vocabulary : values that have a column, per share feature.
    references : histograms of the inputs it was fitted on, for PSI.
    segments : ``segment_id``, ``name``, ``leading`` in the order of the clusters.
    curve : scores of every k when k was selected, on ``rows_selected`` rows.
    """

    pipeline: Pipeline
    features: list[dict[str, Any]]
    spec_hash: str
    vocabulary: dict[str, list[str]]
    columns: list[str]
    references: dict[str, dict[str, Any]]
    segments: list[dict[str, Any]]
    next_segment_id: int
    curve: list[dict[str, Any]]
    rows_selected: int
    is_degenerate: bool
    data_hash: str

    @property
    def segment_ids(self) -> list[int]:
        """Segment id of each cluster of the pipeline."""
        return [int(segment["segment_id"]) for segment in self.segments]

    @property
    def feature_list(self) -> tuple[Feature, ...]:
        """The features it was fitted on."""
        return parse_features(self.features)


def dump_artifact(model: SegmentModel) -> bytes:
    """Write a model as skops bytes: scikit-learn objects, arrays and one JSON text, no code."""
    facts = {f.name: getattr(model, f.name) for f in fields(model) if f.name != "pipeline"}
    members = _name_by_order(
        skops.io.dumps({"pipeline": model.pipeline, "facts": json.dumps(facts)})
    )
    header = {"format": FORMAT, "sklearn_version": sklearn.__version__}
    members[HEADER] = json.dumps(header).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            # ZipInfo's own date is 1980: the same model has the same bytes, whenever it is written
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


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


def load_artifact(data: bytes, sha256: str) -> SegmentModel:
    """Check sha256 first, then read; nothing is deserialised when the hash differs.

    Raises
    ------
    ModelRejected
        The bytes are not those that were published, or ``read_artifact`` refuses them.
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise ModelRejected(
            f"Model file refused before loading: its sha256 is {actual}, recorded was {sha256}. "
            + NEXT_STEP
        )
    return read_artifact(data)


def read_artifact(data: bytes) -> SegmentModel:
    """Read bytes whose sha256 was checked; only types that skops trusts by itself are allowed.

    Format and scikit-learn version are compared before anything is deserialised.

    Raises
    ------
    ModelRejected
        Not such a file, of another format or scikit-learn version, or with foreign types.
    """
    try:
        _check_header(data)
        untrusted = skops.io.get_untrusted_types(data=data)
        if untrusted:
            raise ModelRejected(
                f"Model file refused: it holds foreign types {untrusted}. {NEXT_STEP}"
            )
        document = skops.io.loads(data, trusted=[])
        return SegmentModel(pipeline=document["pipeline"], **json.loads(document["facts"]))
    except ModelRejected:
        raise
    except Exception as error:  # any bytes may come here; zipfile, json and skops raise many kinds
        raise ModelRejected(
            f"Model file refused: it cannot be read ({error!r}). {NEXT_STEP}"
        ) from None


def _check_header(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        header = json.loads(archive.read(HEADER))
    if header["format"] != FORMAT:
        raise ModelRejected(
            f"Model file refused: format {header['format']}, this reads {FORMAT}. {NEXT_STEP}"
        )
    if header["sklearn_version"] != sklearn.__version__:
        raise ModelRejected(
            f"Model file refused: written by scikit-learn {header['sklearn_version']}, this is "
            f"{sklearn.__version__}. {NEXT_STEP}"
        )


def features_to_json(features: tuple[Feature, ...]) -> list[dict[str, Any]]:
    """Declared features as plain JSON; ``parse_features`` reads them back."""
    return [asdict(feature) for feature in features]
