"""What the columns of the platforms' exports mean: single orders, worked out by hand.

What belongs here: orders of a few rows, their money, and what is refused. What does not: whole
exports against their books (``test_ready_made.py``), how they may be written
(``test_exports_otherwise.py``).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest

from ecorse.ingest.shops import Shop
from exports import DOLLARS, SIGNED, SOLD, figures, lines_of

EUROS = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR",
             sources=())  # fmt: skip
SHOPIFY = (
    "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,{cancelled},"
    "Refunded Amount,Lineitem discount,Payment Method,Lineitem requires shipping"
)
TIME = "2024-05-03 10:59:00 -0400"
MAGENTO_ITEMS = "item_id,order_id,parent_item_id,created_at,product_id,name,qty_ordered,row_total"
MAGENTO_ORDERS = (
    "entity_id,increment_id,state,status,order_currency_code,customer_id,customer_email,"
    "discount_amount,tax_amount,shipping_amount,shipping_discount_amount,"
    "discount_tax_compensation_amount,grand_total,total_refunded"
)
EBAY = (
    "Sales Record Number,Order Number,Buyer Username,Item Number,Item Title,Quantity,Sold For,"
    "Shipping And Handling,Seller Collected Tax,eBay Collected Tax,Total Price,Sale Date,"
    "Transaction ID"
)
SQUARE = (
    "Date,Time,Time Zone,Category,Item,Qty,SKU,Modifiers Applied,Gross Sales,Discounts,Net Sales,"
    "Tax,Transaction ID,Payment ID,Event Type,Customer ID,Itemization Type"
)
STRIPE = (
    "balance_transaction_id,created_utc,charge_created_utc,currency,gross,fee,net,"
    "reporting_category,charge_id"
)
AMAZON = (
    "amazon-order-id,purchase-date,order-status,item-status,sales-channel,product-name,sku,"
    "quantity,currency,item-price,item-tax,shipping-price,shipping-tax,gift-wrap-price,"
    "gift-wrap-tax,item-promotion-discount,ship-promotion-discount"
)


@pytest.fixture
def read(tmp_path):
    """Reads rows below a header by a ready-made source; gives lines, refused rules, account."""

    def of(source, header, *rows, shop=DOLLARS, name="file.csv", **beside):
        for other, lines in beside.items():
            (tmp_path / f"{other}.csv").write_text("".join(f"{line}\n" for line in lines))
        text = "".join(f"{line}\n" for line in (header, *rows))
        if source == "amazon_orders":
            text = text.replace(",", "\t")
        (tmp_path / name).write_text(text)
        lines, rejected, account = lines_of(source, tmp_path / name, shop)
        return lines, dict(rejected.select("source_line", "rule").iter_rows()), account

    return of


def money(lines, *kinds) -> Decimal:
    found = lines.filter(pl.col("line_kind").is_in(kinds)) if kinds else lines
    return found.select(SIGNED.sum()).item().quantize(Decimal("0.01"))


def shopify(read, first, *further, cancelled="Cancelled at"):
    """``first``: status, subtotal, shipping, taxes, total, discount; then the lines."""
    rows = []
    for nth, (line, refunded, gateway) in enumerate(further):
        quantity, item, price, off, sent = line
        of_order = ",".join(first) if nth == 0 else ",,,,,"
        status, rest = of_order.split(",", 1)
        currency = "USD" if nth == 0 else ""
        rows.append(
            f"#1,a@b.org,{status},{currency},{rest},{TIME},{quantity},{item},{price},{item},,"
            f"{refunded},{off},{gateway},{sent}"
        )
    return read("shopify_orders", SHOPIFY.format(cancelled=cancelled), *rows)


def test_shopifys_discount_amount_has_the_discounts_of_the_lines(read):
    """100.00, 5.00 off the line, Discount Amount 5.00: 95.00, not 90.00."""
    lines, refused, _ = shopify(
        read, ("paid", "95", "0", "0", "95", "5"), ((1, "Mug", "100", "5", "true"), "0", "card")
    )
    assert not refused
    assert money(lines) == 95
    assert figures(lines)["discounts"] == 5


def test_shopifys_discount_amount_has_the_discount_on_shipping(read):
    """An order as a public program's test has it: 2 x 690, 11 off, shipping 80 for nothing."""
    lines, refused, _ = shopify(
        read, ("paid", "1369", "80", "0", "1369", "91"),
        ((2, "Mug", "690", "11", "true"), "0", "card"),
    )  # fmt: skip
    assert not refused
    assert money(lines) == 1369
    assert (money(lines, "product"), money(lines, "shipping", "discount")) == (1369, 0)


