"""Lines with a key: whatever loads come, are read again, renamed or withdrawn, a build counts each
key once, as the latest of its loads has it, with what is stated beside it."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from psycopg.sql import Composed

from ecorse.clean import opening, stream
from ecorse.errors import ConfigError
from ecorse.ingest import replacing
from ecorse.ingest.dry import dry_load
from ecorse.ingest.upkeep import prune, undo_withdrawal, withdraw
from ecorse.refresh.audit import night_checks
from ecorse.settings import get_settings
from ecorse.sources.mappings.source import read_mapping
from ecorse.warehouse.connect import connect
from keyed_shop import SHOP, counted, keyed_source, load, money, open_build, write

A = "k1,A1,mug,1,10.00,sold,5.00"
A_RETURNED = "k1,A1,mug,1,10.00,returned,5.00"
A_VOID = "k1,A1,mug,1,10.00,void,5.00"
A_NOT_SHIPPED = "k1,A1,mug,1,10.00,sold,"
B = "k2,A1,tea,2,3.00,sold,5.00"
C = "k3,B1,tea,1,3.00,sold,"

LINE_A = ("product", "A1", "mug", 1, 10.0, "sold")
LINE_A_RETURNED = (*LINE_A[:-1], "returned")
LINE_B = ("product", "A1", "tea", 2, 3.0, "sold")
LINE_C = ("product", "B1", "tea", 1, 3.0, "sold")
SHIPPING = ("shipping", "A1", "shipping", 1, 5.0, "sold")
# what the order states goes back with the only row that states it
SHIPPING_RETURNED = (*SHIPPING[:5], "returned")


@pytest.fixture
def bring(warehouse, tmp_path):
    """Brings a file of rows, under the mapping with a key."""
    source = keyed_source(tmp_path)
    return lambda name, *rows, **options: load(write(tmp_path / name, rows), source, **options)


def failing(build: int) -> set[str]:
    """The accounts of the night that do not hold of what is staged."""
    with connect() as conn:
        return {
            check.name
            for check in night_checks(build)
            if "money_in_marts" not in check.sql and conn.execute(check.sql).fetchall()
        }


def test_a_later_file_replaces_the_lines_whose_content_changed(bring):
    first = bring("monday.csv", A, B)
    assert (first.rows_staged, first.lines_added, first.money_staged) == (2, 1, Decimal("21.00"))
    second = bring("tuesday.csv", A_RETURNED, B, C)
    assert (second.rows_staged, second.rows_duplicate) == (2, 1)
    assert second.counts["replaced"] == {"line_key": 1}
    # the order's shipping was stated beside A, now it is beside B, which is as it was
    assert second.money["replaced"] == Decimal("10.00")
    assert "1 lines replace earlier ones of their key (before: 10.00 EUR)" in second.sentence()
    build = open_build()
    assert counted(build) == [LINE_A_RETURNED, LINE_B, LINE_C, SHIPPING]
    assert failing(build) == set()


def test_a_line_that_a_later_file_leaves_out_counts_no_more(bring):
    """It was shipped and counted; now it is void. What stood beside it goes with it."""
    bring("1.csv", A, C)
    void = bring("2.csv", A_VOID)
    assert (void.rows_staged, void.rows_ignored) == (0, 1)
    assert void.counts["replaced"] == {"taken_back": 1}
    assert void.money["taken_back"] == Decimal("15.00")
    told = "1 lines of earlier files are left out now and count no more (before: 15.00 EUR)"
    assert told in void.sentence()
    build = open_build()
    assert counted(build) == [LINE_C]
    assert failing(build) == set()
    # what is withdrawn says nothing, not even that
    withdraw(void.load_id, "wrong", holder="test")
    assert counted() == [LINE_A, LINE_C, SHIPPING]


def test_a_line_that_was_left_out_comes_back(bring):
    """The same content as once before is news: it counts again, and so says the account."""
    bring("1.csv", A)
    bring("2.csv", A_VOID)
    assert counted() == []
    third = bring("3.csv", A, C)
    assert (third.rows_staged, third.rows_duplicate) == (2, 0)
    assert "replaced" not in third.counts
    assert counted() == [LINE_A, LINE_C, SHIPPING]


def test_what_was_left_out_before_a_line_came_says_nothing_of_it(bring):
    void = bring("1.csv", A_VOID, C)
    assert "replaced" not in void.counts
    bring("2.csv", A)
    assert counted() == [LINE_A, LINE_C, SHIPPING]


def test_a_file_that_has_a_line_twice_and_leaves_one_out_keeps_the_other(bring):
    bring("1.csv", A)
    second = bring("2.csv", A_VOID, A_RETURNED)
    assert second.counts["replaced"] == {"line_key": 1}
    build = open_build()
    assert counted(build) == [LINE_A_RETURNED, SHIPPING_RETURNED]
    assert failing(build) == set()


def test_what_a_left_out_line_stated_for_its_order_may_be_stated_by_another(bring):
    bring("1.csv", A, B)
    second = bring("2.csv", A_VOID, B)
    assert second.money["taken_back"] == Decimal("10.00")  # B states the shipping now
    assert counted() == [LINE_B, SHIPPING]


def test_a_line_with_other_money_beside_it_is_another_line(bring):
    """Its own columns are as before, but its order's shipping is not."""
    bring("1.csv", A, C)
    second = bring("2.csv", "k1,A1,mug,1,10.00,sold,7.00", C)
    assert (second.rows_staged, second.rows_duplicate, second.lines_added) == (1, 1, 1)
    assert second.money_staged == Decimal("17.00")
    told = "1 lines replace earlier ones of their key (before: 15.00 EUR)"
    assert told in second.sentence()
    assert counted() == [LINE_A, LINE_C, (*SHIPPING[:4], 7.0, "sold")]


