"""What sentences of the report on segments look like, and the selects that count them again.

What belongs here: rules, and what is said without a figure. What does not: reading a report, cells
of tables (``sentences_in_sql``).

A rule's select gives the figures as the report writes them, under the names of the pattern's
groups. Counts and shares of members are taken from the labels, row by row, wherever labels tell.
"""

# ruff: noqa: E501
from __future__ import annotations

from dataclasses import dataclass

from ecorse.reports.segments.choices import APPROACH

NOUNS = "customers|orders"
COUNT, SHARE, FIGURE = r"[\d,]+|–", r"[\d.]+ %|–", r"-?[\d.,]+|–"


@dataclass(frozen=True)
class Rule:
    """What a sentence looks like, and the select of what its groups must be.

    A sentence without a figure has a select, too, that gives a row where it is true.
    """

    pattern: str
    query: str = ""


def count(sql: str) -> str:
    return f"to_char({sql}, 'FM999,999,990')"


def share(sql: str) -> str:
    return f"to_char(100 * ({sql})::numeric, 'FM999,990.0') || ' %%'"


def figure(sql: str, digits: int) -> str:
    return f"coalesce(to_char(({sql})::numeric, 'FM999,999,990.{'0' * digits}'), '–')"


OWN = "shop_id = %(shop)s and segmentation = %(m)s"
SEGMENT = f"{OWN} and segment_name = %(segment)s"
# a share in words, as people read it
OF_TEN = """case
    when {0} <= 0 then 'none' when {0} >= 1 then 'all' when {0} < 0.05 then 'hardly any'
    when {0} >= 0.95 then 'nearly all' else floor(10 * {0} + 0.5)::int || ' of 10' end"""
ABOUT = """case
    when {0} >= 1 then 'All' when {0} >= 0.95 then 'Nearly all'
    when {0} >= 0.05 then 'About ' || floor(10 * {0} + 0.5)::int || ' of 10'
    else 'About 1 of ' || to_char(
        round(1 / {0} / 10 ^ (length(floor(1 / {0})::text) - 1))
        * 10 ^ (length(floor(1 / {0})::text) - 1), 'FM999,999,990') end"""
SIZE = f"""(select count(*) filter (where segment_id = s.segment_id) / count(*)::numeric
    from marts.{{labels}} where {OWN})"""
ELBOW = """
with curve as (select * from marts.segmentation_k where shop_id = %(shop)s and segmentation = %(m)s),
ends as (
    select min(k) as k_first, max(k) as k_last,
        max(inertia) filter (where k = (select min(k) from curve)) as first,
        max(inertia) filter (where k = (select max(k) from curve)) as last
    from curve
),
below as (
    select k, (1 - (k - k_first)::float8 / nullif(k_last - k_first, 0))
        - (inertia - last) / nullif(first - last, 0) as depth
    from curve cross join ends
),
elbow as (select coalesce(max(k), (select min(k) from curve)) as k from (
    select k from below where depth is not null order by depth desc, k limit 1) as deepest),
able as (select * from curve where is_admissible),
named as (
    select a.k, array_remove(array[
        case when silhouette >= (select max(silhouette) from able) - 0.01 then 'silhouette' end,
        case when a.k = (select k from able order by calinski_harabasz desc, k limit 1)
            then 'Calinski-Harabasz' end,
        case when a.k = e.k then 'elbow' end], null) as names
    from able as a cross join elbow as e
),
winner as (select k from curve where is_chosen)
"""
K_FIGURES = f"""coalesce(nullif(array_to_string(names, ' and '), ''), 'no measure')
    || case when cardinality(names) > 1 then ' prefer it; silhouette ' else ' prefers it; silhouette '
    end || {figure("silhouette", 3)} || ', Calinski-Harabasz ' || round(calinski_harabasz::numeric)
    || ', elbow at ' || (select k from elbow) || ', stability ' || {figure("stability", 2)}
    || ', smallest segment ' || to_char(100 * smallest_share::numeric, 'FM990.0') || '%%'"""
