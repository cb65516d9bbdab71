"""Money in a draft: what a sample proves is written with its evidence, the rest is asked.

What belongs here: prices of pieces and lines, money beside the goods, line keys, groups of names.
What does not: whole exports (``test_draft_of_exports.py``), the labelled set (``test_draft.py``).
"""

from __future__ import annotations

import tomllib

import polars as pl
import pytest

from ecorse.ingest.drafts import draft_file
from ecorse.sources.mappings.draft import draft
from ecorse.sources.mappings.draft_money import kind_of
from ecorse.sources.mappings.draft_tax import tax_lines
from ecorse.sources.mappings.draft_values import look


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Prijs p/st (incl. btw)", "with"), ("Prix unitaire TTC", "with"),
        ("Einzelpreis brutto", "with"), ("Bruttopreis", "with"), ("Preis inkl. MwSt", "with"),
        ("Precio (IVA incl.)", "with"), ("Prezzo ivato", "with"), ("Preço com IVA", "with"),
        ("Prezzo IVA inclusa", "with"), ("Price incl. VAT", "with"), ("Price (tax incl.)", "with"),
        ("Prix TVA comprise", "with"), ("Precio con IVA", "with"), ("Gross price", "with"),
        ("Prijs excl. btw", "without"), ("Prix HT", "without"), ("Einzelpreis netto", "without"),
        ("Precio sin IVA", "without"), ("Prezzo IVA esclusa", "without"),
        ("Preço sem IVA", "without"), ("Price ex VAT", "without"), ("Prix hors taxes", "without"),
        ("Price", ""), ("Preis", ""), ("Unit price", ""), ("Lineitem price", ""),
    ],
)  # fmt: skip
def test_a_price_whose_name_speaks_of_its_tax_is_asked_about(name, says):
    lines = list(tax_lines({name: "unit_price", "Order total TTC": "order_total"}))
    assert [f"is {says} tax" in line for line in lines[:1]] == [True] * bool(says)
    assert len(lines) == (3 if says else 0)


def test_a_draft_asks_about_tax_in_the_name_of_a_price(drafted):
    text, found = drafted(
        "Bestelnr;Datum;Artikel;Aantal;Prijs (incl. btw)",
        *(f"{n};2024-03-{n:02} 10:00:00;p{n};2;{n},50" for n in range(1, 21)),
    )
    assert "# QUESTION: tax: by its name 'Prijs (incl. btw)' is with tax." in text
    assert "tax" not in found


@pytest.fixture
def drafted(tmp_path):
    """Give the draft of a table: its text, and what it declares."""

    def drafted(*rows):
        path = tmp_path / "f.csv"
        path.write_text("\n".join(rows) + "\n", "utf-8")
        text = draft(path).text
        return text, tomllib.loads(text)

    return drafted


def targets_in(declared):
    return {c["name"]: c.get("target") for c in declared["columns"]}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Shipping fee", "shipping"), ("Delivery charge", "shipping"), ("Postage", "shipping"),
        ("Versandgebühr", "shipping"), ("Portokosten", "shipping"), ("Lieferkosten", "shipping"),
        ("Frais de port", "shipping"), ("Frais de livraison", "shipping"),
        ("Gastos de envío", "shipping"), ("Taxa de entrega", "shipping"), ("Frete", "shipping"),
        ("Spese di spedizione", "shipping"), ("Verzendkosten", "shipping"),
        ("Frais de dossier", "fee"), ("Bearbeitungsgebühr", "fee"), ("Handling fee", "fee"),
        ("Comisión", "fee"), ("Commissie", "fee"), ("Gift wrap price", "fee"),
        ("Geschenkverpackung", "fee"), ("Versicherung", "fee"), ("Assurance", "fee"),
        ("Trinkgeld", "tip"), ("Pourboire", "tip"), ("Propina", "tip"), ("Mancia", "tip"),
        ("Gift card amount", "gift_card"), ("Carte cadeau", "gift_card"),
        ("Geschenkgutschein", "gift_card"), ("Cadeaubon", "gift_card"),
        ("Shipping tax", "tax"), ("Import duties", "tax"), ("Droits de douane", "tax"),
        ("Shipping discount", "discount"), ("Refunded shipping", "refund"),
        ("Subtotal after discount", None), ("Price incl. tax", None), ("Prix TTC", None),
        ("Tax rate", None), ("Shipping weight", None), ("Refunded quantity", None),
    ],
)  # fmt: skip
def test_kinds_of_money_by_name(name, kind):
    found = kind_of(look(name, pl.Series(["1.50", "2.25"])))
    assert (found and found[0]) == kind