def test_a_status_that_takes_a_sale_back_is_told(warehouse, tmp_path):
    """The row's own line stays the sale; what takes it back stands beside it."""
    keyed_source(tmp_path)
    path = tmp_path / "items.toml"
    path.write_text(path.read_text().replace('= "returns"', '= "sales"'))
    source = read_mapping(path)
    load(write(tmp_path / "1.csv", [A_NOT_SHIPPED]), source)
    second = load(write(tmp_path / "2.csv", ["k1,A1,mug,1,10.00,returned,"]), source)
    assert (second.rows_staged, second.rows_duplicate, second.lines_added) == (1, 0, 1)
    assert "1 lines replace earlier ones of their key (before: 10.00 EUR)" in second.sentence()
    assert counted() == [("product", "A1", "mug", -1, 10.0, "returned"), LINE_A]


def test_only_what_the_load_touches_of_all_that_was_ever_left_out_is_looked_at(bring, monkeypatch):
    """A key left out long ago is of no account where the load says nothing of it or its order."""
    bring("1.csv", A, B, C)
    bring("2.csv", A_VOID, *(f"x{n},X{n},mug,1,10.00,void," for n in range(50)))
    seen = []

    def gone(conn, parts):
        seen.extend(conn.execute("select line_id, is_left_out from latest order by 1").fetchall())
        return find_gone(conn, parts)

    find_gone = replacing._gone
    monkeypatch.setattr(replacing, "_gone", gone)
    third = bring("3.csv", "k2,A1,tea,3,3.00,sold,5.00")
    assert [is_left_out for _, is_left_out in seen] == [True, False], "k1 is of its order, x.. not"
    assert third.counts["replaced"] == {"line_key": 1}, "k1 was left out before: it is not unsaid"


