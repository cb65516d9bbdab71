"""Whatever files come in whatever order, are changed, come again, are withdrawn or read anew: a
build counts what the files say in the end.

What is expected is worked out by a model in a few lines: what each file says and since when.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecorse.ingest.upkeep import prune, undo_withdrawal, withdraw
from ecorse.warehouse.connect import connect
from keyed_shop import counted, keyed_source, load, money, open_build, write

FILES = int(os.environ.get("ECORSE_TEST_FILES", "15"))
NAMES = ("a.csv", "b.csv", "c.csv")
ORDER_OF = {"k1": "A", "k2": "A", "k3": "B"}
# (key, pieces) of a file, 0: a row that is left out; and what its orders state as shipping
CONTENTS = st.tuples(
    st.dictionaries(st.sampled_from(list(ORDER_OF)), st.integers(0, 2), min_size=1),
    st.sampled_from(["", "5.00", "6.00"]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("bring"), st.sampled_from(NAMES), CONTENTS),
        st.tuples(st.just("bring"), st.sampled_from(NAMES), CONTENTS),
        st.tuples(st.sampled_from(["withdraw", "undo", "read again"]), st.sampled_from(NAMES)),
        st.tuples(st.just("prune"), st.just("")),
    ),
    min_size=1,
    max_size=12,
)


def rows(content: tuple[dict[str, int], str]) -> tuple[str, ...]:
    pieces, shipping = content
    return tuple(
        f"{k},{ORDER_OF[k]},mug,{n},10.00,{'sold' if n else 'void'},{shipping}"
        for k, n in pieces.items()
    )


@dataclass
class Model:
    """What each file says, and since when; and what was withdrawn."""

    says: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    had: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    withdrawn: set[tuple[str, ...]] = field(default_factory=set)
    clock: int = 0

    def bring(self, name: str, content: tuple[str, ...]) -> None:
        if content in self.withdrawn:
            return
        self.clock += 1
        before = self.had.get(name)
        self.had[name] = before if before and before[0] == content else (content, self.clock)
        self.says[name] = self.had[name]

    def withdraw(self, content: tuple[str, ...]) -> None:
        self.withdrawn.add(content)
        self.says = {name: said for name, said in self.says.items() if said[0] != content}

    def lines(self) -> list[tuple]:
        """Lines by kind, order, key's pieces and price, as the files say them one after another."""
        own: dict[str, int] = {}
        shipping: dict[str, tuple[str, float]] = {}  # of an order: beside which key, how much
        for content, _ in sorted(self.says.values(), key=lambda said: said[1]):
            stated: dict[str, tuple[str, float]] = {}
            for key, order, _, pieces, _, _, amount in (row.split(",") for row in content):
                own[key] = int(pieces)
                if shipping.get(order, ("",))[0] == key:
                    del shipping[order]
                if int(pieces) and amount and order not in stated:
                    stated[order] = (key, float(amount))
            shipping |= stated
        lines = [("product", ORDER_OF[k], "mug", n, 10.0, "sold") for k, n in own.items() if n]
        lines += [
            ("shipping", order, "shipping", 1, amount, "sold")
            for order, (_, amount) in shipping.items()
        ]
        return sorted(lines)


@settings(
    max_examples=FILES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
def test_a_build_counts_what_the_files_say_in_the_end(warehouse, tmp_path, steps):
    with connect() as conn:
        conn.execute(
            "truncate staging.order_lines, staging.repeated_order_lines, ops.load, ops.build, "
            "ops.seen_file cascade"
        )
    source, model, files = keyed_source(tmp_path), Model(), {}

    def bring(name: str, **options) -> None:
        load(write(tmp_path / name, files[name]), source, **options)

    for step in steps:
        kind, name = step[:2]
        if kind == "bring":
            files[name] = rows(step[2])
            bring(name)
            model.bring(name, files[name])
        elif kind == "prune":
            prune(0, holder="test")
        elif name in files:
            if kind == "read again" and name in model.says:
                bring(name, is_replay=model.says[name][0] == files[name])
            elif kind == "withdraw" and _load_of(files[name], tmp_path):
                withdraw(_load_of(files[name], tmp_path), "wrong", holder="test")
                model.withdraw(files[name])
            elif kind == "undo" and files[name] in model.withdrawn:
                undo_withdrawal(_load_of(files[name], tmp_path, is_live=False), holder="test")
                model.withdrawn.remove(files[name])
    for _ in range(2):  # the nights after, in which every file of the folder is looked at
        for name in files:
            bring(name)
            model.bring(name, files[name])
    build = open_build()
    assert counted(build) == model.lines()
    assert money(build) == sum(line[3] * line[4] for line in model.lines())


def _load_of(content, tmp_path, is_live: bool = True) -> int:
    """The load of a content that counts, or that was withdrawn."""
    import hashlib

    path = write(tmp_path / "same", content)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    condition = "superseded_at is null" if is_live else "withdrawn_reason is not null"
    with connect() as conn:
        row = conn.execute(
            f"select max(load_id) from ops.load where sha256 = %s and {condition}", (sha256,)
        ).fetchone()
    return row[0]