HEAD = "order id,sku,qty,unit price,order date"


def test_what_is_said_once_per_order_is_written_with_its_evidence(drafted):
    rows = [f"{n},{sku},1,{price},2024-01-1{n},4.90"
            for n in range(1, 5) for sku, price in (("a", 5), ("b", 7))]  # fmt: skip
    text, declared = drafted(HEAD + ",Shipping", *rows)
    assert declared["also"] == [{"kind": "shipping", "amount": "Shipping", "once_per": "order id"}]
    assert "# proven: 'Shipping' is said once per order: the same on every row of 4 orders" in text


@pytest.mark.parametrize("price", ["unit price", "remark"])
def test_a_column_that_repeats_another_counts_once(drafted, price):
    """Whether or not a column has the money of the goods."""
    rows = [f"{n},{sku},1,7,2024-01-1{n},4.90,4.90" for n in range(1, 5) for sku in "ab"]
    head = HEAD.replace("unit price", price)
    text, declared = drafted(head + ",Shipping,Delivery fee", *rows)
    assert [a["amount"] for a in declared["also"]] == ["Shipping"]
    assert "it says the same money as 'Shipping', which would count twice" in text


def test_another_amount_on_a_row_of_the_order_is_the_counter_example(drafted):
    rows = [f"{n},{sku},1,5,2024-01-1{n},{ship}"
            for n in range(1, 5) for sku, ship in (("a", 4.9), ("b", 1 + n % 2))]  # fmt: skip
    text, declared = drafted(HEAD + ",Shipping", *rows)
    assert "also" not in declared
    assert (
        "QUESTION: 'Shipping' may be money of the kind shipping: the rows of 1 have 4.9, 2" in text
    )


def test_the_total_of_orders_proves_tax_and_discount(drafted):
    """Prices 10 and 6; tax 2 beside them; a discount of 3 that only every second order has."""
    rows = [
        f"{n},{sku},1,{price},2024-01-1{n},2,{3 * (n % 2)},{18 - 3 * (n % 2)}"
        for n in range(1, 7)
        for sku, price in (("a", 10), ("b", 6))
    ]
    text, declared = drafted(HEAD + ",Tax,Discount,Order total", *rows)
    assert declared["tax"] == "apart"
    assert {a["kind"]: a.get("sign", "+") for a in declared["also"]} == {
        "tax": "+",
        "discount": "-",
    }
    assert "Order total = goods + Tax - Discount in 6 of 6 orders" in text


def test_tax_that_no_total_tells_of_is_asked(drafted):
    rows = [f"{n},{sku},1,5,2024-01-1{n},0.80" for n in range(1, 5) for sku in "ab"]
    text, declared = drafted(HEAD + ",Tax", *rows)
    assert "also" not in declared
    assert "tax" not in declared
    assert "QUESTION: do prices include their tax?" in text


@pytest.mark.parametrize(
    ("amounts", "target"),
    [
        ((5, 10, 15), "line_total"),  # 1, 2 and 3 pieces of a product that costs 5
        ((5, 5, 5), "unit_price"),
        ((5, 9, 13), None),
    ],
)
def test_a_price_is_of_the_piece_or_of_the_line_by_the_products_other_rows(
    drafted, amounts, target
):
    rows = [f"{n}{i},p{n},{i + 1},{n * amount},2024-01-1{n}"
            for n in range(1, 5) for i, amount in enumerate(amounts)]  # fmt: skip
    text, declared = drafted(HEAD.replace("unit price", "item-price"), *rows)
    assert targets_in(declared).get("item-price") == target
    assert ("QUESTION: is 'item-price' the price of one piece" in text) == (target is None)


