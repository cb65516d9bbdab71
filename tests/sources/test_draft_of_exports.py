"""Drafts of simulated exports: answered as the file proves, their money is that of the books.

What belongs here: whole exports of shop systems, read by nothing but their draft and its answers.
What does not: single proofs (``test_draft_money.py``), the ready-made mappings
(``test_ready_made.py``).
"""

from __future__ import annotations

import re
import tomllib

import pytest

from ecorse.ingest.check import check_source
from ecorse.ingest.drafts import draft_file
from ecorse.simulate.platforms import platform_names
from ecorse.sources.mappings.draft import draft
from ecorse.sources.mappings.source import read_mapping
from exports import figures, lines_of, shop_of

# What a person answers to the questions of a draft: blocks that are taken, by their amount; lines
# that are taken as they stand; lines of their own
ANSWERS = {
    "shopify_orders": {
        "lines": ['"partially_refunded" = "sold"'],
        "top": ['taken_back_rows = "sales"'],
        # what no column tells: which orders are tests, also on an order's further rows
        "filled": ["Payment Method"],
        "end": [
            "[[leave_out]]", 'id = "test_orders"',
            "when = \"\\\"Payment Method\\\" ilike '%bogus%'\"",
        ],
    },
    "woocommerce_orders": {"top": ['taken_back_rows = "sales"']},
    "amazon_orders": {
        "top": ['tax = "apart"', 'repeats = "keep"'],
        "also": ["item-tax"],
        "end": [
            "[[also]]", 'kind = "discount"', 'amount = "item-promotion-discount"', 'sign = "-"',
            "[[leave_out]]", 'id = "cancelled"', "when = \"\\\"order-status\\\" = 'Cancelled'\"",
        ],
        "columns": ['{ name = "item-promotion-discount", type = "decimal", required = false },'],
    },
    "etsy_order_items": {
        "top": ['tax = "apart"'],
        "also": ["Discount Amount", "Order Sales Tax"],
    },
}  # fmt: skip


def answered(text, *, lines=(), top=(), also=(), end=(), columns=(), filled=()):
    """A draft with its questions answered."""
    for amount in also:
        block = re.search(
            rf'^# \[\[also\]\]\n(?:# .+\n)*?# amount = "{re.escape(amount)}"\n(?:# .+\n)*',
            text, re.MULTILINE,
        )  # fmt: skip
        assert block, f"the draft has no question about {amount}"
        text = text.replace(block[0], block[0].replace("# ", ""))
    for line in lines:
        word = re.escape(line.partition(" = ")[0])
        text, times = re.subn(rf"^# {word} = .*$", line, text, flags=re.MULTILINE)
        assert times == 1, f"the draft has no question about {line}"
    for name in filled:
        text = text.replace("] }\n", f', "{name}"] }}\n', 1)
    text = text.replace("\ncolumns = [", "\n".join(["", *top, "", "columns = [", *columns]), 1)
    return "\n".join([text, *end]) + "\n"


@pytest.mark.parametrize("name", ANSWERS)
def test_money_of_an_answered_draft_is_that_of_the_books(export, mapping, name):
    path, books, _, _, _ = export(name)
    source = mapping(answered(draft(path).text, **ANSWERS[name]), "drafted")
    lines, _, _ = lines_of(source.name, path, shop_of(books))
    found, wanted = figures(lines), books.totals()
    assert found["total"] == wanted["total"]
    assert found["taxes"] == books.charged()["taxes"]
    # Shopify's Discount Amount holds that of the shipping, and no column tells it apart
    assert found["shipping"] == books.charged()["shipping"] or name == "shopify_orders"


@pytest.mark.parametrize("name", platform_names())
def test_a_draft_passes_on_its_export_or_says_what_is_open(export, name):
    path, _, _, _, _ = export(name)
    text = draft_file(path)
    tomllib.loads(text)
    [word] = re.findall(r"^# (PASS|OPEN): ", text, re.MULTILINE)
    assert "QUESTION:" in text or word == "PASS"


def test_a_draft_that_passes_without_answers_has_no_row_refused_silently(export, tmp_path):
    """Etsy's draft needs no answer to be read; what it does not read is told."""
    path, books, _, _, _ = export("etsy_order_items")
    written = tmp_path / "drafted.toml"
    written.write_text(draft(path).text, "utf-8")
    checked = check_source(path, read_mapping(written), shop_of(books))
    assert set(checked.rejected) == {"foreign_currency"}