def test_no_statement_about_earlier_lines_looks_through_a_list_for_every_row(bring, monkeypatch):
    """A list that a ``not in`` cannot hash in ``work_mem`` is read through once for each row."""
    plans = []

    class Spied:
        """A connection that also asks how its statements are carried out with little memory."""

        def __init__(self, conn):
            self.conn = conn

        def execute(self, statement, *values):
            if isinstance(statement, Composed):
                text = statement.as_string(self.conn)
                if text.split()[0] in ("create", "with"):
                    self.conn.execute("set local work_mem = '64kB'")
                    plans.append("\n".join(r for (r,) in self.conn.execute(f"explain {text}")))
            return self.conn.execute(statement, *values)

        def __getattr__(self, name):
            return getattr(self.conn, name)

    replace = replacing.replace_earlier
    monkeypatch.setattr(
        replacing, "replace_earlier", lambda conn, *rest: replace(Spied(conn), *rest)
    )
    many = range(4000)
    bring("1.csv", *(f"x{n},X{n},mug,1,10.00,sold," for n in many))
    bring("2.csv", *(f"x{n},X{n},mug,1,10.00,{'void' if n % 2 else 'sold'}," for n in many))
    assert len(plans) >= 7
    assert [p for p in plans if "SubPlan" in p.replace("hashed SubPlan", "")] == []


def test_lines_that_a_later_file_no_longer_has_are_told(bring):
    """Whether the file has whole orders is not known: A goes on counting."""
    bring("1.csv", A, B, C)
    second = bring("2.csv", "k2,A1,tea,3,3.00,sold,5.00")
    assert second.counts["replaced"] == {"line_key": 1, "unsaid": 1}
    (told,) = [w for w in second.warnings if "not in it" in w]
    assert told.startswith("1 earlier lines of orders of this file are not in it, worth 10.00 EUR")
    assert counted() == [LINE_A, (*LINE_B[:3], 3, 3.0, "sold"), LINE_C, SHIPPING]


def test_a_line_that_goes_back_to_what_it_was(bring):
    bring("1.csv", A)
    bring("2.csv", A_RETURNED)
    third = bring("3.csv", A)
    assert not third.is_skipped
    assert counted() == [LINE_A, SHIPPING]
    # the folder is looked at again: nothing new, whatever the order
    for name, row in (("1.csv", A), ("3.csv", A), ("2.csv", A_RETURNED), ("1.csv", A)):
        assert bring(name, row).is_skipped
    assert counted() == [LINE_A, SHIPPING]
    fourth = bring("4.csv", A_RETURNED)
    assert not fourth.is_skipped
    assert counted() == [LINE_A_RETURNED, SHIPPING_RETURNED]


def test_a_file_that_was_renamed_says_nothing_new(bring):
    bring("1.csv", A)
    bring("2.csv", A_RETURNED)
    assert bring("old-1.csv", A, present={"old-1.csv", "2.csv"}).is_skipped
    assert counted() == [LINE_A_RETURNED, SHIPPING_RETURNED]
    # the next night it is known under its new name, whatever other files are there
    assert bring("old-1.csv", A, present={"old-1.csv", "2.csv", "1.csv"}).is_skipped
    assert counted() == [LINE_A_RETURNED, SHIPPING_RETURNED]


def test_a_withdrawn_load_is_as_if_it_had_not_come(bring):
    bring("1.csv", A, C)
    second = bring("2.csv", A_RETURNED)
    before = open_build()
    withdraw(second.load_id, "wrong", holder="test")
    assert counted() == [LINE_A, LINE_C, SHIPPING]
    assert counted(before) == [LINE_A_RETURNED, LINE_C, SHIPPING_RETURNED]
    assert bring("2.csv", A_RETURNED).is_skipped
    undo_withdrawal(second.load_id, holder="test")
    third = bring("3.csv", A_NOT_SHIPPED)
    # the content of 2.csv comes in again, where it stood: before 3.csv
    assert not bring("2.csv", A_RETURNED).is_skipped
    assert counted() == [LINE_A, LINE_C]
    withdraw(third.load_id, "wrong", holder="test")
    assert counted() == [LINE_A_RETURNED, LINE_C, SHIPPING_RETURNED]


