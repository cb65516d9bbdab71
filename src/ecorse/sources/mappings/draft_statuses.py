"""The file's words for ours: statuses, kinds of events, guests, in seven languages.

What belongs here: proposing ``[values]``; a word that is not known is asked about. What does not:
the words, which are data (``draft_statuses.toml``).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import polars as pl

from ecorse.schema.table import StagingTable

MOST_WORDS = 40
LEAST_ORDERS = 3  # fewer prove nothing


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, str]]:
    """Our word by theirs, by target."""
    text = Path(__file__).with_name("draft_statuses.toml").read_text(encoding="utf-8")
    return {
        target: {word: ours for ours, known in meanings.items() for word in known}
        for target, meanings in tomllib.loads(text).items()
    }


def known_share(texts: pl.Series, target: str) -> float:
    """The share of a column's values that are words of a target."""
    some = _folded(texts.drop_nulls())
    return float(some.is_in(list(_words()[target])).sum()) / max(len(some), 1)


def guests_in(texts: pl.Series) -> tuple[str, ...]:
    """The words of a column of customers that stand for guests, as they are written."""
    some = texts.drop_nulls().unique().sort()
    is_guest = some.str.to_lowercase().is_in(list(_words()["customer_id"]))
    return tuple(some.filter(is_guest).to_list())


def back_words(texts: pl.Series) -> tuple[str, ...]:
    """The words of a column of statuses that say cancelled or returned, as they are written."""
    known = _words()["status"]
    back = [w for w, ours in known.items() if ours in ("cancelled", "returned")]
    some = texts.drop_nulls().unique().sort()
    return tuple(some.filter(_folded(some).is_in(back)).to_list())


def _folded(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.strip_chars(" .!")


def status_lines(texts: pl.Series, target: str, staging: StagingTable) -> list[str]:
    """The lines of ``[values.<target>]`` for the words of a column."""
    column = staging.column(target)
    ours = column.allowed if column is not None else ()
    found = texts.drop_nulls().unique().sort().to_list()
    known, unknown = [], []
    for word in found[:MOST_WORDS]:
        meant = _words()[target].get(word.casefold().strip(" .!"))
        if word in ours:
            continue
        if meant is None:
            unknown.append(word)
        else:
            known.append(f"{json.dumps(word, ensure_ascii=False)} = {json.dumps(meant)}")
    if not known and not unknown:
        return []
    lines = ["", f"[values.{target}]", *known]
    if unknown:
        lines.append(f"# QUESTION: which of {', '.join(ours)} are these words?")
        lines += [f'# {json.dumps(word, ensure_ascii=False)} = "..."' for word in unknown]
    if unknown and target == "status":
        lines += _left_out(str(texts.name), unknown)
    return lines


def _left_out(name: str, words: Sequence[str]) -> Iterator[str]:
    """Blocks that leave rows of words out which are none of ours, ready to be taken."""
    known = _words()["waiting"]
    waiting = [word for word in words if word.casefold().strip(" .!") in known]
    others = [word for word in words if word not in waiting]
    for some, id_, about in (
        (waiting, "not_paid", "may be orders that nobody has paid yet"),
        (others, "no_sales", "are neither sold, cancelled nor returned"),
    ):
        if some:
            listed = ", ".join("'" + word.replace("'", "''") + "'" for word in some)
            column = '"' + name.replace('"', '""') + '"'
            when = f"{column} = {listed}" if len(some) == 1 else f"{column} in ({listed})"
            yield f"# QUESTION: {listed} {about}? Rows of these that are no sales are left out by:"
            yield "# [[leave_out]]"
            yield f'# id = "{id_}"'
            yield f"# when = {json.dumps(when, ensure_ascii=False)}"


def taken_back_lines(
    status: pl.Series, orders: pl.Series, pieces: pl.Series | None
) -> Iterator[str]:
    """``taken_back_rows``, where cancelled or returned rows have pieces above 0: proven, or asked.

    Cancelled rows are the sale itself where their orders have no other row: there is nothing that
    they could take back. A returned row may have an order number of its own, and is asked about.

    Parameters
    ----------
    pieces
        One number per row; None where every row is one piece.
    """
    frame = pl.DataFrame({"status": status, "order": orders}).with_columns(
        pl.lit(1).alias("pieces") if pieces is None else pieces.fill_null(0).alias("pieces")
    )
    meant = pl.col("status").str.to_lowercase().str.strip_chars(" .!")
    ours = meant.replace_strict(_words()["status"], default=None, return_dtype=pl.String)
    frame = frame.with_columns(ours.alias("ours"))
    is_open = pl.col("ours").is_in(["cancelled", "returned"]) & (pl.col("pieces") > 0)
    frame = frame.with_columns(is_open.fill_null(False).alias("open"))
    rows = frame.filter("open")
    if not rows.height:
        return
    words = ", ".join(map(repr, rows["status"].unique().sort()))
    of_these = frame.filter(pl.col("order").is_in(rows["order"].unique().implode()))
    mixed = of_these.filter(~pl.col("open"))["order"].n_unique()
    count = of_these["order"].n_unique()
    is_cancelled = set(rows["ours"]) == {"cancelled"} and not rows["order"].null_count()
    if is_cancelled and not mixed and count >= LEAST_ORDERS:
        yield f"# proven: rows of {words} are the sale itself: {count} orders have no other rows"
        yield 'taken_back_rows = "sales"'
        return
    yield (
        f"# QUESTION: is a row of {words} with pieces above 0 the sale itself ("
        f'"sales"), or does it take back the sale of another row ("returns")? {mixed} of {count} '
        "orders with such rows have other rows too. Such rows are refused without:"
    )
    yield '# taken_back_rows = "sales"'
