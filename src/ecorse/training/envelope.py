"""The file of a model version: the model's own files and the facts of training, in one zip.

What belongs here: packing and unpacking; the same content gives the same bytes. What does not:
where it is kept (``artifacts``), what is in the model's files (the model).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from ecorse.errors import ModelRejected

FORMAT = 2
FACTS = "ecorse.json"
MODEL = "model/"
NEXT_STEP = (
    "The last published night stays; restore the file from a copy, or raise generation in the "
    "model's declaration to train anew."
)


def pack(facts: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """One zip of JSON facts and a model's files, in the order of their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        members = {FACTS: json.dumps({"format": FORMAT, **facts}, sort_keys=True).encode()}
        members |= {MODEL + name: files[name] for name in sorted(files)}
        for name, content in members.items():
            # ZipInfo's own date is 1980: the same model has the same bytes whenever it is written
            # what the model wrote is compressed already
            kind = zipfile.ZIP_DEFLATED if name == FACTS else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Facts and files of a packed model; nothing in it is run.

    Raises
    ------
    ModelRejected
        The bytes are no such file, or of another format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            facts = json.loads(archive.read(FACTS))
            files = {
                name.removeprefix(MODEL): archive.read(name)
                for name in archive.namelist()
                if name.startswith(MODEL)
            }
        written = facts.pop("format")
    except Exception as error:  # any bytes may come here; zipfile and json raise many kinds
        raise ModelRejected(
            f"Model file refused: it cannot be read ({error!r}). {NEXT_STEP}"
        ) from None
    if written != FORMAT:
        raise ModelRejected(
            f"Model file refused: format {written}, this reads {FORMAT}. {NEXT_STEP}"
        )
    return facts, files