def test_a_load_that_is_read_again_keeps_its_place(bring, tmp_path):
    bring("1.csv", A)
    bring("2.csv", A_RETURNED)
    again = bring("1.csv", A, is_replay=True)
    assert not again.is_skipped
    assert counted() == [LINE_A_RETURNED, SHIPPING_RETURNED]


def test_what_an_order_no_longer_states_goes_with_its_line(bring):
    bring("1.csv", A, B)
    bring("2.csv", A_NOT_SHIPPED, "k2,A1,tea,2,3.00,sold,")
    assert counted() == [LINE_A, LINE_B]


def test_what_an_order_states_again_beside_another_line_counts_once(bring):
    bring("1.csv", A, B)
    bring("2.csv", "k2,A1,tea,3,3.00,sold,5.00")
    assert counted() == [LINE_A, (*LINE_B[:3], 3, 3.0, "sold"), SHIPPING]
    bring("3.csv", "k2,A1,tea,3,3.00,sold,6.00")
    assert counted()[-1] == (*SHIPPING[:4], 6.0, "sold")


def test_a_night_of_the_past_knows_what_was_known(bring):
    bring("1.csv", A)
    with connect() as conn:
        (then,) = conn.execute("select clock_timestamp()").fetchone()
    bring("2.csv", A_RETURNED)
    bring("1.csv", C)  # the file itself comes with another content: it is a later one
    assert counted(open_build(known_by=then)) == [LINE_A, SHIPPING]
    assert counted() == [LINE_A_RETURNED, LINE_C, SHIPPING_RETURNED]


def test_pruning_leaves_what_builds_need(bring):
    bring("1.csv", A, C)
    bring("2.csv", A_RETURNED)
    bring("2.csv", A_NOT_SHIPPED)
    assert prune(0, holder="test").loads == 1
    assert counted() == [LINE_A, LINE_C]
    with connect() as conn:
        conn.execute("delete from ops.build")
    withdraw(3, "wrong", holder="test")
    prune(0, holder="test")
    assert counted() == [LINE_A, LINE_C, SHIPPING]


def test_a_key_that_comes_twice_in_a_file(bring):
    summary = bring("1.csv", A, A, A_RETURNED, B)
    assert (summary.rows_staged, summary.rows_duplicate, summary.rows_rejected) == (2, 1, 1)
    with connect() as conn:
        (told,) = conn.execute("select source_line, rule, raw, sentence from ops.reject").fetchall()
    assert told[:3] == (4, "line_key_repeated", A_RETURNED)
    assert "its key k1 stands on line 2 already" in told[3]
    assert counted() == [LINE_A, LINE_B, SHIPPING]


@pytest.mark.parametrize("block_bytes", [60, 4_000])
def test_keys_that_come_again_far_below_are_told_the_same_by_check(
    bring, tmp_path, monkeypatch, block_bytes
):
    """80 lines, each with 4.00 of shipping; 20 come again as they are, 20 with another price."""
    monkeypatch.setenv("ECORSE_REJECT_LIMIT_SHARE", "0.5")
    get_settings.cache_clear()
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=block_bytes))
    lines = [f"k{n},A{n},mug,1,10.00,sold,4.00" for n in range(80)]
    other = [f"k{n},A{n},mug,1,11.00,sold,4.00" for n in range(20, 40)]
    summary = bring("1.csv", *lines, *lines[:20], *other)
    assert (summary.rows_staged, summary.rows_duplicate, summary.rows_rejected) == (80, 20, 20)
    staged, repeated = Decimal(80 * 14), Decimal(20 * 10)
    assert summary.money_staged == staged
    # an order states its shipping once: the second line of an order makes none
    assert summary.money == {
        "staged": staged, "duplicate_in_file": repeated, "rejected": Decimal(20 * 11)
    }  # fmt: skip
    dry = dry_load(tmp_path / "1.csv", keyed_source(tmp_path), SHOP, keep=False)
    assert dry.counted.money == summary.money
    assert dry.counted.counts == summary.counts
    with connect() as conn:
        told = conn.execute("select source_line, sentence, raw from ops.reject").fetchall()
    said = dry.rejected.select("source_line", "sentence", "raw").rows()
    assert sorted(told) == sorted(said)
    assert counted() == sorted(
        [("product", f"A{n}", "mug", 1, 10.0, "sold") for n in range(80)]
        + [("shipping", f"A{n}", "shipping", 1, 4.0, "sold") for n in range(80)]
    )


