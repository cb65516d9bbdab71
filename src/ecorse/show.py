"""How results show themselves in a notebook.

What belongs here: HTML of small results, for ``_repr_html_``. What does not: frames, which pandas
shows, and pages (``ecorse.reports``).
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any


def html_table(values: Mapping[str, Any]) -> str:
    """Names and values as an HTML table, one row each."""
    rows = "".join(
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"
