"""Who of a segment may be written to, and a file that does no harm."""

from __future__ import annotations

import csv
import io
import stat
from datetime import date

import polars as pl
import pytest

from ecorse.errors import ConfigError, DataError
from ecorse.models.action import read_actions
from ecorse.segments.audience import (
    CONSENT,
    SUPPRESSED,
    disarm,
    in_holdout,
    make_audience,
    refuse_undeclared,
)

SEGMENT = {"shop_id": "s", "segmentation": "rfm", "segment_id": 3, "segment_name": "Loyal"}


def members(*customers: str) -> pl.DataFrame:
    """Customers of a segment, as the night gives them."""
    return pl.DataFrame(
        {
            "customer_id": list(customers),
            "last_purchase_date": [date(2019, 5, 1)] * len(customers),
            "purchases": [2] * len(customers),
            "stage": ["active"] * len(customers),
        }
    )


def stated(**by_customer: dict[str, str | None]) -> pl.DataFrame:
    """What the customer files state: customer -> attribute -> value."""
    return pl.DataFrame(
        [(c, name, value) for c, told in by_customer.items() for name, value in told.items()],
        schema={"customer_id": pl.String, "attribute": pl.String, "value_text": pl.String},
        orient="row",
    )


def test_without_any_statement_all_are_in_and_that_is_said() -> None:
    audience = make_audience(members("b", "a"), stated(), segment=SEGMENT)
    assert audience.frame["customer_id"].to_list() == ["a", "b"]
    assert audience.left_out == {}
    assert any("states consent" in sentence for sentence in audience.told())


def test_where_consent_is_stated_who_gave_none_is_left_out_and_counted() -> None:
    told = stated(
        yes={CONSENT: "true"}, no={CONSENT: "false"}, empty={CONSENT: None},
        other_segment={CONSENT: "true"},
    )  # fmt: skip
    audience = make_audience(members("yes", "no", "empty", "absent"), told, segment=SEGMENT)
    assert audience.frame["customer_id"].to_list() == ["yes"]
    assert audience.left_out == {"who gave no consent": 1, "whose consent is not stated": 2}
    assert audience.members == 4
    assert not any("states consent" in sentence for sentence in audience.told())


def test_a_statement_about_others_holds_for_a_segment_of_none_of_them() -> None:
    """That the shop states consent counts, not that it states it of somebody here."""
    told = stated(somebody_else={CONSENT: "true"})
    audience = make_audience(members("a"), told, segment=SEGMENT)
    assert len(audience.frame) == 0
    assert audience.left_out == {"whose consent is not stated": 1}


def test_suppressed_customers_are_out_also_with_consent() -> None:
    told = stated(
        a={CONSENT: "true", SUPPRESSED: "true"},
        b={CONSENT: "true", SUPPRESSED: "false"},
        c={CONSENT: "true"},
        d={CONSENT: "true", SUPPRESSED: None},
    )
    audience = make_audience(members("a", "b", "c", "d"), told, segment=SEGMENT)
    # an empty cell of the list is no answer: only who is not on the list at all is not suppressed
    assert audience.frame["customer_id"].to_list() == ["b", "c"]
    assert audience.left_out == {"who are suppressed": 2}


@pytest.mark.parametrize(
    "name",
    [
        "accepts_marketing", "accepts_email_marketing", "email_consent", "newsletter", "opt_in",
        "optin", "subscribed", "unsubscribed", "opt_out", "do_not_contact", "gdpr_status",
        "suppressed", "email_subscriber", "marketing_status",
        # as files write them
        "e-mail_opt-in", "opt-in", "opt-out", "do-not-mail", "OptIn", "Newsletter", "EmailConsent",
        "sms_ok", "mail_allowed", "Opted In", "optedOut", "DoNotEMail", "GDPRStatus", "DNC",
        "Receives E-Mails", "email.marketing.accepted", "NO MAIL", "no_phone_calls",
        # and in other languages
        "einwilligung", "Einverständnis", "Werbe-Einwilligung", "Keine Werbung", "Widerspruch",
        "nicht_anschreiben", "consentement_marketing", "désabonné", "ne pas contacter",
        "Accepte la publicité", "consentimiento", "suscripción", "no_contactar", "lista negra",
        "consenso", "iscrizione", "disiscritto", "non contattare", "toestemming", "nieuwsbrief",
        "afgemeld", "geen reclame", "permissão", "não contatar", "descadastrado",
        # found by trying
        "ok to email", "mailable", "email_opt", "SMS Marketing", "mag ik je mailen",
        "Kontaktaufnahme gestattet", "darf kontaktiert werden", "Souhaite recevoir nos offres",
        "ne souhaite pas être contacté", "rechaza publicidad", "recusa contacto",
        "vuole essere contattato", "noemail",
    ],
)  # fmt: skip
def test_what_looks_like_consent_and_is_not_declared_is_asked(name: str) -> None:
    with pytest.raises(DataError, match=f"{name}.*attributes.marketing_consent"):
        refuse_undeclared({name, "income"}, "s")


