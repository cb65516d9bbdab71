"""Every sentence of the report on segments, counted again in SQL.

What belongs here: the sentences of a Markdown report, beside what the rules say of each; cells of
tables that hold sentences. What does not: the rules (``sentence_rules``), shops and nights (the
tests), figures of tables (``test_segments_report``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from sentence_rules import (
    ABOUT,
    DENSITY_WHY,
    FINDINGS,
    K_WHY,
    OF_TEN,
    OWN,
    RULES,
    SAID,
    SEGMENT,
    SIZE,
    Rule,
)  # fmt: skip

SENTENCE_COLUMNS = {"What it means", "Why", "Claim", "What to do"}
LABELS = {
    "customer": ("customer_segments", "customer_segment_points", "customer_id"),
    "order": ("order_segments", "order_segment_points", "order_id"),
    "profile": ("profile_segments", "profile_segment_points", "customer_id"),
}


@dataclass(frozen=True)
class Sentence:
    """One sentence: the segmentation and part it stands in, and its table's column, if any.

    ``row`` are the cells of its row of a table, by column.
    """

    method: str
    part: str
    text: str
    column: str = ""
    row: tuple[tuple[str, str], ...] = ()


def plain(text: str) -> str:
    """A text of the Markdown file as people see it."""
    return unescape(re.sub(r"\\(.)", r"\1", text)).strip()


def sentences_of(markdown: str, methods: list[str]) -> Iterator[Sentence]:
    """Paragraphs, items, captions, titles of tables and cells that hold sentences."""
    method = part = ""
    head: list[str] | None = None
    for line in markdown.splitlines():
        if found := re.fullmatch(r'<a id="(.*)"></a>', line):
            anchor = found[1]
            own = [m for m in methods if anchor == f"of-{m}" or anchor.startswith(f"of-{m}-")]
            method = max(own, key=len, default="")
            part = anchor.removeprefix(f"of-{method}").strip("-") if method else anchor
        elif line.startswith("| ---") or line.startswith(("![", "#", "- [")) or not line.strip():
            head = head if line.startswith("| ---") else None
        elif line.startswith("| "):
            cells = [plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if head is None:
                head = cells
                continue
            row = tuple(zip(head, cells, strict=True))
            for column, cell in row:
                if column in SENTENCE_COLUMNS and cell:
                    yield Sentence(method, part, cell, column, row)
        else:
            text = line.removeprefix("- ").strip("*")
            yield Sentence(method, part, plain(text))


@dataclass
class Checked:
    """What came of a report: sentences that no rule knows, wrong ones, the rules that were used."""

    unknown: list[str]
    wrong: list[str]
    used: set[str]
    sentences: int = 0


def check_sentences(
    conn: Any, markdown: str, shop: str, least_k: Mapping[str, int] | None = None
) -> Checked:
    """Count every sentence of a report again; ``conn`` reads the night that it is of.

    ``least_k`` is the declared smallest number of segments, by method, where it is not 2.
    """
    rows = conn.execute(
        "select method, entity from marts.model_status where shop_id = %s and task = 'segment'",
        [shop],
    ).fetchall()
    entities = dict(rows)
    found = Checked([], [], set())
    for sentence in sentences_of(markdown, list(entities)):
        found.sentences += 1
        labels, points, key = LABELS[entities.get(sentence.method, "customer")]
        values = {
            "shop": shop,
            "m": sentence.method,
            "least_k": (least_k or {}).get(sentence.method, 2),
            "least": LEAST_STABILITY.get(sentence.method, 0.8),
        }
        ask = Ask(conn, values, {"labels": labels, "points": points, "id": key})
        _check(ask, sentence, found)
    return found


@dataclass(frozen=True)
class Ask:
    """Selects about one segmentation of the night."""

    conn: Any
    values: dict[str, Any]
    tables: dict[str, str]

    def row(self, query: str, **more: Any) -> dict[str, Any] | None:
        """The first row of a select, by column."""
        cursor = self.conn.execute(query.format(**self.tables), self.values | more)
        row = cursor.fetchone()
        names = [column.name for column in cursor.description]
        return None if row is None else dict(zip(names, row, strict=True))

    def names(self) -> list[str]:
        """The names of the segments that somebody is in, the longest first."""
        there = f"from marts.segments where {OWN} and members > 0 and segment_id > 0"
        rows = self.conn.execute(f"select segment_name {there}", self.values)
        names = [name for (name,) in rows]
        return sorted(names, key=len, reverse=True)


def _check(ask: Ask, sentence: Sentence, found: Checked) -> None:
    if sentence.text in SAID:
        return
    if sentence.column:
        expected = COLUMNS[sentence.column](ask, sentence)
        if expected != sentence.text:
            found.wrong.append(f"{sentence.method}: {sentence.text!r}; SQL says {expected!r}")
        found.used.add(sentence.column)
        return
    if sentence.part == "limits" and (named := _about(ask, sentence.text)):
        names, rest = named
        while rest:
            rest = _first(ask, FINDINGS, rest, sentence, found, names)
    else:
        _first(ask, RULES, sentence.text, sentence, found)


def _about(ask: Ask, text: str) -> tuple[list[str], str] | None:
    """Which segments a remark is about, and what it says; none where it is about the whole."""
    names = ask.names()
    if text.startswith("All segments: "):
        return names, text.removeprefix("All segments: ")
    own = [name for name in names if text.startswith(f"{name}: ")]
    return (own, text.removeprefix(f"{own[0]}: ")) if own else None


def _first(
    ask: Ask,
    rules: Sequence[Rule],
    text: str,
    sentence: Sentence,
    found: Checked,
    segments: Sequence[str] = ("",),
) -> str:
    """Count the sentence that a text begins with again, for each segment; gives what is left."""
    end = " |$" if rules is FINDINGS else "$"
    for rule in rules:
        if matched := re.match(f"(?:{rule.pattern})(?:{end})", text):
            break
    else:
        found.unknown.append(f"{sentence.method} {sentence.part}: {text!r}")
        return ""
    groups = matched.groupdict()
    found.used.add(rule.pattern)
    for segment in segments:
        told = ask.row(rule.query, **{"segment": segment} | groups)
        names = (told or {}).keys() & groups.keys()
        if told is None or any(told[name] != groups[name] for name in names):
            found.wrong.append(f"{sentence.method}: {text!r}; SQL says {told}")
    return text[matched.end() :]


CLAUSE = (
    r"(?P<inside>all|nearly all|\d+ of 10|hardly any|none):? (?P<claim>.*), "
    r"of all others (?P<outside>.*)"
)


def meaning(ask: Ask, sentence: Sentence) -> str:
    """What a segment means: its size in words, and each claim that the sentence makes."""
    segment = sentence.row[0][1]
    text, noun = sentence.text, sentence.row[2][0].lower()
    size = ask.row(
        f"select s.segment_id, members, {ABOUT.format('nullif(' + SIZE + ', 0)')} as about, "
        f"(select count(*) from marts.segment_traits as t where {OWN} and claim is not null "
        f"and t.segment_id = s.segment_id) as claims from marts.segments as s where {SEGMENT}",
        segment=segment,
    )
    if size is None:
        return f"no segment {segment!r}"
    if not size["members"]:
        return f"No {noun} today."
    if size["about"] == "All":
        which = "one" if size["segment_id"] else "no"
        return f"All {noun} are in {which} segment."
    rest = text.removeprefix(f"{size['about']} {noun}. ").removesuffix(".")
    told = []
    for clause in rest.split("; "):
        parts = re.fullmatch(CLAUSE, clause[:1].lower() + clause[1:])
        if parts is None:
            told.append("nothing is true of most of them and untrue of most others"
                        if not size["claims"] else f"{size['claims']} claims are true")  # fmt: skip
            continue
        own = ask.row(
            f"select {OF_TEN.format('inside_share')} as inside, "
            f"{OF_TEN.format('outside_share')} as outside from marts.segment_traits "
            f"where {OWN} and segment_id = %(id)s and claim = %(claim)s",
            id=size["segment_id"], claim=parts["claim"],
        )  # fmt: skip
        between = clause[len(parts["inside"]) : len(parts["inside"]) + 1].replace(" ", "")
        told.append(
            "no such claim" if own is None
            else f"{own['inside']}{between} {parts['claim']}, of all others {own['outside']}"
        )  # fmt: skip
    made = "; ".join(told)
    return f"{size['about']} {noun}. {made[:1].upper()}{made[1:]}."


def why(ask: Ask, sentence: Sentence) -> str:
    """Why a number of segments, a density or a feature was taken or not."""
    row = dict(sentence.row)
    if "Feature" in row:
        return _why_left_out(ask, row["Feature"], sentence.text)
    name, query = ("setting", DENSITY_WHY) if "Setting" in row else ("k", K_WHY)
    number = row["Setting" if "Setting" in row else "Segments"]
    told = ask.row(f"select why from ({query}) as w where {name} = %(number)s", number=number)
    return "no such row" if told is None else str(told["why"])


def _why_left_out(ask: Ask, feature: str, text: str) -> str:
    told = ask.row(
        f"select reason, known_share from marts.segmentation_features where {OWN} and not is_used "
        "and replace(feature, '_', ' ') = %(feature)s",
        feature=feature,
    )
    if told is None or (told["known_share"] == 0) != text.startswith("no line has a "):
        return f"SQL has {told}"
    return str(told["reason"])


LEAST_STABILITY = {"customers_hierarchical": 0.6}  # as declared; 0.8 elsewhere
DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
           "eleven", "twelve")  # fmt: skip


def claim(ask: Ask, sentence: Sentence) -> str:
    """A claim whose figures are the ends of its test, in any words; or what is not one of them."""
    segment, text = sentence.row[0][1], sentence.text
    told = ask.row(
        "select threshold_low as low, threshold_high as high, value_text, test from "
        f"marts.segment_traits where {OWN} and claim = %(claim)s and segment_id = "
        f"(select segment_id from marts.segments where {SEGMENT})",
        claim=text, segment=segment,
    )  # fmt: skip
    if told is None:
        return "no such claim"
    if told["test"] == "value":
        return text if told["value_text"] in text else f"{told}"
    ends = {end for end in (told["low"], told["high"]) if end is not None}
    allowed = ends | {end - 1 for end in ends} | {end % 24 for end in ends}
    if told["test"] == "window":
        found = {float(hour) for hour in re.findall(r"(\d\d):00", text)}
    else:
        found = _figures(text)
    return text if found <= allowed else f"{sorted(found)} in words, {sorted(ends)} in SQL"


def _figures(text: str) -> set[float]:
    """The figures of a claim: numbers, parts of a hundred, days of weeks, months and years."""
    found = set()
    times = rf"(?:\b({'|'.join(NUMBERS)}|\d+)|\bthe last) (day|week|month|year)s?\b"
    for many, unit in re.findall(times, text):
        number = NUMBERS.index(many) if many in NUMBERS else int(many or 1)
        found.add(float(number * DAYS[unit]))
    rest = re.sub(times, "", text)
    for number, percent in re.findall(r"\b(\d[\d,]*(?:\.\d+)?)( %)?", rest):
        value = float(number.replace(",", ""))
        found.add(round(value / 100, 9) if percent else value)
    return found


def action(ask: Ask, sentence: Sentence) -> str:
    """What to do, for a segment that is there; its figures stand in columns of their own."""
    row = dict(sentence.row)
    told = ask.row(
        "select a.what_to_do, s.segment_name, a.category from marts.segment_actions as a "
        "inner join marts.segments as s using (shop_id, segmentation, segment_id) where "
        "a.shop_id = %(shop)s and replace(a.segmentation, '_', ' ') = %(of)s and "
        "a.what_to_do = %(what)s",
        of=row["Segments of"], what=sentence.text,
    )  # fmt: skip
    if told is None or f"“{told['segment_name']}”" not in sentence.text:
        return f"SQL has {told}"
    return sentence.text


COLUMNS = {"What it means": meaning, "Why": why, "Claim": claim, "What to do": action}