K_OBJECTION = f"""case when curve.k < %(least_k)s then 'below the smallest k of ' || %(least_k)s
    when smallest_share < 0.05 then 'smallest segment '
        || to_char(100 * smallest_share::numeric, 'FM990.0') || '%%, needed 5.0%%'
    when coalesce(stability, 0) < %(least)s
        then 'stability ' || {figure("coalesce(stability, 0)", 2)} || ', needed '
            || {figure("%(least)s", 2)}
    else 'no silhouette: as many segments as rows' end"""
K_WHY = f"""{ELBOW} select curve.k::text as k, case
    when is_admissible and is_chosen then 'chosen: ' || {K_FIGURES}
    when is_admissible then (select k from winner) || ' was preferred: ' || {K_FIGURES}
    when is_chosen then 'chosen: no k met every rule (' || {K_OBJECTION}
        || '); best silhouette of those left'
    else {K_OBJECTION} end as why
from curve left join named on named.k = curve.k"""
DENSITY_WHY = f"""select setting::text as setting, min_samples::text as near, {figure("eps", 3)} as eps,
    case when is_admissible then case when is_chosen then 'chosen' else 'setting ' || (
            select setting from marts.segmentation_density_grid where {OWN} and is_chosen)
            || ' was preferred' end
        || ': density validity ' || {figure("density_validity", 3)} || ', noise '
        || to_char(100 * noise_share::numeric, 'FM990.0') || '%%, agreement with the others '
        || {figure("agreement", 2)}
    when segments < 2 then case segments when 1 then '1 segment' else 'no segment' end || ', needed 2'
    when density_validity is null and noise_share <= 0.5
        then 'no density validity: too few rows of each segment in the sample'
    else reason end as why, is_chosen
from marts.segmentation_density_grid where {OWN}"""


# what the gate decided on: of a candidate that was held no other table knows
GATE = """(select {} from ops.model_decision as d inner join marts.model_status as s on
    d.shop_id = s.shop_id and d.model = s.model inner join marts.build_info as b
    on d.build_id = b.build_id where s.shop_id = %(shop)s and s.method = %(m)s)"""
LIMIT = GATE.format("(numbers -> 'limits' ->> 'max_moved')::numeric")
DRIFTED = """string_agg(feature || case compared when 'added' then ' of added rows'
    when 'again' then ' of new lines' else '' end || ' ' || trim_scale(round(
        psi::numeric, greatest(0, 2 - floor(log(psi))::int)))::text, ', '
    order by position(feature in %(drifted)s))"""


def number(name: str) -> str:
    return GATE.format(f"(numbers ->> '{name}')::numeric")


def text(name: str) -> str:
    return GATE.format(f"numbers ->> '{name}'")


def gate(name: str, digits: int) -> str:
    return figure(number(name), digits)


# who was where on the night that tonight is compared with, and where they are: its labels
# themselves, whatever events and migrations say
WENT = f"""with before as (
    select {{id}} as id, segment_id, segment_name from builds.{{labels}} where {OWN}
        and build_id = {GATE.format("(numbers ->> 'compared_build')::bigint")}
),
here as (select {{id}} as id, segment_id from marts.{{labels}} where {OWN}),
tonight as (select segment_id, segment_name from marts.segments where {OWN} and segment_id > 0),
went as (
    select b.segment_id as was, h.segment_id as is_in, count(*) as n,
        count(*) / sum(count(*)) over (partition by b.segment_id) as part
    from before as b inner join here as h using (id)
    where b.segment_id > 0 and h.segment_id > 0 group by 1, 2
),
born as (select segment_id from tonight where segment_id not in (select segment_id from before)),
gone as (
    select segment_id, segment_name, count(*) as members from before
    where segment_id > 0 and segment_id not in (select segment_id from tonight) group by 1, 2
)"""
STILL = rf"of (?P<members>{COUNT}) who are still in a segment, (?P<shared>{COUNT}) are"
TO_OTHER = f"{count('sum(n)')} as members, {count('sum(n) filter (where segment_name = %(other)s)')} as shared"


TRIAL = (
    """'stability ' || rtrim(rtrim(to_char(value::numeric, 'FM0.0000'), '0'), '.')
    || ', the best of ' || (select count(*) from marts.segmentation_trials where """
    + OWN
    + """)
    || ' trials'"""
)


