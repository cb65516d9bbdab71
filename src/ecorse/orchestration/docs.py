"""The documentation a DAG shows in the UI, with triage notes built from a short table.

What belongs here: turning tables of text into Markdown. What does not: the texts of one DAG.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Trouble(NamedTuple):
    """One thing that can go wrong: what is seen, what it means, what to do."""

    seen: str
    means: str
    do: str


def dag_doc(about: str, troubles: Iterable[Trouble]) -> str:
    """Markdown for ``doc_md``: what the DAG does, then its triage notes as a table."""
    rows = "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in trouble) + " |"
        for trouble in troubles
    )
    return (
        f"{about.strip()}\n\n### Triage notes\n\n"
        f"| what you see | what it means | what to do |\n|---|---|---|\n{rows}\n"
    )
