"""The packed model: comes back whole with the same bytes, or is refused."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import pytest

from ecorse.errors import ModelRejected
from ecorse.training import envelope
from ecorse.training.envelope import pack, unpack

FACTS = {"products": ["a", "ä", "日本"], "next": 3}
FILES = {"b.bin": bytes(range(256)), "a.json": b"{}"}


def test_facts_and_files_come_back():
    assert unpack(pack(FACTS, FILES)) == (FACTS, FILES)
    assert unpack(pack({}, {})) == ({}, {})


def test_the_same_content_has_the_same_bytes_in_any_order():
    other = pack(dict(reversed(FACTS.items())), dict(reversed(FILES.items())))
    assert other == pack(FACTS, FILES)


def changed(**facts) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(envelope.FACTS, json.dumps(facts))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"not a model", pickle.dumps(FACTS), pack(FACTS, FILES)[:-30], changed(next=1)],
    ids=["nothing", "two bytes", "text", "a pickle", "cut off", "no format"],
)
def test_other_bytes_are_refused_and_the_next_step_is_told(data):
    with pytest.raises(ModelRejected, match=r"cannot be read .*raise generation"):
        unpack(data)


def test_a_damaged_member_is_refused():
    data = bytearray(pack(FACTS, FILES))
    place = data.index(FILES["b.bin"])
    data[place] ^= 1
    with pytest.raises(ModelRejected, match="cannot be read"):
        unpack(bytes(data))


def test_another_format_is_refused_and_the_next_step_is_told():
    with pytest.raises(ModelRejected, match=r"format 1, this reads 2\..*raise generation"):
        unpack(changed(format=1))
