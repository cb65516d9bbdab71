"""What came of one file: its account, and a line for a person.

What belongs here: the figures of one load as its caller sees them. What does not: the ledger's
row (``ledger``), the report (``report``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from ecorse.ingest.ledger import KnownLoad, LoadRow, Terms


@dataclass(frozen=True)
class LoadSummary:
    """The account of one file.

    ``is_skipped`` means its content was there already, or was withdrawn for the reason given.
    ``changed`` names what is read otherwise since the same content was loaded before.
    """

    load_id: int
    file_name: str
    sha256: str
    is_skipped: bool = False
    rows_read: int = 0
    rows_staged: int = 0
    rows_duplicate: int = 0
    rows_ignored: int = 0
    rows_rejected: int = 0
    rows_by_table: dict[str, int] = field(default_factory=dict)
    lines_added: int = 0
    money_staged: Decimal = Decimal(0)
    money: dict[str, Decimal] = field(default_factory=dict)
    currency: str = ""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    superseded: list[int] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    withdrawn_reason: str | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, load: LoadRow, met: Sequence[KnownLoad], terms: Terms) -> LoadSummary:
        """The summary of a load that counts since just now; ``met`` are those it replaced."""
        before = next((m for m in met if m.sha256 == load.sha256), None)
        return cls(
            load_id=load.load_id,
            file_name=load.file_name,
            sha256=load.sha256,
            rows_read=load.rows_read,
            rows_staged=load.rows_staged,
            rows_duplicate=load.rows_duplicate,
            rows_ignored=load.rows_ignored,
            rows_rejected=load.rows_rejected,
            rows_by_table=dict(load.rows_by_table),
            lines_added=load.lines_added,
            money_staged=load.money_staged,
            money=dict(load.money),
            currency=load.currency,
            counts={kind: dict(rules) for kind, rules in load.counts.items()},
            warnings=list(load.warnings),
            superseded=[m.load_id for m in met],
            changed=_changed(before.terms, terms) if before else [],
            seconds=(datetime.now(UTC) - load.started_at).total_seconds(),
        )

    def sentence(self) -> str:
        """One line for a person."""
        if self.is_skipped and self.withdrawn_reason is not None:
            return (
                f"not loaded, its content was withdrawn as load {self.load_id} "
                f"({self.withdrawn_reason}); `ecorse withdraw {self.load_id} --undo` lets it in"
            )
        if self.is_skipped:
            return f"nothing new, its content is load {self.load_id} already"
        loads = " and ".join(map(str, self.superseded))
        replaced = f", replacing load {loads}" if loads else ""
        if self.changed:
            replaced += f"; loaded again: its {' and '.join(self.changed)} changed"
        said = {
            "staged": f"{self.rows_staged} staged",
            "duplicate": f"{self.rows_duplicate} duplicate",
            "ignored": f"{self.rows_ignored} ignored",
            "rejected": f"{self.rows_rejected} rejected",
        }
        for kind in ("duplicate", "rejected"):
            if amount := money_as(self.money, kind):
                said[kind] += f" ({amount:,.2f} {self.currency})"
        if self.lines_added:
            said["staged"] += f" (and {self.lines_added} lines added)"
        money = (
            f" {self.money_staged:,.2f} {self.currency}"
            if "order_lines" in self.rows_by_table
            else ""
        )
        replaced += self._of_earlier()
        return (
            f"{self.rows_read} rows = {' + '.join(said.values())};"
            f"{money} in {self.seconds:.1f} s{replaced}"
        )

    def _of_earlier(self) -> str:
        """What became of lines of earlier files, by their keys."""
        counts, told = self.counts.get("replaced", {}), ""
        for name, kind, did in (
            ("line_key", "replaced", "replace earlier ones of their key"),
            ("taken_back", "taken_back", "of earlier files are left out now and count no more"),
        ):
            if lines := counts.get(name, 0):
                worth = self.money.get(kind, Decimal(0))
                told += f"; {lines} lines {did} (before: {worth:,.2f} {self.currency})"
        return told


def money_as(money: Mapping[str, Decimal], kind: str) -> Decimal:
    """What is said of rows of a kind: of duplicate ones, those of the file and of others."""
    return sum((amount for name, amount in money.items() if name.startswith(kind)), Decimal(0))


def _changed(before: Terms, now: Terms) -> list[str]:
    """What differs, as a person calls it."""
    names = ("contract", "time zone", "currency")
    return [n for n, old, new in zip(names, before, now, strict=True) if old != new]
