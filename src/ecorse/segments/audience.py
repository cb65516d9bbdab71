"""The audience of a segment: which customers may be written to, as rows and as a file.

What belongs here: consent, the holdout, a file that a spreadsheet cannot be made to run. What does
not: reading the night (``ecorse.night``); who belongs to a segment, which its model says.

A mapping declares what a shop may do: ``marketing_consent`` (boolean; true: may be written to) and
``is_suppressed`` (boolean; true: must not be) of a file of orders, ``attributes.marketing_consent``
and ``attributes.is_suppressed`` of one of customers. Where a shop's files state consent, who has
not given it is left out; where files disagree, the one that forbids counts; a column that looks
like consent and is declared as neither is asked about, never taken for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ecorse.atomic import replace_atomically
from ecorse.errors import ConfigError, DataError
from ecorse.models.action import Action
from ecorse.schema.consent_words import looks_allowed, looks_forbidden
from ecorse.schema.staging import STATEMENTS

CONSENT, SUPPRESSED = STATEMENTS
ALLOWS = {CONSENT: "true", SUPPRESSED: "false"}
COLUMNS = (
    "shop_id", "customer_id", "segmentation", "segment_id", "segment_name", "action", "is_holdout",
    "last_purchase_date", "purchases", "stage",
)  # fmt: skip
PRIVATE = 0o600
# what a spreadsheet takes for a formula (OWASP, CSV Injection), also in full width
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


@dataclass(frozen=True)
class Audience:
    """Who of a segment may be written to: ``frame`` has a row per customer.

    ``left_out`` counts the others by reason; ``members`` is both together. Of a segment of orders
    the members are the customers who made them; ``orders_of_nobody`` have no customer.
    """

    shop_id: str
    segmentation: str
    segment_id: int
    segment_name: str
    action: str | None
    frame: pl.DataFrame
    left_out: Mapping[str, int] = field(default_factory=dict)
    orders_of_nobody: int = 0
    states_consent: bool = False

    @property
    def members(self) -> int:
        """Customers of the segment, those who were left out included."""
        return len(self.frame) + sum(self.left_out.values())

    @property
    def holdout(self) -> int:
        """How many of the rows are to be left alone; 0 without an action."""
        return int(self.frame["is_holdout"].fill_null(value=False).sum())

    @property
    def disarmed(self) -> int:
        """How many rows have a text that a spreadsheet would take for a formula."""
        texts = [pl.col(c).map_elements(is_formula, pl.Boolean) for c in _texts(self.frame)]
        return self.frame.filter(pl.any_horizontal(texts)).height

    def told(self) -> list[str]:
        """What it is, in sentences."""
        said = [
            f"{self.segment_name} ({self.segmentation}, shop {self.shop_id}): "
            f"{self.members:,} customers, {len(self.frame):,} in the audience"
        ]
        said += [f"left out: {count:,} {reason}" for reason, count in self.left_out.items()]
        if not self.states_consent:
            said.append(
                "no file of the shop states consent, so nobody is left out for it: "
                "whether these may be written to is for you to know"
            )
        if self.orders_of_nobody:
            said.append(f"{self.orders_of_nobody:,} purchases have no customer who could be asked")
        if self.action:
            said.append(
                f"{self.holdout:,} of them are the holdout of {self.action}: leave them alone, so "
                "that its effect can be measured"
            )
        if self.disarmed:
            said.append(
                f"{self.disarmed:,} rows have a text that a spreadsheet would take for a formula; "
                "it has an apostrophe before it"
            )
        return said

    def write(self, path: Path) -> None:
        """Write it as CSV, whole or not at all, readable by its owner alone.

        Every text is quoted; one that a spreadsheet would take for a formula begins with an
        apostrophe.

        Raises
        ------
        ConfigError
            There is no such folder, or the path is one.
        DiskFull
            There is no space left.
        """
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; name the file to write, such as audience.csv.")
        if not path.parent.is_dir():
            raise ConfigError(f"{path.parent} is no folder; make it first.")
        harmless = self.frame.with_columns(
            pl.col(c).map_elements(disarm, pl.String) for c in _texts(self.frame)
        )
        with replace_atomically(path, mode=PRIVATE) as file:
            file.write(harmless.write_csv(quote_style="non_numeric").encode())


def make_audience(
    members: pl.DataFrame,
    attributes: pl.DataFrame,
    *,
    segment: Mapping[str, str | int],
    action: Action | None = None,
    orders_of_nobody: int = 0,
) -> Audience:
    """Leave out who may not be written to, and draw the holdout of an action.

    Parameters
    ----------
    members
        customer_id, last_purchase_date, purchases, stage: a row per customer.
    attributes
        customer_id, attribute, value_text: what the shop's files state of all its customers under
        the names ``STATEMENTS``; of several rows the one that forbids counts.
    segment
        shop_id, segmentation, segment_id, segment_name.
    """
    shop_id = str(segment["shop_id"])
    names = set(attributes["attribute"])
    values = attributes.select("customer_id", "attribute", value=pl.col("value_text").fill_null(""))
    told = members
    for name in STATEMENTS:
        own = _strictest(values.filter(attribute=name), name)
        told = told.join(own, on="customer_id", how="left", maintain_order="left")
    reason = pl.lit(None, pl.String)
    if CONSENT in names:
        reason = (
            pl.when(pl.col(CONSENT).fill_null("") == "")
            .then(pl.lit("whose consent is not stated"))
            .when(pl.col(CONSENT) != "true")
            .then(pl.lit("who gave no consent"))
            .otherwise(reason)
        )
    if SUPPRESSED in names:
        # whom a list of suppressed does not name is not suppressed; a row without an answer may be
        is_kept = pl.col(SUPPRESSED).fill_null("false") == "false"
        reason = pl.when(~is_kept).then(pl.lit("who are suppressed")).otherwise(reason)
    told = told.with_columns(reason=reason)
    counts = told.filter(pl.col("reason").is_not_null()).group_by("reason").len().sort("reason")
    kept = told.filter(pl.col("reason").is_null()).with_columns(
        **{name: pl.lit(value) for name, value in segment.items()},
        action=pl.lit(action.name if action else None, pl.String),
        is_holdout=_holdout(action, shop_id),
    )
    return Audience(
        shop_id,
        str(segment["segmentation"]),
        int(segment["segment_id"]),
        str(segment["segment_name"]),
        action.name if action else None,
        kept.select(COLUMNS).sort("customer_id"),
        dict(counts.iter_rows()),
        orders_of_nobody,
        CONSENT in names,
    )


def _strictest(values: pl.DataFrame, name: str) -> pl.DataFrame:
    """One row per customer: what forbids, else nothing said, else what allows."""
    allows = pl.col("value") == ALLOWS[name]
    leniency = pl.when(allows).then(2).when(pl.col("value") == "").then(1).otherwise(0)
    first = values.sort(leniency, maintain_order=True).unique("customer_id", keep="first")
    return first.select("customer_id", pl.col("value").alias(name))


def refuse_undeclared(names: set[str], shop_id: str) -> None:
    """Ask about attributes and columns that look like consent and are not declared.

    A declared consent settles the others that look like one; each that seems to forbid is asked
    about, for what one list forbids another does not allow.

    Raises
    ------
    DataError
        There is one; the message says what to declare.
    """
    unclear = sorted(
        name
        for name in names - set(STATEMENTS)
        if looks_forbidden(name) or (looks_allowed(name) and CONSENT not in names)
    )
    if unclear:
        raise DataError(
            f"Shop {shop_id!r} knows of its customers {', '.join(unclear)}, which may say whom it "
            "may write to, and nothing declares it. In the source's mapping let the column fill "
            f"attributes.{CONSENT} (true: may be written to) or attributes.{SUPPRESSED} (true: "
            f"must not), of orders {CONSENT} or {SUPPRESSED}; or, if it says neither, give the "
            "attribute another name, or the column ignore = true; then ingest and refresh. No "
            "audience was made."
        )


def in_holdout(action: Action, shop_id: str, customer_id: str) -> bool:
    """Whether a customer is left alone by an action: the same answer every night."""
    text = "\0".join((str(action.file.holdout.seed), action.name, shop_id, customer_id))
    drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return drawn < action.file.holdout.share * 2**64


def _holdout(action: Action | None, shop_id: str) -> pl.Expr:
    if action is None:
        return pl.lit(None, pl.Boolean)
    return pl.col("customer_id").map_elements(
        lambda customer: in_holdout(action, shop_id, customer), pl.Boolean
    )


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula, also behind blanks."""
    return text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)


def disarm(text: str) -> str:
    """The text with an apostrophe before it where it would be taken for a formula."""
    return f"'{text}" if is_formula(text) else text


def _texts(frame: pl.DataFrame) -> Sequence[str]:
    return [name for name, dtype in frame.schema.items() if dtype == pl.String]
