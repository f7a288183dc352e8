"""Random envelopes, adjustments and dates against what was written: whatever the delimiters, wrapping and order."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from rcm_analysis.edi import envelopes, x12
from rcm_analysis.intake import ingest

FOUR = st.lists(st.sampled_from("*|~'!:>^\\{}$%&;<="), min_size=4, max_size=4, unique=True)
MARKS = FOUR | FOUR.map(lambda marks: [*marks[:3], "\n"])
CODES = st.text("ABCDEFGHNPRT0123456789", min_size=1, max_size=4)
CENTS = st.integers(-99_999_999, 99_999_999)


def header(element: str, component: str, repeat: str, segment: str, *, padded: bool = True) -> str:
    widths = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1)
    values = (
        "00",
        "",
        "00",
        "",
        "ZZ",
        "SENDER",
        "ZZ",
        "RECEIVER",
        "260305",
        "0630",
        repeat,
        "00501",
        "000000001",
        "0",
        "P",
    )
    fields = [v.ljust(w) if padded else v for v, w in zip(values, widths, strict=True)]
    return element.join(["ISA", *fields, component]) + segment


def written(bodies: list[list[list[str]]], marks: list[str], *, padded: bool = True, end: str = "") -> bytes:
    """One interchange with a group of 835 transactions; the segments of a body are lists of elements."""
    element, component, _, segment = marks
    lines = [["GS", "HP", "S", "R", "20260305", "0630", "1", "X", "005010X221A1"]]
    for i, body in enumerate(bodies, 1):
        lines += [["ST", "835", f"{i:04d}"], *body, ["SE", str(len(body) + 2), f"{i:04d}"]]
    lines += [["GE", str(len(bodies)), "1"], ["IEA", "1", "000000001"]]
    text = "".join(element.join(line).replace("\0", component) + segment + end for line in lines)
    return (header(*marks, padded=padded) + end + text).encode()


def read(data: bytes) -> ingest.PieceResult:
    (held,) = envelopes.gather(envelopes.parts(0, data, x12.interchanges(data)))
    return ingest.read_piece(held, ["0" * 64], b"key")


@given(
    MARKS,
    st.booleans(),
    st.sampled_from(["", "\r\n", "\n", "  ", "\n\n"]),
    st.lists(st.integers(0, 4), min_size=1, max_size=5),
)
def test_any_envelope_is_read_whole_and_keeps_its_promises(marks, padded, end, claims):
    end = end if marks[3] not in end and not set(end) & set(marks) else ""
    bodies = [[["CLP", f"T{i}C{k}", "1", "10", "10"] for k in range(count)] for i, count in enumerate(claims)]
    data = written(bodies, marks, padded=padded, end=end)
    (found,) = x12.interchanges(data)
    assert [mark.decode() for mark in found.delimiters] == marks
    result = read(data)
    assert envelopes.check(result.control) == []
    assert result.tables["remittances"]["claim_number"].to_pylist() == [row[1] for body in bodies for row in body]
    assert result.tables["payments"]["claims"].to_pylist() == claims


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.sampled_from(["SE", "GE", "IEA"]),
    st.integers(1, 9),
    st.data(),
)
def test_a_count_that_is_off_is_noted_once_and_costs_nothing(claims, tag, off, data):
    bodies = [[["CLP", f"T{i}C{k}", "1", "10", "10"] for k in range(count)] for i, count in enumerate(claims)]
    segments = written(bodies, ["*", ":", "^", "~"]).decode().split("~")
    at = data.draw(st.sampled_from([i for i, s in enumerate(segments) if s.startswith(f"{tag}*")]))
    fields = segments[at].split("*")
    segments[at] = "*".join([tag, str(int(fields[1]) + off), *fields[2:]])
    result = read("~".join(segments).encode())
    notes = envelopes.check(result.control)
    assert [note.place for note in notes] == [f"segment {at + 1} ({tag})"]
    assert result.tables["payments"].num_rows == len(claims)


@given(st.integers(0, 10**9))
def test_a_file_cut_anywhere_gives_no_claim_that_the_whole_does_not(place):
    bodies = [[["CLP", f"T{i}C{k}", "1", "1000", "1000"] for k in range(4)] for i in range(3)]
    whole = written(bodies, ["*", ":", "^", "~"])
    data = whole[: place % len(whole) + 1]
    found = x12.interchanges(data)
    if not found:
        return
    result = read(data)
    table = result.tables.get("remittances")
    rows = [] if table is None else list(zip(table["claim_number"].to_pylist(), table["paid"].to_pylist(), strict=True))
    want = [(row[1], Decimal(1000)) for body in bodies for row in body]
    assert rows == want[: len(rows)]
    complete = data.count(b"*1000~") if b"CLP" in data else 0
    assert complete - 1 <= len(rows) <= complete


TRIPLET = st.tuples(CODES, CENTS, st.none() | st.integers(0, 999))
GROUPS = st.lists(
    st.tuples(st.sampled_from(["CO", "PR", "OA", "PI"]), st.lists(TRIPLET, min_size=1, max_size=6)), max_size=4
)
CLAIMS = st.lists(st.tuples(GROUPS, st.lists(GROUPS, max_size=3)), min_size=1, max_size=4)


@example([([("CO", [("0", 1, None)])], [[("CO", [("0", 0, None)])]])], ["*", "|", "~", "'"], False)
@example([([], [[("CO", [("0", 5, None), ("0", 5, None)]), ("PR", [("1", -5, None)])]])], ["*", "|", "~", "'"], False)
@given(CLAIMS, MARKS, st.booleans())
def test_every_adjustment_comes_back_at_its_level(claims, marks, trailing):
    body, want, totals = [], [], []

    def add(claim: int, line: int, groups: list) -> None:
        for group, triplets in groups:
            elements = [e for code, cents, quantity in triplets
                        for e in (code, f"{Decimal(cents) / 100}", "" if quantity is None else str(quantity))]  # fmt: skip
            while elements and not elements[-1] and not trailing:
                elements.pop()  # missing trailing elements are allowed, and so are empty ones
            body.append(["CAS", group, *elements])
            want.extend(
                (claim, line, k, group, code, Decimal(cents) / 100, quantity)
                for k, (code, cents, quantity) in enumerate(triplets, 1)
            )
            totals[claim] += sum(cents for _, cents, _ in triplets)

    for i, (own, lines) in enumerate(claims):
        totals.append(0)
        body.append(["CLP", f"C{i}", "1", "0", "0"])
        add(i, 0, own)
        for k, groups in enumerate(lines, 1):
            body.append(["SVC", "HC\x0099213", "0", "0"])
            add(i, k, groups)
    tables = read(written([body], marks)).tables
    number = dict(zip(tables["remittances"]["remittance_id"].to_pylist(), range(len(claims)), strict=True))
    got = [(number[r["remittance_id"]], r["line_number"], r["position"], r["group_code"], r["carc"], r["amount"], r["quantity"])
           for r in tables["adjustments"].to_pylist()]  # fmt: skip
    assert got == want
    assert tables["remittances"]["adjusted"].to_pylist() == [Decimal(cents) / 100 for cents in totals]


NEARLY = st.tuples(st.integers(1890, 2210), st.integers(0, 13), st.integers(27, 32)).map(
    lambda day: "{:04}{:02}{:02}".format(*day)
)


@given(st.lists(st.text("0123456789-", max_size=10) | NEARLY, min_size=1, max_size=40))
def test_a_date_is_what_the_calendar_says(texts):
    text = "".join(f"DTM*472*{text}~" for text in texts)
    s = x12.Segments(x12.normalize(text.encode(), x12.Delimiters(b"*", b":", b"^", b"~")))
    days, bad = s.days(s.span(s.where(b"DTM"), 2))
    for written_as, day, wrong in zip(texts, days, bad, strict=True):
        want = calendar(written_as[:8])
        assert (day != x12.NO_DAY) == (want is not None)
        assert wrong == (want is None and written_as != "")
        assert want is None or np.datetime64(int(day), "D") == np.datetime64(want, "D")


def calendar(text: str):
    """The day of the years 1900 to 2199 that eight digits name, by the standard library."""
    if not re.fullmatch(r"(19|20|21)[0-9]{6}", text):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None


@given(st.dates(datetime(2000, 1, 1).date(), datetime(2099, 12, 31).date()))
def test_a_group_is_dated_with_and_without_the_century(day):
    for text in (f"{day:%Y%m%d}", f"{day:%y%m%d}"):
        assert np.datetime64(envelopes.group_day(text), "D") == np.datetime64(day, "D")
