"""The tables that every recommender fills: nearest products, and lists for customers.

What belongs here: their columns, comments and checks. What does not: how the rows are made
(``ecorse.training.recommendation``).
"""

from __future__ import annotations

from ecorse.models.checks import SqlCheck
from ecorse.models.group_rules import NeverRises, NoGaps, Symmetric, Unique
from ecorse.models.recommender_file import LISTS
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
            "seller, where nothing else is near",
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

BY_LIST = ("shop_id", "method", "list", "customer_id")
USER_RECOMMENDATIONS = Relation(
    name="user_recommendations",
    about="Products recommended to each customer, by method and kind of list, with the reasons",
    grain=(*BY_LIST, "rank"),
    columns={
        "shop_id": SHOP,
        "method": METHOD,
        "list": Column(
            "text",
            "for_you: what they will likely buy next, repeats too; explore: only what they never "
            "bought; buy_again: what they had, when it is due",
        ),
        "customer_id": Column("text", "The customer"),
        "rank": RANK,
        "product_id": Column("text", "The recommended product"),
        "score": Column(
            "double precision", "Falling with rank; comparable within a method and a list"
        ),
        "level": Column(
            "integer",
            "0: of the method itself; 1: a best seller of late, where the method named too few; "
            "2: a product nobody has bought yet, where there are no others; 3: pinned there by a "
            "rule of the shop (rules_in_force)",
        ),
        "source": Column(
            "text",
            "Which part of the method gave it, rule for a pin; the method where it has no parts",
        ),
        "reason": Column("text", "Why, in a sentence"),
        "evidence": Column(
            "jsonb",
            "The figures behind the reason. because: own products that the score rests on, with "
            "share (of all that speaks for it), together (orders with both), orders (with it), "
            "other_orders (with the recommended one), lift; all_orders; words they share; of best "
            "sellers orders and late_orders (the last 28 days) of all; parts: what each part of a "
            "blend adds; rule: what a rule of the shop did to the place. Of visits where the shop "
            "has no purchase",
        ),
    },
    checks=(
        Unique(name="no_duplicates", columns=(*BY_LIST, "product_id")),
        NoGaps(name="no_rank_gaps", column="rank", by=BY_LIST),
        Between(name="score_not_negative", columns=("score",), at_least=0.0),
        NeverRises(
            name="score_falls_with_rank",
            column="score",
            along="rank",
            by=BY_LIST,
            ties="product_id",
        ),
        AcceptedValues(name="list_is_known", column="list", values=LISTS),
        Between(name="level_is_known", columns=("level",), at_least=0, at_most=3),
        References(
            name="only_products_of_the_catalogue",
            table="marts.recommendable_products",
            on=("shop_id", "product_id"),
        ),
        SqlCheck(
            name="keeps_to_the_rules",
            sentence="A list names what the shop's rules take out",
            sql="""
            select r.shop_id, r.method, r.list, r.customer_id, r.product_id
            from marts.user_recommendations as r
            inner join marts.ruled_products as rules
                on rules.shop_id = r.shop_id and rules.list = r.list
                and rules.product_id = r.product_id
            where not rules.is_allowed
            """,
        ),
        SqlCheck(
            name="explore_is_new_and_buy_again_is_not",
            sentence="A list names what the customer had, or never had, against its kind",
            sql="""
            with facts as (
                select shop_id, customer_id, product_id, method, list, 0 as is_had
                from marts.user_recommendations
                where list in ('explore', 'buy_again')
                union all
                select distinct shop_id, customer_id, product_id, '' as method, '' as list,
                    1 as is_had
                from marts.basket_products
                where customer_id is not null
            ),
            spread as (
                select shop_id, customer_id, product_id, method, list,
                    max(is_had) over (partition by shop_id, customer_id, product_id) as is_had
                from facts
            )
            select r.shop_id, r.method, r.list, r.customer_id, r.product_id
            from spread as r
            inner join marts.model_status as m
                on m.shop_id = r.shop_id and m.task = 'recommend' and m.method = r.method
            where m.is_of_this_night and m.outcome = 'promoted'
                and (r.list = 'explore' and r.is_had = 1 or r.list = 'buy_again' and r.is_had = 0)
            """,
        ),
        SqlCheck(
            name="lists_are_full",
            level="warn",  # a tiny catalogue of which customers refused most may have no more
            sentence="A list is shorter than others, though the catalogue has more products",
            sql="""
            with facts as (
                select shop_id, customer_id, method, list, count(*) as length,
                    cast(0 as bigint) as had
                from marts.user_recommendations
                where list <> 'buy_again'
                group by shop_id, customer_id, method, list
                union all
                select shop_id, customer_id, '' as method, '' as list, 0 as length,
                    count(distinct product_id) as had
                from marts.basket_products
                where customer_id is not null
                group by shop_id, customer_id
            ),
            -- no join of one's rows with the other's: a planner takes either for a handful
            spread as (
                select shop_id, customer_id, method, list, length,
                    max(length) over (partition by shop_id, method, list) as longest,
                    max(had) over (partition by shop_id, customer_id) as had
                from facts
            ),
            catalogue as (
                select shop_id, count(*) as products
                from marts.recommendable_products group by shop_id
            ),
            narrowed as (
                select distinct shop_id, list from marts.rules_in_force where is_narrowing
            )
            select l.shop_id, l.method, l.list, l.customer_id, l.length
            from spread as l
            inner join catalogue as c on c.shop_id = l.shop_id
            inner join marts.model_status as m
                on m.shop_id = l.shop_id and m.task = 'recommend' and m.method = l.method
                and m.is_of_this_night
            left join narrowed
                on narrowed.shop_id = l.shop_id and narrowed.list = l.list
            -- to explore is what a customer never had; and of what they had anything may have been
            -- refused since, and is on no list
            where narrowed.shop_id is null and l.length < least(l.longest, c.products - l.had)
            """,
        ),
    ),
    writer_column=WRITER,
)