def score(name: str, metric: str, digits: int = 3) -> Rule:
    """A figure of the fit, which only the model can take."""
    return Rule(
        rf"{name}(?: \(.*\))?: (?P<value>{FIGURE})",
        f"select {figure('value', digits)} as value from marts.model_scores where shop_id = %(shop)s "
        f"and method = %(m)s and task = 'segment' and is_champion and metric = '{metric}'",
    )


# why a model is held, or was until somebody let it through
JUMPED = (
    r"the inputs drifted: PSI of (?P<drifted>.*?); allowed (?P<limit>[\d.]+)(?:; k was selected again "
    r"because (?P<reselection>.*), and (?P<moved>\d+)% of those who were there before would change "
    r"their segment; allowed (?P<most>\d+)%)?"
)
JUMP = (
    f"{DRIFTED} as drifted, trim_scale(max(limit_psi)::numeric)::text as limit, "
    f"case when %(moved)s::text is not null then round(100 * {number('moved')}) end::text as moved, "
    f"case when %(moved)s::text is not null then round(100 * {LIMIT}) end::text as most, "
    f"case when %(moved)s::text is not null then {text('reselection')} end as reselection"
)

RULES = (
    Rule(
        r"Night (?P<build>\d+), made (?P<at>[\d: -]+) UTC(?:, rows up to (?P<day>[\d-]+))?\. Every figure "
        r"is a row of the schema marts of this night\. Segments of customers and orders count "
        r"purchases only: orders that sold something and were not wholly taken back\.",
        "select build_id::text as build, "
        "to_char(built_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as at, (select "
        "max(order_date)::text from marts.orders where shop_id = %(shop)s) as day "
        "from marts.build_info",
    ),
    # what to do
    Rule(
        r"No declared action has an effect that is large and sure enough tonight\.",
        "select 1 from marts.segment_actions where shop_id = %(shop)s having count(*) = 0",
    ),
    Rule(
        r"Expected value: if (?P<shares>.*) of those addressed respond, which is declared and no "
        r"forecast; measure it with the holdout of the audience file\.",
        f"select string_agg(distinct {share('response_share')}, ', ') as shares from "
        "marts.segment_actions where shop_id = %(shop)s and expected_value > 0",
    ),
    Rule(
        r"(?P<action>[a-z ]+): (?P<measure>.* come from (?P<first>\d+) to (?P<last>\d+) o'clock .*)",
        # whole parts of the day: none lies both within the hours and outside
        "select replace(action, '_', ' ') as action, effect_measure as measure from "
        "marts.segment_actions where shop_id = %(shop)s and effect_measure = %(measure)s and not "
        "exists (select daypart from marts.sales_by_hour_weekday_quantity where shop_id = %(shop)s "
        "and order_hour between %(first)s::int and %(last)s::int intersect select daypart from "
        "marts.sales_by_hour_weekday_quantity where shop_id = %(shop)s "
        "and order_hour not between %(first)s::int and %(last)s::int)",
    ),
    Rule(
        r"(?P<action>[a-z ]+): (?P<measure>(?:Share|Mean) \D*)",
        "select replace(action, '_', ' ') as action, effect_measure as measure from "
        "marts.segment_actions where shop_id = %(shop)s and effect_measure = %(measure)s",
    ),
    # approach
    Rule(
        rf"It parts (?P<members>{COUNT}) (?:{NOUNS}) into (?P<segments>{COUNT}) segments?"
        rf"(?:; (?P<none>{COUNT}) are in none)?\.",
        f"select {count('count(*)')} as members, (select {count('count(*)')} from marts.segments "
        f"where {OWN} and segment_id > 0) as segments, "
        f"nullif({count('count(*) filter (where segment_id = 0)')}, '0') as none "
        f"from marts.{{labels}} where {OWN}",
    ),
    Rule(
        r"Features used \((?P<n>\d+)\): (?P<names>.*)\.",
        "select count(*)::text as n, string_agg(replace(feature, '_', ' '), ', ' order by feature) "
        f"as names from marts.segmentation_features where {OWN} and is_used",
    ),
    Rule(
        r"Known of not all: (?P<names>.*)\. Who has no value stands at the mean\.",
        f"select string_agg(replace(feature, '_', ' ') || ' (' || {share('known_share')} || ')', "
        f"', ' order by feature) as names from marts.segmentation_features where {OWN} and is_used "
        "and known_share < 1",
    ),
    Rule(
        r"Left out \((?P<n>\d+)\), and why",
        f"select count(*)::text as n from marts.segmentation_features where {OWN} and not is_used",
    ),
    # choices
    Rule(
        r"(?P<k>\d+) segments? (?:was|were) chosen: (?P<why>.*)\.",
        f"select k, replace(why, 'chosen: ', '') as why from ({K_WHY}) as w where k = (select k::text "
        f"from marts.segmentation_k where {OWN} and is_chosen)",
    ),
    Rule(
        r"At least (?P<near>\d+) neighbours? (?:within a distance of (?P<eps>[\d.]+) )?"
        r"was chosen: (?P<why>.*)\.",
        "select near, nullif(eps, '–') as eps, replace(why, 'chosen: ', '') as why "
        f"from ({DENSITY_WHY}) as w where is_chosen",
    ),
    score("silhouette", "silhouette"),
    score("Calinski–Harabasz", "calinski_harabasz", 1),
    score("stability", "stability"),
    score("density validity", "density_validity"),
    score("expected by actual purchases in the test period", "expected_by_actual"),
    score("share of next orders that fell into their interval", "interval_hits"),
    Rule(
        rf"share in no segment: (?P<none>{SHARE})",
        f"select {share('avg((segment_id = 0)::int)')} as none from marts.{{labels}} where {OWN}",
    ),
    Rule(
        rf"variance kept by the principal components: (?P<kept>{SHARE})",
        f"select {share('sum(explained_variance_share)')} as kept "
        f"from marts.segmentation_components where {OWN}",
    ),
    Rule(
        r"(?P<n>\d+) settings searched by (?P<objective>.*); number (?P<trial>\d+) was taken: "
        r"(?P<why>.*)\.",
        f"select (select count(*)::text from marts.segmentation_trials where {OWN}) as n, "
        f"replace(objective, '_', ' ') as objective, trial::text as trial, {TRIAL} as why "
        f"from marts.segmentation_trials where {OWN} order by is_admissible desc, value desc, trial "
        "limit 1",
    ),
    # results
    Rule(
        r"Of these nothing is true that is untrue of most others: (?P<names>.*)\.",
        "select string_agg(segment_name, ', ' order by share desc, segment_id) as names from "
        f"marts.segments as s where {OWN} and segment_id > 0 and members > 0 and not exists (select from marts.segment_traits as t "
        "where t.shop_id = s.shop_id and t.segmentation = s.segmentation and t.segment_id = "
        "s.segment_id and t.claim is not null)",
    ),
    Rule(
        rf"(?P<dots>{COUNT}) dots?, each one of the (?:{NOUNS}): near each other means alike\. Clouds "
        r"with gaps between are groups; one cloud cut in pieces is not\.",
        f"select {count('count(*)')} as dots from marts.{{points}} where {OWN}",
    ),
    Rule(
        r"The shop's files hold no purchase of these (?:customers|orders)\.",
        f"select 1 from marts.segment_profiles where {OWN} having coalesce(sum(orders), 0) = 0",
    ),
    # what changed
    Rule(
        r"Since (?P<day>[\d-]+): (?P<stayed>[\d,]+) (?:customers|orders) stayed in their segment, "
        r"(?P<moved>[\d,]+) moved to another, (?P<new>[\d,]+) are new and (?P<gone>[\d,]+) are gone\.",
        f"select max(previous_date)::text as day, "
        f"{count('sum(members) filter (where from_segment_id = to_segment_id)')} as stayed, "
        "(select to_char(count(*) filter (where previous_segment_id <> segment_id and since_date = "
        f"night), 'FM999,999,990') from marts.{{labels}} where {OWN}) as moved, "
        f"{count('coalesce(sum(members) filter (where from_segment_id < 0), 0)')} as new, "
        f"{count('coalesce(sum(members) filter (where to_segment_id < 0), 0)')} as gone "
        f"from (select *, max(night_date) over () as night from marts.segment_migrations where {OWN}) "
        "as m group by night",
    ),
    Rule(
        r"Published tonight: same (?P<k>\d+) segments, ARI (?P<ari>[\d.]+), smallest Jaccard "
        r"(?P<jaccard>[\d.]+), (?P<psi>largest PSI [\d.]+|no input is watched)\.",
        f"select (select count(*)::text from marts.segments where {OWN} and segment_id > 0) as k, "
        f"{gate('ari', 3)} as ari, {gate('min_jaccard', 3)} as jaccard, "
        f"coalesce((select 'largest PSI ' || {figure('max(psi)', 3)} from marts.segment_drift where "
        f"{OWN} and limit_psi is not null having count(*) > 0), 'no input is watched') as psi",
    ),
    Rule(
        rf"Held, the published segments stay: {JUMPED}\. Mend the data; if the change is real, let it "
        r"through with `ecorse refresh --accept (?P<model>\w+):(?P<of>[\w-]+)`\.",
        f"select {JUMP}, %(shop)s as of, (select model from marts.model_status where shop_id = "
        f"%(shop)s and method = %(m)s) as model from marts.segment_drift where {OWN} and is_drifted",
    ),
    Rule(
        rf"Published tonight, fitted anew, for the jump was accepted: {JUMPED}\.",
        f"select {JUMP} from marts.segment_drift where {OWN} and is_drifted",
    ),
    Rule(
        r"(?P<feature>[^;]*), (?P<compared>all|added|again|members): (?P<psi>[\d.]+), allowed "
        r"(?P<limit>[\d.]+)\.",
        f"select {figure('psi', 3)} as psi, {figure('limit_psi', 2)} as limit from "
        f"marts.segment_drift where {OWN} and is_drifted and replace(feature, '_', ' ') = %(feature)s "
        "and compared = %(compared)s",
    ),
    Rule(
        r"No input moved beyond its limit \(PSI\); the most: (?P<feature>.*), (?P<compared>\w+): "
        r"(?P<psi>[\d.]+), allowed (?P<limit>[\d.]+)\.",
        f"select replace(feature, '_', ' ') as feature, compared, {figure('psi', 3)} as psi, "
        f"{figure('limit_psi', 2)} as limit from marts.segment_drift where {OWN} and limit_psi is "
        "not null order by psi desc, feature, compared limit 1",
    ),
    Rule(
        rf"New segment: (?P<segment>.*) \((?P<members>{COUNT}) (?:{NOUNS})\)\.",
        f"{WENT} select {count('count(*)')} as members from marts.{{labels}} where {SEGMENT} and "
        "segment_id in (select segment_id from born)",
    ),
    Rule(
        rf"Gone: (?P<segment>.*) \(it had (?P<members>{COUNT}) (?:{NOUNS})\)\.",
        f"{WENT} select {count('members')} as members from gone where segment_name = %(segment)s",
    ),
    # a quarter of it is in another segment that was none before, and a quarter is not
    Rule(
        rf"(?P<segment>.*) was split: {STILL} now in (?P<other>.*)\.",
        f"{WENT} select {TO_OTHER} from went inner join tonight on segment_id = is_in where was in ("
        "select segment_id from tonight where segment_name = %(segment)s union all "
        "select segment_id from gone where segment_name = %(segment)s) "
        "having bool_or(segment_name = %(other)s and part >= 0.25 and is_in in (select segment_id "
        "from born)) and count(*) filter (where part >= 0.25) > 1",
    ),
    Rule(
        rf"(?P<segment>.*) went into (?P<other>.*): {STILL} there\.",
        f"{WENT} select {TO_OTHER} from went inner join tonight on segment_id = is_in where was in ("
        "select segment_id from gone where segment_name = %(segment)s) "
        "having bool_or(segment_name = %(other)s and part >= 0.5)",
    ),
    Rule(
        rf"(?P<segment>.*) is the new name of (?P<other>.*) \((?P<members>{COUNT}) (?:{NOUNS})\)\.",
        f"{WENT} select {count('count(*)')} as members from marts.{{labels}} where {SEGMENT} and "
        "segment_id in (select segment_id from before where segment_name = %(other)s)",
    ),
    Rule(
        r"Published tonight: there is no published model to compare with\.",
        f"select 1 as is_so from marts.segment_migrations where {OWN} "
        "having count(*) filter (where from_segment_id >= 0) = 0",
    ),
    Rule(
        r"No earlier night is published, so nothing can have changed\.",
        f"select 1 as is_so from marts.segment_migrations where {OWN} having max(previous_date) is null",
    ),
    # limits
    Rule(
        r"No guard found anything to object to\.",
        f"select 1 as is_so from marts.segments where {OWN} having bool_and(finding is null)",
    ),
)  # fmt: skip

