"""Proposing a mapping from a sample of a file: ``ecorse source draft``.

What belongs here: the text of a draft besides its columns (``draft_columns``). What does not: the
guesses themselves (``draft_words``, ``draft_values``, ``draft_roles``, ``draft_rules``), and
deciding: where a file allows two readings the draft has a question, and no line that answers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ecorse.schema.shape import PLAIN, Shape
from ecorse.sources.mappings import draft_rules
from ecorse.sources.mappings.draft_beside import Beside
from ecorse.sources.mappings.draft_columns import Columns, quoted
from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_roles import Roles, decide
from ecorse.sources.mappings.draft_sample import Sample, read_sample
from ecorse.sources.mappings.draft_settled import Settled, settle
from ecorse.sources.mappings.draft_statuses import status_lines, taken_back_lines
from ecorse.sources.mappings.draft_tax import tax_lines
from ecorse.sources.mappings.draft_values import look


@dataclass(frozen=True)
class Drafted:
    """A draft: its text, and what was decided, for those who measure it."""

    text: str
    roles: Roles
    targets: dict[str, str]


def draft(path: Path, table: str | None = None) -> Drafted:
    """A mapping for a file, as TOML with comments; ``table`` is guessed where it is not given.

    Raises
    ------
    ContractError
        The file cannot be read as a table.
    """
    sample = read_sample(path)
    looks = tuple(look(name, sample.texts[name]) for name in sample.names)
    roles = decide(looks, table)
    settled = settle(looks, roles)
    writer = _Writer(path, sample, looks, settled.roles, settled)
    return Drafted(writer.text(), settled.roles, writer.targets)


class _Writer:
    """One draft at work."""

    def __init__(
        self,
        path: Path,
        sample: Sample,
        looks: tuple[Look, ...],
        roles: Roles,
        settled: Settled,
    ) -> None:
        self.path, self.sample, self.looks, self.roles = path, sample, looks, roles
        self.columns = Columns(sample.texts, looks, settled)
        self.staging, self.targets = self.columns.staging, self.columns.targets
        self.beside = self._beside(settled)

    def _beside(self, settled: Settled) -> Beside | None:
        order = next((n for n, target in self.targets.items() if target == "order_id"), None)
        if self.roles.table != "order_lines" or order is None:
            return None
        status = next((k for k in self.looks if self.targets.get(k.name) == "status"), None)
        return Beside(settled.money, order, status)

    def text(self) -> str:
        """The whole draft."""
        columns = list(self.columns.lines())
        parts = [
            [f"# A draft made from {self.sample.texts.height} rows of {self.path.name}: read it "
             "line by line.", "# Every QUESTION is yours to answer. Save it as "
             "include/sources/<name>.toml, then:",
             f"#   ecorse source check {self.path.name} --source <name>",
             f'about = "What {self.path.name} is, in a sentence."'],
            self._table(), list(self._shape()), list(self._repeats()), list(self._fill_down()),
            self._above(), ["", "columns = [", *columns, "]"], list(self._missing()),
            self._statuses(), list(self.beside.lines()) if self.beside else [], list(self._rules()),
        ]  # fmt: skip
        return "\n".join(line for part in parts for line in part) + "\n"

    def _above(self) -> list[str]:
        """Keys above the columns: tax, and what cancelled rows are."""
        of_prices = tax_lines(self.targets) if self.roles.table == "order_lines" else ()
        head = self.beside.head() if self.beside else ()
        return [*of_prices, *head, *self._taken_back()]

    def _taken_back(self) -> Iterator[str]:
        if self.roles.table != "order_lines":
            return
        by_target = {t: one for one in self.looks if (t := self.targets.get(one.name))}
        status, order = by_target.get("status"), by_target.get("order_id")
        if status is not None and order is not None:
            pieces = by_target.get("quantity")
            yield from taken_back_lines(
                status.texts, order.texts, None if pieces is None else pieces.read()
            )

    def _table(self) -> list[str]:
        line = f"table = {quoted(self.roles.table)}"
        if self.roles.question:
            return [f"# QUESTION: {self.roles.question}.", line]
        return [line]

    def _shape(self) -> Iterator[str]:
        """How the file is written, where that is not the usual way."""
        for finding in self.sample.findings:
            yield f"# QUESTION: {finding.part}: {finding.sentence}"
        shape = self.sample.shape
        for key in Shape.__dataclass_fields__:
            value = getattr(shape, key)
            if value != getattr(PLAIN, key):
                written = list(value) if isinstance(value, tuple) else value
                yield f"{key} = {quoted(written)}"

    def _repeats(self) -> Iterator[str]:
        key = draft_rules.key_of_lines(self.looks, self.targets, self.sample.texts)
        if key is not None and key.is_proven and self.roles.table == "order_lines":
            yield f"# proven: {key.evidence}"
            yield f"line_key = {quoted(list(key.names))}"
        elif key is not None and self.roles.table == "order_lines":
            named = " with ".join(map(repr, key.names))
            yield (
                f"# QUESTION: does {named} name the same line in every later export? {key.evidence}"
            )
            yield f"# line_key = {quoted(list(key.names))}"
        equal = draft_rules.equal_lines(self.sample.texts)
        if equal:
            yield (
                f"# QUESTION: {equal} sampled rows equal an earlier one in every column. Are they "
                'repeats ("drop", as without this line), or pieces that were sold ("keep")?'
            )
            yield '# repeats = "keep"'

    def _fill_down(self) -> Iterator[str]:
        """Values that stand on an order's first line only."""
        if self.roles.table != "order_lines":
            return
        down = draft_rules.filled_down(self.looks, self.targets, self.sample.texts)
        joined = [one.name for one in self.columns.date_and_time() or ()]
        about = [
            n for n in down if n in joined or self.targets.get(n) not in (None, "discount_amount")
        ]
        if about:
            within = next(n for n, target in self.targets.items() if target == "order_id")
            yield f"# stands on the first line of each order only: {', '.join(map(repr, about))}"
            yield f"fill_down = {{ within = {quoted(within)}, columns = {quoted(about)} }}"

    def _missing(self) -> Iterator[str]:
        """What every row needs and no column was recognised as."""
        given = set(self.targets.values())
        if "line_total" in given:
            given.add("unit_price")
        needed = [t for t in self.staging.targets(needed=True) if t not in given]
        if self.roles.table == "order_lines":
            if not given & {"ordered_local", "ordered_at"}:
                needed.append("ordered_local")
            if not given & {"product_id", "product_name"}:
                needed.append("product_id")
        if not needed:
            return
        yield ""
        for target in needed:
            yield f"# QUESTION: no column was recognised as {target}, which every row needs."
        yield "# Give a column that target, take it from another file ([[lookups]]), or state it:"
        yield "# [constants]"
        for target in needed:
            value = "1  # if each row is one piece" if target == "quantity" else '"..."'
            yield f"# {target} = {value}"

    def _statuses(self) -> list[str]:
        for one in self.looks:
            target = self.targets.get(one.name)
            if target in ("status", "event_type") and one.rows:
                return status_lines(one.texts, target, self.staging)
        return []

    def _rules(self) -> Iterator[str]:
        frame = self.columns.typed()
        for found in draft_rules.propose(self.looks, self.targets, frame):
            exceptions = f"; not in: {found.broken}" if found.broken else ""
            yield ""
            yield "[[rules]]"
            yield f"id = {quoted(found.id)}"
            yield f"expr = {_literal(found.expr)}"
            about = f"holds in {found.kept} of {found.judged} rows{exceptions}"
            yield f'level = "{found.level}"  # {about}'
            yield f"sentence = {quoted(found.sentence)}"


def _literal(text: str) -> str:
    return f"'{text}'" if "'" not in text else quoted(text)