def test_shopifys_order_discount_beside_those_of_lines(read):
    """60 + 40, 6 off the first line, 10 off the order, 5 of 9 off the shipping, 4 tax: 92."""
    lines, refused, _ = shopify(
        read, ("paid", "84", "9", "4", "92", "21"), ((1, "Mug", "60", "6", "true"), "0", "card"),
        ((1, "Tin", "40", "0", "true"), "", ""),
    )  # fmt: skip
    assert not refused
    assert money(lines) == 92
    assert {k: money(lines, k) for k in ("product", "discount", "shipping", "tax")} == {
        "product": 94, "discount": -10, "shipping": 4, "tax": 4,
    }  # fmt: skip


def test_a_shopify_order_that_its_lines_do_not_give_is_refused_whole(read):
    """The total is 7.00 more than anything says: both lines, and their shipping with them."""
    lines, refused, _ = shopify(
        read, ("paid", "100", "5", "0", "112", "0"), ((1, "Mug", "60", "0", "true"), "0", "card"),
        ((1, "Tin", "40", "0", "true"), "", ""),
    )  # fmt: skip
    assert refused == dict.fromkeys((2, 3), "order_total_is_another")
    assert lines.is_empty()


@pytest.mark.parametrize("gateway", ["bogus", "(for testing) Bogus Gateway", "BOGUS"])
def test_shopifys_test_gateway_however_it_is_written(read, gateway):
    lines, _, account = shopify(
        read, ("paid", "9", "0", "0", "9", "0"), ((1, "Mug", "9", "0", "true"), "0", gateway)
    )
    assert lines.is_empty()
    assert account.ignored["test_orders"] == 1


def test_a_wallet_for_gift_cards_is_a_product(read):
    lines, refused, account = shopify(
        read, ("paid", "59", "0", "0", "59", "0"),
        ((1, "Gift Card Wallet", "9", "0", "true"), "0", "card"),
        ((1, "Gift card - 50", "50", "0", "false"), "", ""),
    )  # fmt: skip
    assert not refused
    assert (money(lines, "product"), money(lines, "gift_card")) == (9, 50)
    assert account.broken["gift_card_that_is_sent"] == 1


@pytest.mark.parametrize("cancelled", ["Cancelled at", "Canceled at"])
def test_a_shopify_order_that_is_refunded_without_an_amount(read, cancelled):
    lines, refused, _ = shopify(
        read, ("refunded", "9", "0", "0", "9", "0"), ((1, "Mug", "9", "0", "true"), "0", "card"),
        cancelled=cancelled,
    )  # fmt: skip
    assert not refused
    assert (money(lines), figures(lines)["gross"]) == (0, 9)


def magento(read, orders, *items):
    return read("magento_orders", MAGENTO_ITEMS, *items, sales_order=[MAGENTO_ORDERS, *orders])


AT = "2024-05-03 10:00:00"


def test_a_bundle_of_magento_counts_once(read):
    """30 with parts of 10 and 20; a fixed one of 15 with parts at 0; a variant; shipping, tax."""
    lines, refused, account = magento(
        read, ["7,100007,complete,complete,USD,5,a@b.org,0,1,6,0,0,61,"],
        f"1,7,,{AT},B,Bundle,1,30", f"2,7,1,{AT},P1,Part,1,10", f"3,7,1,{AT},P2,Part,1,20",
        f"4,7,,{AT},F,Fixed,1,15", f"5,7,4,{AT},P3,Part,2,0",
        f"6,7,,{AT},C,Shirt,1,9", f"7,7,6,{AT},V,Shirt XL,1,0",
    )  # fmt: skip
    assert not refused
    assert account.ignored["part_rows"] == 4
    assert (money(lines), money(lines, "product")) == (61, 54)


