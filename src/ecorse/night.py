"""One published night, read only: what notebooks, the command line and applications ask.

What belongs here: reading ``marts`` as the role app_reader, always of one night. What does not:
making a night (``ecorse.flow``); how recommendations are found (``ecorse.answering``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import polars as pl
from polars.io.plugins import register_io_source
from psycopg import sql

from ecorse.errors import DataError
from ecorse.segments.audience import Audience
from ecorse.segments.audience_rows import read_audience
from ecorse.show import html_table
from ecorse.warehouse.snapshot import Build, Snapshot, no_table

if TYPE_CHECKING:
    import pandas as pd

    from ecorse.answering.question import Answer
    from ecorse.answering.shop import Shop

SHOPS = """
select shop_id from marts.recommendable_products
union select shop_id from marts.shops order by shop_id
"""


class Tables(Mapping[str, str]):
    """The tables of a night: name → what its rows are."""

    def __init__(self, about: Mapping[str, str]) -> None:
        self._about = dict(about)

    def __getitem__(self, name: str) -> str:
        return self._about[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._about)

    def __len__(self) -> int:
        return len(self._about)

    def __repr__(self) -> str:
        return "\n".join(f"{name:34} {about}" for name, about in self._about.items())

    def _repr_html_(self) -> str:
        return html_table(self._about)


class Night:
    """The night that is published now; every read of one object shows that same night.

    See ``warehouse.snapshot`` for how long: a night that was replaced meanwhile is never mixed
    with the one that replaced it.

    Raises
    ------
    DataError
        No night is published yet.
    """

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._asked: dict[str, Shop] = {}
        self._known_shops: list[str] = []

    @property
    def build(self) -> Build:
        """Which night it is: ``build_id, as_of, built_at, ecorse_version, git_sha``."""
        return self._snapshot.build

    @property
    def tables(self) -> Tables:
        """Every table of the night, with what its rows are."""
        return Tables(self._snapshot.tables())

    def __getitem__(self, table: str) -> pd.DataFrame:
        """A whole table as a pandas frame, e.g. ``night["orders"]``.

        Raises
        ------
        DataError
            There is no such table; the message has the close ones.
        """
        return self._snapshot.read(f"select * from {self._name(table)}").to_pandas()

    def scan(self, table: str) -> pl.LazyFrame:
        """A table as a lazy Polars frame: only the columns that are used are read.

        Raises
        ------
        DataError
            There is no such table; the message has the close ones.
        """
        name = self._name(table)
        empty = self._snapshot.read(f"select * from {name} limit 0")

        def read(
            columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
        ) -> Iterator[pl.DataFrame]:
            wanted = empty.columns if columns is None else columns
            listed = ", ".join(sql.Identifier(column).as_string() for column in wanted)
            limit = "" if rows is None else f" limit {rows:d}"
            frame = self._snapshot.read(f"select {listed} from {name}{limit}")
            yield frame if predicate is None else frame.filter(predicate)

        return register_io_source(read, schema=empty.schema, is_pure=True)

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """The rows of a select; tables need no schema: ``select * from kpis where shop_id = %s``.

        Raises
        ------
        DataError
            Postgres refuses the query, or there is no such table.
        """
        text = query.strip().rstrip(";")
        if not parameters:
            text = text.replace("%", "%%")  # then a % is just that: like 'USB%'
        return self._snapshot.read(text, parameters).to_pandas()

    def segments(self, segmentation: str | None = None, *, shop: str | None = None) -> pd.DataFrame:
        """Segments with their names, what they mean and how many belong to each.

        Parameters
        ----------
        segmentation
            Only this one, e.g. ``orders``.
        shop
            Only this shop.

        Raises
        ------
        DataError
            There is no such shop or segmentation; the message has those that there are.
        """
        return self._where("segments", "segment_id", segmentation=segmentation, shop_id=shop)

    def leaderboard(self, task: str | None = None, *, shop: str | None = None) -> pd.DataFrame:
        """How every model did on each measure, with baselines and the champion marked.

        Parameters
        ----------
        task
            Only the models of this task.
        shop
            Only this shop.

        Raises
        ------
        DataError
            There is no such shop or task; the message has those that there are.
        """
        found = self._where(
            "model_scores", "task, slice, metric, value desc nulls last", task=task, shop_id=shop
        )
        # each recommender is judged beside best sellers: where these were judged on the same, once
        is_again = found["is_baseline"] & found.drop(columns=["model", "priority"]).duplicated()
        return found[~is_again].reset_index(drop=True)

    def recommend(self, *products: str, shop: str | None = None, **wanted: Any) -> pd.DataFrame:
        """What to show beside chosen products, or to a customer, or for words.

        Products are named by id or by their name in any case; ``wanted`` is that of
        ``recommendations``: ``night.recommend(customer="17850", list="explore")``.
        """
        return self.recommendations(products, shop=shop, **wanted).to_pandas()

    def recommendations(
        self, products: Sequence[str] = (), *, shop: str | None = None, **wanted: Any
    ) -> pl.DataFrame:
        """Recommend ``n`` products; see ``answer``.

        Returns
        -------
        pl.DataFrame
            rank, product_id, product_name, category, score, source, because_of (a product's name),
            reason.
        """
        return self.answer(products, shop=shop, **wanted).frame

    def answer(
        self, products: Sequence[str] = (), *, shop: str | None = None, **wanted: Any
    ) -> Answer:
        """Recommend products for a basket, a customer, a session, a segment or words.

        Nothing is trained: answers come from the night's lists and from its saved models.

        Parameters
        ----------
        products
            A basket: ids, or names in any case.
        shop
            The shop's id; it may be left out where the night has one shop.
        wanted
            ``n`` (5), and what else ``answering.Question`` has: ``customer``, ``list`` (for_you,
            explore, buy_again), ``query`` (what was searched for, the latest last), ``session``
            (products looked at, the latest last), ``segmentation`` and ``segment``, ``method``,
            ``category``, ``month``, ``daypart``.

        Returns
        -------
        Answer
            ``frame``, and ``said``: sentences such as that a customer is not known.

        Raises
        ------
        DataError
            What was asked for is not in the night (the message has what is), or cannot be asked.
        ModelRejected
            A saved model was asked for, and its file is lost or was changed.
        """
        # models are imported by whoever asks for something
        from ecorse.answering.answers import answer
        from ecorse.answering.question import Question
        from ecorse.answering.shop import Shop

        shop_id = self._shop(shop) if shop is not None else self._only_shop()
        if shop_id not in self._asked:
            self._asked[shop_id] = Shop(self._snapshot.read, shop_id)
        wanted = {"products": products, **wanted}
        for name in ("products", "query", "session"):
            if isinstance(wanted.get(name), str):
                wanted[name] = (wanted[name],)
        known = [field.name for field in fields(Question)]
        if unknown := [name for name in wanted if name not in known]:
            raise DataError(f"{', '.join(unknown)}: expected some of {', '.join(known)}, shop.")
        return answer(self._asked[shop_id], Question(**wanted))

    def audience(
        self, segmentation: str, segment: str, *, shop: str | None = None, action: str | None = None
    ) -> Audience:
        """The customers of a segment who may be written to; ``.write(path)`` makes the file.

        Parameters
        ----------
        segmentation
            Which one, e.g. ``rfm``. Of a segment of orders it is the customers who made them.
        segment
            Its name in any case, or its number.
        shop
            The shop's id; it may be left out where the night has one shop.
        action
            An action of ``segment_actions`` for this segment: its holdout is marked.

        Raises
        ------
        DataError
            There is no such shop, segmentation, segment or action, and the message has those that
            there are; or something that is known of customers looks like consent that nothing
            declares.
        """
        shop_id = self._shop(shop) if shop is not None else self._only_shop()
        return read_audience(self._snapshot.read, shop_id, segmentation, segment, action)

    def close(self) -> None:
        """Let the snapshot go now; another read takes a new one of the same night."""
        self._snapshot.close()

    def __enter__(self) -> Night:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Night {self.build.build_id}, rows up to {self.build.as_of:%Y-%m-%d %H:%M} UTC>"

    def _repr_html_(self) -> str:
        return html_table({**vars(self.build), "tables": len(self.tables)})

    def _where(self, table: str, order: str, **equal: str | None) -> pd.DataFrame:
        for column, value in equal.items():
            if column == "shop_id" and value is not None:
                self._shop(value)
            elif value is not None:
                query = f"select distinct {column} from {self._name(table)} order by 1"
                known = self._snapshot.read(query)[column].to_list()
                if value not in known:
                    raise DataError(_unknown(column, value, known))
        wanted = {column: value for column, value in equal.items() if value is not None}
        tests = " and ".join(f"{column} = %s" for column in wanted) or "true"
        name = self._name(table)
        query = f"select * from {name} where {tests} order by shop_id, {order}"
        return self._snapshot.read(query, tuple(wanted.values())).to_pandas()

    def _shops(self) -> list[str]:
        if not self._known_shops:
            self._known_shops = self._snapshot.read(SHOPS)["shop_id"].to_list()
        return self._known_shops

    def _shop(self, wanted: str) -> str:
        """A shop that the night has."""
        if wanted not in (shops := self._shops()):
            raise DataError(_unknown("shop", wanted, shops))
        return wanted

    def _only_shop(self) -> str:
        shops = self._shops()
        if len(shops) != 1:
            raise DataError(
                f"The night has {len(shops)} shops ({', '.join(shops) or 'none'}). Say which one: "
                "shop=..., or --shop."
            )
        return shops[0]

    def _name(self, table: str) -> str:
        """Quote a table's name for SQL, if there is such a table."""
        if table not in (known := self.tables):
            raise no_table(table, known)
        return sql.Identifier("marts", table).as_string()


def _unknown(what: str, wanted: str, known: Sequence[str]) -> str:
    return f"The night has no {what} {wanted!r}; it has {', '.join(known) or 'none'}."