RECOMMENDATION_CASES = Relation(
    name="recommendation_cases",
    about="How well each method foresaw what single customers bought in the windows it was judged "
    "on: what its figures are means of, so that two methods can be compared on the same customers",
    grain=(*BY_LIST[:3], "origin", "customer_id"),
    columns={
        "shop_id": SHOP,
        "method": METHOD,
        "list": Column("text", "Kind of list, as in user_recommendations"),
        "origin": Column("integer", "0 for the latest window, 1 for the one before it ..."),
        "customer_id": Column("text", "Who bought something in the window"),
        "window_start_date": Column("date", "First day of the window: fitted on what came before"),
        "window_end_date": Column("date", "Its last day"),
        "products_before": Column("integer", "How many products the customer had before"),
        "ndcg": Column(
            "double precision", "nDCG of the list against what was bought in the window, 0 to 1"
        ),
    },
    checks=(Between(name="ndcg_in_range", columns=("ndcg",), at_least=0.0, at_most=1.0),),
    writer_column=WRITER,
)
RECOMMENDER_TRIALS = Relation(
    name="recommender_trials",
    about="Every setting that a declared search of a recommender tried when it last ran",
    grain=("shop_id", "method", "trial"),
    columns={
        "shop_id": SHOP,
        "method": METHOD,
        "trial": Column("integer", "1 for the parameters as declared, then as they were tried"),
        "parameters": Column("text", "What was searched and its values, as JSON"),
        "ndcg": Column(
            "double precision",
            "Mean nDCG of the first declared list on the window before the judged ones; null where "
            "the setting does not work",
        ),
        "is_chosen": Column("boolean", "The trial whose parameters were taken"),
        "searched_date": Column("date", "Last day of the data when the search ran"),
        "reason": Column("text", "Why a setting does not work; else empty"),
    },
    checks=(Between(name="ndcg_in_range", columns=("ndcg",), at_least=0.0, at_most=1.0),),
    writer_column=WRITER,
)
OF_ANSWER = {
    "items": (ITEM_SIMILARITY,),
    "users": (USER_RECOMMENDATIONS, RECOMMENDATION_CASES),
}