def test_declared_consent_settles_it_and_other_attributes_are_none() -> None:
    refuse_undeclared({"accepts_marketing", "email_consent", CONSENT}, "s")
    # a campaign that somebody accepted is no consent, nor is a birthday (simulated and real files)
    refuse_undeclared({"accepted_campaign_1", "accepted_last_campaign", "birth_year"}, "s")
    refuse_undeclared(
        {
            "Marital_Status", "education", "Kidhome", "Complain", "NumDealsPurchases", "Recency",
            "post_code", "contact_name", "phone", "E-Mail", "order_status", "marketing_channel",
            "avg_order_value", "Z_CostContact", "no_of_calls", "discriminant",
            "not_a_student", "Geburtsjahr", "pays",
        },
        "s",
    )  # fmt: skip
    with pytest.raises(DataError, match="accepts_marketing"):  # suppression says nothing of it
        refuse_undeclared({"accepts_marketing", SUPPRESSED}, "s")


@pytest.mark.parametrize("name", ["do_not_mail", "unsubscribed", "Opt-Out", "Widerspruch"])
def test_each_list_that_seems_to_forbid_is_asked_about(name: str) -> None:
    with pytest.raises(DataError, match=name):  # another list is declared, not this one
        refuse_undeclared({name, SUPPRESSED, CONSENT}, "s")


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+491701234", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "=cmd|' /C'!A0"],
)
def test_what_a_spreadsheet_would_run_has_an_apostrophe(text: str) -> None:
    assert disarm(text) == f"'{text}"


@pytest.mark.parametrize("text", ["C01", "a=b", "12345", "", "'=1", "jo@example.org", "7-2"])
def test_other_texts_are_left_as_they_are(text: str) -> None:
    assert disarm(text) == text


def test_the_file_has_every_row_and_only_its_owner_reads_it(tmp_path) -> None:
    hostile = ["=1+1", '"quoted"', "two\nlines", "a,b;c", "+49 170"]
    audience = make_audience(members(*hostile), stated(), segment=SEGMENT)
    path = tmp_path / "audience.csv"
    path.write_text("older")
    path.chmod(0o644)
    audience.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["audience.csv"]
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
    assert {row["customer_id"].removeprefix("'") for row in rows} == set(hostile)
    assert all(not value.startswith(tuple("=+-@\t\r")) for row in rows for value in row.values())
    assert audience.disarmed == 2


def test_a_file_that_cannot_be_written_says_why(tmp_path) -> None:
    audience = make_audience(members("a"), stated(), segment=SEGMENT)
    with pytest.raises(ConfigError, match="is a folder"):
        audience.write(tmp_path)
    with pytest.raises(ConfigError, match="make it first"):
        audience.write(tmp_path / "none" / "audience.csv")


def test_the_holdout_is_a_tenth_and_the_same_every_time() -> None:
    actions = read_actions()
    customers = [f"c{number}" for number in range(20_000)]
    first, second = (actions[name] for name in ("keep_the_best", "next_category"))
    drawn = [in_holdout(first, "s", customer) for customer in customers]
    # 20,000 draws at 0.1: five standard deviations are 212
    assert abs(sum(drawn) - 2_000) < 212
    assert drawn == [in_holdout(first, "s", customer) for customer in customers]
    other = [in_holdout(second, "s", customer) for customer in customers]
    both = sum(a and b for a, b in zip(drawn, other, strict=True))
    assert abs(both - 200) < 71  # independent of another action's
    audience = make_audience(members(*customers[:500]), stated(), segment=SEGMENT, action=first)
    assert audience.holdout == sum(in_holdout(first, "s", c) for c in customers[:500])
    assert audience.frame["is_holdout"].null_count() == 0