def test_tax_on_magentos_shipping_and_discounts_that_hold_tax(read):
    """32.10 goods, 5.40 shipping, 1.00 tax in all (of it 0.40 on shipping): 38.50.

    And prices with 19 % tax: 100.00 is 84.03 net; 10.00 off holds 1.60 tax, so that the tax is
    14.37 (15.97 less 1.60) and the compensation 1.60: 84.03 - 10.00 + 1.60 + 14.37 = 90.00.
    """
    lines, refused, _ = magento(
        read, ["7,1,complete,complete,USD,5,,0,1,5.40,0,0,38.50,",
               "8,2,complete,complete,USD,5,,-10,14.37,0,0,1.60,90,"],
        f"1,7,,{AT},A,Mug,1,32.10", f"2,8,,{AT},B,Tin,1,84.03",
    )  # fmt: skip
    assert not refused
    assert money(lines.filter(order_id="1")) == Decimal("38.50")
    assert money(lines.filter(order_id="2")) == 90
    assert money(lines.filter(order_id="2"), "discount") == Decimal("-8.40")


def test_magentos_row_total_is_its_money(read):
    """Three pieces for 30.00 with 19 %: 25.21 net, which is not three times 8.40."""
    lines, refused, _ = magento(
        read, ["7,1,complete,complete,USD,5,,0,4.79,0,0,0,30,"], f"1,7,,{AT},A,Mug,3,25.21"
    )
    assert not refused
    assert (money(lines), money(lines, "product")) == (30, Decimal("25.21"))


def test_what_is_not_paid_or_not_proven_is_no_sale_of_magento(read):
    """Store credit of 5.00 is in no column that is read: the grand total is another."""
    lines, refused, account = magento(
        read, ["7,1,new,pending,USD,5,,0,0,0,0,0,9,",
               "8,2,pending_payment,pending_payment,USD,5,,0,0,0,0,0,9,",
               "9,3,complete,complete,USD,5,,0,0,0,0,0,4,"],
        f"1,7,,{AT},A,Mug,1,9", f"2,8,,{AT},A,Mug,1,9", f"3,9,,{AT},A,Mug,1,9",
    )  # fmt: skip
    assert lines.is_empty()
    assert account.ignored["not_paid"] == 2
    assert refused == {4: "grand_total_is_another"}


def test_ebays_items_with_shipping_of_their_own(read):
    """Orders whose row has the shipping, whose items have it, and one with eBay's tax inside."""
    lines, refused, _ = read(
        "ebay_orders", EBAY,
        "1,O1,b,,,2,$30.00,$4.00,$0.00,$0.00,$34.00,Sep-18-24,",
        "1,O1,b,11,Mug,1,$10.00,,,,,Sep-18-24,t1", "1,O1,b,12,Tin,1,$20.00,,,,,Sep-18-24,t2",
        "2,O2,b,,,2,$30.00,$5.00,$0.00,$0.00,$35.00,Sep-18-24,",
        "2,O2,b,11,Mug,1,$10.00,$2.00,,,$12.00,Sep-18-24,t3",
        "2,O2,b,12,Tin,1,$20.00,$3.00,,,$23.00,Sep-18-24,t4",
        "3,O3,b,11,Mug,1,$90.00,$0.00,$0.00,$7.99,$97.99,Sep-18-24,t5",
    )  # fmt: skip
    assert not refused
    worth = {order: money(lines.filter(order_id=order)) for order in ("O1", "O2", "O3")}
    assert worth == {"O1": 34, "O2": 35, "O3": 90}
    assert money(lines, "shipping") == 9


