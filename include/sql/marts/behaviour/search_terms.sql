/*
about = "What customers search for: one row per search text, in lower case and without double spaces."
grain = ["shop_id", "term"]
materialized = "table"
[columns]
term = "The search text"
searches = "Search events with this text"
sessions = "Different sessions with this text"
converted_sessions = "Of those, sessions that have a purchase"
search_rank = "1 = most searches; ties: first in the alphabet"
*/
with searches as (
    select
        shop_id,
        session_id,
        lower(trim(regexp_replace(query, '\s+', ' ', 'g'))) as term
    from staging.events
    where event_type = 'search' and query is not null
),

sessions as (
    select
        shop_id,
        session_id,
        is_converted
    from marts.sessions
),

terms as (
    select
        searches.shop_id,
        searches.term,
        count(*) as searches,
        count(distinct searches.session_id) as sessions,
        count(
            distinct case when sessions.is_converted then searches.session_id end
        ) as converted_sessions
    from searches
    left join sessions
        on
            searches.shop_id = sessions.shop_id
            and searches.session_id = sessions.session_id
    group by searches.shop_id, searches.term
)

select
    shop_id,
    term,
    searches,
    sessions,
    converted_sessions,
    cast(row_number() over (
        partition by shop_id
        order by searches desc, term asc
    ) as integer) as search_rank
from terms