@pytest.mark.parametrize("names", ["Item Cost,Order Line Total", "Sold For,Item Total"])
def test_a_total_of_the_line_proves_the_price_of_the_piece(drafted, names):
    text, declared = drafted(
        f"order id,sku,qty,{names},order date", "1,a,2,5,10,2024-01-11", "2,b,1,7,7,2024-01-12"
    )
    price, total = names.split(",")
    assert targets_in(declared)[price] == "unit_price"
    assert f"{total} = pieces x {price} in 2 rows, 1 of them of several pieces" in text


def test_a_total_with_shipping_proves_what_the_price_is_of(drafted):
    """eBay: 2 pieces sold for 12 and shipped for 3 are 27 in all."""
    rows = [f"{n},s{n},2,12,3,27,2024-01-1{n}" for n in range(1, 4)]
    text, declared = drafted(
        "order id,sku,qty,Sold For,Shipping And Handling,Total Price,order date", *rows
    )
    assert targets_in(declared)["Sold For"] == "unit_price"
    assert "Total Price = goods + Shipping And Handling in 3 of 3 orders" in text


def test_a_discount_that_nothing_tells_of_is_asked(drafted):
    text, declared = drafted(
        HEAD + ",Line discount", "1,a,2,5,2024-01-11,1", "2,b,1,7,2024-01-12,0"
    )
    assert "Line discount" not in targets_in(declared)
    assert "QUESTION: is 'Line discount' still to be taken off the line's price?" in text


def test_a_number_that_counts_the_rows_of_the_file_is_no_key(drafted):
    rows = [f"{n},{n},a,1,5,2024-01-1{n}" for n in range(1, 5)]
    text, declared = drafted("Row ID," + HEAD, *rows)
    assert "line_key" not in declared
    assert "It counts the rows of the sample" in text


def test_an_id_that_differs_for_one_product_is_a_lines_key(drafted):
    rows = [f"{n},a,1,5,2024-01-1{n},{9000 + n}" for n in range(1, 5)]
    text, declared = drafted(HEAD + ",item_id", *rows)
    assert declared["line_key"] == ["item_id"]
    assert "# proven: 'item_id' has another value in each of 4 rows" in text


def test_groups_of_names_are_put_before_each_of_their_columns(drafted):
    rows = ["Ann,Ulm,1,2024-01-31,a,2,3.50", "Bo,Kiel,2,2024-02-01,b,1,4.50"]
    text, declared = drafted(
        "Customer,,Order,,Item,,", "name,city,id,date,sku,quantity,unit price", *rows
    )
    assert declared["names"] == [
        "Customer name", "Customer city", "Order id", "Order date", "Item sku", "Item quantity",
        "Item unit price",
    ]  # fmt: skip
    assert declared["header_rows"] == 2
    assert "QUESTION: names: line 1 has names over groups of columns" in text


def test_a_line_above_the_table_is_no_group(drafted):
    _, declared = drafted("Shop:,Main,,,", HEAD, "1,a,2,3.50,2024-01-31", "2,b,1,4.50,2024-02-01")
    assert "names" not in declared
    assert declared["skip_rows"] == 1


def test_a_header_inside_the_table_is_told(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(f"{HEAD}\n1,a,2,3.50,2024-01-31\n{HEAD}\n2,b,1,4.50,2024-02-01\n")
    assert "QUESTION: 1 rows repeat the header inside the table" in draft_file(path)


STATUSES = ("Voltooid", "Geannuleerd", "In behandeling")


def test_a_proven_discount_and_total_are_mapped_and_money_is_no_key(drafted):
    less = {0: ("0%", 20), 1: ("10%", 18)}
    rows = [
        f"{n},sku{n},{n},20,{less[n % 2][0]},{n * less[n % 2][1]},2024-01-1{n},{STATUSES[n % 3]}"
        for n in range(1, 10)
    ]
    head = "Bestelnr,Artikelcode,Aantal,Prijs p/st,Korting,Regeltotaal,Datum,Status"
    text, declared = drafted(head, *rows)
    found = targets_in(declared)
    assert (found["Korting"], found["Regeltotaal"]) == ("discount_share", "line_total")
    assert "line_key" not in declared
    assert declared["taken_back_rows"] == "sales"
    assert '# when = "\\"Status\\" = \'In behandeling\'"' in text
