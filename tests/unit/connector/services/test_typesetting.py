"""Papers are set as one page that needs nothing, or as a PDF with every European letter, always the same bytes."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.services.rights.sheets import Exact, Facts, Grid, Heading, Sheet, Text, day, moment
from connector.services.rights.typeset import as_html, as_pdf

AT = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
EUROPE = "Łódź ŽŠČĆĐ ğışİ őű ñ ß æøå þð ļķņģ ąęėįųū āēī ŵŷ ċġħż ΑΩάέ ЖЩЫЮЯ ЇЄҐ Ћђ"
DATA = resources.files("connector.services.rights").joinpath("data")


def sheet(*parts, title="A title", lead="One sentence.") -> Sheet:
    return Sheet(title, lead, "Wallet One", AT, parts)


def letters(pdf: bytes) -> set[str]:
    """The letters that the PDF's own tables (ToUnicode) say its glyphs stand for."""
    found: set[str] = set()
    for stream in re.findall(rb"/FlateDecode \] /Length \d+\n>>\nstream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            text = zlib.decompressobj().decompress(stream)
        except zlib.error:
            continue
        if b"begincmap" in text:
            found |= {chr(int(code, 16)) for code in re.findall(rb"<([0-9A-Fa-f]{4})>", text)}
    return found


@pytest.mark.parametrize("name", ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"])
def test_the_packaged_letters_are_those_named_with_their_licence(name):
    listed = DATA.joinpath("SOURCE.md").read_text("utf-8")
    assert f"{sha256(DATA.joinpath(name).read_bytes()).hexdigest()}  {name}" in listed
    assert "Bitstream Vera" in listed


def test_a_pdf_holds_every_letter_of_europe():
    pdf = as_pdf(sheet(Text(EUROPE)))
    assert set(EUROPE) - {" "} <= letters(pdf)


def test_the_same_sheet_gives_the_same_bytes():
    one = sheet(Heading("H"), Facts((("a", "b"),)), Grid("c", ("x", "y"), (("1", "2"),)), Exact("s", "e" * 9000))
    assert as_pdf(one) == as_pdf(one)
    assert as_html(one) == as_html(one)


def test_a_long_table_goes_over_many_pages_with_its_heading():
    pdf = as_pdf(sheet(Grid("Uses", ("When", "What"), tuple((str(row), "x" * (row % 300)) for row in range(600)))))
    assert pdf.count(b"/Type /Page\n") > 5


def test_an_endless_word_is_broken_and_does_not_end_the_paper():
    assert as_pdf(sheet(Facts((("key", "k" * 20_000),)), Text("w" * 20_000))).startswith(b"%PDF-")


def test_a_page_has_a_language_a_title_and_no_way_out():
    page = as_html(sheet(Text("<img src=x onerror=alert(1)>"), title="</title><script>"))
    assert '<html lang="en">' in page
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "<img" not in page


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200), st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), max_size=4))
def test_whatever_stands_in_a_sheet_is_text(text, rows):
    one = sheet(
        Heading(text), Text(text), Facts(tuple(rows)), Grid(text, ("a", "b"), tuple(rows)), Exact(text, text),
        title=text or "x", lead=text,
    )  # fmt: skip
    page = as_html(one)
    page.encode()
    tags = re.findall(r"<(/?\w+)", page)
    assert set(tags) <= {
        f"{slash}{name}" for slash in ("", "/") for name in (
            "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "table", "tbody", "thead",
            "tr", "th", "td", "caption", "pre",
        )
    }  # fmt: skip
    assert as_pdf(one).startswith(b"%PDF-")


def test_days_and_moments_are_in_words():
    assert (day(AT), moment(AT), day(None)) == ("22 November 2026", "22 November 2026 at 09:05 UTC", "–")
