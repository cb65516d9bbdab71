"""The tables that every recommender fills: nearest products, and lists for customers.

What belongs here: their columns, comments and checks. What does not: how the rows are made
(``ecorse.training.recommendation``).
"""

from __future__ import annotations

from ecorse.models.checks import SqlCheck
from ecorse.models.group_rules import NeverRises, NoGaps, Symmetric, Unique
from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import AcceptedValues, Between
from ecorse.models.table_rules import References

SHOP = Column("text", "The shop")
METHOD = Column("text", "Which recommender: its file in include/models, without recommend_")
RANK = Column("integer", "1 for the best, without gaps")
WRITER = "method"
RELATIONS = ("complement", "substitute", "similar", "popular")

ITEM_SIMILARITY = Relation(
    name="item_similarity",
    about="The products nearest to each product, by method, with the evidence for each pair",
    grain=("shop_id", "method", "product_id", "rank"),
    columns={
        "shop_id": SHOP,
        "method": METHOD,
        "product_id": Column("text", "The product that neighbours are given for"),
        "rank": RANK,
        "similar_product_id": Column("text", "The neighbour; never the product itself"),
        "similar_product_name": Column("text", "Its name"),
        "relation": Column(
            "text",
            "complement: bought together more often than by chance; substitute: of one category "
            "and not; similar: alike in other ways, or seen in the same visits; popular: a best "
            "seller, where nothing is near",
        ),
        "score": Column("double precision", "0 to 1, falling with rank; ties by product id"),
        "evidence": Column(
            "jsonb",
            "source (orders, or events where the shop has no purchase), co_purchases (orders with "
            "both), orders and similar_orders (with either), of all orders; support, lift, both "
            "cosines, and a sentence; of events co_visits, visits and similar_visits in their "
            "place; of popular rows: source, orders or visits, and a sentence",
        ),
    },
    checks=(
        SqlCheck(
            name="no_self_pairs",
            sentence="A product is its own neighbour",
            sql="select shop_id, method, product_id from marts.item_similarity "
            "where product_id = similar_product_id",
        ),
        Unique(
            name="no_duplicates",
            columns=("shop_id", "method", "product_id", "similar_product_id"),
        ),
        NoGaps(name="no_rank_gaps", column="rank", by=("shop_id", "method", "product_id")),
        Between(name="score_in_range", columns=("score",), at_least=0.0, at_most=1.0),
        NeverRises(
            name="score_falls_with_rank",
            column="score",
            along="rank",
            by=("shop_id", "method", "product_id"),
            ties="similar_product_id",
        ),
        Symmetric(
            name="symmetric",
            pair=("product_id", "similar_product_id"),
            same=("score",),
            by=("shop_id", "method"),
            decimals=9,
            # of these two; what others score may have a direction
            where="method in ('co_purchase', 'item_similarity') and relation <> 'popular'",
        ),
        AcceptedValues(name="relation_is_known", column="relation", values=RELATIONS),
        References(
            name="only_products_of_the_catalogue",
            table="marts.recommendable_products",
            on=("shop_id", "product_id"),
        ),
        References(
            name="only_neighbours_of_the_catalogue",
            table="marts.recommendable_products",
            on=("shop_id", "similar_product_id = product_id"),
        ),
        SqlCheck(
            name="every_product_has_neighbours",
            sentence="A product has no neighbour, though the shop has other products",
            sql="""
            select m.shop_id, m.method, p.product_id
            from marts.recommendable_products as p
            inner join marts.model_status as m
                on m.shop_id = p.shop_id and m.task = 'recommend' and m.is_of_this_night
            where exists (
                select 1 from marts.item_similarity as any_pair
                where any_pair.shop_id = m.shop_id and any_pair.method = m.method
            )
            and not exists (
                select 1 from marts.item_similarity as pair
                where pair.shop_id = p.shop_id and pair.method = m.method
                    and pair.product_id = p.product_id
            )
            and exists (
                select 1 from marts.recommendable_products as another
                where another.shop_id = p.shop_id and another.product_id <> p.product_id
            )
            """,
        ),
        SqlCheck(
            name="counts_match_frequently_bought_together",
            level="warn",
            sentence="A pair was bought together in another number of orders than the mart says",
            sql="""
            select pair.shop_id, pair.method, pair.product_id, pair.similar_product_id,
                pair.evidence ->> 'co_purchases' as co_purchases, mart.together_baskets
            from marts.item_similarity as pair
            inner join marts.frequently_bought_together as mart
                on pair.shop_id = mart.shop_id and pair.product_id = mart.product_id
                and pair.similar_product_id = mart.other_product_id
            where pair.relation = 'complement'
                and cast(pair.evidence ->> 'co_purchases' as bigint) <> mart.together_baskets
            """,
        ),
    ),
    writer_column=WRITER,
)

USER_RECOMMENDATIONS = Relation(
    name="user_recommendations",
    about="Products recommended to each customer, by method",
    grain=("shop_id", "method", "customer_id", "rank"),
    columns={
        "shop_id": SHOP,
        "method": METHOD,
        "customer_id": Column("text", "The customer"),
        "rank": RANK,
        "product_id": Column("text", "The recommended product"),
        "score": Column("double precision", "Falling with rank; comparable within a method"),
        "source": Column("text", "Which part of the method gave it; the method where it has none"),
        "reason": Column("text", "Why, in a sentence"),
    },
    checks=(
        Unique(name="no_duplicates", columns=("shop_id", "method", "customer_id", "product_id")),
        NoGaps(name="no_rank_gaps", column="rank", by=("shop_id", "method", "customer_id")),
        Between(name="score_not_negative", columns=("score",), at_least=0.0),
        NeverRises(
            name="score_falls_with_rank",
            column="score",
            along="rank",
            by=("shop_id", "method", "customer_id"),
            ties="product_id",
        ),
        References(
            name="only_products_of_the_catalogue",
            table="marts.recommendable_products",
            on=("shop_id", "product_id"),
        ),
    ),
    writer_column=WRITER,
)
OF_ANSWER = {"items": ITEM_SIMILARITY, "users": USER_RECOMMENDATIONS}