def test_parts_of_a_key_cannot_be_mistaken_for_each_other(warehouse, tmp_path):
    source = keyed_source(tmp_path, 'line_key = ["key", "sku"]')
    summary = load(
        write(tmp_path / "1.csv", ["a|b,A1,c,1,1.00,sold,", "a,A1,b|c,1,1.00,sold,"]), source
    )
    assert (summary.rows_staged, summary.rows_rejected) == (2, 0)


def test_only_order_lines_have_a_key(tmp_path):
    path = tmp_path / "visits.toml"
    path.write_text(
        'about = "x"\ntable = "customers"\nline_key = ["id"]\n'
        'columns = [{ name = "id", target = "customer_id" }]\n'
    )
    with pytest.raises(ConfigError, match="rows of customers have no key of their own"):
        read_mapping(path)


def test_a_line_without_its_key_is_a_reject(bring):
    summary = bring("1.csv", A, ",B1,tea,1,3.00,sold,")
    assert (summary.rows_staged, summary.rows_rejected) == (1, 1)
    assert summary.counts["rejected"] == {"line_key_empty": 1}


def test_loads_without_key_beside_loads_with_one_are_held_back(warehouse, tmp_path):
    """Their lines cannot be compared: what both hold would count twice."""
    with_key, without = keyed_source(tmp_path), keyed_source(tmp_path, "")
    object.__setattr__(without, "name", with_key.name)
    load(write(tmp_path / "1.csv", [A]), without)
    load(write(tmp_path / "2.csv", [A, C]), with_key)
    held = open_build()
    assert counted(held) == [], "held back, and nothing was published yet"
    with connect() as conn:
        conn.execute(
            "insert into ops.build_load select %s, load_id, line_order from ops.load", (held,)
        )
    assert "lines_have_one_kind_of_key" in failing(held), "should it be there all the same"
    load(write(tmp_path / "1.csv", [A]), with_key)
    build = open_build()
    assert failing(build) == set()
    assert money(build) == Decimal("18.00")


def test_without_a_key_a_rolling_export_is_told_to_count_twice(warehouse, tmp_path):
    without = keyed_source(tmp_path, "")
    first = load(write(tmp_path / "monday.csv", [A, C]), without)
    second = load(
        write(tmp_path / "tuesday.csv", [A_RETURNED, C, "k4,C1,mug,1,1.00,sold,"]), without
    )
    assert first.warnings == []
    (told,) = (w for w in second.warnings if "no sold row" not in w)
    assert told.startswith("1 orders of this file are in other files")
    assert "1 lines, -10.00 EUR" in told
    assert "order A1 on line 2, and monday.csv" in told
    assert money(open_build()) == Decimal("34.00")


def test_equal_lines_of_an_order_both_count_and_a_later_export_replaces_both(warehouse, tmp_path):
    source = keyed_source(
        tmp_path, 'line_key = ["order", "sku", "price"]\nnumbered_keys = true\nwithin = "order"'
    )
    twice = [",A1,mug,1,10.00,sold,5.00"] * 2
    first = load(write(tmp_path / "1.csv", twice), source)
    assert (first.rows_staged, first.money_staged) == (2, Decimal("25.00"))
    assert counted() == [LINE_A, LINE_A, SHIPPING]
    later = [",A1,mug,2,10.00,sold,5.00", ",A1,mug,3,10.00,sold,5.00"]
    second = load(write(tmp_path / "2.csv", later), source)
    assert second.counts["replaced"] == {"line_key": 2}
    assert [line[3] for line in counted()] == [2, 3, 1]
