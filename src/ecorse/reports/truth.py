"""How much of what the simulator planted the published night found again.

What belongs here: comparing ``truth.json`` with the marts and the load ledger. What does not:
planting (``ecorse.simulate``), and judging models on real data (``ecorse.evaluate``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg.rows import dict_row

from ecorse.columns import SIMULATED_SUFFIX
from ecorse.errors import ConfigError
from ecorse.ingest.shops import load_shops
from ecorse.origins.simulate import simulated_folder
from ecorse.settings import Settings, get_settings
from ecorse.simulate import TRUTH_FILE
from ecorse.simulate.shop import peaks
from ecorse.warehouse.connect import connect

HOURS = """
select order_hour, count(*) as orders from marts.orders
where shop_id = %s and not is_cancelled group by order_hour
"""
MONTHS = """
select to_char(order_date, 'YYYY-MM') as month, count(*) as orders,
    extract(day from date_trunc('month', order_date) + interval '1 month - 1 day')::integer as days
from marts.orders where shop_id = %s and not is_cancelled group by 1, 3 order by 1
"""
PAIRS = """
select s.product_id, p.product_name, s.similar_product_id, r.product_name as similar_product_name
from marts.item_similarity_served as s
inner join marts.products as p on p.shop_id = s.shop_id and p.product_id = s.product_id
inner join marts.products as r on r.shop_id = s.shop_id and r.product_id = s.similar_product_id
where s.shop_id = %s and s.rank = 1
"""
CUSTOMER_SEGMENTS = """
select customer_id, segment_id from marts.customer_segments
where shop_id = %s and segmentation = 'customers'
"""
ORDER_SEGMENTS = """
select o.order_id, s.segment_id,
    extract(hour from o.ordered_local)::integer * 60
    + extract(minute from o.ordered_local)::integer as minute
