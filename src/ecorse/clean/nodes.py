"""The nodes that sqlglot gives for a call, and what a node says besides its parts.

What belongs here: reading single nodes. What does not: what they mean (``whitelist``).
"""

from __future__ import annotations

from sqlglot import exp

from ecorse.clean.operands import ExpressionError

# nodes that sqlglot makes of functions that are ours: node -> (name, its arguments in order)
NODES: dict[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Year: ("year", ("this",)), exp.Month: ("month", ("this",)), exp.Day: ("day", ("this",)),
    exp.Hour: ("hour", ("this",)), exp.Lower: ("lower", ("this",)),
    exp.Upper: ("upper", ("this",)), exp.Trim: ("trim", ("this",)),
    exp.Length: ("length", ("this",)), exp.Abs: ("abs", ("this",)),
    exp.Left: ("left", ("this", "expression")), exp.Right: ("right", ("this", "expression")),
    exp.Round: ("round", ("this", "decimals")), exp.Nullif: ("nullif", ("this", "expression")),
    exp.Coalesce: ("coalesce", ("this", "expressions")),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.RegexpLike: ("regexp_like", ("this", "expression")),
    exp.Concat: ("concat", ("expressions",)),
}  # fmt: skip


# what sqlglot notes of how a node was written, and what changes nothing
HARMLESS = {"safe", "coalesce", "typed"}


def said(node: exp.Expr) -> str:
    """A node as SQL, for a person."""
    text = node.sql(normalize_functions="lower")
    return text if len(text) <= 80 else text[:77] + "..."


def called(node: exp.Expr) -> str | None:
    """The name of the function that a node calls, in small letters; None where it calls none."""
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    return NODES[type(node)][0] if type(node) in NODES else None


def arguments(node: exp.Expr) -> list[exp.Expr]:
    """The values that a function is called with.

    Raises
    ------
    ExpressionError
        The call says more than values.
    """
    names = ("expressions",) if isinstance(node, exp.Anonymous) else NODES[type(node)][1]
    only(node, "this", *names)
    found: list[exp.Expr] = []
    for name in names:
        given = node.args.get(name)
        found += given if isinstance(given, list) else [given] if given is not None else []
    return found


def only(node: exp.Expr, *names: str) -> None:
    """Refuse a node that says more than is understood (``in (select ...)``, ``trim(both ...)``)."""
    more = {k for k, v in node.args.items() if v not in (None, False, [])} - {*names, *HARMLESS}
    if more:
        raise ExpressionError(f"{said(node)} says {', '.join(sorted(more))}, which cannot be said")
