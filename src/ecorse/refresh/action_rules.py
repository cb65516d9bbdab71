"""The rules of ``include/actions`` as parameters of the template of ``segment_actions``.

What belongs here: from a rule to the parts of SQL that the template repeats for each. What does
not: what a rule may say (``ecorse.models.action``), the test of its effect, which is the same for
all (``segments/segment_actions.template.sql``).
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from ecorse.errors import ConfigError
from ecorse.models.action import Action, literal, read_actions
from ecorse.refresh.render import output_columns, parse_select
from ecorse.settings import Settings

NEEDED = {
    "shop_id": "text",
    "segmentation": "text",
    "segment_id": "integer",
    "cases": "bigint",
    "total": "numeric(38, 12)",
    "squares": "numeric(38, 12)",
    "other_cases": "bigint",
    "other_total": "numeric(38, 12)",
    "other_squares": "numeric(38, 12)",
    "addressed": "bigint",
    "value_each": "numeric(28, 4)",
}
"""What each rule's select gives: the two groups that are compared, who is addressed, and what one
response brings (null where it cannot be told)."""
OPTIONAL = {
    "category": "text",
    "product_ids": "jsonb",
    "from_hour": "integer",
    "to_hour": "integer",
    "weekday": "integer",
    "month_number": "integer",
    "within_days": "integer",
    "is_fit": "boolean",
}
"""Window and products, and whether a segment meets the rule's other conditions (it counts as tried
all the same); what a rule leaves out is null."""
Rule = tuple[tuple[str, str], ...]


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """Each rule as parameters of the template, by name; hashable, so that marts are read once.

    Raises
    ------
    ConfigError
        A rule's select cannot be read, or lacks a column; the message names the file.
    """
    return tuple(rule_of(action) for action in read_actions(settings).values())


@lru_cache(maxsize=256)
def _columns_of(select: str, where: str) -> tuple[str, ...]:
    return output_columns(parse_select(select, where), where)


def rule_of(action: Action) -> Rule:
    """The parts of SQL that the template has of a rule.

    Raises
    ------
    ConfigError
        Its select cannot be read, lacks a column, or has one that nothing takes.
    """
    where = f"{action.path} (select)"
    select = action.file.rendered()
    given = _columns_of(select, where)
    figures = tuple(action.file.evidence)
    missing = [name for name in (*NEEDED, *figures) if name not in given]
    if missing:
        raise ConfigError(
            f"{where}: has no column {', '.join(missing)}; it gives {', '.join(NEEDED)}, the "
            f"figures of [evidence], and of {', '.join(OPTIONAL)} what it has."
        )
    unknown = [name for name in given if name not in {*NEEDED, *OPTIONAL, *figures}]
    if unknown:
        raise ConfigError(
            f"{where}: gives {', '.join(unknown)}, which is no column of marts.segment_actions; "
            "state its SQL under [evidence], or leave it out."
        )
    wanted = {**NEEDED, **OPTIONAL}
    columns = [
        f"cast({name if name in given else 'null'} as {kind}) as {name}"
        for name, kind in wanted.items()
    ]
    pairs = ", ".join(f"{literal(name)}, {name}" for name in figures)
    parts = {
        "name": literal(action.name),
        "select": select.strip().rstrip(";"),
        "columns": ",\n    ".join(columns),
        "evidence": f"jsonb_build_object({pairs})",
        "evidence_sql": f"cast({literal(json.dumps(action.file.figures()))} as jsonb)",
        "sentence": _sentence(action.file.what_to_do),
        "effect_measure": literal(action.file.effect.is_),
        "value_measure": literal(action.file.expected_value),
        "is_share": "1" if action.file.effect.of == "share" else "0",
        "is_more": "1" if action.file.effect.direction == "more" else "0",
        "holdout_share": repr(action.file.holdout.share),
        **{name: literal(p.value) for name, p in action.file.parameters.items()},
    }
    return tuple(parts.items())


def _sentence(text: str) -> str:
    """A sentence with places as SQL: ``concat('Show ', segment_name, ' this')``."""
    parts = [part for part in re.split(r"(\{\w+\})", text) if part]
    return f"concat({', '.join(p[1:-1] if p[0] == '{' else literal(p) for p in parts)})"
