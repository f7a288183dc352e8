"""Delimiters, segments and values: the examples that broke other readers, and properties on random text."""

from __future__ import annotations

import mmap
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from conftest import remittance
from hypothesis import given
from hypothesis import strategies as st

from rcm_analysis.edi import x12
from rcm_analysis.edi.x12 import Delimiters, Segments
from rcm_analysis.intake import sources

PLAIN = Delimiters(b"*", b":", b"^", b"~")
HEAD = "ISA*00*          *00*          *ZZ*S              *ZZ*R              *260305*0630*^*00501*000000001*0*P*"


def one(text: str, element: int = 1):
    segments = Segments(x12.normalize(text.encode(), PLAIN))
    return segments, segments.span(np.arange(len(segments)), element)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}:~GS*HP", Delimiters(b"*", b":", b"^", b"~")),
        (f"{HEAD}>~\r\nGS*HP", Delimiters(b"*", b">", b"^", b"~")),
        (f"{HEAD}:\nGS*HP", Delimiters(b"*", b":", b"^", b"\n")),
        (f"{HEAD}:\r\nGS*HP", Delimiters(b"*", b":", b"^", b"\n")),
        (f"{HEAD}~GS*HP", Delimiters(b"*", b":", b"^", b"~")),
        (HEAD.replace("*", "|").replace("|^|", "|U|") + "\\!GS|HP", Delimiters(b"|", b"\\", b"^", b"!")),
        ("ISA*00**00**ZZ*S*ZZ*R*260305*0630*^*00501*1*0*P*:~GS*HP", Delimiters(b"*", b":", b"^", b"~")),
    ],
)
def test_delimiters_come_from_sixteen_separators(text, expected):
    (found,) = x12.interchanges(text.encode())
    assert found.delimiters == expected
    assert found.headed


@pytest.mark.parametrize(
    ("named", "body", "used"),
    [
        (":", "CLM*A1*1***13>A>1~SV1*HC>99211*1~", ">"),
        (">", "CLM*A1*1***13:A:1~SV2*0450*HC:99211*1~", ":"),
        ("9", "CLP*A1*1*99*99~SVC*HC:99213*99*99~", ":"),
        ("9", "CLP*A1*1*99*99~SVC*HC|99213*99*99~", "|"),
        ("T", "CLP*A1*1*99*99~", ":"),
        ("*", "CLP*A1*1*99*99~", ":"),
        ("é", "CLP*A1*1*99*99~SVC*HC:99213*99*99~", ":"),
        ("é", "CLP*A1*1*99*99~SVC*HCé99213*99*99~", ":"),
        (":", "CLM*A1*1***13:A:1~SV1*HC>99211*1~", ":"),  # one of them holds what ISA16 names
        (">", "CLP*A1*1*99*99~SVC*99213*99*99~", ">"),  # nothing to tell it by
        (":", "CLP*A1*1*99*99~SVC*HC>99213*99*99~SVC*HC!99213*99*99~", ":"),
    ],
)
def test_the_separator_of_components_is_the_one_that_the_claims_use(named, body, used):
    (found,) = x12.interchanges(f"{HEAD}{named}~GS*HP~ST*835*1~{body}".encode())
    assert found.delimiters.component.decode() == used
    assert found.mended == (named != used)


def test_a_memory_map_is_read_like_bytes(tmp_path):
    headed = f"{HEAD}:~GS*HP*S*R~ST*835*0001~BPR*I*0~CLP*A*1*1*1~SVC*HC:1*1*1~SE*4*0001~".encode()
    for data in (headed, headed[headed.index(b"GS") :]):
        (tmp_path / "f").write_bytes(data)
        with open(tmp_path / "f") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            (part,) = x12.interchanges(mapped)
            assert x12.interchanges(data) == [part]
            assert list(x12.pieces(mapped, part)) == list(x12.pieces(data, part))


@pytest.mark.parametrize(
    "head", [HEAD + ":é", HEAD + "é~", HEAD.replace("*", "é") + ":~", HEAD.replace("^", "é") + ":~"]
)
def test_a_letter_beyond_ascii_separates_nothing(head):
    text = f"{head}GS*HP*S*R~ST*835*1~N1*PR*CAFÉ é ÂNÉ*XV*1~CLP*A1*1*1*1~SVC*HC:1*1*1~".encode()
    for part in x12.interchanges(text):
        assert all(mark.isascii() for mark in part.delimiters)
        assert b"".join(x12.pieces(text, part)).decode()


def test_a_name_that_holds_isa_starts_nothing():
    data = f"{HEAD}:~GS*HP*S~NM1*QC*1*NARCISA*ANN~NM1*QC*1*ISA*BO~".encode()
    assert len(x12.interchanges(data)) == 1


def test_each_interchange_has_its_own_delimiters():
    data = (f"{HEAD}:~GS*HP~IEA*1*1~" + HEAD.replace("*", "|") + ">\nGS|HP\n").encode()
    assert [part.delimiters.element for part in x12.interchanges(data)] == [b"*", b"|"]