def test_ebays_prices_that_are_not_of_one_piece_are_refused(read):
    """Two pieces, Sold For 20.00, total 23.00: 20.00 is for both; without a total it may be."""
    lines, refused, _ = read(
        "ebay_orders", EBAY,
        "1,O1,b,11,Mug,2,$20.00,$3.00,$0.00,$0.00,$23.00,Sep-18-24,t1",
        "2,O2,b,11,Mug,2,$20.00,$3.00,$0.00,$0.00,,Sep-18-24,t2",
        "3,O3,b,11,Mug,2,$20.00,$3.00,$0.00,$0.00,$50.00,Sep-18-24,t3",
        "4,O4,b,11,Mug,1,$20.00,$3.00,$0.00,$0.00,,Sep-18-24,t4",
    )  # fmt: skip
    assert refused == {2: "total_is_another", 3: "total_is_another", 4: "total_holds_more"}
    assert money(lines) == 23


@pytest.mark.parametrize("sign", ["AU $", "C $", "NZ $", "HK $", "CA $", "S $"])
def test_dollars_of_other_countries_are_no_dollars_of_this_shop(read, sign):
    lines, refused, _ = read(
        "ebay_orders", EBAY,
        f"1,O1,b,11,Mug,1,{sign}12.00,{sign}0.00,{sign}0.00,{sign}0.00,{sign}12.00,Sep-18-24,t1",
        "2,O2,b,11,Mug,1,US $12.00,US $0.00,US $0.00,US $0.00,US $12.00,Sep-18-24,t2",
    )  # fmt: skip
    assert refused == {2: "foreign_currency"}
    assert money(lines) == 12


def square(read, *rows, shop=DOLLARS):
    return read("square_items", SQUARE, *rows, shop=shop)


def test_squares_times_are_on_the_clock_that_stands_beside_them(read):
    """23:30 in Los Angeles is 02:30 of the next day in New York."""
    row = "2024-05-03,23:30:00,{},Tea,Tea,0.75,T,,$9.00,$0.00,$9.00,$0.00,{},p,Payment,,Item"
    lines, refused, account = square(
        read, row.format("Pacific Time (US & Canada)", "A"), row.format("", "B"),
        row.format("Asia/Tokyo", "C"), row.format("CST", "D"),
    )  # fmt: skip
    assert refused == {5: "zone_unknown"}
    times = dict(lines.select("order_id", "ordered_local").iter_rows())
    assert times == {
        "A": datetime(2024, 5, 4, 2, 30), "B": datetime(2024, 5, 3, 23, 30),
        "C": datetime(2024, 5, 3, 10, 30),
    }  # fmt: skip
    assert lines["quantity"].to_list() == [1, 1, 1]
    assert money(lines) == 27
    assert account.repaired["quantity_round_up"] == 4


@pytest.mark.parametrize("word", ["Gift Card", "GIFT_CARD_ACTIVATION", "GIFT_CARD_RELOAD"])
def test_squares_gift_cards_are_none_of_its_gross_sales(read, word):
    lines, refused, _ = square(
        read,
        "2024-05-03,10:00:00,,None,Gift Card,1.0,,,$50.00,$0.00,$50.00,$0.00,A,p,Payment,,"
        + word,
        "2024-05-03,10:00:00,,None,Gift Card,1.0,,,$50.00,$0.00,$50.00,$0.00,B,p,Payment,,",
    )  # fmt: skip
    assert (money(lines, "gift_card"), money(lines, "product") if lines.height > 1 else 0) == (
        50,
        0,
    )
    assert refused == {3: "gift_card_by_its_name"}


def test_squares_refunds_are_less_the_discount_that_was_on_them(read):
    """5.00 less 1.00 sold, and taken back on the next day: 4.00 came back."""
    row = "2024-05-0{},10:00:00,,Food,Tea,{},T,,{},{},{},$0.00,{},p,{},,Item"
    lines, refused, _ = square(
        read, row.format(3, "1.0", "$5.00", "-$1.00", "$4.00", "A", "Payment"),
        row.format(4, "-1.0", "-$5.00", "$1.00", "-$4.00", "B", "Refund"),
    )  # fmt: skip
    assert not refused
    assert figures(lines) | {"gross": 5, "discounts": 1, "refunded": 4} == figures(lines)
    backs = lines.filter(pl.col("order_id") == "B")
    assert set(backs["status"]) == {"returned"}
    assert money(backs) == -4


