"""Answers out of one shop of a published night.

What belongs here: what each kind of question is answered from, and from what where that is not
there. What does not: reading (``shop``), arithmetic (``listed``, ``recommenders.basket``).
"""

from __future__ import annotations

import polars as pl

from ecorse.answering import listed
from ecorse.answering.question import BY_LISTS, BY_MODEL, Answer, Question
from ecorse.answering.saved import SavedModel
from ecorse.answering.shop import Shop
from ecorse.errors import DataError, ModelRejected
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
        return _finish(shop, question, rows, [])
    matches, said = _matching(shop, question)
    return _finish(shop, question, matches, said)


def _for_basket(shop: Shop, question: Question) -> Answer:
    chosen = [shop.product_id(name) for name in question.products]
    found = recommend_for_basket(
        shop.similar(chosen),
        shop.catalogue,
        chosen,
        question.n,
        category=question.category,
        context=shop.lift(question.month, question.daypart),
    ).rename({"because_of": "because"})
    return Answer(
        listed.ranked(listed.reasoned(found, shop.names, "A best seller"), shop.names, question.n)
    )


def _by_model(shop: Shop, question: Question) -> Answer:
    model, k = _model(shop, question, "explore"), _candidates(shop, question)
    if question.products:
        found = model.for_basket([shop.product_id(name) for name in question.products], k)
    else:
        found = model.for_session([shop.product_id(name) for name in question.session], k)
    by_model = f"By the saved model {model.method}"
    return _finish(shop, question, listed.reasoned(found, shop.names, by_model), [])


def _for_customer(shop: Shop, question: Question, customer: str) -> Answer:
    said: list[str] = []
    own = shop.list_of(customer, question.list)
    nothing = f"Customer {customer!r} has no list {question.list} in this night"
    if question.query:
        matches, said = _matching(shop, question)
        if own.is_empty():
            said.append(f"{nothing}: this is what matches the words.")
            return _finish(shop, question, matches, said)
        return _finish(shop, question, listed.both(own, matches), said)
    if question.method != BY_LISTS:
        return _finish(shop, question, _by_saved(shop, question, customer, said), said)
    if own.is_empty():
        said.append(f"{nothing}: these are best sellers.")
        return _finish(shop, question, NONE, said)
    fitting = listed.of_category(own, shop.of_category(question.category))
    if fitting.height < question.n:
        try:
            found = _by_saved(shop, question, customer, said)
        except (DataError, ModelRejected) as error:
            said.append(str(error))
        else:
            fitting = listed.behind(fitting, found)
    return _finish(shop, question, fitting, said)


def _by_saved(shop: Shop, question: Question, customer: str, said: list[str]) -> pl.DataFrame:
    """What the saved model has for a customer; nothing, where it does not know the customer."""
    model = _model(shop, question, question.list)
    if not model.knows(customer):
        said.append(
            f"The saved model {model.method} does not know customer {customer!r}: these are best "
            "sellers."
        )
        return NONE
    had = shop.had_by(customer) if question.list == "explore" else None
    among = shop.of_category(question.category)["product_id"].to_list()
    found = model.for_customer(customer, _candidates(shop, question), had=had, among=among)
    return listed.reasoned(found, shop.names, f"By the saved model {model.method}")


def _matching(shop: Shop, question: Question) -> tuple[pl.DataFrame, list[str]]:
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
    return frame, [f"No product has {', '.join(matches.unknown)}."] if matches.unknown else []


def _finish(shop: Shop, question: Question, rows: pl.DataFrame, said: list[str]) -> Answer:
    """The rows that fit, weighed by the time, with best sellers behind them."""
    lift = shop.lift(question.month, question.daypart)
    if question.category is not None:
        rows = listed.of_category(rows, shop.of_category(question.category))
    rows = listed.weighed(rows, lift)
    is_full = rows.height >= question.n or (
        question.list == "buy_again" and question.customer is not None and rows.height > 0
    )
    if not is_full:
        taken = [shop.product_id(name) for name in (*question.products, *question.session)]
        if question.customer is not None and question.list == "explore":
            taken += shop.had_by(question.customer)
        best = _best_sellers(shop, question).filter(~pl.col("product_id").is_in(taken))
        rows = listed.behind(rows, best)
    return Answer(listed.ranked(rows, shop.names, question.n), tuple(said))


def _best_sellers(shop: Shop, question: Question) -> pl.DataFrame:
    """Those of the category, of the time, or of late; then those of all time that fit."""
    asked = [
        ("category", question.category),
        ("month", None if question.month is None else str(question.month)),
        ("daypart", question.daypart),
    ]
    scopes = [(scope, value) for scope, value in asked if value is not None][:1]
    found = []
    for scope, value in [*(scopes or [("lately", "")]), ("all", "")]:
        told = {"all": "", "lately": " of the last 28 days", "month": f" of month {value}"}
        noun = pl.when(pl.col("source") == "events").then(pl.lit("visits"))
        found.append(
            shop.best_sellers(scope, value).with_columns(
                source=pl.lit("popular"),
                reason=pl.concat_str(
                    pl.lit("A best seller: in "),
                    "baskets",
                    pl.lit(" "),
                    noun.otherwise(pl.lit("orders")),
                    pl.lit(told.get(scope, f" of {value}" if scope == "daypart" else "")),
                ),
            )
        )
    best = pl.concat(found).select("product_id", "score", "source", "reason")
    return listed.of_category(best, shop.of_category(question.category))


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


def _candidates(shop: Shop, question: Question) -> int:
    """How many to ask a model for: more where some will be left out or weighed."""
    if question.category is not None and question.customer is None:
        return shop.catalogue.height  # a basket's answer cannot be asked for among some
    if question.month is not None or question.daypart is not None:
        return max(CANDIDATES, question.n)
    return question.n