# what is found of a segment, one sentence after the other; `segment` is its name
FINDINGS = (
    Rule(
        r"No structure was found: the (?:customers|orders) are one crowd without gaps, and these "
        r"segments are cuts through it\.",
        f"select 1 from marts.segments where {OWN} and segment_id > 0 having bool_and(valley >= 0.75)",
    ),
    Rule(
        r"No structure was found: no setting gave segments that the declaration allows, so that all "
        r"are in one\. The segments say little\.",
        f"select 1 from marts.segments where {SEGMENT} and is_degenerate and members = (select "
        f"count(*) from marts.{{labels}} where {OWN})",
    ),
    Rule(
        r"It goes over into its nearest neighbour without a gap: what is said of it is where the line "
        r"was drawn, and who is near the line could be in either\.",
        f"select 1 from marts.segments where {SEGMENT} and valley >= 0.75",
    ),
    Rule(
        rf"It is small: (?P<n>{COUNT}) (?:{NOUNS})\.",
        f"select {count('count(*)')} as n from marts.{{labels}} where {SEGMENT}",
    ),
    Rule(
        rf"Nearly all (?:{NOUNS}) are in it, so that it sets little apart\.",
        f"select 1 from marts.segments as s where {SEGMENT} and {SIZE} > 0.8 and {SIZE} < 1",
    ),
    Rule(
        r"Nothing is true of most of its members and untrue of most others\.",
        f"select 1 from marts.segments as s where {SEGMENT} and not exists (select from "
        "marts.segment_traits as t where t.shop_id = s.shop_id and t.segmentation = s.segmentation "
        "and t.segment_id = s.segment_id and t.claim is not null)",
    ),
    Rule(
        r"Its name is of an earlier night; of tonight's members it is not true\.",
        # claims of one verb are one part of a name, which says it once: "order in May and at weekends"
        "with claims as (select lower(t.claim) as claim, split_part(lower(t.claim), ' ', 1) as verb "
        "from marts.segment_traits as t inner join marts.segments as s using (shop_id, segmentation, "
        f"segment_id) where {SEGMENT} and t.claim is not null) "
        f"select 1 from marts.segments as s where {SEGMENT} and exists (select from unnest("
        "string_to_array(lower(segment_name), ', ')) as part where not exists (select from "
        "claims as a left join claims as b on a.verb = b.verb where part in (a.claim, "
        "a.claim || ' and ' || regexp_replace(b.claim, '^[^ ]+ ', ''))))",
    ),
    Rule(
        rf"There are (?P<n>{COUNT}) (?:{NOUNS}) in all, fewer than 50: too few to tell groups from "
        r"chance\.",
        f"select {count('count(*)')} as n from marts.{{labels}} where {OWN} having count(*) < 50",
    ),
    Rule(
        rf"smaller than the declaration allows \((?P<share>{SHARE})\)\.",
        f"select {share(SIZE)} as share from marts.segments as s where {SEGMENT} and is_small",
    ),
)  # fmt: skip

# sentences that state no figure of the night: what a method is, how to read a table or a plot
SAID = frozenset(
    {
        *APPROACH.values(),
        "The segmentations of this shop",
        "An action is here only while its effect is: it vanishes when the interval of the effect "
        "holds no difference worth acting on.",
        "Actions",
        "Of what the effect is how many times as much, with its interval:",
        "Every number of segments that was tried",
        "Every density that was tried",
        "How good tonight's segments are; large shops are measured on a sample:",
        "The chosen number is the dashed line.",
        "How far the neighbours are: flat is dense, steep is thin ground.",
        "Which groups join at which distance: long stems are groups that stand apart.",
        "The segments",
        "What is true of most members and untrue of most others",
        "How large the segments are, and what they bring.",
        "What each segment has more or less of than the shop; empty is unknown. In brackets are the "
        "lines behind a category or price, the orders behind a time: few tell little.",
        "Customers by their scores; the colour is the segment that most of them are in.",
        "Customers by where they were; dark is most of a row.",
        "Orders by where they were; dark is most of a row.",
        "Largest moves",
        "These moved further than the declaration allows (PSI):",
    }
)
