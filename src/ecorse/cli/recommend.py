"""Asking the published night for recommendations.

What belongs here: the command and how its answer looks. What does not: the answer
(``ecorse.answering``).
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ecorse.cli.common import Json, emit, out, say

commands = typer.Typer()
WIDEST = 46  # a longer name is cut


@commands.command()
def recommend(
    products: Annotated[
        list[str] | None, typer.Argument(help="What is in the basket: product names or ids.")
    ] = None,
    customer: Annotated[str | None, typer.Option(help="A customer's list.")] = None,
    kind: Annotated[
        str, typer.Option("--list", help="Which: for_you, explore or buy_again.")
    ] = "for_you",
    query: Annotated[
        list[str] | None,
        typer.Option(help="What was searched for; again for a later search."),
    ] = None,
    session: Annotated[
        list[str] | None,
        typer.Option(help="A product that was looked at; again for a later one."),
    ] = None,
    segmentation: Annotated[
        str | None, typer.Option(help="With --segment: for a customer who is new but known to it.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="The segment's name or number.")] = None,
    by_model: Annotated[
        bool, typer.Option("--model", help="Ask the saved model instead of the lists.")
    ] = False,
    method: Annotated[str | None, typer.Option(help="Ask the saved model of this method.")] = None,
    shop: Annotated[
        str | None, typer.Option(help="Which shop of the night; needed where it has several.")
    ] = None,
    n: Annotated[int, typer.Option("-n", help="How many.")] = 5,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    month: Annotated[int | None, typer.Option(min=1, max=12, help="As in this month.")] = None,
    daypart: Annotated[str | None, typer.Option(help="As at this time, e.g. Evening.")] = None,
    as_json: Json = False,
) -> None:
    """What to show beside products, to a customer, or for a search, from the published night."""
    from ecorse.answering.question import BY_LISTS, BY_MODEL
    from ecorse.night import Night

    with Night() as night:
        answer = night.answer(
            products or (), shop=shop, customer=customer, list=kind, query=query or (),
            session=session or (), segmentation=segmentation, segment=segment,
            method=method or (BY_MODEL if by_model else BY_LISTS),
            n=n, category=category, month=month, daypart=daypart,
        )  # fmt: skip
    rows = answer.frame.to_dicts()
    if as_json:
        emit(rows)
        for sentence in answer.said:
            say(sentence)
        return
    for sentence in answer.said:
        out(sentence)
    _print(rows)


def _print(rows: list[dict[str, Any]]) -> None:
    """Rank, name, category and why, in columns as wide as they need to be."""
    names = [_cut(row["product_name"]) for row in rows]
    categories = [_cut(row["category"] or "") for row in rows]
    name_width = max(map(len, names), default=0)
    category_width = max(map(len, categories), default=0)
    for row, name, category in zip(rows, names, categories, strict=True):
        place = f"{row['rank']:>3}. {name:{name_width}}"
        of = f"  {category:{category_width}}" if category_width else ""
        out(f"{place}{of}  {row['reason']}")


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