def test_text_without_an_envelope_is_told_by_its_first_transaction():
    (found,) = x12.interchanges(b"ST*835*0001~BPR*I*0~CLP*A*1*1*1~SE*4*0001~")
    assert not found.headed
    assert found.delimiters.segment == b"~"
    assert x12.interchanges(b"Dear payer, please send the remittance again.") == []


@pytest.mark.parametrize(
    "data", ["é".encode(), "é".encode("cp1252"), b"\xef\xbb\xbf" + "é".encode(), "é".encode("utf-16")]
)
def test_every_encoding_becomes_utf8(data):
    assert sources.plain(data, Path()).decode() == "é"


def test_lines_wrapped_at_80_columns_become_whole():
    segments, span = one("CLP*A\r\n1*1~\n  SVC*B~\n\n~")
    assert segments.text(span).to_pylist() == ["A1", "B"]
    assert segments.number.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "cents"),
    [("250", 25000), ("8.4", 840), ("-0.05", -5), (".5", 50), ("5.", 500), ("0", 0), ("12345678.90", 1234567890),
     ("123456789.01", 12345678901), ("+3", 300), ("1.500", 150), ("0012", 1200)],
)  # fmt: skip
def test_amounts_are_exact(text, cents):
    segments, span = one(f"AMT*{text}~")
    assert segments.money(span)[0].to_pylist() == [Decimal(cents) / 100]


@pytest.mark.parametrize("text", ["ABC", "1,000", "1.005", "--1", "1-", "1.2.3", "-", ".", "1e3", "٣", ":1", "1:"])
def test_what_is_no_amount_is_null_and_noted(text):
    segments, span = one(f"AMT*{text}~")
    values, bad = segments.money(span)
    assert values.to_pylist() == [None]
    assert bad.tolist() == [True]


def test_missing_elements_are_null_and_not_bad():
    segments, span = one("AMT*1*5~AMT*1~AMT~AMT*1*~", 2)
    values, bad = segments.money(span)
    assert values.to_pylist() == [Decimal(5), None, None, None]
    assert not bad.any()


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=30), st.sampled_from(["two", "short"]))
def test_any_amount_comes_back_to_the_cent(values, form):
    def written(value):
        text = f"{Decimal(value) / 100:.2f}"
        return text.rstrip("0").rstrip(".") if form == "short" and "." in text else text

    segments, span = one("".join(f"AMT*{written(value)}~" for value in values))
    assert segments.cents(span)[0].tolist() == values


@given(st.lists(st.dates(date(1900, 1, 1), date(2199, 12, 31)), min_size=1, max_size=30))
def test_any_date_comes_back(days):
    segments, span = one("".join(f"DTM*{day:%Y%m%d}~" for day in days))
    found, bad = segments.days(span)
    assert found.astype("datetime64[D]").tolist() == days
    assert not bad.any()


@pytest.mark.parametrize("text", ["20260230", "20261301", "2026-1-1", "ABCDEFGH", "18991231", "2026"])
def test_what_is_no_date_is_noted(text):
    segments, span = one(f"DTM*{text}~")
    found, bad = segments.days(span)
    assert (found.tolist(), bad.tolist()) == ([x12.NO_DAY], [True])


SAFE = st.text(
    st.characters(codec="utf-8", exclude_characters="*:~^\r\n", exclude_categories=("Cc", "Zs", "Zl", "Zp", "Cs")),
    max_size=6,
)


@given(st.lists(st.lists(SAFE, min_size=1, max_size=5), min_size=1, max_size=20))
def test_segments_agree_with_a_plain_split(rows):
    text = "".join("*".join(["TAG", *row]) + "~" for row in rows)
    segments = Segments(x12.normalize(text.encode(), PLAIN))
    for element in range(1, 6):
        got = segments.text(segments.span(np.arange(len(segments)), element)).to_pylist()
        want = [row[element - 1] or None if len(row) >= element else None for row in rows]
        assert got == want


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(data):
    text = sources.plain(data, Path())
    for part in x12.interchanges(HEAD.encode() + b":~" + text):
        for piece in x12.pieces(HEAD.encode() + b":~" + text, part):
            segments = Segments(piece)
            assert len(segments.text(segments.span(np.arange(len(segments)), 1))) == len(segments)


def test_pieces_end_where_transactions_end():
    body = "".join(f"ST*835*{i:04d}~CLP*A{i}*1*1*1~SE*3*{i:04d}~" for i in range(50))
    data = f"{HEAD}:~GS*HP~{body}GE*50*1~IEA*1*1~".encode()
    (part,) = x12.interchanges(data)
    texts = list(x12.pieces(data, part, piece_bytes=200))
    assert len(texts) > 5
    assert b"".join(texts) == x12.normalize(data, part.delimiters)
    assert all(text.startswith(b"ST") for text in texts[1:])


def test_a_blank_eleventh_element_is_no_repetition_separator():
    text = remittance("CLP*A1*1*100*100", paid="100").replace(b"*^*00501*", b"* *00501*").replace(b"~", b"~\r\n  ")
    (found,) = x12.interchanges(text)
    assert found.delimiters.repeat == b"^"
