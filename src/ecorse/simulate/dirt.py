"""The dirt of real files, planted in known amounts and at known places.

What belongs here: how much of each kind is usual, and putting it between the lines of a block of
text; bytes in, bytes out. What does not: which rows there are and which rows a format's reader
must refuse (``formats``), files (``write_shop.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Dirt:
    """How many rows of each kind are added, as shares of a file's clean rows.

    A share above 0 gives at least one such row in every file that has clean rows. The defaults are
    near what monthly exports of small shops show.
    """

    blank: float = 0.003
    header: float = 0.002
    duplicate: float = 0.0015
    broken: float = 0.001

    def count(self, kind: str, clean_rows: int) -> int:
        """Give the number of rows of a kind in a file with so many clean rows."""
        share: float = getattr(self, kind)
        if share <= 0 or clean_rows == 0:
            return 0
        return max(1, round(share * clean_rows))


CLEAN = Dirt(0, 0, 0, 0)


@dataclass
class Planted:
    """What one file holds so far; ``broken`` lists line number and kind of every refused row.

    ``lines`` counts physical lines, the header among them.
    """

    lines: int = 1
    clean: int = 0
    duplicate: int = 0
    blank: int = 0
    headers: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)

    def still_to_plant(self, dirt: Dirt) -> dict[str, int]:
        """How many rows of each kind are missing to what so many clean lines should hold."""
        have = {"duplicate": self.duplicate, "blank": self.blank, "header": self.headers,
                "broken": len(self.broken)}  # fmt: skip
        return {kind: max(0, dirt.count(kind, self.clean) - n) for kind, n in have.items()}


def splice(
    block: bytes,
    planted: Planted,
    dirt: Dirt,
    rng: np.random.Generator,
    *,
    header: bytes,
    blank: bytes,
    broken: Mapping[str, str],
    tag: str,
) -> bytes:
    """Put duplicates, blank rows, repeated headers and broken rows between the lines of a block.

    ``block`` holds whole lines, each with its line end, as do ``header`` and ``blank``. A duplicate
    stands right behind its original. ``planted`` is brought up to date.
    """
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 10) + 1
    n = len(ends)
    planted.clean += n
    wanted = planted.still_to_plant(dirt) if n else {}
    if not any(wanted.values()):
        planted.lines += n
        return block
    kinds = list(broken)
    line_end = header[-2:] if header.endswith(b"\r\n") else header[-1:]
    added: list[tuple[int, int, bytes, str]] = []  # line it follows, place there, bytes, kind
    copied = np.unique((rng.random(wanted["duplicate"]) * n).astype(np.int64))
    for index in copied.tolist():
        start = int(ends[index - 1]) if index else 0
        added.append((index, 0, block[start : int(ends[index])], "duplicate"))
    for number in range(wanted["broken"] if kinds else 0):
        nth = len(planted.broken) + number
        text = broken[kinds[nth % len(kinds)]].replace("{id}", f"SIM-X{tag}{nth + 1:06d}")
        added.append((int(rng.random() * n), 1, text.encode() + line_end, kinds[nth % len(kinds)]))
    added += [(int(u * n), 2, blank, "blank") for u in rng.random(wanted["blank"])]
    added += [(int(u * n), 3, header, "header") for u in rng.random(wanted["header"])]
    added.sort(key=lambda row: row[:2])

    planted.duplicate += len(copied)
    planted.blank += wanted["blank"]
    planted.headers += wanted["header"]
    pieces, done = [], 0
    for count, (index, _, row, kind) in enumerate(added, 1):
        end = int(ends[index])
        if end > done:
            pieces.append(block[done:end])
            done = end
        pieces.append(row)
        if kind in broken:
            planted.broken.append((planted.lines + index + 1 + count, kind))
    planted.lines += n + len(added)
    return b"".join([*pieces, block[done:]])
