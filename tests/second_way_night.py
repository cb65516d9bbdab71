"""A published night of a shop beside the figures of its lines: every mart that holds a measure.

What belongs here: which groups a mart's rows are, and comparing. Taken from the night are labels
only: a product's category, the band of a price, which segment an order or customer is in. What does
not: the figures (``second_way``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from second_way import Figures, Line, Order, Shop, place, ratio

Asked = Callable[..., list[tuple]]


class Night:
    """The labels of a published night of a shop, and its figures beside those of the lines."""

    def __init__(self, asked: Asked, shop_id: str, shop: Shop) -> None:
        self.asked, self.shop_id, self.shop = asked, shop_id, shop
        ask = self._ask
        self.category = dict(ask("select product_id, category from marts.products"))
        self.band = dict(ask("select distinct unit_price, price_band from marts.order_lines"))
        self.segments = {
            "segment": self._labels("order_segments", "order_id"),
            "customer_segment": self._labels("customer_segments", "customer_id"),
        }

    def _ask(self, query: str) -> list[tuple]:
        return self.asked(f"{query} where shop_id = %s", self.shop_id)

    def _labels(self, table: str, key: str) -> dict[str, list[tuple]]:
        found = defaultdict(list)
        for member, *label in self._ask(
            f"select {key}, segmentation, segment_id from marts.{table}"
        ):
            found[member].append(tuple(label))
        return found

    def category_of(self, line: Line) -> str:
        return self.category[line.product] if line.kind == "product" else line.kind

    def check(
        self, mart: str, keys: str, measures: str, expected: dict[Hashable, Figures],
        where: str = "true",
    ) -> str:  # fmt: skip
        """Hold a mart to figures by its key columns; rows of nothing but 0 need not be there."""
        names = measures.split()
        columns = [*[k.strip() for k in keys.split(",") if k.strip()], *names]
        rows = self.asked(
            f"select {', '.join(columns)} from marts.{mart} where shop_id = %s and {where}",
            self.shop_id,
        )
        split = len(columns) - len(names)
        found = {row[:split]: row[split:] for row in rows if any(row[split:])}
        assert len({row[:split] for row in rows}) == len(rows), mart
        wanted = {
            key if isinstance(key, tuple) else (key,): tuple(figures[n] for n in names)
            for key, figures in expected.items()
        }
        wanted = {key: row for key, row in wanted.items() if any(row)}
        found = {key: tuple(v or 0 for v in row) for key, row in found.items()}
        assert found == {key: tuple(v or 0 for v in row) for key, row in wanted.items()}, mart
        return mart

    def check_all(self) -> set[str]:
        """Hold every mart to the lines; gives the marts that were held."""
        return {*self._totals(), *self._by_time(), *self._by_product(), *self._by_place(),
                *self._by_customer(), *self._by_segment()}  # fmt: skip

    def _totals(self) -> Iterator[str]:
        shop, whole = self.shop, self.shop.of_orders(lambda order: ())[()]
        every = shop.of_lines(lambda line: (), only=lambda line: True)[()]
        lost = -sum((line.money for line in shop.without_sale), Decimal(0))
        whole |= {
            "net_revenue": every["revenue"], "gross_revenue": every["gross_revenue"],
            "average_purchase_value": ratio(every["revenue"] + lost, whole["orders"]),
            "cancelled_amount": every["returns"], "returned_amount": 0,
            "cancelled_amount_without_sale": lost,
        }  # fmt: skip
        yield self.check(
            "kpis", "", "gross_revenue net_revenue units orders purchases customers revenue "
            "orders_placed average_order_value average_purchase_value cancelled_amount "
            "returned_amount cancelled_amount_without_sale", {(): whole},
        )  # fmt: skip
        yield self.check("shops", "", "orders orders_placed", {(): whole})
        yield self.check(
            "money_account", "line_kind", "lines sold_lines gross_revenue net_revenue",
            shop.of_lines(lambda line: line.kind, only=lambda line: True),
        )  # fmt: skip
        yield self.check("column_profile", "", "lines", {(): every}, "column_name = 'order_id'")
        purchases = {(name,): {"is_purchase": o.is_purchase, "lines": sum(
            line.kind == "product" for line in o.lines), "units": o.pieces, "revenue": o.money}
            for name, o in shop.orders.items()}  # fmt: skip
        yield self.check("orders", "order_id", "is_purchase lines units revenue", purchases)
        lines = self.asked(
            "select count(*)::int, sum(revenue) from marts.order_lines where shop_id = %s",
            self.shop_id,
        )
        assert lines == [(every["lines"], every["revenue"])]
        yield "order_lines"

    def _by_time(self) -> Iterator[str]:
        shop, orders = self.shop, self.shop.of_orders
        days = orders(lambda order: order.first.at.date())
        months = orders(lambda order: order.first.month)
        sums = "orders orders_placed lines units revenue average_order_value"
        yield self.check("daily_sales", "order_date", f"{sums} customers", days)
        yield self.check("monthly_sales", "order_month_date", sums, months)
        yield self.check("dates", "calendar_date", "orders", days)
        yield self.check("users_by_day", "calendar_date", "orders buyers revenue", days)
        yield self.check("users_by_month", "month_date", "orders buyers revenue", months)
        yield self.check("sales_by_weekday", "weekday", "orders revenue",
                         orders(lambda order: order.first.at.isoweekday()))  # fmt: skip
        yield self.check(
            "activity_by_hour", "month_date, hour", "purchases",
            orders(lambda order: (order.first.month, order.first.at.hour)),
        )  # fmt: skip
        yield self.check(
            "sales_by_hour_weekday_quantity", "order_weekday, order_hour, quantity",
            "lines units revenue",
            shop.of_lines(lambda li: (li.at.isoweekday(), li.at.hour, li.pieces)),
        )  # fmt: skip
        goods = shop.of_lines(lambda line: line.at.date())
        yield self.check("daily_money", "date", "gross discounts returns net", goods,
                         "calendar = 'order_date'")  # fmt: skip
        yield self.check("margin_by_month", "order_month_date", "revenue",
                         shop.of_lines(lambda line: line.month))  # fmt: skip
        by_month = {
            key: figures
            for scope in (lambda li: ("shop", "all", li.month),
                          lambda li: ("category", self.category_of(li), li.month))
            for key, figures in shop.of_lines(scope).items() if self._is_full(key[2])
        }  # fmt: skip
        yield self.check("monthly_units", "scope, category, month_date", "lines units", by_month)
        asked = set(self._ask("select scope, category, month_date from marts.monthly_forecasts"))
        yield self.check(
            "monthly_forecasts", "scope, category, month_date", "units",
            {key: figures for key, figures in by_month.items() if key in asked},
            "method = 'naive'",
        )  # fmt: skip

    def _is_full(self, month: date) -> bool:
        days = [order.first.at.date() for order in self.shop.orders.values()]
        after = (month + timedelta(days=32)).replace(day=1)
        return min(days) <= month and max(days) >= after - timedelta(days=1)

    def _by_product(self) -> Iterator[str]:
        shop = self.shop
        products = shop.of_lines(lambda line: line.product)
        sums = "lines orders units revenue"
        yield self.check("products", "product_id", sums, products)
        yield self.check("sales_by_product", "product_id", sums, products)
        yield self.check("sales_by_category", "category", sums, shop.of_lines(self.category_of))
        yield self.check("product_categories", "product_id", "lines", products)
        yield self.check("catalogue", "product_id", "units revenue", products)
        yield self.check("margin_by_product", "product_id", "revenue", products)
        yield self.check("sales_by_brand", "brand", "sold_lines units revenue",
                         shop.of_lines(lambda line: "unknown"))  # fmt: skip
        yield self.check("popular_products", "product_id", "orders units revenue", products,
                         "period = 'overall'")  # fmt: skip
        yield self.check(
            "popular_products", "period_start_date, product_id", "orders units revenue",
            shop.of_lines(lambda line: (line.month, line.product)), "period = 'month'",
        )  # fmt: skip
        yield self.check(
            "product_names", "product_id, product_name", "lines",
            shop.of_lines(lambda line: (line.product, line.name), only=lambda line: True),
        )  # fmt: skip
        yield self.check(
            "product_names", "product_id, product_name", "sold_lines",
            shop.of_lines(lambda line: (line.product, line.name)),
        )  # fmt: skip
        prices = self.asked(
            "select product_id, sum(lines)::int from marts.product_prices where shop_id = %s "
            "group by 1", self.shop_id,
        )  # fmt: skip
        assert dict(prices) == {p: f["sold_lines"] for p, f in products.items() if f["sold_lines"]}
        yield "product_prices"
        yield self._baskets()
        yield self._trends()

    def _baskets(self) -> str:
        """The counts of every pair that is shown are those of the baskets, all of them."""
        baskets = []
        for order in self.shop.purchases.values():
            kept: dict[str, list] = defaultdict(lambda: [0, Decimal(0)])
            for line in order.lines:
                if line.kind == "product":
                    kept[line.product][0] += line.pieces
                    kept[line.product][1] += line.money
            baskets.append({p for p, (pieces, money) in kept.items() if pieces > 0 and money > 0})
        single = Counter(product for basket in baskets for product in basket)
        both = Counter((a, b) for basket in baskets for a in basket for b in basket if a != b)
        rows = self._ask(
            "select product_id, other_product_id, together_baskets, product_baskets, "
            "other_product_baskets, baskets, rank, lift from marts.frequently_bought_together"
        )
        assert rows or not both
        for a, b, together, of_a, of_b, all_baskets, rank, lift in rows:
            assert (together, of_a, of_b, all_baskets) == (
                both[a, b], single[a], single[b], len(baskets)
            ), (a, b)  # fmt: skip
            assert (
                rank > 1
                or lift > 1
                or not any(
                    both[a, c] * len(baskets) > single[a] * single[c] for c in single if c != a
                )
            ), "in every basket, and the first"
        return "frequently_bought_together"

    def _trends(self) -> str:
        """A product has one direction, by its purchases of the last 28 days and the 28 before."""
        last = max(line.at.date() for line in self.shop.lines if line.kind == "product")
        first = min(line.at.date() for line in self.shop.lines if line.kind == "product")
        bought = defaultdict(lambda: (set(), set()))
        for line in self.shop.lines:
            age = (last - line.at.date()).days
            if line.is_sale and self.shop.orders[line.order].is_purchase and age < 56:
                bought[line.product][age // 28].add(line.order)
        rows = self._ask(
            "select product_id, recent_orders, earlier_orders, direction, trend_rank "
            "from marts.trending_products"
        )
        assert rows
        for product, recent, earlier, direction, rank in rows:
            assert (recent, earlier) == tuple(map(len, bought[product])), product
            z = (recent - earlier) / (recent + earlier) ** 0.5 if recent + earlier else 0
            if (last - first).days >= 56 and recent + earlier >= 10 and direction != "new":
                assert direction == ("rising" if z >= 2 else "falling" if z <= -2 else "steady")
            assert (rank is not None) == (direction in ("rising", "falling"))
        return "trending_products"

    def _by_place(self) -> Iterator[str]:
        orders = self.shop.of_orders
        yield self.check(
            "sales_by_country", "country", "orders purchases orders_placed buyers units revenue",
            orders(lambda order: order.first.country or "unknown"),
        )  # fmt: skip
        yield self.check(
            "sales_by_city", "country, region, city",
            "orders lines units revenue average_order_value",
            orders(lambda order: place(order.first)),
        )  # fmt: skip
        yield self.check("sales_by_platform", "platform", "orders revenue",
                         orders(lambda order: "unknown"))  # fmt: skip

    def _by_customer(self) -> Iterator[str]:
        shop = self.shop

        def known(figures: dict[Hashable, Figures]) -> dict[Hashable, Figures]:
            return {key: value for key, value in figures.items() if _tuple(key)[0]}

        customers = known(shop.of_orders(lambda order: order.first.customer))
        lost = Counter()
        for line in shop.without_sale:
            lost[line.customer] -= line.money
        for name, figures in customers.items():
            worth = figures["revenue"] + lost[name]
            figures["average_purchase_value"] = ratio(worth, figures["orders"])
        sums = "orders purchases orders_placed units revenue"
        yield self.check("customers", "customer_id", f"{sums} average_purchase_value", customers)
        best = {row[0] for row in self._ask("select customer_id from marts.top_customers")}
        yield self.check("top_customers", "customer_id", "purchases units revenue",
                         {name: customers[name] for name in best})  # fmt: skip
        buyers = [f["revenue"] for f in customers.values() if f["orders"]]
        assert (
            sorted((customers[name]["revenue"] for name in best), reverse=True)
            == (sorted(buyers, reverse=True)[:100])
        )
        yield self.check(
            "customer_history", "customer_id, month_date", sums,
            known(shop.of_orders(lambda order: (order.first.customer, order.first.month))),
        )  # fmt: skip
        yield self.check(
            "customer_keys", "customer_key_kind", "orders orders_placed customers revenue",
            shop.of_orders(lambda order: "id" if order.first.customer else shop.unknown_are),
        )  # fmt: skip
        cohort = {}
        for order in shop.purchases.values():
            name, month = order.first.customer, order.first.month
            cohort[name] = min(cohort.get(name, month), month)
        by = shop.of_orders(
            lambda order: (cohort.get(order.first.customer), order.first.month)
            if order.first.customer else (None, None)
        )  # fmt: skip
        by = {key: value for key, value in by.items() if key[0] and key[0] <= key[1]}
        if not customers:  # an address is no person
            assert not self._ask("select 1 from marts.cohorts")
        yield self.check("cohorts", "cohort_month_date, month_date", "purchases revenue", by)
        sizes = Counter(month for name, month in cohort.items() if name)
        yield self.check("cohorts", "cohort_month_date", "customers",
                         {month: {"customers": n} for month, n in sizes.items()},
                         "months_since = 0")  # fmt: skip

    def _by_segment(self) -> Iterator[str]:
        for prefix, labels in self.segments.items():
            yield from self._of_segments(prefix, labels)
        for name, column in self.asked(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'marts' and column_name like '%%\\_share'"
        ):
            if not column.endswith("change_share"):  # what may more than double
                rows = self.asked(
                    f"select 1 from marts.{name} where shop_id = %s "
                    f"and {column} not between 0 and 1", self.shop_id,
                )  # fmt: skip
                assert not rows, (name, column)

    def _labelled(self, labels: dict[str, list[tuple]]) -> Iterator[tuple[tuple, Order]]:
        for name, order in self.shop.orders.items():
            if order.is_purchase:
                for label in labels.get(name, labels.get(order.first.customer or "", [])):
                    yield label, order

    def _of_segments(self, prefix: str, labels: dict[str, list[tuple]]) -> Iterator[str]:
        of_orders = {"month": ("order_month_date", lambda o: o.first.month),
                     "hour": ("order_hour", lambda o: o.first.at.hour),
                     "weekday": ("order_weekday", lambda o: o.first.at.isoweekday()),
                     "country": ("country", lambda o: o.first.country or "unknown"),
                     "platform": ("platform", lambda o: "unknown"),
                     "city": ("country, region, city", lambda o: place(o.first))}  # fmt: skip
        for name, (columns, key) in of_orders.items():
            groups = defaultdict(list)
            for label, order in self._labelled(labels):
                groups[*label, *_tuple(key(order))].append(order)
            yield self.check(
                f"{prefix}_by_{name}", f"segmentation, segment_id, {columns}",
                "orders customers units revenue",
                {k: self.shop.figures_of_orders(orders) for k, orders in groups.items()},
            )  # fmt: skip
        of_lines = {"by_category": ("category", self.category_of),
                    "by_brand": ("brand", lambda li: "unknown"),
                    "by_price_band": ("price_band", lambda li: self.band[li.price]),
                    "product_units": ("product_id", lambda li: li.product)}  # fmt: skip
        for name, (columns, key) in of_lines.items():
            groups = defaultdict(list)
            for label, order in self._labelled(labels):
                for line in order.lines:
                    groups[*label, key(line)].append(line)
            expected = {
                k: self.shop.figures_of_lines(lines)
                | {"orders": len({line.order for line in lines}),
                   "lines": sum(line.kind == "product" for line in lines)}
                for k, lines in groups.items()
            }  # fmt: skip
            yield self.check(f"{prefix}_{name}", f"segmentation, segment_id, {columns}",
                             "orders lines units revenue", expected)  # fmt: skip
        yield from self._wholes(labels)

    def _wholes(self, labels: dict[str, list[tuple]]) -> Iterator[str]:
        """Each segment as a whole."""
        groups, segmentations = (
            defaultdict(list),
            {label[0] for v in labels.values() for label in v},
        )
        for label, order in self._labelled(labels):
            groups[label].append(order)
        if not segmentations:
            return
        listed = ", ".join(f"'{name}'" for name in sorted(segmentations))
        figures = {label: self.shop.figures_of_orders(orders) for label, orders in groups.items()}
        for mart, more in (("segment_profiles", " average_order_value"), ("segment_totals", "")):
            yield self.check(mart, "segmentation, segment_id",
                             f"orders customers lines units revenue{more}", figures,
                             f"segmentation in ({listed})")  # fmt: skip


def _tuple(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)