from marts.orders as o
inner join marts.order_segments as s on s.shop_id = o.shop_id and s.order_id = o.order_id
where o.shop_id = %s and s.segmentation = 'orders'
"""
SEGMENT_HOURS = """
select segment_id, value from marts.segment_traits
where shop_id = %s and segmentation = 'orders' and feature = 'hour'
"""
LOADS = """
select load_id, file_name, rows_duplicate, rows_ignored, rows_rejected from ops.load
where shop_id = %s and source = %s and superseded_at is null
"""
REJECTED_LINES = "select source_line from ops.reject where load_id = %s"


@dataclass(frozen=True)
class Score:
    """One thing that was planted: ``value`` is how well it was found, or ``None`` and why not."""

    shop_id: str
    what: str
    value: float | None
    sentence: str


@dataclass(frozen=True)
class Planted:
    """The truth of one simulated source of a shop."""

    shop_id: str
    source: str
    folder: Path
    truth: Mapping[str, Any]

    @property
    def marts_shop(self) -> str:
        """The shop that the simulated rows are staged under."""
        return self.shop_id + SIMULATED_SUFFIX

    @property
    def names_customers(self) -> bool:
        """Whether the planted segments can be found in customers; else in orders."""
        return bool(self.truth["segments_of"] == "customers")


def planted_sources(settings: Settings, shop_id: str | None = None) -> list[Planted]:
    """Find the truth of every simulated source in ``shops.toml`` that was made already.

    Raises
    ------
    ConfigError
        There is none.
    """
    found = []
    for shop in load_shops(settings):
        if shop_id not in (None, shop.shop_id, shop.shop_id + SIMULATED_SUFFIX):
            continue
        for source in shop.sources:
            if source.origin != "simulate":
                continue
            folder = simulated_folder(settings, source.options)
            if (folder / TRUTH_FILE).exists():
                truth = json.loads((folder / TRUTH_FILE).read_text(encoding="utf-8"))
                found.append(Planted(shop.shop_id, source.name, folder, truth))
    if not found:
        raise ConfigError(
            f"No simulated source of shop {shop_id or '(any)'} with a {TRUTH_FILE} under "
            f'{settings.home / "simulated"}. Name origin = "simulate" in {settings.shops_file} '
            "and run 'ecorse run' first."
        )
    return found


def score_truth(shop_id: str | None = None) -> list[Score]:
    """Score the published night of every simulated shop, or of one.

    Raises
    ------
    ConfigError
        No simulated source was made yet.
    """
    sources = planted_sources(get_settings(), shop_id)
    scores: list[Score] = []
    with connect(application_name="ecorse truth") as conn:
        for shop in dict.fromkeys(source.shop_id for source in sources):
            planted = [source for source in sources if source.shop_id == shop]
            scores += _score_shop(conn, planted)
    return scores


def _score_shop(conn: psycopg.Connection[Any], planted: list[Planted]) -> Iterator[Score]:
    """Score one shop; what several of its sources tell alike is scored by the first."""
    first, shop = planted[0], planted[0].marts_shop
    published = conn.execute("select to_regclass('marts.orders') is not null").fetchone()
    if not published or not published[0]:
        yield Score(shop, "everything", None, "no night is published yet; run 'ecorse refresh'")
    else:
        yield score_segments(conn, next((p for p in planted if p.names_customers), first))
        yield from score_pairs(conn, first)
        yield score_peaks(conn, first)
        yield score_season(conn, first)
    yield from score_dirt(conn, planted)


def _rows(conn: psycopg.Connection[Any], sql: str, *values: object) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql, values).fetchall()


def score_segments(conn: psycopg.Connection[Any], planted: Planted) -> Score:
    """Agreement of planted and found groups: the adjusted Rand index, 1 when they are the same.

    A shop that knows its customers is judged by them. Else its orders are: by the group that is the
    likeliest at their minute of the day, and by the group that is the likeliest at the hour that
    their segment is told to be centred on. A store plants times of day, and dear and cheap goods at
    each, so that segments of one time may part by price; the agreement without joining them is
    told in the sentence.

    Source: Hubert & Arabie, Comparing partitions, Journal of Classification 2 (1985).
    """
    from sklearn.metrics import adjusted_rand_score

    shop, truth = planted.marts_shop, planted.truth
    if planted.names_customers:
        what = "customer segments (ARI)"
        table = pl.read_csv(planted.folder / truth["segments_table"])
        of = dict(zip(table["customer_id"], table["segment"], strict=True))
        found = _rows(conn, CUSTOMER_SEGMENTS, shop)
        both = [
            (of[r["customer_id"]], str(r["segment_id"])) for r in found if r["customer_id"] in of
        ]
    else:
        what = "order dayparts (ARI)"
        groups = truth["truth"]["groups"]
        hours = {r["segment_id"]: r["value"] for r in _rows(conn, SEGMENT_HOURS, shop)}
        apart = [
            (likeliest_group(groups, row["minute"]), row["segment_id"])
            for row in _rows(conn, ORDER_SEGMENTS, shop)
        ]
        both = [
            (group, likeliest_group(groups, round(hours[i] * 60)) if i in hours else str(i))
            for group, i in apart
        ]
    if not both:
        return Score(shop, what, None, "the published night has no such segments of this shop")
    pairs = Counter(both)
    names = sorted({name for name, _ in both})
    ari = float(adjusted_rand_score([g for g, _ in both], [s for _, s in both]))
    told = "; ".join(
        f"{name}: {max(n for (g, _), n in pairs.items() if g == name):,} of "
        f"{sum(n for (g, _), n in pairs.items() if g == name):,} in one segment"
        for name in names
    )
    if not planted.names_customers:
        alone = float(adjusted_rand_score([g for g, _ in apart], [s for _, s in apart]))
        told += f"; {alone:.2f} where segments of one time of day stand alone"
    count = len({s for _, s in (both if planted.names_customers else apart)})
    return Score(shop, what, ari, f"{count} segments found; {told}")


def likeliest_group(groups: list[Mapping[str, Any]], minute: int) -> str:
    """The planted group whose bell of order times is the highest at a minute of the day."""

    def distance(group: Mapping[str, Any]) -> float:
        apart = abs(minute - group["peak_minute"])
        around: float = min(apart, 1440 - apart) / group["spread_minutes"]
        return around

    nearest: str = min(groups, key=distance)["name"]
    return nearest


def score_pairs(conn: psycopg.Connection[Any], planted: Planted) -> Iterator[Score]:
    """Planted complements among the first neighbours.

    Precision: of the products with a planted complement that have neighbours, how many have it
    first. Recall: of the planted pairs, how many are first from either side.
    """
    shop = planted.marts_shop
    first = _rows(conn, PAIRS, shop)
    if not first:
        for what in ("pairs (precision@1)", "pairs (recall)"):
            yield Score(shop, what, None, "the published night has no similar items of this shop")
        return
    # a source without product ids is matched by the products' names
    by_id = {row["product_id"]: row["similar_product_id"] for row in first}
    by_name = {
        row["product_name"].casefold(): row["similar_product_name"].casefold() for row in first
    }
    pairs = [
        (p["product_id"], p["complement_id"], p["product"].casefold(), p["complement"].casefold())
        for p in planted.truth["pairs"]
    ]

    def leads(id_a: str, id_b: str, name_a: str, name_b: str) -> bool:
        if id_a in by_id:
            return bool(by_id[id_a] == id_b)
        return by_name.get(name_a) == name_b

    asked = [p for p in pairs if p[0] in by_id or p[2] in by_name]
    right = sum(leads(*pair) for pair in asked)
    found = sum(leads(a, b, x, y) or leads(b, a, y, x) for a, b, x, y in pairs)
    yield Score(
        shop,
        "pairs (precision@1)",
        right / len(asked) if asked else None,
        f"{right:,} of {len(asked):,} products with a planted complement have it as the first "
        "neighbour",
    )
    yield Score(
        shop,
        "pairs (recall)",
        found / len(pairs) if pairs else None,
        f"{found:,} of {len(pairs):,} planted pairs are first from either side",
    )


def score_peaks(conn: psycopg.Connection[Any], planted: Planted) -> Score:
    """Share of the planted peak hours that the orders have within one hour."""
    shop, truth = planted.marts_shop, planted.truth
    wanted = truth["peak_hours"]
    by_hour = {row["order_hour"]: row["orders"] for row in _rows(conn, HOURS, shop)}
    if not by_hour:
        return Score(shop, "peak hours", None, "the published night has no orders of this shop")
    found = peaks([float(by_hour.get(hour, 0)) for hour in range(24)])
    near = [h for h in wanted if any(min((h - f) % 24, (f - h) % 24) <= 1 for f in found)]
    return Score(
        shop,
        "peak hours",
        len(near) / len(wanted) if wanted else None,
        f"planted {_hours(wanted)}, found {_hours(found)}",
    )


def _hours(hours: list[int]) -> str:
    return ", ".join(f"{hour}:00" for hour in hours) or "none"


def score_season(conn: psycopg.Connection[Any], planted: Planted) -> Score:
    """Mean absolute error of the month index (orders per day over their mean); 0 is perfect."""
    shop, truth = planted.marts_shop, planted.truth
    what = "seasonality (mean absolute error)"
    per_day = {r["month"]: r["orders"] / r["days"] for r in _rows(conn, MONTHS, shop)}
    wanted = truth["month_index"]
    shared = [month for month in wanted if month in per_day]
    if not shared:
        return Score(shop, what, None, "the published night has no orders in the planted months")
    mean = sum(per_day[month] for month in shared) / len(shared)
    errors = {month: abs(per_day[month] / mean - wanted[month]) for month in shared}
    worst = max(shared, key=lambda month: errors[month])
    return Score(
        shop,
        what,
        sum(errors.values()) / len(errors),
        f"{len(shared)} months; the largest error is {errors[worst]:.3f} in {worst}",
    )


def score_dirt(conn: psycopg.Connection[Any], planted: list[Planted]) -> Iterator[Score]:
    """Rows that were set aside against rows that were planted as dirt, over all loaded files.

    Refused rows are compared line by line; duplicates and ignored rows (blank lines, repeated
    headers) by their number per file.
    """
    shop = planted[0].marts_shop
    wanted = found = right = files = 0
    missing: list[str] = []
    wrong: list[str] = []
    for source in planted:
        loads = {r["file_name"]: r for r in _rows(conn, LOADS, source.shop_id, source.source)}
        lines = _broken_lines(source)
        for file in source.truth["files"]:
            load = loads.get(file["file_name"])
            if load is None:
                missing.append(file["file_name"])
                continue
            files += 1
            told = {
                "rows_duplicate": file["duplicate_rows"],
                "rows_ignored": file["blank_rows"] + file["repeated_headers"],
                "rows_rejected": sum(file["broken_rows"].values()),
            }
            agree = {kind: min(n, load[kind]) for kind, n in told.items()}
            rejected = {r["source_line"] for r in _rows(conn, REJECTED_LINES, load["load_id"])}
            agree["rows_rejected"] = len(rejected & lines.get(file["file_name"], set()))
            wanted += sum(told.values())
            found += sum(load[kind] for kind in told)
            right += sum(agree.values())
            wrong += [
                f"{file['file_name']}: {kind.removeprefix('rows_')} {load[kind]} for {n} planted"
                for kind, n in told.items()
                if not agree[kind] == n == load[kind]
            ]
    told_files = f"{files} files" + (f", {len(missing)} not loaded" if missing else "")
    sentence = f"{right:,} right of {wanted:,} planted and {found:,} set aside in {told_files}"
    if wrong:
        sentence += "; " + "; ".join(wrong[:3])
    yield Score(shop, "dirt (recall)", right / wanted if wanted else None, sentence)
    yield Score(shop, "dirt (precision)", right / found if found else None, sentence)


def _broken_lines(source: Planted) -> dict[str, set[int]]:
    """The planted broken lines by file."""
    table = pl.read_csv(source.folder / source.truth["broken_rows_table"])
    lines: dict[str, set[int]] = {}
    for name, line in table.select("file_name", "source_line").iter_rows():
        lines.setdefault(name, set()).add(line)
    return lines
