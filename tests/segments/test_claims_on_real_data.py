"""Every claim about real customers and orders, counted again in SQL; and a wide customer file."""

from __future__ import annotations

import pytest

from claims_in_sql import claims_that_differ
from ecorse import flow
from ecorse.reports.segments import write
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from sentences_in_sql import check_sentences

# a night of both shops took more than ten minutes on a busy machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
SHOPS = """
[[shops]]
shop_id = "retail"
shop_name = "Retail"
time_zone = "Europe/London"
currency = "GBP"
[[shops.sources]]
source = "online_retail"
origin = "folder"
options = {{ path = "{data}/online_retail" }}

[[shops]]
shop_id = "grocer"
shop_name = "Grocer"
time_zone = "UTC"
currency = "EUR"
[[shops.sources]]
source = "customer_personality"
origin = "folder"
options = {{ path = "{data}/customer_personality" }}
"""
SEGMENTATIONS = ("customers", "customers_dbscan", "customers_hdbscan", "customers_hierarchical",
                 "orders", "rfm", "rfm_five", "lifecycle", "value")  # fmt: skip


@pytest.fixture(scope="module")
def kept(snapshot, shared_data, tmp_path_factory):
    """A night of both shops."""
    path = tmp_path_factory.mktemp("shops") / "shops.toml"
    path.write_text(SHOPS.format(data=shared_data))

    def fill():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_SHOPS_FILE", str(path))
            get_settings.cache_clear()
            flow.ingest("retail", "online_retail", holder="test")
            flow.ingest("grocer", "customer_personality", holder="test")
            night = flow.refresh(holder="test")
        get_settings.cache_clear()
        return night

    return snapshot(fill)


def asked(kept, snapshot_of, query: str) -> list[tuple]:
    with snapshot_of(kept), connect() as conn:
        return conn.execute(query).fetchall()


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_every_claim_is_true_of_most_members_and_untrue_of_most_others(
    kept, snapshot_of, segmentation
):
    with snapshot_of(kept), connect() as conn:
        _, wrong = claims_that_differ(conn, segmentation)
    assert wrong == []


@pytest.mark.parametrize("shop", ["retail", "grocer"])
def test_every_sentence_of_the_report_is_counted_again_in_sql(kept, snapshot_of, tmp_path, shop):
    with snapshot_of(kept):
        (page,) = write.write_reports(shop, tmp_path)
        with connect() as conn:
            found = check_sentences(conn, page.with_suffix(".md").read_text(), shop)
    assert (found.unknown, found.wrong) == ([], [])
    assert found.sentences > {"retail": 250, "grocer": 30}[shop]


def test_names_are_made_of_claims_that_hold_and_are_distinct(kept, snapshot_of):
    rows = asked(
        kept,
        snapshot_of,
        "select segmentation, segment_name, leading_trait, finding from marts.segments "
        "where segmentation in ('customers', 'orders') and shop_id = 'retail'",
    )
    names = [(segmentation, name) for segmentation, name, *_ in rows]
    assert len(set(names)) == len(names)
    for _, name, leading, finding in rows:
        # of claims of one verb the second is told without it
        told = leading and leading.lower().split(" ", 1)[1]
        assert (told and told in name.lower()) or (
            name.startswith("No clear difference") and "Nothing is true" in finding
        )


def test_a_customer_file_is_segmented_and_says_what_was_left_out(kept, snapshot_of):
    rows = asked(
        kept,
        snapshot_of,
        "select feature, reason from marts.segmentation_features "
        "where shop_id = 'grocer' and not is_used order by feature",
    )
    assert rows == [
        ("contact cost", "it is the same everywhere (contact_cost = 3)"),
        ("contact revenue", "it is the same everywhere (contact_revenue = 11)"),
        ("customer since date", "it is a date, which is no habit"),
    ]
    labelled = asked(
        kept,
        snapshot_of,
        "select count(*), count(distinct customer_id) from marts.profile_segments",
    )
    assert labelled == [(2240, 2240)]
    # attributes are counted again from the customer file itself
    claims = asked(
        kept,
        snapshot_of,
        """
        select t.claim, t.inside_share, t.outside_share,
            avg(case when s.segment_id = t.segment_id then h.has end),
            avg(case when s.segment_id <> t.segment_id then h.has end)
        from marts.segment_traits as t
        cross join marts.profile_segments as s
        cross join lateral (
            select case when count(*) filter (
                where a.value_number >= coalesce(t.threshold_low, '-infinity')
                    and a.value_number < coalesce(t.threshold_high, 'infinity')
            ) > 0 then 1.0 else 0.0 end as has
            from marts.customer_attributes as a
            where a.customer_id = s.customer_id and replace(a.attribute, '_', ' ') = t.feature
        ) as h
        where t.segmentation = 'attributes' and t.test = 'number'
        group by t.segment_id, t.trait_rank, t.claim, t.inside_share, t.outside_share
        """,
    )
    assert len(claims) >= 10
    for claim, inside, outside, counted_inside, counted_outside in claims:
        assert inside == pytest.approx(float(counted_inside)), claim
        assert outside == pytest.approx(float(counted_outside)), claim