def test_only_what_goes_back_to_the_customer_is_a_refund_of_stripe(read):
    """100.00, 3.20 fee; 10.00 back, of which 4.00 failed; 0.05 fee, 90.00 passed on; a dispute.

    A payout and a fee without a charge are no order's; a row without a category is refused.
    """
    charge = "2024-05-03 10:00:00"
    rows = [
        f"{kind}{nth},2024-05-0{nth} 10:00:00,{charge},usd,{gross},{fee},{net},{kind},ch"
        for nth, (kind, gross, fee, net) in enumerate(
            [("charge", "100.00", "3.20", "96.80"), ("refund", "-10.00", "0", "-10.00"),
             ("refund_failure", "4.00", "0", "4.00"), ("fee", "-0.05", "0", "-0.05"),
             ("transfer", "-90.00", "0", "-90.00"), ("dispute", "-20.00", "15.00", "-35.00")], 3)
    ]  # fmt: skip
    rows.append("po,2024-05-09 10:00:00,,usd,-50.00,0,-50.00,payout,")
    rows.append(f"x,{charge},{charge},usd,5.00,1.00,5.00,charge,ch")
    rows.append("bill,2024-05-09 10:00:00,,usd,-7.00,0,-7.00,fee,")
    rows.append(f"y,{charge},{charge},usd,5.00,1.00,4.00,,ch")
    lines, refused, account = read("stripe_itemised", STRIPE, *rows)
    assert refused == {9: "net_is_another", 11: "no_category"}
    assert account.ignored == {"payouts": 1, "no_charge": 1}
    # the dispute's fee of 15.00 is taken on the dispute's day, the charge's on the charge's
    days = lines.filter(pl.col("line_kind") == "fee").select("unit_price", "refunded_local")
    assert {price: day.day for price, day in days.iter_rows()} == {
        Decimal("-3.20"): 3, Decimal("-0.05"): 6, Decimal("-15.00"): 8,
    }  # fmt: skip
    kinds = ("product", "refund", "adjustment", "fee")
    assert [money(lines, kind) for kind in kinds] == [
        100, -26, Decimal("-90.00"), Decimal("-18.25"),
    ]  # fmt: skip


def test_amazons_parcels_for_other_shops_and_a_sku_sold_twice(read):
    row = "{},2024-05-03T10:00:00+00:00,Shipped,Shipped,{},Mug,M,1,{},{},0,,,,,,"
    lines, refused, account = read(
        "amazon_orders", AMAZON, row.format("A", "Amazon.com", "USD", "10.00"),
        row.format("A", "Amazon.com", "USD", "10.00"), row.format("A", "Amazon.com", "USD", "8.00"),
        row.format("S01-1", "Non-Amazon", "", ""),
    )  # fmt: skip
    assert not refused
    assert account.ignored["sold_elsewhere"] == 1
    assert money(lines) == 28
    assert sorted(lines.filter(SOLD, line_kind="product")["line_id"]) == ["A|M", "A|M|2", "A|M|3"]


def test_dunnhumbys_z_is_utc_and_its_plain_times_are_new_yorks(read):
    """12:30 UTC in May is 8:30 in New York, and 14:30 in Berlin."""
    header = (
        "household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,coupon_disc,"
        "coupon_match_disc,week,transaction_timestamp"
    )
    lines, refused, _ = read(
        "dunnhumby", header, "1,2,A,5,1,9.00,0,0,0,1,2017-05-03T12:30:00Z",
        "1,2,B,5,1,9.00,0,0,0,1,2017-05-03 08:30:00",
        products=["product_id,department,product_type,brand", "5,Food,Tea,Own"],
    )  # fmt: skip
    assert not refused
    assert set(lines["ordered_local"]) == {datetime(2017, 5, 3, 8, 30)}
    assert lines["ordered_at"].n_unique() == 1
