"""What came of one file: its account, and a line for a person.

What belongs here: the figures of one load as its caller sees them. What does not: the ledger's
row (``ledger``), the report (``report``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


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
    money_staged: Decimal = Decimal(0)
    currency: str = ""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    superseded: list[int] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    withdrawn_reason: str | None = None
    seconds: float = 0.0

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
        money = (
            f" {self.money_staged:,.2f} {self.currency}"
            if "order_lines" in self.rows_by_table
            else ""
        )
        return (
            f"{self.rows_read} rows = {self.rows_staged} staged + {self.rows_duplicate} duplicate "
            f"+ {self.rows_ignored} ignored + {self.rows_rejected} rejected;"
            f"{money} in {self.seconds:.1f} s{replaced}"
        )
