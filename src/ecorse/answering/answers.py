"""Answers out of one shop of a published night.

What belongs here: what each kind of question is answered from, and from what where that is not
there. What does not: reading (``shop``), arithmetic (``listed``, ``recommenders.basket``).
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ecorse.answering import listed
from ecorse.answering.fill import best_sellers
from ecorse.answering.question import BY_LISTS, BY_MODEL, Answer, Question
from ecorse.answering.ruled import SOURCE
from ecorse.answering.saved import SavedModel
from ecorse.answering.shop import Shop
from ecorse.errors import DataError, ModelRejected
from ecorse.models.list_rules import RuledList
from ecorse.recommenders.basket import recommend_for_basket

CANDIDATES = 200  # asked of a model where some are left out, or weighed by the time
NONE = pl.DataFrame(schema={"product_id": pl.String, "score": pl.Float64})


def answer(shop: Shop, question: Question) -> Answer:
    """The ``n`` best for a question.

    Raises
    ------
    DataError
        A product, category, month, daypart, segment, word or method is not in the night (the
        message has those that are), or the question is none.
    ModelRejected
        A saved model was asked for, and its file is lost or was changed.
    """
    question.check()
    shop.of_category(question.category)
    if question.products and question.method == BY_LISTS:
        return _for_basket(shop, question)
    if question.products or question.session:
        return _by_model(shop, question)
    if question.customer is not None:
        return _for_customer(shop, question, question.customer)
    if question.segmentation is not None and question.segment is not None:
        rows = shop.segment(question.segmentation, question.segment).with_columns(
            source=pl.lit("segment"),
            reason=pl.format(
                "Bought by {} of the {} customers of {}", "bought_by", "members", "segment_name"
            ),
        )
        rows = shop.rules("segment").weighed(
            rows.sort("score", descending=True, maintain_order=True)
        )
        return _finish(shop, question, rows, [], "segment")
    matches, said = _matching(shop, question, "query")
    return _finish(shop, question, matches, said, "query", of=matches["product_id"].to_list())


def _for_basket(shop: Shop, question: Question) -> Answer:
    chosen = [shop.product_id(name) for name in question.products]
    rules, popular = shop.rules("basket"), shop.rules("popular")
    lift = shop.lift(question.month, question.daypart)
    is_free = rules.is_empty and popular.is_empty
    similar = shop.similar(chosen)
    found = recommend_for_basket(
        similar,
        shop.catalogue,
        chosen,
        question.n if is_free else shop.catalogue.height,
        category=question.category,
        context=lift if rules.factors.is_empty() else listed.times(lift, rules.factors),
    ).rename({"because_of": "because"})
    relations = similar.select(
        "relation", because="product_id", product_id="similar_product_id"
    ).unique(["because", "product_id"])
    found = found.join(relations, on=["because", "product_id"], how="left", maintain_order="left")
    rows = rules.told(rules.allowed(listed.reasoned(found, shop.names, "A best seller")))
    best = popular.allowed(rows.filter(pl.col("source") == "popular"))
    rows = pl.concat([rows.filter(pl.col("source") != "popular"), best])
    return _placed(shop, question, rows, [], "basket", None)


def _by_model(shop: Shop, question: Question) -> Answer:
    # no customer of such a shop has anything left to explore, or it knows no customers
    kind = "explore" if "explore" in shop.served else "item_similarity"
    model, k = _model(shop, question, kind), _candidates(shop, question, "basket")
    if question.products:
        found = model.for_basket([shop.product_id(name) for name in question.products], k)
    else:
        found = model.for_session([shop.product_id(name) for name in question.session], k)
    by_model = f"By the saved model {model.method}"
    rows = shop.rules("basket").weighed(listed.reasoned(found, shop.names, by_model))
    return _finish(shop, question, rows, [], "basket")


def _for_customer(shop: Shop, question: Question, customer: str) -> Answer:
    said: list[str] = []
    own, kind = shop.list_of(customer, question.list), question.list
    pinned = own.filter(pl.col("source") == SOURCE)["product_id"].to_list()
    nothing = f"Customer {customer!r} has no list {kind} in this night"
    if question.query:
        matches, said = _matching(shop, question, kind)
        if own.is_empty():
            said.append(f"{nothing}: this is what matches the words.")
            return _finish(shop, question, matches, said, kind, of=matches["product_id"].to_list())
        return _finish(shop, question, listed.both(own, matches), said, kind, of=pinned)
    if question.method != BY_LISTS:
        found, pinnable = _by_saved(shop, question, customer, said)
        if found.is_empty():
            return _finish(shop, question, NONE, said, "popular")
        return _finish(shop, question, found, said, kind, of=pinnable)
    if own.is_empty():
        said.append(f"{nothing}: these are best sellers.")
        return _finish(shop, question, NONE, said, "popular")
    fitting = listed.of_category(own, shop.of_category(question.category))
    if fitting.height < question.n:
        try:
            found, _ = _by_saved(shop, question, customer, said)
        except (DataError, ModelRejected) as error:
            said.append(str(error))
        else:
            fitting = listed.behind(fitting, found)
    return _finish(shop, question, fitting, said, kind, of=pinned)


def _by_saved(
    shop: Shop, question: Question, customer: str, said: list[str]
) -> tuple[pl.DataFrame, list[str]]:
    """What the saved model has for a customer, and what may be pinned for them; nothing, where it
    does not know the customer."""
    model, rules = _model(shop, question, question.list), shop.rules(question.list)
    if not model.knows(customer):
        said.append(
            f"The saved model {model.method} does not know customer {customer!r}: these are best "
            "sellers."
        )
        return NONE, []
    is_new = question.list == "explore"
    had = shop.had_by(customer) if is_new or rules.pins else []
    among = rules.allowed(shop.of_category(question.category))["product_id"].to_list()
    k = _candidates(shop, question, question.list)
    found = model.for_customer(customer, k, had=had if is_new else None, among=among)
    kept_out = {*model.refused_by(customer), *(had if is_new else ())} if rules.pins else set()
    pinnable = [
        product
        for product in rules.pins
        if product not in kept_out and (question.list != "buy_again" or product in had)
    ]
    by_model = f"By the saved model {model.method}"
    return rules.weighed(listed.reasoned(found, shop.names, by_model)), pinnable


def _matching(shop: Shop, question: Question, kind: RuledList) -> tuple[pl.DataFrame, list[str]]:
    """Products that match the words, the best first; what is told of unknown words."""
    matches = shop.words.match(question.query)
    items = sorted(matches.matched, key=lambda item: (-matches.scores[item], item))
    frame = pl.DataFrame(
        {
            "product_id": shop.catalogue["product_id"].gather(items),
            "score": matches.scores[items],
            "source": ["query"] * len(items),
            "reason": [f"Matches {', '.join(matches.matched[item])}" for item in items],
        }
    )
    said = [f"No product has {', '.join(matches.unknown)}."] if matches.unknown else []
    return shop.rules(kind).weighed(frame), said


def _finish(
    shop: Shop,
    question: Question,
    rows: pl.DataFrame,
    said: list[str],
    kind: RuledList,
    of: Collection[str] | None = None,
) -> Answer:
    """The rows that fit, weighed by the time, with best sellers behind them, within the rules.

    ``rows`` are those that the rules of lists of this ``kind`` allow, boosted already. ``of``: only
    these may be pinned.
    """
    lift, rules = shop.lift(question.month, question.daypart), shop.rules(kind)
    if question.category is not None:
        rows = listed.of_category(rows, shop.of_category(question.category))
    rows = listed.weighed(rules.allowed(rows), lift)
    is_full = rows.height >= question.n and not rules.is_capped
    if question.list == "buy_again" and question.customer is not None and rows.height > 0:
        is_full = True
    if not is_full:
        best = best_sellers(shop, question, kind)
        rows = listed.behind(rows, best.filter(~pl.col("product_id").is_in(_taken(shop, question))))
    return _placed(shop, question, rows, said, kind, of)


def _placed(
    shop: Shop,
    question: Question,
    rows: pl.DataFrame,
    said: list[str],
    kind: RuledList,
    of: Collection[str] | None,
) -> Answer:
    """An answer out of all rows: within the caps, each pin that may be here at its place."""
    rules = shop.rules(kind)
    if rules.is_empty:
        return Answer(listed.ranked(rows, shop.names, question.n), tuple(said))
    taken = _taken(shop, question)
    fitting = set(shop.of_category(question.category)["product_id"]) - {*taken}
    pinnable = fitting & {*(rules.pins if of is None else of)}
    is_capped = question.category is None
    rows = rules.placed(rows, pinnable, is_capped=is_capped)
    frame = listed.ranked(rows, shop.names, question.n)
    is_narrowed = (is_capped and rules.is_capped) or not fitting.isdisjoint(
        rules.excluded["product_id"]
    )
    if frame.height < question.n and kind != "buy_again" and is_narrowed:
        said = [
            *said,
            f"The shop's rules (marts.rules_in_force) leave no more for the list {kind}.",
        ]
    return Answer(frame, tuple(said))


def _taken(shop: Shop, question: Question) -> list[str]:
    """What is at hand already, and what a customer who explores had."""
    taken = [shop.product_id(name) for name in (*question.products, *question.session)]
    if question.customer is not None and question.list == "explore":
        taken += shop.had_by(question.customer)
    return taken


def _model(shop: Shop, question: Question, kind: str) -> SavedModel:
    """The saved model of the named method; of the one that is served for a list, if none is."""
    if question.method not in (BY_LISTS, BY_MODEL):
        return shop.model(question.method)
    if kind not in shop.served:
        raise DataError(
            f"Shop {shop.shop_id!r} serves no list {kind}; it serves "
            f"{', '.join(sorted(shop.served)) or 'none'}."
        )
    return shop.model(shop.served[kind])


def _candidates(shop: Shop, question: Question, kind: RuledList) -> int:
    """How many to ask a model for: more where some will be left out or weighed."""
    rules, every = shop.rules(kind), shop.catalogue.height
    is_among = question.customer is not None  # a basket's answer cannot be asked for among some
    if rules.is_capped or not rules.factors.is_empty() or (question.category and not is_among):
        return every
    more = len(rules.pins) + (0 if is_among else rules.excluded.height)
    is_timed = question.month is not None or question.daypart is not None
    least = CANDIDATES if is_timed else 0
    return min(every, max(least, question.n) + more) if more else max(least, question.n)
